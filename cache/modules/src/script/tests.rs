//! Scripts that are taken, with what they give, and what is said of the others.

use super::*;

fn compile(text: &str) -> Result<Script, ScriptError> {
    Script::compile(Path::new("mine.rhai"), text)
}

/// The value of the third document scripts are tried on: text, 20,000 bytes, 3 uses, aging 0.5.
#[track_caller]
fn check(text: &str, kind: Kind, expected: f64) {
    let script = compile(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(script.manifest().replacement.unwrap().kind, kind, "{text}");
    let Body::Policy(program) = &script.body else { panic!("{text}: no policy") };
    let value = engine::value(program, &document::trial(TRIALS[2]));
    assert_eq!(value.map_err(|fault| fault.message), Ok(expected), "{text}");
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let said = compile(text).map(|_| "taken").map_err(|error| error.to_string());
    assert!(said.clone().is_err_and(|said| said.contains(expected)), "{text}: {said:?}");
}

#[test]
fn the_value_is_that_of_the_last_expression_or_of_the_function_score() {
    check("doc.uses / doc.size", Kind::Key, 3.0 / 20_000.0);
    check("let a = doc.uses; a += 1; a * 2", Kind::Key, 8.0);
    check("fn score(doc) { clock(doc) } fn clock(d) { d.uses }", Kind::Key, 3.0);
    check("fn score(doc, clock) { clock.aging + doc.uses }", Kind::Key, 3.5);
    check("7", Kind::Key, 7.0);
    check("if doc.mime == \"text\" { size_cost(doc) } else { 0 }", Kind::Key, -20_000.0);
    check("gds_cost(doc)", Kind::Key, 0.5 + 1.0 / 20_000.0);
    check("gdsf_cost(doc)", Kind::Key, 0.5 + 3.0 / 20_000.0);
    check("lfu_da_cost(doc)", Kind::Key, 3.5);
}

#[test]
fn what_changes_with_time_makes_a_score() {
    check("-doc.idle", Kind::Score, -40.0);
    check("doc.age", Kind::Score, 90.0);
    check("doc.ttl", Kind::Score, -10.0);
    check("clock.now", Kind::Score, 100.0);
    check("fn helper(d) { d.idle } fn score(doc) { helper(doc) }", Kind::Score, 40.0);
    check_error("clock.aging + doc.idle", "mine.rhai:1:7: aging needs values that hold until");
}

#[test]
fn an_error_shows_the_line_and_marks_the_place() {
    let error = compile("let a = 1;\nlet b = a +* 2;\nb").unwrap_err();
    assert_eq!(error.place(), Some((2, 12)));
    let shown = error.to_string();
    assert!(shown.starts_with("mine.rhai:2:12: "), "{shown}");
    assert!(shown.ends_with("\n   |\n 2 | let b = a +* 2;\n   |            ^"), "{shown}");
}

#[test]
fn whatever_is_wrong_is_found_before_a_document_is_decided_on() {
    check_error("doc.sise", "mine.rhai:1:5: no field \"sise\"; doc has size, uses");
    check_error("dok.size", "mine.rhai:1:1: ");
    check_error("frequency(doc)", "frequency");
    check_error("\"large\"", "gives a string, expected a number");
    check_error("doc.size > 1", "gives a bool, expected a number");
    check_error("", "gives a (), expected a number");
    check_error("1 / 0", "ivision by zero");
    check_error("fn score(doc) { doc.size + \"x\" - 1 }", "mine.rhai:1:");
    check_error("eval(\"1\")", "mine.rhai:1:");
    check_error("//! goals: speed\n1", "mine.rhai:1:1: line 1 of the manifest");
    check_error("//! kind: hooks\n1", "a key that scripts have");
    check_error(&" ".repeat(SCRIPT_BYTES_MAX + 1), "more than 65536");
}

#[test]
fn a_script_that_takes_too_much_is_stopped() {
    check_error("loop {}", "perations");
    check_error("fn f(x) { f(x) } f(1)", "mine.rhai");
    check_error("let s = \"x\"; for i in 0..60 { s += s; } 1", "mine.rhai");
    check_error("let a = []; for i in 0..5000 { a.push(i); } 1", "mine.rhai");
    check_error(&format!("{}1{}", "(".repeat(500), ")".repeat(500)), "mine.rhai");
}

#[test]
fn what_a_script_says_of_itself_is_in_its_comments() {
    let script =
        compile("//! name: other\n//! goals: bytes\n// goals: a comment\n//! paper: A, 2024\n\ndoc.size")
            .unwrap();
    let said = script.manifest().policy().unwrap();
    assert_eq!((&*said.name, &*said.paper), ("other", "A, 2024"));
    assert_eq!(said.goals[0].as_str(), "bytes");
    assert_eq!(compile("1").unwrap().manifest().name, "mine");
}

#[test]
fn a_script_is_given_numbers_by_its_parameters() {
    const TEXT: &str = "//! parameter: large-bytes real 1000 1 1e9 what is large
//! parameter: weight whole 2 0 10 of a use
fn is_large(d) { d.size > param.large_bytes }
fn score(doc) { if is_large(doc) { 0 } else { doc.uses * param.weight / 4 } }";
    let script = compile(TEXT).unwrap();
    let value = |settings: &[f64]| {
        let spec = format!("mine(large-bytes={},weight={})", settings[0], settings[1]);
        let settings =
            cnn_core::policy::Spec::parse(&spec).unwrap().settings(&script.manifest().parameters).unwrap();
        let execution = script.execution_with(&settings);
        assert!(matches!(execution, Execution::Compiled { .. }), "{execution}");
        let Replacement::Key(mut policy) = script.build(&settings).unwrap().replacement else { panic!() };
        let documents = cnn_core::policy::Documents::new(1);
        documents.set(0, &Document { size: 5_000, uses: 3, ..Document::default() });
        let event = documents.event(0, cnn_core::policy::EventKind::Hit, 0);
        policy.key(&cnn_core::policy::Context { documents: &documents, now: Tick(0) }, &event)
    };
    assert_eq!(value(&[1_000.0, 2.0]), 0.0);
    assert_eq!(value(&[10_000.0, 2.0]), 1.5);
    assert_eq!(value(&[10_000.0, 3.0]), 2.25);
    assert_eq!(value(&[10_000.0, 2.0]), 1.5);
}

#[test]
fn a_number_that_is_not_declared_is_found_before_a_document_is_decided_on() {
    const HEAD: &str = "//! parameter: small real 0.1 0 1 share\n";
    check_error("param.small", "mine.rhai:1:1: ");
    check_error(
        &format!("{HEAD}param.smal"),
        "mine.rhai:2:7: no parameter \"smal\"; the script declares small",
    );
    check_error(
        &format!("{HEAD}fn f(param) {{ param.small }} f(doc)"),
        "param cannot be an argument, as of f",
    );
    check_error(&format!("{HEAD}let param = 1; param"), "mine.rhai:2:1: param cannot be a variable");
    check_error(&format!("{HEAD}param.small.ln()"), "expected param.NAME by itself");
    check_error("//! parameter: small real 2 0 1 share\n1", "a default from MIN to MAX");
    check_error("//! parameter: low real -1 -1 1 bound\n1 / to_int(param.low + 1)", "ivision by zero");
}
