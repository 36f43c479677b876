//! RFC 9111 section 3: storing responses in caches, and 3.5: storing responses to authenticated requests.

use cnn_core::rfc9111::Uncacheable;

use super::*;

const FRESH: &str = "Cache-Control: max-age=3600";

/// Asserts that the response to a first request is not stored, and why.
#[track_caller]
fn check_not_stored(story: Story, expected: Uncacheable) {
    let mut model = Model::new();
    let start = model.now;
    let response = story.answer("first", fields(story.response, start));
    let request = fields(story.request, start);
    let answer = model.request(story.method, URI, &request, &mut |_| Some(response.clone()));
    assert_eq!(answer.uncacheable, Some(expected), "{} {:?}", story.status, story.response);
    assert_eq!(model.variants(URI), 0);
}

#[test]
fn only_get_is_stored() {
    for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "M-SEARCH", "POST"] {
        if method != "HEAD" {
            check_not_stored(Story::new(FRESH).method(method), Uncacheable::Method);
        }
        check(Story::new(FRESH).method(method), Source::Origin);
    }
}

#[test]
fn a_post_that_yields_its_target_is_stored() {
    let post = |response| Story::new(response).method("POST").request("Content-Length: 3");
    check(post("Cache-Control: max-age=60\nContent-Location: /a"), Source::Store);
    check(post("Expires: {+60}\nContent-Location: http://EXAMPLE.com:80/a"), Source::Store);
    check(post("Cache-Control: max-age=60\nContent-Location: /b"), Source::Origin);
    check(post("Cache-Control: max-age=60\nContent-Location: http://other.example/a"), Source::Origin);
    check(post("Last-Modified: {-1000}\nContent-Location: /a"), Source::Origin);
    check(post("Cache-Control: max-age=60\nContent-Location: /a").status(404), Source::Origin);
}

#[test]
fn every_final_status_is_stored_with_an_explicit_lifetime() {
    for status in [
        200, 203, 204, 299, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 451, 499, 500, 501,
        502, 503, 504, 599,
    ] {
        check(Story::new(FRESH).status(status), Source::Store);
        check(Story::new("Expires: {-5000}\nLast-Modified: {-100000}").status(status), Source::Validated);
    }
}

#[test]
fn statuses_that_answer_how_a_request_was_made_are_not_stored() {
    for status in [206, 407, 412, 416, 417, 428, 429, 431, 511, 100, 199, 600, 999] {
        check_not_stored(Story::new(FRESH).status(status), Uncacheable::Status);
    }
}

#[test]
fn without_a_lifetime_the_status_decides() {
    let validators = "Last-Modified: {-86400}\nETag: \"a\"";
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 451, 501] {
        check(Story::new(validators).status(status), Source::Store);
    }
    for status in [201, 202, 299, 302, 303, 307, 400, 403, 500, 502, 503, 504, 599] {
        check_not_stored(Story::new(validators).status(status), Uncacheable::NoLifetime);
    }
    check(Story::new("Last-Modified: {-86400}\nCache-Control: public").status(599), Source::Store);
}

#[test]
fn what_could_never_be_reused_is_not_stored() {
    check_not_stored(Story::new(""), Uncacheable::NoLifetime);
    check_not_stored(Story::new("Cache-Control: public"), Uncacheable::NoLifetime);
    check_not_stored(Story::new("Cache-Control: max-age=0"), Uncacheable::AlreadyStale);
    check_not_stored(Story::new("Expires: {+0}"), Uncacheable::AlreadyStale);
    check_not_stored(Story::new("Cache-Control: max-age=60\nAge: 60"), Uncacheable::AlreadyStale);
    check_not_stored(Story::new("Cache-Control: max-age=60, no-cache"), Uncacheable::AlreadyStale);
    check(Story::new("Cache-Control: max-age=0\nETag: \"a\""), Source::Validated);
    check(Story::new("Cache-Control: no-cache\nETag: \"a\""), Source::Validated);
    check(Story::new("ETag: \"a\""), Source::Validated);
}

