//! What an operator does to a proxy that is in use: reloads and endings. Nothing a client has is silently cut short, every
//! request has its line in the log, and what is said to have changed is what has.
//!
//! Not here: switching policies (`admin.rs`, `simulation/`), and kills (`lifecycle.rs`).

use std::fs;

use cnn_support::{After, Cnn, Connection, Gate, Launch, Origin, Signal, cnn_exe, eventually};

/// An origin that begins an answer and goes on when the gate is opened.
fn halting(gate: &Gate) -> Origin {
    let gate = gate.clone();
    Origin::start(move |_, answer| {
        answer.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n")?;
        gate.pass();
        answer.chunk(b"")?;
        Ok(After::Keep)
    })
}

/// A client whose answer has begun.
fn served_by_halves(cnn: &Cnn, origin: &Origin, version: &str) -> Connection {
    let mut client = cnn.connect();
    let host = origin.address();
    client.send(format!("GET http://{host}/{version} HTTP/{version}\r\nHost: {host}\r\n\r\n"));
    assert_eq!(client.reply_head().expect("the answer has begun").status, 200);
    client
}

fn log_of(cnn: &Cnn) -> String {
    fs::read_to_string(cnn.access_log()).unwrap_or_default()
}

#[test]
fn what_outlasts_the_drain_is_broken_off_and_logged() {
    for signals in [1, 2] {
        let drain = if signals == 1 { "50ms" } else { "1h" };
        let gate = Gate::new();
        let origin = halting(&gate);
        let port = origin.address().port();
        let config = format!("connect_ports = [{port}]\n[deadlines]\ndrain = \"{drain}\"\n");
        let mut cnn = Launch::new(cnn_exe!()).config(config).log_to_file().start();
        let mut stuck = served_by_halves(&cnn, &origin, "1.1");
        let mut old = served_by_halves(&cnn, &origin, "1.0");
        let mut tunnel = cnn.connect();
        tunnel.send(format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        assert_eq!(tunnel.reply("CONNECT").unwrap().status, 200);
        // The second signal is sent when the first has been heard, for two at once are one.
        cnn.signal(Signal::TERM);
        if signals == 2 {
            eventually("the port is closed", || std::net::TcpStream::connect(cnn.address()).is_err());
            cnn.signal(Signal::TERM);
        }
        assert!(cnn.wait().success());
        // Neither is an end a client could take for the end of the answer.
        let mut reply = cnn_support::Reply { status: 200, ..Default::default() };
        assert!(old.reply_body(&mut reply).is_err(), "{reply:?}");
        assert!(!String::from_utf8_lossy(&stuck.rest()).ends_with("0\r\n\r\n"));
        assert!(tunnel.is_closed());
        let log = log_of(&cnn);
        for words in ["TCP_MISS_ABORTED/", "/1.1", "/1.0", "CONNECT"] {
            assert!(log.contains(words), "{words} is not in the log:\n{log}");
        }
        assert_eq!(log.lines().count(), 3, "{log}");
        gate.open();
    }
}

#[test]
fn a_request_that_has_begun_is_answered_in_a_drain() {
    let origin = Origin::fixed(&[], "answered");
    let mut cnn = Launch::new(cnn_exe!()).start();
    let host = origin.address();
    let request = format!("GET http://{host}/a HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let (begun, rest) = request.split_at(20);
    let mut client = cnn.connect();
    assert_eq!(client.exchange(&request).status, 200);
    client.send(begun);
    // There is one worker: when it has answered this, it has read what came before.
    assert_eq!(cnn.get(&origin.url("/b"), &[]).status, 200);
    cnn.signal(Signal::TERM);
    eventually("the port is closed", || std::net::TcpStream::connect(cnn.address()).is_err());
    client.send(rest);
    let reply = client.reply("GET").unwrap();
    assert_eq!((reply.text().as_str(), reply.field("connection")), ("answered", Some("close")));
    assert!(cnn.wait().success());
}

/// Changes the file of a running proxy and has it read again.
fn reload(cnn: &Cnn, text: &str) {
    fs::write(cnn.folder().join("cnn.toml"), text).expect("its folder can be written");
    cnn.signal(Signal::HUP);
}

#[test]
fn a_reload_says_what_takes_a_restart_and_applies_none_of_it() {
    let (first, second) = (Origin::fixed(&[], "first"), Origin::fixed(&[], "second"));
    let file = |origin: &Origin, policy: &str, workers: u8| {
        format!("reverse = \"{}\"\npolicy = \"{policy}\"\nworkers = {workers}\n", origin.url(""))
    };
    let cnn = Launch::new(cnn_exe!()).config(file(&first, "lru", 1)).start();
    let get = |path: &str| {
        cnn.connect().exchange(&format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"))
    };
    assert_eq!(get("/a").text(), "first");
    reload(&cnn, &file(&second, "gdsf", 1));
    let said = cnn.await_error_line(|line| line.contains("take a restart"));
    assert!(said.contains("reverse") && !said.contains("policy"), "{said}");
    assert_eq!(get("/b").text(), "first", "the origin takes a restart");
    assert_eq!(cnn.json(&["status"])["policy"], "gdsf", "the policy does not");
    assert_eq!(second.requests().len(), 0);
}

#[test]
fn the_policy_at_the_start_is_not_counted_as_a_switch() {
    let cnn = Launch::new(cnn_exe!()).flag("--metrics", "127.0.0.1:0").start();
    let metrics = cnn.metrics().unwrap();
    let switches = || {
        let page = cnn_support::get(metrics, "/metrics", &[]).text();
        let line =
            page.lines().find(|line| line.starts_with("cnn_policy_switches_total ")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(switches(), "0");
    assert!(cnn.verb(&["policy", "use", "gdsf"]).status.success());
    assert_eq!(switches(), "1");
}

#[test]
fn a_reload_that_is_refused_switches_no_policy() {
    let cnn = Launch::new(cnn_exe!()).config("policy = \"lru\"\n").start();
    let history = || cnn.json(&["policy", "history"]).to_string();
    let before = history();
    reload(&cnn, "policy = \"gdsf\"\naccess_log = \"/nonexistent/access.log\"\n");
    let said = cnn.await_error_line(|line| line.contains("not reloaded"));
    assert!(said.contains("/nonexistent/access.log"), "{said}");
    assert_eq!(history(), before);
    assert_eq!(cnn.json(&["status"])["policy"], "lru");
}
