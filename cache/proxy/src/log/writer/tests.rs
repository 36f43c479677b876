//! The log as its users see it: what is in the file, and what is said of what is not.

use std::fs;
use std::path::Path;

use super::*;
use crate::log::{Hierarchy, ResultCode};

const SQUID: LogSettings = LogSettings { format: LogFormat::Squid, strip_query_terms: false };

/// Longer than any of these tests takes; nothing is timed with it.
const LONG: Duration = Duration::from_secs(60);

fn record(url: &str) -> AccessRecord<'_> {
    AccessRecord {
        completed_ms: 1_000_000_000_123,
        elapsed_ms: 7,
        client: [192, 0, 2, 7].into(),
        outcome: ResultCode::MemHit.into(),
        status: 200,
        bytes: 1386,
        method: b"GET",
        url: url.as_bytes(),
        user: b"",
        hierarchy: Hierarchy::None,
        peer: None,
        content_type: b"text/html; charset=utf-8",
        version: Some((1, 1)),
        referer: b"",
        user_agent: b"say \"hi\"",
    }
}

fn start(target: &LogTarget, settings: LogSettings, workers: usize) -> (AccessLog, mpsc::Receiver<String>) {
    let (told, warnings) = mpsc::channel();
    let warn = move |warning: &str| drop(told.send(warning.to_owned()));
    (AccessLog::start(target, settings, workers, warn).unwrap(), warnings)
}

fn urls(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split_ascii_whitespace().nth(6).unwrap().to_owned()).collect()
}

#[test]
fn every_line_of_every_worker_is_in_the_file_in_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let (log, _) = start(&LogTarget::File(path.clone()), SQUID, 3);
    let workers: Vec<_> = (0..3).map(|worker| log.worker(worker)).collect();
    let threads: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(worker, log)| {
            thread::spawn(move || {
                (0..5000).for_each(|n| log.write(&record(&format!("http://{worker}.test/{n}"))))
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(log.close(LONG));
    let urls = urls(&path);
    for worker in 0..3 {
        let host = format!("http://{worker}.test/");
        let numbers: Vec<u32> =
            urls.iter().filter_map(|url| url.strip_prefix(&host)).map(|n| n.parse().unwrap()).collect();
        assert!(numbers.into_iter().eq(0..5000), "worker {worker}");
    }
}

#[test]
fn lines_appear_without_being_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let (log, _) = start(&LogTarget::File(path.clone()), SQUID, 1);
    log.worker(0).write(&record("http://origin.test/"));
    while fs::metadata(&path).unwrap().len() == 0 {
        thread::yield_now();
    }
    assert_eq!(urls(&path), ["http://origin.test/"]);
}

#[test]
fn a_rotated_log_goes_on_in_a_new_file() {
    let directory = tempfile::tempdir().unwrap();
    let (path, rotated) = (directory.path().join("access.log"), directory.path().join("access.log.1"));
    let target = LogTarget::File(path.clone());
    let (log, _) = start(&target, SQUID, 1);
    let worker = log.worker(0);
    worker.write(&record("http://origin.test/before"));
    fs::rename(&path, &rotated).unwrap();
    log.reopen(&target, LogSettings { strip_query_terms: true, ..SQUID }).unwrap();
    while fs::metadata(&rotated).unwrap().len() == 0 {
        thread::yield_now();
    }
    worker.write(&record("http://origin.test/after?query"));
    assert!(log.close(LONG));
    assert_eq!(urls(&rotated)[0], "http://origin.test/before");
    assert_eq!([urls(&rotated), urls(&path)].concat().last().unwrap(), "http://origin.test/after?");
}

#[test]
fn a_log_that_cannot_be_opened_leaves_the_old_one_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let (log, _) = start(&LogTarget::File(path.clone()), SQUID, 1);
    assert!(log.reopen(&LogTarget::File(directory.path().join("absent/access.log")), SQUID).is_err());
    log.worker(0).write(&record("http://origin.test/"));
    assert!(log.close(LONG));
    assert_eq!(urls(&path).len(), 1);
}

#[test]
fn without_a_log_nothing_is_written_until_one_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let (log, _) = start(&LogTarget::None, SQUID, 1);
    let worker = log.worker(0);
    assert!(!worker.is_on());
    worker.write(&record("http://origin.test/nowhere"));
    log.reopen(&LogTarget::File(path.clone()), SQUID).unwrap();
    assert!(worker.is_on());
    worker.write(&record("http://origin.test/somewhere"));
    assert!(log.close(LONG));
    assert_eq!(urls(&path), ["http://origin.test/somewhere"]);
}

