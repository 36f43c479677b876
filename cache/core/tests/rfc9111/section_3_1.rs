//! RFC 9111 section 3.1: storing header and trailer fields.

use super::*;

/// Asserts which lines of a response come back from the store.
#[track_caller]
fn check_stored(response: &'static str, kept: &[&str], left_out: &[&str]) {
    let (from, answer) = Story::new(response).play();
    assert_eq!(from, Source::Store, "{response:?}");
    for line in kept {
        let (name, value) = line.split_once(": ").expect("a field has a colon");
        assert!(
            answer.response.fields.all(name).any(|stored| stored == value.as_bytes()),
            "{response:?}: {line}"
        );
    }
    for name in left_out {
        assert!(!answer.response.fields.has(name), "{response:?}: {name}");
    }
}

#[test]
fn fields_are_stored_whether_known_or_not() {
    check_stored(
        "Cache-Control: max-age=60\nX-Unknown: 1\nx-unknown: 2\nContent-Type: text/plain\nSet-Cookie: a=b\n\
         Content-Range: x\nClear-Site-Data: cookies",
        &["X-Unknown: 1", "X-Unknown: 2", "Content-Type: text/plain", "Set-Cookie: a=b", "Content-Range: x"],
        &[],
    );
}

#[test]
fn fields_of_one_hop_are_not_stored() {
    check_stored(
        "Cache-Control: max-age=60\nConnection: a, b\na: 1\nB: 2\nc: 3\nKeep-Alive: x\nProxy-Authenticate: x\n\
         Proxy-Authentication-Info: x\nProxy-Authorization: x\nProxy-Connection: x\nTE: x\nTransfer-Encoding: x\n\
         Upgrade: x\nTrailer: x",
        &["c: 3"],
        &[
            "Connection",
            "a",
            "b",
            "Keep-Alive",
            "Proxy-Authenticate",
            "Proxy-Authentication-Info",
            "Proxy-Authorization",
            "Proxy-Connection",
            "TE",
            "Transfer-Encoding",
            "Upgrade",
            "Trailer",
        ],
    );
}

#[test]
fn connection_cannot_take_away_what_rules_rest_on() {
    check_stored(
        "Connection: cache-control, vary, etag\nCache-Control: max-age=60\nETag: \"a\"",
        &["ETag: \"a\""],
        &["Connection"],
    );
}

#[test]
fn withheld_fields_are_not_stored() {
    check_stored("Cache-Control: no-cache=\"a\"\na: 1\nb: 2\nCache-Control: max-age=60", &["b: 2"], &["a"]);
    check_stored("Cache-Control: max-age=60, no-cache=\"A, b\"\na: 1\nb: 2\nc: 3", &["c: 3"], &["a", "b"]);
    check_stored(
        "Cache-Control: max-age=60, private=\"Set-Cookie\"\nSet-Cookie: a=b\nb: 2",
        &["b: 2"],
        &["Set-Cookie"],
    );
}

#[test]
fn a_date_is_stored_as_received_or_of_arrival() {
    let date = |response| {
        let (_, answer) = Story::new(response).after(30).play();
        answer.response.fields.all("date").map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let arrival = [b"Fri, 15 Jan 2027 08:00:00 GMT".to_vec()];
    assert_eq!(date("Cache-Control: max-age=60\nDate: {+0}"), arrival);
    assert_eq!(date("Cache-Control: max-age=60"), arrival);
    assert_eq!(date("Cache-Control: max-age=60\nDate: foo"), arrival);
    assert_eq!(date("Cache-Control: max-age=60\nDate: {-5}"), [b"Fri, 15 Jan 2027 07:59:55 GMT".to_vec()]);
}
