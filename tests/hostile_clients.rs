//! Clients that mean harm with well-formed requests: poisoning what others get, slipping requests past a refusal, holding
//! a connection for ever, taking a broken answer for whole.
//!
//! Not here: malformed requests (`smuggling.rs`), and destinations that are forbidden (the proxy's own tests of access).

use std::fs;

use cnn_support::{After, Cnn, Launch, Origin, Signal, cnn_exe, eventually};

fn start() -> Cnn {
    Launch::new(cnn_exe!()).start()
}

/// Waits for a line of the access log that has all of these words.
fn await_logged(cnn: &Cnn, words: &[&str]) {
    let mut log = String::new();
    eventually(&format!("{words:?} is logged"), || {
        log = fs::read_to_string(cnn.access_log()).unwrap_or_default();
        log.lines().any(|line| words.iter().all(|word| line.contains(word)))
    });
}

#[test]
fn a_field_that_means_another_target_reaches_only_those_who_sent_it() {
    let origin = Origin::start(|request, answer| {
        let of = |name| request.field(name).unwrap_or_default();
        let told = ["x-forwarded-host", "x-original-url", "x-forwarded-proto", "forwarded"].map(of).concat();
        answer.whole(200, &["Cache-Control: max-age=60"], told.as_bytes())
    });
    let cnn = start();
    for (number, (field, value)) in [
        ("X-Forwarded-Host", "evil.test"),
        ("x-original-url", "/evil"),
        ("X-FORWARDED-PROTO", "evil"),
        ("Forwarded", "host=evil.test"),
    ]
    .into_iter()
    .enumerate()
    {
        let evil = format!("{field}: {value}");
        let (first, second) = (format!("/evil-first/{number}"), format!("/evil-second/{number}"));
        for (path, order) in [(&first, [value, "", value, ""]), (&second, ["", value, "", value])] {
            for expected in order {
                let fields: &[&str] = if expected.is_empty() { &[] } else { &[&evil] };
                assert_eq!(cnn.get(&origin.url(path), fields).text(), expected, "{field} at {path}");
            }
            assert_eq!(origin.count(path), 2, "each is cached for its own: {field}");
        }
    }
}

#[test]
fn what_follows_a_refused_connect_is_not_the_next_request() {
    let origin = Origin::fixed(&[], "passed on");
    let host = origin.address();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cnn = Launch::new(cnn_exe!()).config(format!("connect_ports = [443, {}]\n", closed.port())).start();
    for (target, expected) in
        [(host.to_string(), 403), (closed.to_string(), 503), ("not an authority".to_owned(), 400)]
    {
        let mut client = cnn.connect();
        client.send(format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {host}\r\n\r\nGET http://{host}/smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n"
        ));
        assert_eq!(client.reply("CONNECT").unwrap().status, expected, "{target}");
        let rest = client.rest();
        assert!(rest.is_empty(), "{target}: more came: {}", String::from_utf8_lossy(&rest));
    }
    assert_eq!(origin.count("/smuggled"), 0);
}

#[test]
fn what_is_sent_ahead_of_a_tunnel_goes_through_it_and_is_not_ours_to_read() {
    let tunnelled = Origin::fixed(&[], "through the tunnel");
    let port = tunnelled.address().port();
    let cnn = Launch::new(cnn_exe!()).config(format!("connect_ports = [{port}]\n")).start();
    let host = tunnelled.address();
    let mut client = cnn.connect();
    client.send(format!(
        "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\nGET /early HTTP/1.1\r\nHost: {host}\r\n\r\n"
    ));
    assert_eq!(client.reply("CONNECT").unwrap().status, 200);
    assert_eq!(client.reply("GET").unwrap().text(), "through the tunnel");
    assert_eq!(tunnelled.count("/early"), 1);
}

