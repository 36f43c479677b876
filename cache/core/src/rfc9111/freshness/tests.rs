//! Facts as numbers; what they mean for reuse is tested with the sections of RFC 9111.

use super::super::date;
use super::*;
use crate::fields::Fields;

const NOW: UnixSecs = UnixSecs(1_800_000_000);

fn facts(lines: &[(&str, &str)], times: Times) -> Facts {
    let fields: Fields = lines.iter().copied().collect();
    Facts::of(&ResponseFacts::of(200, &fields, times.response), times, &Unsaid::default())
}

#[test]
fn facts_are_small() {
    assert!(size_of::<Facts>() <= 64, "{}", size_of::<Facts>());
}

#[test]
fn the_source_of_a_lifetime_is_told() {
    let check = |lines: &[(&str, &str)], source: LifetimeSource, lifetime: u32| {
        let facts = facts(lines, Times::at(NOW));
        assert_eq!((facts.lifetime_source(), facts.lifetime()), (source, lifetime), "{lines:?}");
    };
    let old = ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
    check(
        &[("CDN-Cache-Control", "max-age=1"), ("Cache-Control", "s-maxage=2")],
        LifetimeSource::Targeted,
        1,
    );
    check(&[("Cache-Control", "max-age=1, s-maxage=2"), old], LifetimeSource::SMaxAge, 2);
    check(&[("Cache-Control", "max-age=1"), ("Expires", "0")], LifetimeSource::MaxAge, 1);
    check(&[("Expires", "Fri, 15 Jan 2027 08:00:10 GMT"), old], LifetimeSource::Expires, 10);
    check(&[("Expires", "0"), old], LifetimeSource::Expires, 0);
    check(&[old], LifetimeSource::Heuristic, 86_400);
    check(&[], LifetimeSource::None, 0);
}

#[test]
fn age_counts_the_way_and_the_wait() {
    let check = |lines: &[(&str, &str)], delay: i64, resident: i64, age: u32| {
        let times = Times { request: NOW, response: NOW.plus(delay) };
        let facts = facts(lines, times);
        assert_eq!(facts.current_age(times.response.plus(resident)), age, "{lines:?} {delay} {resident}");
    };
    let date = ("Date", "Fri, 15 Jan 2027 08:00:00 GMT");
    check(&[date], 0, 0, 0);
    check(&[date], 3, 0, 3);
    check(&[date], 3, 4, 7);
    check(&[date, ("Age", "10")], 3, 4, 17);
    check(&[("Age", "10")], 3, 4, 17);
    check(&[date, ("Age", "99999999999")], 3, 4, 1 << 31);
}

#[test]
fn a_clock_that_goes_back_makes_nothing_younger_than_it_was() {
    let times = Times { request: NOW.plus(10), response: NOW };
    let facts = facts(&[("Cache-Control", "max-age=60"), ("Age", "5")], times);
    assert_eq!(facts.current_age(NOW.plus(-1000)), 5);
    assert_eq!(facts.current_age(UnixSecs(i64::MIN)), 5);
    assert_eq!(facts.current_age(UnixSecs(i64::MAX)), 1 << 31);
}

#[test]
fn fresh_and_stale_meet_at_the_end_of_the_lifetime() {
    let facts = facts(&[("Cache-Control", "max-age=60"), ("Age", "10")], Times::at(NOW));
    assert_eq!(facts.fresh_until(), NOW.plus(50));
    assert_eq!(facts.freshness(NOW.plus(49)), Freshness::Fresh(1));
    assert_eq!(facts.freshness(NOW.plus(50)), Freshness::Stale(0));
    assert_eq!(facts.freshness(NOW.plus(52)), Freshness::Stale(2));
    assert_eq!((facts.ttl(NOW), facts.ttl(NOW.plus(52))), (50, -2));
}

#[test]
fn windows_are_given_or_not() {
    let given =
        facts(&[("Cache-Control", "stale-while-revalidate=0, stale-if-error=99999999999")], Times::at(NOW));
    assert_eq!((given.stale_while_revalidate(), given.stale_if_error()), (Some(0), Some(DELTA_SECONDS_MAX)));
    let not_given = facts(&[], Times::at(NOW));
    assert_eq!((not_given.stale_while_revalidate(), not_given.stale_if_error()), (None, None));
    assert_eq!(not_given.last_modified(), None);
}

#[test]
fn what_a_response_does_not_say_is_the_operators_choice() {
    let unsaid = Unsaid {
        heuristic_percent: 50,
        heuristic_seconds_max: 40,
        stale_while_revalidate: 7,
        ..Unsaid::default()
    };
    let check = |lines: &[(&str, &str)], lifetime: u32, window: Option<u32>| {
        let fields: Fields = lines.iter().copied().collect();
        let now = date::parse(b"Sun, 06 Nov 1994 08:49:37 GMT", UnixSecs(0)).unwrap();
        let facts = Facts::of(&ResponseFacts::of(200, &fields, now), Times::at(now), &unsaid);
        assert_eq!((facts.lifetime(), facts.stale_while_revalidate()), (lifetime, window), "{lines:?}");
    };
    check(&[("Last-Modified", "Sun, 06 Nov 1994 08:49:17 GMT")], 10, Some(7));
    check(&[("Last-Modified", "Sun, 06 Nov 1994 07:49:17 GMT")], 40, Some(7));
    check(&[("Cache-Control", "max-age=5, stale-while-revalidate=3")], 5, Some(3));
    check(&[("Cache-Control", "s-maxage=5")], 5, None);
}
