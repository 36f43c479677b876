//! Scripts on a running cache: C/NN's Figure 2 as a file, a switch that a script does by hand, and what becomes of the
//! cache when a script fails, loops, wants everything or meets others. The scripts are those of `scripts/live`.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cnn_support::{After, Answer, Cnn, Launch, Origin, Request, cnn_exe, eventually};
use serde_json::Value;

const DOCUMENTS: usize = 100;

/// `/text/N` and `/image/N`, of a size that grows with N.
fn answer(request: &Request, answer: &mut Answer<'_>) -> io::Result<After> {
    let mut parts = request.target.split('/').skip(1);
    let fields: &[&str] = match parts.next() {
        Some("text") => &["Cache-Control: max-age=600", "Content-Type: text/plain"],
        _ => &["Cache-Control: max-age=600", "Content-Type: image/png"],
    };
    let number: usize = parts.next().and_then(|number| number.parse().ok()).unwrap_or(1);
    answer.whole(200, fields, &vec![b'x'; 100 * number])
}

/// A proxy under LRU that holds a hundred documents, every other a text.
fn filled() -> (Cnn, Origin) {
    let origin = Origin::start(answer);
    let cnn = Launch::new(cnn_exe!()).flag("--policy", "lru").start();
    assert_eq!(hits(&cnn, &origin), 0);
    (cnn, origin)
}

/// Asks for every document once; how many were in the cache.
fn hits(cnn: &Cnn, origin: &Origin) -> usize {
    let is_hit = |number: &usize| {
        let kind = if number.is_multiple_of(2) { "text" } else { "image" };
        let reply = cnn.get(&origin.url(&format!("/{kind}/{number}")), &[]);
        assert_eq!(reply.status, 200);
        reply.field("x-cache").is_some_and(|from| from.starts_with("HIT"))
    };
    (1..=DOCUMENTS).filter(is_hit).count()
}

