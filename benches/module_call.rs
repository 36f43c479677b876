//! What a policy costs by what it is written in: native, as a wasm module, as a script interpreted and compiled.
//!
//! `cargo bench --bench module_call [-- --rounds N]`
//!
//! First the policies themselves: nanoseconds per event for keys asked for in batches of 1, 16, 64 and 256, where a batch is
//! what is asked between two looks at the clock. Then whole policies as a replay runs them, index, heap and evictions
//! included: nanoseconds per request of one thread's processor time, and how many times the native twin's that is. Aims: a module and a
//! compiled script at most twice the native policy. The forms take turns within each round, so what disturbs one disturbs all; the
//! median of the rounds is shown. Every form must decide exactly like its twin, or the bench ends.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use cnn_core::policy::{
    Board, Context, Document, Documents, Event, EventKind, Executor, Factory, Inline, KeyPolicy, Mime,
    Removal, Replacement, Settings,
};
use cnn_core::time::{Tick, UnixSecs};
use cnn_modules::{Code, Execution, Host, Metering, Source};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const BATCHES: [usize; 4] = [1, 16, 64, 256];
/// Events per reading: short, so that most readings are of a thread that nobody took the processor from.
const EVENTS: usize = 4096;
const READINGS: usize = 25;
/// What a policy may cost, in costs of its native twin.
const AIM: f64 = 2.0;

const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/guests/wasm");
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/replacement");

/// Policies compared as a whole: the native one, its module, its script.
const WHOLE: [(&str, Option<&str>, Option<&str>); 6] = [
    ("gds", Some("wat-gds"), Some("gds")),
    ("gdsf", Some("gdsf"), Some("gdsf")),
    ("lfu-da", Some("as-lfu-da"), Some("lfu-da")),
    ("lru", Some("c-lru"), None),
    ("sieve", Some("sieve"), None),
    ("s3-fifo", Some("s3-fifo"), None),
];

/// What a policy is written in.
struct Forms {
    compiling: Host,
    interpreting: Host,
}

fn main() {
    let rounds = argument("--rounds", 7);
    // Counted, not timed: a call must not end because the machine was busy with something else.
    let host = || Host::new(Metering::Fuel, None).unwrap();
    let forms = Forms { compiling: host(), interpreting: host().interpreting() };
    calls(&forms);
    whole(&forms, rounds);
}

fn argument(name: &str, otherwise: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(otherwise, |value| value.parse().unwrap())
}

impl Forms {
    /// A spec made ready, and compiled if it is a script that is to be.
    fn source(&self, spec: &str, is_compiled: bool) -> Source {
        let source = if is_compiled { &self.compiling } else { &self.interpreting }.source(spec).unwrap();
        if let Some(execution) = source.execution() {
            let is_so = matches!(execution, Execution::Compiled { .. });
            assert_eq!(is_so, is_compiled, "{spec}: {execution}");
        }
        source
    }
}

