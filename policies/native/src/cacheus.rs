//! CACHEUS: LeCaR with better experts and a learning rate that finds itself. SR-LRU, scan-resistant, keeps what was used
//! again (`S`) apart from what is new or fell out of it (`Q`), and shifts the border by who is missed; CR-LFU,
//! churn-resistant, takes the most recent of those used least. L. V. Rodriguez, F. Yusuf, S. Lyons, E. Paz, R. Rangaswami,
//! J. Liu, M. Zhao, G. Narasimhan, "Learning cache replacement with CACHEUS", FAST 2021, and the authors' code.
//!
//! ```text
//!   insert --> [ Q, 1 % to begin with ] --used--> [ S ] --full: demoted--> back into Q
//!                    |                              ^
//!                    `--> gone, a ghost of the expert at fault --asked for: that expert is blamed--'
//! ```
//!
//! A victim is named before it is known for whom, so weights and borders change after the eviction that goes with it. In
//! bytes a border moves by as many documents of the size at hand, and what the authors count by the size of the cache is
//! counted by the documents in it.

use std::borrow::Cow;

use cnn_core::policy::{Event, Factory, Goal, HitEvents, Kind, Manifest, Replacement, Slot};

use crate::experts::{self, ByUses, Expert, Weights};
use crate::ghosts::Ghosts;
use crate::queues::{Discipline, Queued, Queues};
use crate::sketch::spread;

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |capacity, _| Replacement::Hooks(Box::new(Queued(Cacheus::new(capacity)))) };

const REUSED: usize = 0;
const QUEUE: usize = 1;
/// One part in this many of the capacity is `Q` to begin with.
const QUEUE_PART: u64 = 100;
/// Ghosts of each expert per slot ever used, for a cache whose documents suddenly get tiny.
const GHOSTS_PER_SLOT_MAX: usize = 4;

/// Bits of a document's counter: it fell out of S; it came when the cache was full and was not missed before; and who
/// named it a victim against the other's word.
const DEMOTED: u32 = 1;
const NEW: u32 = 2;
const BY_RECENCY: u32 = 4;
const BY_FREQUENCY: u32 = 8;

