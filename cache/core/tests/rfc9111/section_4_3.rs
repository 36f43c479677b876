//! RFC 9111 section 4.3: validation, of stored responses by us and by clients.

use super::*;

const TAGGED: &str =
    "Cache-Control: max-age=60\nETag: \"a\"\nLast-Modified: {-3000}\nContent-Type: text/plain";

/// Asserts the status of the second answer of a story, and that it came from the store.
#[track_caller]
fn check_status(response: &'static str, next: &'static str, expected: u16) {
    let (from, answer) = Story::new(response).next(next).play();
    assert_eq!((from, answer.response.status), (Source::Store, expected), "{response:?} then {next:?}");
}

#[test]
fn stale_responses_are_validated_with_what_they_have() {
    let asked = |response| {
        let (from, answer) = Story::new(response).after(61).play();
        let field = |name: &str| {
            answer.asked[0]
                .fields
                .all(name)
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect::<Vec<_>>()
        };
        (from, field("if-none-match"), field("if-modified-since"))
    };
    let date = "Fri, 15 Jan 2027 07:10:00 GMT".to_owned();
    assert_eq!(asked(TAGGED), (Source::Validated, vec!["\"a\"".to_owned()], vec![date.clone()]));
    assert_eq!(
        asked("Cache-Control: max-age=60\nETag: W/\"a\""),
        (Source::Validated, vec!["W/\"a\"".to_owned()], vec![])
    );
    assert_eq!(
        asked("Cache-Control: max-age=60\nLast-Modified: {-3000}"),
        (Source::Validated, vec![], vec![date])
    );
    assert_eq!(asked("Cache-Control: max-age=60"), (Source::Origin, vec![], vec![]));
}

#[test]
fn the_clients_conditions_do_not_go_along_with_ours() {
    let next = "If-None-Match: \"z\"\nIf-Match: \"z\"\nIf-Range: \"z\"\nRange: bytes=0-0\nOther: 1";
    let (_, answer) = Story::new("Cache-Control: max-age=60\nETag: \"a\"").after(61).next(next).play();
    let asked = &answer.asked[0].fields;
    assert_eq!(asked.all("if-none-match").collect::<Vec<_>>(), [b"\"a\""]);
    assert!(!asked.has("if-match") && !asked.has("if-range") && !asked.has("range") && asked.has("other"));
}

#[test]
fn a_client_that_has_it_gets_304() {
    check_status(TAGGED, "If-None-Match: \"a\"", 304);
    check_status(TAGGED, "If-None-Match: W/\"a\"", 304);
    check_status(TAGGED, "If-None-Match: *", 304);
    check_status(TAGGED, "If-None-Match: \"x\", \"a\", \"y\"", 304);
    check_status(TAGGED, "If-None-Match: \"x\"\nIf-None-Match: \"a\"", 304);
    check_status(TAGGED, "If-None-Match: \"x\"", 200);
    check_status(TAGGED, "If-None-Match: \"A\"", 200);
    check_status(TAGGED, "If-None-Match:", 200);
    check_status("Cache-Control: max-age=60\nETag: W/\"a\"", "If-None-Match: \"a\"", 304);
    check_status("Cache-Control: max-age=60", "If-None-Match: \"a\"", 200);
    check_status("Cache-Control: max-age=60", "If-None-Match: *", 304);
    check_status(TAGGED, "If-Modified-Since: {-3000}", 304);
    check_status(TAGGED, "If-Modified-Since: {-2000}", 304);
    check_status(TAGGED, "If-Modified-Since: {-3001}", 200);
    check_status(TAGGED, "If-Modified-Since: foo", 200);
    check_status(TAGGED, "If-Modified-Since: {-3000}\nIf-Modified-Since: {-3000}", 200);
    check_status("Cache-Control: max-age=60\nDate: {+0}", "If-Modified-Since: {+0}", 304);
    check_status("Cache-Control: max-age=60\nDate: {+0}", "If-Modified-Since: {-1}", 200);
}

#[test]
fn entity_tags_come_before_dates() {
    check_status(TAGGED, "If-None-Match: \"a\"\nIf-Modified-Since: {-9000}", 304);
    check_status(TAGGED, "If-None-Match: \"x\"\nIf-Modified-Since: {-1}", 200);
    check_status(TAGGED, "If-Match: \"a\"\nIf-Unmodified-Since: {-9000}", 200);
}

