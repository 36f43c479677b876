//! The direct way into the executor decides as the one through the board does: the same stores, uses, updates, removals
//! and switches, told to both, give the same victims.

#![allow(clippy::unwrap_used, reason = "what is missing here fails the test, as it should")]

use std::sync::Arc;

use cnn_core::policy::{
    Audit, Board, Direct, Document, Executor, Factory, Inline, Moment, Prepared, Reevaluate, Removal, Slot,
    SlotId,
};
use cnn_core::time::{Tick, UnixSecs};

const SLOTS: usize = 300;
const CAPACITY: u64 = 100_000;

/// The same cache twice.
struct Both {
    direct: Direct,
    inline: Arc<Inline>,
    /// What both have, by slot: the same slots in both.
    ids: Vec<Option<SlotId>>,
    now: u64,
}

fn prepared(factory: &Factory) -> Prepared {
    Prepared::new(factory, CAPACITY, 4096).unwrap()
}

impl Both {
    fn new(factory: &Factory) -> Self {
        let board = Arc::new(Board::new(1, SLOTS, 1));
        Self {
            direct: Direct::new(prepared(factory), SLOTS),
            inline: Inline::new(Executor::exact(board, prepared(factory), UnixSecs(0))),
            ids: vec![None; SLOTS],
            now: 0,
        }
    }

    fn tick(&mut self) -> Tick {
        self.now += 1_000;
        self.direct.set_now(Tick(self.now));
        self.inline.set_now(Tick(self.now));
        Tick(self.now)
    }

    fn insert(&mut self, rng: &mut fastrand::Rng) {
        let now = self.tick();
        let document = Document {
            hash: rng.u64(0..1000),
            size: rng.u64(1..3000),
            created: now,
            last_used: now,
            uses: 1,
            fetch_us: rng.u32(0..50_000),
            ..Document::default()
        };
        let slot = self.direct.insert(&document);
        let id = self.inline.board().alloc_slot();
        assert_eq!(slot, id.map(|id| id.slot));
        if let Some(id) = id {
            self.inline.board().inserted(id, &document);
            self.ids[id.slot as usize] = Some(id);
        }
    }

    fn evict(&mut self) -> Option<Slot> {
        self.tick();
        let evicted = self.direct.evict();
        let offer = self.inline.board().take_victim();
        assert_eq!(evicted.map(|event| event.slot), offer.map(|offer| offer.id.slot), "at {}", self.now);
        let offer = offer?;
        assert_eq!(evicted.unwrap().size, self.inline.board().documents().get(offer.id.slot).size);
        self.inline.board().removed(offer.id, Removal::Evicted);
        self.ids[offer.id.slot as usize] = None;
        Some(offer.id.slot)
    }

    fn act(&mut self, rng: &mut fastrand::Rng) {
        let now = self.tick();
        let slot = rng.usize(..SLOTS);
        let Some(id) = self.ids[slot] else { return };
        match rng.u8(..20) {
            0 => {
                self.direct.remove(id.slot);
                self.inline.board().removed(id, Removal::Gone);
                self.ids[slot] = None;
            }
            1 => {
                let size = rng.u64(1..3000);
                self.direct.update(id.slot, size, Tick(0));
                self.inline.board().updated(id, size, Tick(0));
            }
            _ => {
                self.direct.hit(id.slot);
                self.inline.board().hit(0, id, now);
            }
        }
    }

    fn switch(&mut self, factory: &Factory, reevaluate: Reevaluate) {
        self.tick();
        let over = |executor: &mut Executor| {
            executor
                .hand_over(prepared(factory), reevaluate, Moment::default())
                .map_err(|(_, refused)| refused)
        };
        let tokens = (self.direct.with(over), self.inline.with(over));
        assert_eq!(tokens.0, tokens.1);
        // What is to be re-evaluated at once is, in line, done by the next turn.
        self.inline.settle();
    }

    fn check_books(&mut self) {
        self.inline.settle();
        assert_eq!(self.direct.len(), self.ids.iter().flatten().count());
        self.direct.with(|executor| executor.audit(Audit::WithOrders)).unwrap();
        let line =
            |executor: &mut Executor| executor.worst(50).into_iter().map(|line| line.id.slot).collect();
        let lines: (Vec<Slot>, Vec<Slot>) = (self.direct.with(line), self.inline.with(line));
        assert_eq!(lines.0, lines.1);
    }
}

/// Plays a random script, with a switch now and then when there are policies to switch to.
fn check(factory: &Factory, others: &[Factory], seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut both = Both::new(factory);
    for step in 0..20_000 {
        match rng.u32(..100) {
            0..25 => both.insert(&mut rng),
            25..45 => drop(both.evict()),
            _ => both.act(&mut rng),
        }
        both.inline.settle();
        if step % 1_500 == 1_499 && !others.is_empty() {
            let other = &others[rng.usize(..others.len())];
            both.switch(
                other,
                [Reevaluate::Count(0), Reevaluate::Percent(20.0), Reevaluate::All][rng.usize(..3)],
            );
        }
        if step % 1_000 == 0 {
            both.check_books();
        }
    }
    while both.evict().is_some() {}
    assert!(both.direct.is_empty());
}

#[test]
fn every_policy_picks_the_same_victims() {
    for (seed, factory) in cnn_policies::registry().iter().enumerate() {
        check(factory, &[], seed as u64);
    }
}

#[test]
fn switches_carry_the_same_documents() {
    let policies = cnn_policies::registry();
    for seed in 0..8 {
        check(&policies[seed % policies.len()], policies, seed as u64);
    }
}

#[test]
fn a_cache_without_a_free_slot_takes_nothing_and_an_empty_one_has_no_victim() {
    let mut direct = Direct::new(prepared(&cnn_policies::registry()[0]), 2);
    assert!(direct.evict().is_none());
    let document = Document { size: 1, uses: 1, ..Document::default() };
    assert!(direct.insert(&document).is_some() && direct.insert(&document).is_some());
    assert_eq!(direct.insert(&document), None);
    direct.remove(1);
    direct.remove(1);
    assert_eq!((direct.len(), direct.insert(&document)), (1, Some(1)));
}
