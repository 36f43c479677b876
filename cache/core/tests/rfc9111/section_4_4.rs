//! RFC 9111 section 4.4: invalidating stored responses.

use super::*;

const FRESH: &str = "Cache-Control: max-age=3600";

/// Stores `uri`, sends a request to [`URI`] with that outcome, and asserts whether `uri` is still stored.
#[track_caller]
fn check_invalidated(uri: &str, method: &str, status: u16, response: &str, expected: bool) {
    let mut model = Model::new();
    let now = model.now;
    let mut ask = |method: &str, uri: &str, status: u16, text: &str| {
        let response = Response { status, fields: fields(text, now), content: Vec::new() };
        model.request(method, uri, &Fields::new(), &mut |_| Some(response.clone())).asked.len()
    };
    ask("GET", uri, 200, FRESH);
    ask(method, URI, status, response);
    assert_eq!(
        ask("GET", uri, 200, FRESH) == 1,
        expected,
        "{method} {status} {response:?} invalidates {uri}"
    );
}

#[test]
fn unsafe_methods_invalidate_their_target() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"] {
        check_invalidated(URI, method, 200, "", true);
        check_invalidated(URI, method, 303, "", true);
        check_invalidated(URI, method, 404, "", false);
        check_invalidated(URI, method, 500, "", false);
        check_invalidated("http://example.com/other", method, 200, "", false);
    }
    for method in ["HEAD", "OPTIONS", "TRACE"] {
        check_invalidated(URI, method, 200, "", false);
    }
}

#[test]
fn what_the_response_names_is_invalidated_too() {
    for name in ["Location", "Content-Location"] {
        let line = |reference: &str| format!("{name}: {reference}");
        check_invalidated("http://example.com/b", "POST", 201, &line("b"), true);
        check_invalidated("http://example.com/b", "POST", 201, &line("/b"), true);
        check_invalidated("http://example.com/b", "POST", 201, &line("http://example.com/b"), true);
        check_invalidated("http://example.com/b", "POST", 500, &line("/b"), false);
        check_invalidated("http://other.example/b", "POST", 201, &line("http://other.example/b"), false);
    }
}
