//! Documents while they are being fetched: shared, cut off, given up, and never taken for whole when they are not.
//!
//! Origins stop at gates, so that what must happen in between happens there. Not here: what may be stored (the public
//! suite and the engine's own tests).

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use cnn_support::{After, Cnn, Connection, Gate, Launch, Origin, at_once, cnn_exe, eventually};

const HALF: usize = 1 << 16;

fn start() -> Cnn {
    Launch::new(cnn_exe!()).start()
}

/// An origin whose answers stop half way until the gate is opened.
fn halting(fields: &'static [&'static str], gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |_, answer| {
        let length = format!("Content-Length: {}", 2 * HALF);
        answer.head(200, &[fields, &[&length]].concat())?;
        answer.raw([b'1'; HALF])?;
        gate.pass();
        answer.raw([b'2'; HALF])?;
        Ok(After::Keep)
    })
}

fn ask(proxy: SocketAddr, url: &str) -> Connection {
    let mut client = Connection::open(proxy);
    let authority = url["http://".len()..].split('/').next().unwrap_or_default();
    client.send(format!("GET {url} HTTP/1.1\r\nHost: {authority}\r\n\r\n"));
    client
}

/// Reads the head and the first half, which come before the gate is opened.
fn read_first_half(client: &mut Connection) {
    let reply = client.reply_head().expect("the head comes before the gate");
    assert_eq!((reply.status, reply.field("content-length")), (200, Some((2 * HALF).to_string().as_str())));
    assert!(client.bytes(HALF).iter().all(|byte| *byte == b'1'));
}

fn read_second_half(client: &mut Connection) {
    assert!(client.bytes(HALF).iter().all(|byte| *byte == b'2'));
}

#[test]
fn clients_of_one_document_share_one_fetch_and_stream_it_as_it_arrives() {
    let gate = Gate::new();
    let origin = halting(&["Cache-Control: max-age=60"], &gate);
    let cnn = start();
    let (proxy, url) = (cnn.address(), origin.url("/shared"));
    let clients = at_once(20, move |_| {
        let mut client = ask(proxy, &url);
        read_first_half(&mut client);
        client
    });
    assert_eq!(origin.count("/shared"), 1);
    gate.open();
    for mut client in clients {
        read_second_half(&mut client);
    }
    assert_eq!(cnn.get(&origin.url("/shared"), &[]).body.len(), 2 * HALF);
    assert_eq!(origin.count("/shared"), 1);
}

#[test]
fn the_first_client_may_leave_without_ending_the_fetch_of_others() {
    let gate = Gate::new();
    let origin = halting(&["Cache-Control: max-age=60"], &gate);
    let cnn = start();
    let mut first = ask(cnn.address(), &origin.url("/a"));
    read_first_half(&mut first);
    let mut second = ask(cnn.address(), &origin.url("/a"));
    read_first_half(&mut second);
    drop(first);
    gate.open();
    read_second_half(&mut second);
    assert_eq!(origin.count("/a"), 1);
}

#[test]
fn a_fetch_that_every_client_left_is_finished_for_the_next() {
    let gate = Gate::new();
    let origin = halting(&["Cache-Control: max-age=60"], &gate);
    let cnn = start();
    let mut only = ask(cnn.address(), &origin.url("/a"));
    read_first_half(&mut only);
    drop(only);
    gate.open();
    eventually("the document is stored", || cnn.status("documents") > 0.0);
    let reply = cnn.get(&origin.url("/a"), &[]);
    assert_eq!((reply.body.len(), origin.count("/a")), (2 * HALF, 1));
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    const LENGTH: usize = 32 << 20;
    let origin =
        Origin::start(|_, answer| answer.whole(200, &["Cache-Control: max-age=60"], &vec![b'x'; LENGTH]));
    let cnn = start();
    let mut slow = ask(cnn.address(), &origin.url("/big"));
    assert_eq!(slow.reply_head().unwrap().status, 200);
    // The slow one has read its head only; far more than its socket holds is still to come.
    let fast = cnn.get(&origin.url("/big"), &[]);
    assert_eq!(fast.body.len(), LENGTH);
    assert_eq!(origin.count("/big"), 1);
    assert!(slow.bytes(LENGTH).iter().all(|byte| *byte == b'x'));
}

/// An origin that dies in the middle of its first answer once the gate is open, and answers whole from then on.
fn dying(first: &'static str, gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |request, answer| {
        if request.earlier == 0 {
            answer.raw(first)?;
            gate.pass();
            return Ok(After::Close);
        }
        answer.whole(200, &["Cache-Control: max-age=60"], b"whole")
    })
}

const BEGUN: [&str; 4] = [
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 1000\r\n\r\nbegun",
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n",
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n0\r\n",
    "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nbegun",
];

