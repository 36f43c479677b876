//! `cnn trace` as a process: what it prints, how it ends, and that it minds neither bad files nor a reader that goes away.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn cnn(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cnn")).arg("trace").args(arguments).output().unwrap()
}

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces/data").join(name).to_str().unwrap().to_owned()
}

/// The name of a file in a folder that lasts as long as the test.
fn file(folder: &tempfile::TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

fn check_failure(arguments: &[&str], expected: &str) {
    let output = cnn(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert!(error.starts_with("cnn: ") && error.contains(expected), "{arguments:?}: {error}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
}

#[test]
fn info_is_a_page_for_people_and_an_object_for_scripts() {
    let log = sample("squid-sample-access.log");
    let page = String::from_utf8(cnn(&["info", &log]).stdout).unwrap();
    for line in ["requests            50", "TCP_MISS/200", "http://www.sample.test:9131", "denied"] {
        assert!(page.contains(line), "{line}:\n{page}");
    }
    let object: serde_json::Value = serde_json::from_slice(&cnn(&["info", "--json", &log]).stdout).unwrap();
    assert_eq!((&object["requests"], &object["documents"]), (&50.into(), &28.into()));
    assert_eq!(object["files"][0]["format"], "squid");
}

#[test]
fn what_is_converted_there_and_back_is_the_same_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (_, json) = file(&folder, "a.json.gz");
    let (first, from_log) = file(&folder, "a.csv");
    let (second, from_json) = file(&folder, "b.csv");
    let log = sample("made-up-mixed.access.log");
    for arguments in [
        ["convert", &log, &json, "--to", "json"],
        ["convert", &log, &from_log, "--to", "csv"],
        ["convert", &json, &from_json, "--to", "csv"],
    ] {
        let output = cnn(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(fs::read_to_string(first).unwrap(), fs::read_to_string(second).unwrap());
}

#[test]
fn what_cannot_be_read_ends_with_2_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (cut, cut_name) = file(&folder, "cut.tr.gz");
    let whole = fs::read(sample("made-up.tr.gz")).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    check_failure(&["info", &cut_name], "cut.tr.gz is truncated: its gzip data end in the middle");
    check_failure(&["info", "no-such.log"], "cannot open no-such.log: ");
    check_failure(&["info", &sample("README.md")], "cannot tell the format of ");
    check_failure(
        &["info", &sample("made-up.csv"), "--format", "lirs"],
        "lines damaged\n  line 1: not a number",
    );
    check_failure(
        &["info", &sample("made-up-mixed.access.log"), "--strict"],
        "line 12: no result code and status",
    );
    check_failure(
        &["info", &sample("made-up.csv"), "--format", "lsir"],
        "no trace format `lsir`; known: squid, ",
    );
    check_failure(&["info", &sample("made-up.csv"), "--logformat", "%ts"], "no field for the URL: %ru");
    check_failure(&["generate", "-", "--one-hit", "2"], "one-hit: 2 is no share from 0 to 1");
}

#[test]
fn what_is_interrupted_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (_, name) = file(&folder, "big.csv");
    let mut process = Command::new(env!("CARGO_BIN_EXE_cnn"))
        .args(["trace", "generate", &name, "--requests", "4000000000"])
        .spawn()
        .unwrap();
    let files = || fs::read_dir(folder.path()).unwrap().count();
    while files() == 0 && process.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let killed = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(process.wait().unwrap().signal(), Some(2));
    assert_eq!(files(), 0);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_cnn"))
        .args(["trace", "generate", "-", "--requests", "10000000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "time,obj,size\n");
    let output = process.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}
