//! The scripts and guests of this repository on one stream, beside plain Rust that counts the same.

use std::collections::BTreeMap;

use cnn_core::monitor::{Histogram, Metrics, Moment, Records, Request, RequestFlags, Served, Value, Verb};
use cnn_core::policy::Mime;
use cnn_core::time::Tick;

use super::*;
use crate::Metering;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/monitors");
const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/guests/wasm");

fn built(spec: &str) -> BuiltMonitor {
    let host = Host::new(Metering::Fuel, None).unwrap();
    host.monitor(spec).unwrap_or_else(|error| panic!("{error}"))
}

/// Requests as a cache of five hosts would have them, some thousand of them.
fn stream() -> Records {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut records = Records::default();
    for number in 0..5000 {
        let document = (rng.f64().powi(3) * 400.0) as u64;
        let served = Served::ALL[rng.usize(..Served::ALL.len())];
        let is_hit = matches!(served, Served::Hit | Served::Validated | Served::Stale);
        let fetched = matches!(served, Served::Miss | Served::Changed | Served::Validated);
        let request = Request {
            time: number * 10_000,
            key: document.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            sent_bytes: rng.u64(200..100_000),
            origin_bytes: if fetched { rng.u64(100..100_000) } else { 0 },
            total_us: rng.u32(100..100_000),
            origin_us: if fetched { rng.u32(1000..90_000) } else { 0 },
            origin_ttfb_us: if fetched { rng.u32(500..1000) } else { 0 },
            status: if rng.u8(..10) == 0 { 503 } else { 200 },
            served: served as u8,
            verb: if rng.u8(..20) == 0 { Verb::Post as u8 } else { Verb::Get as u8 },
            mime: rng.u8(..7),
            flags: if is_hit { RequestFlags::HIT } else { 0 },
            ..Request::default()
        };
        records.push(request, &format!("host{}.test", document % 5), &format!("/{document}"));
    }
    records
}

/// What a monitor publishes of the stream in three pieces and a tick after each second piece.
fn published(spec: &str) -> Metrics {
    let BuiltMonitor { mut monitor, health, .. } = built(spec);
    let (stream, mut piece) = (stream(), Records::default());
    for (number, seen) in (1..).zip(stream.iter()) {
        piece.push(*seen.request, seen.host, seen.path);
        if number % 1700 == 0 || number == stream.len() {
            monitor.observe(&piece);
            piece.clear();
        }
    }
    monitor.tick(Moment { now: Tick::from_secs(50), elapsed_us: 2_000_000 });
    let report = health.map(|health| health.report()).unwrap_or_default();
    assert_eq!((report.traps, report.last_trap), (0, None), "{spec}");
    monitor.metrics()
}

fn numbers(metrics: &Metrics, name: &str) -> BTreeMap<String, f64> {
    let family = metrics.families().iter().find(|it| it.declared().name == name).unwrap();
    let number = |value: &Value| match value {
        Value::Number(number) => *number,
        Value::Spread(histogram) => histogram.count() as f64,
    };
    family.sorted().iter().map(|it| (it.labels.join(","), number(&it.value))).collect()
}

/// Sums over the stream, by a text of each request; none leaves a request out.
fn sums(of: impl Fn(&cnn_core::monitor::Seen<'_>) -> Option<(String, f64)>) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for (text, number) in stream().iter().filter_map(|seen| of(&seen)) {
        *sums.entry(text).or_default() += number;
    }
    sums
}

fn is_cacheable(request: &Request) -> bool {
    !matches!(request.served(), Served::Nowhere | Served::Denied | Served::Tunnel)
}

fn ratios(parts: &BTreeMap<String, f64>, wholes: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    wholes.iter().map(|(text, whole)| (text.clone(), parts[text] / whole)).collect()
}

#[test]
fn hits_by_host_are_those_of_the_stream() {
    let metrics = published(&format!("{SCRIPTS}/hit-ratio-by-host.rhai"));
    let requests = sums(|it| is_cacheable(it.request).then(|| (it.host.to_owned(), 1.0)));
    let hits = sums(|it| {
        is_cacheable(it.request).then(|| (it.host.to_owned(), f64::from(u8::from(it.request.is_hit()))))
    });
    assert_eq!(requests.len(), 5);
    assert_eq!(numbers(&metrics, "host_requests"), requests);
    assert_eq!(numbers(&metrics, "host_hits"), hits);
    assert_eq!(numbers(&metrics, "host_hit_ratio"), ratios(&hits, &requests));
}

#[test]
fn hits_by_type_are_those_of_the_stream() {
    let metrics = published(&format!("{SCRIPTS}/hit-ratio-by-type.rhai"));
    let sum = |of: fn(&Request) -> f64| {
        sums(|it| {
            is_cacheable(it.request)
                .then(|| (Mime::from_u8(it.request.mime).as_str().to_owned(), of(it.request)))
        })
    };
    let requests = sum(|_| 1.0);
    let hits = sum(|it| f64::from(u8::from(it.is_hit())));
    assert_eq!(requests.len(), 7);
    assert_eq!(numbers(&metrics, "type_requests"), requests);
    assert_eq!(numbers(&metrics, "type_hits"), hits);
    assert_eq!(numbers(&metrics, "type_hit_ratio"), ratios(&hits, &requests));
    assert_eq!(numbers(&metrics, "type_bytes"), sum(|it| it.sent_bytes as f64));
    assert_eq!(
        numbers(&metrics, "type_hit_bytes"),
        sum(|it| if it.is_hit() { it.sent_bytes as f64 } else { 0.0 })
    );
}