#[test]
fn an_upgrade_opens_nothing_before_the_origin_has_agreed() {
    let origin = Origin::fixed(&[], "no upgrade");
    let cnn = start();
    let host = origin.address();
    let mut client = cnn.connect();
    client.send(format!(
        "GET http://{host}/a HTTP/1.1\r\nHost: {host}\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n\
         GET http://{host}/b HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    ));
    assert_eq!(client.reply("GET").unwrap().status, 200);
    assert_eq!(client.reply("GET").unwrap().status, 200);
    // The second came as a request of its own: with what we add to every request.
    let second = origin.requests().into_iter().find(|request| request.target == "/b").unwrap();
    assert!(second.field("via").is_some(), "{second:?}");
}

#[test]
fn an_upload_that_stalls_is_answered_with_408() {
    let origin = Origin::fixed(&[], "taken");
    let cnn = Launch::new(cnn_exe!()).config("[deadlines]\nbody = \"50ms\"\n").start();
    let host = origin.address();
    for framing in ["Content-Length: 100\r\n\r\nbegun", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n"] {
        let mut client = cnn.connect();
        client.send(format!("POST http://{host}/upload HTTP/1.1\r\nHost: {host}\r\n{framing}"));
        let reply = client.reply("POST").unwrap();
        assert_eq!((reply.status, reply.field("connection")), (408, Some("close")), "{framing:?}");
        assert!(client.rest().is_empty());
    }
    assert_eq!(origin.count("/upload"), 0);
}

#[test]
fn a_client_that_stops_reading_cannot_take_what_it_has_for_the_whole() {
    const LENGTH: usize = 32 << 20;
    for method in ["GET", "POST"] {
        let origin = Origin::start(|_, answer| {
            answer.head(200, &["Transfer-Encoding: chunked"])?;
            answer.chunk(&vec![b'x'; LENGTH])?;
            answer.chunk(b"")?;
            Ok(After::Keep)
        });
        let cnn = Launch::new(cnn_exe!()).config("[deadlines]\nsend = \"50ms\"\n").log_to_file().start();
        let mut client = cnn.connect();
        // HTTP/1.0 knows no chunks: without a length the end of the connection is the end of the answer.
        client.send(format!("{method} {} HTTP/1.0\r\n\r\n", origin.url("/a")));
        let mut reply = client.reply_head().unwrap();
        assert_eq!((reply.status, reply.field("content-length")), (200, None));
        await_logged(&cnn, &[method, "_TIMEDOUT/200"]);
        assert!(client.reply_body(&mut reply).is_err(), "{method}: {} bytes", reply.body.len());
    }
}

#[test]
fn an_http_1_0_client_without_host_gets_the_one_origin_there_is() {
    let origin = Origin::fixed(&["Cache-Control: max-age=60"], "healthy");
    let cnn = Launch::new(cnn_exe!()).flag("--reverse", origin.url("")).start();
    for request in ["GET /health HTTP/1.0\r\n\r\n", "GET /health HTTP/1.0\r\nConnection: close\r\n\r\n"] {
        assert_eq!(cnn.connect().exchange(request).text(), "healthy");
    }
    assert_eq!(origin.count("/health"), 1);
    let reply = cnn.connect().exchange("GET /health HTTP/1.1\r\n\r\n");
    assert_eq!(reply.status, 400, "HTTP/1.1 has to say it");
}

#[test]
fn our_own_answers_have_a_date() {
    let cnn = start();
    for request in [
        "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "TRACE http://a.test/ HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n",
        "GET /no-host HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ] {
        let reply = cnn.connect().exchange(request);
        assert!(reply.field("date").is_some(), "{request:?}: {reply:?}");
    }
}

#[test]
fn what_is_no_request_is_logged_as_squid_does() {
    let cnn = Launch::new(cnn_exe!()).log_to_file().start();
    for (bytes, line) in [
        ("GARBAGE\r\n\r\n", "GARBAGE error:invalid-request - HIER_NONE/- text/html"),
        ("\u{16}\u{3}\u{1}", "- error:invalid-request - HIER_NONE/- text/html"),
        (&"x".repeat(100), "- error:transaction-end-before-headers - HIER_NONE/- -"),
    ] {
        let mut client = cnn.connect();
        client.send(bytes);
        client.finish_sending();
        let _ = client.rest();
        await_logged(&cnn, &[&format!(" {line}")]);
    }
    let log = fs::read_to_string(cnn.access_log()).unwrap();
    let codes: Vec<_> = log.lines().map(|line| line.split_whitespace().nth(3).unwrap()).collect();
    assert_eq!(codes, ["NONE_NONE/400", "NONE_NONE/400", "NONE_NONE/000"], "{log}");
}

#[test]
fn a_tunnel_that_could_not_be_opened_is_logged_as_squid_does() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let port = closed.port();
    let cnn = Launch::new(cnn_exe!()).config(format!("connect_ports = [{port}]\n")).log_to_file().start();
    for (host, status, code) in [
        ("127.0.0.1", 503, "NONE_NONE/503"),
        ("nowhere.invalid", 503, "NONE_NONE/503"),
        ("127.0.0.1:1", 403, "TCP_DENIED/403"),
    ] {
        let target = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
        let reply = cnn.connect().exchange(&format!("CONNECT {target} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        assert_eq!(reply.status, status, "{target}");
        let from = if target == closed.to_string() { "HIER_DIRECT/127.0.0.1" } else { "HIER_NONE/-" };
        await_logged(&cnn, &[&format!("{code} "), &format!(" CONNECT {target} - {from} text/html")]);
    }
}

#[test]
fn a_client_that_leaves_between_two_requests_leaves_no_line() {
    let origin = Origin::fixed(&[], "a");
    let mut cnn = Launch::new(cnn_exe!()).log_to_file().start();
    let host = origin.address();
    for _ in 0..3 {
        let mut client = cnn.connect();
        // Closing with an answer unread resets the connection.
        client.send(format!("GET http://{host}/a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        await_logged(&cnn, &["/a"]);
        drop(client);
        fs::write(cnn.access_log(), "").unwrap();
    }
    cnn.signal(Signal::TERM);
    assert!(cnn.wait().success());
    assert_eq!(fs::read_to_string(cnn.access_log()).unwrap(), "");
}
