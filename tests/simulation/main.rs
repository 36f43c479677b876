//! The core simulated: repository, board, executor and switches under a seeded stream of fills, hits, purges, size
//! changes, expiry, switches during switches, rollbacks during drains, lost events and hostile policies, checked
//! against a plain map after every step.
//!
//! A failure prints its seed; `CNN_SIMULATION_SEED=N cargo test --test simulation` replays that seed alone and prints
//! its steps. `CNN_SIMULATION_SEEDS=N` runs so many seeds per kind of world.
//!
//! The thread of the proxy's executor is simulated by turns at random moments with random budgets, so what is decided
//! late, early or from stale knowledge is covered too; real threads are in the tests of the proxy's engine.

mod hostile;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use world::{Kind, World};

/// Seeds per kind of world when not told: a few seconds each.
const SEEDS: u64 = 1000;

/// Steps of a run.
const STEPS: usize = 200;

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
}

/// Runs all seeds of a kind of world.
fn simulate(kind: Kind) {
    if let Some(seed) = variable("CNN_SIMULATION_SEED") {
        run(kind, seed, true);
        return;
    }
    for seed in 0..variable("CNN_SIMULATION_SEEDS").unwrap_or(SEEDS) {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(kind, seed, false)));
        if let Err(panic) = outcome {
            eprintln!("{kind:?} world, seed {seed}: replay it with CNN_SIMULATION_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

/// One run; returns a digest of everything that was evicted.
fn run(kind: Kind, seed: u64, is_told: bool) -> u64 {
    let mut world = World::new(kind, seed);
    for step in 0..STEPS {
        let told = world.step();
        if is_told {
            println!("{step}: {told}");
        }
        world.check();
    }
    world.finish()
}

#[test]
fn the_core_keeps_its_promises_with_an_executor_that_lags() {
    simulate(Kind::Apart);
}

#[test]
fn the_core_keeps_its_promises_with_an_executor_in_line() {
    simulate(Kind::Inline);
}

#[test]
fn the_core_keeps_its_promises_with_hostile_policies() {
    simulate(Kind::Hostile);
}

#[test]
fn the_core_keeps_its_promises_when_everything_is_scarce() {
    simulate(Kind::Scarce);
}

#[test]
fn the_same_seed_gives_the_same_decisions() {
    for seed in 0..20 {
        for kind in [Kind::Apart, Kind::Inline, Kind::Hostile, Kind::Scarce] {
            assert_eq!(run(kind, seed, false), run(kind, seed, false), "{kind:?} world, seed {seed}");
        }
    }
}
