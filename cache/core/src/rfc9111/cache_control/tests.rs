//! Directives as they are written, well and badly.

use super::*;

fn request(value: &str) -> RequestDirectives {
    RequestDirectives::of(&[("Cache-Control", value)].into_iter().collect())
}

/// Asserts what the directives of one line say in the flags and seconds that `read` picks.
#[track_caller]
fn check<T: PartialEq + core::fmt::Debug>(
    value: &str,
    read: impl for<'a> Fn(&ResponseDirectives<'a>) -> T,
    expected: T,
) {
    let fields: Fields = [("Cache-Control", value)].into_iter().collect();
    assert_eq!(read(&ResponseDirectives::of(&fields)), expected, "{value:?}");
}

#[test]
fn request_directives_are_read() {
    let all = request(
        "no-cache, NO-STORE, no-transform, only-if-cached, max-age=1, max-stale=2, min-fresh=3, stale-if-error=4, x=5",
    );
    let expected = RequestDirectives {
        no_cache: true,
        no_store: true,
        no_transform: true,
        only_if_cached: true,
        max_age: Some(1),
        max_stale: Some(2),
        min_fresh: Some(3),
        stale_if_error: Some(4),
    };
    assert_eq!(all, expected);
    assert_eq!(request(""), RequestDirectives::default());
    assert_eq!(request("nothing-to-see-here"), RequestDirectives::default());
}

#[test]
fn request_directives_are_read_for_the_stricter() {
    assert_eq!(request("max-age=5, max-age=3").max_age, Some(3));
    assert_eq!(request("max-age=x").max_age, Some(0));
    assert_eq!(request("max-age").max_age, Some(0));
    assert_eq!(request("max-stale").max_stale, Some(u32::MAX));
    assert_eq!(request("max-stale, max-stale=5").max_stale, Some(5));
    assert_eq!(request("max-stale=").max_stale, Some(0));
    assert_eq!(request("max-stale=-1").max_stale, Some(0));
    assert_eq!(request("min-fresh=3, min-fresh=5").min_fresh, Some(5));
    assert_eq!(request("min-fresh=x").min_fresh, None);
    assert_eq!(request("stale-if-error").stale_if_error, Some(0));
}

#[test]
fn response_flags_are_read_whatever_their_argument() {
    for value in
        ["no-store", "No-Store", "no-store=", "no-store=\"x\"", "a, no-store", "no-store,", " no-store\t"]
    {
        check(value, |directives| directives.no_store, true);
    }
    for value in ["no-stor", "no-store-x", "x=no-store", "\"no-store\"", "x=\"no-store\"", "no_store"] {
        check(value, |directives| directives.no_store, false);
    }
    let all = "no-cache, private, public, must-revalidate, proxy-revalidate, must-understand, no-transform, immutable";
    check(all, |d| (d.no_cache, d.private, d.public, d.must_revalidate), (true, true, true, true));
    check(
        all,
        |d| (d.proxy_revalidate, d.must_understand, d.no_transform, d.immutable),
        (true, true, true, true),
    );
}

#[test]
fn seconds_are_digits_and_saturate() {
    for (argument, seconds) in [
        ("0", 0),
        ("007", 7),
        ("\"5\"", 5),
        ("2147483647", DELTA_SECONDS_MAX - 1),
        ("2147483648", DELTA_SECONDS_MAX),
        ("4294967296", DELTA_SECONDS_MAX),
        ("99999999999999999999999999999", DELTA_SECONDS_MAX),
        ("-1", 0),
        ("+1", 0),
        ("1.0", 0),
        ("1a", 0),
        ("'1'", 0),
        ("\"1", 0),
        ("\"\\1\"", 0),
        (" 1", 0),
        ("", 0),
    ] {
        check(&format!("max-age={argument}"), |directives| directives.max_age, Some(seconds));
    }
    check("max-age", |directives| directives.max_age, Some(0));
    check("max-age =1", |directives| directives.max_age, Some(0));
    check("s-maxage=5, s-maxage=3", |directives| directives.s_maxage, Some(3));
    check("stale-while-revalidate=x, stale-if-error=2", |d| d.stale_while_revalidate, Some(0));
    check("", |directives| (directives.max_age, directives.s_maxage), (None, None));
}

#[test]
fn a_list_of_names_withholds_fields() {
    let names = |d: &ResponseDirectives<'_>| {
        let names =
            d.withheld_names().map(|name| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>();
        (d.no_cache, d.private, names)
    };
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    check("no-cache=\"a\"", names, (false, false, owned(&["a"])));
    check("no-cache=\"a, B,,c \"", names, (false, false, owned(&["a", "B", "c"])));
    check("private=\"a\", no-cache=\"b\"", names, (false, false, owned(&["a", "b"])));
    check("private=\"a\", private", names, (false, true, owned(&["a"])));
    for malformed in ["\"\"", "\",\"", "a", "\"a b\"", "\"a", "\"a\\\"\"", " \"a\""] {
        check(&format!("no-cache={malformed}"), names, (true, false, owned(&[])));
        check(&format!("private={malformed}"), names, (false, true, owned(&[])));
    }
}

#[test]
fn no_bytes_panic_the_parser() {
    let mut rng = fastrand::Rng::with_seed(5);
    let alphabet = b"max-age=,\"\\ 0159no-store\t;\xff";
    for _ in 0..50_000 {
        let value: Vec<u8> = (0..rng.usize(..24)).map(|_| alphabet[rng.usize(..alphabet.len())]).collect();
        let mut fields = Fields::new();
        fields.push("Cache-Control", &value);
        RequestDirectives::of(&fields);
        assert!(ResponseDirectives::of(&fields).withheld_names().count() <= value.len());
    }
}
