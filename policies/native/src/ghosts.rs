//! Ghosts: a first-in first-out memory of documents that are gone, by the hash of their key, because slots are reused.
//! It holds as many bytes of documents as it is told (the documents' bytes, not its own), so that it remembers equally
//! far back in a cache of large documents and in one of small.
//!
//! Trimming is left to the owner, who does it after the lookup that decides where a new document goes: making room for
//! that document must not push out the very ghost it is about to meet.

use cnn_core::policy::{Paged, Slot};
use hashbrown::HashTable;

use crate::list::{self, Links, List, PAGE_SLOTS};

/// Parts of the index. A hash table that grows moves all it holds, tens of milliseconds with a million ghosts; one part
/// of them at a time is below one.
const PARTS: usize = 64;

#[derive(Clone, Copy)]
struct Ghost<T> {
    hash: u64,
    size: u64,
    note: T,
}

/// The ghosts, numbered like slots: 24 bytes each, what the owner notes of them, and 5 to 10 for the index.
pub(crate) struct Ghosts<T = ()> {
    ghosts: Paged<Ghost<T>, PAGE_SLOTS>,
    links: Links,
    queue: List,
    unused: List,
    by_hash: [HashTable<Slot>; PARTS],
    // Invariant: the sizes of what is in the queue, wrapping.
    bytes: u64,
    bytes_max: u64,
}

impl<T: Copy + Default> Ghosts<T> {
    /// No ghosts yet, and later those of documents of at most this many bytes together.
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            ghosts: Paged::new(Ghost { hash: 0, size: 0, note: T::default() }, 0),
            links: Links::new(),
            queue: List::new(),
            unused: List::new(),
            by_hash: [const { HashTable::new() }; PARTS],
            bytes: 0,
            bytes_max,
        }
    }

    /// Remembers a document as the newest. One that is remembered already keeps its place; one larger than all ghosts
    /// together may be is not remembered.
    pub(crate) fn push(&mut self, hash: u64, size: u64, note: T) {
        let spread = spread(hash);
        let by_hash = &mut self.by_hash[part(spread)];
        let is_it = |&at: &Slot| self.ghosts.get(at as usize).hash == hash;
        if size > self.bytes_max || by_hash.find(spread, is_it).is_some() {
            return;
        }
        let ever_used = self.queue.len() + self.unused.len();
        let at = self.links.pop_oldest(&mut self.unused).unwrap_or(ever_used as Slot);
        self.ghosts.set(at as usize, Ghost { hash, size, note });
        by_hash.insert_unique(spread, at, |&at| self::spread(self.ghosts.get(at as usize).hash));
        self.links.push_newest(&mut self.queue, at);
        self.bytes = self.bytes.wrapping_add(size);
    }

    /// Forgets the document; what was noted of it, if it was remembered.
    pub(crate) fn take(&mut self, hash: u64) -> Option<T> {
        let spread = spread(hash);
        let is_it = |&at: &Slot| self.ghosts.get(at as usize).hash == hash;
        let entry = self.by_hash[part(spread)].find_entry(spread, is_it).ok()?;
        let (at, _) = entry.remove();
        self.links.unlink(&mut self.queue, at);
        self.links.push_newest(&mut self.unused, at);
        let Ghost { size, note, .. } = self.ghosts.get(at as usize);
        self.bytes = self.bytes.wrapping_sub(size);
        Some(note)
    }

    /// Bytes of the documents remembered.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Documents remembered.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// What was noted of the one remembered longest.
    pub(crate) fn oldest(&self) -> Option<T> {
        let oldest = self.queue.oldest();
        (oldest != list::NONE).then(|| self.ghosts.get(oldest as usize).note)
    }

    /// Forgets the one remembered longest; whether there was one.
    pub(crate) fn forget_oldest(&mut self) -> bool {
        let oldest = self.queue.oldest();
        oldest != list::NONE && self.take(self.ghosts.get(oldest as usize).hash).is_some()
    }

    /// Forgets the oldest until the rest fits, in bytes and in number.
    pub(crate) fn trim(&mut self, count_max: usize) {
        while (self.bytes > self.bytes_max || self.queue.len() > count_max) && self.forget_oldest() {}
    }

    /// Bytes the memory itself takes.
    pub(crate) fn state_bytes(&self) -> usize {
        let index: usize = self.by_hash.iter().map(HashTable::allocation_size).sum();
        self.ghosts.bytes() + self.links.state_bytes() + index
    }
}

/// Spreads the hash over all bits, both ends of which the index looks at; hashes of keys are spread already, but a
/// trace may bring its own numbers.
const fn spread(hash: u64) -> u64 {
    let product = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

/// The part of the index a hash belongs to, by bits the index itself does not look at.
const fn part(spread: u64) -> usize {
    (spread >> 40) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_when_the_bytes_are_full() {
        let mut ghosts = Ghosts::new(10);
        for hash in 0..4 {
            ghosts.push(hash, 3, ());
        }
        assert!(ghosts.take(0).is_some(), "nothing is forgotten before the trim");
        ghosts.push(0, 3, ());
        ghosts.trim(usize::MAX);
        assert_eq!([1, 2, 3, 0].map(|hash| ghosts.take(hash).is_some()), [false, true, true, true]);
        assert_eq!((ghosts.queue.len(), ghosts.bytes), (0, 0));
    }

    #[test]
    fn a_document_is_remembered_once_and_one_too_large_never() {
        let mut ghosts = Ghosts::new(10);
        ghosts.push(7, 4, ());
        ghosts.push(7, 6, ());
        ghosts.push(8, 11, ());
        assert_eq!((ghosts.queue.len(), ghosts.bytes), (1, 4));
        assert_eq!(ghosts.take(8), None);
        assert_eq!((ghosts.take(7), ghosts.take(7)), (Some(()), None));
    }

    #[test]
    fn the_number_is_bounded_too_and_memory_is_used_again() {
        let mut ghosts = Ghosts::new(u64::MAX);
        for hash in 0..10_000 {
            ghosts.push(hash, 0, ());
            ghosts.trim(10);
        }
        assert_eq!(ghosts.queue.len(), 10);
        assert!(ghosts.state_bytes() < 110_000, "one page of each: {}", ghosts.state_bytes());
    }
}
