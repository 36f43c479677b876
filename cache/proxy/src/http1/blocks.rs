//! Spare read buffers of one worker thread. A connection has a buffer only while there is something in it, so that
//! thousands of idle clients cost nothing, and taking one must not cost an allocation per request.

use core::cell::RefCell;

use bytes::BytesMut;

use crate::limits::{BODY_BLOCK_BYTES, HEAD_BLOCK_BYTES, SPARE_BLOCKS_MAX};

/// What a connection is about to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A head: a small block.
    Head,
    /// A body, or a head with a body after it: a large block.
    Body,
    /// The last bytes of a body, that many: a block of just that size, so that they can stay in it.
    Rest(usize),
}

#[derive(Default)]
struct Spare {
    head: Vec<BytesMut>,
    body: Vec<BytesMut>,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// An empty block.
pub(super) fn take(block: Block) -> BytesMut {
    let spare = SPARE.with_borrow_mut(|spare| match block {
        Block::Head => spare.head.pop(),
        Block::Body => spare.body.pop(),
        Block::Rest(_) => None,
    });
    spare.unwrap_or_else(|| BytesMut::with_capacity(block.bytes()))
}

/// Gives a block back. It is freed if something still lies in it, or if there are spare ones enough.
pub(super) fn give_back(mut block: BytesMut) {
    block.clear();
    let is_large = block.try_reclaim(BODY_BLOCK_BYTES);
    if !is_large && !block.try_reclaim(HEAD_BLOCK_BYTES) {
        return;
    }
    let size = if is_large { BODY_BLOCK_BYTES } else { HEAD_BLOCK_BYTES };
    if block.capacity() > size {
        return;
    }
    SPARE.with_borrow_mut(|spare| {
        let blocks = if is_large { &mut spare.body } else { &mut spare.head };
        if blocks.len() < SPARE_BLOCKS_MAX {
            blocks.push(block);
        }
    });
}

impl Block {
    /// Its size.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Head => HEAD_BLOCK_BYTES,
            Self::Body => BODY_BLOCK_BYTES,
            Self::Rest(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_returns_to_use_once_nothing_lies_in_it() {
        let mut block = take(Block::Head);
        let address = block.as_ptr();
        block.extend_from_slice(b"head|rest");
        let head = block.split_to(5).freeze();
        drop(head);
        give_back(block);
        let block = take(Block::Head);
        assert_eq!((block.as_ptr(), block.capacity()), (address, HEAD_BLOCK_BYTES));
    }

    #[test]
    fn a_block_with_something_in_it_is_not_used_again() {
        let mut block = take(Block::Head);
        block.extend_from_slice(b"head|rest");
        let head = block.split_to(5).freeze();
        let address = head.as_ptr();
        give_back(block);
        assert_ne!(take(Block::Head).as_ptr(), address);
        assert_eq!(head, "head|");
    }

    #[test]
    fn spare_blocks_are_bounded() {
        for _ in 0..3 * SPARE_BLOCKS_MAX {
            give_back(BytesMut::with_capacity(HEAD_BLOCK_BYTES));
            give_back(BytesMut::with_capacity(BODY_BLOCK_BYTES));
            give_back(BytesMut::with_capacity(10));
            give_back(BytesMut::with_capacity(3 * BODY_BLOCK_BYTES));
        }
        SPARE.with_borrow(|spare| {
            assert_eq!((spare.head.len(), spare.body.len()), (SPARE_BLOCKS_MAX, SPARE_BLOCKS_MAX))
        });
    }
}
