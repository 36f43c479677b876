//! What an instance hands over to its successor, and that no state, whatever is in it, does more harm than being refused.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::path::Path;

use cnn_core::policy::{Context, Documents, Event, EventKind, KeyPolicy, Replacement, Settings};
use cnn_core::time::Tick;
use cnn_modules::{Code, Host, Inherited, Metering};

const SLOTS_MAX: usize = 64;

/// GreedyDual-Size in text, with another way to hand over its state.
fn variant(export: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../../../policies/guests/wat/gds.wat");
    let own = "(i64.const 0x2000_00000008)";
    assert!(text.contains(own));
    let bytes = wat::parse_str(text.replace(own, export)).unwrap();
    std::fs::write(folder.path().join("a.wasm"), bytes).unwrap();
    folder
}

fn code(path: &Path) -> Code {
    Host::new(Metering::Fuel, None).unwrap().code(path).unwrap()
}

fn built(code: &Code, state: Option<&[u8]>) -> (Box<dyn KeyPolicy>, Inherited) {
    let (built, inherited) = code.succeed(&Settings::default(), 1 << 20, SLOTS_MAX, state).unwrap();
    let Replacement::Key(policy) = built.replacement else { panic!("it gives keys") };
    (policy, inherited)
}

fn key(policy: &mut dyn KeyPolicy) -> f64 {
    let documents = Documents::new(SLOTS_MAX);
    let context = Context { documents: &documents, now: Tick(0) };
    policy.key(&context, &Event { size: 4, ..documents.event(0, EventKind::Insert, 0) })
}

#[test]
fn a_successor_goes_on_where_the_one_before_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/guests/wasm/wat-gds.wasm");
    let code = code(&path);
    let (mut first, inherited) = built(&code, None);
    assert_eq!((key(&mut *first), inherited), (0.25, Inherited::Nothing));
    first.evicted(5.0);
    let state = first.state().unwrap();
    let (mut second, inherited) = built(&code, Some(&state));
    assert_eq!((key(&mut *second), inherited), (5.25, Inherited::Taken));
    assert_eq!(key(&mut *built(&code, None).0), 0.25, "without, it begins anew");
}

#[test]
fn a_state_that_makes_no_sense_is_refused_and_leaves_nothing_behind() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/guests/wasm/wat-gds.wasm");
    let code = code(&path);
    for state in [&b""[..], b"short", &f64::NAN.to_le_bytes(), &(-1_f64).to_le_bytes(), &[0; 70_000]] {
        let (mut policy, inherited) = built(&code, Some(state));
        assert!(matches!(inherited, Inherited::Refused(_)), "{inherited:?}");
        assert_eq!(key(&mut *policy), 0.25);
    }
    let sieve = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/guests/wasm/c-lru.wasm");
    let sieve = Host::new(Metering::Fuel, None).unwrap().code(&sieve).unwrap();
    let (_, inherited) = sieve.succeed(&Settings::default(), 1 << 20, SLOTS_MAX, Some(b"state")).unwrap();
    assert!(matches!(inherited, Inherited::Refused(_)), "one that takes none: {inherited:?}");
}

#[test]
fn what_is_not_in_its_memory_cannot_be_handed_over() {
    for export in [
        "(i64.const -1)",
        "(i64.const 0x0000_0000_00ff_ffff)",
        "(i64.const 0xffff_ffff_0000_0001)",
        "(unreachable)",
        "(loop $forever (br $forever)) (i64.const 0)",
    ] {
        let folder = variant(export);
        let (mut policy, _) = built(&code(&folder.path().join("a.wasm")), None);
        assert_eq!(policy.state(), None, "{export}");
        assert_eq!(key(&mut *policy), 0.25, "and it goes on deciding: {export}");
    }
}
