//! What a switch of the replacement policy does to traffic: a million documents, every request a hit, a thousand switches
//! between all pairs of policies with none, a fifth and all of the documents re-evaluated at once.
//!
//! `cargo bench --bench switch`, or `-- --documents 100000 --switches 60 --window 10`. Windows with switches (until no
//! document is left to be re-evaluated) and windows without are interleaved in one run. It fails when a response fails or is
//! wrong, a document is lost, or status names another policy than the last one used; times are printed beside their aims.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use cnn_replay::live::{Document, DocumentOrigin, Histogram, Outcome, Plan, run};
use cnn_support::{Cnn, Launch, cnn_exe};
use serde_json::{Value, json};

const CONNECTIONS: usize = 64;
const BODY_BYTES: usize = 1024;
const SHARES: [&str; 3] = ["0", "20%", "all"];

/// Aims, the first in microseconds.
const HANDOVER_MEDIAN_MAX: f64 = 50.0;
const SLOWER_MAX: f64 = 1.5;

/// Phases of the load.
const QUIET: usize = 0;
const SWITCHING: usize = 1;

/// What the switches answered.
#[derive(Default)]
struct Switches {
    count: usize,
    handover_us: Vec<f64>,
    prepare_us: Vec<f64>,
    refused: Vec<String>,
    policy: String,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, otherwise: usize| {
        let at = arguments.iter().position(|own| own == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(otherwise)
    };
    let documents = number("--documents", 1_000_000);
    // At least a thousand, and one for each pair of policies there is.
    let switches = number("--switches", 0);
    let window = number("--window", 20).max(1);

    let load_processor = thread::available_parallelism().map_or(0, |count| usize::from(count.get() > 1));
    let origin = DocumentOrigin::start(Some(load_processor));
    // Room for all of them: no document may go, so that one that is missing was lost.
    let memory = documents * (BODY_BYTES + 1024) + (256 << 20);
    let launch = Launch::new(cnn_exe!()).flag("--reverse", format!("http://{}", origin.address()));
    let cnn =
        Arc::new(launch.flag("--memory", format!("{memory}B")).flag("--workers", 1).log_to_file().start());

    let mut number = 0;
    let (fill, _) = load(&cnn, load_processor, &AtomicUsize::new(0), || {
        number += 1;
        (number <= documents as u64).then_some(Document { bytes: BODY_BYTES, number: number - 1 })
    });
    assert_eq!((fill.failed, fill.wrong), (0, 0), "{:?}", fill.failures);
    let (before, fetched) = (cnn.status("documents"), origin.requests());
    println!("{before} documents of {BODY_BYTES} bytes stored in {:.1} s", fill.elapsed.as_secs_f64());

    let (phase, is_over) = (Arc::new(AtomicUsize::new(QUIET)), Arc::new(AtomicBool::new(false)));
    let switching = thread::spawn({
        let (cnn, phase, is_over) = (Arc::clone(&cnn), Arc::clone(&phase), Arc::clone(&is_over));
        move || {
            let result = switch_in_windows(&cnn, &phase, switches, window);
            is_over.store(true, Ordering::Relaxed);
            result
        }
    });
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let (outcome, latency) = load(&cnn, load_processor, &phase, || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (!is_over.load(Ordering::Relaxed))
            .then_some(Document { bytes: BODY_BYTES, number: seed % documents as u64 })
    });
    let switches = switching.join().expect("the switching thread reports");
    let (after, fetched) = (cnn.status("documents"), origin.requests() - fetched);
    let policy = cnn.json(&["status"])["policy"].as_str().unwrap_or_default().to_owned();
    report(&switches, &latency);

    println!("\n| must hold | seen |\n| --- | --- |");
    println!(
        "| no response failed | {} of {} |",
        outcome.failed,
        outcome.good + outcome.failed + outcome.wrong
    );
    println!("| no response was wrong | {} |", outcome.wrong);
    println!("| no document was lost | {before} before, {after} after, {fetched} fetched again |");
    println!("| every switch was made | {} refused {:?} |", switches.refused.len(), switches.refused.first());
    println!("| status names the deciding policy | {policy}, last used {} |", switches.policy);
    let is_right = outcome.failed == 0
        && outcome.wrong == 0
        && before as usize == documents
        && before == after
        && fetched == 0
        && switches.refused.is_empty()
        && policy == switches.policy;
    if !is_right {
        println!("\nFAILED: {:?}", outcome.failures);
        std::process::exit(1);
    }
}

/// What came of the load, and its latency by phase.
fn load(
    cnn: &Cnn,
    processor: usize,
    phase: &AtomicUsize,
    mut next: impl FnMut() -> Option<Document>,
) -> (Outcome, [Histogram; 2]) {
    let plan = Plan {
        to: cnn.address(),
        before_path: "",
        host: "documents.test",
        connections: CONNECTIONS,
        processor: Some(processor),
        checks_content: true,
        mark: &|| 0,
    };
    let mut latency = [Histogram::default(), Histogram::default()];
    let outcome = run(
        &plan,
        || next().map(Into::into),
        |answer| latency[phase.load(Ordering::Relaxed)].add(answer.took_ns),
    );
    (outcome.expect("the proxy accepts"), latency)
}

