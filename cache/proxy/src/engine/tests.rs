//! The engine with its real thread: switches under load, and what happens when a policy panics or lies.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cnn_core::policy::{
    Context, Document, Event, Goal, HitEvents, HookPolicy, Kind, Manifest, Picker, Removal, Replacement, Slot,
};
use cnn_core::time::Tick;

use super::*;

/// A policy that panics when it hears of a document of size 13, or always offers the same slot.
struct Bad;

impl HookPolicy for Bad {
    fn on_event(&mut self, _context: &Context<'_>, event: &Event) {
        assert_ne!(event.size, 13, "this policy is made to panic");
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        Some(Slot::MAX)
    }

    fn rank(&self, _context: &Context<'_>, _visit: &mut dyn FnMut(Slot) -> bool) {}

    fn len(&self) -> usize {
        0
    }

    fn state_bytes(&self) -> usize {
        0
    }
}

fn bad_manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("bad"),
        summary: Cow::Borrowed(""),
        paper: Cow::Borrowed(""),
        kind: Kind::Hooks,
        hit_events: HitEvents::Unneeded,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

static POLICIES: OnceLock<Vec<Factory>> = OnceLock::new();

fn policies() -> &'static [Factory] {
    POLICIES.get_or_init(|| {
        let bad = Factory { manifest: bad_manifest, build: |_, _| Replacement::Hooks(Box::new(Bad)) };
        cnn_policies::registry().iter().copied().chain([bad]).collect()
    })
}

fn started(first: &str) -> (Arc<Board>, Engine) {
    let board = Arc::new(Board::new(2, 20_000, 64));
    let counted = Traffic { requests: 10, hits: 5, bytes: 100, hit_bytes: 20 };
    let traffic = Box::new(move || counted);
    let surroundings = Surroundings {
        clock: Clock::start(),
        capacity: 1 << 30,
        traffic,
        policies: policies(),
        library: Arc::new(Library::new(cnn_modules::Metering::Deadline, None)),
    };
    let engine = Engine::start(Arc::clone(&board), first, surroundings).unwrap();
    (board, engine)
}

fn insert(board: &Board, size: u64) -> SlotId {
    let id = board.alloc_slot().unwrap();
    board.inserted(id, &Document { size, hash: size, uses: 1, last_used: Tick(size), ..Document::default() });
    id
}

/// Waits until the executor says so, by asking it again and again.
fn until(engine: &Engine, is_so: impl Fn(&Status) -> bool) -> Status {
    loop {
        let status = engine.status().unwrap();
        if is_so(&status) {
            return status;
        }
        thread::yield_now();
    }
}

#[test]
fn switches_between_all_policies_lose_nothing_while_requests_go_on() {
    let (board, engine) = started("lru");
    let ids: Vec<_> = (100..5100).map(|size| insert(&board, size)).collect();
    let is_over = AtomicBool::new(false);
    let turned_over = thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut rounds = 0;
            while !is_over.load(Relaxed) {
                rounds += 1;
                ids[2000..].iter().step_by(70).for_each(|&id| board.hit(0, id, Tick(10_000 + rounds)));
                let offer = board.take_victim().unwrap();
                board.removed(offer.id, Removal::Evicted);
                insert(&board, 200 + rounds);
                thread::yield_now();
            }
            rounds
        });
        let mut token = 1;
        for factory in cnn_policies::registry() {
            for reevaluate in [Reevaluate::Count(0), Reevaluate::Percent(20.0), Reevaluate::All] {
                let name = (factory.manifest)().name;
                let switch = engine.use_policy(&name, reevaluate, "a test").unwrap();
                token += 1;
                assert_eq!((switch.token, &switch.to), (token, &name));
                assert_eq!(engine.status().unwrap().policy.name, name);
                assert!(switch.carried.abs_diff(5000) < 50, "{switch:?}");
            }
        }
        is_over.store(true, Relaxed);
        load.join().unwrap()
    });
    assert!(turned_over > 0);
    let status = until(&engine, |status| status.pending == 0);
    assert_eq!((status.documents, status.faults), (5000, 0));
    engine.ask(|executor| executor.audit(cnn_core::policy::Audit::WithOrders)).unwrap().unwrap();
    let history = engine.history().unwrap();
    assert_eq!(history.len(), 1 + 3 * cnn_policies::registry().len());
    assert_eq!((history[1].from.as_ref(), history[1].by.as_ref()), ("lru", "a test"));
    engine.shutdown();
    assert_eq!(engine.status().unwrap_err(), Stopped);
}