fn shipped(name: &str) -> String {
    format!("{}/scripts/live/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Writes a script beside the proxy's own files.
fn written(cnn: &Cnn, name: &str, text: &str) -> PathBuf {
    let path = cnn.folder().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Runs a script: exit code, standard output, standard error.
fn run(cnn: &Cnn, path: &Path) -> (i32, String, String) {
    let output = cnn.verb(&["script", "run", &path.display().to_string()]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn last_switch(cnn: &Cnn) -> (usize, Value) {
    let history = cnn.json(&["policy", "history"]);
    let switches = history["switches"].as_array().unwrap();
    (switches.len(), switches.last().unwrap().clone())
}

/// The filter policy decides, holds every document, and orders them as it says.
fn check_filter_decides(cnn: &Cnn, origin: &Origin) {
    assert_eq!(hits(cnn, origin), DOCUMENTS);
    let shown = cnn.json(&["policy", "show", "filter-policy"]);
    assert_eq!((&shown["role"], &shown["kind"]), (&Value::from("deciding"), &Value::from("key")));
    eventually("every document is carried over", || cnn.status("pending") == 0.0);
    let worst = cnn.json(&["policy", "worst", "1000"]);
    let documents = worst["documents"].as_array().unwrap();
    assert_eq!(documents.len(), DOCUMENTS);
    for document in documents {
        let (url, value) = (document["url"].as_str().unwrap(), document["value"].as_f64().unwrap());
        let bytes = document["bytes"].as_f64().unwrap();
        assert_eq!(document["ordered_by"], "filter-policy", "{document}");
        // Of a document used since it was re-evaluated the clock may have advanced; nothing was evicted here.
        let expected = if url.contains("/text/") { -bytes } else { 1.0 / bytes };
        // What was printed in decimal is not read back to the last bit.
        assert!((value / expected - 1.0).abs() < 1e-12, "{document}");
    }
    // But for the few that were put forward before all were known, in the order of their values.
    let values: Vec<_> = documents.iter().map(|document| document["value"].as_f64().unwrap()).collect();
    let offered = values.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(offered <= 4, "{values:?}");
}

#[test]
fn the_figure_of_the_paper_changes_the_policy_of_a_running_cache() {
    let (cnn, origin) = filled();
    let run = cnn.json(&["script", "run", &shipped("figure-2.rhai")]);
    let switched = &run["switched"];
    assert_eq!(run["policy"], "filter-policy");
    assert_eq!(switched["previous_policy"], "lru");
    assert_eq!((&switched["carried"], &switched["reevaluated"]), (&Value::from(100), &Value::from(20)));
    check_filter_decides(&cnn, &origin);
    let (count, switch) = last_switch(&cnn);
    assert_eq!((count, &switch["policy"], &switch["cause"]), (2, &"filter-policy".into(), &"use".into()));
    let digest = run["digest"].as_str().unwrap();
    let by = switch["by"].as_str().unwrap();
    assert!(by.ends_with(&format!("script figure-2.rhai {}", &digest[..12])), "{by}");
    let line = cnn.await_error_line(|line| line.contains("script run"));
    assert!(
        line.contains(&format!("digest={digest}")) && line.contains("switched to filter-policy"),
        "{line}"
    );
    // The way back is one word, as after any switch.
    assert_eq!(cnn.json(&["policy", "rollback"])["policy"], "lru");
    assert_eq!(hits(&cnn, &origin), DOCUMENTS);
}

#[test]
fn a_script_may_do_the_switch_by_hand() {
    let (cnn, origin) = filled();
    let run = cnn.json(&["script", "run", &shipped("switch-to.rhai")]);
    let (switched, updated) = (&run["switched"], &run["updated"]);
    assert_eq!((&run["update"], &run["reevaluate"]), (&Value::from(20), &Value::from(0)));
    assert_eq!((&updated["carried"], &updated["passed_over"]), (&Value::from(20), &Value::from(0)));
    assert_eq!((&switched["carried"], &switched["reevaluated"]), (&Value::from(100), &Value::from(20)));
    check_filter_decides(&cnn, &origin);
}

#[test]
fn a_script_that_fails_has_changed_nothing() {
    let (cnn, origin) = filled();
    let check = |text: &str, expected: &str| {
        let path = written(&cnn, "bad.rhai", text);
        let (code, said, error) = run(&cnn, &path);
        assert_eq!((code, said.as_str()), (2, "before\n"), "{text}: {error}");
        assert!(
            error.starts_with("cnn: ") && error.contains("bad.rhai:") && error.contains(expected),
            "{error}"
        );
        assert_eq!(last_switch(&cnn).0, 1);
        assert_eq!(last_switch(&cnn).1["policy"], "lru");
    };
    let before = "print(\"before\");\nswitch_to(\"gdsf\", 10);\n";
    check(&format!("{before}repository.worst(1000000000)"), ":3:12: worst(1000000000): at most");
    check(&format!("{before}loop {{}}"), "perations");
    check(&format!("{before}fn f(n) {{ f(n + 1) }} f(1)"), "tack overflow");
    check(&format!("{before}throw \"not today\""), ":3:1: not today\n");
    check(&format!("{before}switch_to(\"lru\", 1)"), ":3:1: switches to gdsf already");
    check("print(\"before\");\nswitch_to(\"./no-such.rhai\", 1)", ":2:1: ");
    check("print(\"before\"); fn f(doc) {\n  1 / 0\n}\nswitch_to(f, 1)", ":2:5: Division by zero");
    check("print(\"before\"); let doc = repository.worst(2)[0]; doc.size = 7", "bad.rhai:1:");
    assert_eq!(hits(&cnn, &origin), DOCUMENTS);
}

#[test]
fn a_script_that_only_looks_changes_nothing() {
    let (cnn, origin) = filled();
    let text = "for doc in repository.worst(2) { print(doc.url); }\nrepository.policy()";
    let (code, said, _) = run(&cnn, &written(&cnn, "look.rhai", text));
    let (first, second) = (origin.url("/image/1"), origin.url("/text/2"));
    assert_eq!((code, said), (0, format!("{first}\n{second}\nlru\n")));
    let output = cnn.verb(&["script", "run", "--text", "stats.requests + repository.size()"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "200\n");
    let output = cnn.verb(&["script", "run", &shipped("figure-2.rhai"), "--dry-run"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "would switch to  filter-policy\nre-evaluating    20 documents\n"
    );
    assert_eq!(last_switch(&cnn).0, 1);
}

#[test]
fn documents_can_be_valued_anew_without_a_switch() {
    let (cnn, origin) = filled();
    assert_eq!(cnn.json(&["policy", "use", "gdsf", "--reevaluate", "all"])["pending"], 0);
    // A file beside the script is found from there, and the whole of it decides.
    let path = written(&cnn, "update.rhai", "for doc in repository.worst(100) { repository.update(doc); }");
    let updated = &cnn.json(&["script", "run", &path.display().to_string()])["updated"];
    let count = |name: &str| updated[name].as_u64().unwrap();
    assert_eq!(count("revalued") + count("passed_over"), 100, "{updated}");
    // Only those put forward already are passed over.
    assert!(count("passed_over") <= 8 && count("carried") == 0, "{updated}");
    written(&cnn, "by-uses.rhai", "doc.uses");
    let path = written(&cnn, "file.rhai", "switch_to(\"./by-uses.rhai\", \"all\")");
    assert_eq!(cnn.json(&["script", "run", &path.display().to_string()])["switched"]["policy"], "by-uses");
    assert_eq!(last_switch(&cnn).0, 3);
    assert_eq!(hits(&cnn, &origin), DOCUMENTS);
}

#[test]
fn scripts_and_switches_meet_under_load_and_no_request_fails() {
    let origin = Origin::start(answer);
    // Room for about half of the documents: every round evicts.
    let cnn = Launch::new(cnn_exe!()).flag("--policy", "lru").flag("--memory", "1MiB").start();
    let slow =
        written(&cnn, "slow.rhai", "let n = 0; for i in 0..200000 { n += i; } switch_to(\"gdsf\", \"all\")");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut rounds = 0;
            while !is_over.load(Ordering::Acquire) {
                for number in (1..=400).step_by(3) {
                    let reply = cnn.get(&origin.url(&format!("/text/{}", number % 200 + 1)), &[]);
                    assert_eq!(reply.status, 200);
                }
                rounds += 1;
            }
            rounds
        });
        let scripts = ["figure-2.rhai", "switch-to.rhai"].map(|name| {
            let (cnn, path) = (&cnn, PathBuf::from(shipped(name)));
            scope.spawn(move || (0..6).map(|_| run(cnn, &path)).collect::<Vec<_>>())
        });
        let others = scope.spawn(|| {
            for policy in ["s3-fifo", "lfu-da", "sieve"] {
                let _ = cnn.verb(&["policy", "use", policy]);
                run(&cnn, &slow);
            }
        });
        for (code, _, error) in scripts.into_iter().flat_map(|script| script.join().unwrap()) {
            // One at a time: another is told to come again.
            assert!(
                code == 0 || code == 75 && error.contains("another script is running"),
                "{code}: {error}"
            );
        }
        others.join().unwrap();
        is_over.store(true, Ordering::Release);
        assert!(load.join().unwrap() > 0);
    });
    let policy = cnn.json(&["status"])["policy"].clone();
    assert_eq!(last_switch(&cnn).1["policy"], policy);
    assert_eq!(cnn.status("faults"), 0.0);
}
