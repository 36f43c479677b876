//! Admission policies and freshness rules in a real `cnn serve`: swapped while it serves, asked once, harmless.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use cnn_support::{
    After, Answer, Cnn, Connection, Launch, Origin, Reply, Request, at_once, cnn_exe, eventually,
};

/// An origin whose paths say what it sends: `/chunked...` without a length, `/modified...` with nothing but a date of
/// modification, `/plain...` with nothing at all, everything else for a minute.
fn origin() -> Origin {
    Origin::start(|request: &Request, answer: &mut Answer<'_>| -> io::Result<After> {
        let body = request.target.repeat(8);
        let fields: &[&str] = match &request.target {
            path if path.starts_with("/modified") => &["Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT"],
            path if path.starts_with("/plain") => &[],
            path if path.starts_with("/private") => &["Cache-Control: private, max-age=60"],
            path if path.starts_with("/chunked") => {
                answer.head(200, &["Cache-Control: max-age=60", "Transfer-Encoding: chunked"])?;
                answer.chunk(body.as_bytes())?;
                answer.raw(b"0\r\n\r\n")?;
                return Ok(After::Keep);
            }
            _ => &["Cache-Control: max-age=60"],
        };
        answer.whole(200, fields, body.as_bytes())
    })
}

fn start(flags: &[(&str, &str)]) -> Cnn {
    flags.iter().fold(Launch::new(cnn_exe!()), |launch, (name, value)| launch.flag(name, value)).start()
}

fn status_of(reply: &Reply) -> String {
    let text = reply.field("cache-status").unwrap_or_default();
    text.split_once("; ").map_or(text, |(_, rest)| rest).to_owned()
}

/// Asks for a document; checks that it came whole, and gives `Cache-Status` without the cache's name.
#[track_caller]
fn get(cnn: &Cnn, origin: &Origin, path: &str) -> String {
    let reply = cnn.get(&origin.url(path), &[]);
    assert_eq!((reply.status, reply.text()), (200, path.repeat(8)), "{path}");
    status_of(&reply)
}

/// The number a line of /metrics has.
fn metric(cnn: &Cnn, line: &str) -> u64 {
    let address = cnn.metrics().expect("the proxy was started with metrics");
    let page = Connection::open(address)
        .exchange("GET /metrics HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n")
        .text();
    let value =
        page.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' ')?.parse::<f64>().ok());
    value.unwrap_or_default() as u64
}

#[test]
fn second_hit_stores_on_the_second_request_and_says_why_not_on_the_first() {
    let (cnn, origin) = (start(&[("--admission", "second-hit"), ("--metrics", "127.0.0.1:0")]), origin());
    assert_eq!(get(&cnn, &origin, "/a"), "fwd=uri-miss; fwd-status=200; detail=not-admitted:first-seen");
    let explained = cnn.json(&["explain", &origin.url("/a")]);
    let rule = explained["rule"].as_str().unwrap_or_default();
    assert!(rule.starts_with("admission second-hit: first-seen"), "{rule}");
    let second = get(&cnn, &origin, "/a");
    assert!(second.starts_with("fwd=uri-miss; fwd-status=200; stored; ttl="), "{second}");
    assert!(get(&cnn, &origin, "/a").starts_with("hit"));
    assert_eq!(origin.count("/a"), 2);
    assert_eq!(metric(&cnn, "cnn_admission_total{answer=\"first-seen\"}"), 1);
    assert_eq!(metric(&cnn, "cnn_admission_total{answer=\"admitted\"}"), 1);
    assert_eq!(metric(&cnn, "cnn_not_stored_total{reason=\"not-admitted\"}"), 1);
    assert_eq!(metric(&cnn, "cnn_admission_info{admission=\"second-hit\"}"), 1);
    assert_eq!(cnn.json(&["status"])["admission"], "second-hit");
}