#[test]
fn the_reply_waits_for_what_is_re_evaluated_at_once() {
    let (board, engine) = started("lru");
    let _: Vec<_> = (1..=10_000).map(|size| insert(&board, size)).collect();
    let switch = engine.use_policy("gdsf", Reevaluate::Percent(20.0), "a test").unwrap();
    assert_eq!((switch.carried, switch.reevaluated), (10_000, 2000));
    let back = engine.roll_back(Reevaluate::All, "a test").unwrap();
    assert_eq!((back.to.as_ref(), back.cause, back.pending), ("lru", Cause::Rollback, 0));
    let first = engine.worst(1).unwrap().remove(0);
    assert_eq!(engine.rank_of(first.id).unwrap().unwrap().before, 0);
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    let (_, engine) = started("sieve");
    assert!(matches!(engine.use_policy("best", Reevaluate::All, "a test"), Err(UseError::Unknown(_))));
    let refused = engine.roll_back(Reevaluate::All, "a test");
    assert!(matches!(refused, Err(UseError::Refused(SwitchRefused::NothingBefore))));
    assert_eq!(engine.status().unwrap().token, 1);
    let board = Arc::new(Board::new(1, 10, 4));
    let surroundings = Surroundings {
        clock: Clock::start(),
        capacity: 1,
        traffic: Box::new(Traffic::default),
        policies: policies(),
        library: Arc::new(Library::new(cnn_modules::Metering::Deadline, None)),
    };
    assert!(matches!(Engine::start(board, "best", surroundings), Err(StartError::Policy(_))));
}

#[test]
fn the_policy_of_a_file_decides_and_one_that_fails_is_rolled_back() {
    let (board, engine) = started("lru");
    let _: Vec<_> = (100..3100).map(|size| insert(&board, size)).collect();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for (file, name) in
        [("policies/guests/wasm/sieve.wasm", "wasm-sieve"), ("scripts/replacement/gdsf.rhai", "gdsf-rhai")]
    {
        engine.use_policy(&format!("{root}/{file}"), Reevaluate::All, "a test").unwrap();
        assert_eq!(engine.status().unwrap().policy.name, name);
        assert_eq!(board.take_victim().unwrap().picker, Picker::Policy);
    }
    let missing = engine.use_policy("./no-such.wasm", Reevaluate::All, "a test");
    assert!(missing.unwrap_err().to_string().contains("no-such.wasm"));
    // Right when it is tried, and wrong from then on.
    let folder = tempfile::tempdir().unwrap();
    let failing = folder.path().join("failing.rhai");
    std::fs::write(&failing, "if doc.status == 0 { \"none\" } else { doc.size }").unwrap();
    engine.use_policy(&failing.display().to_string(), Reevaluate::All, "a test").unwrap();
    let _: Vec<_> = (3100..3200).map(|size| insert(&board, size)).collect();
    until(&engine, |status| status.policy.name == "gdsf-rhai");
    assert_eq!(engine.history().unwrap().last().unwrap().cause, Cause::Fault);
}

#[test]
fn a_policy_that_lies_is_rolled_back() {
    let (board, engine) = started("lru");
    let _: Vec<_> = (100..3100).map(|size| insert(&board, size)).collect();
    engine.use_policy("bad", Reevaluate::Count(0), "a test").unwrap();
    // Every eviction is one decision of the policy; somebody decides each.
    while engine.status().unwrap().token == 2 {
        let offer = board.take_victim().unwrap();
        board.removed(offer.id, Removal::Evicted);
    }
    let status = engine.status().unwrap();
    assert_eq!(status.policy.name, "lru");
    assert!(status.faults >= 16);
    assert_eq!(engine.history().unwrap().last().unwrap().cause, Cause::Fault);
}

#[test]
fn a_policy_that_panics_costs_its_place_and_no_document() {
    let (board, engine) = started("lru");
    let _: Vec<_> = (100..3100).map(|size| insert(&board, size)).collect();
    engine.use_policy("bad", Reevaluate::Percent(10.0), "a test").unwrap();
    insert(&board, 13);
    // A question that was under way when it happened is lost with the policy.
    while engine.status().map_or(2, |status| status.token) == 2 {}
    let status = until(&engine, |status| status.documents == 3001);
    assert_eq!(status.policy.name, "lru");
    engine.ask(|executor| executor.audit(cnn_core::policy::Audit::WithOrders)).unwrap().unwrap();
}
