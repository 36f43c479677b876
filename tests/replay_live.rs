//! `cnn replay --live` through the proxy itself: what it finds is what the replay of the same trace says.

use std::process::{Command, Output};

use cnn_support::{Cnn, Launch, cnn_exe};
use serde_json::Value;

const TRACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/traces/data/made-up.csv");

fn replay(arguments: &[&str]) -> Output {
    Command::new(cnn_exe!()).arg("replay").args(arguments).output().expect("the executable starts")
}

/// The report of a comparison of one proxy.
fn live(cnn: &Cnn, arguments: &[&str]) -> Value {
    let proxy = format!("ours=http://{}", cnn.address());
    let file = cnn.folder().join("live.json");
    let file = file.to_str().expect("the folder's name is text");
    let told = ["--live", "--proxy", &proxy, "--latency", "none", "--json", file, TRACE];
    let output = replay(&[&told, arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_str(&std::fs::read_to_string(file).expect("it was written")).expect("it is JSON")
}

/// The hits of a cache without limits, by the replay.
fn replayed_hits() -> u64 {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("rows.csv");
    let file = file.to_str().expect("the folder's name is text");
    let output = replay(&["--policy", "lru", "--size", "1GiB", "--csv", file, TRACE]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = std::fs::read_to_string(file).expect("it was written");
    let [heads, row] = [0, 1].map(|line| rows.lines().nth(line).expect("there is a row").split(','));
    let (_, hits) = heads.zip(row).find(|(head, _)| *head == "hits").expect("there is a column for hits");
    hits.parse().expect("it is a number")
}

#[test]
fn the_proxy_hits_what_the_replay_hits() {
    let cnn = Launch::new(cnn_exe!()).start();
    // One request at a time: two for one document at once are one fetch, and two misses.
    let report = live(&cnn, &["--connections", "1", "--rounds", "3"]);
    let ours = &report["live"]["proxies"][0];
    assert_eq!((&ours["failed"], &ours["wrong"]), (&0.into(), &0.into()), "{ours}");
    assert_eq!(ours["answered"], report["live"]["requests"], "{ours}");
    assert_eq!(ours["hits"], replayed_hits(), "{ours}");
    let fetched = ours["answered"].as_u64().expect("a number") - ours["hits"].as_u64().expect("a number");
    assert_eq!(ours["origin_requests"], fetched, "{ours}");
    assert!(ours["cpu_us"].as_f64().is_some_and(|us| us > 0.0), "its process was found: {ours}");
}

#[test]
fn another_run_finds_nothing_of_the_one_before() {
    let cnn = Launch::new(cnn_exe!()).start();
    let hits = |report: &Value| report["live"]["proxies"][0]["hits"].clone();
    let first = live(&cnn, &["--connections", "1", "--requests", "40"]);
    let second = live(&cnn, &["--connections", "1", "--requests", "40"]);
    assert_eq!(hits(&first), hits(&second));
}

#[test]
fn many_connections_and_a_pace_lose_no_answer() {
    let cnn = Launch::new(cnn_exe!()).start();
    for pace in [&["--connections", "16"][..], &["--pace", "1000000", "--rounds", "2"]] {
        let report = live(&cnn, pace);
        let ours = &report["live"]["proxies"][0];
        assert_eq!(ours["answered"], report["live"]["requests"], "{pace:?}: {ours}");
    }
}

#[test]
fn a_proxy_that_refuses_loopback_is_told_the_flag_that_opens_it() {
    let cnn = Launch::new(cnn_exe!()).deny_loopback().start();
    let proxy = format!("ours=http://{}", cnn.address());
    let output = replay(&["--live", "--proxy", &proxy, TRACE]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("403 Forbidden") && said.contains("--allow-destination 127.0.0.1/32"), "{said}");
}
