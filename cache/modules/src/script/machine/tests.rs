//! Compiled scripts against the interpreter.

mod generator;

use cnn_core::policy::{Mime, Settings};
use cnn_core::time::Tick;

use super::*;
use crate::script::{document, engine};

fn program(text: &str) -> Program {
    let ast = engine::compile(text, &Settings::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
    Program::new(ast)
}

/// Documents of every class, with the numbers that are awkward.
fn documents() -> Vec<Doc> {
    let mut rng = fastrand::Rng::with_seed(7);
    let numbers = [0, 1, 2, 3, 100, 20_000, 1 << 20, 1 << 53, (1 << 53) + 1, u64::MAX];
    (0..40)
        .map(|at| {
            let mut doc = document::trial((Mime::from_u8(at % 7), 1, 1));
            let mut number =
                || if rng.bool() { rng.u64(0..1 << 40) } else { numbers[rng.usize(0..numbers.len())] };
            doc.columns.size = number();
            doc.columns.uses = number() as u32;
            doc.columns.fetch_us = number() as u32;
            doc.columns.ttfb_us = number() as u32;
            doc.columns.origin = number() as u32;
            doc.columns.path_class = number() as u16;
            doc.columns.status = number() as u16;
            doc.columns.hash = number();
            doc.columns.created = Tick(number());
            doc.columns.last_used = Tick(number());
            doc.columns.fresh_until = Tick(number());
            doc.clock.now = Tick(number());
            let odd = [0.0, -0.0, 0.5, -3.25, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
            doc.clock.aging = odd[usize::from(at) % odd.len()];
            doc
        })
        .collect()
}

/// The value's bits, where all that is not a number is one; none for a fault.
fn bits(value: Option<f64>) -> Option<u64> {
    value.map(|value| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
}

/// Both give the same for each document.
#[track_caller]
fn agree(text: &str, program: &Program, machine: &Machine, documents: &[Doc]) {
    for doc in documents {
        let interpreted = engine::value(program, doc);
        let said = interpreted.as_ref().err().map(|fault| fault.message.clone());
        let compiled = machine.value(doc);
        assert_eq!(bits(compiled), bits(interpreted.ok()), "{text}\n{doc:?}\n{compiled:?} {said:?}");
    }
}

#[track_caller]
fn check(text: &str) {
    let program = program(text);
    let machine = Machine::compile(&program).unwrap_or_else(|outside| panic!("{text}: {outside:?}"));
    agree(text, &program, &machine, &documents());
}

#[test]
fn every_field_is_the_one_that_is_interpreted() {
    for field in
        document::FIELDS.iter().chain(document::DRIFTS).filter(|field| !["mime", "now"].contains(field))
    {
        check(&format!("doc.{field}"));
    }
    check("clock.now");
    check("clock.aging");
    for cost in ["size_cost", "gds_cost", "gdsf_cost", "lfu_da_cost"] {
        check(&format!("{cost}(doc)"));
    }
}

/// It stays interpreted, for this reason at this place.
#[track_caller]
fn check_outside(text: &str, line: usize, column: usize, expected: &str) {
    let Err(outside) = Machine::compile(&program(text)) else { panic!("{text} is compiled") };
    assert!(outside.why.contains(expected), "{text}: {outside:?}");
    let start: String = text.chars().take(100).collect();
    assert_eq!(outside.position, Position::new(line as u16, column as u16), "{start}: {}", outside.why);
}

#[test]
fn whole_numbers_are_divided_as_whole_numbers_and_overflow_is_a_fault() {
    check("10 / 4 + doc.size * 0");
    check("let a = 7; a /= 2; a % 2");
    check("let a = 9223372036854775807; if doc.uses > 3 { a += 1; } a");
    check("let z = 0; 1 / z");
    check("let low = -9223372036854775807; low -= 1; if doc.uses > 3 { low / -1 } else { -low }");
    check("let low = -9223372036854775807 - 1; abs(low)");
    check("let a = 2; let b = to_int(doc.uses); a ** b");
    check("to_int(doc.hash * 1e6) + 1");
    check("let a = 1; let b = to_int(doc.uses) - 70; (a << b) + (a >> b)");
}

#[test]
fn real_numbers_are_compared_as_rhai_does() {
    for operator in ["==", "!=", "<", "<=", ">", ">="] {
        check(&format!("let x = 0.1 + 0.2; if x {operator} 0.3 {{ 1 }} else {{ 2 }}"));
        check(&format!("let n = doc.size - doc.size; n = n / n; if n {operator} 0 {{ 1 }} else {{ 2 }}"));
        check(&format!("if clock.aging {operator} doc.ttl {{ 1 }} else {{ 2 }}"));
        check(&format!("if clock.aging {operator} clock.aging {{ 1 }} else {{ 2 }}"));
        check(&format!("let t = doc.uses > 2; if t {operator} true {{ 1 }} else {{ 2 }}"));
    }
    check("min(clock.aging, doc.ttl) + max(doc.ttl, clock.aging) + min(3, doc.uses) + max(2, 3)");
}

#[test]
fn variables_and_blocks_are_as_in_rhai() {
    check("let a = 1.0; { let a = 2.0; a += doc.size; } a");
    check("let a = 1; a = 2.5; a * 2");
    check("let a = 1; a += 0.5; a");
    check("let a = 1.0; if doc.uses > 2 { a = doc.size; } else { a += 2; } a");
    check("let m = doc.mime; if m == \"text\" || m.starts_with(\"im\") { 1 } else { 2.5 }");
    check("let x = doc.size; let x = x * 2; x");
    check("const K = 3; K * doc.uses");
    check("let a = 1; let b = { a = 5; a + 1 }; a * b");
}

#[test]
fn ways_out_are_as_in_rhai() {
    check("if doc.size > 1000 { return 1; } doc.uses");
    check("fn f(d) { if d.uses > 2 { return 1.0; } d.size } fn score(doc) { f(doc) * 2 }");
    check("fn f(x) { x = x + 1; x } let a = 1.0; f(a) + a");
    check("fn score(doc, clock) { if doc.uses > 3 { return clock.now } else { return 2 } }");
    check("if doc.uses > 3 { throw \"no\" } else { 1.0 }");
    check("if doc.uses > 3 { 1.0 }");
    check("if doc.uses > 3 { 1.0 } else { doc.mime }");
    check("if doc.uses > 3 { let a = 1; } else { 5 }");
    check("let a = if doc.uses > 3 { return 7 } else { 2.0 }; a");
}

#[test]
fn what_is_not_compiled_says_what_it_is_and_where() {
    check_outside("let a = 0;\nfor i in 0..3 { a += i; } a", 2, 1, "a loop is not compiled");
    check_outside("switch doc.status { 200.0 => 1, _ => 2 }", 1, 1, "switch is not compiled");
    check_outside("fn f(x) { if x < 1 { 0.0 } else { f(x - 1) } }\nf(1)", 1, 35, "f calls itself");
    check_outside("doc.uses +\n  [doc.uses, 2].len()", 2, 3, "an array");
    check_outside("doc.mime.len()", 1, 10, "len of a string is not compiled");
    check_outside("let a = if doc.uses > 2 { 1 } else { 2.0 }; a", 1, 9, "a whole number on one way");
    check_outside("sqrt(doc.mime)", 1, 1, "sqrt of a string");
    check_outside("let f = |x| x; f.call(1.0)", 1, 9, "a constant that is no number");
    check_outside(
        "let a = 1; if doc.uses > 2 { a = 0.5; }\na",
        1,
        12,
        "\"a\" is one kind of value on one way",
    );
    let long = format!("let a = doc.uses;\n{}a", "a = a * 1.5 + 1;\n".repeat(1_000));
    check_outside(&long, 334, 15, "more steps than are compiled");
}

#[test]
fn code_is_small_and_its_memory_is_given_back() {
    let program = program("clock.aging + doc.uses / doc.size");
    let machine = Machine::compile(&program).unwrap();
    assert!((20..400).contains(&machine.bytes()), "{} bytes", machine.bytes());
    let mappings = || std::fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count());
    let before = mappings();
    for _ in 0..500 {
        assert!(Machine::compile(&program).is_ok());
    }
    assert!(mappings() < before + 250, "{before} mappings have become {}", mappings());
}

#[test]
fn a_program_made_at_random_means_what_it_means_to_the_interpreter() {
    let seed: u64 = std::env::var("CNN_SEED").map_or(1, |seed| seed.parse().unwrap());
    let count = std::env::var("CNN_PROGRAMS").map_or(4_000, |count| count.parse().unwrap());
    let documents = documents();
    let (mut compiled, mut refused, mut decided, mut faults) = (0, 0, 0, 0);
    let mut reasons = std::collections::BTreeMap::new();
    for at in 0..count {
        let text = generator::program(seed.wrapping_mul(1_000_003).wrapping_add(at));
        let Ok(ast) = engine::compile(&text, &Settings::default()) else {
            refused += 1;
            continue;
        };
        let program = Program::new(ast);
        match Machine::compile(&program) {
            Ok(machine) => {
                agree(&text, &program, &machine, &documents);
                compiled += 1;
                let values: Vec<_> = documents.iter().map(|doc| machine.value(doc)).collect();
                decided += values.iter().flatten().count();
                faults += values.iter().filter(|value| value.is_none()).count();
            }
            Err(outside) if outside.position.is_none() => panic!("{text}\n{outside:?}"),
            Err(outside) => *reasons.entry(outside.why).or_insert(0) += 1,
        }
    }
    println!(
        "{compiled} of {count} compiled, {refused} refused: {decided} values, {faults} faults; {reasons:#?}"
    );
    // That it compares something: most programs are compiled, most values are numbers, and there are faults.
    assert!(compiled * 3 > count, "{compiled} of {count}");
    assert!(decided > faults && faults * 20 > decided, "{decided} values, {faults} faults");
    assert!(reasons.len() > 10, "{reasons:?}");
}
