//! The switches made: when, from what to what, what they took, and what the cache did before and after. Traffic is
//! counted by whoever serves; here it is only subtracted.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::Manifest;
use super::limits::HISTORY_ENTRIES;
use crate::time::UnixSecs;

/// Requests and bytes counted since the beginning, or between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that the cache could have answered.
    pub requests: u64,
    /// Of these, those it did answer.
    pub hits: u64,
    /// Bytes of the answers to all of them.
    pub bytes: u64,
    /// Of these, bytes that came from the cache.
    pub hit_bytes: u64,
}

impl Traffic {
    /// What was counted after `earlier`.
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            hits: self.hits.saturating_sub(earlier.hits),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            hit_bytes: self.hit_bytes.saturating_sub(earlier.hit_bytes),
        }
    }

    /// Hits per request; `None` when there were no requests.
    pub fn hit_ratio(self) -> Option<f64> {
        ratio(self.hits, self.requests)
    }

    /// Bytes from the cache per byte; `None` when there were none.
    pub fn byte_hit_ratio(self) -> Option<f64> {
        ratio(self.hit_bytes, self.bytes)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Why a policy came to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was configured.
    Start,
    /// An operator (or a rule) asked for it.
    Use,
    /// A switch was taken back.
    Rollback,
    /// The policy before it failed: it panicked, or kept returning wrong victims.
    Fault,
}

impl Cause {
    /// The word for it in replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Use => "use",
            Self::Rollback => "rollback",
            Self::Fault => "fault",
        }
    }
}

/// One switch.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    /// Names the switch: counts from 1, which is the start.
    pub token: u64,
    /// When.
    pub at: UnixSecs,
    /// Why.
    pub cause: Cause,
    /// Who asked, in the words of whoever asked for them.
    pub by: Cow<'static, str>,
    /// The policy that decided before; empty for the start.
    pub from: Cow<'static, str>,
    /// The policy that decides from then on.
    pub to: Cow<'static, str>,
    /// Documents in the cache at that moment; none was lost by the switch.
    pub carried: usize,
    /// Documents re-evaluated because the switch asked for it.
    pub reevaluated: usize,
    /// Documents still in the orders of earlier policies: now, or when the next switch came.
    pub pending: usize,
    /// Microseconds it took to prepare, while the old policy decided.
    pub prepare_us: u64,
    /// Microseconds of the hand-over, during which the executor decided nothing.
    pub handover_us: u64,
    /// The traffic while the policy before decided.
    pub before: Traffic,
    /// The traffic since: until the next switch, or until now.
    pub after: Traffic,
    /// The traffic counted when it happened.
    pub(super) counted: Traffic,
}

/// The switches, newest last.
// Invariant: never empty; the last entry is about the deciding policy.
pub(super) struct History {
    switches: VecDeque<Switch>,
}

impl History {
    /// A history that begins with the configured policy.
    pub(super) fn new(first: &Manifest, at: UnixSecs) -> Self {
        let start = Switch {
            token: 1,
            at,
            cause: Cause::Start,
            by: Cow::Borrowed("configuration"),
            from: Cow::Borrowed(""),
            to: first.name.clone(),
            carried: 0,
            reevaluated: 0,
            pending: 0,
            prepare_us: 0,
            handover_us: 0,
            before: Traffic::default(),
            after: Traffic::default(),
            counted: Traffic::default(),
        };
        Self { switches: VecDeque::from([start]) }
    }

    /// The switch that made the deciding policy decide.
    pub(super) fn last(&self) -> &Switch {
        self.switches.back().expect("never empty")
    }

    pub(super) fn last_mut(&mut self) -> &mut Switch {
        self.switches.back_mut().expect("never empty")
    }

    /// Closes the last entry and adds the next, with what only it can know filled in.
    pub(super) fn add(&mut self, next: Switch) {
        let last = self.last_mut();
        last.after = next.counted.since(last.counted);
        let next = Switch { token: last.token + 1, before: last.after, ..next };
        if self.switches.len() == HISTORY_ENTRIES {
            self.switches.pop_front();
        }
        self.switches.push_back(next);
    }

    /// The switches, oldest first, the last one's effect counted until now.
    pub(super) fn until(&self, now: Traffic) -> Vec<Switch> {
        let mut switches: Vec<_> = self.switches.iter().cloned().collect();
        if let Some(last) = switches.last_mut() {
            last.after = now.since(last.counted);
        }
        switches
    }
}
