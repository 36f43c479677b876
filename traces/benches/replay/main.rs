//! Requests replayed per second and core, policy by policy, next to libCacheSim's own replay of the same file in the same
//! run.
//!
//! `cargo bench -p cnn-replay --bench replay [-- --requests N] [--rounds N] [--share PERCENT] [FILE.oracleGeneral]`
//!
//! Without a file the trace is generated: objects by a power law that drifts, sizes by another. libCacheSim is asked
//! through its Python wheel (`pip install libcachesim`); where `python3`, or what `CNN_PYTHON` names, cannot import it,
//! that is said and its columns stay empty. Rounds are interleaved; figures are medians.
//!
//! The rows of `.wasm` are the guests of `policies/guests/wasm`, with instructions counted, as `cnn replay --policy FILE`
//! runs them; each must miss exactly what the same policy built in misses.
//!
//! Ours is timed as a replay is used: the file is read once, then each cell replays the numbered rows. Reading is timed on
//! its own. libCacheSim reads the file, mapped into memory, in every run; its time has both. Times are of the processor, of
//! the one thread that replays: what else runs on the machine takes caches from it, but not its turn.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

#[path = "../common/clock.rs"]
mod clock;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use cnn_core::policy::Mime;
use cnn_modules::{Host, Metering};
use cnn_replay::replay::{Faults, Instance, Options, Policy, Size, Unit, run};
use cnn_replay::{Facts, Object, Row, Trace, TraceBuilder};

use self::clock::Clock;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What is compared: our policies, each with the class of libCacheSim's module. A guest follows its twin.
const POLICIES: &[(&str, &str)] = &[
    ("fifo", "FIFO"),
    ("lru", "LRU"),
    ("sieve", "Sieve"),
    ("sieve.wasm", "Sieve"),
    ("s3-fifo", "S3FIFO"),
    ("s3-fifo.wasm", "S3FIFO"),
    ("gdsf", "GDSF"),
    ("gdsf.wasm", "GDSF"),
    ("lhd", "LHD"),
    ("lhd.wasm", "LHD"),
];

