//! Facts about scripts that admit.

use std::path::Path;

use super::*;
use crate::limits::TRAPS_MAX;

fn compiled(text: &str) -> Result<Script, ScriptError> {
    Script::compile(Path::new("mine.rhai"), &format!("//! role: admission\n{text}"))
}

/// What a script says to documents of these hashes and sizes from host `a.test`, one after the other.
#[track_caller]
fn check(text: &str, candidates: &[(u64, u64)], expected: &str) {
    let (mut policy, ..) = compiled(text).unwrap_or_else(|error| panic!("{error}")).admit().unwrap();
    let answer = |&(hash, size): &(u64, u64)| {
        let document = Document { hash, size, ttfb_us: 5_000, ..Document::default() };
        match policy.admit(&Candidate { document, host: "a.test", path: "/x?y" }) {
            Verdict::Admit => '+',
            Verdict::Refuse(Refusal::Rule) => '-',
            Verdict::Refuse(Refusal::FirstSeen) => 'f',
            Verdict::Refuse(_) => 'o',
        }
    };
    let said: String = candidates.iter().map(answer).collect();
    assert_eq!(said, expected, "{text}");
}

#[test]
fn a_script_says_yes_no_or_why_not() {
    check("doc.size <= 100", &[(1, 100), (1, 101)], "+-");
    check("if doc.size <= 100 { true } else { \"too-large\" }", &[(1, 101)], "o");
    check("fn admit(doc) { doc.host == \"a.test\" && doc.path.contains(\"?\") }", &[(1, 1)], "+");
    check(
        "fn admit(origins, doc) { origins.requests(doc) > 1 && origins.ttfb_ms(doc) == 5.0 }",
        &[(1, 1), (2, 1)],
        "-+",
    );
}

#[test]
fn what_the_host_keeps_lasts_from_call_to_call() {
    check("if seen.insert(doc) { true } else { \"first-seen\" }", &[(1, 9), (2, 9), (1, 9)], "ff+");
    check("fn admit(sketch, doc) { sketch.add(doc) >= 3 }", &[(1, 9), (1, 9), (1, 9), (2, 9)], "--+-");
    check(
        "fn admit(sketch, doc) { sketch.count(doc) > 0 }\nfn hit(doc, sketch) { sketch.add(doc); }",
        &[(1, 9)],
        "-",
    );
}

#[test]
fn origins_are_named_by_what_was_measured_of_them() {
    let script = compiled("fn bypass(origin) { origin.requests >= 2 && origin.ttfb_ms > 100 }").unwrap();
    let (mut policy, wants, _) = script.admit().unwrap();
    assert_eq!((wants.hits, wants.bypass), (false, true));
    for (asked, expected) in [(0, false), (1, false), (2, true)] {
        let document = Document { origin: 7, ttfb_us: 200_000, ..Document::default() };
        if asked > 0 {
            // A script that only names origins admits everything.
            assert_eq!(policy.admit(&Candidate::of(document)), Verdict::Admit);
        }
        assert_eq!(policy.bypass(7, "a.test"), expected, "{asked}");
    }
    assert!(!policy.bypass(8, "b.test"));
}

#[test]
fn a_script_that_fails_admits_and_is_not_asked_any_more_after_some_time() {
    let script = compiled("if doc.hash > 0 { loop { } } else { true }").unwrap();
    let (mut policy, _, health) = script.admit().unwrap();
    for hash in 0..20 {
        let document = Document { hash: hash << 32, ..Document::default() };
        assert_eq!(policy.admit(&Candidate::of(document)), Verdict::Admit);
    }
    let report = health.report();
    assert!(report.is_silenced && report.traps == TRAPS_MAX, "{report:?}");
}

#[test]
fn what_is_wrong_with_a_script_is_said_with_its_place() {
    let check = |text: &str, place: Option<(usize, usize)>, expected: &str| {
        let error = compiled(text).expect_err(text);
        assert!(error.message().contains(expected), "{text}: {error}");
        assert_eq!(error.place(), place, "{text}: {error}");
    };
    check("doc.size <", Some((2, 11)), "");
    check("doc.weight > 1", Some((2, 5)), "weight");
    check("fn admit(document) { true }", Some((2, 1)), "cannot take \"document\"");
    check("1 + 1", None, "expected true, false, or why not");
    check("\"too-big\"", None, "too-large, first-seen");
    check("fn other() { 1 }", None, "needs an expression, `fn admit(doc)`");
}

#[test]
fn origins_are_forgotten_when_there_are_too_many() {
    let mut origins = Origins::default();
    for origin in 0..3 * FILTER_ORIGINS_MAX as u32 {
        origins.note(&Document { origin, ..Document::default() });
        assert!(origins.seen.len() <= FILTER_ORIGINS_MAX);
    }
    assert_eq!(origins.of(3 * FILTER_ORIGINS_MAX as u32 - 1).requests, 1);
    assert_eq!(origins.of(0).requests, 0);
}
