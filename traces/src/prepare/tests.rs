//! Tests of making a trace: numbers, times, sizes and versions.

use std::io::Cursor;

use super::*;
use crate::file::TraceFile;
use crate::input::Input;

/// What comes of a log, in this format.
fn prepared(format: &str, text: &str, options: &PrepareOptions) -> Prepared {
    let read = ReadOptions { format: Some(format.to_owned()), ..ReadOptions::default() };
    let input = Input::new(Path::new("t"), Cursor::new(text.as_bytes().to_vec()), None).unwrap();
    let mut file = TraceFile::new(input, &read).unwrap();
    let format = file.format();
    let mut preparation = Preparation::new("t".to_owned(), options);
    while file.read_next(&mut |record| preparation.take(record, format).unwrap()).unwrap() {}
    preparation.finish(vec![file.report()]).unwrap()
}

fn rows(trace: &Trace) -> Vec<Row> {
    let mut rows = Vec::new();
    trace
        .for_each_chunk(0, |chunk| {
            rows.extend_from_slice(chunk);
            true
        })
        .unwrap();
    rows
}

/// A log of Squid's with lines of `TCP_HIT/200 size GET url`, one each second.
fn squid(lines: &[&str]) -> String {
    let line = |(at, line): (usize, &&str)| {
        let [code, size, method, url] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        format!(
            "{}.000 5 192.0.2.1 {code} {size} {method} {url} - HIER_NONE/- text/html\n",
            1_700_000_000 + at
        )
    };
    lines.iter().enumerate().map(line).collect()
}

const NEW: u32 = Flags::CHANGED | Flags::HAS_LOGGED;
const SAME: u32 = Flags::HAS_LOGGED;
const HIT: u32 = Flags::HAS_LOGGED | Flags::LOGGED_HIT;

/// Object, size and flags of the requests in a log of Squid's.
fn check(lines: &[&str], expected: &[(u32, u64, u32)]) {
    let prepared = prepared("squid", &squid(lines), &PrepareOptions::default());
    let rows: Vec<_> = rows(&prepared.trace).iter().map(|row| (row.object, row.size, row.flags)).collect();
    assert_eq!(rows, expected, "{lines:?}");
}

#[test]
fn documents_are_numbered_in_the_order_they_appear() {
    let lines =
        ["TCP_MISS/200 10 GET a", "TCP_MISS/200 20 GET b", "TCP_HIT/200 10 GET a", "TCP_MISS/200 9 GET c"];
    check(&lines, &[(0, 10, SAME), (1, 20, SAME), (0, 10, HIT), (2, 9, SAME)]);
}

#[test]
fn a_size_within_the_tolerance_or_the_slack_of_headers_is_the_same_version() {
    check(&["TCP_MISS/200 10000 GET a", "TCP_MISS/200 10500 GET a"], &[(0, 10_000, SAME), (0, 10_000, SAME)]);
    check(&["TCP_MISS/200 500 GET a", "TCP_MISS/200 560 GET a"], &[(0, 500, SAME), (0, 500, SAME)]);
}

#[test]
fn a_size_beyond_the_tolerance_is_a_new_version() {
    let lines = ["TCP_MISS/200 10000 GET a", "TCP_MISS/200 12000 GET a", "TCP_MISS/200 12000 GET a"];
    check(&lines, &[(0, 10_000, SAME), (0, 12_000, NEW), (0, 12_000, SAME)]);
}

#[test]
fn what_was_cut_short_or_not_sent_is_no_new_version() {
    for less in ["TCP_MISS_ABORTED/200 20000", "TCP_MISS/304 300", "TCP_MISS/200 4000", "TCP_MISS/200 0"] {
        check(
            &["TCP_MISS/200 10000 GET a", &format!("{less} GET a")],
            &[(0, 10_000, SAME), (0, 10_000, SAME)],
        );
    }
    check(&["TCP_MISS/200 10000 GET a", "TCP_HIT/200 90000 GET a"], &[(0, 10_000, SAME), (0, 10_000, HIT)]);
}

#[test]
fn a_size_that_is_not_told_is_that_of_the_next_whole_transfer() {
    let lines = [
        "TCP_MISS/304 300 GET a",
        "TCP_MISS_ABORTED/200 700 GET a",
        "TCP_MISS/200 900 GET a",
        "TCP_MISS/200 8000 GET a",
    ];
    check(&lines, &[(0, 900, SAME), (0, 900, SAME), (0, 900, SAME), (0, 8_000, NEW)]);
    check(&["TCP_MISS/304 300 GET a", "TCP_MISS_ABORTED/200 700 GET a"], &[(0, 700, SAME), (0, 700, SAME)]);
}

#[test]
fn the_cache_that_wrote_the_log_may_say_that_it_is_another_one() {
    let lines = ["TCP_MISS/200 10000 GET a", "TCP_REFRESH_MODIFIED/200 9000 GET a", "TCP_HIT/200 9000 GET a"];
    check(&lines, &[(0, 10_000, SAME), (0, 9_000, NEW), (0, 9_000, HIT)]);
}

