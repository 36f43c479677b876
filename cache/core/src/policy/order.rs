//! The three shapes of order behind one trait: what the executor moves documents between.
//!
//! An order holds documents and knows who of them goes first. It decides nothing about when: that is the executor's.
//! It trusts its caller to know which documents it holds (the executor keeps an owner per slot) and does not trust
//! the policy at all: what a policy returns is checked by the executor.

mod heap;
mod queues;
mod sampled;

pub(super) use self::heap::Heap;
pub(super) use self::queues::Queues;
pub(super) use self::sampled::Sampled;

use super::{Context, Event, Replacement, Slot, WrongVictim};

/// A document an order put forward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Victim {
    pub(super) slot: Slot,
    /// The key or score by which it was picked; zero where there is none.
    pub(super) value: f64,
}

/// How well a rank is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Counted.
    Exact,
    /// Estimated from a sample.
    Estimate,
    /// At least so many go first; counting was stopped there.
    AtLeast,
}

/// A document's place in the line to be evicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rank {
    /// Documents that go before it.
    pub before: usize,
    /// How well that is known.
    pub precision: Precision,
    /// Slots of the few going right before it, the nearest last; empty where they are not known.
    pub nearest: Vec<Slot>,
}

/// Documents in the order a policy gives them.
pub(super) trait Order: Send {
    /// A document comes in: `Insert`, `Import` or `Return`.
    fn place(&mut self, context: &Context<'_>, event: &Event);

    /// A document it holds was used or changed: `Hit` or `Update`.
    fn touch(&mut self, context: &Context<'_>, event: &Event);

    /// A document it holds goes: `Remove`.
    fn remove(&mut self, context: &Context<'_>, event: &Event);

    /// Takes out the document that goes first. `None` when it holds none (or, of a policy with queues, claims so).
    fn victim(&mut self, context: &Context<'_>) -> Option<Victim>;

    /// Adds the next `most` victims to `into`, as if taken out one by one; fewer when it holds no more.
    fn victims(&mut self, context: &Context<'_>, most: usize, into: &mut Vec<Victim>) {
        into.extend((0..most).map_while(|_| self.victim(context)));
    }

    /// Its policy named this slot as a victim, or none, and that was wrong.
    fn refused(&mut self, _context: &Context<'_>, _wrong: WrongVictim, _slot: Option<Slot>) {}

    /// A document it put forward and the host did not put back is gone: `Remove`.
    fn victim_gone(&mut self, context: &Context<'_>, event: &Event, value: f64);

    /// Calls `visit` with documents in the order they would go, until it returns false. Changes nothing. An order
    /// that samples visits a sorted sample.
    fn line(&self, context: &Context<'_>, visit: &mut dyn FnMut(Victim) -> bool);

    /// The place of a document it holds.
    fn rank(&self, context: &Context<'_>, slot: Slot) -> Option<Rank>;

    /// Bytes its state takes, the policy's included where it is known.
    fn state_bytes(&self) -> usize;

    /// What its policy has learned, for another instance of it.
    fn state(&self) -> Option<Vec<u8>>;

    /// Whether its policy can still decide.
    fn is_fit(&self) -> bool;
}

/// An empty order for a policy, for slots below `slots_max`.
pub(super) fn order_for(replacement: Replacement, slots_max: usize) -> Box<dyn Order> {
    match replacement {
        Replacement::Key(policy) => Box::new(Heap::new(policy, slots_max)),
        Replacement::Score(policy) => Box::new(Sampled::new(policy, slots_max)),
        Replacement::Hooks(policy) => Box::new(Queues::new(policy)),
    }
}

/// Maps a key or score to an integer of the same order: not a number first, then minus infinity up to infinity; both
/// zeros are one.
fn ordered_bits(value: f64) -> u64 {
    if value.is_nan() {
        return 0;
    }
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn from_ordered_bits(bits: u64) -> f64 {
    match bits {
        0 => f64::NAN,
        bits if bits >> 63 == 1 => f64::from_bits(bits & !(1 << 63)),
        bits => f64::from_bits(!bits),
    }
}

#[cfg(test)]
mod tests;
