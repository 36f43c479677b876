//! The exports of a policy with queues of its own.

use cnn_core::policy::{HookPolicy, Replacement, Slot};
use std::prelude_of_alloc::*;

use crate::rooms::{DOCUMENTS, EVENTS, Only, context, settings};

static POLICY: Only<Option<Box<dyn HookPolicy>>> = Only::new(None);
static PICKS: Only<[Slot; 256]> = Only::new([0; 256]);

fn policy() -> &'static mut dyn HookPolicy {
    match POLICY.get() {
        Some(policy) => &mut **policy,
        None => core::arch::wasm32::unreachable(),
    }
}

#[unsafe(no_mangle)]
extern "C" fn init(capacity: u64, slots_max: usize) {
    DOCUMENTS.get().slots_max = slots_max;
    if let Replacement::Hooks(policy) = (crate::chosen::FACTORY.build)(capacity, settings()) {
        *POLICY.get() = Some(policy);
    }
}

#[unsafe(no_mangle)]
extern "C" fn picks() -> usize {
    PICKS.address()
}

#[unsafe(no_mangle)]
extern "C" fn on_events(count: usize, now: u64) {
    let (policy, context) = (policy(), context(now));
    for event in EVENTS.get().iter().take(count) {
        policy.on_event(&context, event);
    }
}

#[unsafe(no_mangle)]
extern "C" fn victims(most: usize) -> usize {
    let (policy, context, picks) = (policy(), context(0), PICKS.get());
    let mut count = 0;
    for place in picks.iter_mut().take(most) {
        let Some(slot) = policy.victim(&context) else { break };
        *place = slot;
        count += 1;
    }
    count
}

#[unsafe(no_mangle)]
extern "C" fn len() -> usize {
    policy().len()
}

#[unsafe(no_mangle)]
extern "C" fn rank(first: usize, most: usize) -> usize {
    let picks = PICKS.get();
    let most = most.min(picks.len());
    let (mut place, mut count) = (0, 0);
    if most > 0 {
        policy().rank(&context(0), &mut |slot| {
            if place >= first {
                picks[count] = slot;
                count += 1;
            }
            place += 1;
            count < most
        });
    }
    count
}
