//! Origins that break off, say little, or say too much: the client must see what it got, and nothing more may be promised.
//!
//! Not here: malformed answers (`smuggling.rs`), and what becomes of shared fetches (`fills.rs`).

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use cnn_support::{After, Cnn, Gate, Launch, Origin, cnn_exe};

fn start() -> Cnn {
    Launch::new(cnn_exe!()).start()
}

/// An origin that begins an answer of unknown length and breaks it off once the gate is open.
fn breaking_off(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |_, answer| {
        answer.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")?;
        gate.pass();
        Ok(After::Close)
    })
}

#[test]
fn an_answer_that_ends_with_the_connection_and_breaks_off_is_seen_to_break_off() {
    for method in ["GET", "POST"] {
        let gate = Gate::new();
        let origin = breaking_off(&gate);
        let cnn = start();
        let mut client = cnn.connect();
        // To HTTP/1.0 an answer of unknown length ends where the connection does.
        client.send(format!("{method} {} HTTP/1.0\r\n\r\n", origin.url("/a")));
        let mut reply = client.reply_head().unwrap();
        assert_eq!((reply.status, reply.field("content-length")), (200, None), "{method}");
        gate.open();
        let broken = client.reply_body(&mut reply);
        assert_eq!(broken.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset), "{method}");
    }
}

#[test]
fn head_is_answered_with_the_length_the_origin_gives_and_no_other() {
    let origin = Origin::start(|request, answer| {
        let fields: &[&str] = match request.target.as_str() {
            "/ten" => &["Content-Length: 10"],
            "/chunked" => &["Transfer-Encoding: chunked"],
            _ => &["X-Length: unknown"],
        };
        answer.head(200, fields)?;
        Ok(After::Keep)
    });
    let cnn = start();
    let mut client = cnn.connect();
    let host = origin.address();
    for version in ["1.1", "1.0"] {
        for (path, expected) in [("/ten", Some("10")), ("/chunked", None), ("/silent", None)] {
            let reply = client.exchange(&format!(
                "HEAD http://{host}{path} HTTP/{version}\r\nHost: {host}\r\nConnection: keep-alive\r\n\r\n"
            ));
            let told = (reply.status, reply.field("content-length"), reply.field("transfer-encoding"));
            assert_eq!(told, (200, expected, None), "{path} in HTTP/{version}");
        }
    }
}

#[test]
fn interim_answers_are_passed_on_without_what_belongs_to_the_hop_before() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-hop\r\nX-Hop: secret\r\n\
                   Keep-Alive: timeout=5\r\nContent-Length: 5\r\n\r\n";
    let origin = Origin::start(move |_, answer| {
        answer.raw(interim)?;
        answer.whole(200, &[], b"final")
    });
    let cnn = start();
    let host = origin.address();
    for method in ["GET", "POST"] {
        let mut client = cnn.connect();
        client
            .send(format!("{method} http://{host}/a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        let said = String::from_utf8(client.rest()).unwrap();
        let (interim, rest) = said.split_once("\r\n\r\n").unwrap();
        assert_eq!(interim, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload", "{method}");
        assert!(rest.starts_with("HTTP/1.1 200 ") && rest.ends_with("\r\n\r\nfinal"), "{method}: {rest}");
        let mut old = cnn.connect();
        old.send(format!("{method} http://{host}/old HTTP/1.0\r\n\r\n"));
        let reply = old.reply(method).unwrap();
        assert_eq!((reply.status, reply.interim.as_slice()), (200, &[][..]), "HTTP/1.0 knows no 1xx");
    }
}

#[test]
fn cache_status_does_not_say_stored_of_what_is_not() {
    // Larger than is stored; without a length that is known only while it comes.
    let origin = Origin::start(|_, answer| answer.whole(200, &["Cache-Control: max-age=60"], &[b'x'; 5000]));
    let cnn = Launch::new(cnn_exe!()).config("object_size_max = \"4KiB\"\n").start();
    let reply = cnn.get(&origin.url("/a"), &[]);
    assert_eq!(reply.body.len(), 5000);
    let told = reply.field("cache-status").unwrap();
    assert!(told.contains("fwd=uri-miss") && !told.contains("stored"), "{told}");
}

/// A server that answers as soon as it has seen a head, and never reads what comes after it.
fn hasty(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            let _ = stream.write_all(answer.as_bytes());
            open.push(stream);
        }
    });
    address
}

#[test]
fn an_answer_before_the_whole_request_is_the_last_on_its_connection() {
    let smuggled = Origin::fixed(&[], "smuggled");
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly",
        "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nearly",
    ] {
        let host = hasty(answer);
        let cnn = start();
        let body = format!("GET {} HTTP/1.1\r\nHost: a.test\r\n\r\n", smuggled.url("/smuggled"));
        let mut client = cnn.connect();
        client.send(format!(
            "POST http://{host}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        let reply = client.reply("POST").unwrap();
        assert_eq!((reply.text().as_str(), reply.field("connection")), ("early", Some("close")));
        // Its body, which reads like a request, comes after the answer.
        let _ = client.try_send(&body);
        assert!(client.rest().is_empty());
        // And the origin's connection, which still waits for that body, is not used for others.
        let other = cnn.get(&format!("http://{host}/b"), &[]);
        assert_eq!(other.text(), "early");
    }
    assert_eq!(smuggled.count("/smuggled"), 0);
}
