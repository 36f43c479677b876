//! The native format against lines made up here, against a log that a real Squid wrote (where it is at hand), and against
//! calamaris, a reader of Squid's logs (where it is installed).

use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;
use crate::log::{Ending, Hierarchy, Outcome, ResultCode};

/// The values of a line, read the way a reader of Squid's logs reads them.
fn parse(line: &str) -> Option<Vec<u8>> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [time, elapsed, client, code_status, bytes, method, url, user, hierarchy_peer, mime] = fields[..]
    else {
        return None;
    };
    let (seconds, millis) = time.split_once('.')?;
    let (code, status) = code_status.split_once('/')?;
    let (hierarchy, peer) = hierarchy_peer.split_once('/')?;
    let known = |field: &'static str| {
        move |value: &str| -> Vec<u8> {
            debug_assert!(!value.is_empty(), "{field}");
            if value == "-" { Vec::new() } else { value.as_bytes().to_vec() }
        }
    };
    let (method, url, user, mime) =
        (known("method")(method), known("url")(url), known("user")(user), known("mime")(mime));
    let record = AccessRecord {
        completed_ms: seconds.parse::<u64>().ok()? * 1000 + millis.parse::<u64>().ok()?,
        elapsed_ms: elapsed.parse().ok()?,
        client: client.parse().ok()?,
        outcome: outcome(code)?,
        status: status.parse().ok()?,
        bytes: bytes.parse().ok()?,
        method: &method,
        url: &url,
        user: &user,
        hierarchy: *Hierarchy::ALL.iter().find(|known| known.as_str() == hierarchy)?,
        peer: if peer == "-" { None } else { Some(peer.parse::<IpAddr>().ok()?) },
        content_type: &mime,
        version: Some((1, 1)),
        referer: b"",
        user_agent: b"",
    };
    let mut written = Vec::new();
    write(&mut written, &record);
    Some(written)
}

/// The outcome with this code among all that can be put together.
fn outcome(code: &str) -> Option<Outcome> {
    let endings = [Ending::Complete, Ending::Aborted, Ending::TimedOut];
    let all = ResultCode::ALL.iter().flat_map(|&result| {
        endings
            .into_iter()
            .flat_map(move |ending| [false, true].map(|collapsed| Outcome { result, collapsed, ending }))
    });
    all.into_iter().find(|outcome| outcome.parts().concat() == code)
}

/// Reading these lines and writing what was read must give the same bytes.
fn check(lines: &str) {
    for line in lines.lines() {
        let written = parse(line).unwrap_or_else(|| panic!("this line cannot be read: {line}"));
        assert_eq!(String::from_utf8_lossy(&written), format!("{line}\n"));
    }
}

#[test]
fn lines_are_squids_byte_for_byte() {
    check(
        "\
1000000000.000      0 192.0.2.7 NONE_NONE/000 0 - error:transaction-end-before-headers - HIER_NONE/- -
1000000000.001      3 192.0.2.7 TCP_MISS/200 1386 GET http://origin.test/a - HIER_DIRECT/198.51.100.1 text/html
1000000000.999 123456 192.0.2.7 TCP_MISS_ABORTED/200 99 GET http://origin.test/a?b=c&d=%20 - HIER_DIRECT/198.51.100.1 -
1000000001.010 1234567 2001:db8::1 TCP_TUNNEL/200 4170 CONNECT origin.test:443 - HIER_DIRECT/2001:db8::2 -
1000000001.100      0 192.0.2.7 TCP_MEM_HIT/206 536 GET http://origin.test/\"q\"<>{} - HIER_NONE/- image/svg+xml
1000000001.100      0 192.0.2.7 TCP_IMS_HIT/304 332 GET http://origin.test/a - HIER_NONE/- text/html
1000000001.100     20 192.0.2.7 TCP_REFRESH_UNMODIFIED/200 1324 HEAD http://origin.test/a - FIRSTUP_PARENT/10.0.0.9 text/css
1000000001.100      0 192.0.2.7 TCP_DENIED/403 3442 CONNECT origin.test:22 eve HIER_NONE/- text/html
1000000001.100   1001 192.0.2.7 TCP_CF_MISS/200 2286 GET http://origin.test/slow - HIER_NONE/- -
1000000001.100   6000 192.0.2.7 TCP_REFRESH_ABORTED/000 0 GET http://origin.test/stale - HIER_DIRECT/198.51.100.1 -
1000000001.100      0 192.0.2.7 NONE_NONE/400 3427 GARBAGE error:invalid-request - HIER_NONE/- text/html",
    );
}

#[test]
fn a_log_of_squids_is_written_again_byte_for_byte() {
    let traces = std::env::var_os("CNN_TRACES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces"),
        PathBuf::from,
    );
    let path = traces.join("squid-sample/squid-sample-access.log");
    match std::fs::read_to_string(&path) {
        Ok(lines) => check(&lines),
        Err(error) => {
            eprintln!("skipped: no log of a real Squid here ({error}); CNN_TRACES names the folder")
        }
    }
}

#[test]
fn calamaris_understands_every_line() {
    let mut log = Vec::new();
    for (at, &result) in ResultCode::ALL.iter().enumerate() {
        for ending in [Ending::Complete, Ending::Aborted, Ending::TimedOut] {
            for (collapsed, hierarchy) in [(false, Hierarchy::Direct), (true, Hierarchy::None)] {
                let url: &[u8] = match result {
                    ResultCode::None => AccessRecord::INVALID_REQUEST,
                    ResultCode::Tunnel => b"origin.test:443",
                    _ => b"http://origin.test/a b\"c\n?d=\xff",
                };
                let record = AccessRecord {
                    completed_ms: 1_000_000_000_000 + at as u64,
                    elapsed_ms: 10,
                    client: [192, 0, 2, 7].into(),
                    outcome: Outcome { result, collapsed, ending },
                    status: if ending == Ending::Aborted { 0 } else { 200 },
                    bytes: 1000,
                    method: b"GET",
                    url,
                    user: b"",
                    hierarchy,
                    peer: (hierarchy == Hierarchy::Direct).then(|| [198, 51, 100, 1].into()),
                    content_type: b"text/html; charset=utf-8",
                    version: Some((1, 1)),
                    referer: b"",
                    user_agent: b"",
                };
                write(&mut log, &record);
            }
        }
    }
    let lines = memchr::memchr_iter(b'\n', &log).count();
    assert_eq!(lines, ResultCode::ALL.len() * 6);
    let started = Command::new("calamaris").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut calamaris = match started {
        Ok(calamaris) => calamaris,
        Err(error) => return eprintln!("skipped: calamaris is not installed ({error})"),
    };
    calamaris.stdin.take().unwrap().write_all(&log).unwrap();
    let report = String::from_utf8(calamaris.wait_with_output().unwrap().stdout).unwrap();
    let count = |of: &str| {
        let line =
            report.lines().find(|line| line.starts_with(of)).unwrap_or_else(|| panic!("no {of}\n{report}"));
        line.split_ascii_whitespace().last().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!((count("lines parsed:"), count("invalid lines:")), (lines, 0), "{report}");
}
