//! What is evicted next, and how that is changed while it runs.
//!
//! A replacement policy is one of three shapes ([`Replacement`]), told apart by what they need: a *key* that changes
//! only when the document is touched, a *score* that drifts with time, or *hooks* with queues of their own. Policies
//! see documents through [`Documents`], the policy-neutral columns, and [`Event`]s; they never see a request, a clock
//! or a lock, and no policy runs on the path of a request.

mod admission;
mod board;
mod direct;
mod documents;
mod executor;
mod freshness;
mod history;
mod inline;
mod limits;
mod order;
mod paged;
mod parameters;
mod switch;

use std::borrow::Cow;

pub use admission::{
    Admission, AdmissionChoice, AdmissionFactory, AdmissionManifest, BYPASS_FOR, Candidate, Refusal, Verdict,
};
pub use board::{Board, Counts, Offer, Picker, Removal};
pub use cnn_abi::{Event, EventKind, Flags, Goal, HitEvents, Kind};
pub use direct::Direct;
pub use documents::{Document, Documents, Mime, Slot, SlotId};
pub use executor::{Audit, Budget, Draining, Executor, HitListener, Line, Retired, Status, Turn, Updated};
pub use freshness::{Freshness, FreshnessChoice, FreshnessFactory, FreshnessManifest};
pub use history::{Cause, Switch, Traffic};
pub use inline::Inline;
pub use order::{Precision, Rank};
pub use paged::Paged;
pub use parameters::{Choice, Grain, Parameter, Settings, Spec, SpecError};
pub use switch::{BadReevaluate, Moment, PrepareError, Prepared, Reevaluate, SwitchRefused};

use crate::time::Tick;
use limits::SCORE_SAMPLE;

/// What a replacement policy says of itself; rules query it and `policy show` prints it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The name operators use: lower case, words joined by `-`.
    pub name: Cow<'static, str>,
    /// One line for `policy list`.
    pub summary: Cow<'static, str>,
    /// Where the algorithm was published: authors, title, venue, year.
    pub paper: Cow<'static, str>,
    /// How it orders documents.
    pub kind: Kind,
    /// Whether hits must be told.
    pub hit_events: HitEvents,
    /// What it is good for, best first; never empty.
    pub goals: &'static [Goal],
    /// The numbers it can be given.
    pub parameters: Cow<'static, [Parameter]>,
}

/// A replacement policy, ready to decide.
pub enum Replacement {
    /// Kept exact in a heap by the host.
    Key(Box<dyn KeyPolicy>),
    /// Evicted by sampling by the host.
    Score(Box<dyn ScorePolicy>),
    /// Keeps its own queues.
    Hooks(Box<dyn HookPolicy>),
}

/// What a policy may look at while it decides.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The policy-neutral columns of every document.
    pub documents: &'a Documents,
    /// Now.
    pub now: Tick,
}

