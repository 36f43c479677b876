//! Monitors as scripts: what they count of a stream, and what becomes of those that do wrong.

use std::path::Path;

use cnn_core::monitor::Value;

use super::*;
use crate::limits::TRAPS_MAX;

const HEAD: &str = "//! role: monitor\n//! metric: n{host} counter Requests\n//! metric: g gauge A number\n//! metric: h histogram Numbers\n";

fn compile(body: &str) -> Result<Script, ScriptError> {
    Script::compile(Path::new("mine.rhai"), &format!("{HEAD}{body}"))
}

/// What a script publishes of these requests and a tick, as `name{labels} number`, and its faults.
fn told(body: &str, requests: &[(Request, &str, &str)]) -> (Vec<String>, u32) {
    let script = compile(body).unwrap_or_else(|error| panic!("{error}"));
    let (mut monitor, health) = script.watch().unwrap();
    let mut records = Records::default();
    requests.iter().for_each(|(request, host, path)| records.push(*request, host, path));
    monitor.observe(&records);
    monitor.tick(Moment { now: Tick::from_secs(1), elapsed_us: 500_000 });
    let metrics = monitor.metrics();
    let mut lines = Vec::new();
    for family in metrics.families() {
        for series in family.sorted() {
            let value = match &series.value {
                Value::Number(number) => number.to_string(),
                Value::Spread(histogram) => format!("{} in {}", histogram.sum(), histogram.count()),
            };
            lines.push(format!("{}{{{}}} {value}", family.declared().name, series.labels.join(",")));
        }
    }
    (lines, health.report().traps)
}

fn request() -> Request {
    Request { status: 200, sent_bytes: 100, total_us: 1500, verb: Verb::Get as u8, ..Request::default() }
}

#[track_caller]
fn check(body: &str, expected: &[&str]) {
    let requests =
        [(request(), "a.test", "/one"), (request(), "b.test", "/two"), (request(), "a.test", "/one")];
    let (lines, faults) = told(body, &requests);
    assert_eq!((lines.as_slice(), faults), (expected.map(str::to_owned).as_slice(), 0), "{body}");
}

trait MapToOwned {
    fn map(&self, f: fn(&str) -> String) -> Vec<String>;
}

impl MapToOwned for [&str] {
    fn map(&self, f: fn(&str) -> String) -> Vec<String> {
        self.iter().map(|text| f(text)).collect()
    }
}

#[track_caller]
fn check_error(body: &str, expected: &str) {
    let said = compile(body).map(|_| "taken").map_err(|error| error.to_string());
    assert!(said.clone().is_err_and(|said| said.contains(expected)), "{body}: {said:?}");
}

/// Compiles, and then does wrong with every request that is not a made-up one.
#[track_caller]
fn check_faults(body: &str, expected: &str) {
    let body = format!("fn on_request(r) {{ if r.host == \"a.test\" {{ {body} }} }}");
    let script = compile(&body).unwrap_or_else(|error| panic!("{error}"));
    let (mut monitor, health) = script.watch().unwrap();
    let mut records = Records::default();
    (0..100).for_each(|_| records.push(request(), "a.test", "/"));
    monitor.observe(&records);
    let report = health.report();
    assert_eq!((report.traps, monitor.is_fit()), (TRAPS_MAX, false), "{body}: {report:?}");
    assert!(report.last_trap.as_ref().is_some_and(|why| why.contains(expected)), "{report:?}");
}

#[test]
fn what_is_counted_is_published() {
    check("fn on_request(r) { count(\"n\", #{host: r.host}) }", &["n{a.test} 2", "n{b.test} 1"]);
    check("fn on_request(r) { count(\"n\", #{host: r.path}, 2.5) }", &["n{/one} 5", "n{/two} 2.5"]);
    check("fn on_request(r) { gauge(\"g\", r.total_ms) }", &["g{} 1.5"]);
    check("fn on_request(r) { observe(\"h\", r.bytes) }", &["h{} 300 in 3"]);
    check("fn on_request(r) { observe(\"h\", 2, 10) }", &["h{} 60 in 30"]);
    check("fn on_request(r) { count(\"n\", #{host: r.status}) }", &["n{200} 3"]);
    check("fn on_request(r) { count(\"n\", #{host: r.hit}) }", &["n{false} 3"]);
}