#[test]
fn a_response_of_unknown_length_is_judged_when_it_is_whole() {
    let (cnn, origin) = (start(&[("--admission", "size-threshold(max=1KiB)")]), origin());
    let long = format!("/chunked/{}", "x".repeat(400));
    get(&cnn, &origin, &long);
    get(&cnn, &origin, &long);
    assert_eq!(origin.count(&long), 2);
    let rule = cnn.json(&["explain", &origin.url(&long)])["rule"].to_string();
    assert!(rule.contains("size-threshold(max=1KiB): too-large"), "{rule}");
    get(&cnn, &origin, "/chunked/short");
    assert!(get(&cnn, &origin, "/chunked/short").starts_with("hit"));
}

#[test]
fn an_admission_policy_is_swapped_under_traffic_and_nobody_notices() {
    let (cnn, origin) = (start(&[]), origin());
    let (address, url) = (cnn.address(), origin.url("/swapped"));
    let clients = std::thread::spawn(move || {
        at_once(4, move |client| {
            (0..100)
                .map(|number| cnn_support::get(address, &format!("{url}/{}", (client + number) % 50), &[]))
                .all(|reply| reply.status == 200 && reply.text().len() > 60)
        })
    });
    for spec in ["second-hit", "size-threshold(max=64KiB)", "adapt-size", "none", "second-hit(memory=100)"] {
        let used = cnn.json(&["admission", "use", spec]);
        assert_eq!(used["name"], spec);
        assert_eq!(cnn.json(&["status"])["admission"], spec);
    }
    assert!(clients.join().expect("no client panics").iter().all(|&is_served| is_served));
    let shown = cnn.json(&["admission", "show"]);
    assert_eq!((&shown["name"], &shown["failed"]), (&"second-hit(memory=100)".into(), &0.into()));
    assert!(shown["by"].as_str().is_some_and(|by| by.starts_with("uid=")), "{shown}");
}

