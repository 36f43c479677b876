//! The executor without a board between: one thread stores, uses and evicts, and the policy hears of each event as it
//! happens. No queue, no pool, no lock and no count that another thread could read, so an event costs what the policy
//! does with it: what replays of millions of requests stand on.
//!
//! Decisions are those of an exact executor run in line ([`super::Inline`]) that settles after every event; a test
//! holds the two together. Columns, slots and orders are the same ones. What goes through here must not also be told
//! to the board.

use std::sync::Arc;

use super::{Board, Budget, Document, Documents, Event, Executor, Prepared, Slot};
use crate::time::{Tick, UnixSecs};

/// An executor and the columns, in one hand.
pub struct Direct {
    executor: Executor,
    /// Freed slots, the last one on top: they stay here and do not go back to the board.
    free: Vec<Slot>,
    /// Whether documents are left in draining orders, so that the owner of each has to be looked up.
    is_draining: bool,
    documents: usize,
}

impl Direct {
    /// An empty cache of at most `slots_max` documents with this policy deciding.
    pub fn new(first: Prepared, slots_max: usize) -> Self {
        let board = Arc::new(Board::new(1, slots_max, 1));
        let mut executor = Executor::exact(board, first, UnixSecs(0));
        // There is nothing to hear of, but the executor has to find that out once.
        executor.turn(Tick(0), Budget::UNBOUNDED);
        Self { executor, free: Vec::new(), is_draining: false, documents: 0 }
    }

    /// The columns.
    #[inline]
    pub fn columns(&self) -> &Documents {
        self.executor.board().documents()
    }

    /// Documents in the cache.
    pub const fn len(&self) -> usize {
        self.documents
    }

    /// Whether the cache is empty.
    pub const fn is_empty(&self) -> bool {
        self.documents == 0
    }

    /// Sets the time of what happens from here on.
    #[inline]
    pub fn set_now(&mut self, now: Tick) {
        self.executor.now = now;
    }

    /// A document is stored; `None`, and nothing has changed, when there are as many as there are slots.
    #[inline]
    pub fn insert(&mut self, document: &Document) -> Option<Slot> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.executor.board().alloc_slot()?.slot,
        };
        self.executor.insert_now(slot, document);
        self.documents += 1;
        Some(slot)
    }

    /// The document of a slot was used.
    #[inline]
    pub fn hit(&mut self, slot: Slot) {
        self.executor.hit_now(slot, self.is_draining);
    }

    /// The document of a slot was validated: it has a new size and freshness and keeps its history.
    pub fn update(&mut self, slot: Slot, size: u64, fresh_until: Tick) {
        self.executor.update_now(slot, size, fresh_until);
    }

    /// The document of a slot is gone, for another reason than that room was needed. Nothing happens when there is
    /// none.
    pub fn remove(&mut self, slot: Slot) {
        if self.columns().is_resident(slot) {
            self.executor.remove_now(slot);
            self.gone(slot);
        }
    }

    /// Evicts the next document and says which it was; `None` when the cache is empty.
    #[inline]
    pub fn evict(&mut self) -> Option<Event> {
        let event = self.executor.evict_now(self.is_draining)?;
        self.gone(event.slot);
        Some(event)
    }

    fn gone(&mut self, slot: Slot) {
        self.free.push(slot);
        self.documents -= 1;
        if self.is_draining {
            self.is_draining = self.executor.pending() > 0;
        }
    }

    /// Asks or switches; what a switch wants re-evaluated at once is done before this returns.
    pub fn with<T>(&mut self, act: impl FnOnce(&mut Executor) -> T) -> T {
        let answer = act(&mut self.executor);
        let now = self.executor.now;
        self.executor.turn(now, Budget::UNBOUNDED);
        self.is_draining = self.executor.pending() > 0;
        answer
    }
}
