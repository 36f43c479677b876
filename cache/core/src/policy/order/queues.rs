//! The order of a policy with queues of its own: the policy's. This only passes on what happens.

use std::collections::VecDeque;

use super::{Order, Precision, Rank, Victim};
use crate::policy::limits::{LINE_VISITS_MAX, NEAREST};
use crate::policy::{Context, Event, HookPolicy, Slot, WrongVictim};

/// A hook policy as an order.
pub(in crate::policy) struct Queues {
    policy: Box<dyn HookPolicy>,
    /// Scratch for victims asked for in one call.
    slots: Vec<Slot>,
}

impl Queues {
    pub(in crate::policy) fn new(policy: Box<dyn HookPolicy>) -> Self {
        Self { policy, slots: Vec::new() }
    }
}

impl Order for Queues {
    fn place(&mut self, context: &Context<'_>, event: &Event) {
        self.policy.on_event(context, event);
    }

    fn touch(&mut self, context: &Context<'_>, event: &Event) {
        self.policy.on_event(context, event);
    }

    fn remove(&mut self, context: &Context<'_>, event: &Event) {
        self.policy.on_event(context, event);
    }

    fn victim(&mut self, context: &Context<'_>) -> Option<Victim> {
        self.policy.victim(context).map(|slot| Victim { slot, value: 0.0 })
    }

    fn victims(&mut self, context: &Context<'_>, most: usize, into: &mut Vec<Victim>) {
        self.policy.victims(context, most, &mut self.slots);
        into.extend(self.slots.drain(..).map(|slot| Victim { slot, value: 0.0 }));
    }

    fn refused(&mut self, context: &Context<'_>, wrong: WrongVictim, slot: Option<Slot>) {
        self.policy.refused(context, wrong, slot);
    }

    fn victim_gone(&mut self, context: &Context<'_>, event: &Event, _value: f64) {
        self.policy.on_event(context, event);
    }

    fn line(&self, context: &Context<'_>, visit: &mut dyn FnMut(Victim) -> bool) {
        self.policy.rank(context, &mut |slot| visit(Victim { slot, value: 0.0 }));
    }

    fn rank(&self, context: &Context<'_>, slot: Slot) -> Option<Rank> {
        let (mut before, mut is_found) = (0, false);
        let mut nearest = VecDeque::new();
        self.policy.rank(context, &mut |other| {
            is_found = other == slot;
            if !is_found {
                before += 1;
                nearest.push_back(other);
                if nearest.len() > NEAREST {
                    nearest.pop_front();
                }
            }
            !is_found && before < LINE_VISITS_MAX
        });
        Some(match is_found {
            true => Rank { before, precision: Precision::Exact, nearest: nearest.into() },
            false => Rank { before, precision: Precision::AtLeast, nearest: Vec::new() },
        })
    }

    fn state_bytes(&self) -> usize {
        self.policy.state_bytes()
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.policy.state()
    }

    fn is_fit(&self) -> bool {
        self.policy.is_fit()
    }
}