#[test]
fn a_spec_that_is_wrong_changes_nothing() {
    let cnn = start(&[("--admission", "second-hit")]);
    for (verb, spec, said) in [
        ("admission", "third-hit", "third-hit"),
        ("admission", "second-hit(size=3)", "no parameter"),
        ("freshness", "squid", "squid"),
    ] {
        let output = cnn.verb(&[verb, "use", spec]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{error}");
    }
    let status = cnn.json(&["status"]);
    assert_eq!((&status["admission"], &status["freshness"]), (&"second-hit".into(), &"none".into()));
}

#[test]
fn freshness_rules_give_lifetimes_to_what_comes_and_leave_what_is_stored() {
    let (cnn, origin) = (start(&[]), origin());
    let ttl = |path: &str| {
        let status = get(&cnn, &origin, path);
        status.split_once("ttl=").and_then(|(_, ttl)| ttl.split(';').next()?.parse::<i64>().ok())
    };
    // RFC 9111's guess is a tenth of more than ten years, at most a day; Squid's a fifth, at most three.
    assert!(matches!(ttl("/modified/before"), Some(86_399 | 86_400)));
    assert_eq!(cnn.json(&["freshness", "use", "squid-default"])["previous"], "none");
    assert!(matches!(ttl("/modified/after"), Some(259_199 | 259_200)));
    assert!(ttl("/modified/before").is_some_and(|ttl| (1..=86_400).contains(&ttl)));
    let explained = cnn.json(&["explain", &origin.url("/modified/after")]);
    assert_eq!(explained["variants"][0]["lifetime_from"], "rule");
    assert!(explained["rule"].as_str().is_some_and(|rule| rule.contains("freshness rule")), "{explained}");
    // An explicit lifetime stays, and so does what the origin forbids.
    assert!(matches!(ttl("/explicit"), Some(59 | 60)));
    assert!(get(&cnn, &origin, "/private").contains("detail=private"));
    // Nothing says anything: stored for `min`, which is nothing by default.
    assert!(get(&cnn, &origin, "/plain").contains("detail=no-lifetime"));
    let _ = cnn.json(&["freshness", "use", "refresh(min=5)"]);
    assert!(matches!(ttl("/plain"), Some(299 | 300)));
    assert!(get(&cnn, &origin, "/plain").starts_with("hit; ttl="));
    let shown = cnn.json(&["freshness", "show"]);
    assert_eq!((&shown["name"], &shown["failed"]), (&"refresh(min=5)".into(), &0.into()));
    let _ = cnn.json(&["freshness", "use", "none"]);
    assert!(get(&cnn, &origin, "/plain/other").contains("detail=no-lifetime"));
}

#[test]
fn filters_of_the_configuration_are_asked_from_the_start() {
    let text = "admission = \"second-hit\"\n[freshness]\nrules = \"refresh(min=5)\"\n";
    let cnn = Launch::new(cnn_exe!()).config(text).start();
    let asked = || {
        let status = cnn.json(&["status"]);
        (status["admission"].clone(), status["freshness"].clone())
    };
    assert_eq!(asked(), ("second-hit".into(), "refresh(min=5)".into()));
    let list = String::from_utf8_lossy(&cnn.verb(&["admission", "list"]).stdout).into_owned();
    assert!(list.lines().any(|line| line.starts_with("second-hit") && line.contains(" asked ")), "{list}");
}

/// A file of this repository.
fn file(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

/// A script written for a test, in the proxy's folder.
fn script(cnn: &Cnn, text: &str) -> String {
    let path: PathBuf = cnn.folder().join("mine.rhai");
    fs::write(&path, text).expect("the temporary folder can be written");
    path.display().to_string()
}

#[test]
fn scripts_and_modules_decide_like_what_is_built_in() {
    let (cnn, origin) = (start(&[]), origin());
    let _ = cnn.json(&["admission", "use", &file("scripts/admission/second-hit.rhai")]);
    assert!(get(&cnn, &origin, "/s").ends_with("detail=not-admitted:first-seen"));
    assert!(get(&cnn, &origin, "/s").contains("stored"));
    assert!(get(&cnn, &origin, "/s").starts_with("hit"));
    let small = format!("{}(max=700)", file("policies/guests/wasm/wat-size-threshold.wasm"));
    assert_eq!(cnn.json(&["admission", "use", &small])["name"], small.as_str());
    assert!(get(&cnn, &origin, "/small").contains("stored"));
    let long = format!("/{}", "x".repeat(100));
    assert!(get(&cnn, &origin, &long).ends_with("detail=not-admitted:too-large"));
    for rules in ["scripts/freshness/squid-default.rhai", "policies/guests/wasm/wat-refresh.wasm"] {
        let _ = cnn.json(&["freshness", "use", &file(rules)]);
        let status = get(&cnn, &origin, &format!("/modified/{}", rules.len()));
        assert!(status.contains("ttl=259200") || status.contains("ttl=259199"), "{rules}: {status}");
    }
    let shown = cnn.json(&["freshness", "show"]);
    assert_eq!((&shown["asked"], &shown["failed"]), (&1.into(), &0.into()), "{shown}");
}

#[test]
fn a_module_that_never_ends_harms_nobody_and_is_not_asked_any_more() {
    let (cnn, origin) = (start(&[("--metrics", "127.0.0.1:0")]), origin());
    // Good as long as it is tried; a document that is fetched has a hash.
    let mine = script(&cnn, "//! role: admission\nif doc.hash > 0 { loop { } } else { true }\n");
    let _ = cnn.json(&["admission", "use", &mine]);
    for number in 0..12 {
        let path = format!("/{number}");
        assert!(get(&cnn, &origin, &path).contains("stored"));
        assert!(get(&cnn, &origin, &path).starts_with("hit"));
    }
    let shown = cnn.json(&["admission", "show"]);
    assert_eq!((&shown["quarantined"], &shown["failed"]), (&true.into(), &8.into()), "{shown}");
    assert!(shown["last_fault"].as_str().is_some_and(|fault| fault.contains("line 2")), "{shown}");
    assert_eq!(cnn.json(&["status"])["admission"], "none");
    assert_eq!(metric(&cnn, "cnn_admission_total{answer=\"failed\"}"), 8);
    assert_eq!(metric(&cnn, "cnn_admission_total{answer=\"quarantined\"}"), 4);
}

#[test]
fn a_slow_server_is_passed_by() {
    let slow = Origin::start(|request: &Request, answer: &mut Answer<'_>| {
        // What makes it slow.
        thread::sleep(Duration::from_millis(50));
        answer.whole(200, &["Cache-Control: max-age=60"], request.target.repeat(8).as_bytes())
    });
    let cnn = start(&[("--metrics", "127.0.0.1:0")]);
    let mine = "//! role: admission\nfn bypass(origin) { origin.requests >= 2 && origin.ttfb_ms > 30 }\n";
    let mine = script(&cnn, mine);
    let _ = cnn.json(&["admission", "use", &mine]);
    assert!(get(&cnn, &slow, "/first").contains("stored"));
    get(&cnn, &slow, "/second");
    eventually("the slow server is passed by", || {
        cnn.json(&["admission", "show"])["passed_by"] == serde_json::json!(["127.0.0.1"])
    });
    // Not even looked up, though it is stored.
    assert_eq!(get(&cnn, &slow, "/first"), "fwd=bypass; fwd-status=200");
    assert_eq!(slow.count("/first"), 2);
    assert_eq!(metric(&cnn, "cnn_bypassed_total"), 1);
    let _ = cnn.json(&["admission", "use", "none"]);
    assert!(get(&cnn, &slow, "/first").starts_with("hit"));
}

#[test]
fn a_policy_that_wants_hits_is_told_of_them_beside_the_workers() {
    let (cnn, origin) = (start(&[("--policy", "fifo")]), origin());
    let mine = "//! role: admission\nfn admit(doc, sketch) { sketch.count(doc) >= 2 || doc.host == \"127.0.0.1\" }\nfn hit(doc, sketch) { sketch.add(doc); }\n";
    let mine = script(&cnn, mine);
    let _ = cnn.json(&["admission", "use", &mine]);
    get(&cnn, &origin, "/a");
    eventually("the policy hears of hits", || {
        get(&cnn, &origin, "/a");
        // The sketch is made with the first hit that is told.
        cnn.json(&["admission", "show"])["state_bytes"].as_u64() > Some(1 << 20)
    });
    assert_eq!(cnn.json(&["admission", "show"])["failed"], 0);
}

#[test]
fn a_replay_by_file_is_a_replay_by_name() {
    let cnn = start(&[]);
    let trace = file("traces/data/squid-sample-access-full.log");
    let rows = |admission: &str| {
        let output = cnn.folder().join("out.csv").display().to_string();
        let words = ["replay", &trace, "--policy", "lru", "--size", "10%", "--admission", admission];
        let done = Command::new(cnn_exe!()).args(words).args(["--csv", &output]).output().expect("it starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let text = fs::read_to_string(&output).expect("the table is there");
        let row = text.lines().nth(1).expect("one row").to_owned();
        // Up to the evictions; then come times and the name.
        row.split(',').take(9).map(str::to_owned).collect::<Vec<_>>()
    };
    let named = rows("second-hit");
    assert_eq!(rows(&file("scripts/admission/second-hit.rhai")), named);
    assert_ne!(rows("size-threshold(max=64GiB)"), named);
}

#[test]
fn a_loaded_module_is_asked_by_its_name_and_stays_while_it_is() {
    let (cnn, origin) = (start(&[]), origin());
    let _ =
        cnn.json(&["module", "load", &file("scripts/admission/size-threshold.rhai"), "--name", "small-only"]);
    assert_eq!(cnn.json(&["admission", "use", "small-only"])["name"], "small-only");
    assert!(get(&cnn, &origin, "/a").contains("stored"));
    let refused = cnn.verb(&["module", "unload", "small-only"]);
    assert!(!refused.status.success(), "{}", String::from_utf8_lossy(&refused.stdout));
    let wrong = cnn.verb(&["freshness", "use", "small-only"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("is of role admission; expected freshness"));
    let _ = cnn.json(&["admission", "use", "none"]);
    // The instance goes with the last connection that was served with it.
    eventually("the module can be unloaded", || {
        cnn.verb(&["module", "unload", "small-only"]).status.success()
    });
}
