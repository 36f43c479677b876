//! What is left of a message after this hop, and what it learns there.

use super::*;

/// Asserts which fields are left for the next hop.
#[track_caller]
fn check_left(lines: &[(&str, &str)], expected: &[&str]) {
    let mut fields: Fields = lines.iter().copied().collect();
    remove_hop_by_hop(&mut fields);
    let left: Vec<_> = fields.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(left, expected, "{lines:?}");
}

#[test]
fn fields_of_one_hop_are_removed() {
    check_left(
        &[
            ("Host", "a"),
            ("Connection", "close"),
            ("KEEP-ALIVE", "x"),
            ("Proxy-Connection", "x"),
            ("Proxy-Authorization", "x"),
            ("Proxy-Authenticate", "x"),
            ("Proxy-Authentication-Info", "x"),
            ("TE", "trailers"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("HTTP2-Settings", "x"),
            ("Trailer", "x"),
            ("X-Other", "x"),
        ],
        &["Host", "Trailer", "X-Other"],
    );
}

#[test]
fn what_connection_names_is_removed() {
    check_left(&[("Connection", "a, B"), ("A", "1"), ("b", "2"), ("c", "3")], &["c"]);
    check_left(&[("Connection", "a"), ("connection", ", b,"), ("A", "1"), ("b", "2"), ("c", "3")], &["c"]);
    check_left(&[("Connection", "close"), ("Close", "1")], &[]);
}

#[test]
fn what_connection_names_can_be_removed_by_itself() {
    let mut fields: Fields =
        [("Connection", "a, close, Host"), ("A", "1"), ("TE", "b"), ("Host", "c")].into_iter().collect();
    remove_named(&mut fields);
    let left: Vec<_> = fields.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(left, ["Connection", "TE", "Host"]);
}

#[test]
fn what_the_next_hop_rests_on_cannot_be_taken_away() {
    for name in END_TO_END {
        check_left(&[("Connection", name), (name, "x")], &[name]);
    }
}

#[test]
fn loops_are_seen_in_via() {
    let check = |via: &[&str], expected: bool| {
        let fields: Fields = via.iter().map(|&value| ("Via", value)).collect();
        assert_eq!(has_passed(&fields, "proxy.example"), expected, "{via:?}");
    };
    check(&[], false);
    check(&["1.1 proxy.example"], true);
    check(&["1.0 fred, 1.1 Proxy.Example (cnn)"], true);
    check(&["1.0 fred", "HTTP/1.1  proxy.example"], true);
    check(&["1.1 proxy.example2", "1.1 x-proxy.example", "proxy.example", "1.1 a proxy.example", ""], false);
    let mut fields: Fields = [("Via", "1.0 fred")].into_iter().collect();
    push_via(&mut fields, ReceivedProtocol::Http11, "proxy.example");
    assert_eq!(fields.all("via").collect::<Vec<_>>(), [&b"1.0 fred"[..], b"1.1 proxy.example (cnn)"]);
    assert!(has_passed(&fields, "proxy.example"));
}

#[test]
fn max_forwards_counts_down() {
    let check = |method: Method, value: &str, expected: MaxForwards| {
        let fields: Fields = [("Max-Forwards", value)].into_iter().collect();
        assert_eq!(max_forwards(&method, &fields), expected, "{method} {value:?}");
    };
    check(Method::Trace, "0", MaxForwards::Answer);
    check(Method::Trace, "00", MaxForwards::Answer);
    check(Method::Options, "10", MaxForwards::Forward(9));
    check(Method::Get, "0", MaxForwards::Unlimited);
    for value in ["", "-1", "+1", "x", "1.0", "99999999999999999999"] {
        check(Method::Options, value, MaxForwards::Unlimited);
    }
    assert_eq!(max_forwards(&Method::Trace, &Fields::new()), MaxForwards::Unlimited);
}

#[test]
fn trace_echoes_no_credentials() {
    let mut fields: Fields =
        [("Authorization", "x"), ("Cookie", "x"), ("Proxy-Authorization", "x"), ("Host", "x")]
            .into_iter()
            .collect();
    remove_credentials(&mut fields);
    assert_eq!(fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), [b"Host"]);
}

#[test]
fn trailers_are_taken_by_who_says_so() {
    let accepts = |te: &str| accepts_trailers(&[("TE", te)].into_iter().collect());
    assert!(accepts("trailers") && accepts("gzip, Trailers"));
    assert!(!accepts("") && !accepts("gzip"));
}
