//! Tests of the admin socket over a real Unix socket: the client, raw bytes, hanging commands, stopping.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;

use super::super::client::{AskError, Client};
use super::super::command::Verb;
use super::super::fake::Fake;
use super::super::reply::{PolicyList, Status, Switched, Worst};
use super::*;

struct Running {
    fake: Arc<Fake>,
    path: PathBuf,
    server: Option<AdminServer>,
    _directory: tempfile::TempDir,
}

fn running() -> Running {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    let fake = Arc::new(Fake::default());
    let server = AdminServer::start(Socket::bind(&path).unwrap(), fake.clone()).unwrap();
    Running { fake, path, server: Some(server), _directory: directory }
}

impl Running {
    fn client(&self) -> Client {
        Client::new(&self.path).unwrap()
    }

    /// Sends bytes as they are and reads until the server closes.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = StdStream::connect(&self.path).unwrap();
        stream.write_all(bytes).unwrap();
        let mut reply = String::new();
        let _ = stream.read_to_string(&mut reply);
        reply
    }
}

#[test]
fn the_client_gets_what_the_proxy_says() {
    let running = running();
    let status: Status = running.client().ask_for(Verb::Status.command(), &[]).unwrap();
    assert_eq!((status.policy.as_str(), status.hits), ("lru", 3));
    let given = [("name", "gdsf"), ("reevaluate", "20%")];
    let switched: Switched = running.client().ask_for(Verb::PolicyUse.command(), &given).unwrap();
    assert_eq!((switched.policy.as_str(), switched.previous_policy.as_deref()), ("gdsf", Some("lru")));
    let (name, reevaluate, by) = running.fake.used().remove(0);
    assert_eq!((name.as_str(), reevaluate), ("gdsf", cnn_core::policy::Reevaluate::Percent(20.0)));
    assert_eq!(by.uid, rustix::process::geteuid().as_raw());
    assert_eq!(by.pid, i32::try_from(std::process::id()).ok());
}

#[test]
fn a_url_as_argument_arrives_as_it_was_typed() {
    let running = running();
    let url = "http://a.test/p?q=1&r=%20#ü+ {}";
    let reply = running.client().ask(Verb::Purge.command(), &[("url", url)]).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&reply).unwrap()["url"], url);
}

#[test]
fn a_refusal_comes_back_whole() {
    let running = running();
    let asked = running.client().ask(Verb::PolicyShow.command(), &[("name", "g d/sf")]);
    let Err(AskError::Refused(refusal)) = asked else { panic!("not refused: {asked:?}") };
    assert_eq!(refusal.to_string(), "there is no policy `g d/sf`");
    assert_eq!(refusal.known, ["gdsf", "lfu-da", "lru"]);
}

#[test]
fn a_socket_nobody_serves_is_unreachable_and_says_what_to_look_at() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("admin.sock");
    let asked = Client::new(&path).unwrap().ask(Verb::Status.command(), &[]);
    let error = asked.unwrap_err();
    assert!(!error.is_temporary());
    assert!(error.to_string().starts_with(&format!("cannot reach the admin socket {}", path.display())));
    assert!(error.to_string().ends_with("is `cnn serve` running?"));
}

#[test]
fn a_body_beyond_the_limit_is_refused_before_it_is_read_whole() {
    let body = vec![b' '; BODY_BYTES_MAX + 1];
    let head = format!("POST /purge HTTP/1.1\r\nHost: cnn\r\nContent-Length: {}\r\n\r\n", body.len());
    let reply = running().raw(&[head.as_bytes(), &body].concat());
    assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
    assert!(reply.contains("\"fault\": \"too-large\""), "{reply}");
}

#[test]
fn a_head_beyond_the_limit_and_bytes_that_are_no_http_close_the_connection_only() {
    let running = running();
    let head = format!(
        "GET /status HTTP/1.1\r\nHost: cnn\r\nConnection: close\r\nX: {}\r\n\r\n",
        "x".repeat(HEAD_BYTES_MAX)
    );
    let reply = running.raw(head.as_bytes());
    assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 431 "), "{reply}");
    let reply = running.raw(b"\x16\x03\x01 hello\r\n\r\n");
    assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 400 "), "{reply}");
    assert!(running.client().ask(Verb::Status.command(), &[]).is_ok());
}

#[test]
fn a_command_that_hangs_does_not_keep_others_waiting() {
    let running = running();
    running.fake.hold();
    let path = running.path.clone();
    let hanging = thread::spawn(move || {
        Client::new(&path).unwrap().ask_for::<Worst>(Verb::PolicyWorst.command(), &[("limit", "3")])
    });
    for _ in 0..3 {
        let list: PolicyList = running.client().ask_for(Verb::PolicyList.command(), &[]).unwrap();
        assert_eq!(list.policies.len(), 3);
    }
    running.fake.release();
    assert_eq!(hanging.join().unwrap().unwrap().policy, "3");
}

#[test]
fn stopping_takes_the_file_away_and_idle_clients_do_not_hold_it_up() {
    let mut running = running();
    let _idle = StdStream::connect(&running.path).unwrap();
    assert!(running.client().ask(Verb::Status.command(), &[]).is_ok());
    drop(running.server.take());
    assert!(!running.path.exists());
}
