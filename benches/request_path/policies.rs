//! What the choice of a policy costs a hit: 1 KB hits under every policy in turn, in one process.
//!
//! The measure is `fifo`, which is told of no hits and never evicts here, so its hits are those of a cache without any
//! replacement. The policies take turns within each round; readings cover all threads, the one that orders documents included.

use cnn_replay::live::DocumentOrigin;
use serde_json::{Value, json};

use crate::servers::Server;
use crate::{SIZES, measure, median, warm};

const MEASURE: &str = "fifo";
const SLOWER_MAX: f64 = 1.03;

/// Measures and prints; says nothing where ours is not running.
pub(crate) fn compare(server: &Server, origin: &DocumentOrigin, processor: usize, rounds: usize) {
    let Some(cnn) = server.ours() else { return };
    let size = &SIZES[0];
    let (_, list) = cnn.admin("GET", "/policies", &Value::Null);
    let listed = list["policies"].as_array().into_iter().flatten();
    let policies: Vec<String> =
        listed.filter_map(|policy| Some(policy["name"].as_str()?.to_owned())).collect();
    let mut readings = vec![Vec::new(); policies.len()];
    for round in 0..rounds {
        for at in 0..policies.len() {
            // Each round begins with another, so that none always follows the same.
            let policy = (at + round) % policies.len();
            let (status, said) =
                cnn.admin("POST", "/policy/use", &json!({"name": policies[policy], "reevaluate": "all"}));
            // The policy that decides already need not be switched to.
            assert!(status < 500, "{said}");
            warm(server, origin, processor, size);
            let documents = (0..size.hits).map(|number| number % size.documents);
            readings[policy].push(measure(server, origin, processor, size, documents).0.micros);
        }
    }
    let medians: Vec<_> = readings.iter().map(|all| median(all.iter().copied())).collect();
    let Some(measure) = policies.iter().position(|name| name == MEASURE).map(|at| medians[at]) else {
        return;
    };
    println!("\nMicroseconds per hit of 1 KB by policy; aim: at most {SLOWER_MAX} x {MEASURE}\n");
    println!("| policy | median | x {MEASURE} | |\n| --- | --- | --- | --- |");
    for (name, micros) in policies.iter().zip(&medians) {
        let ratio = micros / measure;
        println!(
            "| {name} | {micros:.2} | {ratio:.3} | {} |",
            if ratio <= SLOWER_MAX { "met" } else { "MISSED" }
        );
    }
}
