//! Comparisons of small proxies written for the purpose: one that stores everything, one that refuses.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use cnn_core::policy::Mime;

use super::*;
use crate::trace::{Facts, Flags, Object, Row, TraceBuilder};

/// What a proxy of these tests does.
#[derive(Clone, Copy)]
enum Kind {
    /// Passes everything on.
    Relay,
    /// Keeps what it may, for ever.
    Store,
    /// As above, and spoils one byte of what it kept.
    Spoil,
    /// Lets nobody through.
    Refuse,
}

/// Starts one; it runs until the tests end.
fn proxy(kind: Kind) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(kind, stream));
        }
    });
    Proxy { name: "tested".to_owned(), address, pid: None }
}

fn serve(kind: Kind, mut client: TcpStream) {
    let mut stored: HashMap<String, Vec<u8>> = HashMap::new();
    let mut reading = BufReader::new(client.try_clone().unwrap());
    while let Some(head) = head(&mut reading) {
        if matches!(kind, Kind::Refuse) {
            client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
            continue;
        }
        let url = head.split(' ').nth(1).unwrap().to_owned();
        let is_reload = head.contains("no-cache");
        if let Some(answer) = stored.get(&url).filter(|_| !is_reload) {
            client.write_all(answer).unwrap();
            continue;
        }
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut origin = TcpStream::connect(host).unwrap();
        write!(origin, "GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let mut from_origin = BufReader::new(origin);
        let said = self::head(&mut from_origin).unwrap();
        let length = said.split("Content-Length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        from_origin.read_exact(&mut body).unwrap();
        answer.extend_from_slice(said.as_bytes());
        answer.extend_from_slice(&body);
        client.write_all(&answer).unwrap();
        if matches!(kind, Kind::Store | Kind::Spoil) && !said.contains("no-store") {
            if matches!(kind, Kind::Spoil) {
                *answer.last_mut().unwrap() ^= 1;
            }
            stored.insert(url, answer);
        }
    }
}

fn head(reading: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reading.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// Requests for these objects, with flags, of 100 bytes each.
fn trace(requests: &[(u32, u32)]) -> Trace {
    let mut builder = TraceBuilder::new("made", 1 << 20);
    builder.add_origin(String::new());
    builder.add_facts(Facts::default());
    for hash in 0..10 {
        builder.add_object(Object { hash, origin: 0, mime: Mime::Html }, 100);
    }
    for (number, &(object, flags)) in requests.iter().enumerate() {
        let row = Row { time_us: number as u64, size: 100, object, elapsed_us: 300, facts: 0, flags };
        builder.push(row).unwrap();
    }
    builder.build().unwrap()
}

fn comparison(kinds: &[Kind]) -> Comparison {
    Comparison {
        proxies: kinds.iter().map(|kind| proxy(*kind)).collect(),
        // One connection: the proxies of these tests keep their store by connection.
        pace: Pace::Closed { connections: 1 },
        hold: Hold::None,
        rounds: 1,
        requests_max: u64::MAX,
        origin: ([127, 0, 0, 1], 0).into(),
        processor: None,
    }
}

/// Answered, hits, wrong and fetched of one proxy.
fn check(kind: Kind, requests: &[(u32, u32)], expected: (u64, u64, u64, u64)) {
    let report = compare(&trace(requests), &comparison(&[kind]), |_| ()).unwrap();
    let seen = &report.proxies[0];
    assert_eq!((seen.answered, seen.hits, seen.wrong, seen.origin_requests), expected, "{report:?}");
    assert_eq!(seen.origin_bytes, 100 * seen.origin_requests);
    assert_eq!((seen.failed, report.direct.hits, report.direct.answered), (0, 0, requests.len() as u64));
}

#[test]
fn hits_are_what_did_not_come_from_the_origin() {
    let twice = [(0, 0), (1, 0), (0, 0), (1, 0), (1, 0)];
    check(Kind::Store, &twice, (5, 3, 0, 2));
    check(Kind::Relay, &twice, (5, 0, 0, 5));
}

#[test]
fn reloads_changes_and_what_must_not_be_stored_are_misses() {
    check(Kind::Store, &[(0, 0), (0, Flags::RELOAD), (0, 0)], (3, 1, 0, 2));
    check(Kind::Store, &[(0, 0), (0, Flags::CHANGED), (0, 0)], (3, 1, 0, 2));
    check(Kind::Store, &[(0, Flags::UNSTORABLE), (0, Flags::UNSTORABLE)], (2, 0, 0, 2));
}

#[test]
fn a_spoilt_byte_is_an_error_and_no_hit() {
    check(Kind::Spoil, &[(0, 0), (0, 0), (1, 0)], (2, 0, 1, 2));
}

#[test]
fn every_proxy_gets_every_piece_and_the_order_turns() {
    let requests: Vec<_> = (0..7).map(|number| (number % 3, 0)).collect();
    let comparison = Comparison { rounds: 3, requests_max: 6, ..comparison(&[Kind::Store, Kind::Relay]) };
    let mut turns = Vec::new();
    let report = compare(&trace(&requests), &comparison, |progress| {
        turns.push((progress.round, progress.proxy == DIRECT));
    })
    .unwrap();
    assert_eq!(turns.iter().filter(|(_, is_direct)| *is_direct).count(), 3);
    assert_eq!((turns[0], turns[3].1, turns[5].1), ((1, true), false, true));
    for proxy in &report.proxies {
        assert_eq!((proxy.answered, proxy.round_means_us.len()), (6, 3));
        assert!(proxy.added.is_some_and(|added| added.miss_us.is_finite()));
    }
    // Connections and so the stores of these tests last for a round.
    assert_eq!((report.proxies[0].hits, report.proxies[1].hits), (0, 0));
}

#[test]
fn a_proxy_that_is_not_there_or_refuses_is_named() {
    let refused = compare(&trace(&[(0, 0)]), &comparison(&[Kind::Refuse]), |_| ()).unwrap_err().to_string();
    assert!(refused.contains("proxy tested does not pass on"), "{refused}");
    assert!(
        refused.contains("403 Forbidden") && refused.contains("--allow-destination 127.0.0.1"),
        "{refused}"
    );
    let mut gone = comparison(&[Kind::Relay]);
    gone.proxies[0].address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = compare(&trace(&[(0, 0)]), &gone, |_| ()).unwrap_err().to_string();
    assert!(gone.contains("proxy tested cannot be reached at 127.0.0.1:"), "{gone}");
    let empty = compare(&trace(&[]), &comparison(&[Kind::Relay]), |_| ()).unwrap_err();
    assert_eq!(empty.to_string(), "trace made has no requests");
}