/// Bounds of the learning rate, and how it is shaken when nothing else helps.
const RATE_MIN: f64 = 0.001;
const RATE_MAX: f64 = 1.0;
/// Periods without a better hit ratio after which it begins anew.
const PATIENCE: u32 = 10;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("cacheus"),
        summary: Cow::Borrowed(
            "by a scan-resistant or a churn-resistant expert, as regret tells; adapts by itself",
        ),
        paper: Cow::Borrowed(
            "Rodriguez, Yusuf, Lyons, Paz, Rangaswami, Liu, Zhao, Narasimhan, \"Learning cache replacement with \
             CACHEUS\", FAST 2021",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

/// What is remembered of an evicted document.
#[derive(Clone, Copy, Default)]
struct Evicted {
    uses: u32,
    is_new: bool,
}

struct Cacheus {
    queues: Queues,
    by_uses: ByUses,
    weights: Weights,
    rate: LearningRate,
    by_recency: Ghosts<Evicted>,
    by_frequency: Ghosts<Evicted>,
    capacity: u64,
    /// Bytes S may have; Q has the rest.
    reused_max: u64,
    /// Documents in Q that fell out of S, and new ones among the ghosts of the first expert.
    demoted: u64,
    new_ghosts: u64,
    now: u64,
    is_filled: bool,
}

impl Cacheus {
    fn new(capacity: u64) -> Self {
        Self {
            queues: Queues::new(2),
            by_uses: ByUses::new(),
            weights: Weights::new(),
            rate: LearningRate::new(),
            by_recency: Ghosts::new(capacity / 2),
            by_frequency: Ghosts::new(capacity / 2),
            capacity,
            reused_max: capacity - (capacity / QUEUE_PART).max(1).min(capacity),
            demoted: 0,
            new_ghosts: 0,
            now: 0,
            is_filled: false,
        }
    }

    /// Of those used least the most recent goes first.
    fn place_by_uses(&mut self, slot: Slot, uses: u32) {
        self.by_uses.set(slot, uses, u64::MAX - self.now);
    }

    fn unmark(&mut self, slot: Slot, mark: u32) -> bool {
        let marks = self.queues.count(slot);
        self.queues.set_count(slot, marks & !mark);
        marks & mark != 0
    }

    /// A document that fell out of S was used in Q: S was too small. Or one that was new was missed: Q was.
    fn move_border(&mut self, size: u64, grows: usize) {
        let steps = |more: u64, fewer: u64| ((more as f64 / fewer.max(1) as f64 + 0.5) as u64).max(1);
        let most = self.capacity.saturating_sub(1);
        self.reused_max = if grows == REUSED {
            let step = steps(self.new_ghosts, self.demoted).saturating_mul(size);
            self.reused_max.saturating_add(step).min(most)
        } else {
            let step = steps(self.demoted, self.new_ghosts).saturating_mul(size);
            let queue = (self.capacity - self.reused_max).saturating_add(step).min(most);
            self.capacity - queue
        };
    }

    /// Lets what does not fit into S fall back into Q.
    fn demote(&mut self, room_for: u64) {
        while self.queues.bytes(REUSED).saturating_add(room_for) > self.reused_max
            && let Some(slot) = self.queues.oldest(REUSED)
        {
            self.queues.move_to(QUEUE, slot);
            let marks = self.queues.count(slot);
            self.queues.set_count(slot, marks | DEMOTED);
            self.demoted += u64::from(marks & DEMOTED == 0);
        }
    }

    /// A document that is a ghost, with what was known of it; the expert at fault is blamed.
    fn recall(&mut self, event: &Event) -> Option<Evicted> {
        let rate = self.rate.rate;
        if let Some(evicted) = self.by_recency.take(event.hash) {
            if evicted.is_new {
                self.new_ghosts = self.new_ghosts.saturating_sub(1);
                self.move_border(event.size, QUEUE);
            }
            self.weights.blame(Expert::Recency, rate);
            return Some(evicted);
        }
        let evicted = self.by_frequency.take(event.hash)?;
        self.weights.blame(Expert::Frequency, rate);
        Some(evicted)
    }

    fn trim(&mut self) {
        let count_max = self.queues.slots().saturating_mul(GHOSTS_PER_SLOT_MAX);
        self.by_frequency.trim(count_max);
        while self.by_recency.bytes() > self.capacity / 2 || self.by_recency.len() > count_max {
            let Some(oldest) = self.by_recency.oldest() else { return };
            self.new_ghosts = self.new_ghosts.saturating_sub(u64::from(oldest.is_new));
            self.by_recency.forget_oldest();
        }
    }

    fn requested(&mut self, is_hit: bool) {
        self.now += 1;
        self.rate.requested(is_hit, self.queues.len_of_all() as u64);
    }

    /// What was used is in S, unless it would fill all of it.
    fn enter_reused(&mut self, event: &Event, uses: u32) {
        self.queues.push(REUSED, event.slot, event.size);
        self.place_by_uses(event.slot, uses);
        self.demote(0);
    }
}

impl Discipline for Cacheus {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        self.requested(false);
        if let Some(evicted) = self.recall(event) {
            self.enter_reused(event, evicted.uses.saturating_add(1));
        } else if !self.is_filled
            && self.queues.len(QUEUE) == 0
            && self.queues.bytes(REUSED).saturating_add(event.size) <= self.reused_max
        {
            self.enter_reused(event, 1);
        } else {
            self.queues.push(QUEUE, event.slot, event.size);
            self.queues.set_count(event.slot, if self.is_filled { NEW } else { 0 });
            self.place_by_uses(event.slot, 1);
        }
        self.trim();
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        self.requested(true);
        self.place_by_uses(slot, self.by_uses.uses(slot).saturating_add(1));
        if self.queues.list_of(slot) == Some(QUEUE) {
            let size = self.queues.size(slot);
            if self.unmark(slot, DEMOTED) {
                self.move_border(size, REUSED);
                self.demoted = self.demoted.saturating_sub(1);
            }
            self.demote(size);
        }
        self.queues.move_to(REUSED, slot);
    }

    fn import(&mut self, event: &Event) {
        let has_room = self.queues.bytes(REUSED).saturating_add(event.size) <= self.reused_max;
        let list = if event.uses > 1 && has_room { REUSED } else { QUEUE };
        self.queues.push_import(list, event.slot, event.size);
        self.place_by_uses(event.slot, event.uses.max(1));
    }

    fn put_back(&mut self, event: &Event, _from: usize) {
        self.requested(true);
        self.enter_reused(event, self.by_uses.uses(event.slot).saturating_add(1));
    }

    fn gone(&mut self, event: &Event, _from: usize) {
        self.by_uses.remove(event.slot);
        let marks = self.queues.count(event.slot);
        if marks & DEMOTED != 0 {
            self.demoted = self.demoted.saturating_sub(1);
        }
        if !event.is_evicted() {
            return;
        }
        let size = self.queues.size(event.slot);
        let evicted = Evicted { uses: self.by_uses.uses(event.slot), is_new: marks & NEW != 0 };
        if marks & BY_RECENCY != 0 {
            let before = self.by_recency.len();
            self.by_recency.push(event.hash, size, evicted);
            let is_remembered = self.by_recency.len() > before;
            self.new_ghosts += u64::from(is_remembered && evicted.is_new);
        } else if marks & BY_FREQUENCY != 0 {
            self.by_frequency.push(event.hash, size, evicted);
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        self.is_filled = true;
        let recent = self.queues.oldest(QUEUE).or_else(|| self.queues.oldest(REUSED))?;
        let least = self.by_uses.least()?;
        let (victim, by) = if recent == least {
            (recent, 0)
        } else {
            match self.weights.draw() {
                Expert::Recency => (recent, BY_RECENCY),
                Expert::Frequency => (least, BY_FREQUENCY),
            }
        };
        self.by_uses.remove(victim);
        self.queues.set_count(victim, self.queues.count(victim) | by);
        Some(self.queues.offer(victim))
    }

    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        let recency = self.queues.iter(QUEUE).chain(self.queues.iter(REUSED));
        experts::rank(&self.weights, recency, self.by_uses.iter(), visit);
    }

    fn extra_bytes(&self) -> usize {
        self.by_uses.state_bytes() + self.by_recency.state_bytes() + self.by_frequency.state_bytes()
    }
}