fn main() {
    let asked = Asked::from_arguments();
    let folder = tempfile::tempdir().unwrap();
    let file = asked.file.clone().unwrap_or_else(|| {
        let file = folder.path().join("generated.oracleGeneral");
        generate(&file, asked.requests);
        file
    });
    let clock = Clock::start();
    let trace = read(&file);
    let read_secs = clock.secs();
    let size = Size::Percent(asked.percent).of(&trace, Unit::Bytes);
    println!(
        "{} requests, {} documents; a cache of {size} bytes, {} % of all; read at {:.1} M requests/s\n",
        trace.len(),
        trace.objects().len(),
        asked.percent,
        millions(trace.len(), read_secs)
    );
    let python = std::env::var("CNN_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_theirs = theirs(&python, &file, "LRU", 1 << 20).is_ok();
    if !has_theirs {
        println!("{python} has no libcachesim (pip install libcachesim): ours alone\n");
    }
    compare(&asked, &trace, size, |class| has_theirs.then(|| theirs(&python, &file, class, size).unwrap()));
}

/// What was asked for on the command line.
struct Asked {
    requests: u64,
    rounds: usize,
    percent: f64,
    file: Option<PathBuf>,
}

impl Asked {
    fn from_arguments() -> Self {
        let mut asked = Self { requests: 10_000_000, rounds: 3, percent: 10.0, file: None };
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        while let Some(word) = words.next() {
            let mut number =
                || words.next().and_then(|number| number.parse::<f64>().ok()).expect("a number follows");
            match word.as_str() {
                "--requests" => asked.requests = number() as u64,
                "--rounds" => asked.rounds = number() as usize,
                "--share" => asked.percent = number(),
                file => asked.file = Some(file.into()),
            }
        }
        asked
    }
}

/// Seconds and misses.
#[derive(Clone, Copy)]
struct Measured {
    secs: f64,
    miss_ratio: f64,
}

fn compare(asked: &Asked, trace: &Trace, size: u64, theirs: impl Fn(&str) -> Option<Measured>) {
    println!("| policy | M requests/s | miss ratio | libCacheSim, M requests/s | miss ratio | times |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let host = Host::new(Metering::Fuel, None).unwrap();
    // What the row before came to: guests are compared with their twins, and libCacheSim's run is not repeated for them.
    let (mut twin, mut other) = (None, None);
    for &(name, class) in POLICIES {
        let policy = policy(&host, name);
        let is_guest = name.ends_with(".wasm");
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for _ in 0..asked.rounds.max(1) {
            own.push(ours(trace, &policy, size));
            others.extend((!is_guest).then(|| theirs(class)).flatten());
        }
        let own = median(own).expect("there is a round");
        if is_guest {
            assert_eq!(Some(own.miss_ratio), twin, "{name} decides as the same policy built in");
        } else {
            (twin, other) = (Some(own.miss_ratio), median(others));
        }
        let speed = millions(trace.len(), own.secs);
        let mut line = format!("| {name} | {speed:.1} | {:.4} |", own.miss_ratio);
        if let Some(other) = other {
            let theirs = millions(trace.len(), other.secs);
            let _ = write!(line, " {theirs:.1} | {:.4} | {:.2} |", other.miss_ratio, speed / theirs);
        } else {
            line.push_str(" | | |");
        }
        println!("{line}");
    }
}

/// A policy built in, or the guest of a file.
fn policy(host: &Host, name: &str) -> Policy {
    if !name.ends_with(".wasm") {
        return Policy::resolve(name).unwrap();
    }
    let source = host
        .source(&format!("{}/../policies/guests/wasm/{name}", env!("CARGO_MANIFEST_DIR")))
        .unwrap_or_else(|error| panic!("{error}"));
    Policy::new(name, move |capacity, slots_max| {
        source.prepare(capacity, slots_max).map(|(prepared, _)| Instance::from(prepared))
    })
}

fn ours(trace: &Trace, policy: &Policy, size: u64) -> Measured {
    let clock = Clock::start();
    let outcome = run(trace, policy, size, &Options::default(), &|_| ()).unwrap();
    let secs = clock.secs();
    assert_eq!(outcome.faults, Faults::default(), "{} decides itself", policy.name());
    Measured { secs, miss_ratio: outcome.miss_ratio() }
}

/// libCacheSim's replay, in a process of its own that times itself.
fn theirs(python: &str, file: &Path, class: &str, size: u64) -> Result<Measured, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/replay/libcachesim_replay.py");
    let output = Command::new(python).arg(script).arg(file).arg(class).arg(size.to_string()).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [secs, miss_ratio] => Ok(Measured { secs, miss_ratio }),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn millions(requests: u64, secs: f64) -> f64 {
    requests as f64 / secs / 1e6
}

fn median(mut rounds: Vec<Measured>) -> Option<Measured> {
    rounds.sort_by(|a, b| a.secs.total_cmp(&b.secs));
    rounds.get(rounds.len() / 2).copied()
}

/// Writes a trace: a power law over objects that drifts, so that old ones are forgotten and new ones come.
fn generate(file: &Path, requests: u64) {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut out = BufWriter::new(File::create(file).unwrap());
    let objects = (requests / 5).max(1000) as f64;
    for number in 0..requests {
        // By inversion of the continuous power law with exponent 0.9.
        let rank = (objects.powf(0.1) * rng.f64()).powi(10);
        let object = (rank as u64 + number / 20).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let size = 100 + (object.wrapping_mul(0xD129_0DD1_39D2_3F15) >> 44).pow(2) / 40_000_000;
        out.write_all(&((number / 1000) as u32).to_le_bytes()).unwrap();
        out.write_all(&object.to_le_bytes()).unwrap();
        out.write_all(&(size as u32).to_le_bytes()).unwrap();
        out.write_all(&(-1_i64).to_le_bytes()).unwrap();
    }
    out.flush().unwrap();
}

/// Reads libCacheSim's binary format: time, object, size, next access.
fn read(file: &Path) -> Trace {
    let bytes = std::fs::read(file).unwrap();
    let mut builder = TraceBuilder::new("bench", usize::MAX);
    builder.add_facts(Facts::default());
    builder.add_origin(String::new());
    let mut numbers = HashMap::<u64, u32>::new();
    for record in bytes.chunks_exact(24) {
        let time = u32::from_le_bytes(record[..4].try_into().unwrap());
        let name = u64::from_le_bytes(record[4..12].try_into().unwrap());
        let size = u32::from_le_bytes(record[12..16].try_into().unwrap()).max(1).into();
        let object = *numbers
            .entry(name)
            .or_insert_with(|| builder.add_object(Object { hash: name, origin: 0, mime: Mime::Other }, size));
        let time_us = u64::from(time) * 1_000_000;
        builder.push(Row { time_us, size, object, elapsed_us: Row::UNKNOWN, facts: 0, flags: 0 }).unwrap();
    }
    builder.build().unwrap()
}