/// Switches through all pairs and shares as evenly as the count allows; between windows as long a time without.
fn switch_in_windows(cnn: &Cnn, phase: &AtomicUsize, asked: usize, window: usize) -> Switches {
    let (_, list) = cnn.admin("GET", "/policies", &Value::Null);
    let policies: Vec<String> =
        list["policies"].as_array().expect("policies are listed").iter().map(name_of).collect();
    let pairs_of_policies = policies.len() * (policies.len() - 1);
    let count = if asked == 0 { pairs_of_policies.max(1_000) } else { asked };
    let mut switches = Switches { policy: name_of(&json!({"name": list["policy"]})), ..Switches::default() };
    let mut used: BTreeMap<(String, String, usize), usize> = BTreeMap::new();
    while switches.count < count {
        let started = Ticks::now();
        phase.store(SWITCHING, Ordering::Relaxed);
        for _ in 0..window.min(count - switches.count) {
            let uses = |to: &String, share: usize| {
                used.get(&(switches.policy.clone(), to.clone(), share)).copied().unwrap_or_default()
            };
            let pair_uses = |to: &String| (0..SHARES.len()).map(|share| uses(to, share)).sum::<usize>();
            let candidates = policies.iter().filter(|to| **to != switches.policy);
            let pairs = candidates.flat_map(|to| (0..SHARES.len()).map(move |share| (to, share)));
            // Of those used least, pairs first, not always the first: or the walk would circle among the first policies
            // and shares.
            let rotated = |to: &String, share: usize| {
                let at = policies.iter().position(|own| own == to);
                (at.map(|at| (at + switches.count) % policies.len()), (share + switches.count) % SHARES.len())
            };
            let (to, share) = pairs
                .min_by_key(|&(to, share)| (pair_uses(to), uses(to, share), rotated(to, share)))
                .expect("there are two policies");
            *used.entry((switches.policy.clone(), to.clone(), share)).or_default() += 1;
            let order = json!({"name": to, "reevaluate": SHARES[share]});
            let (status, said) = cnn.admin("POST", "/policy/use", &order);
            if status == 200 {
                switches.policy.clone_from(to);
                switches.handover_us.push(said["handover_us"].as_f64().expect("the reply tells handover_us"));
                switches.prepare_us.push(said["prepare_us"].as_f64().expect("the reply tells prepare_us"));
            } else {
                switches.refused.push(format!("{order}: {status} {said}"));
            }
            switches.count += 1;
        }
        while cnn.status("pending") > 0.0 {
            thread::sleep(Duration::from_millis(20));
        }
        phase.store(QUIET, Ordering::Relaxed);
        thread::sleep(started.elapsed());
    }
    let pairs: BTreeSet<_> = used.keys().map(|(from, to, _)| (from, to)).collect();
    println!(
        "{} of {pairs_of_policies} pairs of policies and {} of {} combinations of pair and share were used",
        pairs.len(),
        used.len(),
        pairs_of_policies * SHARES.len()
    );
    switches
}

fn name_of(policy: &Value) -> String {
    policy["name"].as_str().unwrap_or_default().to_owned()
}

fn report(switches: &Switches, latency: &[Histogram; 2]) {
    let micros = |histogram: &Histogram, share: f64| histogram.quantile(share) as f64 / 1000.0;
    println!("\n| latency at full load | requests | median | p99 | p99.9 |\n| --- | --- | --- | --- | --- |");
    for (name, phase) in [("without switches", QUIET), ("while switching", SWITCHING)] {
        let seen = &latency[phase];
        let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(|share| micros(seen, share));
        println!("| {name} | {} | {half:.0} us | {most:.0} us | {nearly_all:.0} us |", seen.count());
    }
    let slower = micros(&latency[SWITCHING], 0.999) / micros(&latency[QUIET], 0.999);
    let [handover, prepare] = [&switches.handover_us, &switches.prepare_us].map(|all| {
        let mut all = all.clone();
        all.sort_by(f64::total_cmp);
        [0.5, 0.99, 1.0]
            .map(|share| all.get(((all.len() as f64 - 1.0) * share) as usize).copied().unwrap_or(f64::NAN))
    });
    println!("\n| of {} switches | median | p99 | most |\n| --- | --- | --- | --- |", switches.count);
    println!("| hand-over | {} us | {} us | {} us |", handover[0], handover[1], handover[2]);
    println!("| preparation | {} us | {} us | {} us |", prepare[0], prepare[1], prepare[2]);
    let verdict = |is_met: bool| if is_met { "met" } else { "MISSED" };
    println!("\n| aim | seen | |\n| --- | --- | --- |");
    println!(
        "| median hand-over below {HANDOVER_MEDIAN_MAX} us | {} us | {} |",
        handover[0],
        verdict(handover[0] < HANDOVER_MEDIAN_MAX)
    );
    println!(
        "| p99.9 while switching at most {SLOWER_MAX} x that without | {slower:.2} x | {} |",
        verdict(slower <= SLOWER_MAX)
    );
}

/// How long something took.
struct Ticks(std::time::Instant);

impl Ticks {
    #[allow(clippy::disallowed_methods, reason = "a bench measures real time")]
    fn now() -> Self {
        Self(std::time::Instant::now())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