#[test]
fn preconditions_come_before_validation() {
    check_status(TAGGED, "If-Match: \"a\"", 200);
    check_status(TAGGED, "If-Match: *", 200);
    check_status(TAGGED, "If-Match: \"x\"", 412);
    check_status(TAGGED, "If-Match: W/\"a\"", 412);
    check_status("Cache-Control: max-age=60\nETag: W/\"a\"", "If-Match: W/\"a\"", 412);
    check_status(TAGGED, "If-Match: \"x\"\nIf-None-Match: \"a\"", 412);
    check_status(TAGGED, "If-Match: \"a\"\nIf-None-Match: \"a\"", 304);
    check_status(TAGGED, "If-Unmodified-Since: {-3000}", 200);
    check_status(TAGGED, "If-Unmodified-Since: {-3001}", 412);
    check_status(TAGGED, "If-Unmodified-Since: foo", 200);
    check_status("Cache-Control: max-age=60", "If-Unmodified-Since: {-9000}", 200);
}

#[test]
fn conditions_on_what_is_no_success_are_ignored() {
    for status in [301, 404, 500] {
        for next in ["If-None-Match: \"a\"", "If-Match: \"x\""] {
            let (from, answer) = Story::new(TAGGED).status(status).next(next).play();
            assert_eq!((from, answer.response.status), (Source::Store, status));
        }
    }
}

#[test]
fn a_304_has_what_describes_the_response_and_not_its_content() {
    let response = "Cache-Control: max-age=60\nETag: \"a\"\nDate: {+0}\nExpires: {+60}\nVary: Foo\n\
        Content-Location: /b\nLast-Modified: {-9}\nContent-Type: text/plain\nContent-Length: 5\nContent-Language: de\n\
        Content-Encoding: br\nAccess-Control-Allow-Origin: *";
    let (_, answer) = Story::new(response).next("If-None-Match: \"a\"").play();
    let has = |name: &str| answer.response.fields.has(name);
    for name in [
        "Cache-Control",
        "ETag",
        "Date",
        "Expires",
        "Vary",
        "Content-Location",
        "Last-Modified",
        "Age",
        "Access-Control-Allow-Origin",
    ] {
        assert!(has(name), "{name}");
    }
    for name in ["Content-Type", "Content-Length", "Content-Language", "Content-Encoding"] {
        assert!(!has(name), "{name}");
    }
    assert!(answer.response.content.is_empty());
}

#[test]
fn a_stale_response_is_validated_before_the_client_gets_304() {
    let story = Story::new(TAGGED).after(61);
    check(story.next("If-Modified-Since: {-3061}"), Source::Validated);
    let (_, answer) = story.next("If-None-Match: \"a\"").play();
    assert_eq!((answer.asked.len(), answer.response.status), (1, 304));
}

#[test]
fn ranges_are_served_from_the_stored_whole() {
    let check = |next: &'static str, status: u16, content: &str, content_range: Option<&str>| {
        let (from, answer) = Story::new(TAGGED).next(next).play();
        let response = &answer.response;
        assert_eq!((from, response.status), (Source::Store, status), "{next}");
        assert_eq!(String::from_utf8_lossy(&response.content), content, "{next}");
        assert_eq!(response.fields.first("content-range"), content_range.map(str::as_bytes), "{next}");
    };
    check("Range: bytes=0-1", 206, "fi", Some("bytes 0-1/5"));
    check("Range: bytes=1-", 206, "irst", Some("bytes 1-4/5"));
    check("Range: bytes=-2", 206, "st", Some("bytes 3-4/5"));
    check("Range: bytes=9-", 416, "", Some("bytes */5"));
    check("Range: lines=0-1", 200, "first", None);
    check("Range: bytes=0-1\nIf-Range: \"a\"", 206, "fi", Some("bytes 0-1/5"));
    check("Range: bytes=0-1\nIf-Range: \"x\"", 200, "first", None);
    check("Range: bytes=0-1\nIf-Range: W/\"a\"", 200, "first", None);
    check("Range: bytes=0-1\nIf-Range: {-3000}", 206, "fi", Some("bytes 0-1/5"));
    check("Range: bytes=0-1\nIf-Range: {-2999}", 200, "first", None);
    check("Range: bytes=0-1\nIf-Range: foo", 200, "first", None);
    check("Range: bytes=0-1\nIf-None-Match: \"a\"", 304, "", None);
}

#[test]
fn several_ranges_come_as_parts() {
    let (_, answer) = Story::new(TAGGED).next("Range: bytes=0-0,-1").play();
    assert_eq!(answer.response.status, 206);
    assert_eq!(
        answer.response.fields.first("content-type"),
        Some(&b"multipart/byteranges; boundary=cnn-0000000000000007"[..])
    );
    assert_eq!(
        String::from_utf8_lossy(&answer.response.content),
        "\r\n--cnn-0000000000000007\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/5\r\n\r\nf\
         \r\n--cnn-0000000000000007\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-4/5\r\n\r\nt\
         \r\n--cnn-0000000000000007--\r\n"
    );
}