/// The keys alone.
fn calls(forms: &Forms) {
    let script = |host: &Host| {
        let code = host.code(Path::new(&format!("{SCRIPTS}/gds.rhai"))).unwrap();
        key(build(&code))
    };
    let wasm = forms.compiling.code(Path::new(&format!("{GUESTS}/wat-gds.wasm"))).unwrap();
    let native: &Factory = cnn_policies::find("gds").unwrap();
    let mut policies = [
        ("native", key(native.with_defaults(1 << 30))),
        ("wasm", key(build(&wasm))),
        ("rhai, interpreted", script(&forms.interpreting)),
        ("rhai, compiled", script(&forms.compiling)),
    ];
    println!("Nanoseconds per event of `gds`, by keys asked for at a time: median of {READINGS} readings\n");
    println!("| | {} |", BATCHES.map(|batch| batch.to_string()).join(" | "));
    println!("| --- |{}", " --- |".repeat(BATCHES.len()));
    let documents = Documents::new(EVENTS);
    let events = events(&documents);
    let mut readings = vec![vec![Vec::new(); BATCHES.len()]; policies.len()];
    for _ in 0..READINGS {
        for (at, (_, policy)) in policies.iter_mut().enumerate() {
            for (batch_at, batch) in BATCHES.into_iter().enumerate() {
                readings[at][batch_at].push(reading(&mut **policy, &documents, &events, batch));
            }
        }
    }
    let expected = values(&mut *policies[0].1, &documents, &events);
    for ((name, policy), readings) in policies.iter_mut().zip(readings) {
        assert_eq!(values(&mut **policy, &documents, &events), expected, "{name} decides otherwise");
        let cells = readings.into_iter().map(|readings| format!("{:.1}", median(readings)));
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

fn build(code: &Code) -> Replacement {
    let settings = Settings::defaults(&code.manifest().parameters);
    code.build(&settings, 1 << 30, EVENTS).unwrap().replacement
}

fn key(policy: Replacement) -> Box<dyn KeyPolicy> {
    match policy {
        Replacement::Key(policy) => policy,
        Replacement::Score(_) | Replacement::Hooks(_) => panic!("no policy that gives keys"),
    }
}

/// Hits of documents of all sizes.
fn events(documents: &Documents) -> Vec<Event> {
    let mut rng = fastrand::Rng::with_seed(1);
    let slots = 0..EVENTS as u32;
    slots
        .map(|slot| {
            let most = 1 << rng.u32(8..24);
            let size = rng.u64(1..most);
            let document = Document { hash: slot.into(), size, uses: rng.u32(1..100), ..Document::default() };
            documents.set(slot, &document);
            documents.event(slot, EventKind::Hit, 0)
        })
        .collect()
}

/// Nanoseconds per event, of which each includes its share of a look at the clock.
fn reading(policy: &mut dyn KeyPolicy, documents: &Documents, events: &[Event], batch: usize) -> f64 {
    let context = Context { documents, now: Tick(1) };
    let mut nanos = 0;
    for events in events.chunks(batch) {
        let begun = Instant::now();
        for event in events {
            black_box(policy.key(&context, black_box(event)));
        }
        nanos += begun.elapsed().as_nanos();
    }
    nanos as f64 / events.len() as f64
}

fn values(policy: &mut dyn KeyPolicy, documents: &Documents, events: &[Event]) -> Vec<f64> {
    let context = Context { documents, now: Tick(1) };
    events.iter().map(|event| policy.key(&context, event)).collect()
}

/// Whole policies, as a replay runs them.
fn whole(forms: &Forms, rounds: usize) {
    println!(
        "\nNanoseconds of processor time per request of a replay, and times native; aim: at most {AIM}\n"
    );
    println!("| policy | native | wasm | rhai, interpreted | rhai, compiled |");
    println!("| --- |{}", " --- |".repeat(4));
    let trace = trace();
    for (native, guest, script) in WHOLE {
        let guest = guest.map(|name| format!("{GUESTS}/{name}.wasm"));
        let script = script.map(|name| format!("{SCRIPTS}/{name}.rhai"));
        let sources = [
            Some(forms.source(native, true)),
            guest.map(|spec| forms.source(&spec, true)),
            script.as_ref().map(|spec| forms.source(spec, false)),
            script.as_ref().map(|spec| forms.source(spec, true)),
        ];
        let mut readings: [Vec<f64>; 4] = Default::default();
        let mut hits = None;
        for _ in 0..rounds {
            for (source, readings) in sources.iter().zip(&mut readings) {
                let Some(source) = source else { continue };
                let (nanos, found) = replay(source, &trace);
                assert_eq!(*hits.get_or_insert(found), found, "{} decides otherwise", source.name());
                readings.push(nanos);
            }
        }
        let mut medians = readings.map(median).into_iter();
        let base = medians.next().unwrap_or(f64::NAN);
        let cells = medians.map(|nanos| match nanos {
            nanos if nanos.is_nan() => String::new(),
            nanos => format!("{nanos:.0} ({:.2})", nanos / base),
        });
        println!("| {native} | {base:.0} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

/// Requests: which document, and its size.
fn trace() -> Vec<(u32, u64)> {
    const REQUESTS: usize = 400_000;
    const DOCUMENTS: f64 = 60_000.0;
    let mut rng = fastrand::Rng::with_seed(2);
    // A power of a number drawn evenly asks for the first documents most.
    let mut document = || (DOCUMENTS * rng.f64().powi(4)) as u32;
    (0..REQUESTS)
        .map(|_| document())
        .map(|document| (document, 500 + u64::from(document.wrapping_mul(2_654_435_761) >> 15)))
        .collect()
}

/// Nanoseconds per request, and hits.
fn replay(source: &Source, trace: &[(u32, u64)]) -> (f64, u64) {
    const CAPACITY: u64 = 400 << 20;
    let board = Arc::new(Board::new(1, 60_000, 1));
    let (prepared, _) = source.prepare(CAPACITY, board.documents().slots_max()).unwrap();
    let inline = Inline::new(Executor::exact(board, prepared, UnixSecs(0)));
    let board = inline.board();
    let mut ids = vec![None; 60_000];
    let (mut used, mut hits) = (0, 0);
    let begun = processor_ns();
    for (at, &(object, size)) in trace.iter().enumerate() {
        let now = Tick(at as u64 * 1_000);
        inline.set_now(now);
        if let Some(id) = ids[object as usize] {
            hits += 1;
            board.hit(0, id, now);
            continue;
        }
        while used + size > CAPACITY {
            let Some(offer) = board.take_victim() else { break };
            let gone = board.documents().get(offer.id.slot);
            used -= gone.size;
            ids[gone.hash as usize] = None;
            board.removed(offer.id, Removal::Evicted);
        }
        let Some(id) = board.alloc_slot() else { continue };
        let document = Document {
            hash: object.into(),
            size,
            created: now,
            last_used: now,
            uses: 1,
            status: 200,
            mime: Mime::Html,
            ..Document::default()
        };
        board.inserted(id, &document);
        ids[object as usize] = Some(id);
        used += size;
    }
    inline.settle();
    ((processor_ns() - begun) as f64 / trace.len() as f64, hits)
}

/// Processor time of this thread.
fn processor_ns() -> u64 {
    let run = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    run.split(' ')
        .next()
        .and_then(|nanos| nanos.parse().ok())
        .expect("Linux counts a thread's processor time")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