#[test]
fn this_lasts_from_call_to_call_and_ticks_have_a_clock() {
    check(
        "fn on_start() { this.n = 0; } fn on_request(r) { this.n += 1; } fn on_tick(c) { gauge(\"g\", this.n / c.elapsed) }",
        &["g{} 6"],
    );
}

#[test]
fn what_was_published_can_be_read() {
    check(
        "fn on_request(r) { let l = #{host: r.host}; count(\"n\", l); gauge(\"g\", value(\"n\", l)) }",
        &["n{a.test} 2", "n{b.test} 1", "g{} 2"],
    );
    check("fn on_request(r) { gauge(\"g\", value(\"g\") + 1) }", &["g{} 3"]);
}

#[test]
fn reuse_is_told_of_each_key() {
    let keyed = |key| (Request { key, ..request() }, "a.test", "/");
    let body = "fn on_request(r) { let u = reuse(r.key); if u.first { count(\"n\", #{host: \"\"}) } else { observe(\"h\", u.distance) } }";
    let (lines, faults) =
        told(body, &[keyed(1), keyed(2), keyed(3), keyed(1), keyed(u64::MAX), keyed(u64::MAX)]);
    assert_eq!((lines, faults), (vec!["n{} 4".to_owned(), "h{} 2 in 2".to_owned()], 0));
}

#[test]
fn whatever_is_wrong_is_found_before_it_is_told_of_a_request() {
    check_error("fn on_tick(c) {}", "a monitor needs `fn on_request(r)`");
    check_error("fn on_request(r) { r.hots }", "mine.rhai:5:22: no field \"hots\"; r has time, key, host");
    check_error("fn on_request(r) { r.hots.len() }", "no field \"hots\"");
    check_error("fn on_request(r) {} fn on_tick(c) { c.then }", "no field \"then\"; c has now, elapsed");
    check_error(
        "fn on_request(r) { count(\"m\") }",
        "mine.rhai:5:20: no metric \"m\" is declared; there is n, g, h",
    );
    check_error("fn on_request(r) { count(\"n\") }", "n{host} is published with other labels");
    check_error("fn on_request(r) { count(\"n\", #{hots: 1}) }", "n{host} is published with other labels");
    check_error("fn on_request(r) { count(\"g\") }", "g is declared as a gauge: use gauge");
    check_error("fn on_request(r) { count(\"n\", #{host: []}) }", "the label host cannot be a array");
    check_error("fn on_request(r) { gauge(\"g\", \"x\") }", "expected labels, then numbers");
    check_error("fn on_request(r) { gauge(\"g\", 0.0 / 0.0) }", "g cannot be NaN");
    check_error("fn on_request(r) { loop {} }", "perations");
    check_error("fn on_request(r) { eval(\"1\") }", "mine.rhai:5:");
    check_error("fn on_request(r) {\n  let a = ;\n}", "mine.rhai:6:11: ");
    let no_metric = Script::compile(Path::new("m.rhai"), "//! role: monitor\nfn on_request(r) {}");
    assert!(no_metric.unwrap_err().to_string().contains("no line \"metric\""));
}

#[test]
fn what_goes_wrong_later_costs_its_call_and_then_the_monitor() {
    check_faults("loop {}", "Too many operations");
    check_faults("throw \"no\"", "line 5: no");
    check_faults("let s = \"x\"; loop { s += s; }", "Length of string too large");
    check_faults("let a = []; loop { a.push(1); }", "Size of array/BLOB too large");
    check_faults("fn_that_is_not_there(r)", "line 5: ");
    check_faults("count(\"n\", #{host: r.host}, -1)", "n cannot be -1");
}

#[test]
fn what_a_script_keeps_is_bounded() {
    // As much as it can in each call, until it is stopped for it.
    check_faults("for i in 0..300 { this[`${this.len()}`] = i; }", "Size of object map too large");
    let doubling = "if \"s\" in this { this.s += this.s; } else { this.s = \"x\"; }";
    check_faults(doubling, "Length of string too large");
}

#[test]
fn a_fault_that_is_rare_costs_only_its_call() {
    let body = "fn on_request(r) { if r.host == \"bad\" { throw \"no\" } count(\"n\", #{host: r.host}) }";
    let (lines, faults) =
        told(body, &[(request(), "a", "/"), (request(), "bad", "/"), (request(), "a", "/")]);
    assert_eq!((lines, faults), (vec!["n{a} 2".to_owned()], 1));
}