/// How much weight a wrong expert loses: climbs the hill of the hit ratio, a period at a time.
struct LearningRate {
    rate: f64,
    first: f64,
    /// The change of the rate before this period.
    change: f64,
    /// Hit ratio of the period before, to three digits.
    ratio: f64,
    requests: u64,
    hits: u64,
    period: u64,
    without_hits: u32,
    worse: u32,
    shakes: u64,
}

impl LearningRate {
    const fn new() -> Self {
        Self {
            rate: RATE_MAX,
            first: RATE_MAX,
            change: RATE_MAX,
            ratio: 0.0,
            requests: 0,
            hits: 0,
            period: 0,
            without_hits: 0,
            worse: 0,
            shakes: 0,
        }
    }

    /// Counts a request; a period has as many as there are documents when it begins.
    fn requested(&mut self, is_hit: bool, documents: u64) {
        if self.period == 0 || self.requests == 0 && self.hits == 0 && self.shakes == 0 && self.ratio == 0.0 {
            self.period = documents.max(1);
            self.first = (2.0 * std::f64::consts::LN_2 / self.period as f64).sqrt().clamp(RATE_MIN, RATE_MAX);
            if self.change == RATE_MAX {
                self.rate = self.first;
            }
        }
        self.requests += 1;
        self.hits += u64::from(is_hit);
        if self.requests >= self.period {
            self.end_period();
            self.period = documents.max(1);
        }
    }

    fn end_period(&mut self) {
        let three_digits = |number: f64| (number * 1e3).round() / 1e3;
        let ratio = three_digits(self.hits as f64 / self.requests as f64);
        let difference = three_digits(ratio - self.ratio);
        let change = three_digits(self.change);
        let before = self.rate;
        let product = change * difference;
        if product != 0.0 {
            // The same way as the hit ratio went.
            let step = (self.rate * change).abs().copysign(product);
            self.rate = (self.rate + step).clamp(RATE_MIN, RATE_MAX);
            (self.worse, self.without_hits) = (0, 0);
        } else if difference <= 0.0 {
            self.stalled(ratio, difference);
        }
        self.change = self.rate - before;
        (self.ratio, self.requests, self.hits) = (ratio, 0, 0);
    }

    /// Neither better nor moved: begins anew after a while, or is shaken.
    fn stalled(&mut self, ratio: f64, difference: f64) {
        self.without_hits += u32::from(difference < 0.0 || ratio <= 0.0);
        self.worse += u32::from(difference < 0.0);
        if self.without_hits >= PATIENCE {
            (self.rate, self.without_hits) = (self.first, 0);
        } else if difference < 0.0 && self.worse >= PATIENCE {
            (self.rate, self.worse) = (self.first, 0);
        } else if difference < 0.0 {
            self.shakes += 1;
            self.rate = if self.rate >= RATE_MAX {
                0.9
            } else if self.rate <= RATE_MIN {
                0.005
            } else if spread(self.shakes).is_multiple_of(2) {
                (self.rate * 1.25).min(RATE_MAX)
            } else {
                (self.rate * 0.75).max(RATE_MIN)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_passes_through_the_queue() {
        // S is filled first; of those used equally often the most recent goes, which is also the first of Q.
        crate::script::check(&FACTORY, 4, "+1 +2 +3 +4 v", &[4], &[3, 1, 2]);
    }

    #[test]
    fn a_use_in_the_queue_leads_to_the_reused_and_the_oldest_there_falls_back() {
        let mut policy = Cacheus::new(4);
        let event = |slot: Slot| Event {
            slot,
            kind: 1,
            flags: 1,
            mime: 0,
            reserved: 0,
            hash: slot.into(),
            size: 1,
            fetch_us: 0,
            uses: 1,
        };
        (1..=4).for_each(|slot| policy.insert(&event(slot)));
        policy.hit(4, &event(4));
        assert_eq!((policy.queues.list_of(4), policy.queues.list_of(1)), (Some(REUSED), Some(QUEUE)));
        assert_eq!((policy.demoted, policy.queues.count(1)), (1, DEMOTED));
        // Used in Q: S was too small, but Q keeps one document.
        policy.hit(1, &event(1));
        assert_eq!((policy.demoted, policy.reused_max), (1, 3));
    }

    #[test]
    fn the_learning_rate_follows_the_hit_ratio() {
        let mut rate =
            LearningRate { rate: 0.1, change: 0.05, ratio: 0.5, period: 100, ..LearningRate::new() };
        let mut period = |hits: u64| {
            (rate.requests, rate.hits) = (100, hits);
            rate.end_period();
            (rate.rate * 1e4).round() / 1e4
        };
        assert_eq!(period(60), 0.105);
        assert_eq!(period(50), 0.1045);
        assert_eq!(period(50), 0.1045);
    }
}
