//! The clients against an origin and against peers that misbehave.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::super::origin::{DocumentOrigin, Service};
use super::*;

fn plan<'a>(to: SocketAddr, connections: usize, mark: &'a dyn Fn() -> u64) -> Plan<'a> {
    Plan { to, before_path: "", host: "x", connections, processor: None, checks_content: true, mark }
}

fn document(number: u64) -> Document {
    const SIZES: [usize; 5] = [0, 1, 1000, 65_537, 300_000];
    Document { bytes: SIZES[number as usize % SIZES.len()], number }
}

#[test]
fn clients_get_every_document_whole_from_the_origin() {
    let origin = DocumentOrigin::start(None);
    let mut number = 0;
    let mut took = 0;
    let outcome = run(
        &plan(origin.address(), 8, &|| origin.requests()),
        || {
            number += 1;
            (number <= 200).then(|| document(number).into())
        },
        |answer| {
            took += answer.took_ns;
            assert!(answer.serial.is_some_and(|serial| serial >= answer.mark), "{answer:?}");
        },
    );
    let outcome = outcome.unwrap();
    assert_eq!((outcome.good, outcome.failed, outcome.wrong), (200, 0, 0), "{:?}", outcome.failures);
    assert!(took > 0);
    assert_eq!(origin.requests(), 200);
    assert_eq!(origin.body_bytes(), (1..=200).map(|number| document(number).bytes as u64).sum::<u64>());
}

#[test]
fn an_open_loop_keeps_the_order_and_does_not_ask_early() {
    let origin = DocumentOrigin::start(None);
    let mut requests = (0..50).map(|tag| Ask {
        due: Some(Duration::from_micros(400 * tag as u64)),
        tag,
        ..document(2).into()
    });
    let mut seen = Vec::new();
    let outcome =
        run(&plan(origin.address(), 1, &|| 0), || requests.next(), |answer| seen.push(answer.ask.tag))
            .unwrap();
    assert_eq!(outcome.good, 50);
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    assert!(outcome.elapsed >= Duration::from_micros(400 * 49));
}

#[test]
fn a_request_that_waited_for_a_connection_is_timed_from_when_it_was_due() {
    const HOLD: Duration = Duration::from_millis(50);
    let service = |_| Some(Service { hold: HOLD, ..Service::default() });
    let origin = DocumentOrigin::serve(([127, 0, 0, 1], 0).into(), None, service).unwrap();
    let mut requests = (0..3).map(|tag| Ask { due: Some(Duration::ZERO), tag, ..document(1).into() });
    let mut seen = Vec::new();
    run(&plan(origin.address(), 1, &|| 0), || requests.next(), |answer| seen.push(*answer)).unwrap();
    for answer in &seen {
        let held = answer.ask.tag as u128 + 1;
        assert!(u128::from(answer.took_ns) >= held * HOLD.as_nanos(), "{seen:?}");
        // The origin says what it held back itself, not what came before.
        assert!(answer.held_us.is_some_and(|held| held >= 50_000));
    }
}

/// Sends one request to a peer that answers with these bytes and closes.
fn check(answer: &'static [u8], expected: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(answer);
    });
    let mut request = Some(Document { bytes: 20, number: 5 }.into());
    let outcome = run(&plan(address, 1, &|| 0), || request.take(), |_| ()).unwrap();
    peer.join().unwrap();
    let said = match outcome {
        Outcome { good: 1, failed: 0, wrong: 0, .. } => "good".to_owned(),
        Outcome { good: 0, failed: 0, wrong: 1, .. } => "wrong".to_owned(),
        Outcome { good: 0, failed: 1, wrong: 0, failures, .. } => failures.into_keys().next().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(said, expected);
}

#[test]
fn what_is_no_right_answer_is_told() {
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n000000000000005\n0000", "good");
    check(b"HTTP/1.1 200 OK\r\ncontent-length:20\r\n\r\n000000000000005\n0001", "wrong");
    check(
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n000000000000005\n000",
        "closed before the answer was whole",
    );
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n000000000000005\n00000", "bytes after the answer");
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n", "an answer of another length");
    check(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "an answer without a length");
    check(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "answered `HTTP/1.1 403 Forbidden`");
    check(b"", "closed before the answer was whole");
}

#[test]
fn nobody_there_is_an_error() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut request = Some(document(1).into());
    run(&plan(address, 1, &|| 0), || request.take(), |_| ()).unwrap_err();
}