#[test]
fn byte_rates_are_per_second_of_the_tick() {
    let metrics = published(&format!("{SCRIPTS}/byte-rate.rhai"));
    let all = |of: fn(&Request) -> f64| sums(|it| Some((String::new(), of(it.request) / 2.0)));
    assert_eq!(numbers(&metrics, "sent_bytes_per_second"), all(|it| it.sent_bytes as f64));
    assert_eq!(numbers(&metrics, "origin_bytes_per_second"), all(|it| it.origin_bytes as f64));
    assert_eq!(numbers(&metrics, "requests_per_second"), all(|_| 1.0));
    let smoothed = numbers(&metrics, "sent_bytes_per_second_smoothed")[""];
    let expected = all(|it| it.sent_bytes as f64)[""] * (1.0 - (-2.0_f64 / 60.0).exp());
    assert!((smoothed / expected - 1.0).abs() < 1e-9, "{smoothed} {expected}");
}

#[test]
fn origin_latencies_are_those_of_the_stream() {
    let metrics = published(&format!("{SCRIPTS}/origin-latency.rhai"));
    let fetched = sums(|it| (it.request.origin_ttfb_us > 0).then(|| (it.host.to_owned(), 1.0)));
    assert_eq!(numbers(&metrics, "origin_ttfb_seconds"), fetched);
    assert_eq!(numbers(&metrics, "origin_seconds"), fetched);
    let failures = sums(|it| {
        let served = it.request.served();
        let has_failed = matches!(served, Served::Failed | Served::Stale)
            || served == Served::Miss && it.request.status >= 500;
        has_failed.then(|| (it.host.to_owned(), 1.0))
    });
    assert_eq!(numbers(&metrics, "origin_failures"), failures);
    let Some(Value::Spread(spread)) = metrics.value("origin_ttfb_seconds", &["host0.test"]) else {
        panic!("no times of host0.test")
    };
    let times = sums(|it| {
        (it.host == "host0.test").then(|| (String::new(), f64::from(it.request.origin_ttfb_us) / 1e6))
    });
    assert!((spread.sum() / times[""] - 1.0).abs() < 1e-9);
    assert!(spread.quantile(0.5).is_some_and(|median| (0.0005..0.001).contains(&median)));
}

#[test]
fn reuse_distances_are_the_same_from_the_script_and_the_built_in_one() {
    let spread = |metrics: &Metrics| -> Histogram {
        match metrics.value("reuse_distance", &[]) {
            Some(Value::Spread(histogram)) => (**histogram).clone(),
            other => panic!("{other:?}"),
        }
    };
    let (script, native) =
        (published(&format!("{SCRIPTS}/reuse-distance.rhai")), published("reuse-distance"));
    assert_eq!(spread(&script), spread(&native));
    assert_eq!(numbers(&script, "first_requests"), numbers(&native, "first_requests"));
    let mut seen = std::collections::BTreeSet::new();
    let stream = stream();
    let firsts =
        stream.iter().filter(|it| it.request.verb() == Verb::Get && seen.insert(it.request.key)).count();
    assert_eq!(numbers(&script, "first_requests")[""], firsts as f64);
}

#[test]
fn every_script_is_run_here() {
    let mut files: Vec<_> = std::fs::read_dir(SCRIPTS)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let run = ["byte-rate", "hit-ratio-by-host", "hit-ratio-by-type", "origin-latency", "reuse-distance"];
    assert_eq!(files, run.map(|name| format!("{name}.rhai")));
    let page = include_str!("../../../../scripts/README.md");
    for file in files {
        let mut built = built(&format!("{SCRIPTS}/{file}"));
        assert_eq!(format!("{}.rhai", built.name), file);
        assert_eq!(built.try_out(3000).traps, 0, "{file}");
        let row = format!("| `monitors/{file}` | {} |\n", built.summary);
        assert!(page.contains(&row), "the page should have {row}");
    }
}

