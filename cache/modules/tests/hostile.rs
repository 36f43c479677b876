//! Modules that do what they must not, through the engine: each is refused with a reason, or costs decisions of its own
//! and nothing else. The memory limit of the cache holds, every eviction finds a victim, the books are right, the report
//! and the ledger say what happened, and what happened can be done again from a file.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

#[path = "../../../tests/hostile/cases.rs"]
mod cases;

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use cnn_core::policy::{Audit, Board, Budget, Document, Executor, Inline, Removal};
use cnn_core::time::{Tick, UnixSecs};
use cnn_modules::{Host, Ledger, Metering, Report, Reproducer, Reproducers, Source, limits};
use tempfile::TempDir;

use crate::cases::{CASES, Case, Outcome};

static BY_FUEL: LazyLock<Host> = LazyLock::new(|| Host::new(Metering::Fuel, None).unwrap());
static BY_TIME: LazyLock<Host> = LazyLock::new(|| Host::new(Metering::Deadline, None).unwrap());

/// How the engine runs it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Victims are picked when they are needed, one by one: as in replays.
    InLine,
    /// Victims are held ready, and asked for in batches: as in the proxy.
    Ahead,
}

const SLOTS: usize = 4096;
const CAPACITY: u64 = 100_000;

/// The policy of a case, or why there is none.
fn source(host: &Host, case: &Case, folder: &Path) -> Result<Source, String> {
    let (ending, bytes) = case.file();
    let path = folder.join(format!("{}.{ending}", case.name));
    fs::write(&path, bytes).unwrap();
    host.source(&path.display().to_string()).map_err(|error| error.to_string())
}

/// Serves a small cache with the module deciding, and says afterwards what it did. Every eviction must find a victim.
fn serve(source: &Source, ledger: &Arc<Ledger>, way: Way) -> Result<Report, String> {
    let board = Arc::new(Board::new(1, SLOTS, 64));
    let slots_max = board.documents().slots_max();
    let (policy, health) = source.prepare(CAPACITY, slots_max).map_err(|error| error.to_string())?;
    let health = health.unwrap();
    health.report_to(ledger.reporter(source.subject(CAPACITY, slots_max).unwrap()));
    let new = if way == Way::InLine { Executor::exact } else { Executor::new };
    let inline = Inline::new(new(board, policy, UnixSecs(0)));
    let board = inline.board();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut used = 0;
    for step in 0..600_u64 {
        inline.set_now(Tick(step));
        let size = rng.u64(1..1_000);
        while used + size > CAPACITY {
            let offer = board.take_victim().expect("a full cache has a victim, whatever the module does");
            used -= board.documents().get(offer.id.slot).size;
            board.removed(offer.id, Removal::Evicted);
        }
        let id = board.alloc_slot().unwrap();
        board.inserted(id, &Document { hash: step, size, uses: 1, ..Document::default() });
        used += size;
        if rng.bool() {
            board.hit(0, id, Tick(step));
        }
        if step == 400 {
            let _ = inline.with(|executor| executor.worst(SLOTS));
        }
    }
    inline.settle();
    inline.with(|executor| executor.audit(Audit::Books)).unwrap();
    let _ = inline.with(|executor| executor.state_bytes());
    let report = health.report();
    let is_unfit = inline.with(|executor| executor.turn(Tick(600), Budget::UNBOUNDED).is_unfit);
    assert!(is_unfit || !report.is_silenced, "who is stopped does not go on deciding");
    Ok(report)
}

