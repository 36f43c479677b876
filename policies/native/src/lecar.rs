//! LeCaR: LRU and LFU each name a victim, one of them is drawn by weight, and who evicted what is soon asked for again
//! loses weight. G. Vietri, L. V. Rodriguez, W. A. Martinez, S. Lyons, J. Liu, R. Rangaswami, M. Zhao, G. Narasimhan,
//! "Driving cache replacement with ML-based LeCaR", HotStorage 2018; history sizes, learning and discount rate as in the
//! authors' code.
//!
//! A victim is named before it is known for whom, so a weight changes after the eviction that goes with it. The cache's
//! size in documents, which the discount depends on, is what is in it.

use std::borrow::Cow;

use cnn_core::policy::{
    Event, Factory, Goal, HitEvents, Kind, Manifest, Parameter, Replacement, Settings, Slot,
};

use crate::experts::{self, ByUses, Expert, Weights};
use crate::ghosts::Ghosts;
use crate::queues::{Discipline, Queued, Queues, share};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| Replacement::Hooks(Box::new(Queued(LeCaR::new(capacity, settings)))),
};

const PARAMETERS: &[Parameter] = &[
    Parameter::real("learning-rate", 0.45, 0.0, 10.0, "how much weight a wrong expert loses"),
    Parameter::real("history", 0.5, 0.0, 4.0, "bytes remembered of what each expert evicted, in capacities"),
];

/// What is left of a blame after as many requests as there are documents.
const DISCOUNT: f64 = 0.005;
/// Ghosts of each expert per slot ever used, for a cache whose documents suddenly get tiny.
const GHOSTS_PER_SLOT_MAX: usize = 4;
/// The first use has this number; below it there is room for imports, which count as used before everything.
const FIRST_USE: u64 = 1 << 40;

/// Who named a victim, in its counter.
const NOBODY_ALONE: u32 = 0;
const BY_RECENCY: u32 = 1;
const BY_FREQUENCY: u32 = 2;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lecar"),
        summary: Cow::Borrowed(
            "least recent or least used first, as regret tells; adapts to shifts of popularity",
        ),
        paper: Cow::Borrowed(
            "Vietri, Rodriguez, Martinez, Lyons, Liu, Rangaswami, Zhao, Narasimhan, \"Driving cache replacement with \
             ML-based LeCaR\", HotStorage 2018",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

/// What is remembered of an evicted document.
#[derive(Clone, Copy, Default)]
struct Evicted {
    uses: u32,
    at: u64,
}

struct LeCaR {
    queues: Queues,
    by_uses: ByUses,
    weights: Weights,
    /// Of what the experts evicted against the other's word.
    by_recency: Ghosts<Evicted>,
    by_frequency: Ghosts<Evicted>,
    learning_rate: f64,
    now: u64,
    imports: u64,
}

impl LeCaR {
    fn new(capacity: u64, settings: &Settings) -> Self {
        let history = share(capacity, settings.get("history"));
        Self {
            queues: Queues::new(1),
            by_uses: ByUses::new(),
            weights: Weights::new(),
            by_recency: Ghosts::new(history),
            by_frequency: Ghosts::new(history),
            learning_rate: settings.get("learning-rate"),
            now: FIRST_USE,
            imports: 0,
        }
    }

    /// The uses a document had when it went, if it is remembered; the expert at fault is blamed.
    fn recall(&mut self, hash: u64) -> Option<u32> {
        let (expert, evicted) = match self.by_recency.take(hash) {
            Some(evicted) => (Expert::Recency, evicted),
            None => (Expert::Frequency, self.by_frequency.take(hash)?),
        };
        let documents = self.queues.len_of_all().max(1) as f64;
        let regret = DISCOUNT.powf((self.now - evicted.at) as f64 / documents);
        self.weights.blame(expert, self.learning_rate * regret);
        Some(evicted.uses)
    }
}

impl Discipline for LeCaR {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        self.now += 1;
        let uses = self.recall(event.hash).unwrap_or(0).saturating_add(1);
        self.queues.push(0, event.slot, event.size);
        self.by_uses.set(event.slot, uses, self.now);
        let count_max = self.queues.slots().saturating_mul(GHOSTS_PER_SLOT_MAX);
        self.by_recency.trim(count_max);
        self.by_frequency.trim(count_max);
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        self.now += 1;
        self.queues.move_to(0, slot);
        self.by_uses.set(slot, self.by_uses.uses(slot).saturating_add(1), self.now);
    }

    fn import(&mut self, event: &Event) {
        self.imports = (self.imports + 1).min(FIRST_USE);
        self.queues.push_import(0, event.slot, event.size);
        self.by_uses.set(event.slot, event.uses.max(1), self.imports);
    }

    fn gone(&mut self, event: &Event, _from: usize) {
        self.by_uses.remove(event.slot);
        let ghosts = match self.queues.count(event.slot) {
            BY_RECENCY => &mut self.by_recency,
            BY_FREQUENCY => &mut self.by_frequency,
            _ => return,
        };
        if event.is_evicted() {
            let evicted = Evicted { uses: self.by_uses.uses(event.slot), at: self.now };
            ghosts.push(event.hash, self.queues.size(event.slot), evicted);
        }
    }

    fn victim(&mut self) -> Option<Slot> {
        let (recent, least) = (self.queues.oldest(0)?, self.by_uses.least()?);
        let (victim, by) = if recent == least {
            (recent, NOBODY_ALONE)
        } else {
            match self.weights.draw() {
                Expert::Recency => (recent, BY_RECENCY),
                Expert::Frequency => (least, BY_FREQUENCY),
            }
        };
        self.by_uses.remove(victim);
        self.queues.set_count(victim, by);
        Some(self.queues.offer(victim))
    }

    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        experts::rank(&self.weights, self.queues.iter(0), self.by_uses.iter(), visit);
    }

    fn extra_bytes(&self) -> usize {
        self.by_uses.state_bytes() + self.by_recency.state_bytes() + self.by_frequency.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(slot: Slot) -> Event {
        let hash = slot.into();
        Event { slot, kind: 1, flags: 1, mime: 0, reserved: 0, hash, size: 1, fetch_us: 0, uses: 1 }
    }

    #[test]
    fn where_the_experts_agree_nothing_is_drawn() {
        crate::script::check(&FACTORY, 10, "+1 +2 +3 h2 h3 v", &[1], &[2, 3]);
    }

    #[test]
    fn who_evicted_what_comes_back_loses_weight() {
        let mut policy = LeCaR::new(10, &Settings::defaults(PARAMETERS));
        (0..10).for_each(|slot| policy.insert(&event(slot)));
        // The oldest is not the least used.
        policy.hit(0, &event(0));
        policy.hit(1, &event(1));
        (2..10).for_each(|slot| policy.hit(slot, &event(slot)));
        policy.hit(0, &event(0));
        policy.by_uses.set(5, 1, 0);
        let victim = policy.victim().expect("there are ten");
        let expert = if victim == 5 { Expert::Frequency } else { Expert::Recency };
        policy.queues_mut().forget(victim);
        policy.gone(&event(victim), 0);
        policy.insert(&event(victim));
        assert_eq!(policy.weights.recency() < 0.5, expert == Expert::Recency, "{victim}");
        assert!(policy.by_uses.uses(victim) > 1, "its uses are known");
    }

    #[test]
    fn imports_lie_below_what_is_there() {
        crate::script::check(&FACTORY, 10, "+1 h1 i2 I3 v", &[2], &[3, 1]);
    }
}
