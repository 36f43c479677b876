//! The guests of `policies/guests` and the scripts of `scripts` decide exactly as the policies they are copies of: every request of every trace has
//! the same outcome, and at the end the same documents go in the same order. Run as the fidelity tests of the built-in
//! policies are (`policies/native/tests/fidelity`), through the engine and picking each victim when it is needed.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

#[allow(dead_code, reason = "shared with the fidelity tests, which use all of it")]
#[path = "../../../../policies/native/tests/fidelity/driver.rs"]
mod driver;
#[allow(dead_code, reason = "shared with the fidelity tests, which use all of it")]
#[path = "../../../../policies/native/tests/fidelity/traces.rs"]
mod traces;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cnn_core::policy::{Board, Document, Executor, Inline, Prepared, Reevaluate};
use cnn_core::time::{Tick, UnixSecs};
use cnn_modules::{Digest, Host, Metering, Source};
use driver::{Cache as _, Host as Driver};
use traces::Trace;

/// Each guest, and the policy it must decide like.
const TWINS: &[(&str, &str)] = &[
    ("sieve", "sieve"),
    ("s3-fifo", "s3-fifo"),
    ("gdsf", "gdsf"),
    ("lhd", "lhd"),
    ("c-lru", "lru"),
    ("as-lfu-da", "lfu-da"),
    ("wat-gds", "gds"),
];

/// Admission policies and freshness rules.
const FILTERS: [&str; 2] = ["wat-refresh", "wat-size-threshold"];

/// Modules that watch.
const MONITORS: &[&str] = &["wat-served"];

/// Scripts that have a twin: its name is theirs.
const SCRIPTS: &[&str] = &["size", "gds", "gds-packets", "gdsf", "lfu-da"];

static MODULES: LazyLock<Host> = LazyLock::new(|| Host::new(Metering::Fuel, None).unwrap());

/// The same, but scripts stay interpreted.
static INTERPRETING: LazyLock<Host> =
    LazyLock::new(|| Host::new(Metering::Fuel, None).unwrap().interpreting());

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/guests/wasm")
}

fn guest(name: &str) -> Source {
    MODULES.source(&folder().join(format!("{name}.wasm")).to_string_lossy()).unwrap()
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/replacement")
}

fn script(host: &Host, name: &str) -> Source {
    host.source(&scripts().join(format!("{name}.rhai")).to_string_lossy()).unwrap()
}

fn prepare(source: &Source, capacity: u64, slots_max: usize) -> Prepared {
    source.prepare(capacity, slots_max).unwrap().0
}

/// Every module and script that has a twin, with its name; scripts are compiled.
fn pairs() -> Vec<(Source, &'static str)> {
    let guests = TWINS.iter().map(|&(name, twin)| (guest(name), twin));
    guests.chain(SCRIPTS.iter().map(|&name| (script(&MODULES, name), name))).collect()
}

/// The scripts again, interpreted.
fn interpreted() -> Vec<(Source, &'static str)> {
    SCRIPTS.iter().map(|&name| (script(&INTERPRETING, name), name)).collect()
}

/// Plays one trace against both.
#[track_caller]
fn check(source: &Source, twin: &str, capacity: u64, trace: &Trace, purges: u64) {
    let name = source.name();
    let native = MODULES.source(twin).unwrap();
    let mut expected =
        Driver::around(|slots_max| prepare(&native, capacity, slots_max), capacity, trace.objects);
    let mut found = Driver::around(|slots_max| prepare(source, capacity, slots_max), capacity, trace.objects);
    let mut rng = fastrand::Rng::with_seed(purges);
    for (at, &(object, size)) in trace.requests.iter().enumerate() {
        let is_hit = expected.request(object, size);
        assert_eq!(found.request(object, size), is_hit, "{name} of {capacity}, request {at}");
        if purges > 0 && rng.u8(..) == 0 {
            let object = rng.u32(0..trace.objects as u32);
            expected.purge(object);
            found.purge(object);
        }
    }
}

#[test]
fn every_decision_of_a_guest_is_that_of_its_twin() {
    for seed in 1..=2 {
        let sized = Trace::synthetic(seed, 8_000);
        let equal_sizes = sized.with_equal_sizes();
        for (source, twin) in pairs() {
            for capacity in [10, 200] {
                check(&source, twin, capacity, &equal_sizes, seed);
            }
            for capacity in [500, 20_000, 200_000] {
                check(&source, twin, capacity, &sized, seed);
            }
        }
    }
}

#[test]
fn every_decision_of_a_script_is_that_of_its_twin_while_it_is_interpreted() {
    let trace = Trace::synthetic(4, 8_000);
    for (source, twin) in interpreted() {
        let execution = source.execution().unwrap();
        assert_eq!(execution.as_str(), "interpreted", "{twin}: {execution}");
        for capacity in [500, 20_000] {
            check(&source, twin, capacity, &trace, 4);
        }
    }
}

#[test]
fn a_guest_decides_by_the_parameters_it_is_given() {
    let trace = Trace::synthetic(3, 8_000);
    for settings in ["(small=0.3,promote=1)", "(ghosts=3,recall=1,skip=0.2)"] {
        let path = folder().join("s3-fifo.wasm");
        let guest = MODULES.source(&format!("{}{settings}", path.display())).unwrap();
        check(&guest, &format!("s3-fifo{settings}"), 20_000, &trace, 1);
    }
}

