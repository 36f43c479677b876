//! Files that are taken, and what is said of those that are not.

use super::*;

const MANIFEST: &str = "abi: 1\\nname: mine\\nrole: replacement\\nkind: key\\ngoals: hits\\n";

/// The module in these words, or with `MANIFEST` and what a key policy exports around them.
fn module(text: &str) -> Vec<u8> {
    let text = text.replace("@manifest", &format!("(@custom \"cnn\" \"{MANIFEST}\")"));
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}

const LEAST: &str = r#"(module @manifest (memory (export "memory") 1)
    (func (export "init") (param i64 i32))
    (func (export "events") (result i32) i32.const 0)
    (func (export "key") (param i64) (result f64) f64.const 0))"#;

#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    match verify(bytes) {
        Ok(_) => assert_eq!(expected, "taken"),
        Err(error) => assert!(error.to_string().contains(expected), "{error}"),
    }
}

#[track_caller]
fn check_without(what: &str, instead: &str, expected: &str) {
    assert!(LEAST.contains(what));
    check(&module(&LEAST.replace(what, instead)), expected);
}

#[test]
fn a_module_with_what_its_kind_needs_is_taken() {
    let bytes = module(LEAST);
    let verified = verify(&bytes).unwrap();
    assert_eq!(verified.manifest().name, "mine");
    assert_eq!(verified.digest(), Digest::of(&bytes));
}

#[test]
fn what_is_missing_or_of_another_type_is_named_with_the_type_expected() {
    check_without(r#"(memory (export "memory") 1)"#, "(memory 1)", "exports no memory");
    check_without(
        r#"(func (export "key") (param i64) (result f64) f64.const 0)"#,
        "",
        "exports no key (i64) -> f64",
    );
    check_without(
        r#"(func (export "init") (param i64 i32))"#,
        r#"(func (export "init") (param i32))"#,
        "exports init as (i32), expected (i64, i32)",
    );
    check_without(
        r#"(func (export "init") (param i64 i32))"#,
        r#"(func (export "init") (param i64 i32)) (func (export "evicted") (param f32))"#,
        "exports evicted as (f32), expected (f64)",
    );
    check_without(
        r#"(memory (export "memory") 1)"#,
        r#"(memory 1) (export "memory" (func 0))"#,
        "exports no memory",
    );
}

#[test]
fn what_a_module_declares_it_must_be_able_to_be_given() {
    let text =
        LEAST.replace("@manifest", &format!("(@custom \"cnn\" \"{MANIFEST}parameter: p real 0 0 1\\n\")"));
    check(&module(&text), "exports no set (i32, f64)");
}

#[test]
fn a_module_says_what_it_is_once() {
    check_without("@manifest", "", "no manifest");
    check_without("@manifest", "@manifest @manifest", "two manifests");
    check_without("@manifest", "(@custom \"cnn\" \"\\ff\")", "not UTF-8");
}

#[test]
fn nothing_is_imported() {
    check_without("(memory", "(import \"env\" \"now\" (func)) (memory", "imports env.now");
    check_without("(memory", "(import \"wasi\" \"x\" (global i32)) (memory", "imports wasi.x");
}

#[test]
fn what_goes_beyond_the_features_allowed_is_refused_with_its_place() {
    check_without("(memory", "(func (result v128) v128.const i64x2 0 0) (memory", "at byte 0x");
    check_without("(memory", "(memory 1) (memory", "at byte 0x");
    check_without("(export \"memory\") 1", "(export \"memory\") i64 1", "at byte 0x");
    check_without("(export \"memory\") 1", "(export \"memory\") 1 1 shared", "at byte 0x");
    check_without("(memory", "(tag) (memory", "at byte 0x");
    check_without("(memory", "(func return_call 0) (memory", "at byte 0x");
    check_without("(memory", "(type (struct)) (memory", "at byte 0x");
}

#[test]
fn what_compilers_emit_unasked_is_allowed() {
    check_without("(memory", "(func (param i32) (result i32) local.get 0 i32.extend8_s) (memory", "taken");
    check_without(
        "(memory",
        "(func (param f32) (result i32) local.get 0 i32.trunc_sat_f32_s) (memory",
        "taken",
    );
    check_without(
        "(memory",
        "(func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))) (memory",
        "taken",
    );
    check_without(
        "(memory",
        "(table 4 funcref) (func (result i32 i32) i32.const 0 i32.const 1) (memory",
        "taken",
    );
}

#[test]
fn whatever_else_a_file_is_it_is_said() {
    check(b"", "the file is empty");
    check(b"(module)", "assemble it first");
    check(b"\x7fELF\x02", "native code");
    check(b"hello", "does not begin with");
    check(b"\0asm\x0d\0\x01\0", "a component");
    check(&vec![0; MODULE_BYTES_MAX + 1], "more than a module may have");
}

#[test]
fn a_file_cut_short_or_with_one_byte_changed_is_refused_or_taken_but_nothing_else() {
    let whole = module(LEAST);
    for end in 0..whole.len() {
        assert!(verify(&whole[..end]).is_err(), "cut at {end}");
    }
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= flip;
            let _ = verify(&changed);
        }
    }
}

#[test]
fn a_monitor_imports_what_it_publishes_by_and_nothing_else() {
    let check = |import: &str, role: &str, expected: &str| {
        let exports = r#"(memory (export "memory") 1) (func (export "init") (param i64 i32))
            (func (export "requests") (result i32) (i32.const 0)) (func (export "on_requests") (param i32 i64))"#;
        let manifest = format!("abi: 1\\nname: mine\\nrole: {role}\\nmetric: n counter Requests\\n");
        let text = format!(r#"(module (@custom "cnn" "{manifest}") {import} {exports})"#);
        let said = match verify(&wat::parse_str(text).unwrap()) {
            Ok(verified) => verified.manifest().metrics[0].name.clone(),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{import}: {said}");
    };
    check(r#"(import "cnn" "count" (func (param i32 f64)))"#, "monitor", "n");
    check(
        r#"(import "cnn" "count" (func (param i32 f32)))"#,
        "monitor",
        "imports count as (i32, f32), expected (i32, f64)",
    );
    check(
        r#"(import "cnn" "count" (global i32))"#,
        "monitor",
        "imports cnn.count; a module of role monitor may import",
    );
    check(
        r#"(import "env" "count" (func (param i32 f64)))"#,
        "monitor",
        "imports env.count; a module of role monitor",
    );
    check(
        r#"(import "cnn" "evict" (func))"#,
        "monitor",
        "may import cnn.label, cnn.count, cnn.gauge, cnn.observe",
    );
    let policy = r#"(module (@custom "cnn" "abi: 1\nname: mine\nrole: replacement\nkind: key\ngoals: hits\n")
        (import "cnn" "count" (func (param i32 f64))) (memory (export "memory") 1))"#;
    let said = verify(&wat::parse_str(policy).unwrap()).unwrap_err().to_string();
    assert_eq!(said, "imports cnn.count; a module of role replacement is granted no imports");
}
