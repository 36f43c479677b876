//! One simulated cache and the plain map it is compared with.

mod checks;
mod policies;
mod requests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use cnn_core::fields::Fields;
use cnn_core::policy::{
    Audit, Board, Budget, Cause, Counts, Executor, Factory, Inline, Moment, Offer, Picker, Precision,
    Prepared, Reevaluate, SlotId, SwitchRefused, Turn,
};
use cnn_core::repository::{
    Config, Fetched, FillLead, FillReader, Join, Renewal, Repository, Sharing, Stored, Unstored,
};
use cnn_core::rfc9111::{Facts, ResponseFacts, Times, Unsaid, VariantKey};
use cnn_core::time::{Tick, UnixSecs};

use crate::hostile::{HOSTILE, IDLE, WITNESS};

/// What kind of world is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The executor has turns of its own, at random, and lags behind.
    Apart,
    /// The executor runs in line, and every victim must be its own.
    Inline,
    /// As `Apart`, and some policies lie.
    Hostile,
    /// As `Apart`, with few slots, little memory, and documents held by clients.
    Scarce,
}

/// Who runs the executor.
enum Runner {
    Apart(Box<Executor>),
    Inline(Arc<Inline>),
}

/// What is known of a stored document.
#[derive(Clone, Copy, Debug)]
struct Known {
    key: usize,
    fetch: u64,
    length: usize,
    fresh_until: Tick,
}

/// A fetch in progress.
struct Fill {
    known: Known,
    sent: usize,
    lead: FillLead,
    _reader: FillReader,
    is_purged: bool,
}

pub(crate) struct World {
    kind: Kind,
    rng: fastrand::Rng,
    now: Tick,
    repository: Arc<Repository>,
    runner: Runner,
    policies: Vec<Factory>,
    /// The model: every document there should be, by slot and generation.
    model: HashMap<SlotId, Known>,
    /// Documents that this step may have removed for a reason of its own.
    explained: HashSet<SlotId>,
    counts: Counts,
    fills: Vec<Fill>,
    /// Documents being sent.
    pinned: Vec<Arc<Stored>>,
    /// Offers a worker has taken and not answered yet.
    taken: Vec<Offer>,
    keys: usize,
    length_max: usize,
    fetches: u64,
    deciding: String,
    previous: Option<String>,
    token: u64,
    /// Whether the executor has heard of everything.
    is_settled: bool,
    digest: u64,
}

fn prepared(factory: &Factory, capacity: u64, board: &Board) -> Prepared {
    Prepared::new(factory, capacity, board.documents().slots_max()).expect("its manifest is right")
}

impl World {
    pub(crate) fn new(kind: Kind, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let is_scarce = kind == Kind::Scarce;
        let limit_bytes = if is_scarce { rng.u64(30_000..150_000) } else { rng.u64(100_000..1_000_000) };
        let slots_max = if is_scarce { rng.usize(1..40) } else { 4096 };
        let config = Config { limit_bytes, object_bytes_max: limit_bytes / 3, hash_seeds: [seed, 2, 3, 4] };
        // Sometimes the executor lags so much that events are lost.
        let backlog_max = if rng.bool() || kind == Kind::Inline { 1 << 20 } else { rng.usize(1..50) };
        let board = Arc::new(Board::with_backlog(1, slots_max, rng.usize(1..64), backlog_max));
        let repository = Arc::new(Repository::new(&config, Arc::clone(&board)));
        let mut policies: Vec<_> = cnn_policies::registry().iter().copied().chain([IDLE, WITNESS]).collect();
        if kind == Kind::Hostile {
            policies.extend(HOSTILE);
        }
        let first = policies[rng.usize(..policies.len())];
        let prepared = prepared(&first, limit_bytes, &board);
        let runner = match kind {
            Kind::Inline => Runner::Inline(Inline::new(Executor::exact(board, prepared, UnixSecs(0)))),
            _ => Runner::Apart(Box::new(Executor::new(board, prepared, UnixSecs(0)))),
        };
        Self {
            kind,
            now: Tick(1),
            repository,
            runner,
            policies,
            model: HashMap::new(),
            explained: HashSet::new(),
            counts: Counts::default(),
            fills: Vec::new(),
            pinned: Vec::new(),
            taken: Vec::new(),
            keys: rng.usize(5..150),
            length_max: rng.usize(20..limit_bytes as usize / 6),
            fetches: 0,
            deciding: (first.manifest)().name.into_owned(),
            previous: None,
            token: 1,
            is_settled: true,
            digest: 0,
            rng,
        }
    }

    /// Does something, and says what.
    pub(crate) fn step(&mut self) -> String {
        self.explained.clear();
        self.counts = self.board().counts();
        self.now = Tick(self.now.0 + self.rng.u64(1..200_000));
        if let Runner::Inline(inline) = &self.runner {
            inline.set_now(self.now);
        }
        self.is_settled = false;
        match self.rng.u32(..100) {
            0..30 => self.fetch(),
            30..52 => self.hit(),
            52..56 => self.go_on(),
            56..60 => self.purge(),
            60..66 => self.update(),
            66..68 => self.expire(),
            68..71 => self.pin(),
            71..74 => self.worker(),
            74..76 => self.change_limit(),
            76..89 => self.turn(),
            89..95 => self.switch(),
            95..98 => self.roll_back(),
            98 => self.start_over(),
            _ => self.settle(),
        }
    }

    /// Ends the run: everything is let go and heard of. Returns the digest of what was evicted.
    pub(crate) fn finish(&mut self) -> u64 {
        self.step_by("the end", |world| {
            world.fills.clear();
            world.pinned.clear();
            world
                .taken
                .drain(..)
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|offer| world.board().give_back(offer));
        });
        self.settle();
        self.check();
        // What is left can be evicted to the last document, each by the deciding policy or the fallback.
        self.step_by("emptying", |world| {
            world.repository.set_limit(0);
            while world.repository.usage().documents > 0 {
                world.turn_within(Budget::UNBOUNDED);
                world.repository.set_limit(0);
            }
        });
        self.check_model();
        assert_eq!(self.model.len(), 0, "documents that nothing evicts");
        assert_eq!(self.repository.usage().documents, 0);
        self.digest
    }

    fn step_by(&mut self, told: &str, act: impl FnOnce(&mut Self)) -> String {
        self.explained.clear();
        self.counts = self.board().counts();
        act(self);
        told.to_owned()
    }

    fn board(&self) -> &Arc<Board> {
        self.repository.board()
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Executor) -> T) -> T {
        match &mut self.runner {
            Runner::Apart(executor) => act(executor),
            Runner::Inline(inline) => inline.with(act),
        }
    }

    fn turn_within(&mut self, budget: Budget) -> Turn {
        let now = self.now;
        match &mut self.runner {
            Runner::Apart(executor) => executor.turn(now, budget),
            Runner::Inline(inline) => {
                inline.settle();
                inline.with(|executor| executor.turn(now, budget))
            }
        }
    }
}
