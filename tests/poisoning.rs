//! Attempts to make the cache give to many what was meant for one: what the key leaves out, errors that a request provokes,
//! pages that pose as files, and documents that collide.
//!
//! Not here: fields that mean another target (`hostile_clients.rs`), and what may be stored at all, which the public suite
//! and the engine's tests judge.

use cnn_support::{Cnn, Launch, Origin, Reply, cnn_exe};

const FRESH: &[&str] = &["Cache-Control: max-age=60"];

fn start() -> Cnn {
    Launch::new(cnn_exe!()).start()
}

fn ask(cnn: &Cnn, request: &str) -> Reply {
    cnn.connect().exchange(request)
}

/// An origin that answers a request without `field` honestly and any other with an error.
fn provoked(field: &'static str, error: u16, fields: &'static [&'static str]) -> Origin {
    Origin::start(move |request, answer| match request.field(field) {
        Some(_) => answer.whole(error, fields, b"provoked"),
        None => answer.whole(200, FRESH, b"honest"),
    })
}

#[test]
fn an_error_that_a_request_provoked_is_not_what_others_get() {
    let long = "b".repeat(16 << 10);
    let cnn = start();
    for (field, value, error, fields) in [
        // Larger than many origins take, and not larger than we do.
        ("X-Oversized", long.as_str(), 400, &[][..]),
        ("X-Oversized", &long, 431, FRESH),
        ("X-Oversized", &long, 413, &[]),
        ("X-HTTP-Method-Override", "DELETE", 404, FRESH),
        ("X-HTTP-Method", "PUT", 405, FRESH),
        ("X-Method-Override", "POST", 501, FRESH),
        ("Expect", "nothing", 417, FRESH),
        ("Range", "bytes=9-", 416, FRESH),
        ("If-Match", "\"none\"", 412, FRESH),
    ] {
        let origin = provoked(field, error, fields);
        let url = origin.url("/a");
        let provoking = cnn.get(&url, &[&format!("{field}: {value}")]);
        assert!(provoking.status == error || provoking.status == 417, "{field}: {provoking:?}");
        for _ in 0..2 {
            let reply = cnn.get(&url, &[]);
            assert_eq!((reply.status, reply.text().as_str()), (200, "honest"), "{field}: {}", &value[..1]);
        }
    }
}

#[test]
fn characters_that_provoke_errors_do_not_reach_the_origin() {
    let origin = Origin::fixed(FRESH, "honest");
    let cnn = start();
    for character in ['\u{7}', '\u{1b}', '\u{7f}', '\u{1}'] {
        let reply = cnn.get(&origin.url("/a"), &[&format!("X-Meta: a{character}b")]);
        assert_eq!(reply.status, 400, "{character:?}");
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn content_in_a_get_neither_finds_nor_becomes_a_stored_response() {
    let origin = Origin::start(|request, answer| answer.whole(200, FRESH, &request.body));
    let cnn = start();
    let host = origin.address();
    let fat = format!("GET http://{host}/a HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\n\r\nevil");
    assert_eq!(ask(&cnn, &fat).text(), "evil");
    assert_eq!(cnn.get(&origin.url("/a"), &[]).text(), "");
    assert_eq!(ask(&cnn, &fat).text(), "evil");
    assert_eq!(cnn.get(&origin.url("/a"), &[]).text(), "");
    assert_eq!(origin.count("/a"), 3, "the honest one is stored");
}

#[test]
fn a_field_taken_away_by_connection_selects_no_variant() {
    let origin = Origin::start(|request, answer| {
        let told = request.field("origin").unwrap_or("none");
        answer.whole(200, &["Cache-Control: max-age=60", "Vary: Origin"], told.as_bytes())
    });
    let cnn = start();
    let url = origin.url("/a");
    assert_eq!(cnn.get(&url, &["Origin: http://a.test", "Connection: Origin"]).text(), "none");
    assert_eq!(cnn.get(&url, &["Origin: http://a.test"]).text(), "http://a.test");
    assert_eq!(cnn.get(&url, &["Origin: http://a.test", "Connection: Origin"]).text(), "none");
    assert_eq!(origin.count("/a"), 2);
}

#[test]
fn the_whole_target_is_the_key() {
    let tell = |request: &cnn_support::Request| {
        format!("{} {}", request.field("host").unwrap_or_default(), request.target)
    };
    let origin = Origin::start(move |request, answer| answer.whole(200, FRESH, tell(request).as_bytes()));
    let other = Origin::start(move |request, answer| answer.whole(200, FRESH, tell(request).as_bytes()));
    let cnn = start();
    let (here, there) = (origin.address(), other.address());
    // The target is what counts, whatever Host says (RFC 9112 section 3.2.2).
    let lying = format!("GET http://{here}/a HTTP/1.1\r\nHost: {there}\r\n\r\n");
    assert_eq!(ask(&cnn, &lying).text(), format!("{here} /a"));
    assert_eq!(cnn.get(&other.url("/a"), &[]).text(), format!("{there} /a"));
    assert_eq!(cnn.get(&origin.url("/a"), &[]).text(), format!("{here} /a"));
    for path in
        ["/b", "/B", "/b/", "/b?", "/b?c", "/%62", "/x/../b", "/x/%2e%2e/b", "/b;c", "/b%00", "/b%0d%0aA:b"]
    {
        for _ in 0..2 {
            assert_eq!(cnn.get(&origin.url(path), &[]).text(), format!("{here} {path}"));
        }
    }
    let cnn = Launch::new(cnn_exe!()).flag("--reverse", origin.url("")).start();
    for host in ["one.test", "two.test", "two.test:8080", "ONE.test"] {
        let reply = ask(&cnn, &format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(reply.text(), format!("{} /a", host.to_ascii_lowercase()));
    }
    assert_eq!(origin.count("/a"), 1 + 3);
}

#[test]
fn a_page_that_poses_as_a_file_is_stored_only_if_its_origin_says_so() {
    let origin = Origin::start(|request, answer| {
        let fields: &[&str] = match request.target.split('/').nth(1) {
            Some("private") => &["Cache-Control: private, max-age=60", "Content-Type: text/html"],
            Some("no-store") => &["Cache-Control: no-store", "Content-Type: text/html"],
            Some("cookie") => &["Set-Cookie: session=1", "Last-Modified: Mon, 01 Jan 2001 00:00:00 GMT"],
            _ => &["Content-Type: text/html"],
        };
        let told = format!("the account of {}", request.field("cookie").unwrap_or("nobody"));
        answer.whole(200, fields, told.as_bytes())
    });
    let cnn = start();
    // Path suffix, delimiter, encoded slash and delimiter, dot segments.
    for pose in [
        "account/x.css",
        "account;x.js",
        "account%2fx.png",
        "account%3Fx.css",
        "account%23x.ico",
        "static/..%2faccount",
        "static/../account.js",
        "account%00.jpg",
    ] {
        for says in ["private", "no-store", "cookie", "silent"] {
            let path = format!("/{says}/{pose}");
            let victim = cnn.get(&origin.url(&path), &["Cookie: session=victim"]);
            assert_eq!(victim.text(), "the account of session=victim");
            assert_eq!(cnn.get(&origin.url(&path), &[]).text(), "the account of nobody", "{path}");
        }
    }
}

#[test]
fn what_varies_without_bound_takes_no_more_than_its_share() {
    let origin = Origin::start(|request, answer| match request.target.as_str() {
        "/star" => answer.whole(200, &["Cache-Control: max-age=60", "Vary: *"], b"a"),
        _ => answer.whole(200, &["Cache-Control: max-age=60", "Vary: X-Any"], b"a"),
    });
    let cnn = start();
    for number in 0..200 {
        assert_eq!(cnn.get(&origin.url("/any"), &[&format!("X-Any: {number}")]).status, 200);
    }
    assert!(cnn.status("documents") <= 64.0, "{}", cnn.status("documents"));
    for count in 1..=2 {
        assert_eq!(cnn.get(&origin.url("/star"), &[]).status, 200);
        assert_eq!(origin.count("/star"), count);
    }
}

#[test]
fn many_ranges_get_no_more_than_the_whole() {
    let body = vec![b'x'; 10_000];
    let length = body.len();
    let origin = Origin::start(move |_, answer| answer.whole(200, FRESH, &body));
    let cnn = start();
    let url = origin.url("/a");
    assert_eq!(cnn.get(&url, &[]).body.len(), length);
    for one in ["0-", "0-9999", "-9999", "0-0", "1-18446744073709551615"] {
        let ranges = format!("Range: bytes={}", vec![one; 1000].join(","));
        let reply = cnn.get(&url, &[&ranges]);
        assert!(matches!(reply.status, 200 | 206 | 416), "{one}: {}", reply.status);
        assert!(reply.body.len() <= length, "{one}: {} bytes", reply.body.len());
    }
    let huge = cnn.get(&url, &["Range: bytes=18446744073709551616-18446744073709551617"]);
    assert!(matches!(huge.status, 200 | 416), "{huge:?}");
    assert_eq!(origin.count("/a"), 1);
    // What is not stored is asked for as it was asked of us: a byte for a client is not a document from the origin.
    let _ = cnn.get(&origin.url("/b"), &["Range: bytes=0-0"]);
    assert_eq!(origin.requests().last().unwrap().field("range"), Some("bytes=0-0"));
}

#[test]
fn an_error_page_shows_the_target_as_text() {
    let cnn = Launch::new(cnn_exe!()).deny_loopback().start();
    let reply = ask(
        &cnn,
        "GET http://127.0.0.1/<script>alert(1)</script>\"' HTTP/1.1\r\nHost: 127.0.0.1\r\nProxy-Authorization: Basic c2VjcmV0\r\nCookie: secret\r\n\r\n",
    );
    assert!(matches!(reply.status, 400 | 403), "{}", reply.status);
    let page = reply.text();
    assert!(!page.contains("<script") && !page.contains("c2VjcmV0") && !page.contains("secret"), "{page}");
}
