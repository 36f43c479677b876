//! Monitors on a running proxy: attached and detached under traffic, what they count is exactly what the clients did,
//! what they publish is a page Prometheus can read, and a hostile one costs nobody but itself.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use cnn_support::{After, Answer, Cnn, Launch, Origin, Request, Signal, at_once, cnn_exe, eventually};
use serde_json::Value;

/// Documents of a kilobyte, images and text by turns.
fn answer(request: &Request, answer: &mut Answer<'_>) -> io::Result<After> {
    let kind = if request.target.ends_with('2') { "image/png" } else { "text/plain" };
    answer.whole(200, &["Cache-Control: max-age=600", &format!("Content-Type: {kind}")], &[b'x'; 1000])
}

fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/monitors");
    folder.join(format!("{name}.rhai")).display().to_string()
}

fn guest(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/guests/wasm");
    folder.join(format!("{name}.wasm")).display().to_string()
}

/// A script of this test, in the proxy's folder.
fn written(cnn: &Cnn, name: &str, text: &str) -> String {
    let path: PathBuf = cnn.folder().join(format!("{name}.rhai"));
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Counts requests by path.
const BY_PATH: &str = "//! role: monitor
//! metric: by_path{path} counter Requests by path
fn on_request(r) { count(\"by_path\", #{path: r.path}) }
";

fn attach(cnn: &Cnn, spec: &str) {
    let output = cnn.verb(&["monitor", "attach", spec]);
    assert!(output.status.success(), "{spec}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What a verb that fails says.
fn refused(cnn: &Cnn, arguments: &[&str]) -> String {
    let output = cnn.verb(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn show(cnn: &Cnn, name: &str) -> Value {
    cnn.json(&["monitor", "show", name])
}

/// The values of a metric, by their labels.
fn values(shown: &Value, metric: &str) -> BTreeMap<String, f64> {
    let metrics = shown["metrics"].as_array().unwrap();
    let Some(found) = metrics.iter().find(|it| it["name"] == metric) else { return BTreeMap::new() };
    let series = found["series"].as_array().unwrap().iter().map(|series| {
        let labels = series["labels"].as_object().unwrap().values();
        let labels: Vec<_> = labels.map(|label| label.as_str().unwrap()).collect();
        let value = series["value"].as_f64().or_else(|| series["spread"]["count"].as_f64());
        (labels.join(","), value.unwrap())
    });
    series.collect()
}

fn value(shown: &Value, metric: &str) -> f64 {
    values(shown, metric).into_values().sum()
}

/// The page for Prometheus, read as its parser does: every line is a comment or a sample with a name, labels and a
/// number, every sample belongs to the family declared before it, and no series is there twice.
fn page(cnn: &Cnn) -> BTreeMap<String, f64> {
    let text = cnn_support::get(cnn.metrics().unwrap(), "/metrics", &[]).text();
    let (mut samples, mut family, mut kind) = (BTreeMap::new(), String::new(), String::new());
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            (family, kind) = (name.to_owned(), of.to_owned());
            assert!(!families.contains(&family), "{family} is there twice");
            families.push(family.clone());
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, number) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(name.chars().all(is_letter) && name.starts_with(|c: char| c.is_ascii_alphabetic()), "{line}");
        let ending = name.strip_prefix(&family);
        let is_of_family = match kind.as_str() {
            "histogram" => matches!(ending, Some("_bucket" | "_sum" | "_count")),
            _ => ending == Some(""),
        };
        assert!(is_of_family, "{line} is not of {family}");
        check_labels(&series[name.len()..]);
        let number: f64 = number.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(samples.insert(series.to_owned(), number).is_none(), "{series} is there twice");
    }
    samples
}

/// `{name="value",...}` with quotes, backslashes and line feeds escaped, or nothing.
fn check_labels(text: &str) {
    if text.is_empty() {
        return;
    }
    let mut rest = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).expect("braces");
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{text}");
        let mut chars = value.char_indices();
        let end = loop {
            match chars.next().unwrap_or_else(|| panic!("{text}")) {
                (_, '\\') => assert!(matches!(chars.next(), Some((_, '\\' | '"' | 'n'))), "{text}"),
                (end, '"') => break end,
                _ => {}
            }
        };
        rest = value[end + 1..].strip_prefix(',').unwrap_or(&value[end + 1..]);
    }
}

fn launch() -> Cnn {
    Launch::new(cnn_exe!()).flag("--metrics", "127.0.0.1:0").flag("--workers", "2").start()
}

#[test]
fn what_monitors_count_is_exactly_what_the_clients_did() {
    let (origin, cnn) = (Origin::start(answer), launch());
    for name in ["hit-ratio-by-host", "hit-ratio-by-type", "byte-rate", "origin-latency"] {
        attach(&cnn, &script(name));
    }
    attach(&cnn, "reuse-distance");
    attach(&cnn, &guest("wat-served"));
    let urls: Vec<_> = (0..10).map(|number| origin.url(&format!("/doc/{number}"))).collect();
    for _ in 0..3 {
        urls.iter().for_each(|url| assert_eq!(cnn.get(url, &[]).status, 200));
    }
    // A request is told of when the client has its last byte already.
    eventually("all are counted", || value(&show(&cnn, "hit-ratio-by-host"), "host_requests") == 30.0);
    let by_host = show(&cnn, "hit-ratio-by-host");
    let host = |metric: &str| values(&by_host, metric)["127.0.0.1"];
    assert_eq!((host("host_requests"), host("host_hits")), (30.0, 20.0));
    assert!((host("host_hit_ratio") - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!((by_host["requests_seen"].as_u64(), by_host["requests_lost"].as_u64()), (Some(30), Some(0)));

    let by_type = show(&cnn, "hit-ratio-by-type");
    assert_eq!(
        values(&by_type, "type_requests"),
        BTreeMap::from([("image".into(), 3.0), ("text".into(), 27.0)])
    );
    assert_eq!(values(&by_type, "type_hits"), BTreeMap::from([("image".into(), 2.0), ("text".into(), 18.0)]));
    assert_eq!(value(&by_type, "type_bytes"), cnn.status("sent_bytes"));
    assert_eq!(value(&by_type, "type_hit_bytes"), cnn.status("hit_bytes"));

    let latency = show(&cnn, "origin-latency");
    assert_eq!((value(&latency, "origin_seconds"), value(&latency, "origin_failures")), (10.0, 0.0));
    let reuse = show(&cnn, "reuse-distance");
    assert_eq!((value(&reuse, "first_requests"), value(&reuse, "reuse_distance")), (10.0, 20.0));
    // Nine others were asked for in between; where two workers finish at once, which was the first is not told exactly.
    let mean = reuse["metrics"][0]["series"][0]["spread"]["mean"].as_f64().unwrap();
    assert!((8.0..=10.0).contains(&mean), "{mean}");
    let served = show(&cnn, "served-by-hand");
    assert_eq!(values(&served, "served"), BTreeMap::from([("hit".into(), 20.0), ("miss".into(), 10.0)]));
    assert_eq!(value(&served, "served_bytes"), cnn.status("sent_bytes"));
    eventually("a second has passed", || value(&show(&cnn, "byte-rate"), "requests_per_second") >= 0.0);

    // What is on the page is no older than a quarter of a second.
    let hits = "cnn_monitor_host_hits_total{monitor=\"hit-ratio-by-host\",host=\"127.0.0.1\"}";
    eventually("the page shows it", || page(&cnn).get(hits) == Some(&20.0));
    let page = page(&cnn);
    assert_eq!(page["cnn_monitors_requests_seen_total{monitor=\"reuse-distance\"}"], 30.0);
    assert_eq!(page["cnn_monitors_requests_lost_total{monitor=\"served-by-hand\"}"], 0.0);
    assert_eq!(page["cnn_monitor_request_seconds_count{monitor=\"served-by-hand\"}"], 30.0);
    assert_eq!(page["cnn_monitor_reuse_distance_bucket{monitor=\"reuse-distance\",le=\"16\"}"], 20.0);
}

#[test]
fn a_monitor_comes_and_goes_under_traffic() {
    let (origin, cnn) = (Origin::start(answer), launch());
    let (stop, address) = (Arc::new(AtomicBool::new(false)), cnn.address());
    let noise: Vec<_> = (0..3)
        .map(|_| {
            let (stop, url) = (Arc::clone(&stop), origin.url("/noise"));
            thread::spawn(move || {
                let mut requests = 0_u64;
                while !stop.load(Relaxed) {
                    assert_eq!(cnn_support::get(address, &url, &[]).status, 200);
                    requests += 1;
                }
                requests
            })
        })
        .collect();
    let by_path = written(&cnn, "by-path", BY_PATH);
    for _ in 0..3 {
        attach(&cnn, &by_path);
        let url = origin.url("/counted");
        at_once(4, move |_| {
            (0..25).for_each(|_| assert_eq!(cnn_support::get(address, &url, &[]).status, 200))
        });
        let counted = || {
            let shown = show(&cnn, "by-path");
            assert_eq!(shown["requests_lost"], 0);
            values(&shown, "by_path").get("/counted").copied()
        };
        eventually("all are counted", || counted() == Some(100.0));
        let output = cnn.verb(&["monitor", "detach", "by-path"]);
        assert!(output.status.success());
        // What it published is gone, and with it whatever was said of it.
        assert!(page(&cnn).keys().all(|series| !series.starts_with("cnn_monitor")));
        assert_eq!(cnn.json(&["monitor", "list"])["monitors"], Value::Array(Vec::new()));
    }
    stop.store(true, Relaxed);
    let requests: u64 = noise.into_iter().map(|client| client.join().unwrap()).sum();
    assert!(requests > 0);
    assert!(
        refused(&cnn, &["monitor", "show", "by-path"]).contains("there is no attached monitor `by-path`")
    );
}

/// Does wrong, but not with the made-up requests it is tried on.
fn hostile(what: &str) -> String {
    format!(
        "//! role: monitor\n//! metric: n{{l}} counter A number\nfn on_request(r) {{\n  if r.host != \"127.0.0.1\" {{ return; }}\n  {what}\n}}\n"
    )
}

#[test]
fn a_hostile_monitor_loses_requests_and_nothing_else() {
    let (origin, cnn) = (Origin::start(answer), launch());
    attach(&cnn, &script("hit-ratio-by-host"));
    let bad = [
        ("loops", "loop { }"),
        ("bomb", "let s = \"x\"; loop { s += s; }"),
        ("hoards", "for i in 0..400 { this[`${this.len()}`] = i; }"),
        ("throws", "throw \"as it likes\""),
        ("recurses", "on_request(r)"),
    ];
    for (name, what) in bad {
        attach(&cnn, &written(&cnn, name, &hostile(what)));
    }
    // This one does no wrong: it has more series than can be told apart.
    attach(&cnn, &written(&cnn, "floods", &hostile("for i in 0..300 { count(\"n\", #{l: i}); }")));
    let (address, url) = (cnn.address(), origin.url("/doc"));
    let requests = 4 * 100;
    at_once(4, move |_| (0..100).for_each(|_| assert_eq!(cnn_support::get(address, &url, &[]).status, 200)));
    eventually("the good one has counted them all", || {
        value(&show(&cnn, "hit-ratio-by-host"), "host_requests") == f64::from(requests)
    });
    assert_eq!(show(&cnn, "hit-ratio-by-host")["requests_lost"], 0);
    for (name, _) in bad {
        eventually("it is quarantined", || show(&cnn, name)["state"] == "quarantined");
        let said = cnn.await_error_line(|line| line.contains(&format!("monitor {name} is quarantined")));
        assert!(said.contains("8 faults, the last: "), "{said}");
    }
    assert!(show(&cnn, "throws")["reason"].as_str().unwrap().ends_with("line 5: as it likes"));
    let floods = show(&cnn, "floods");
    assert_eq!((floods["state"].as_str(), floods["series"].as_u64()), (Some("running"), Some(201)));
    let page = page(&cnn);
    assert_eq!(page["cnn_monitors_quarantined{monitor=\"loops\"}"], 1.0);
    assert_eq!(page["cnn_monitors_faults_total{monitor=\"bomb\"}"], 8.0);
    assert_eq!(page["cnn_monitors_quarantined{monitor=\"floods\"}"], 0.0);
}

#[test]
fn what_is_wrong_with_a_monitor_is_said_where_it_is_attached() {
    let cnn = launch();
    let check = |spec: &str, expected: &str| {
        let said = refused(&cnn, &["monitor", "attach", spec]);
        assert!(said.contains(expected), "{spec}: {said}");
    };
    let bad = written(
        &cnn,
        "bad",
        "//! role: monitor\n//! metric: n counter A\nfn on_request(r) {\n  count(n);\n}\n",
    );
    check(&bad, "bad.rhai:4:9: ");
    check(&bad, " 4 |   count(n);\n   |         ^");
    let unknown = "//! role: monitor\n//! metric: n counter A\nfn on_request(r) { r.hots }\n";
    check(&written(&cnn, "unknown", unknown), "unknown.rhai:3:22: no field \"hots\"; r has time, key, host");
    check(&guest("sieve"), "wasm-sieve is of role replacement; expected monitor");
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/replacement/gdsf.rhai");
    check(&policy.display().to_string(), "gdsf is of role replacement; expected monitor");
    check("./none.rhai", "No such file");
    check("no-such", "no monitor is called \"no-such\"");
    attach(&cnn, &script("byte-rate"));
    check(&script("byte-rate"), "a monitor called byte-rate is attached already");
}

#[test]
fn the_configuration_names_monitors_and_a_reload_changes_them() {
    let origin = Origin::start(answer);
    let config = |names: &[&str]| {
        let specs: Vec<_> = names.iter().map(|name| format!("{:?}", script(name))).collect();
        format!("monitors = [{}]\n", specs.join(", "))
    };
    let cnn = Launch::new(cnn_exe!()).config(config(&["byte-rate", "hit-ratio-by-host"])).start();
    let names = || -> Vec<String> {
        let list = cnn.json(&["monitor", "list"]);
        let monitors = list["monitors"].as_array().unwrap().iter();
        monitors.map(|monitor| monitor["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(), ["byte-rate", "hit-ratio-by-host"]);
    attach(&cnn, "reuse-distance");
    assert_eq!(cnn.get(&origin.url("/doc/1"), &[]).status, 200);
    eventually("it is counted", || value(&show(&cnn, "hit-ratio-by-host"), "host_requests") == 1.0);
    let file = cnn.folder().join("cnn.toml");
    fs::write(&file, config(&["hit-ratio-by-host", "origin-latency"])).unwrap();
    cnn.signal(Signal::HUP);
    // What stays has not been touched, and what was attached by hand stays.
    eventually("reloaded", || names() == ["hit-ratio-by-host", "reuse-distance", "origin-latency"]);
    assert_eq!(value(&show(&cnn, "hit-ratio-by-host"), "host_requests"), 1.0);
    fs::write(&file, "monitors = [\"./no-such.rhai\"]\n").unwrap();
    cnn.signal(Signal::HUP);
    let said = cnn.await_error_line(|line| line.contains("cannot attach the monitor ./no-such.rhai"));
    assert!(said.contains("No such file"), "{said}");
    assert_eq!(names(), ["hit-ratio-by-host", "reuse-distance", "origin-latency"]);
}
