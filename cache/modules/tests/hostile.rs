//! Modules that do what they must not, through the engine: each is refused with a reason, or costs decisions of its own
//! and nothing else. The memory limit of the cache holds, every eviction finds a victim, the books are right, and the
//! report says what happened.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::sync::{Arc, LazyLock};

use cnn_core::policy::{
    Audit, Board, Budget, Document, Executor, Inline, Picker, Prepared, Removal, Settings,
};
use cnn_core::time::{Tick, UnixSecs};
use cnn_modules::{Host, InstantiateError, LoadError, Metering, Report, Wasm, limits, verify};

static BY_FUEL: LazyLock<Host> = LazyLock::new(|| Host::new(Metering::Fuel, None).unwrap());
static BY_TIME: LazyLock<Host> = LazyLock::new(|| Host::new(Metering::Deadline, None).unwrap());

/// A policy that answers with slot 0 and holds nothing, to be spoilt in one place.
const HOOKS: &str = r#"(module
  (@custom "cnn" "abi: 1\nname: bad\nrole: replacement\nkind: hooks\ngoals: hits\n")
  (memory (export "memory") 1)
  (func (export "init") (param i64 i32) @init)
  (func (export "events") (result i32) i32.const @events)
  (func (export "picks") (result i32) i32.const 8192)
  (func (export "len") (result i32) i32.const 0)
  (func (export "on_events") (param i32 i64) @on_events)
  (func $loop (loop $l (br $l)))
  (func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
  (global $calls (mut i32) (i32.const 0))
  (func (export "rank") (param i32 i32) (result i32) @rank)
  (func (export "victims") (param i32) (result i32) @victims))"#;

/// The policy above with some places filled in: `[("victims", "i32.const 1")]`.
fn hooks(places: &[(&str, &str)]) -> Vec<u8> {
    let mut text = HOOKS.to_owned();
    for (place, code) in places {
        text = text.replace(&format!("@{place}"), code);
    }
    for (place, code) in [
        ("init", ""),
        ("events", "0"),
        ("on_events", ""),
        ("rank", "i32.const 0"),
        ("victims", "i32.const 0"),
    ] {
        // `@init` would be found in no other word; `@events` stands alone.
        text = text.replace(&format!("@{place}"), code);
    }
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn load(host: &Host, bytes: &[u8]) -> Wasm {
    host.load(verify(bytes).unwrap()).unwrap()
}

/// Serves a small cache with the module deciding; what its report says afterwards. Every eviction must find a victim.
fn serve(host: &Host, bytes: &[u8]) -> Report {
    const SLOTS: usize = 256;
    const CAPACITY: u64 = 10_000;
    let board = Arc::new(Board::new(1, SLOTS, 1));
    let slots_max = board.documents().slots_max();
    let built = load(host, bytes).build(&Settings::default(), CAPACITY, slots_max).unwrap();
    let policy = Prepared::from_parts(built.manifest, built.replacement, slots_max).unwrap();
    let inline = Inline::new(Executor::exact(board, policy, UnixSecs(0)));
    let board = inline.board();
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut used, mut fallbacks) = (0, 0);
    for step in 0..400_u64 {
        inline.set_now(Tick(step));
        let size = rng.u64(1..1_000);
        while used + size > CAPACITY {
            let offer = board.take_victim().expect("a full cache has a victim, whatever the module does");
            fallbacks += u32::from(offer.picker != Picker::Policy);
            used -= board.documents().get(offer.id.slot).size;
            board.removed(offer.id, Removal::Evicted);
        }
        let id = board.alloc_slot().unwrap();
        board.inserted(id, &Document { hash: step, size, uses: 1, ..Document::default() });
        used += size;
        if rng.bool() {
            board.hit(0, id, Tick(step));
        }
    }
    inline.settle();
    inline.with(|executor| executor.audit(Audit::Books)).unwrap();
    let _ = (inline.with(|executor| executor.worst(SLOTS)), fallbacks);
    let report = built.health.report();
    let is_unfit = inline.with(|executor| executor.turn(Tick(400), Budget::UNBOUNDED).is_unfit);
    assert!(is_unfit || !report.is_silenced, "who is stopped does not go on deciding");
    report
}

