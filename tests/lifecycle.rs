//! The process: started, reloaded, drained, killed, out of files. What a client sees is whole or plainly cut off.

use std::process::Command;

use cnn_support::{After, Connection, Gate, Launch, Origin, Signal, cnn_exe, eventually};

#[test]
fn term_lets_requests_in_progress_end_and_takes_no_more() {
    let gate = Gate::new();
    let held = gate.clone();
    let origin = Origin::start(move |_, answer| {
        answer.head(200, &["Content-Length: 10"])?;
        answer.raw("first")?;
        held.pass();
        answer.raw("later")?;
        Ok(After::Keep)
    });
    let mut cnn = Launch::new(cnn_exe!()).start();
    let mut client = cnn.connect();
    let host = origin.address();
    client.send(format!("GET http://{host}/a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    assert_eq!(client.reply_head().unwrap().status, 200);
    assert_eq!(client.bytes(5), b"first");
    cnn.signal(Signal::TERM);
    eventually("the port is closed", || std::net::TcpStream::connect(cnn.address()).is_err());
    assert!(cnn.is_running());
    gate.open();
    assert_eq!(client.bytes(5), b"later");
    assert!(client.is_closed());
    assert!(cnn.wait().success());
    assert!(!cnn.admin_socket().exists());
}

#[test]
fn term_closes_idle_connections_at_once() {
    let mut cnn = Launch::new(cnn_exe!()).start();
    let origin = Origin::fixed(&[], "a");
    let mut idle = cnn.connect();
    let host = origin.address();
    assert_eq!(idle.exchange(&format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n")).status, 200);
    cnn.signal(Signal::TERM);
    assert!(idle.is_closed());
    assert!(cnn.wait().success());
}

#[test]
fn after_a_kill_it_starts_again_on_the_same_port_and_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let mut first = Launch::new(cnn_exe!()).admin_socket(&socket).start();
    let (address, origin) = (first.address(), Origin::fixed(&["Cache-Control: max-age=60"], "a"));
    assert_eq!(first.get(&origin.url("/"), &[]).status, 200);
    let mut client = first.connect();
    first.kill();
    assert!(client.is_closed());
    assert!(socket.exists(), "a killed process cannot tidy up");
    let second = Launch::new(cnn_exe!()).admin_socket(&socket).flag("--listen", address).start();
    assert_eq!(second.address(), address);
    assert_eq!(second.get(&origin.url("/"), &[]).text(), "a");
    assert_eq!(second.status("documents"), 1.0);
}

#[test]
fn a_socket_of_a_running_proxy_is_not_taken_over() {
    let first = Launch::new(cnn_exe!()).start();
    let second = Command::new(cnn_exe!())
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-socket"])
        .arg(first.admin_socket())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(2), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(first.status("documents"), 0.0);
}

#[test]
fn running_out_of_files_refuses_some_and_harms_nothing() {
    const FILES: u32 = 64;
    let cnn = Launch::new(cnn_exe!()).open_files(FILES).start();
    let origin = Origin::fixed(&["Cache-Control: max-age=60"], "small");
    assert_eq!(cnn.get(&origin.url("/a"), &[]).text(), "small");
    let crowd: Vec<_> = (0..4 * FILES).map(|_| Connection::open(cnn.address())).collect();
    eventually("no file is left", || cnn_support::process::open_files(cnn.pid()) + 8 >= FILES as usize);
    drop(crowd);
    eventually("it serves again", || {
        let mut client = cnn.connect();
        let host = origin.address();
        let sent = client.try_send(format!("GET http://{host}/a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        sent.is_ok() && client.reply("GET").is_ok_and(|reply| reply.text() == "small")
    });
    assert_eq!(cnn.get(&origin.url("/b"), &[]).text(), "small");
}

#[test]
fn a_bad_file_at_reload_changes_nothing_and_says_why() {
    let cnn = Launch::new(cnn_exe!()).config("policy = \"lru\"\n").start();
    let file = cnn.folder().join("cnn.toml");
    std::fs::write(&file, "policy = \"lru\"\nmemori = \"1GiB\"\n").unwrap();
    cnn.signal(Signal::HUP);
    let _ = cnn.await_error_line(|line| line.contains("memori"));
    let _ = cnn.await_error_line(|line| line.ends_with("cnn.toml:2:1"));
    let origin = Origin::fixed(&[], "a");
    assert_eq!(cnn.get(&origin.url("/"), &[]).status, 200);
}

#[test]
fn bad_flags_and_files_end_with_2_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cnn.toml");
    std::fs::write(&file, "memory = \"1GiB\"\nworkers = \"many\"\n").unwrap();
    let file = file.to_str().unwrap();
    for (arguments, why) in [
        (vec!["serve", "--memory", "lots"], "lots"),
        (vec!["serve", "--policy", "best"], "best"),
        (vec!["serve", "--reverse", "nowhere"], "nowhere"),
        (vec!["serve", "--config", file], "2:"),
        (vec!["config", "check", file], "2:"),
        (vec!["serve", "--config", "/nonexistent/cnn.toml"], "/nonexistent/cnn.toml"),
    ] {
        let output = Command::new(cnn_exe!()).args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}