#[test]
fn no_store_and_private_are_not_stored() {
    for (response, reason) in [
        ("Cache-Control: no-store", Uncacheable::NoStore),
        ("Cache-Control: No-StOrE", Uncacheable::NoStore),
        ("Cache-Control: max-age=10000, no-store\nExpires: {+10000}", Uncacheable::NoStore),
        ("Cache-Control: public, no-store", Uncacheable::NoStore),
        ("Cache-Control: private, max-age=3600", Uncacheable::Private),
        ("Cache-Control: private=, max-age=3600", Uncacheable::Private),
        ("Cache-Control: private=\"\", max-age=3600", Uncacheable::Private),
        ("Cache-Control: private=field, max-age=3600", Uncacheable::Private),
        ("Cache-Control: private=\"not a name\", max-age=3600", Uncacheable::Private),
    ] {
        check_not_stored(Story::new(response), reason);
    }
    check_not_stored(Story::new(FRESH).request("Cache-Control: no-store"), Uncacheable::RequestNoStore);
}

#[test]
fn what_must_be_understood_is_stored_by_who_understands_it() {
    let must = "Cache-Control: max-age=3600, must-understand";
    check(Story::new(must), Source::Store);
    check_not_stored(Story::new(must).status(599), Uncacheable::MustUnderstand);
    check_not_stored(Story::new(must).status(299), Uncacheable::MustUnderstand);
    check(Story::new("Cache-Control: max-age=3600, must-understand, no-store"), Source::Store);
}

#[test]
fn responses_to_authorised_requests_are_stored_only_where_marked() {
    let with = |response| Story::new(response).request("Authorization: Basic Zm9vOmJhcg==");
    check_not_stored(with("Expires: {+2592000}"), Uncacheable::Authorization);
    check_not_stored(with(FRESH), Uncacheable::Authorization);
    check_not_stored(with("Cache-Control: max-age=60, proxy-revalidate"), Uncacheable::Authorization);
    check(with("Cache-Control: max-age=3600, public"), Source::Store);
    check(with("Cache-Control: max-age=3600, must-revalidate"), Source::Store);
    check(with("Cache-Control: s-maxage=3600"), Source::Store);
}

#[test]
fn a_cookie_is_stored_with_an_explicit_lifetime_only() {
    check(Story::new("Cache-Control: max-age=3600\nSet-Cookie: a=b"), Source::Store);
    check(Story::new("Expires: {+3600}\nSet-Cookie: a=b"), Source::Store);
    check(Story::new("Last-Modified: {-10000}\nCache-Control: public\nSet-Cookie: a=b"), Source::Store);
    check_not_stored(Story::new("Last-Modified: {-10000}\nSet-Cookie: a=b"), Uncacheable::SetCookie);
    check(Story::new(FRESH).next("Cookie: a=b"), Source::Store);
}

#[test]
fn what_the_key_does_not_hold_keeps_a_response_out() {
    check_not_stored(Story::new(FRESH).request("Content-Length: 3"), Uncacheable::RequestContent);
    check_not_stored(Story::new(FRESH).request("Transfer-Encoding: chunked"), Uncacheable::RequestContent);
    check(Story::new(FRESH).request("Content-Length: 0"), Source::Store);
    check(Story::new(FRESH).next("Content-Length: 3"), Source::Origin);
    for name in ["X-HTTP-Method-Override: DELETE", "X-HTTP-Method: PUT", "X-Method-Override: POST"] {
        check_not_stored(Story::new(FRESH).request(name), Uncacheable::MethodOverride);
    }
}

#[test]
fn keys_differ_by_query_and_host() {
    let mut model = Model::new();
    let start = model.now;
    let mut ask = |uri: &str| {
        let mut origin = |_: &Asked| Some(Story::new(FRESH).answer(uri, fields(FRESH, start)));
        model.request("GET", uri, &Fields::new(), &mut origin).asked.len()
    };
    for uri in ["http://a/x?1", "http://a/x?2", "http://a/x", "http://b/x", "http://a:81/x", "https://a/x"] {
        assert_eq!((ask(uri), ask(uri)), (1, 0), "{uri}");
    }
    assert_eq!(ask("HTTP://A:80/x"), 0);
}
