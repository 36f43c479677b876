//! Messages that two parsers could read differently, from clients and from origins: refused, the connection closed, nothing
//! passed on, nothing stored.
//!
//! RFC 9112, sections 2.2, 5 and 6. The shapes are those that have broken other proxies. Not here: what a well-formed message
//! may ask for.

use std::sync::Arc;

use cnn_support::{After, Launch, Origin, cnn_exe};

/// Sends a request after `{origin}` is put in; the answer must have that status, be the last, and nothing be passed on.
fn check(shapes: &[(&str, u16)]) {
    let origin = Origin::fixed(&["Cache-Control: max-age=60"], "passed on");
    let cnn = Launch::new(cnn_exe!()).start();
    for (shape, expected) in shapes {
        let mut client = cnn.connect();
        client.send(shape.replace("{origin}", &origin.address().to_string()));
        let reply = client.reply("GET").unwrap_or_else(|error| panic!("{shape:?}: {error}"));
        assert_eq!(reply.status, *expected, "{shape:?}: {}", reply.text());
        let rest = client.rest();
        assert!(rest.is_empty(), "{shape:?}: more came: {}", String::from_utf8_lossy(&rest));
        assert_eq!(origin.count("/smuggled"), 0, "{shape:?}: the second request got through");
    }
}

/// A request whose fields are these lines.
macro_rules! with {
    ($lines:literal) => {
        concat!("POST http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\n", $lines, "\r\n")
    };
}

const SECOND: &str = "GET http://{origin}/smuggled HTTP/1.1\r\nHost: {origin}\r\n\r\n";

#[test]
fn a_request_with_two_ways_to_tell_its_length_is_refused() {
    let framings = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length: 0, 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunke\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked;a=b\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\r\n",
        "Transfer\tEncoding: chunked\r\n",
    ];
    let shapes: Vec<_> = framings.iter().map(|framing| with_second(framing)).collect();
    check(&shapes.iter().map(|shape| (shape.as_str(), 400)).collect::<Vec<_>>());
    check(&[(&with_second("Transfer-Encoding: gzip, chunked\r\n"), 501)]);
}

/// A request with that framing and no body for one reader, a second request for the other.
fn with_second(framing: &str) -> String {
    format!("POST http://{{origin}}/a HTTP/1.1\r\nHost: {{origin}}\r\n{framing}\r\n0\r\n\r\n{SECOND}")
}

#[test]
fn a_length_that_is_no_number_is_refused() {
    check(&[
        (with!("Content-Length: +5\r\n"), 400),
        (with!("Content-Length: -1\r\n"), 400),
        (with!("Content-Length: 0x5\r\n"), 400),
        (with!("Content-Length: 5 5\r\n"), 400),
        (with!("Content-Length: 5.0\r\n"), 400),
        (with!("Content-Length: \r\n"), 400),
        (with!("Content-Length: ٥\r\n"), 400),
        (with!("Content-Length: 99999999999999999999999\r\n"), 400),
        (with!("Content-Length: 5,\r\n"), 400),
    ]);
}

#[test]
fn bad_chunks_are_refused_and_end_the_connection() {
    let chunked = |body: &str| {
        format!(
            "POST http://{{origin}}/a HTTP/1.1\r\nHost: {{origin}}\r\nTransfer-Encoding: chunked\r\n\r\n{body}{SECOND}"
        )
    };
    let shapes = [
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5;\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
    ];
    let shapes: Vec<_> = shapes.iter().map(|body| chunked(body)).collect();
    check(&shapes.iter().map(|shape| (shape.as_str(), 400)).collect::<Vec<_>>());
}

