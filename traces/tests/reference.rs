//! The replay misses what libCacheSim missed: `shared/traces/reference-miss-ratios.csv`, to the six digits it prints, for
//! the policies of one rule. The traces are not part of the repository: the test looks for `shared/traces` beside the
//! checkout, or where `CNN_TRACES` says, and tells when there are none.
//!
//! `policies/native/tests/fidelity` compares the policies; this holds the whole way from a file to a ratio. What libCacheSim
//! does differently is asked for: its GDSF makes room afterwards, its S3-FIFO stores nothing as large as its small queue.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::fs;
use std::io::Write as _;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use cnn_replay::replay::{Accounting, Bound, Options, Outcome, Policy, Room, Unit, run};
use cnn_replay::{PrepareOptions, Sizes, Trace, prepare};

/// Where a trace of the reference is.
const FILES: [(&str, &str); 5] = [
    ("bu98", "derived/bu98.oracleGeneral.zst"),
    ("nasa-1995-08-01", "derived/nasa-1995-08-01.csv.zst"),
    ("squidrec-nasa-mix", "derived/squidrec-nasa-mix.csv.zst"),
    ("arc-OLTP", "unsized/arc-OLTP.lis.zst"),
    ("corda-vaultservice", "unsized/corda-vaultservice.trace.gz"),
];

fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    let folder = std::env::var_os("CNN_TRACES").map_or_else(beside, PathBuf::from);
    let is_there = folder.join("reference-miss-ratios.csv").is_file();
    if !is_there {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no shared/traces beside the checkout");
    }
    is_there.then_some(folder)
}

fn read(path: PathBuf) -> Trace {
    let options = PrepareOptions { sizes: Some(Sizes::Logged), ..PrepareOptions::default() };
    prepare(&[path], &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}")).trace
}

/// Our run for a row of the reference; `None` for policies that have choices of their own.
fn ours(trace: &Trace, policy: &str, unit: Unit, size: u64) -> Option<Outcome> {
    let plain = Accounting { unit, ..Accounting::default() };
    let (name, accounting) = match policy {
        "LRU" => ("lru", plain),
        "FIFO" => ("fifo", plain),
        "Sieve" => ("sieve", plain),
        "Clock" => ("clock", plain),
        "S3FIFO" => ("s3-fifo", Accounting { largest: NonZeroU64::new(10), ..plain }),
        "GDSF" => ("gdsf", Accounting { room: Room::After, ..plain }),
        // Where sizes differ, Belady's rule has choices: libCacheSim's orders by size as well.
        "Belady" if unit == Unit::Documents => return Some(Bound::Belady.of(trace, size, plain).unwrap()),
        _ => return None,
    };
    let options = Options { accounting, ..Options::default() };
    Some(run(trace, &Policy::resolve(name).unwrap(), size, &options, &|_| ()).unwrap())
}

#[test]
fn every_ratio_is_that_of_libcachesim() {
    let Some(folder) = shared() else { return };
    let reference = fs::read_to_string(folder.join("reference-miss-ratios.csv")).unwrap();
    let (mut compared, mut complaints) = (0, String::new());
    for (name, file) in FILES {
        let trace = read(folder.join(file));
        for row in reference.lines().map(|line| line.split(',').collect::<Vec<_>>()) {
            let [of, policy, ignore_size, size, _, requests, miss_ratio, byte_miss_ratio] = row[..] else {
                continue;
            };
            if of != name {
                continue;
            }
            let unit = if ignore_size == "1" { Unit::Documents } else { Unit::Bytes };
            let Some(outcome) = ours(&trace, policy, unit, size.parse().unwrap()) else { continue };
            assert_eq!(outcome.traffic.requests.to_string(), requests);
            let agrees = |printed: &str, ratio: f64| {
                printed.is_empty() || (printed.parse::<f64>().unwrap() - ratio).abs() < 0.51e-6
            };
            let is_same = agrees(miss_ratio, outcome.miss_ratio())
                && agrees(byte_miss_ratio, outcome.byte_miss_ratio());
            compared += 1;
            if !is_same {
                complaints += &format!(
                    "{name}, {policy} of {size} {unit}: {:.6}, not {miss_ratio}\n",
                    outcome.miss_ratio()
                );
            }
        }
    }
    println!("{compared} ratios compared");
    assert!(compared > 60, "{compared} rows of the reference were found");
    assert!(complaints.is_empty(), "{complaints}");
}