#[test]
fn the_script_on_the_page_of_scripts_is_a_monitor() {
    let page = include_str!("../../../../scripts/README.md");
    let begin = page.find("```rhai\n//! role: monitor").unwrap() + "```rhai\n".len();
    let text = &page[begin..begin + page[begin..].find("```").unwrap()];
    crate::Script::compile(Path::new("on-the-page.rhai"), text).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_guest_counts_as_the_stream_does() {
    let metrics = published(&format!("{GUESTS}/wat-served.wasm"));
    let served = sums(|it| Some((it.request.served().as_str().to_owned(), 1.0)));
    assert_eq!(numbers(&metrics, "served"), served);
    let all = |of: fn(&Request) -> f64| sums(|it| Some((String::new(), of(it.request))));
    assert_eq!(numbers(&metrics, "served_bytes"), all(|it| it.sent_bytes as f64));
    assert_eq!(numbers(&metrics, "request_seconds"), all(|_| 1.0));
    let hosts = numbers(&metrics, "last_host");
    assert_eq!(hosts.len(), 5, "{hosts:?}");
    assert_eq!(numbers(&metrics, "ticks")[""], 1.0);
}

#[test]
fn what_is_no_monitor_is_refused() {
    let host = Host::new(Metering::Fuel, None).unwrap();
    let check = |spec: &str, expected: &str| {
        let said = host.monitor(spec).map(|built| built.name).map_err(|error| error.to_string());
        assert!(said.clone().is_err_and(|said| said.contains(expected)), "{spec}: {said:?}");
    };
    check("no-such", "no monitor is called \"no-such\"; expected a module that is loaded, a file");
    check("no-such", "one of reuse-distance");
    check(&format!("{GUESTS}/sieve.wasm"), "wasm-sieve is of role replacement; expected monitor");
    check(&format!("{SCRIPTS}/../replacement/gdsf.rhai"), "gdsf is of role replacement; expected monitor");
    check("reuse-distance(size=1)", "\"size\"");
    let said = host.source(&format!("{SCRIPTS}/byte-rate.rhai")).map(drop).unwrap_err().to_string();
    assert!(said.contains("is of role monitor; expected replacement"), "{said}");
}

/// A guest whose `on_requests` does this.
fn guest(body: &str) -> (Box<dyn Monitor>, Arc<Health>) {
    let text = format!(
        r#"(module
            (@custom "cnn" "abi: 1\nname: mine\nrole: monitor\nmetric: n{{l}} counter A\nmetric: g gauge B\n")
            (import "cnn" "label" (func $label (param i32 i32)))
            (import "cnn" "count" (func $count (param i32 f64)))
            (import "cnn" "gauge" (func $gauge (param i32 f64)))
            (memory (export "memory") 3)
            (func (export "init") (param i64 i32))
            (func (export "requests") (result i32) (i32.const 256))
            (func (export "on_requests") (param $count i32) (param $now i64) {body}))"#
    );
    let host = Host::new(Metering::Fuel, None).unwrap();
    let verified = crate::verify(&wat::parse_str(text).unwrap()).unwrap_or_else(|error| panic!("{error}"));
    host.load(verified).unwrap().watch(&Settings::defaults(&[])).unwrap_or_else(|error| panic!("{error}"))
}

/// What such a guest did wrong the last time it was called, of as many batches as it takes to be stopped.
#[track_caller]
fn check_guest(body: &str, expected: &str) {
    let (mut monitor, health) = guest(body);
    let mut records = Records::default();
    records.push(Request::default(), "a.test", "/");
    for _ in 0..2 * crate::limits::TRAPS_MAX {
        monitor.observe(&records);
    }
    let report = health.report();
    assert_eq!((report.traps, monitor.is_fit()), (crate::limits::TRAPS_MAX, false), "{body}: {report:?}");
    assert!(report.last_trap.as_ref().is_some_and(|why| why.contains(expected)), "{body}: {report:?}");
}

#[test]
fn a_guest_that_does_wrong_is_stopped_and_told_why() {
    check_guest("(loop $again (br $again))", "the instructions for a call are used up");
    check_guest("unreachable", "unreachable");
    check_guest("(call $count (i32.const 7) (f64.const 1))", "no metric \"7\" is declared");
    check_guest("(call $count (i32.const 0) (f64.const 1))", "n{l} is published with other labels");
    check_guest("(call $count (i32.const 1) (f64.const 1))", "g is declared as a gauge: use gauge");
    check_guest("(call $gauge (i32.const 1) (f64.const nan))", "g cannot be NaN");
    check_guest("(call $label (i32.const -1) (i32.const 10))", "the text is outside the memory");
    let labels = "(call $label (i32.const 0) (i32.const 1))".repeat(4);
    check_guest(&labels, "more labels than a metric may have");
}

#[test]
fn a_guest_with_more_series_than_there_may_be_is_told_nothing_of_it() {
    let body = "(local $at i32) (loop $next
        (i32.store8 (i32.const 0) (i32.add (i32.const 65) (i32.rem_u (local.get $at) (i32.const 50))))
        (i32.store8 (i32.const 1) (i32.add (i32.const 65) (i32.div_u (local.get $at) (i32.const 50))))
        (call $label (i32.const 0) (i32.const 2)) (call $count (i32.const 0) (f64.const 1))
        (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 1000))))";
    let (mut monitor, health) = guest(body);
    let mut records = Records::default();
    records.push(Request::default(), "a.test", "/");
    monitor.observe(&records);
    assert_eq!(health.report().traps, 0);
    let counted = numbers(&monitor.metrics(), "n");
    assert_eq!(counted.values().sum::<f64>(), 1000.0);
    assert!(counted.len() == 201 && counted["other"] > 700.0, "{}", counted.len());
}
