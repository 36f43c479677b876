//! What monitors cost a hit: 1 KB hits with none, one and five attached, in one process, by turns.
//!
//! Readings cover all threads, so they are what the worker pays to tell the monitors and what these take to count. With
//! none attached the price is a relaxed load, and should not be seen.

use std::path::Path;

use cnn_replay::live::DocumentOrigin;
use serde_json::json;

use crate::servers::Server;
use crate::{SIZES, measure, median, warm};

/// What is attached in each turn.
const TURNS: [(&str, &[&str]); 4] = [
    ("none", &[]),
    ("one, built in", &["reuse-distance"]),
    ("one, a script", &["hit-ratio-by-type"]),
    ("five", &["reuse-distance", "hit-ratio-by-type", "hit-ratio-by-host", "byte-rate", "origin-latency"]),
];

/// Measures and prints; says nothing where ours is not running.
pub(crate) fn compare(server: &Server, origin: &DocumentOrigin, processor: usize, rounds: usize) {
    let Some(cnn) = server.ours() else { return };
    let size = &SIZES[0];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/monitors");
    let spec = |name: &str| match name {
        "reuse-distance" => name.to_owned(),
        _ => folder.join(format!("{name}.rhai")).display().to_string(),
    };
    let change = |path: &str, argument: &str, value: &str| {
        let (status, said) = cnn.admin("POST", path, &json!({ argument: value }));
        assert_eq!(status, 200, "{path} {value}: {said}");
    };
    let mut readings = vec![Vec::new(); TURNS.len()];
    let (mut seen, mut lost) = (0, 0);
    for round in 0..rounds {
        for at in 0..TURNS.len() {
            // Each round begins with another, so that none always follows the same.
            let turn = (at + round) % TURNS.len();
            let monitors = TURNS[turn].1;
            monitors.iter().for_each(|name| change("/monitor/attach", "spec", &spec(name)));
            warm(server, origin, processor, size);
            let documents = (0..size.hits).map(|number| number % size.documents);
            readings[turn].push(measure(server, origin, processor, size, documents).0.micros);
            for name in monitors {
                let (_, shown) = cnn.admin("GET", &format!("/monitors/{name}"), &serde_json::Value::Null);
                seen += shown["requests_seen"].as_u64().unwrap_or(0);
                lost += shown["requests_lost"].as_u64().unwrap_or(0);
                change("/monitor/detach", "name", name);
            }
        }
    }
    let medians: Vec<_> = readings.iter().map(|all| median(all.iter().copied())).collect();
    println!(
        "\nMicroseconds per hit of 1 KB by monitors attached, all threads: {seen} requests told, {lost} lost\n"
    );
    println!("| attached | median | more than with none |\n| --- | --- | --- |");
    for ((name, _), micros) in TURNS.iter().zip(&medians) {
        println!("| {name} | {micros:.2} | {:.0} ns |", (micros - medians[0]) * 1000.0);
    }
}
