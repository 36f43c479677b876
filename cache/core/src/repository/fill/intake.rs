//! The bytes of a body while it arrives: sealed pieces that readers share, and a tail that still grows. A tail is
//! allocated once and sealed stretch by stretch, so bytes are copied once, when they come in; only short stretches are
//! copied for a reader, so that an origin that sends byte by byte cannot make every byte a piece.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::super::body::{Body, PIECE_BYTES, SHARED_BYTES};
use super::super::budget::{Charge, allocated_bytes};
use crate::limits::{BODY_SMALL_MAX, PIECE_BYTES_MAX, PIECE_BYTES_MIN, PIECE_CUT_MIN, SEAL_BYTES_MIN};

/// A growing body, or the window that is left of it.
#[derive(Debug)]
pub(super) struct Intake {
    pieces: VecDeque<Piece>,
    /// Where the first byte still held lies in the body.
    start: u64,
    /// Where the allocation begins of which the tail is the rest.
    tail_start: u64,
    /// Where the tail begins in the body.
    sealed: u64,
    tail: BytesMut,
    /// What is charged for the tail's allocation and not yet passed on to its pieces.
    tail_charged: u64,
    charge: Charge,
    /// Of the charge, what counts as a large body that is arriving to be stored.
    share: Charge,
}

#[derive(Debug)]
struct Piece {
    /// Where it ends in the body.
    end: u64,
    bytes: Bytes,
    charged: u64,
}

impl Intake {
    /// Nothing yet; what comes adds to these two charges, to the budget and to the share of large bodies.
    pub(super) fn new([charge, share]: [Charge; 2]) -> Self {
        Self {
            pieces: VecDeque::new(),
            start: 0,
            tail_start: 0,
            sealed: 0,
            tail: BytesMut::new(),
            tail_charged: 0,
            charge,
            share,
        }
    }

    /// Bytes that came so far.
    pub(super) fn end(&self) -> u64 {
        self.sealed + self.tail.len() as u64
    }

    /// Starts a new tail of `tail_bytes`, for which `more`, and `share` if that limits it, hold [`tail_charge`].
    pub(super) fn add_tail(&mut self, tail_bytes: usize, more: Charge, share: Option<Charge>) {
        debug_assert_eq!(self.tail.len(), self.tail.capacity(), "a tail with room left is given up");
        self.seal();
        self.tail_start = self.sealed;
        self.tail_charged = more.bytes();
        self.charge.merge(more);
        share.into_iter().for_each(|share| self.share.merge(share));
        self.tail = BytesMut::with_capacity(tail_bytes);
    }

