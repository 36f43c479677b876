//! How long it takes from a file to the first decision: cold and from the caches of compiled code, in memory and on disk.
//!
//! `cargo bench --bench policy_define [-- --rounds N]`
//!
//! From opening the file to the first key or score, as `cnn policy use FILE` does before it hands over. A script decides interpreted
//! at first; how long its machine code takes is shown beside it. Aims: a script defined and deciding within 100 us and compiled
//! within 400 us, a module from the cache within 100 us. Medians of the rounds, and the least.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use cnn_core::policy::{Context, Document, Documents, Event, EventKind, Replacement, Settings};
use cnn_core::time::Tick;
use cnn_modules::{Code, CodeCache, Execution, Host, Metering};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Documents of a large cache: what a module lays out for them is part of its preparation.
const SLOTS: usize = 100_000;

const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/guests/wasm");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/replacement");

fn main() {
    let rounds = argument("--rounds", 51);
    // What is done once per process is no part of defining a policy.
    once();
    println!("Microseconds from a file to the first decision: median (least) of {rounds}\n");
    println!("| policy | from | us | aim |\n| --- | --- | --- | --- |");
    for name in ["gdsf", "filter", "mix"] {
        let path = Path::new(SCRIPTS).join(format!("{name}.rhai"));
        row(&path, "file, deciding", Some(100.0), rounds, || defined(&path));
        row(&path, "file, compiled", Some(400.0), rounds, || compiled(&path));
    }
    for name in ["wat-gds", "sieve", "s3-fifo", "gdsf"] {
        let path = Path::new(GUESTS).join(format!("{name}.wasm"));
        row(&path, "file, cold", None, rounds.min(11), || decide(&host(None), &path));
        let folder = private_folder();
        let on_disk = || CodeCache::open(folder.path()).unwrap();
        decide(&host(Some(on_disk())), &path);
        row(&path, "file, code on disk", Some(100.0), rounds, || decide(&host(Some(on_disk())), &path));
        let in_memory = host(None);
        decide(&in_memory, &path);
        row(&path, "file, code in memory", Some(100.0), rounds, || decide(&in_memory, &path));
        let code = in_memory.code(&path).unwrap();
        row(&path, "loaded", Some(50.0), rounds, || timed(|| first_decision(&code)));
    }
    for name in ["gdsf", "sieve", "s3-fifo"] {
        let factory = cnn_policies::find(name).unwrap();
        row(Path::new(name), "built in", Some(50.0), rounds, || {
            timed(|| first(factory.with_defaults(1 << 30)))
        });
    }
}

fn argument(name: &str, otherwise: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(otherwise, |value| value.parse().unwrap())
}

fn host(code: Option<CodeCache>) -> Host {
    Host::new(Metering::Deadline, code).unwrap()
}

/// A directory that only this user may enter.
fn private_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

fn once() {
    let path: PathBuf = Path::new(SCRIPTS).join("gdsf.rhai");
    compiled(&path);
    decide(&host(None), &Path::new(GUESTS).join("wat-gds.wasm"));
}

fn row(path: &Path, from: &str, aim: Option<f64>, rounds: usize, mut reading: impl FnMut() -> f64) {
    let mut readings: Vec<f64> = (0..rounds).map(|_| reading()).collect();
    readings.sort_by(f64::total_cmp);
    let (median, least) = (readings[readings.len() / 2], readings[0]);
    let met =
        aim.map_or(String::new(), |aim| format!("{aim:.0} {}", if median <= aim { "met" } else { "MISSED" }));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    println!("| `{name}` | {from} | {median:.0} ({least:.0}) | {met} |");
}

fn timed(act: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    act();
    begun.elapsed().as_nanos() as f64 / 1e3
}

/// Reads, makes ready, instantiates and asks.
fn decide(host: &Host, path: &Path) -> f64 {
    timed(|| first_decision(&host.code(path).unwrap()))
}

/// The same for a script whose host compiles behind it.
fn defined(path: &Path) -> f64 {
    let host = host(None);
    decide(&host, path)
}

/// Until its machine code is there, of a host that has its thread.
fn compiled(path: &Path) -> f64 {
    let host = host(None);
    // Begins the thread.
    wait(&host.code(&Path::new(SCRIPTS).join("size.rhai")).unwrap());
    timed(|| {
        let code = host.code(path).unwrap();
        first_decision(&code);
        wait(&code);
    })
}

fn wait(code: &Code) {
    while code.execution() == Some(Execution::Pending) {
        std::hint::spin_loop();
    }
    assert!(matches!(code.execution(), Some(Execution::Compiled { .. })));
}

fn first_decision(code: &Code) {
    let settings = Settings::defaults(&code.manifest().parameters);
    first(code.build(&settings, 1 << 30, SLOTS).unwrap().replacement);
}

/// The first thing a policy is asked, of one document.
fn first(policy: Replacement) {
    let documents = Documents::new(1);
    let document = Document { size: 1_000, uses: 1, ..Document::default() };
    documents.set(0, &document);
    let context = Context { documents: &documents, now: Tick(1) };
    let event: Event = documents.event(0, EventKind::Insert, 0);
    match policy {
        Replacement::Key(mut policy) => {
            black_box(policy.key(&context, &event));
        }
        Replacement::Score(policy) => {
            black_box(policy.score(&context, 0, &document));
        }
        Replacement::Hooks(mut policy) => {
            policy.on_event(&context, &event);
            assert_eq!(policy.victim(&context), Some(0));
        }
    }
}
