//! Every policy can take over from every other, at any moment, and lose nothing: the documents stay, each is a victim
//! once, and no policy ever names a wrong one.

use std::sync::Arc;

use cnn_core::policy::{
    Audit, Board, Cause, Document, Executor, Factory, Inline, Moment, Picker, Prepared, Reevaluate, Removal,
    SlotId,
};
use cnn_core::time::{Tick, UnixSecs};
use fastrand::Rng;

const KEYS: usize = 400;
const CAPACITY: u64 = 100_000;

/// A small cache under random traffic.
struct Cache {
    engine: Arc<Inline>,
    stored: Vec<Option<SlotId>>,
    used: u64,
    now: u64,
    rng: Rng,
}

fn prepared(factory: &Factory, board: &Board) -> Prepared {
    Prepared::new(factory, CAPACITY, board.documents().slots_max())
        .expect("a built-in policy is what it says")
}

impl Cache {
    fn new(factory: &Factory, seed: u64) -> Self {
        let board = Arc::new(Board::new(1, KEYS, 8));
        let first = prepared(factory, &board);
        let engine = Inline::new(Executor::exact(board, first, UnixSecs(0)));
        Self { engine, stored: vec![None; KEYS], used: 0, now: 0, rng: Rng::with_seed(seed) }
    }

    fn remove(&mut self, id: SlotId, why: Removal) {
        let document = self.engine.board().documents().get(id.slot);
        self.used -= document.size;
        self.stored[document.hash as usize] = None;
        self.engine.board().removed(id, why);
    }

    fn evict(&mut self, context: &str) {
        let board = Arc::clone(self.engine.board());
        let offer = board.take_victim().expect("there are documents");
        assert_eq!(offer.picker, Picker::Policy, "{context}");
        if self.rng.u8(0..10) == 0 {
            board.give_back(offer);
        } else {
            self.remove(offer.id, Removal::Evicted);
        }
    }

    fn store(&mut self, key: usize, context: &str) {
        let size = self.rng.u64(1..2_000);
        while self.used + size > CAPACITY {
            self.evict(context);
        }
        let board = self.engine.board();
        let id = board.alloc_slot().expect("a slot for each key");
        let (created, fetch_us) = (Tick(self.now), self.rng.u32(0..9_000));
        let hash = key as u64;
        let document =
            Document { hash, size, created, last_used: created, uses: 1, fetch_us, ..Document::default() };
        board.inserted(id, &document);
        self.stored[key] = Some(id);
        self.used += size;
    }

    fn request(&mut self, context: &str) {
        self.now += 1;
        self.engine.set_now(Tick(self.now));
        let key = (self.rng.f64().powi(3) * KEYS as f64) as usize;
        match (self.stored[key], self.rng.u8(0..20)) {
            (None, _) => self.store(key, context),
            (Some(id), 0) => self.remove(id, Removal::Gone),
            (Some(id), 1) => {
                let size = self.engine.board().documents().get(id.slot).size;
                self.engine.board().updated(id, size / 2 + 1, Tick(0));
                self.used -= size - (size / 2 + 1);
            }
            (Some(id), _) => self.engine.board().hit(0, id, Tick(self.now)),
        }
    }

    fn check(&self, context: &str) {
        self.engine.with(|executor| executor.audit(Audit::WithOrders)).expect(context);
        assert_eq!(self.engine.with(|executor| executor.faults()), 0, "{context}");
    }

    /// Evicts everything there is.
    fn empty(&mut self, context: &str) {
        while self.stored.iter().any(Option::is_some) {
            self.evict(context);
        }
        assert_eq!((self.used, self.engine.board().take_victim()), (0, None), "{context}");
    }
}

#[test]
fn every_policy_takes_over_from_every_other() {
    for (number, from) in cnn_policies::registry().iter().enumerate() {
        for to in cnn_policies::registry() {
            for reevaluate in [Reevaluate::Count(0), Reevaluate::default(), Reevaluate::All] {
                let names = ((from.manifest)().name, (to.manifest)().name);
                let context = format!("{} to {}, {reevaluate:?}", names.0, names.1);
                let mut cache = Cache::new(from, number as u64);
                (0..3_000).for_each(|_| cache.request(&context));
                let before = cache.stored.clone();
                let next = prepared(to, cache.engine.board());
                let switched =
                    cache.engine.with(|it| it.hand_over(next, reevaluate, Moment::default()).is_ok());
                assert!(switched, "{context}");
                assert_eq!(cache.stored, before);
                cache.check(&context);
                (0..300).for_each(|_| cache.request(&context));
                cache.check(&context);
                let back =
                    cache.engine.with(|it| it.roll_back(reevaluate, Cause::Rollback, Moment::default()));
                assert!(back.is_ok(), "{context}");
                (0..300).for_each(|_| cache.request(&context));
                cache.check(&context);
                cache.empty(&context);
                cache.check(&context);
            }
        }
    }
}
