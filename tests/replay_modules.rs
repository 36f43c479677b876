//! Modules and scripts in `cnn replay`: rows like any other, the same bytes whatever the threads, switched to like any
//! other, and never passed off as deciding when they do not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const GUEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/guests/wasm/s3-fifo.wasm");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/replacement/hyperbolic.rhai");

fn replay(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cnn")).arg("replay").args(words).output().expect("the executable starts")
}

/// The CSV of a replay that must go well, with what it said besides.
#[track_caller]
fn replayed(words: &[&str]) -> (Vec<Vec<String>>, String) {
    let output = replay(&[words, &["--csv", "-"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).expect("text");
    // No name here has a comma.
    (text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect(), said)
}

/// A trace of requests for documents of a power law, written as CSV.
fn trace(folder: &Path) -> String {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut text = String::from("time,object,size\n");
    for time in 0..20_000 {
        let object = (1000.0 * rng.f64().powi(3)) as u64;
        text.push_str(&format!("{time},{object},{}\n", 100 + object * 7919 % 9000));
    }
    write(folder, "made-up.csv", &text)
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    fs::write(&path, text).expect("a temporary folder can be written to");
    path.to_str().expect("text").to_owned()
}

#[test]
fn a_module_is_a_row_like_any_other_and_its_twin_built_in_has_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = trace(folder.path());
    let policies = format!("lru,{SCRIPT},{GUEST}(small=0.2),s3-fifo(small=0.2)");
    let words = [&trace, "--policy", &policies, "--size", "1%,10%"];
    let run = |threads: &str| replayed(&[&words[..], &["--threads", threads]].concat());
    let (rows, said) = run("1");
    assert_eq!((rows.len(), said.as_str()), (8, ""));
    assert_eq!(rows[4][1], format!("{GUEST}(small=0.2)"));
    assert_eq!((&rows[4][2..], &rows[5][2..]), (&rows[6][2..], &rows[7][2..]), "guest and twin");
    assert!(rows.iter().all(|row| row.last().is_some_and(|faults| faults == "0")), "{rows:?}");
    for threads in ["1", "2", "7"] {
        assert_eq!(run(threads).0, rows, "{threads} threads");
    }
}

#[test]
fn a_switch_goes_to_a_module_and_from_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = trace(folder.path());
    let switched = |from: &str, to: &str| {
        let switch = format!("50%:{to}:20%");
        replayed(&[&trace, "--policy", from, "--size", "5%", "--switch", &switch]).0.remove(0)
    };
    let hits = |row: &[String]| row[4..10].to_vec();
    assert_eq!(hits(&switched("lru", GUEST)), hits(&switched("lru", "s3-fifo")));
    assert_eq!(hits(&switched(GUEST, SCRIPT)), hits(&switched("s3-fifo", SCRIPT)));
    let sweep = replayed(&[
        &trace,
        "--policy",
        "lru",
        "--size",
        "5%",
        "--sweep",
        "--switch",
        &format!("50%:{GUEST}"),
    ]);
    assert_eq!(sweep.0.len(), 9, "stayed, always and seven ways: {sweep:?}");
}

#[test]
fn a_script_that_fails_is_not_passed_off_as_deciding() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = trace(folder.path());
    let tired = "let key = doc.uses / doc.size;\nif doc.uses == 4 {\n    throw \"tired\";\n}\nkey\n";
    let script = write(folder.path(), "tired.rhai", tired);
    let page = folder.path().join("page.html");
    let page_name = page.to_str().expect("text");
    let (rows, said) =
        replayed(&[&trace, "--policy", &format!("lru,{script}"), "--size", "5%", "--html", page_name]);
    let faults: Vec<&String> = rows.iter().filter_map(|row| row.last()).collect();
    assert!(faults[0] == "0" && faults[1] != "0", "{faults:?}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for word in ["tired.rhai did not decide alone", "failed", "line 3: ", "tired", "not called any more"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    let page = fs::read_to_string(page).expect("it was written");
    assert!(page.contains("class=\"warning\"") && page.contains("did not decide alone"));
    let (_, sampled) = replayed(&[&trace, "--policy", &script, "--curve", "--sample", "50%", "--size", "5%"]);
    assert!(sampled.contains("did not decide alone"), "{sampled}");
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = trace(folder.path());
    let check = |words: &[&str], expected: &str| {
        let output = replay(&[&[trace.as_str()], words].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected) && output.stdout.is_empty(), "{expected}: {said}");
    };
    let script = write(folder.path(), "wrong.rhai", "let a = 1;\na +\n");
    let module = write(folder.path(), "wrong.wasm", "hello");
    check(&["--policy", &format!("lru,{script}")], "wrong.rhai:3:");
    check(&["--policy", &module], "wrong.wasm: not a WebAssembly module");
    check(&["--policy", &format!("{GUEST}(smal=0.2)")], "has no parameter \"smal\", only small");
    check(&["--policy", "./none.wasm"], "none.wasm: No such file");
    check(&["--policy", "lru", "--switch", &format!("50%:{script}:all")], "wrong.rhai:3:");
    check(&["--policy", "lur"], "known: lru, fifo");
    check(&["--policy", "lur"], "moka, infinite, belady, pfoo-l");
    check(&["--policy", "lru", "--switch", "50%:lur"], "no policy is called \"lur\"");
}
