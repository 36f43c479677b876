//! The replay of a log does what the Squid did that wrote it.
//!
//! Four logs were recorded from a real Squid with known policies and sizes. Charged as Squid's store charges (whole blocks
//! of 4 KiB, metadata included) and under Squid's own key formulas, a replay comes within a point of the hit ratio that was
//! logged; without blocks GDSF comes out nearly four points too good. The logs are not part of the repository: the test
//! looks for `shared/traces` beside the checkout, or where `CNN_TRACES` says, and tells when there are none.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::io::Write as _;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use cnn_replay::replay::{Accounting, Options, Policy, Unit, logged, run};
use cnn_replay::{PrepareOptions, RuleSet, Trace, prepare};

/// The folder of recorded logs, or a word that there is none.
fn recorded() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    let folder = std::env::var_os("CNN_TRACES").map_or(beside, PathBuf::from).join("squid-recorded");
    if folder.is_dir() {
        return Some(folder);
    }
    let _ = writeln!(std::io::stderr(), "SKIPPED: no shared/traces beside the checkout");
    None
}

/// Hit ratio of a log's cache, and of its replay in a cache of so many MiB.
fn ratios(folder: &Path, log: &str, policy: &str, mib: u64, block: Option<u64>) -> (f64, f64) {
    let path = folder.join(format!("{log}.access.log.zst"));
    let options = PrepareOptions { rules: RuleSet::Reference, ..PrepareOptions::default() };
    let trace: Trace = prepare(&[path], &options, &mut |_| {}).unwrap().trace;
    let accounting = Accounting { block: block.and_then(NonZeroU64::new), ..Accounting::default() };
    let options = Options { accounting, ..Options::default() };
    let squid = logged(&trace, Unit::Bytes, options.latency).unwrap().unwrap();
    let policy = Policy::resolve(policy).unwrap();
    let ours = run(&trace, &policy, mib << 20, &options, &|_| ()).unwrap();
    let ratios = (squid.traffic.hit_ratio().unwrap(), ours.traffic.hit_ratio().unwrap());
    println!(
        "{log}, {} in {mib} MiB, blocks {block:?}: Squid {:.4}, replay {:.4}",
        policy.name(),
        ratios.0,
        ratios.1
    );
    ratios
}

/// Hit ratios within so many points of each other.
#[track_caller]
fn check(log: &str, policy: &str, mib: u64, points: f64) {
    let Some(folder) = recorded() else { return };
    let (squid, ours) = ratios(&folder, log, policy, mib, Some(4096));
    let apart = 100.0 * (ours - squid);
    assert!(apart.abs() <= points, "{log}: {apart:.2} points from Squid's {squid:.4}");
}

#[test]
fn squids_lru_hits_as_logged() {
    check("bu98-lru", "squid-lru", 32, 0.3);
    // Reloads and stale documents, which the log's cache had to fetch again, are in this one.
    check("nasa-mix-lru", "squid-lru", 12, 1.0);
}

#[test]
fn squids_gdsf_hits_as_logged() {
    check("bu98-gdsf", "squid-gdsf", 32, 0.3);
}

#[test]
fn squids_lfuda_hits_as_logged() {
    check("bu98-lfuda", "squid-lfuda", 32, 0.3);
}

#[test]
fn without_blocks_gdsf_comes_out_far_too_good() {
    let Some(folder) = recorded() else { return };
    let (squid, ours) = ratios(&folder, "bu98-gdsf", "squid-gdsf", 32, None);
    assert!((3.0..4.5).contains(&(100.0 * (ours - squid))), "{ours} for Squid's {squid}");
    let (squid, ours) = ratios(&folder, "bu98-gdsf", "gdsf", 32, None);
    assert!((3.0..4.5).contains(&(100.0 * (ours - squid))), "{ours} for Squid's {squid}");
}