    /// Takes from the front of `bytes` what the tail has room for; returns the rest.
    pub(super) fn append<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = self.tail.capacity() - self.tail.len();
        let (taken, rest) = bytes.split_at(room.min(bytes.len()));
        self.tail.extend_from_slice(taken);
        rest
    }

    /// Up to `bytes_max` bytes from `offset` on, which must not lie before the first held; empty at the end.
    pub(super) fn read(&mut self, offset: u64, bytes_max: usize) -> Bytes {
        let Some(into_tail) = offset.checked_sub(self.sealed) else {
            let at = self.pieces.partition_point(|piece| piece.end <= offset);
            let Some(piece) = self.pieces.get(at) else { return Bytes::new() };
            let from = piece.bytes.len() - (piece.end - offset) as usize;
            return piece.bytes.slice(from..piece.bytes.len().min(from.saturating_add(bytes_max)));
        };
        let stretch = self.tail.get(into_tail as usize..).unwrap_or_default();
        if stretch.len() < SEAL_BYTES_MIN {
            return Bytes::copy_from_slice(&stretch[..stretch.len().min(bytes_max)]);
        }
        self.seal();
        self.read(offset, bytes_max)
    }

    /// Makes the tail's bytes a piece; what room it has left stays the tail.
    fn seal(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let bytes = self.tail.split().freeze();
        let charged = if self.tail.capacity() == 0 { self.tail_charged } else { bytes.len() as u64 };
        let charged = charged.min(self.tail_charged);
        self.tail_charged -= charged;
        self.charge.grow_forced(PIECE_BYTES);
        self.sealed += bytes.len() as u64;
        self.pieces.push_back(Piece { end: self.sealed, bytes, charged });
    }

    /// Lets go of the pieces that lie wholly before `offset`, and gives their bytes back.
    pub(super) fn forget_before(&mut self, offset: u64) {
        let mut kept = self.charge.bytes();
        while let Some(piece) = self.pieces.pop_front_if(|piece| piece.end <= offset) {
            self.start = piece.end;
            kept = kept.saturating_sub(piece.charged + PIECE_BYTES);
        }
        self.charge.shrink_to(kept);
    }

    /// The body will not be stored.
    pub(super) fn leave_share(&mut self) {
        self.share.shrink_to(0);
    }

    /// The body as it will be stored, and what is still charged here and not by it: a small body is the document's to
    /// charge. The bytes stay readable here.
    pub(super) fn body(&mut self) -> (Body, Charge) {
        debug_assert_eq!(self.start, 0, "a window is no body");
        if self.end() <= BODY_SMALL_MAX as u64 {
            return (Body::small(self.copy_from(0)), self.charge.split(u64::MAX));
        }
        self.trim();
        self.seal();
        self.charge.grow_forced(SHARED_BYTES);
        let body =
            Body::shared(self.pieces.iter().map(|piece| piece.bytes.clone()), self.charge.split(u64::MAX));
        (body, self.charge.split(0))
    }

    /// Moves what is in the last allocation to one of its size, when much of it is unused.
    fn trim(&mut self) {
        let used = self.end() - self.tail_start;
        let unused = (self.tail.capacity() - self.tail.len()) as u64;
        if unused <= used / 16 {
            return;
        }
        let last = self.copy_from(self.tail_start);
        let mut saved = allocated_bytes(used + unused) - allocated_bytes(used);
        while self.pieces.pop_back_if(|piece| piece.end > self.tail_start).is_some() {
            saved += PIECE_BYTES;
        }
        self.sealed = self.tail_start;
        self.charge.shrink_to(self.charge.bytes().saturating_sub(saved));
        self.tail = BytesMut::from(&last[..]);
    }

    /// The bytes from `offset` on, where a piece or the tail must begin.
    fn copy_from(&self, offset: u64) -> Vec<u8> {
        let mut copy = Vec::with_capacity((self.end() - offset) as usize);
        for piece in self.pieces.iter().filter(|piece| piece.end > offset) {
            copy.extend_from_slice(&piece.bytes);
        }
        copy.extend_from_slice(&self.tail);
        copy
    }
}

/// How large the next tail should be when `end` bytes have come, of `length` if that is known, and `incoming` wait.
///
/// A known rest is allocated exactly, but for a size that the allocator would round up by more than a sixteenth: that
/// one is cut where a size class ends, which saves up to a fifth of the memory for one more piece. An unknown rest is
/// met by doubling.
pub(super) fn next_tail_bytes(end: u64, length: Option<u64>, incoming: usize) -> usize {
    let rest = length.and_then(|length| length.checked_sub(end)).filter(|&rest| rest > 0);
    let Some(rest) = rest else {
        let doubled = usize::try_from(end).unwrap_or(usize::MAX).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
        return doubled.max(incoming.min(PIECE_BYTES_MAX));
    };
    let rest = rest.min(PIECE_BYTES_MAX as u64);
    let is_cut = rest > PIECE_CUT_MIN && allocated_bytes(rest) - rest > rest / 16;
    (if is_cut { class_below(rest) } else { rest }) as usize
}

/// The largest size class of the allocator that is not above `bytes`, which must be above 128.
fn class_below(bytes: u64) -> u64 {
    let step = 1 << (bytes.ilog2() - 2);
    bytes - bytes % step
}

/// What counting the references to an allocation takes: `bytes` does it in an allocation of its own.
const COUNTED_BYTES: u64 = 48;

/// What a tail of `tail_bytes` is charged.
pub(super) fn tail_charge(tail_bytes: usize) -> u64 {
    allocated_bytes(tail_bytes as u64) + COUNTED_BYTES
}
