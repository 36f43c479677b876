//! `cnn replay` as scripts use it: the columns and spellings they rely on, the same bytes whatever the threads, and a word
//! on what is wrong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs `cnn replay` with these words.
fn replay(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cnn")).arg("replay").args(words).output().expect("the executable starts")
}

/// The same, which must go well.
#[track_caller]
fn replayed(words: &[&str]) -> String {
    let output = replay(words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// A trace of requests for documents of a power law, written as CSV.
fn trace(folder: &Path) -> PathBuf {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut text = String::from("time,object,size\n");
    for time in 0..20_000 {
        let object = (1000.0 * rng.f64().powi(3)) as u64;
        text.push_str(&format!("{time},{object},{}\n", 100 + object * 7919 % 9000));
    }
    let path = folder.join("made-up.csv");
    fs::write(&path, text).expect("a temporary folder can be written to");
    path
}

#[test]
fn a_grid_is_written_as_the_csv_that_scripts_know() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (trace, csv) = (trace(folder.path()), folder.path().join("out.csv"));
    let (trace, file) = (trace.to_str().expect("text"), csv.to_str().expect("text"));
    let common = [trace, "--format", "csv", "--policy", "lru,s3-fifo(small=0.2)", "--size", "1%,10%,64KiB"];
    replayed(&[&common[..], &["--csv", file]].concat());
    let text = fs::read_to_string(&csv).expect("it was written");
    let mut lines = text.lines();
    let columns = "trace,policy,size,unit,requests,hits,miss_ratio,byte_miss_ratio,evictions,seconds";
    assert!(lines.next().expect("a head").starts_with(columns), "{text}");
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 6, "a row for each policy and size: {text}");
    for row in &rows {
        assert_eq!((row[0], row[3], row[4]), ("made-up", "bytes", "20000"), "{text}");
        let misses = 1.0 - row[5].parse::<f64>().expect("hits") / 20_000.0;
        assert_eq!(row[6], format!("{misses:.6}"));
        assert_eq!(row[9], "19999.000000", "the time the trace spans");
    }
    assert_eq!(rows[2][2], "65536");
    assert_eq!((rows[0][1], rows[3][1]), ("lru", "s3-fifo(small=0.2)"));
}

#[test]
fn one_and_several_threads_write_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = trace(folder.path());
    let trace = trace.to_str().expect("text");
    let written = |threads: &str, run: &str| {
        let csv = folder.path().join(run);
        let words = ["--threads", threads, "--csv", csv.to_str().expect("text")];
        let table = replayed(&[&[trace, "--bounds", "--unit", "documents"][..], &words].concat());
        (table, fs::read(csv).expect("it was written"))
    };
    let first = written("1", "a");
    assert!(first.1.len() > 1000);
    assert_eq!(first, written("1", "b"));
    assert_eq!(first, written("2", "c"));
    assert_eq!(first, written("7", "d"));
}

#[test]
fn switches_sweeps_and_curves_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = trace(folder.path());
    let trace = trace.to_str().expect("text");
    let switch = ["--policy", "lru", "--size", "5%", "--switch", "50%:gdsf:20%"];
    let csv = folder.path().join("sweep.csv");
    let sweep = replayed(&[&[trace, "--sweep", "--csv", csv.to_str().expect("text")][..], &switch].concat());
    let rows = fs::read_to_string(&csv).expect("it was written");
    assert_eq!(rows.lines().count(), 10, "a head, stayed, always and seven ways: {rows}");
    for word in ["(stayed with lru)", "(always gdsf)", "0 ", "5% ", "10% ", "20% ", "50% ", "all ", "flush "]
    {
        assert!(sweep.lines().any(|line| line.starts_with(word)), "{word} in {sweep}");
    }
    let plain = replayed(&[&[trace][..], &switch].concat());
    assert!(plain.contains("lru"), "{plain}");
    let curve = replayed(&[trace, "--curve", "--policy", "lru,gdsf", "--unit", "documents"]);
    assert!(curve.lines().count() > 15, "{curve}");
    let sampled = replayed(&[trace, "--curve", "--sample", "20%", "--policy", "lru"]);
    assert!(sampled.contains("standard error"), "{sampled}");
    let sampled = replayed(&[trace, "--curve", "--sample", "20%", "--policy", "lru", "--csv", "-"]);
    let known = "trace,policy,size,unit,requests,hits,miss_ratio,byte_miss_ratio,evictions,seconds,";
    assert!(sampled.starts_with(known) && sampled.contains("\nmade-up,lru,"), "{sampled}");
}

/// What is wrong is named, on one line, and the exit code says so.
#[track_caller]
fn check_refused(words: &[&str], expected: &str) {
    let output = replay(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(expected), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn what_was_there_stays_when_nothing_can_be_replayed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kept = folder.path().join("kept.csv");
    let name = kept.to_str().expect("text");
    fs::write(&kept, "time,object,size\n").expect("a temporary folder can be written to");
    check_refused(&["/no/such.log", "--csv", name], "cannot open /no/such.log");
    check_refused(&[name, "--csv", name], "is to be read and to be written");
    check_refused(&["x", "--csv", "-", "--json", "-"], "standard output is to be written twice");
    check_refused(&[name], "there is no request to replay");
    assert_eq!(fs::read_to_string(&kept).expect("it is there"), "time,object,size\n");
}

#[test]
fn rows_of_one_policy_are_told_apart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = trace(folder.path());
    let copy = folder.path().join("made-up.csv.txt");
    fs::copy(&trace, &copy).expect("a temporary folder can be written to");
    let (trace, copy) = (trace.to_str().expect("text"), copy.to_str().expect("text"));
    let words = [trace, "--format", "csv", "--policy", "lru,lru", "--size", "1%,1%", "--csv", "-"];
    let more = [copy, "--switch", "50%:gdsf:flush", "--admission", "second-hit"];
    let csv = replayed(&[&words[..], &more].concat());
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{csv}");
    assert!(rows[0].starts_with("made-up,lru,") && rows[1].starts_with("made-up (2),lru,"), "{csv}");
    assert!(rows.iter().all(|row| row.ends_with(",10000:gdsf:flush,second-hit,0")), "{csv}");
    let beyond = [trace, "--format", "csv", "--switch", "20000:gdsf"];
    check_refused(&beyond, "after the last of the 20000 requests");
    check_refused(&[trace, "--policy", "infinite", "--switch", "50%:gdsf"], "no policy to switch from");
    check_refused(&[trace, "--admission", "nosuch"], "known: size-threshold, second-hit");
    check_refused(&[trace, "--policy", "nosuch"], "infinite, belady, pfoo-l");
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let trace = trace(folder.path());
    let trace = trace.to_str().expect("text");
    check_refused(&[trace, "--policy", "lur"], "lur");
    check_refused(&[trace, "--size", "ten"], "expected a number of bytes or documents like 64MiB");
    check_refused(&[trace, "--unit", "pages"], "expected bytes or documents");
    check_refused(&[trace, "--switch", "noon:lru"], "expected a request number, a share like 50% or a time");
    check_refused(&[trace, "--format", "papyrus"], "papyrus");
    check_refused(&["/no/such/trace"], "/no/such/trace");
}
