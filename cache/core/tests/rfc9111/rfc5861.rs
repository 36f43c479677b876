//! RFC 5861: stale-while-revalidate and stale-if-error.

use super::*;
use OriginState::{Down, Failing};

#[test]
fn stale_while_revalidate_serves_at_once_and_validates_later() {
    let story = Story::new("Cache-Control: max-age=60, stale-while-revalidate=30\nETag: \"a\"");
    for (seconds, expected, is_later) in [
        (59, Source::Store, false),
        (60, Source::Store, true),
        (89, Source::Store, true),
        (90, Source::Validated, false),
    ] {
        let (from, answer) = story.after(seconds).play();
        assert_eq!((from, answer.is_revalidated_later), (expected, is_later), "after {seconds} s");
    }
    check(story.after(70).next("Cache-Control: no-cache"), Source::Validated);
    check(story.after(70).next("Cache-Control: max-age=65"), Source::Validated);
    check(story.after(70).next("Cache-Control: only-if-cached"), Source::Store);
}

#[test]
fn what_forbids_staleness_forbids_it_here_too() {
    for response in [
        "Cache-Control: max-age=60, stale-while-revalidate=30, must-revalidate\nETag: \"a\"",
        "Cache-Control: max-age=60, stale-while-revalidate=30, proxy-revalidate\nETag: \"a\"",
        "Cache-Control: max-age=60, stale-while-revalidate=30, no-cache\nETag: \"a\"",
        "Cache-Control: max-age=60, stale-while-revalidate=x\nETag: \"a\"",
    ] {
        check(Story::new(response).after(70), Source::Validated);
    }
}

#[test]
fn with_s_maxage_the_origins_own_window_counts() {
    // s-maxage implies proxy-revalidate, but an origin that gives a window beside it means the window.
    check(Story::new("Cache-Control: s-maxage=60, stale-while-revalidate=30").after(70), Source::Store);
    check(
        Story::new("Cache-Control: s-maxage=60, stale-if-error=30").after(70).origin(Down),
        Source::Validated,
    );
    check(
        Story::new("Cache-Control: s-maxage=60")
            .after(70)
            .next("Cache-Control: stale-if-error=30")
            .origin(Down),
        Source::Proxy,
    );
}

#[test]
fn stale_if_error_sets_the_limit() {
    let story = Story::new("Cache-Control: max-age=60, stale-if-error=30\nETag: \"a\"");
    for origin in [Down, Failing(500), Failing(502), Failing(503), Failing(504)] {
        check(story.after(90).origin(origin), Source::Validated);
    }
    check(story.after(91).origin(Down), Source::Proxy);
    check(story.after(91).origin(Failing(503)), Source::Origin);
    check(story.after(70).origin(Failing(404)), Source::Origin);
    check(Story::new("Cache-Control: max-age=60, stale-if-error=0").after(61).origin(Down), Source::Proxy);
    check(
        Story::new("Cache-Control: max-age=60, stale-if-error=30, must-revalidate").after(70).origin(Down),
        Source::Proxy,
    );
}

#[test]
fn a_client_can_allow_more() {
    let story = Story::new("Cache-Control: max-age=60, stale-if-error=30").after(120);
    check(story.next("Cache-Control: stale-if-error=60").origin(Failing(503)), Source::Validated);
    check(story.next("Cache-Control: stale-if-error=59").origin(Failing(503)), Source::Origin);
}