/// A module that is called and does wrong: it is told why, and is not called for ever.
#[track_caller]
fn check(places: &[(&str, &str)], expected: &str) {
    let report = serve(&BY_FUEL, &hooks(places));
    let said = report.last_trap.clone().unwrap_or_default();
    assert!(said.contains(expected), "{said:?} should say {expected:?}");
    assert!(report.is_silenced && report.traps == limits::TRAPS_MAX, "{report:?}");
}

#[test]
fn a_call_that_does_not_end_is_ended_by_instructions_or_by_time() {
    check(&[("victims", "call $loop i32.const 0")], "the instructions for a call are used up");
    check(&[("on_events", "call $loop")], "the instructions for a call are used up");
    let report = serve(&BY_TIME, &hooks(&[("victims", "call $loop i32.const 0")]));
    assert_eq!(report.last_trap.as_deref(), Some("the time for a call is over"));
    assert!(report.is_silenced);
}

#[test]
fn a_trap_costs_the_decision_and_eight_end_it() {
    check(&[("victims", "unreachable")], "unreachable");
    check(&[("on_events", "unreachable")], "unreachable");
    check(&[("victims", "(call $deep (i32.const 0))")], "stack");
    check(&[("victims", "(i32.load (i32.const -4))")], "out of bounds");
    check(&[("victims", "(i32.div_u (i32.const 1) (i32.const 0))")], "divide by zero");
}

#[test]
fn a_trap_now_and_then_leaves_the_module_deciding() {
    let seventh = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.eq (global.get $calls) (i32.const 7)) (then unreachable)) i32.const 0";
    let report = serve(&BY_FUEL, &hooks(&[("victims", seventh)]));
    assert_eq!((report.traps, report.is_silenced), (1, false));
    assert!(report.calls > 100);
}

#[test]
fn more_victims_than_asked_for_are_a_fault() {
    check(&[("victims", "i32.const 300")], "300 victims where 1 was asked for");
    check(&[("victims", "i32.const -1")], "4294967295 victims");
}

#[test]
fn victims_nobody_holds_twice_the_same_or_none_at_all_cost_decisions_only() {
    let slot = |code: &str| format!("(i32.store (i32.const 8192) {code}) i32.const 1");
    let wild = ["(i32.const -1)", "(i32.const 100000)", "(i32.const 0)", "(i32.const 255)"];
    for code in wild {
        assert_eq!(serve(&BY_FUEL, &hooks(&[("victims", &slot(code))])).traps, 0, "{code}");
    }
    assert_eq!(serve(&BY_FUEL, &hooks(&[])).traps, 0);
}

#[test]
fn a_rank_that_never_ends_or_lies_is_bounded() {
    assert_eq!(serve(&BY_FUEL, &hooks(&[("rank", "i32.const 256")])).traps, 0);
    assert_eq!(serve(&BY_FUEL, &hooks(&[("rank", "i32.const 257")])).traps, 1);
}

#[test]
fn writing_over_its_own_rooms_harms_nobody() {
    let over = "(memory.fill (i32.const 0) (i32.const 255) (i32.const 65536))";
    assert_eq!(serve(&BY_FUEL, &hooks(&[("on_events", over)])).traps, 0);
}

