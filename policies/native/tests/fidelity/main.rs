//! The policies decide as their papers say and as others' implementations do.
//!
//! Two comparisons. On synthetic traces every request must have the same outcome as in a naive form of the policy. On
//! real traces the miss ratios must be those of libCacheSim 0.3.5 to the last of the six digits it prints, or follow from
//! rules of theirs that `variants.rs` has one by one; only what samples at random may be off by so much, and `libcachesim.rs`
//! says what is compared with what. `policies/native/fidelity.md` says what came of it.
//!
//! The traces are not part of the repository: the test looks for `shared/traces` beside the checkout, or where
//! `CNN_TRACES` says, and tells when there are none. Traces of millions of requests are compared when `CNN_FIDELITY=all`
//! says so, and with `BLESS=1` besides the table is written anew. Both comparisons go through the engine (executor,
//! orders), so they hold for what the proxy runs.
//!
//! What a cache admits is not a replacement policy's affair here; where theirs refuses objects, the driver does. Their GDSF
//! inserts first and evicts then, so that a newcomer may be its own victim; so does the driver for those rows. Cao and
//! Irani make room first, and so must a proxy that charges bytes as they arrive. libCacheSim has no GreedyDual-Size:
//! `gds`, `gds-packets` and `gds-latency` are compared with their naive forms only.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

mod driver;
mod learners;
mod libcachesim;
mod naive;
mod results;
/// The policies' own sketch, which is not what is compared.
#[expect(unreachable_pub, reason = "what is public there is not here")]
#[path = "../../src/sketch.rs"]
mod sketch;
mod traces;
mod variants;

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use driver::{Cache, Host};
use libcachesim::{RULES, Rule};
use results::{Blessing, Compared};
use traces::Trace;

/// Compares every policy on a real trace, at every size there is a result for.
fn compare(folder: &Path, name: &str) -> Vec<Compared> {
    let sized = traces::load(folder, name).unwrap_or_else(|| panic!("{name}: no such trace"));
    let equal_sizes = sized.with_equal_sizes();
    let rows = traces::references(folder);
    let mut compared = Vec::new();
    for row in rows.iter().filter(|row| row.trace == name) {
        let trace = if row.ignore_size { &equal_sizes } else { &sized };
        let of_row = |rule: &&Rule| rule.theirs == row.policy && (rule.has_bytes || row.ignore_size);
        for rule in RULES.iter().filter(of_row) {
            let result = Compared::new(rule, row, trace);
            if !result.is_explained() {
                let _ = write!(std::io::stderr(), "UNEXPLAINED: {}", result.line());
            }
            compared.push(result);
        }
    }
    compared
}

/// Checks real traces against the table, or says that there are none.
#[track_caller]
fn check(names: &[&str]) {
    if results::blessing() == Blessing::All {
        return;
    }
    let Some(folder) = traces::folder() else {
        // Past the test's capture of output: a comparison that did not happen must be seen.
        let names = names.join(", ");
        let _ = writeln!(std::io::stderr(), "SKIPPED: no shared/traces beside the checkout for {names}");
        return;
    };
    let table = results::table();
    for name in names {
        let compared = compare(&folder, name);
        assert!(!compared.is_empty(), "{name}: nothing to compare with");
        let missing: String =
            compared.iter().map(Compared::line).filter(|line| !table.contains(line)).collect();
        assert!(missing.is_empty(), "not in fidelity.csv:\n{missing}");
    }
}

/// Small enough to be compared every time.
const SMALL: &[&[&str]] = &[
    &["bu98", "nasa-1995-08-01", "semicomplete-2015"],
    &["squid-campus-br", "squid-mixed-format-class", "squid-nine-field-2010", "squid-sslbump-lab"],
    &["squidrec-bu98", "squidrec-nasa-mix"],
    &["cloudPhysicsIO", "corda-vaultservice", "cache2k-web07"],
    &["lirs-2_pools", "lirs-cpp", "lirs-gli", "lirs-multi2", "lirs-sprite"],
];
/// The others.
const LARGE: &[&str] =
    &["arc-P6", "cache2k-orm-busy", "arc-P3", "twitter_cluster52", "arc-OLTP", "lirs-loop"];

#[test]
fn web_traffic_misses_as_in_libcachesim() {
    check(SMALL[0]);
}

#[test]
fn logs_of_squid_miss_as_in_libcachesim() {
    check(SMALL[1]);
    check(SMALL[2]);
}

#[test]
fn databases_and_disks_miss_as_in_libcachesim() {
    check(SMALL[3]);
}

#[test]
fn loops_and_scans_miss_as_in_libcachesim() {
    check(SMALL[4]);
}

#[test]
fn traces_of_millions_miss_as_in_libcachesim_when_asked_for() {
    if results::is_all() {
        check(LARGE);
    }
}

/// Writes the table anew when that is asked for: two traces at a time, the longest first.
#[test]
fn the_table_is_written_when_asked_for() {
    if results::blessing() != Blessing::All {
        return;
    }
    let folder = traces::folder().expect("the table is written from the traces");
    let waiting = Mutex::new(LARGE.iter().chain(SMALL.concat().iter()).copied().rev().collect::<Vec<_>>());
    let compared = Mutex::new(Vec::new());
    let work = || {
        while let Some(name) = { waiting.lock().unwrap().pop() } {
            let result = compare(&folder, name);
            compared.lock().unwrap().extend(result);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    results::bless(compared.into_inner().unwrap());
}

/// Policies without a plain form: those that sample are told by their engine's tests and the miss ratios, `lhd` and
/// `w-tinylfu` without its climb have theirs in the variants.
const WITHOUT_NAIVE_FORM: &[&str] =
    &["w-tinylfu", "hyperbolic", "lhd", "lru-sampled", "lfu-da-sampled", "gdsf-sampled"];

/// Compares each request's outcome with the naive form's, with a purge now and then.
#[track_caller]
fn check_naive(policy: &str, capacity: u64, trace: &Trace, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut host = Host::new(cnn_policies::find(policy).unwrap(), capacity, trace.objects);
    let Some(mut naive) = naive::cache(policy, capacity).or_else(|| learners::cache(policy, capacity)) else {
        assert!(WITHOUT_NAIVE_FORM.contains(&policy), "no plain form of {policy}: write one");
        return;
    };
    for (at, &(object, size)) in trace.requests.iter().enumerate() {
        let expected = naive.request(object, size);
        assert_eq!(host.request(object, size), expected, "{policy} of {capacity}, seed {seed}, request {at}");
        if rng.u8(..) == 0 {
            let object = rng.u32(0..trace.objects as u32);
            host.purge(object);
            naive.purge(object);
        }
    }
}

#[test]
fn every_decision_is_that_of_the_naive_form() {
    for seed in 1..=3 {
        let sized = Trace::synthetic(seed, 8_000);
        let equal_sizes = sized.with_equal_sizes();
        for factory in cnn_policies::registry() {
            let policy = (factory.manifest)().name;
            for capacity in [9, 10, 37, 200] {
                check_naive(&policy, capacity, &equal_sizes, seed);
            }
            for capacity in [500, 20_000, 200_000] {
                check_naive(&policy, capacity, &sized, seed);
            }
        }
    }
}
