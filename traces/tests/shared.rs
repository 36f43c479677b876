//! The whole of the shared traces, when they are there: `shared/traces` beside the checkout, or `CNN_TRACES`. Every file is
//! detected and read, the counts are those its README states, and by the reference rule the logs become row for row what
//! libCacheSim was given.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::path::{Path, PathBuf};

use cnn_replay::{FileReport, PrepareOptions, Prepared, ReadOptions, Row, RuleSet, Sizes, prepare};

/// The file at this path among the shared traces, when they are there.
fn shared(path: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces");
    let folder = std::env::var_os("CNN_TRACES").map_or_else(beside, PathBuf::from);
    if !folder.join("README.md").is_file() {
        eprintln!("not checked: no shared/traces beside the checkout, and no CNN_TRACES");
        return None;
    }
    Some(folder.join(path))
}

fn read(path: &Path, rules: RuleSet, sizes: Option<Sizes>) -> Prepared {
    let bad_lines = "20".parse().unwrap();
    let read = ReadOptions { bad_lines, ..ReadOptions::default() };
    let options = PrepareOptions { read, rules, sizes, ..PrepareOptions::default() };
    prepare(&[path.to_owned()], &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

fn rows(prepared: &Prepared) -> Vec<Row> {
    let mut rows = Vec::new();
    prepared
        .trace
        .for_each_chunk(0, |chunk| {
            rows.extend_from_slice(chunk);
            true
        })
        .unwrap();
    rows
}

/// A log, what the README says is counted of it, and the file it was converted to.
#[test]
fn logs_become_row_for_row_what_the_reference_was_given() {
    for (log, format, lines, counted, objects, derived) in [
        ("squid/campus-br.access.log", "squid", 1_000, 827, 719, "squid-campus-br"),
        ("squid/sslbump-lab.access.log", "squid", 1_247, 1_086, 711, "squid-sslbump-lab"),
        ("squid/auth-tunnel.access.log", "squid", 1_060, 16, 3, "squid-auth-tunnel"),
        ("squid/mixed-format-class.access.log", "squid", 3_114, 1_304, 665, "squid-mixed-format-class"),
        ("squid/nine-field-2010.access.log", "squid", 121, 28, 12, "squid-nine-field-2010"),
        ("sized/nasa-1995-08-01.tsv.zst", "csv", 30_970, 30_297, 1_739, "nasa-1995-08-01"),
        ("sized/semicomplete-2015.combined.log.zst", "apache", 10_000, 9_536, 1_387, "semicomplete-2015"),
        ("squid-recorded/nasa-mix-lru.access.log.zst", "squid", 30_969, 30_302, 1_739, "squidrec-nasa-mix"),
    ] {
        let Some(path) = shared(log) else { return };
        let ours = read(&path, RuleSet::Reference, None);
        assert_file(&ours.files[0], format, lines, 0);
        assert_eq!(ours.trace.len(), counted, "{log}");
        assert_eq!(ours.trace.objects().len(), objects, "{log}");
        let derived = path.parent().unwrap().join(format!("../derived/{derived}.csv.zst"));
        let theirs = read(&derived, RuleSet::Http, Some(Sizes::Logged));
        assert_eq!(theirs.files[0].format, "csv");
        for (at, (ours, theirs)) in rows(&ours).iter().zip(rows(&theirs)).enumerate() {
            let ours = (ours.time_us / 1_000_000, ours.object, ours.size);
            assert_eq!(ours, (theirs.time_us / 1_000_000, theirs.object, theirs.size), "{log}: request {at}");
        }
        assert_eq!(ours.trace.unique_bytes(), theirs.trace.unique_bytes(), "{log}");
        assert_eq!(ours.trace.len(), theirs.trace.len(), "{log}");
    }
}

#[test]
fn the_recorded_logs_of_one_request_stream_are_one_stream() {
    for policy in ["lru", "gdsf", "lfuda"] {
        let Some(path) = shared(&format!("squid-recorded/bu98-{policy}.access.log.zst")) else { return };
        let ours = read(&path, RuleSet::Reference, None);
        assert_file(&ours.files[0], "squid", 66_987, 0);
        let derived = read(
            &path.with_file_name("../derived/squidrec-bu98.csv.zst"),
            RuleSet::Http,
            Some(Sizes::Logged),
        );
        let objects = |prepared| rows(prepared).iter().map(|row| row.object).collect::<Vec<_>>();
        assert_eq!(objects(&ours), objects(&derived), "{policy}");
    }
}

fn assert_file(file: &FileReport, format: &str, lines: u64, damaged: u64) {
    assert_eq!((file.format, file.damage.lines, file.damage.damaged), (format, lines, damaged), "{file:?}");
}

/// A trace of objects, its format, and its requests, objects, requested and unique bytes by the README; unsized ones have a
/// size of 1 throughout. The README's requested bytes of cloudPhysicsIO are those of its oracleGeneral file; a count of the
/// other two by other means gives 162,062,336 less, so they are not quite one trace in three formats.
#[test]
fn standard_traces_have_the_counts_that_are_known_of_them() {
    for (file, format, requests, objects, bytes, unique) in [
        ("sized/twitter_cluster52.csv.zst", "csv", 1_000_000, 143_542, 204_308_503, 29_227_218),
        ("sized/bu98-webcachesim.trace.xz", "webcachesim", 66_987, 36_815, 485_457_552, 278_854_232),
        ("sized/cloudPhysicsIO.csv.zst", "csv", 113_872, 48_974, 4_205_978_112, 2_029_769_728),
        ("sized/cloudPhysicsIO.vscsi.zst", "vscsi", 113_872, 48_974, 4_205_978_112, 2_029_769_728),
        (
            "sized/cloudPhysicsIO.oracleGeneral.bin.zst",
            "oracleGeneral",
            113_872,
            48_974,
            4_368_040_448,
            2_029_769_728,
        ),
        (
            "derived/twitter_cluster52.oracleGeneral.zst",
            "oracleGeneral",
            1_000_000,
            143_542,
            204_308_503,
            29_227_218,
        ),
        ("derived/bu98.oracleGeneral.zst", "oracleGeneral", 66_987, 36_815, 485_457_552, 278_854_232),
        ("unsized/arc-OLTP.lis.zst", "arc", 914_145, 186_880, 914_145, 186_880),
        ("unsized/arc-P3.lis.zst", "arc", 3_912_296, 762_543, 3_912_296, 762_543),
        ("unsized/arc-P6.lis.zst", "arc", 12_672_123, 773_770, 12_672_123, 773_770),
        ("unsized/lirs-2_pools.trace.gz", "lirs", 100_000, 9_939, 100_000, 9_939),
        ("unsized/lirs-cpp.trace.gz", "lirs", 9_047, 1_223, 9_047, 1_223),
        ("unsized/lirs-gli.trace.gz", "lirs", 6_015, 2_529, 6_015, 2_529),
        ("unsized/lirs-multi2.trace.gz", "lirs", 26_311, 5_684, 26_311, 5_684),
        ("unsized/lirs-sprite.trace.gz", "lirs", 133_996, 7_075, 133_996, 7_075),
        ("unsized/lirs-loop.trace.gz", "lirs", 505_500, 1_011, 505_500, 1_011),
        ("unsized/cache2k-web07.trace.xz", "cache2k", 76_118, 20_484, 76_118, 20_484),
        ("unsized/cache2k-orm-busy.trace.xz", "cache2k", 5_000_000, 76_349, 5_000_000, 76_349),
        ("unsized/corda-vaultservice.trace.gz", "corda", 135_702, 90_468, 135_702, 90_468),
    ] {
        let Some(path) = shared(file) else { return };
        let prepared = read(&path, RuleSet::Http, Some(Sizes::Logged));
        assert_eq!(prepared.files[0].format, format, "{file}");
        assert_eq!(prepared.files[0].damage.damaged, 0, "{file}");
        let trace = prepared.trace;
        let counts = (trace.len(), trace.objects().len(), trace.bytes(), trace.unique_bytes());
        assert_eq!(counts, (requests, objects, bytes, unique), "{file}");
    }
}

#[test]
fn lines_that_are_none_are_told_from_those_with_any_code() {
    let Some(path) = shared("squid/netdata-synthetic-codes.access.log") else { return };
    assert_file(&read(&path, RuleSet::Http, None).files[0], "squid", 500, 16);
}

#[test]
fn one_run_in_every_format_squid_writes_is_the_same_requests() {
    let Some(path) = shared("squid-sample/squid-sample-access.log") else { return };
    let native = read(&path, RuleSet::Http, None);
    assert_file(&native.files[0], "squid", 71, 0);
    for (name, format) in
        [("access-full", "squid"), ("access-common", "apache"), ("access-combined", "apache")]
    {
        let other = read(&path.with_file_name(format!("squid-sample-{name}.log")), RuleSet::Http, None);
        assert_file(&other.files[0], format, 71, 0);
        let seen = |prepared: &Prepared| {
            rows(prepared).iter().map(|row| (row.object, row.flags)).collect::<Vec<_>>()
        };
        assert_eq!(seen(&native), seen(&other), "{name}");
        assert_eq!(native.ignored, other.ignored, "{name}");
    }
}