#[test]
fn memory_and_tables_end_at_their_limits() {
    let grow = "(drop (memory.grow (i32.const 1)))";
    let report = serve(
        &BY_FUEL,
        &hooks(&[(
            "on_events",
            &format!("(loop $l {grow} (br_if $l (i32.lt_u (memory.size) (i32.const 100000))))"),
        )]),
    );
    let most = limits::MEMORY_BYTES_BASE + 4096 * limits::MEMORY_BYTES_PER_SLOT;
    assert!(report.memory_bytes <= most, "{report:?}");
    let report = serve(&BY_FUEL, &hooks(&[("init", &grow.repeat(40))]));
    assert_eq!((report.traps, report.memory_bytes), (0, 41 * 65_536));
    let table = r#"(memory (export "memory") 1) (table $t 1 funcref)"#;
    let text = String::from_utf8(HOOKS.into()).unwrap().replace(r#"(memory (export "memory") 1)"#, table);
    let text =
        text.replace("@victims", "(table.grow $t (ref.null func) (i32.const 20000)) i32.const 1 i32.add");
    let text = ["@init", "@on_events"].iter().fold(text, |text, place| text.replace(place, ""));
    let bytes = wat::parse_str(text.replace("@events", "0").replace("@rank", "i32.const 0")).unwrap();
    let report = serve(&BY_FUEL, &bytes);
    assert_eq!(report.traps, 0, "growing returns -1: {report:?}");
}

/// A module that verifies and cannot be put to work.
#[track_caller]
fn check_refused(bytes: &[u8], expected: &str) {
    let built = load(&BY_FUEL, bytes).build(&Settings::default(), 1 << 20, 4096);
    let said = built.map(|_| ()).unwrap_err().to_string();
    assert!(said.contains(expected), "{said}");
}

#[test]
fn what_cannot_be_prepared_is_refused_with_the_reason() {
    check_refused(&hooks(&[("init", "unreachable")]), "init failed: wasm `unreachable`");
    check_refused(&hooks(&[("init", "call $loop")]), "init failed: the instructions");
    check_refused(&hooks(&[("events", "3")]), "events returns 0x3; expected a multiple of 8");
    check_refused(&hooks(&[("events", "65528")]), "events returns 0xfff8");
    check_refused(&hooks(&[("events", "-8")]), "events returns 0xfffffff8");
    let large = |limit: &str| {
        let text = HOOKS.replace(r#"(export "memory") 1"#, &format!(r#"(export "memory") {limit}"#));
        let text = ["@init", "@on_events"].iter().fold(text, |text, place| text.replace(place, ""));
        wat::parse_str(
            text.replace("@events", "0").replace("@rank", "i32.const 0").replace("@victims", "i32.const 0"),
        )
        .unwrap()
    };
    check_refused(&large("65535"), "cannot be instantiated");
    check_refused(&large("1) (table 20000 funcref"), "cannot be instantiated");
    check_refused(&large("1) (start $loop"), "cannot be instantiated: the instructions");
}

/// A key or score policy that returns this.
fn answering(kind: &str, code: &str) -> Vec<u8> {
    let text = format!(
        r#"(module (@custom "cnn" "abi: 1\nname: odd\nrole: replacement\nkind: {kind}\ngoals: hits\n")
        (memory (export "memory") 2) (func (export "init") (param i64 i32))
        (func (export "events") (result i32) i32.const 0)
        (func (export "documents") (result i32) i32.const 0)
        (func (export "values") (result i32) i32.const 8192)
        (func (export "key") (param i64) (result f64) {code})
        (func (export "evicted") (param f64) unreachable)
        (func (export "scores") (param i32 i64) (f64.store (i32.const 8192) ({code}))))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn keys_and_scores_that_are_no_numbers_order_documents_somehow() {
    for value in ["nan", "inf", "-inf", "0", "-0", "1e308"] {
        for kind in ["key", "score"] {
            serve(&BY_FUEL, &answering(kind, &format!("f64.const {value}")));
        }
    }
    let report = serve(&BY_FUEL, &answering("key", "f64.const 1"));
    assert!(report.is_silenced, "evicted traps each time: {report:?}");
    assert!(serve(&BY_FUEL, &answering("score", "unreachable")).is_silenced);
}

#[test]
fn code_that_is_hard_to_compile_is_bounded_by_its_size() {
    let blocks = 8_000;
    let code = format!("{}{}", "(block (br_if 0 (i32.const 1)) ".repeat(blocks), ")".repeat(blocks));
    let bytes = hooks(&[("on_events", &code)]);
    assert!(bytes.len() < limits::MODULE_BYTES_MAX);
    let loaded: Result<_, LoadError> = verify(&bytes).map(|it| BY_FUEL.load(it)).unwrap();
    assert_eq!(
        loaded.unwrap().build(&Settings::default(), 1, 4096).map(drop),
        Ok::<(), InstantiateError>(())
    );
}

#[test]
fn nonsense_of_any_length_is_refused() {
    let mut rng = fastrand::Rng::with_seed(7);
    for length in [0, 1, 7, 8, 9, 1000, limits::MODULE_BYTES_MAX, limits::MODULE_BYTES_MAX + 1] {
        let mut bytes: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
        assert!(verify(&bytes).is_err());
        if length >= 8 {
            bytes[..8].copy_from_slice(b"\0asm\x01\0\0\0");
            assert!(verify(&bytes).is_err());
        }
    }
}
