//! What an event costs the policy alone: nanoseconds for a hit, for a replacement (a victim, its removal, an insertion)
//! with a hit, and bytes of state per document, with a million documents whose popularity falls with their rank.
//!
//! Not here: the engine around it (batches, heaps, columns) and the request path, which have benches of their own.
//! `cargo bench -p cnn-policies`, about ten seconds.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use cnn_core::policy::{Context, Documents, Event, EventKind, Flags, HookPolicy, Replacement, Slot};
use cnn_core::time::Tick;
use fastrand::Rng;

const DOCUMENTS: u32 = 1_000_000;
const EVENTS: usize = 4_000_000;
const ROUNDS: usize = 20;
const MEAN_BYTES: u64 = 8_192;

fn event(kind: EventKind, slot: Slot, hash: u64, flags: u8, uses: u32) -> Event {
    let size = 1 + hash % (2 * MEAN_BYTES);
    Event { slot, kind: kind as u8, flags, mime: 0, reserved: 0, hash, size, fetch_us: 1_000, uses }
}

/// Slots as requests meet them: the rank falls off as 1 / x, and a rank lives anywhere in the table.
fn popular_slots(rng: &mut Rng) -> Vec<Slot> {
    let slot = |_| {
        let rank = f64::from(DOCUMENTS).powf(rng.f64()) as u32 - 1;
        (u64::from(rank) * 2_654_435_761 % u64::from(DOCUMENTS)) as Slot
    };
    (0..EVENTS).map(slot).collect()
}

/// Nanoseconds each, in the best of the rounds: whatever else the machine does can only add.
fn ns_each(hits: &[Event], mut run: impl FnMut(&Event)) -> f64 {
    let round = |hits: &[Event]| {
        let start = Instant::now();
        hits.iter().for_each(&mut run);
        start.elapsed().as_nanos() as f64 / hits.len() as f64
    };
    hits.chunks_exact(EVENTS / ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// Nanoseconds for a hit, for a replacement and a hit, and bytes of state per document.
fn measure_hooks(
    policy: &mut dyn HookPolicy,
    context: &Context<'_>,
    hits: &[Event],
    rng: &mut Rng,
) -> [f64; 3] {
    let mut hash_of: Vec<_> = (0..DOCUMENTS).map(|_| rng.u64(..)).collect();
    for (slot, &hash) in (0..).zip(&hash_of) {
        policy.on_event(context, &event(EventKind::Insert, slot, hash, 0, 1));
    }
    let hit_ns = ns_each(hits, |hit| policy.on_event(context, hit));
    let replacement_ns = ns_each(hits, |hit| {
        let slot = policy.victim(context).expect("a million documents");
        let hash = std::mem::replace(&mut hash_of[slot as usize], rng.u64(..));
        policy.on_event(context, &event(EventKind::Remove, slot, hash, Flags::EVICTED, 1));
        policy.on_event(context, &event(EventKind::Insert, slot, hash_of[slot as usize], 0, 1));
        policy.on_event(context, hit);
    });
    [hit_ns, replacement_ns, policy.state_bytes() as f64 / f64::from(DOCUMENTS)]
}

fn main() {
    let mut rng = Rng::with_seed(1);
    let hits: Vec<_> =
        popular_slots(&mut rng).iter().map(|&slot| event(EventKind::Hit, slot, 0, 0, 2)).collect();
    let documents = Documents::new(DOCUMENTS as usize);
    let context = Context { documents: &documents, now: Tick(0) };
    println!(
        "{:<12} {:>10} {:>26} {:>15}",
        "policy", "ns per hit", "ns per replacement and hit", "bytes per slot"
    );
    for factory in cnn_policies::registry() {
        let name = (factory.manifest)().name;
        match factory.with_defaults(u64::from(DOCUMENTS) * MEAN_BYTES) {
            Replacement::Hooks(mut policy) => {
                let [hit, replacement, bytes] = measure_hooks(&mut *policy, &context, &hits, &mut rng);
                println!("{name:<12} {hit:>10.1} {replacement:>26.1} {bytes:>15.1}");
            }
            Replacement::Key(mut policy) => {
                let hit = ns_each(&hits, |hit| {
                    black_box(policy.key(&context, hit));
                });
                println!("{name:<12} {hit:>10.1} {:>26} {:>15}", "in the host's heap", "-");
            }
            Replacement::Score(_) => println!("{name:<12} is sampled by the host"),
        }
    }
}
