//! The order for score policies: none at all. The residents lie in an array; of a seeded random sample the lowest
//! score goes. With a sample of 16, least recently used comes within 0.1 points of hit ratio of the exact order (the
//! method is Redis's; Psounis & Prabhakar, "A randomized Web-cache replacement scheme", INFOCOM 2001). 8 bytes per
//! document.

use super::{Order, Precision, Rank, Victim, ordered_bits};
use crate::policy::board::random_below;
use crate::policy::limits::{LINE_SAMPLE, RANK_SAMPLE};
use crate::policy::paged::Paged;
use crate::policy::{Context, Event, ScorePolicy, Slot};

const PAGE: usize = 4096;

/// More than any sample: the draws of two evictions are never the same.
const SAMPLE_MAX: u64 = 1 << 8;

/// The residents of one score policy.
// Invariants: (1) residents[0..held] are the slots held; (2) positions[residents[i]] == i + 1, and 0 for others.
pub(in crate::policy) struct Sampled {
    policy: Box<dyn ScorePolicy>,
    residents: Paged<Slot, PAGE>,
    positions: Paged<u32, PAGE>,
    held: usize,
    /// Numbers the evictions: a sample is a function of this alone, so that a replay samples alike.
    evictions: u64,
}

impl Sampled {
    pub(in crate::policy) fn new(policy: Box<dyn ScorePolicy>, slots_max: usize) -> Self {
        Self {
            policy,
            residents: Paged::new(0, slots_max),
            positions: Paged::new(0, slots_max),
            held: 0,
            evictions: 0,
        }
    }

    /// The `i`-th resident of the sample for an eviction. The generator's step makes neighbours independent.
    fn sample(&self, eviction: u64, i: usize) -> Slot {
        let draw = eviction.wrapping_mul(SAMPLE_MAX).wrapping_add(i as u64);
        let at = random_below(draw, self.held as u32);
        self.residents.get(at as usize)
    }

    fn score(&self, context: &Context<'_>, slot: Slot) -> Victim {
        Victim { slot, value: self.policy.score(context, slot, &context.documents.get(slot)) }
    }

    fn take(&mut self, slot: Slot) {
        let position = self.positions.get(slot as usize) as usize;
        if position == 0 {
            return;
        }
        self.held -= 1;
        let last = self.residents.get(self.held);
        self.residents.set(position - 1, last);
        self.positions.set(last as usize, position as u32);
        self.positions.set(slot as usize, 0);
    }

    /// Up to `most` residents, spread over all, with their scores.
    fn spread(&self, context: &Context<'_>, most: usize) -> Vec<Victim> {
        let step = self.held.div_ceil(most).max(1);
        (0..self.held).step_by(step).map(|at| self.score(context, self.residents.get(at))).collect()
    }
}

impl Order for Sampled {
    fn place(&mut self, context: &Context<'_>, event: &Event) {
        if self.positions.get(event.slot as usize) == 0 {
            self.residents.set(self.held, event.slot);
            self.held += 1;
            self.positions.set(event.slot as usize, self.held as u32);
        }
        self.policy.on_event(context, event);
    }

    fn touch(&mut self, context: &Context<'_>, event: &Event) {
        self.policy.on_event(context, event);
    }

    fn remove(&mut self, context: &Context<'_>, event: &Event) {
        self.take(event.slot);
        self.policy.on_event(context, event);
    }

    fn victim(&mut self, context: &Context<'_>) -> Option<Victim> {
        if self.held == 0 {
            return None;
        }
        let eviction = self.evictions;
        self.evictions = eviction.wrapping_add(1);
        let sample = usize::from(self.policy.sample()).max(1);
        // All of them are as cheap as a sample of as many.
        let victim = if self.held <= sample {
            lowest((0..self.held).map(|at| self.score(context, self.residents.get(at))))
        } else {
            lowest((0..sample).map(|i| self.score(context, self.sample(eviction, i))))
        };
        self.take(victim?.slot);
        victim
    }

    fn victim_gone(&mut self, context: &Context<'_>, event: &Event, _value: f64) {
        self.policy.on_event(context, event);
    }

    fn line(&self, context: &Context<'_>, visit: &mut dyn FnMut(Victim) -> bool) {
        let mut sample = self.spread(context, LINE_SAMPLE);
        sample.sort_by_key(|victim| ordered_bits(victim.value));
        sample.into_iter().all(visit);
    }

    fn rank(&self, context: &Context<'_>, slot: Slot) -> Option<Rank> {
        let position = self.positions.get(slot as usize) as usize;
        if position == 0 {
            return None;
        }
        let score = ordered_bits(self.score(context, slot).value);
        let sample = self.spread(context, RANK_SAMPLE);
        // Of equals the one that lies first goes first, as in the line and for a victim.
        let goes_before = |other: &&Victim| {
            let before = ordered_bits(other.value).cmp(&score);
            before.then(self.positions.get(other.slot as usize).cmp(&(position as u32))).is_lt()
        };
        let below = sample.iter().filter(goes_before).count();
        let precision = if sample.len() == self.held { Precision::Exact } else { Precision::Estimate };
        Some(Rank { before: below * self.held / sample.len(), precision, nearest: Vec::new() })
    }

    fn state_bytes(&self) -> usize {
        self.residents.bytes() + self.positions.bytes() + self.policy.state_bytes()
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.policy.state()
    }

    fn is_fit(&self) -> bool {
        self.policy.is_fit()
    }
}

/// The first of the lowest scores.
fn lowest(sample: impl Iterator<Item = Victim>) -> Option<Victim> {
    sample.min_by_key(|victim| ordered_bits(victim.value))
}