#[test]
fn lines_that_parsers_split_differently_are_refused() {
    check(&[
        (with!("A: b\nC: d\r\n"), 400),
        (with!("A: b\rC: d\r\n"), 400),
        (with!("A: b\0c\r\n"), 400),
        (with!("A\0: b\r\n"), 400),
        (with!("A : b\r\n"), 400),
        (with!("A: b\r\n folded\r\n"), 400),
        (with!("A: b\r\n\tfolded\r\n"), 400),
        (with!("no colon\r\n"), 400),
        (with!(": no name\r\n"), 400),
        (with!("A(b): c\r\n"), 400),
        ("GET http://{origin}/a HTTP/1.1\n\n", 400),
        ("GET http://{origin}/a HTTP/1.1\r\n Host: {origin}\r\n\r\n", 400),
        ("GET  http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400),
        ("GET http://{origin}/a b HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400),
        ("GET\thttp://{origin}/a\tHTTP/1.1\r\nHost: {origin}\r\n\r\n", 400),
        ("GET http://{origin}/a\r\nHost: {origin}\r\n\r\n", 400),
        ("G(T http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400),
        ("GET http://{origin}/a\0 HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400),
    ]);
}

#[test]
fn a_request_without_one_sound_host_is_refused() {
    check(&[
        ("GET http://{origin}/a HTTP/1.1\r\n\r\n", 400),
        ("GET http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\nHost: other.test\r\n\r\n", 400),
        ("GET http://{origin}/a HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ]);
}

#[test]
fn too_much_header_is_refused_with_its_own_status() {
    let long =
        format!("GET http://{{origin}}/a HTTP/1.1\r\nHost: {{origin}}\r\nA: {}\r\n\r\n", "b".repeat(1 << 20));
    let many =
        format!("GET http://{{origin}}/a HTTP/1.1\r\nHost: {{origin}}\r\n{}\r\n", "A: b\r\n".repeat(10_000));
    let origin = Origin::fixed(&[], "");
    let cnn = Launch::new(cnn_exe!()).start();
    for request in [long, many] {
        let mut client = cnn.connect();
        // It may stop reading before all is sent.
        let _ = client.try_send(request.replace("{origin}", &origin.address().to_string()));
        // What was not read may reset the connection, and with it the answer.
        if let Ok(reply) = client.reply("GET") {
            assert_eq!(reply.status, 431, "{}", reply.text());
        }
    }
    assert!(origin.requests().is_empty());
    assert_eq!(cnn.get(&origin.url("/a"), &[]).status, 200);
}

/// An origin that sends these bytes: the client must not take them for a whole answer, and they must not be stored.
fn check_origin(shapes: &[&'static str]) {
    let shapes: Arc<[&'static str]> = shapes.into();
    let origin = Origin::start({
        let shapes = Arc::clone(&shapes);
        move |request, answer| {
            let number: usize =
                request.target.trim_start_matches('/').parse().map_err(std::io::Error::other)?;
            answer.raw(shapes[number])?;
            Ok(After::Close)
        }
    });
    let cnn = Launch::new(cnn_exe!()).start();
    for (number, shape) in shapes.iter().enumerate() {
        let url = origin.url(&format!("/{number}"));
        for round in 1..=2 {
            let mut client = cnn.connect();
            client.send(format!("GET {url} HTTP/1.1\r\nHost: {}\r\n\r\n", origin.address()));
            match client.reply("GET") {
                Ok(reply) => assert_eq!(reply.status, 502, "{shape:?}: {}", reply.text()),
                // Cut off after it had begun: no client takes that for whole.
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{shape:?}: {error}")
                }
            }
            assert!(origin.count(&format!("/{number}")) >= round, "{shape:?} was stored");
        }
    }
}

#[test]
fn an_answer_with_two_ways_to_tell_its_length_is_not_passed_on() {
    check_origin(&[
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: xchunked\r\n\r\nhello",
    ]);
}

#[test]
fn a_malformed_answer_is_not_passed_on() {
    check_origin(&[
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nA : b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nA: b\0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 20 OK\r\nCache-Control: max-age=60\r\nContent-Length: 0\r\n\r\n",
        "ICY 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nCache-Control: max-a",
        "",
    ]);
}

#[test]
fn bytes_after_an_answer_are_not_the_next_answer() {
    let origin = Origin::start(|request, answer| {
        if request.target == "/first" {
            answer.raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")?;
            return Ok(After::Keep);
        }
        answer.whole(200, &[], b"honest")
    });
    let cnn = Launch::new(cnn_exe!()).start();
    let mut client = cnn.connect();
    let host = origin.address();
    let mut get = |path: &str| {
        client.exchange(&format!("GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).text()
    };
    assert_eq!(get("/first"), "first");
    assert_eq!(get("/second"), "honest");
}
