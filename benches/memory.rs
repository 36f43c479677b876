//! What memory the proxy really takes: resident bytes against its limit under churn of mixed sizes, and bytes per document
//! above its body.
//!
//! `cargo bench --bench memory`, or `-- --churn-gib 2 --documents 200000`. Sizes go from 1 B to 64 MiB, small
//! ones more often, some asked for again; every body is checked. It fails when the resident memory exceeds 1.10 x the limit
//! plus what the proxy takes empty, or a response fails.

use cnn_replay::live::{Document, DocumentOrigin, Outcome, Plan, run};
use cnn_support::{Cnn, Launch, cnn_exe};

const LIMIT_MIB: u64 = 256;
const OVER_LIMIT_MAX: f64 = 1.10;
const ABOVE_BODY_MAX: f64 = 400.0;
const LARGEST_BYTES: u64 = 64 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, otherwise: u64| {
        let at = arguments.iter().position(|own| own == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(otherwise)
    };
    let is_within = churn(number("--churn-gib", 16) << 30);
    let is_slim = per_document(number("--documents", 1_000_000));
    if !(is_within && is_slim) {
        std::process::exit(1);
    }
}

/// Sends documents of all sizes through a small cache, with several being fetched at once.
fn churn(bytes: u64) -> bool {
    let origin = DocumentOrigin::start(None);
    let cnn = start(&origin, LIMIT_MIB << 20);
    let empty = cnn.memory().now;
    let (mut seed, mut asked, mut most) = (0x2545_f491_4f6c_dd1d_u64, 0, 0);
    let outcome = load(&cnn, 24, || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        // The lesser of two draws: small ones are many, as in life.
        let draw = |bits: u64| bits % (u64::from(LARGEST_BYTES.ilog2()) + 1);
        let doubling = 1 << draw(seed >> 40).min(draw(seed >> 30));
        let size = (doubling + (seed >> 20) % doubling).min(LARGEST_BYTES);
        // A quarter is asked for again and again.
        let number = if seed.is_multiple_of(4) { seed >> 8 & 0x3f } else { seed >> 4 };
        let size = if seed.is_multiple_of(4) { size.next_power_of_two() } else { size };
        if asked % (256 << 20) > (asked + size) % (256 << 20) {
            most = most.max(cnn.memory().now);
        }
        asked += size;
        (asked <= bytes).then_some(Document { bytes: size as usize, number })
    });
    let peak = cnn.memory().peak;
    let limit = (LIMIT_MIB << 20) as f64;
    let ratio = (peak - empty) as f64 / limit;
    println!(
        "\n| churn of {:.1} GiB, 1 B to 64 MiB | seen |\n| --- | --- |",
        asked as f64 / (1 << 30) as f64
    );
    println!("| responses, failed, wrong | {}, {}, {} |", outcome.good, outcome.failed, outcome.wrong);
    println!("| limit | {LIMIT_MIB} MiB |");
    println!("| resident when empty | {:.1} MiB |", mib(empty));
    println!("| resident at the samples, most | {:.1} MiB |", mib(most));
    println!("| resident ever, most | {:.1} MiB |", mib(peak));
    println!("| charged at the end | {:.1} MiB |", cnn.status("bytes") / (1 << 20) as f64);
    println!("| most above empty, at most {OVER_LIMIT_MAX} x the limit | {ratio:.3} x |");
    let is_right = outcome.failed == 0 && outcome.wrong == 0 && ratio <= OVER_LIMIT_MAX;
    println!("{}", if is_right { "held" } else { "FAILED" });
    outcome.failures.iter().for_each(|(failure, count)| println!("{failure}: {count}"));
    is_right
}

/// Stores many small documents and divides what that took.
fn per_document(documents: u64) -> bool {
    const BODY_BYTES: u64 = 1024;
    let origin = DocumentOrigin::start(None);
    let cnn = start(&origin, documents * 2 * BODY_BYTES + (64 << 20));
    let empty = cnn.memory().now;
    let mut number = 0;
    let outcome = load(&cnn, 64, || {
        number += 1;
        (number <= documents).then_some(Document { bytes: BODY_BYTES as usize, number })
    });
    let (stored, charged) = (cnn.status("documents"), cnn.status("bytes"));
    let resident = cnn.memory().now - empty;
    let above = |bytes: f64| bytes / stored - BODY_BYTES as f64;
    println!("\n| {stored} documents of {BODY_BYTES} bytes | seen |\n| --- | --- |");
    println!(
        "| resident bytes each above the body, at most {ABOVE_BODY_MAX} | {:.0} |",
        above(resident as f64)
    );
    println!("| charged bytes each above the body | {:.0} |", above(charged));
    let is_right =
        outcome.failed == 0 && stored as u64 == documents && above(resident as f64) <= ABOVE_BODY_MAX;
    println!("{}", if is_right { "held" } else { "FAILED" });
    is_right
}

fn start(origin: &DocumentOrigin, memory: u64) -> Cnn {
    let launch = Launch::new(cnn_exe!()).flag("--reverse", format!("http://{}", origin.address()));
    launch.flag("--memory", format!("{memory}B")).flag("--workers", 1).start()
}

fn load(cnn: &Cnn, connections: usize, mut next: impl FnMut() -> Option<Document>) -> Outcome {
    let plan = Plan {
        to: cnn.address(),
        before_path: "",
        host: "documents.test",
        connections,
        processor: None,
        checks_content: true,
        mark: &|| 0,
    };
    run(&plan, || next().map(Into::into), |_| ()).expect("the proxy accepts")
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}