#[test]
fn a_full_disk_loses_lines_and_says_so_once() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return eprintln!("skipped: there is no /dev/full here");
    }
    let (log, warnings) = start(&LogTarget::File(full.to_owned()), SQUID, 1);
    let worker = log.worker(0);
    (0..3).for_each(|_| worker.write(&record("http://origin.test/")));
    let warning = warnings.recv_timeout(LONG).unwrap();
    assert!(warning.starts_with("cannot write the access log /dev/full: "), "{warning}");
    while log.lost() < 3 {
        thread::yield_now();
    }
    assert_eq!(log.lost(), 3);
}

#[test]
fn a_disk_that_stands_still_costs_lines_and_no_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: mkfifo is not installed");
    }
    // Opened for both, a pipe can be written to before anybody reads, and its 64 KiB fill up.
    let mut reader = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let (log, warnings) = start(&LogTarget::File(path), SQUID, 1);
    let worker = log.worker(0);
    let url = format!("http://origin.test/{}", "x".repeat(8000));
    let mut sent = 0;
    while log.lost() == 0 {
        worker.write(&record(&url));
        sent += 1;
    }
    assert!(sent > 2000, "only {sent} lines of 8 KB fit into the buffers");
    let drained = thread::spawn(move || {
        let mut chunk = [0; 1 << 16];
        while io::Read::read(&mut reader, &mut chunk).is_ok_and(|count| count > 0) {}
    });
    let warning = warnings.recv_timeout(LONG).unwrap();
    assert!(
        warning.ends_with("lines of the access log were lost: it could not be written fast enough"),
        "{warning}"
    );
    // The reader holds the pipe open for itself and never sees its end; it goes with the test.
    drop(drained);
}

#[test]
fn each_format_says_the_same() {
    let line = |format| {
        let mut lines = Vec::new();
        LogSettings { format, strip_query_terms: true }.write(&mut lines, &record("http://origin.test/a?b"));
        String::from_utf8(lines).unwrap()
    };
    assert_eq!(
        line(LogFormat::Squid),
        "1000000000.123      7 192.0.2.7 TCP_MEM_HIT/200 1386 GET http://origin.test/a? - HIER_NONE/- text/html\n"
    );
    assert_eq!(
        line(LogFormat::Combined),
        "192.0.2.7 - - [09/Sep/2001:01:46:40 +0000] \"GET http://origin.test/a? HTTP/1.1\" 200 1386 \"-\" \
         \"say \\\"hi\\\"\" TCP_MEM_HIT:HIER_NONE\n"
    );
    let json: serde_json::Value = serde_json::from_str(&line(LogFormat::Json)).unwrap();
    let expected = serde_json::json!({
        "time": 1_000_000_000.123, "elapsed_ms": 7, "client": "192.0.2.7", "result": "TCP_MEM_HIT", "status": 200,
        "bytes": 1386, "method": "GET", "url": "http://origin.test/a?", "user": null, "hierarchy": "HIER_NONE",
        "peer": null, "content_type": "text/html", "protocol": "HTTP/1.1", "referer": null,
        "user_agent": "say \"hi\"",
    });
    assert_eq!(json, expected);
}

#[test]
fn a_line_stays_a_line_whatever_is_in_it() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..2000 {
        let bytes: Vec<u8> = (0..random.usize(0..60)).map(|_| random.u8(..)).collect();
        let record = AccessRecord {
            method: &bytes,
            url: &bytes,
            user: &bytes,
            content_type: &bytes,
            referer: &bytes,
            user_agent: &bytes,
            ..record("")
        };
        for format in [LogFormat::Squid, LogFormat::Combined, LogFormat::Json] {
            let mut lines = Vec::new();
            LogSettings { format, strip_query_terms: false }.write(&mut lines, &record);
            assert_eq!(lines.iter().position(|&byte| byte == b'\n'), Some(lines.len() - 1));
            match format {
                LogFormat::Squid => {
                    let fields =
                        lines.split(|byte| byte.is_ascii_whitespace()).filter(|field| !field.is_empty());
                    assert_eq!(fields.count(), 10, "{}", String::from_utf8_lossy(&lines));
                }
                LogFormat::Combined => {}
                LogFormat::Json => drop(serde_json::from_slice::<serde_json::Value>(&lines).unwrap()),
            }
        }
    }
}

#[test]
fn settings_fit_a_byte() {
    for format in [LogFormat::Squid, LogFormat::Combined, LogFormat::Json] {
        for strip_query_terms in [false, true] {
            let settings = LogSettings { format, strip_query_terms };
            assert_eq!(LogSettings::from_byte(settings.to_byte()), settings);
        }
    }
}
