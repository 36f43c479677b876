//! Where a client may go and what it takes along: destinations that only this machine should reach, tunnels, loops, and what
//! belongs to one hop.
//!
//! Not here: each address and port by itself, which the proxy's own tests judge.

use std::net::SocketAddr;

use cnn_support::{Launch, Origin, Reply, cnn_exe};

fn ask(proxy: SocketAddr, request: &str) -> Reply {
    cnn_support::Connection::open(proxy).exchange(request)
}

#[test]
fn nothing_on_this_machine_is_reached_by_whatever_name() {
    let origin = Origin::fixed(&[], "secret");
    let port = origin.address().port();
    let cnn = Launch::new(cnn_exe!())
        .deny_loopback()
        .flag("--metrics", "127.0.0.1:0")
        .config("safe_ports = [\"1-65535\"]\nconnect_ports = [\"1-65535\"]\n")
        .start();
    let own = [cnn.address().port(), cnn.metrics().unwrap().port()];
    let hosts = [
        "127.0.0.1",
        "127.1.2.3",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "[::]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
    ];
    for port in [port].into_iter().chain(own) {
        for host in hosts {
            let get = ask(
                cnn.address(),
                &format!("GET http://{host}:{port}/a HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
            );
            assert!(matches!(get.status, 400 | 403 | 503), "{host}: {get:?}");
            let connect = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let status = ask(cnn.address(), &connect).status;
            assert!(matches!(status, 400 | 403 | 503), "{host}: {status}");
        }
    }
    assert!(origin.requests().is_empty());
    // What is surely an address of this machine is denied as such, and not because nobody answers there.
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let get = ask(cnn.address(), &format!("GET http://{host}:{port}/a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!((get.status, get.field("x-squid-error")), (403, Some("ERR_ACCESS_DENIED 0")), "{host}");
    }
}

#[test]
fn a_redirect_to_this_machine_is_the_clients_to_follow() {
    let secret = Origin::fixed(&[], "secret");
    let target = secret.url("/inside");
    let origin = Origin::start(move |_, answer| answer.whole(302, &[&format!("Location: {target}")], b""));
    let cnn = Launch::new(cnn_exe!()).start();
    assert_eq!(cnn.get(&origin.url("/"), &[]).status, 302);
    assert!(secret.requests().is_empty());
}

#[test]
fn a_tunnel_goes_only_to_ports_that_are_open_to_tunnels() {
    let origin = Origin::fixed(&[], "reached");
    let cnn = Launch::new(cnn_exe!()).start();
    for port in [origin.address().port(), 25, 80, 22, cnn.address().port()] {
        let connect = format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(ask(cnn.address(), &connect).status, 403, "{port}");
    }
    for port in [22, 25, 143, 993] {
        let get = format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(ask(cnn.address(), &get).status, 403, "{port}");
    }
}

#[test]
fn a_request_that_comes_back_is_refused() {
    let cnn = Launch::new(cnn_exe!()).start();
    let origin = Origin::fixed(&[], "a");
    let _ = cnn.get(&origin.url("/"), &[]);
    let via = origin.requests()[0].field("via").unwrap().to_owned();
    for earlier in [via.clone(), format!("1.1 other, {via}"), format!("{via}, 1.0 another (b)")] {
        let reply = cnn.get(&origin.url("/"), &[&format!("Via: {earlier}")]);
        assert_eq!(reply.status, 508, "{earlier}");
    }
    assert_eq!(cnn.get(&origin.url("/"), &["Via: 1.1 other"]).status, 200);
    // Its own address is no destination, though the network it is in is allowed.
    assert_eq!(cnn.get(&format!("http://{}/", cnn.address()), &[]).status, 403);
}

#[test]
fn two_proxies_of_one_machine_may_stand_one_before_the_other() {
    let origin = Origin::fixed(&[], "through both");
    let outer = Launch::new(cnn_exe!()).start();
    let inner = Launch::new(cnn_exe!()).flag("--reverse", origin.url("")).start();
    let reply = outer.get(&format!("http://{}/a", inner.address()), &[]);
    assert_eq!((reply.status, reply.text().as_str()), (200, "through both"));
}

#[test]
fn max_forwards_ends_here_and_trace_keeps_secrets() {
    let origin = Origin::fixed(&[], "traced");
    let cnn = Launch::new(cnn_exe!()).start();
    let trace = |left: u32| {
        let host = origin.address();
        ask(
            cnn.address(),
            &format!(
                "TRACE http://{host}/ HTTP/1.1\r\nHost: {host}\r\nMax-Forwards: {left}\r\nAuthorization: Basic c2VjcmV0\r\n\
                 Proxy-Authorization: Basic c2VjcmV0\r\nCookie: secret=1\r\nX-Seen: yes\r\n\r\n"
            ),
        )
    };
    let here = trace(0);
    assert_eq!((here.status, here.field("content-type")), (200, Some("message/http")));
    let text = here.text();
    assert!(text.starts_with("TRACE http://") && text.contains("X-Seen: yes"), "{text}");
    assert!(!text.contains("secret") && !text.contains("c2VjcmV0"), "{text}");
    assert!(origin.requests().is_empty());
    assert_eq!(trace(2).text(), "traced");
    let there = &origin.requests()[0];
    assert_eq!((there.field("max-forwards"), there.field("proxy-authorization")), (Some("1"), None));
}

#[test]
fn what_belongs_to_one_hop_ends_there_and_nothing_else_does() {
    let origin = Origin::start(|_, answer| {
        answer.whole(
            200,
            &[
                "Connection: X-Theirs, close-not, Content-Length, Set-Cookie",
                "X-Theirs: a",
                "Keep-Alive: timeout=5",
                "Proxy-Authenticate: Basic realm=inner",
                "Set-Cookie: a=b",
                "X-End: to end",
            ],
            b"body",
        )
    });
    let cnn = Launch::new(cnn_exe!()).start();
    let host = origin.address();
    let reply = ask(
        cnn.address(),
        &format!(
            "POST http://{host}/ HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nConnection: close, X-Ours, Host, Content-Length, \
             Via, Authorization, X-Forwarded-For\r\nX-Ours: a\r\nProxy-Authorization: Basic c2VjcmV0\r\nProxy-Connection: \
             keep-alive\r\nTE: trailers\r\nKeep-Alive: 5\r\nAuthorization: Basic b3Blbg==\r\nX-Forwarded-For: 192.0.2.1\r\nX-End: to \
             end\r\n\r\nsent"
        ),
    );
    let request = &origin.requests()[0];
    for gone in ["x-ours", "proxy-authorization", "proxy-connection", "keep-alive", "te"] {
        assert_eq!(request.field(gone), None, "{gone}");
    }
    assert_eq!(
        (request.body.as_slice(), request.field("authorization")),
        (&b"sent"[..], Some("Basic b3Blbg=="))
    );
    assert_eq!(request.field("x-forwarded-for"), Some("192.0.2.1, 127.0.0.1"));
    assert!(request.field("via").is_some() && request.field("x-end") == Some("to end"));
    for gone in ["x-theirs", "keep-alive", "proxy-authenticate"] {
        assert_eq!(reply.field(gone), None, "{gone}");
    }
    let told = (reply.text(), reply.field("set-cookie"), reply.field("x-end"));
    assert_eq!(told, ("body".to_owned(), Some("a=b"), Some("to end")));
}

#[test]
fn what_was_meant_for_one_user_is_not_served_to_another() {
    let origin = Origin::start(|request, answer| {
        let fields: &[&str] = match request.target.as_str() {
            "/public" => &["Cache-Control: public, max-age=60"],
            _ => &["Cache-Control: max-age=60"],
        };
        answer.whole(200, fields, request.field("authorization").unwrap_or("nobody").as_bytes())
    });
    let cnn = Launch::new(cnn_exe!()).start();
    let alice = &["Authorization: alice"];
    assert_eq!(cnn.get(&origin.url("/a"), alice).text(), "alice");
    assert_eq!(cnn.get(&origin.url("/a"), &[]).text(), "nobody");
    assert_eq!(cnn.get(&origin.url("/public"), alice).text(), "alice");
    assert_eq!(cnn.get(&origin.url("/public"), &[]).text(), "alice", "its origin says that all may have it");
}
