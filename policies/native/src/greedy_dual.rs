//! GreedyDual, the frame most key policies here are made of: a document's key is what it is worth plus the clock `L`
//! at the moment it is touched, and `L` is raised to the key of whatever is evicted. So a document that is not touched
//! is overtaken by the others in time, without any key being rewritten. N. Young, "On-line caching as cache size
//! varies", SODA 1991; the clock instead of subtraction is P. Cao and S. Irani's (USITS 1997).
//!
//! `L` rises by about the worth of one document each time the cache is turned over, so 53 bits of mantissa last for
//! millions of turnovers before neighbouring keys can fall together; ties are then broken by age, as in any heap.

use cnn_core::policy::{Context, Event, KeyPolicy};

/// The clock and what a document is worth.
pub(crate) struct GreedyDual<W> {
    clock: f64,
    worth: W,
}

impl<W> GreedyDual<W>
where
    W: FnMut(&Event) -> f64 + Send,
{
    pub(crate) const fn new(worth: W) -> Self {
        Self { clock: 0.0, worth }
    }
}

impl<W> KeyPolicy for GreedyDual<W>
where
    W: FnMut(&Event) -> f64 + Send,
{
    fn key(&mut self, _context: &Context<'_>, event: &Event) -> f64 {
        self.clock + (self.worth)(event)
    }

    fn evicted(&mut self, key: f64) {
        // What was keyed before a hand-over, or is not a number, must not turn the clock back or stop it.
        if key > self.clock && key.is_finite() {
            self.clock = key;
        }
    }
}

/// The document's size as a divisor: at least 1.
pub(crate) fn bytes(event: &Event) -> f64 {
    event.size.max(1) as f64
}

/// How often the document was used, the fetch that stored it included: at least 1.
pub(crate) fn uses(event: &Event) -> f64 {
    event.uses.max(1).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use cnn_core::policy::{Documents, EventKind, Factory, Replacement};
    use cnn_core::time::Tick;

    use super::*;

    /// An insertion of a document.
    pub(crate) fn event(size: u64, uses: u32, fetch_us: u32) -> Event {
        let kind = EventKind::Insert as u8;
        Event { slot: 0, kind, flags: 0, mime: 0, reserved: 0, hash: 0, size, fetch_us, uses }
    }

    /// The keys the policy gives, one after the other.
    pub(crate) fn keys(factory: &Factory, events: &[Event]) -> Vec<f64> {
        let Replacement::Key(mut policy) = factory.with_defaults(1 << 20) else { panic!("no key policy") };
        let context = Context { documents: &Documents::new(1), now: Tick(0) };
        events.iter().map(|event| policy.key(&context, event)).collect()
    }

    #[test]
    fn the_clock_is_the_highest_key_evicted_and_is_added_to_later_keys() {
        let mut policy = GreedyDual::new(uses);
        let context = Context { documents: &Documents::new(1), now: Tick(0) };
        let mut check = |evicted: f64, expected: f64| {
            policy.evicted(evicted);
            assert_eq!(policy.key(&context, &event(1, 2, 0)), expected, "after {evicted}");
        };
        check(5.0, 7.0);
        check(3.0, 7.0);
        check(f64::NAN, 7.0);
        check(f64::INFINITY, 7.0);
        check(6.5, 8.5);
    }
}
