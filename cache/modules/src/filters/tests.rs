//! Facts about admission policies and freshness rules by name and by file, each twin compared with its native one.

use cnn_core::policy::{Candidate, Document, Mime, Verdict};
use cnn_core::rfc9111::target::Scheme;
use cnn_core::rfc9111::{Described, Refresh};

use super::*;
use crate::limits::TRAPS_MAX;
use crate::{Metering, verify};

fn host() -> Host {
    Host::new(Metering::Fuel, None).unwrap()
}

fn script(name: &str) -> String {
    format!("{}/../../scripts/{name}.rhai", env!("CARGO_MANIFEST_DIR"))
}

fn guest(name: &str) -> String {
    format!("{}/../../policies/guests/wasm/{name}.wasm", env!("CARGO_MANIFEST_DIR"))
}

/// Two policies must answer alike to many documents, and neither may fail.
#[track_caller]
fn check_twins(mine: &str, native: &str) {
    let host = host();
    let mut mine = host.admission(mine).unwrap_or_else(|error| panic!("{error}")).build(1 << 20).unwrap();
    let mut native = host.admission(native).unwrap().build(1 << 20).unwrap();
    let mut rng = fastrand::Rng::with_seed(11);
    let (mut admitted, mut refused) = (0, 0);
    for _ in 0..50_000 {
        let hash = (rng.f64() * rng.f64() * 20_000.0) as u64;
        let document = Document { hash: hash << 20, size: rng.u64(0..200_000), ..Document::default() };
        let candidate = Candidate { document, host: "a.test", path: "/" };
        let answer = native.instance.admit(&candidate);
        assert_eq!(mine.instance.admit(&candidate), answer, "{hash}");
        if answer == Verdict::Admit { admitted += 1 } else { refused += 1 }
    }
    assert!(admitted > 1_000 && refused > 1_000, "{admitted} {refused}");
    assert_eq!(mine.health.unwrap().report().traps, 0);
}

#[test]
fn scripts_and_guests_admit_exactly_what_their_native_twins_do() {
    check_twins(&script("admission/size-threshold"), "size-threshold");
    check_twins(&script("admission/second-hit"), "second-hit");
    check_twins(&guest("wat-size-threshold"), "size-threshold");
    check_twins(&format!("{}(max=20000)", guest("wat-size-threshold")), "size-threshold(max=20000)");
}

fn responses() -> impl Iterator<Item = Described<'static>> {
    const PATHS: [&str; 5] = ["/", "/a.png", "/a?b", "/CGI-BIN/x", "/cgi-binary"];
    PATHS.into_iter().flat_map(|path| {
        [None, Some(0), Some(999), Some(u32::MAX)].into_iter().map(move |since_modified| Described {
            scheme: Scheme::Http,
            host: "a.test",
            path,
            status: 200,
            mime: Mime::Html,
            length: Some(7),
            lifetime: None,
            since_modified,
            age: 0,
        })
    })
}

#[track_caller]
fn check_rules(mine: &str, native: &str) {
    let host = host();
    let mut mine = host.freshness(mine).unwrap_or_else(|error| panic!("{error}")).build().unwrap();
    let mut native = host.freshness(native).unwrap().build().unwrap();
    for response in responses() {
        let lifetime = |rule: Option<Refresh>| rule.map(|rule| rule.lifetime(None, response.since_modified));
        let rule = mine.instance.refresh(&response);
        assert_eq!(lifetime(rule), lifetime(native.instance.refresh(&response)), "{response:?}");
    }
    assert_eq!(mine.health.unwrap().report().traps, 0);
}

#[test]
fn scripts_and_guests_give_exactly_the_lifetimes_of_their_native_twins() {
    check_rules(&script("freshness/squid-default"), "squid-default");
    check_rules(&guest("wat-refresh"), "refresh");
    check_rules(
        &format!("{}(min=3,percent=70,max=9)", guest("wat-refresh")),
        "refresh(min=3,percent=70,max=9)",
    );
}

#[test]
fn every_filter_script_can_be_used() {
    let host = host();
    for (folder, is_admission) in [("admission", true), ("freshness", false)] {
        let folder = format!("{}/../../scripts/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path().display().to_string();
            let built = match is_admission {
                true => host.admission(&path).and_then(|source| source.build(1 << 20).map(drop)),
                false => host.freshness(&path).and_then(|source| source.build().map(drop)),
            };
            built.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// An admission policy with this body of `admit`, told what is wrong with it, or what became of it when asked.
fn of_wat(admit: &str) -> Result<(Vec<Verdict>, crate::Report), String> {
    let text = format!(
        r#"(module (@custom "cnn" "abi: 1\nname: mine\nrole: admission\n")
            (memory (export "memory") 1)
            (func (export "init") (param i64 i32))
            (func (export "candidate") (result i32) (i32.const 0))
            (func (export "admit") (result i32) {admit}))"#
    );
    let verified = verify(&wat::parse_str(text).unwrap()).map_err(|error| error.to_string())?;
    let host = host();
    let code = Code::Wasm(Box::new(host.load(verified).map_err(|error| error.to_string())?));
    let form = Form::Module(Arc::new(code), Settings::defaults(&[]));
    let source = AdmissionSource { name: "mine".to_owned(), form, counted_by: None };
    let mut built = source.build(0).map_err(|error| error.to_string())?;
    let candidate = Candidate::of(Document::default());
    let verdicts = (0..20).map(|_| built.instance.admit(&candidate)).collect();
    Ok((verdicts, built.health.unwrap().report()))
}

#[test]
fn a_guest_that_traps_loops_or_lies_admits_and_is_not_asked_any_more() {
    for admit in ["unreachable", "(loop (br 0)) (i32.const 1)", "(i32.const 5)"] {
        let (verdicts, report) = of_wat(admit).unwrap();
        assert!(verdicts.iter().all(|&verdict| verdict == Verdict::Admit), "{admit}");
        assert!(report.is_silenced && report.traps == TRAPS_MAX, "{admit}: {report:?}");
    }
    let (verdicts, report) = of_wat("(i32.const 0)").unwrap();
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Refuse(_))) && report.traps == 0);
}

#[test]
fn a_module_of_another_role_is_none() {
    let host = host();
    let check = |said: Option<SourceError>, expected: &str| {
        let said = said.map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(expected), "{said}");
    };
    check(host.admission(&guest("sieve")).err(), "is of role replacement; expected admission");
    check(host.freshness(&script("admission/second-hit")).err(), "is of role admission; expected freshness");
    check(host.admission("gdsf").err(), "no policy is called \"gdsf\"");
    check(host.source(&script("admission/second-hit")).err(), "is of role admission; expected replacement");
}
