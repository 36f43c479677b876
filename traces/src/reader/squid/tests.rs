//! Tests of reading the native format, and what became of it in the wild.

use super::*;

const FULL: Record<'_> = Record {
    name: Name::Url(b"http://a.test/"),
    size: Some(2386),
    time_us: Some(1_795_191_691_366_000),
    elapsed_us: Some(2000),
    method: Some(b"GET"),
    status: Some(200),
    outcome: Some(b"TCP_MISS"),
    mime: Some(b"text/html"),
    client: Some(b"192.0.2.1"),
};

fn check(line: &str, expected: Record<'_>) {
    assert_eq!(record(line.as_bytes()), Ok(expected), "{line}");
}

#[test]
fn a_native_line_is_read_with_all_it_says() {
    check(
        "1795191691.366      2 192.0.2.1 TCP_MISS/200 2386 GET http://a.test/ - HIER_DIRECT/192.0.2.2 text/html",
        FULL,
    );
}

#[test]
fn nine_fields_and_more_than_ten_are_as_good() {
    let nine = "1795191691.366 2 192.0.2.1 TCP_MISS/200 2386 GET http://a.test/ - DIRECT/www.a.test";
    check(nine, Record { mime: None, ..FULL });
    check(&format!("{nine} text/html \"sample/1.0\" tt=0 dt=-"), FULL);
    check(&format!("{nine} text/html; charset=utf-8"), FULL);
    check(&format!("{nine} -"), Record { mime: None, ..FULL });
}

#[test]
fn a_prefix_in_place_of_the_seconds_may_have_a_date() {
    let rest = "2 192.0.2.1 TCP_MISS/200 2386 GET http://a.test/ - HIER_NONE/- text/html";
    for prefix in [
        "20/Nov/2026:23:21:31 +0700.366     ",
        "[20/Nov/2026:16:21:31 +0000.366]",
        "2026-11-20T16:21:31.366Z",
        "2026-11-20 18:21:31.366+02:00",
        "2026-11-20T16:21:31.366+0000",
        "host squid[77]: 1795191691.366   ",
        "Nov 20 16:21:31 proxy (squid-1)[12]: 1795191691.366",
        "2026-11-20T16:22:00+00:00 proxy squid: 1795191691.366",
    ] {
        check(&format!("{prefix} {rest}"), FULL);
    }
}

#[test]
fn a_url_with_blanks_ends_before_user_and_hierarchy() {
    let line = "1795191691.366 2 192.0.2.1 TCP_MISS/200 2386 GET http://a.test/x y/z a - HIER_DIRECT/192.0.2.2 text/html";
    check(line, Record { name: Name::Url(b"http://a.test/x y/z a"), ..FULL });
}

#[test]
fn what_has_no_value_is_none() {
    let line = "1795191691.349 -1 - NONE_NONE/000 0 - error:transaction-end-before-headers - HIER_NONE/- -";
    let expected = Record {
        time_us: Some(1_795_191_691_349_000),
        elapsed_us: Some(0),
        size: Some(0),
        status: Some(0),
        outcome: Some(b"NONE_NONE"),
        ..Record::of(Name::Url(b"error:transaction-end-before-headers"))
    };
    check(line, expected);
}

#[test]
fn what_is_no_such_line_is_damaged_and_says_why() {
    let check = |line: &str, expected: &'static str| {
        assert_eq!(record(line.as_bytes()), Err(Damage(expected)), "{line}");
    };
    check("Unmatched! The rat the cat the dog chased killed ate the malt!", "no result code and status");
    check(
        "1795191691.366 2 192.0.2.1 TCP_MISS/20000 2386 GET http://a.test/ - X/- a",
        "no result code and status",
    );
    check("x 2 192.0.2.1 TCP_MISS/200 2386 GET http://a.test/ - X/- a", "no time that can be read");
    check("1795191691.366 2 192.0.2.1 TCP_MISS/200 many GET http://a.test/ - X/- a", "no number of bytes");
    check(
        "1795191691.366 2 192.0.2.1 TCP_MISS/200 1 GET http://a.test/",
        "the line ends before its hierarchy code",
    );
    check(
        "1795191691.366 2 192.0.2.1 TCP_MISS/200 1 GET http://a.test/ - none text/html",
        "the line ends before its hierarchy code",
    );
    check("1795191691.366", "no result code and status");
}