/// A policy that gives each document a key, valid until the document is touched; the lowest key is evicted first.
pub trait KeyPolicy: Send {
    /// The key of a document that was just stored, used again, or is being re-evaluated. Not a number counts as the
    /// lowest key; ties go to the document keyed first.
    fn key(&mut self, context: &Context<'_>, event: &Event) -> f64;

    /// A document went, for whatever reason: a policy that remembers what it evicted learns here.
    fn gone(&mut self, _context: &Context<'_>, _event: &Event) {}

    /// Bytes the policy's own state takes.
    fn state_bytes(&self) -> usize {
        0
    }

    /// The document with the lowest key was evicted, and this was its key: GreedyDual's clock advances here.
    fn evicted(&mut self, _key: f64) {}

    /// What it has learned, in a form that another instance of it can begin with: what it remembers beside the documents,
    /// which are handed over one by one whatever it says. `None` where there is nothing to hand over.
    fn state(&self) -> Option<Vec<u8>> {
        None
    }

    /// Whether the policy can still decide. One that cannot, a module that was stopped, is replaced by the one before.
    fn is_fit(&self) -> bool {
        true
    }
}

/// A policy that scores a document at this moment; of a sample, the lowest score is evicted.
pub trait ScorePolicy: Send {
    /// The score of the document of a slot now. Not a number counts as the lowest.
    fn score(&self, context: &Context<'_>, slot: Slot, document: &Document) -> f64;

    /// Documents compared for one eviction, 1 to 255.
    fn sample(&self) -> u8 {
        SCORE_SAMPLE
    }

    /// A document came, was used, changed or went; policies with statistics of their own learn here.
    fn on_event(&mut self, _context: &Context<'_>, _event: &Event) {}

    /// Bytes the policy's own state takes.
    fn state_bytes(&self) -> usize {
        0
    }

    /// What it has learned, in a form that another instance of it can begin with: what it remembers beside the documents,
    /// which are handed over one by one whatever it says. `None` where there is nothing to hand over.
    fn state(&self) -> Option<Vec<u8>> {
        None
    }

    /// Whether the policy can still decide. One that cannot, a module that was stopped, is replaced by the one before.
    fn is_fit(&self) -> bool {
        true
    }
}

/// A policy with queues of its own.
pub trait HookPolicy: Send {
    /// Something happened to a document. `Hit` and `Update` of a document that is not in the queues (it is offered as
    /// a victim at this moment) must be ignored: a `Return` or `Remove` follows.
    fn on_event(&mut self, context: &Context<'_>, event: &Event);

    /// The next victim, taken out of the queues; the host answers with `Remove`, or with `Return` when it keeps the
    /// document. `None` only when no document is in the queues.
    fn victim(&mut self, context: &Context<'_>) -> Option<Slot>;

    /// Adds the next `most` victims to `into`, exactly those that as many calls of [`HookPolicy::victim`] would give:
    /// for policies whose every call has its price. Fewer only when no more documents are in the queues.
    fn victims(&mut self, context: &Context<'_>, most: usize, into: &mut Vec<Slot>) {
        into.extend((0..most).map_while(|_| self.victim(context)));
    }

    /// The host did not believe a victim (`None`: that there was none): what was wrong with it. The built-in fallback
    /// has made that decision.
    fn refused(&mut self, _context: &Context<'_>, _wrong: WrongVictim, _slot: Option<Slot>) {}

    /// Calls `visit` with the documents in the order they would be evicted if nothing else happened (an approximation
    /// where the order depends on it), without changing anything, until `visit` returns false.
    fn rank(&self, context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool);

    /// Documents in the queues.
    fn len(&self) -> usize;

    /// Whether no document is in the queues.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes the policy's own state takes.
    fn state_bytes(&self) -> usize;

    /// What it has learned, in a form that another instance of it can begin with: what it remembers beside the documents,
    /// which are handed over one by one whatever it says. `None` where there is nothing to hand over.
    fn state(&self) -> Option<Vec<u8>> {
        None
    }

    /// Whether the policy can still decide. One that cannot, a module that was stopped, is replaced by the one before.
    fn is_fit(&self) -> bool {
        true
    }
}

/// What can be wrong with a victim that a policy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongVictim {
    /// It named none, although documents are in its hands.
    None,
    /// No document was ever in a slot of this number.
    OutOfRange,
    /// There is no document in the slot.
    Absent,
    /// The document is a victim already: named before, and perhaps being sent to a client.
    Taken,
    /// The document is in the hands of a policy that was replaced.
    Foreign,
}

impl WrongVictim {
    /// The word for it in counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::OutOfRange => "out-of-range",
            Self::Absent => "absent",
            Self::Taken => "repeated",
            Self::Foreign => "foreign",
        }
    }
}

/// How to make a policy: what the registry of policies holds, one line each.
#[derive(Clone, Copy)]
pub struct Factory {
    /// What the policy says of itself.
    pub manifest: fn() -> Manifest,
    /// A new instance for a cache of `capacity` (bytes, charged like [`Document::size`]).
    pub build: fn(capacity: u64, settings: &Settings) -> Replacement,
}

impl Factory {
    /// A new instance for a cache of `capacity` bytes with every parameter at its default.
    pub fn with_defaults(&self, capacity: u64) -> Replacement {
        (self.build)(capacity, &Settings::defaults(&(self.manifest)().parameters))
    }
}