/// What came of a case must be what its row says.
fn judge(case: &Case, came: &Result<Report, String>) -> Result<(), String> {
    let kinds = |report: &Report| report.faults.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>();
    let is_right = match (case.outcome, came) {
        (Outcome::Refused(words), Err(said)) => said.contains(words),
        (Outcome::Stopped(kind, words), Ok(report)) => {
            let said = report.last_trap.clone().unwrap_or_default();
            report.is_silenced
                && report.traps == limits::TRAPS_MAX
                && said.contains(words)
                && (kind.is_empty() || kinds(report).contains(&kind))
        }
        (Outcome::Fails(kind), Ok(report)) => !report.is_silenced && kinds(report) == [kind],
        (Outcome::Harmless, Ok(report)) => report.traps == 0,
        (Outcome::Depends, Ok(_)) => true,
        _ => false,
    };
    match is_right {
        true => Ok(()),
        false => Err(format!("{}: expected {:?}, found {came:?}", case.name, case.outcome)),
    }
}

/// Runs every row and compares it with what it says of itself.
fn check(host: &Host, way: Way) {
    let folder = TempDir::new().unwrap();
    // That a call is slow means nothing where nobody looks at a clock.
    let wrong: Vec<_> = CASES
        .iter()
        .filter(|case| !case.name.starts_with("slow-"))
        .filter_map(|case| {
            let (ledger, _news) = Ledger::new();
            let came = source(host, case, folder.path()).and_then(|source| serve(&source, &ledger, way));
            judge(case, &came).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_modules_in_a_replay_are_refused_or_cost_decisions_only() {
    check(&BY_FUEL, Way::InLine);
}

#[test]
fn hostile_modules_with_victims_held_ready_are_refused_or_cost_decisions_only() {
    check(&BY_FUEL, Way::Ahead);
}

#[test]
fn a_call_that_does_not_end_is_ended_by_time() {
    let folder = TempDir::new().unwrap();
    let case = CASES.iter().find(|case| case.name == "loop-in-victims").unwrap();
    let source = source(&BY_TIME, case, folder.path()).unwrap();
    let report = serve(&source, &Ledger::new().0, Way::Ahead).unwrap();
    assert_eq!(report.last_trap.as_deref(), Some("victims: the time for a call is over"));
    assert!(report.is_silenced);
}

#[test]
fn memory_ends_at_its_limit() {
    let folder = TempDir::new().unwrap();
    let most = limits::MEMORY_BYTES_BASE + 4096 * limits::MEMORY_BYTES_PER_SLOT;
    for name in ["memory-bomb", "memory-bomb-in-init"] {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        let source = source(&BY_FUEL, case, folder.path()).unwrap();
        let report = serve(&source, &Ledger::new().0, Way::InLine).unwrap();
        assert!(report.memory_bytes <= most && report.memory_bytes > most / 2, "{report:?}");
    }
}

#[test]
fn every_fault_is_told_once_with_a_file_from_which_it_happens_again() {
    let folder = TempDir::new().unwrap();
    let saved = Reproducers::open(&folder.path().join("reproducers")).unwrap();
    let mut again = 0;
    for case in CASES.iter().filter(|case| matches!(case.outcome, Outcome::Stopped(..) | Outcome::Fails(_))) {
        let (ledger, news) = Ledger::new();
        let report = serve(&source(&BY_FUEL, case, folder.path()).unwrap(), &ledger, Way::Ahead).unwrap();
        let record = ledger.records().remove(0);
        assert_eq!(record.faults, u64::from(report.traps), "{}", case.name);
        assert_eq!(record.quarantine.is_some(), report.is_silenced, "{}", case.name);
        let news: Vec<_> = news.try_iter().collect();
        let first_of_each = news.iter().filter(|notice| notice.reproducer.is_some()).count();
        assert_eq!(first_of_each, record.by_kind.len(), "{}: {news:?}", case.name);
        for notice in news.iter().filter(|notice| notice.reproducer.is_some()) {
            let path = saved.save(notice.reproducer.as_ref().unwrap()).unwrap();
            let read = Reproducer::read(&path).unwrap();
            assert_eq!(read.recorded().1, notice.fault.to_string());
            let done = read.run().unwrap();
            assert!(done.is_same, "{}: {} and then {done:?}", case.name, notice.fault);
            again += 1;
        }
    }
    assert!(again > 30, "{again}");
}
