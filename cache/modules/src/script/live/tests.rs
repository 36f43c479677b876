//! Live scripts on a cache that is made up: what they plan, what is said of the wrong ones, and what bounds them all.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cnn_core::policy::{Document, Kind, Manifest, Mime, Settings};

use super::*;
use crate::{Host, Metering};

/// A cache of a hundred documents, the first of which go first, and a clock that ticks when it is read.
struct Pretended {
    host: Host,
    manifest: Arc<Manifest>,
    now: AtomicU64,
    tick_us: u64,
}

const DOCUMENTS: usize = 100;

impl LiveCache for Pretended {
    fn now(&self) -> Tick {
        Tick(self.now.fetch_add(self.tick_us, Relaxed))
    }

    fn figures(&self) -> Figures {
        let (documents, bytes, capacity) = (DOCUMENTS as u64, 5_000, 1 << 20);
        let (requests, hits, sent_bytes, hit_bytes, evictions) = (400, 100, 1_000, 500, 7);
        Figures { documents, bytes, capacity, requests, hits, sent_bytes, hit_bytes, evictions }
    }

    fn policy(&self) -> Result<String, String> {
        Ok(self.manifest.name.clone().into_owned())
    }

    fn worst(&self, count: usize) -> Result<Vec<Line>, String> {
        let line = |slot: usize| Line {
            id: SlotId { slot: slot as u32, generation: 1 },
            document: Document { size: slot as u64 + 1, uses: 2, mime: Mime::Text, ..Document::default() },
            policy: Arc::clone(&self.manifest),
            value: slot as f64 / 2.0,
            is_offered: false,
        };
        Ok((0..count.min(DOCUMENTS)).map(line).collect())
    }

    fn url(&self, id: SlotId) -> Option<String> {
        Some(format!("http://a.test/{}", id.slot))
    }

    fn prepare(&self, policy: Chosen<'_>) -> Result<Ready, String> {
        let prepared = match policy {
            Chosen::Spec(spec) => {
                let source = self.host.source(spec).map_err(|error| error.to_string())?;
                source.prepare(1 << 20, 128).map_err(|error| error.to_string())?.0
            }
            Chosen::Script(script) => {
                let built = script.build(&Settings::defaults(&[])).unwrap();
                Prepared::from_parts(built.manifest, built.replacement, 128).unwrap()
            }
        };
        Ok(Ready { prepared, prepare_us: 1 })
    }
}

fn live(tick_us: u64) -> Live {
    let host = Host::new(Metering::Fuel, None).unwrap();
    let manifest = Arc::new((cnn_policies::find("lru").unwrap().manifest)());
    Live::new(Arc::new(Pretended { host, manifest, now: AtomicU64::new(0), tick_us }))
}

fn run(text: &str) -> Result<Run, LiveError> {
    live(1).run(Path::new("/folder/mine.rhai"), text)
}

/// What a script gives: its value, or what it printed.
#[track_caller]
fn check(text: &str, expected: &str) {
    let run = run(text).unwrap_or_else(|error| panic!("{text}: {}", error.error));
    assert_eq!(run.value.unwrap_or(run.output), expected, "{text}");
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    let said = run(text).map(|_| "ran").map_err(|error| error.error.to_string());
    assert!(said.clone().is_err_and(|said| said.contains(expected)), "{text}: {said:?}");
}

/// The policy a script switches to, with how much it re-evaluates.
#[track_caller]
fn planned(text: &str) -> (String, Kind, Reevaluate, usize) {
    let run = run(text).unwrap_or_else(|error| panic!("{text}: {}", error.error));
    let switch = run.plan.switch.expect("a switch");
    let kind = switch.ready.prepared.manifest().kind;
    (switch.policy, kind, switch.reevaluate, run.plan.update.len())
}

fn shipped(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/live");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn the_figure_of_the_paper_runs_as_it_is_printed() {
    let planned = planned(&shipped("figure-2.rhai"));
    assert_eq!(planned, ("filter-policy".to_owned(), Kind::Key, Reevaluate::Count(20), 0));
}

#[test]
fn the_switch_can_be_a_function_of_the_script() {
    let planned = planned(&shipped("switch-to.rhai"));
    assert_eq!(planned, ("filter-policy".to_owned(), Kind::Key, Reevaluate::Count(0), 20));
}

#[test]
fn a_script_sees_the_cache_and_its_documents() {
    check("repository.size() + repository.bytes() + repository.capacity()", "1053676");
    check("repository.policy()", "lru");
    check("stats.hit_ratio * stats.requests + stats.hits + stats.evictions", "207.0");
    check("stats.byte_hit_ratio * stats.sent_bytes - stats.hit_bytes", "0.0");
    check("repository.worst(7).len()", "7");
    check("repository.worst(2.9).len()", "2");
    check("repository.worst(1000).len()", "100");
    check(
        "let doc = repository.worst(50)[49]; doc.url + \" \" + doc.value + \" \" + doc.mime",
        "http://a.test/49 24.5 text",
    );
    check("gdsf_cost(repository.worst(4)[3])", "0.5");
    check("for doc in repository.worst(2) { print(doc.size); } print(\"over\")", "1.0\n2.0\nover\n");
    check("fn seen() { repository.size() } seen()", "100");
}

