//! The exports of a policy with keys.

use cnn_core::policy::{KeyPolicy, Replacement};
use std::prelude_of_alloc::*;

use crate::rooms::{DOCUMENTS, EVENTS, Only, context, settings};

static POLICY: Only<Option<Box<dyn KeyPolicy>>> = Only::new(None);

fn policy() -> &'static mut dyn KeyPolicy {
    match POLICY.get() {
        Some(policy) => &mut **policy,
        None => core::arch::wasm32::unreachable(),
    }
}

#[unsafe(no_mangle)]
extern "C" fn init(capacity: u64, slots_max: usize) {
    DOCUMENTS.get().slots_max = slots_max;
    if let Replacement::Key(policy) = (crate::chosen::FACTORY.build)(capacity, settings()) {
        *POLICY.get() = Some(policy);
    }
}

#[unsafe(no_mangle)]
extern "C" fn key(now: u64) -> f64 {
    policy().key(&context(now), &EVENTS.get()[0])
}

#[unsafe(no_mangle)]
extern "C" fn evicted(key: f64) {
    policy().evicted(key);
}
