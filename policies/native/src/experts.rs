//! What LeCaR and CACHEUS have in common: two experts who each name a victim, weights that say whose word counts how
//! often, and the order of the second expert, who goes by the number of uses.
//!
//! The draws are seeded and numbered, so the same events give the same victims.

use std::collections::BTreeSet;

use cnn_core::policy::{Paged, Slot};

use crate::list::PAGE_SLOTS;
use crate::sketch::spread;

/// The weight no expert falls below.
const WEIGHT_MIN: f64 = 0.01;

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expert {
    /// By the last use.
    Recency,
    /// By the number of uses.
    Frequency,
}

/// Whose word counts how often.
pub(crate) struct Weights {
    /// From `WEIGHT_MIN` to 1 less that; the other expert has the rest.
    recency: f64,
    draws: u64,
}

impl Weights {
    pub(crate) const fn new() -> Self {
        Self { recency: 0.5, draws: 0 }
    }

    /// Draws an expert by weight.
    pub(crate) fn draw(&mut self) -> Expert {
        let expert = self.draw_at(0);
        self.draws += 1;
        expert
    }

    /// The expert that is drawn after so many other draws, if no weight changes.
    pub(crate) fn draw_at(&self, later: u64) -> Expert {
        let number = (spread(self.draws + later + 1) >> 11) as f64 / (1_u64 << 53) as f64;
        if number < self.recency { Expert::Recency } else { Expert::Frequency }
    }

    /// An expert was wrong: its weight falls by this exponent.
    pub(crate) fn blame(&mut self, expert: Expert, exponent: f64) {
        let factor = (-exponent).exp();
        let (recency, frequency) = match expert {
            Expert::Recency => (self.recency * factor, 1.0 - self.recency),
            Expert::Frequency => (self.recency, (1.0 - self.recency) * factor),
        };
        self.recency = (recency / (recency + frequency)).clamp(WEIGHT_MIN, 1.0 - WEIGHT_MIN);
    }

    #[cfg(test)]
    pub(crate) fn recency(&self) -> f64 {
        self.recency
    }
}

/// Documents by the number of their uses; of equally many, by a number of the policy's.
// Invariant: order has (uses, tie, slot) of exactly the slots that are in it, as keys has them.
pub(crate) struct ByUses {
    order: BTreeSet<(u32, u64, Slot)>,
    keys: Paged<(u32, u64), PAGE_SLOTS>,
}

/// A tree's nodes are half full at least.
const NODE_BYTES: usize = 2 * size_of::<(u32, u64, Slot)>();

impl ByUses {
    pub(crate) fn new() -> Self {
        Self { order: BTreeSet::new(), keys: Paged::new((0, 0), 0) }
    }

    /// Puts a document in its place, or into another.
    pub(crate) fn set(&mut self, slot: Slot, uses: u32, tie: u64) {
        self.remove(slot);
        self.keys.set(slot as usize, (uses, tie));
        self.order.insert((uses, tie, slot));
    }

    /// Takes a document out; its uses are known until it is put in anew.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let (uses, tie) = self.keys.get(slot as usize);
        self.order.remove(&(uses, tie, slot));
    }

    /// The uses of a document when it was put in.
    pub(crate) fn uses(&self, slot: Slot) -> u32 {
        self.keys.get(slot as usize).0
    }

    /// The document used least.
    pub(crate) fn least(&self) -> Option<Slot> {
        self.order.first().map(|&(_, _, slot)| slot)
    }

    /// All of them, the least used first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        self.order.iter().map(|&(_, _, slot)| slot)
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.order.len() * NODE_BYTES + self.keys.bytes()
    }
}

/// Plays the draws through on the side: each expert's documents in its order, whoever is drawn names the next that is not
/// gone yet. `later` is the number of the next draw; one is used for each victim two experts disagree about.
pub(crate) fn rank(
    weights: &Weights,
    recency: impl Iterator<Item = Slot>,
    frequency: impl Iterator<Item = Slot>,
    visit: &mut dyn FnMut(Slot) -> bool,
) {
    let mut gone = std::collections::HashSet::new();
    let (mut recency, mut frequency) = (recency.peekable(), frequency.peekable());
    let mut later = 0;
    loop {
        while recency.next_if(|slot| gone.contains(slot)).is_some() {}
        while frequency.next_if(|slot| gone.contains(slot)).is_some() {}
        let (Some(&recent), Some(&least)) = (recency.peek(), frequency.peek()) else { return };
        let victim = if recent == least {
            recent
        } else {
            later += 1;
            match weights.draw_at(later - 1) {
                Expert::Recency => recent,
                Expert::Frequency => least,
            }
        };
        gone.insert(victim);
        if !visit(victim) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_blamed_loses_weight_but_never_all() {
        let mut weights = Weights::new();
        weights.blame(Expert::Recency, 1.0);
        assert!((weights.recency() - 1.0 / (1.0 + std::f64::consts::E)).abs() < 1e-12);
        (0..100).for_each(|_| weights.blame(Expert::Recency, 1.0));
        assert_eq!(weights.recency(), WEIGHT_MIN);
        (0..100).for_each(|_| weights.blame(Expert::Frequency, 1.0));
        assert_eq!(weights.recency(), 1.0 - WEIGHT_MIN);
        let drawn = (0..10_000).filter(|_| weights.draw() == Expert::Frequency).count();
        assert!((50..200).contains(&drawn), "{drawn}");
    }

    #[test]
    fn documents_lie_by_uses_and_then_by_the_tie() {
        let mut by_uses = ByUses::new();
        for (slot, uses, tie) in [(1, 2, 9), (2, 1, 8), (3, 1, 7), (4, 5, 0), (4, 1, 9)] {
            by_uses.set(slot, uses, tie);
        }
        assert_eq!(by_uses.iter().collect::<Vec<_>>(), [3, 2, 4, 1]);
        by_uses.remove(3);
        assert_eq!((by_uses.least(), by_uses.uses(3)), (Some(2), 1));
    }
}
