//! RFC 9111 sections 5.2 and 5.4: what directives of requests and responses do to a stored response.

use super::*;
use OriginState::{Down, Failing};

const FRESH: &str = "Cache-Control: max-age=3600\nETag: \"a\"";

#[test]
fn a_request_can_ask_for_more_than_fresh() {
    let check_next = |next, expected| check(Story::new(FRESH).after(3).next(next), expected);
    check_next("Cache-Control: nothing-to-see-here", Source::Store);
    check_next("Cache-Control: max-age=0", Source::Validated);
    check_next("Cache-Control: max-age=1", Source::Validated);
    check_next("Cache-Control: max-age=x", Source::Validated);
    check_next("Cache-Control: max-age=3", Source::Store);
    check_next("Cache-Control: min-fresh=3597", Source::Store);
    check_next("Cache-Control: min-fresh=3598", Source::Validated);
    check_next("Cache-Control: min-fresh=x", Source::Store);
    check_next("Cache-Control: no-cache", Source::Validated);
    check_next("Cache-Control: no-store", Source::Store);
    check_next("Pragma: no-cache", Source::Validated);
    check_next("Pragma: unrecognised-extension", Source::Store);
    check_next("Pragma: no-cache\nCache-Control: foo", Source::Store);
    check(
        Story::new("Cache-Control: max-age=3600\nAge: 1800\nETag: \"a\"").next("Cache-Control: max-age=600"),
        Source::Validated,
    );
    check(
        Story::new("Cache-Control: max-age=1500\nAge: 1000\nETag: \"a\"")
            .next("Cache-Control: min-fresh=1000"),
        Source::Validated,
    );
}

#[test]
fn max_stale_accepts_what_is_stale() {
    let stale = Story::new("Cache-Control: max-age=1\nETag: \"a\"").after(11);
    check(stale, Source::Validated);
    check(stale.next("Cache-Control: max-stale"), Source::Store);
    check(stale.next("Cache-Control: max-stale=10"), Source::Store);
    check(stale.next("Cache-Control: max-stale=9"), Source::Validated);
    check(stale.next("Cache-Control: max-stale=x"), Source::Validated);
    check(stale.next("Cache-Control: max-stale=100, max-age=5"), Source::Validated);
    check(stale.next("Cache-Control: max-stale=100, min-fresh=1"), Source::Validated);
    check(
        Story::new("Cache-Control: max-age=1500\nAge: 2000\nETag: \"a\"")
            .next("Cache-Control: max-stale=1000"),
        Source::Store,
    );
}

#[test]
fn the_origin_can_forbid_what_max_stale_accepts() {
    for response in [
        "Cache-Control: max-age=1, must-revalidate\nETag: \"a\"",
        "Cache-Control: max-age=1, proxy-revalidate\nETag: \"a\"",
        "Cache-Control: max-age=1, no-cache\nETag: \"a\"",
        "Cache-Control: s-maxage=1\nETag: \"a\"",
    ] {
        check(Story::new(response).after(3).next("Cache-Control: max-stale=1000"), Source::Validated);
    }
}

#[test]
fn must_revalidate_does_nothing_to_what_is_fresh() {
    check(Story::new("Cache-Control: max-age=60, must-revalidate").after(59), Source::Store);
    check(Story::new("Cache-Control: max-age=60, must-revalidate\nETag: \"a\"").after(60), Source::Validated);
}

#[test]
fn no_cache_is_validated_however_fresh() {
    for response in [
        "Cache-Control: no-cache\nETag: \"a\"",
        "Cache-Control: max-age=10000, No-CaChE\nExpires: {+10000}\nETag: \"a\"",
        "Cache-Control: max-age=10000, no-cache=field\nETag: \"a\"",
        "Cache-Control: max-age=10000, no-cache=\"\"\nETag: \"a\"",
    ] {
        check(Story::new(response), Source::Validated);
    }
}

#[test]
fn only_if_cached_never_asks_the_origin() {
    let only = "Cache-Control: only-if-cached";
    check(Story::new(FRESH).next(only), Source::Store);
    check(Story::new(FRESH).after(3600).next(only), Source::Proxy);
    check(Story::new("Cache-Control: no-store").next(only), Source::Proxy);
    check(Story::new("Cache-Control: no-cache\nETag: \"a\"").next(only), Source::Proxy);
    check(Story::new(FRESH).next("Cache-Control: only-if-cached, no-cache"), Source::Proxy);
    check(Story::new(FRESH).after(3600).next("Cache-Control: only-if-cached, max-stale"), Source::Store);
    let (_, answer) = Story::new("").next(only).play();
    assert_eq!(answer.response.status, 504);
}

#[test]
fn pragma_in_a_response_means_nothing() {
    check(Story::new("Cache-Control: max-age=3600\nPragma: no-cache"), Source::Store);
    check(Story::new("Last-Modified: {-10000}\nPragma: no-cache"), Source::Store);
}

#[test]
fn a_stale_response_is_better_than_none() {
    let stale = Story::new("Cache-Control: max-age=2").after(5);
    check(stale.origin(Down), Source::Validated);
    for status in [500, 502, 503, 504] {
        check(stale.origin(Failing(status)), Source::Validated);
    }
    for status in [403, 404, 501, 505] {
        check(stale.origin(Failing(status)), Source::Origin);
    }
    check(stale.after(2 + 7 * 86_400).origin(Down), Source::Validated);
    check(stale.after(3 + 7 * 86_400).origin(Down), Source::Proxy);
    check(stale.next("Cache-Control: no-cache").origin(Down), Source::Proxy);
    // Validated for the client's sake only, it is still fresh.
    check(Story::new(FRESH).next("Cache-Control: max-age=0").origin(Down), Source::Validated);
}

#[test]
fn a_stored_failure_is_no_better_than_a_new_one() {
    let stale = Story::new("Cache-Control: max-age=2, stale-if-error=60").status(503).after(5);
    check(stale.origin(Failing(500)), Source::Origin);
    check(stale.origin(Down), Source::Proxy);
    check(stale.status(404).origin(Down), Source::Validated);
}

#[test]
fn the_origin_can_forbid_what_is_stale_when_it_fails() {
    for response in [
        "Cache-Control: max-age=2, must-revalidate",
        "Cache-Control: max-age=2, proxy-revalidate",
        "Cache-Control: max-age=2, no-cache\nETag: \"a\"",
        "Cache-Control: s-maxage=2",
    ] {
        check(Story::new(response).after(5).origin(Down), Source::Proxy);
        check(Story::new(response).after(5).origin(Failing(503)), Source::Origin);
    }
}