#[test]
fn a_policy_is_a_function_or_a_name() {
    let check = |text: &str, name: &str, kind, reevaluate| {
        assert_eq!(planned(text), (name.to_owned(), kind, reevaluate, 0), "{text}");
    };
    let fifth = Reevaluate::Percent(20.0);
    check("switch_to(\"gdsf\")", "gdsf", Kind::Key, fifth);
    check("switch_to(\"s3-fifo(small=0.2)\", \"all\")", "s3-fifo(small=0.2)", Kind::Hooks, Reevaluate::All);
    check("switch_to(\"lru\", \"5%\")", "lru", Kind::Hooks, Reevaluate::Percent(5.0));
    check("switch_to(Fn(\"f\"), 3); fn f(doc) { doc.size }", "f", Kind::Key, Reevaluate::Count(3));
    check(
        "switch_to(f, 7.5); fn f(d, clock) { clock.aging + half(d) } fn half(d) { d.size / 2 }",
        "f",
        Kind::Key,
        Reevaluate::Count(7),
    );
    check("switch_to(|doc| -doc.idle, 0)", "script", Kind::Score, Reevaluate::Count(0));
    // What the rest of the script reads does not make its policy drift.
    check(
        "fn f(doc) { doc.uses } fn g() { repository.worst(1)[0].idle } g(); switch_to(f, 1)",
        "f",
        Kind::Key,
        Reevaluate::Count(1),
    );
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/guests/wasm/wat-gds.wasm");
    check(&format!("switch_to(\"{guest}\", 1)"), "gds-by-hand", Kind::Key, Reevaluate::Count(1));
}

#[test]
fn a_file_is_looked_for_beside_the_script() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.rhai"), "doc.uses").unwrap();
    let run = live(1).run(&folder.path().join("live.rhai"), "switch_to(\"./mine.rhai\", 1)").unwrap();
    assert_eq!(run.plan.switch.unwrap().policy, "mine");
    let error = live(1).run(Path::new("live.rhai"), "switch_to(\"./mine.rhai\", 1)").map(drop).unwrap_err();
    assert!(
        error.error.to_string().contains("live.rhai:1:1: ./mine.rhai: expected the whole path"),
        "{}",
        error.error
    );
}

#[test]
fn what_is_to_be_done_is_known_only_at_the_end() {
    check("switch_to(\"gdsf\", 1); repository.policy()", "gdsf");
    check_error("switch_to(\"gdsf\", 1); switch_to(\"lru\", 1)", "switches to gdsf already");
    let run = run("print(1); switch_to(\"gdsf\", 1); print(2); 1 / 0; print(3)").map(drop).unwrap_err();
    assert_eq!(run.output, "1\n2\n");
    assert_eq!(run.error.place(), Some((1, 45)));
    // The next run of the same engine begins anew.
    let live = live(1);
    assert!(live.run(Path::new("a"), "switch_to(\"gdsf\", 1); throw 1").is_err());
    let run = live.run(Path::new("a"), "switch_to(\"lru\", 1); 7").unwrap();
    assert_eq!((run.plan.switch.unwrap().policy.as_str(), run.value.as_deref()), ("lru", Some("7")));
}

#[test]
fn an_error_shows_the_line_wherever_it_is() {
    check_error("let a = 1;\nlet b = a +* 2;", "mine.rhai:2:12: ");
    check_error("repository.sise()", "mine.rhai:1:12: ");
    check_error("switch_to(filter, 1)", "mine.rhai:1:11: Undefined variable: filter");
    check_error("switch_to(\"gdfs\", 1)", "no policy is called \"gdfs\"");
    check_error("switch_to(7, 1)", "switch_to takes a function or the name of a policy, not a i64");
    check_error("switch_to(\"gdsf\", -1)", "takes a number of documents, not -1");
    check_error("switch_to(\"gdsf\", \"most\")", "expected a number, a percentage");
    check_error("repository.worst(\"x\")", "worst takes a number of documents, not x");
    check_error("repository.update(7)", "mine.rhai:1:12: ");
    check_error("fn f(a, b, c) { 1 } switch_to(f, 1)", "f takes 3 values");
    // Of a policy it is the place inside the function.
    check_error("fn f(doc) {\n  doc.sise\n}\nswitch_to(f, 1)", "mine.rhai:2:7: no field \"sise\"");
    check_error("fn f(doc) {\n  \"large\"\n}\nswitch_to(f, 1)", "gives a string, expected a number");
    check_error(
        "fn f(doc) {\n  repository.size()\n}\nswitch_to(f, 1)",
        "mine.rhai:2:3: Variable not found: repository",
    );
    check_error(
        "fn f(doc) { score(doc) } fn score(d) { 1 } switch_to(f, 1)",
        "calls a function called score",
    );
    check_error("let a = 2; switch_to(|doc| doc.size * a, 1)", "no variables from around it");
}

#[test]
fn nothing_a_script_does_is_without_a_bound() {
    check_error("loop {}", "perations");
    check_error("repository.worst(1000000000)", "at most 10000 documents at once");
    check_error("fn f(x) { f(x) } f(1)", "mine.rhai");
    check_error("let a = repository.worst(100); loop { a += a; }", "mine.rhai");
    check_error("let s = \"x\"; loop { s += s; }", "mine.rhai");
    check_error("eval(\"1\")", "mine.rhai:1:");
    check_error("import \"x\" as x;", "mine.rhai:1:");
    let slow = live(1_000_000).run(Path::new("slow.rhai"), "loop {}").map(drop).unwrap_err();
    assert!(slow.error.to_string().contains("takes more than 2 s"), "{}", slow.error);
    let run = run(
        "for i in 0..1000 { print(\"0123456789\" + \"0123456789012345678901234567890123456789012345678901234567890123456789\"); }",
    );
    assert_eq!(run.unwrap().output.len() / 81, LIVE_OUTPUT_BYTES_MAX / 81);
    let long = self::run("let s = \"\u{e4}\"; for i in 0..15 { s += s; } s").unwrap().value.unwrap();
    assert_eq!(long.len(), LIVE_VALUE_BYTES_MAX + 3);
}