#[test]
fn every_decision_on_real_traffic_is_that_of_the_twin() {
    let Some(folder) = traces::folder() else {
        // Past the test's capture of output: a comparison that did not happen must be seen.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no shared/traces beside the checkout for the agreement of guests"
        );
        return;
    };
    let names = ["twitter_cluster52", "bu98", "nasa-1995-08-01", "squid-campus-br", "squidrec-nasa-mix"];
    for name in names {
        let trace = traces::load(&folder, name).unwrap();
        let bytes: u64 = trace.requests.iter().map(|it| it.1).sum();
        for (source, twin) in pairs() {
            check(&source, twin, (bytes / 200).max(1), &trace, 0);
        }
    }
}

/// What is in the cache and in which order it goes, after a switch to a policy in the middle of things and some more
/// requests: imports, offers given back, updates.
fn order_after_switch(prepare: impl Fn(usize) -> Prepared, seed: u64) -> Vec<u32> {
    const OBJECTS: u32 = 400;
    let mut rng = fastrand::Rng::with_seed(seed);
    let board = std::sync::Arc::new(Board::new(1, OBJECTS as usize, 1));
    let slots_max = board.documents().slots_max();
    let first = Prepared::new(cnn_policies::find("lru").unwrap(), 1 << 20, slots_max).unwrap();
    let inline = Inline::new(Executor::exact(board, first, UnixSecs(0)));
    let board = inline.board();
    let mut ids = Vec::new();
    for step in 0..3_000_u64 {
        inline.set_now(Tick(step));
        if step == 600 {
            let next = prepare(slots_max);
            inline
                .with(|executor| {
                    executor.hand_over(next, Reevaluate::Percent(30.0), Default::default()).map_err(drop)
                })
                .unwrap();
        }
        match rng.u8(0..8) {
            0..3 => {
                let size = rng.u64(1..5_000);
                if let Some(id) = board.alloc_slot() {
                    board.inserted(id, &Document { hash: step, size, uses: 1, ..Document::default() });
                    ids.push(id);
                }
            }
            3..6 if !ids.is_empty() => board.hit(0, ids[rng.usize(0..ids.len())], Tick(step)),
            6 if ids.len() > 150 => {
                let offer = board.take_victim().unwrap();
                if rng.bool() {
                    ids.retain(|id| *id != offer.id);
                    board.removed(offer.id, cnn_core::policy::Removal::Evicted);
                } else {
                    board.give_back(offer);
                }
            }
            _ => inline.settle(),
        }
    }
    inline.settle();
    inline.with(|executor| executor.worst(OBJECTS as usize)).into_iter().map(|line| line.id.slot).collect()
}

#[test]
fn the_order_after_a_switch_is_that_of_the_twin() {
    for (source, twin) in pairs() {
        for seed in 0..8 {
            let native =
                |slots_max| Prepared::new(cnn_policies::find(twin).unwrap(), 1 << 20, slots_max).unwrap();
            let expected = order_after_switch(native, seed);
            assert!(expected.len() > 100);
            let found = order_after_switch(|slots_max| prepare(&source, 1 << 20, slots_max), seed);
            assert_eq!(found, expected, "{}, seed {seed}", source.name());
        }
    }
}

#[test]
fn the_committed_modules_are_those_of_their_list() {
    let list = std::fs::read_to_string(folder().join("MANIFEST")).unwrap();
    let listed: Vec<_> = list.lines().map(|line| line.split("  ").collect::<Vec<_>>()).collect();
    for row in &listed {
        let [digest, file, _built_by] = row[..] else { panic!("{row:?}") };
        assert_eq!(Digest::of(&std::fs::read(folder().join(file)).unwrap()).to_string(), digest, "{file}");
    }
    let files = std::fs::read_dir(folder()).unwrap().count() - 1;
    // A monitor decides nothing that could be compared; what it counts is, where it is run. Filters are compared where
    // they are asked.
    let compared = TWINS.len() + MONITORS.len() + FILTERS.len();
    assert_eq!((files, compared), (listed.len(), listed.len()), "each file is listed and compared");
}

#[test]
fn the_page_of_the_contract_shows_the_module_that_is_compared() {
    let text = include_str!("../../../../policies/guests/wat/gds.wat");
    assert!(include_str!("../../../../policies/abi/README.md").contains(text));
    assert_eq!(wat::parse_str(text).unwrap(), std::fs::read(folder().join("wat-gds.wasm")).unwrap());
}

#[test]
fn a_module_says_of_itself_what_its_twin_says() {
    for (source, twin) in pairs() {
        let said = source.manifest();
        let native = (cnn_policies::find(twin).unwrap().manifest)();
        let native = (native.kind, native.hit_events, native.goals, native.parameters);
        assert_eq!(
            (said.kind, said.hit_events, said.goals, said.parameters.clone()),
            native,
            "{}",
            source.name()
        );
    }
}

#[test]
fn every_script_is_right_and_on_the_page_of_scripts() {
    let page = include_str!("../../../../scripts/README.md");
    let mut count = 0;
    for entry in std::fs::read_dir(scripts()).unwrap() {
        let path = entry.unwrap().path();
        let script = cnn_modules::open_script(&path).unwrap_or_else(|error| panic!("{error}"));
        let said = script.manifest();
        let execution = script.execution();
        assert!(
            matches!(execution, cnn_modules::Execution::Compiled { .. }),
            "{}: {execution}",
            path.display()
        );
        let row = format!("| `replacement/{}.rhai` | {} |\n", said.name, said.summary);
        assert!(page.contains(&row) && !said.paper.is_empty(), "the page should have {row}");
        count += 1;
    }
    assert_eq!(page.matches("| `replacement/").count(), count);
}
