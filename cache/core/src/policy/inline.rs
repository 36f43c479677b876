//! The executor in line: it runs in the calling thread, when a victim is needed and when events pile up. Same
//! requests, same decisions, on any machine: what replays and simulations stand on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::{Board, Budget, Executor};
use crate::time::Tick;

/// An executor that runs whenever its board rings for it.
pub struct Inline {
    board: Arc<Board>,
    now: AtomicU64,
    /// Guards the executor; held for a turn, or for a question.
    executor: Mutex<Executor>,
}

impl Inline {
    /// Hangs the executor's board onto it. Its turns do everything there is to do.
    pub fn new(executor: Executor) -> Arc<Self> {
        let board = Arc::clone(executor.board());
        let inline = Arc::new(Self { board, now: AtomicU64::new(0), executor: Mutex::new(executor) });
        let weak = Arc::downgrade(&inline);
        inline.board.set_waker(Arc::new(move || {
            if let Some(inline) = weak.upgrade() {
                inline.turn();
            }
        }));
        inline
    }

    /// The board to store through.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Sets the time of the turns from here on.
    pub fn set_now(&self, now: Tick) {
        self.now.store(now.0, Relaxed);
    }

    /// Lets the executor hear of everything told so far.
    pub fn settle(&self) {
        self.turn();
    }

    /// Asks or switches. The executor has heard of everything told so far.
    pub fn with<T>(&self, act: impl FnOnce(&mut Executor) -> T) -> T {
        self.turn();
        act(&mut self.executor.lock())
    }

    fn turn(&self) {
        // Busy means that the bell rang from within `with`, which will hear of it at the end of its turn.
        if let Some(mut executor) = self.executor.try_lock() {
            executor.turn(Tick(self.now.load(Relaxed)), Budget::UNBOUNDED);
        }
    }
}
