//! Whatever a policy is told, in whatever order, it stays consistent and does not panic: a host may lose hits, overtake
//! itself or be wrong, and a policy must not take the proxy down or grow without bound.

use std::collections::BTreeSet;

use cnn_core::policy::{
    Context, Documents, Event, EventKind, Flags, HookPolicy, KeyPolicy, Replacement, Slot,
};
use cnn_core::time::Tick;
use fastrand::Rng;

const SEEDS: u64 = 300;
const STEPS: usize = 400;
/// Bytes of state a slot may cost a policy at most: links, size, state and nine ghosts, and vectors twice too large.
const SLOT_BYTES_MAX: usize = 800;
/// And the policy itself, whatever the number of slots: LHD's densities.
const OWN_BYTES_MAX: usize = 4 << 20;

fn any_event(rng: &mut Rng, slots: u32) -> Event {
    let slot = match rng.u8(0..50) {
        0 => rng.u32(..),
        1 => Slot::MAX - rng.u32(0..3),
        _ => rng.u32(0..slots),
    };
    let size = match rng.u8(0..10) {
        0 => rng.u64(..),
        1 => 0,
        _ => rng.u64(1..20),
    };
    let kind = if rng.u8(0..30) == 0 { rng.u8(..) } else { rng.u8(0..6) };
    Event {
        slot,
        kind,
        flags: rng.u8(0..3),
        mime: rng.u8(..),
        reserved: 0,
        hash: rng.u64(0..100),
        size,
        fetch_us: rng.u32(..) >> rng.u8(0..32),
        uses: rng.u32(..) >> rng.u8(0..32),
    }
}

fn capacity(rng: &mut Rng) -> u64 {
    match rng.u8(0..4) {
        0 => rng.u64(..),
        1 => rng.u64(0..12),
        _ => rng.u64(12..200),
    }
}

/// The documents the policy would evict, in order.
fn ranked(policy: &dyn HookPolicy, context: &Context<'_>) -> Vec<Slot> {
    let mut slots = Vec::new();
    policy.rank(context, &mut |slot| {
        slots.push(slot);
        true
    });
    slots
}

/// Plays events and victims against a plain set of what is in the queues.
fn play(policy: &mut dyn HookPolicy, rng: &mut Rng, seed: &str) {
    let documents = Documents::new(1);
    let context = Context { documents: &documents, now: Tick(0) };
    let slots = rng.u32(1..60);
    let mut queued = BTreeSet::new();
    for _ in 0..STEPS {
        if rng.u8(0..5) == 0 {
            let expected = ranked(policy, &context).first().copied();
            let victim = policy.victim(&context);
            assert_eq!(victim, expected, "the victim is the worst of the rank, {seed}");
            if let Some(slot) = victim {
                assert!(queued.remove(&slot), "a victim is in the queues, {seed}");
            }
            continue;
        }
        let event = any_event(rng, slots);
        policy.on_event(&context, &event);
        match event.kind() {
            Some(EventKind::Insert | EventKind::Import | EventKind::Return)
                if (event.slot as usize) < documents.slots_max() =>
            {
                queued.insert(event.slot);
            }
            Some(EventKind::Remove) => {
                queued.remove(&event.slot);
            }
            _ => {}
        }
        assert_eq!(policy.len(), queued.len(), "{seed}");
        assert_eq!(policy.is_empty(), queued.is_empty(), "{seed}");
    }
    let rank = ranked(policy, &context);
    assert_eq!(rank.iter().copied().collect::<BTreeSet<_>>(), queued, "the rank has what is queued, {seed}");
    let drained: Vec<_> = std::iter::from_fn(|| policy.victim(&context)).collect();
    assert_eq!(drained, rank, "the rank is the order of the victims, {seed}");
    assert!(policy.state_bytes() <= OWN_BYTES_MAX + SLOT_BYTES_MAX * documents.slots_max(), "{seed}");
}

/// Plays events against a policy whose order the host keeps: any number may come back, but no panic.
fn play_keys(policy: &mut dyn KeyPolicy, rng: &mut Rng) {
    let documents = Documents::new(1);
    let context = Context { documents: &documents, now: Tick(0) };
    for _ in 0..STEPS {
        let key = policy.key(&context, &any_event(rng, 60));
        assert!(!key.is_nan(), "a policy of ours always knows a key");
        policy.evicted(if rng.bool() { key } else { f64::from_bits(rng.u64(..)) });
    }
}

#[test]
fn a_policy_survives_any_sequence_of_events() {
    for seed in 0..SEEDS {
        for factory in cnn_policies::registry() {
            let mut rng = Rng::with_seed(seed);
            match factory.with_defaults(capacity(&mut rng)) {
                Replacement::Hooks(mut policy) => {
                    play(&mut *policy, &mut rng, &format!("{} with seed {seed}", (factory.manifest)().name));
                }
                Replacement::Key(mut policy) => play_keys(&mut *policy, &mut rng),
                Replacement::Score(_) => {}
            }
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_events() {
    for factory in cnn_policies::registry() {
        let Replacement::Hooks(mut policy) = factory.with_defaults(u64::MAX) else { continue };
        let documents = Documents::new(1);
        let context = Context { documents: &documents, now: Tick(0) };
        let mut rng = Rng::with_seed(1);
        let mut early_bytes = 0;
        for round in 0..20_000 {
            let slot = round % 64;
            for (kind, flags) in [(EventKind::Insert, 0), (EventKind::Remove, Flags::EVICTED)] {
                let (kind, hash) = (kind as u8, rng.u64(..));
                let event =
                    Event { slot, kind, flags, mime: 0, reserved: 0, hash, size: 1, fetch_us: 0, uses: 1 };
                policy.on_event(&context, &event);
            }
            if round == 2_000 {
                early_bytes = policy.state_bytes();
            }
        }
        assert!(policy.state_bytes() <= 2 * early_bytes, "{}", (factory.manifest)().name);
    }
}