#[test]
fn what_the_origin_did_not_finish_is_cut_off_and_not_stored() {
    for first in BEGUN {
        let gate = Gate::new();
        let origin = dying(first, &gate);
        let cnn = start();
        let mut client = ask(cnn.address(), &origin.url("/a"));
        let mut reply = client.reply_head().unwrap();
        assert_eq!(reply.status, 200, "{first:?}");
        gate.open();
        let error = client.reply_body(&mut reply).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{first:?}: {error}");
        for _ in 0..2 {
            let reply = cnn.get(&origin.url("/a"), &[]);
            assert_eq!((reply.status, reply.text().as_str()), (200, "whole"), "{first:?}");
        }
        assert_eq!(origin.count("/a"), 2, "{first:?}");
    }
}

#[test]
fn what_the_origin_did_not_finish_before_an_answer_began_is_an_error() {
    for first in BEGUN {
        let gate = Gate::new();
        gate.open();
        let origin = dying(first, &gate);
        let cnn = start();
        let mut client = ask(cnn.address(), &origin.url("/a"));
        match client.reply("GET") {
            Ok(reply) => assert_eq!(reply.status, 502, "{first:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{first:?}: {error}"),
        }
        assert_eq!(cnn.get(&origin.url("/a"), &[]).text(), "whole");
    }
}

#[test]
fn a_client_of_http_1_0_can_tell_that_an_answer_was_cut_off() {
    let gate = Gate::new();
    let origin = dying(BEGUN[0], &gate);
    let cnn = start();
    let mut client = cnn.connect();
    client.send(format!("GET {} HTTP/1.0\r\n\r\n", origin.url("/a")));
    let mut reply = client.reply_head().unwrap();
    gate.open();
    // The length lets even such a client know.
    assert_eq!(client.reply_body(&mut reply).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn an_answer_that_ends_with_the_connection_is_passed_on() {
    let origin = Origin::start(|_, answer| {
        answer.raw("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nuntil the end")?;
        Ok(After::Close)
    });
    let cnn = start();
    assert_eq!(cnn.get(&origin.url("/a"), &[]).text(), "until the end");
}

#[test]
fn nothing_is_left_of_clients_and_origins_that_vanish() {
    let gate = Gate::new();
    let origin = halting(&["Cache-Control: no-store"], &gate);
    let cnn = start();
    let before = cnn.status("bytes");
    for number in 0..20 {
        let mut client = ask(cnn.address(), &origin.url(&format!("/{number}")));
        read_first_half(&mut client);
    }
    origin.stop();
    gate.open();
    eventually("what they took is given back", || cnn.status("bytes") <= before);
    assert_eq!(cnn.status("documents"), 0.0);
    let other = Origin::fixed(&["Cache-Control: max-age=60"], "served");
    assert_eq!(cnn.get(&other.url("/a"), &[]).text(), "served");
}

#[test]
fn an_upload_whose_client_vanishes_never_looks_whole_to_the_origin() {
    let origin = Origin::fixed(&[], "taken");
    let cnn = start();
    for framing in ["Content-Length: 100\r\n\r\nbegun", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n"] {
        let mut client = cnn.connect();
        let host = origin.address();
        client.send(format!("POST http://{host}/upload HTTP/1.1\r\nHost: {host}\r\n{framing}"));
        drop(client);
        // The next request is answered, and by then the first was not a request to the origin's reader.
        assert_eq!(cnn.get(&origin.url("/after"), &[]).text(), "taken");
    }
    assert_eq!(origin.count("/upload"), 0);
}

#[test]
fn a_reader_that_is_slow_gets_every_byte_of_a_replaced_document() {
    let origin = Origin::start(|request, answer| {
        let body = vec![if request.earlier == 0 { b'1' } else { b'2' }; 8 << 20];
        answer.whole(200, &["Cache-Control: max-age=60"], &body)
    });
    let cnn = start();
    let mut slow = ask(cnn.address(), &origin.url("/a"));
    assert_eq!(slow.reply_head().unwrap().status, 200);
    assert_eq!(cnn.get(&origin.url("/a"), &[]).body[0], b'1');
    assert!(cnn.verb(&["purge", &origin.url("/a")]).status.success());
    assert_eq!(cnn.get(&origin.url("/a"), &[]).body[0], b'2');
    assert!(slow.bytes(8 << 20).iter().all(|byte| *byte == b'1'));
}

#[test]
fn a_reset_by_a_client_ends_only_its_own_answer() {
    let gate = Gate::new();
    let origin = halting(&["Cache-Control: max-age=60"], &gate);
    let cnn = start();
    let reset = TcpStream::connect(cnn.address()).unwrap();
    let mut reset = Connection::tcp(reset);
    let host = origin.address();
    reset.send(format!("GET http://{host}/a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let reply = reset.reply_head().unwrap();
    assert_eq!(reply.status, 200);
    // Closing with unread bytes in the socket sends a reset.
    eventually("the first half waits in the socket", || origin.count("/a") == 1);
    let mut other = ask(cnn.address(), &origin.url("/a"));
    read_first_half(&mut other);
    drop(reset);
    gate.open();
    read_second_half(&mut other);
}