#[test]
fn an_unsafe_request_that_succeeds_makes_it_another_one() {
    let lines = [
        "TCP_MISS/200 500 GET a",
        "TCP_MISS/200 90 POST a",
        "TCP_MISS/200 500 GET a",
        "TCP_MISS/200 500 GET a",
    ];
    check(&lines, &[(0, 500, SAME), (0, 500, NEW), (0, 500, SAME)]);
    check(
        &["TCP_MISS/200 500 GET a", "TCP_MISS/500 90 POST a", "TCP_MISS/200 500 GET a"],
        &[(0, 500, SAME), (0, 500, SAME)],
    );
}

#[test]
fn errors_and_parts_have_a_size_of_their_own() {
    let lines = [
        "TCP_MISS/200 9000 GET a",
        "TCP_MISS/503 3000 GET a",
        "TCP_HIT/206 50 GET a",
        "TCP_HIT/200 9000 GET a",
    ];
    let unstorable = Flags::UNSTORABLE;
    check(
        &lines,
        &[(0, 9_000, SAME), (0, 3_000, SAME | unstorable), (0, 50, HIT | unstorable), (0, 9_000, HIT)],
    );
}

#[test]
fn an_error_is_no_version_of_the_document() {
    let lines = ["TCP_MISS/200 9000 GET a", "TCP_MISS/404 300 GET a", "TCP_MISS/200 9000 GET a"];
    check(&lines, &[(0, 9_000, SAME), (0, 300, SAME), (0, 9_000, SAME)]);
}

#[test]
fn transfers_in_columns_may_be_cut_short_as_in_a_log() {
    let csv = "time,url,status,size\n0,/a,200,9000\n1,/a,200,4000\n2,/a,200,0\n3,/a,200,9900\n";
    let prepared = prepared("csv", csv, &PrepareOptions::default());
    let seen: Vec<_> = rows(&prepared.trace).iter().map(|row| (row.size, row.flags)).collect();
    assert_eq!(seen, [(9_000, 0), (9_000, 0), (9_000, 0), (9_900, Flags::CHANGED)]);
}

#[test]
fn sizes_of_objects_change_either_way_as_they_are_no_transfers() {
    let csv = "time,obj,size\n0,7,100\n1,7,50\n2,7,51\n";
    let seen = |sizes| {
        let options = PrepareOptions { sizes, ..PrepareOptions::default() };
        rows(&prepared("csv", csv, &options).trace)
            .iter()
            .map(|row| (row.size, row.flags))
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(None), [(100, 0), (50, Flags::CHANGED), (50, 0)]);
    assert_eq!(
        seen(Some(Sizes::Versions { tolerance: 0.0 })),
        [(100, 0), (50, Flags::CHANGED), (51, Flags::CHANGED)]
    );
    assert_eq!(seen(Some(Sizes::Logged)), [(100, 0), (50, 0), (51, 0)]);
    assert_eq!(seen(Some(Sizes::Largest)), [(100, 0), (100, 0), (100, 0)]);
}

#[test]
fn times_begin_at_zero_and_never_go_back() {
    let times = |format, text| {
        let prepared = prepared(format, text, &PrepareOptions::default());
        rows(&prepared.trace).iter().map(|row| row.time_us).collect::<Vec<_>>()
    };
    assert_eq!(times("csv", "time,obj,size\n5,7,1\n4,7,1\n6.5,7,1\n"), [0, 0, 1_500_000]);
    assert_eq!(times("lirs", "1\n2\n3\n"), [0, 1000, 2000]);
}

#[test]
fn what_is_left_out_is_counted_by_reason() {
    let lines = [
        "TCP_DENIED/403 10 GET a",
        "NONE/400 9 - error:x",
        "TCP_MISS/200 8 POST b",
        "TCP_DENIED/403 1 GET b",
    ];
    let prepared = prepared("squid", &squid(&lines), &PrepareOptions::default());
    assert!(prepared.trace.is_empty());
    assert_eq!(prepared.ignored, [(Ignored::NoRequest, 1), (Ignored::Denied, 2), (Ignored::Invalidation, 1)]);
}

#[test]
fn facts_and_origins_are_kept_once() {
    let lines = [
        "TCP_MISS/200 10 GET http://a.test/x?http://b.test/",
        "TCP_MISS/200 10 GET http://a.test:80",
        "TCP_MISS/200 9 GET /x://y",
    ];
    let trace = prepared("squid", &squid(&lines), &PrepareOptions::default()).trace;
    assert_eq!(trace.origins(), ["", "http://a.test", "http://a.test:80"]);
    assert_eq!(trace.objects().iter().map(|object| object.origin).collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(trace.objects()[0].mime, Mime::Html);
    let facts = crate::Facts { outcome: "TCP_MISS".to_owned(), status: 200, mime: "text/html".to_owned() };
    assert_eq!(trace.facts(), [crate::Facts::default(), facts]);
    assert!(rows(&trace).iter().all(|row| row.facts == 1 && row.elapsed_us == 5000));
}

#[test]
fn a_trace_is_called_after_its_file() {
    let check = |path: &str, expected: &str| assert_eq!(trace_name(Path::new(path)), expected);
    check("/traces/bu98-lru.access.log.zst", "bu98-lru");
    check("x/twitter_cluster52.oracleGeneral.zst", "twitter_cluster52");
    check("access.log", "access");
    check("access.log.1", "access.log.1");
    check("10.0.0.1.log", "10.0.0.1");
    check(".log", ".log");
    check("-", "-");
}
