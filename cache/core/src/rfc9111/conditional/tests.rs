//! Entity tags, and the conditions we make; evaluating a client's is tested with section 4.3.

use super::*;

#[test]
fn lists_of_entity_tags_are_split_at_their_tags() {
    let check = |value: &str, expected: &[&str]| {
        let tags: Vec<_> = entity_tags(value.as_bytes()).map(|tag| String::from_utf8_lossy(tag)).collect();
        assert_eq!(tags, expected, "{value:?}");
    };
    check("", &[]);
    check(" , ", &[]);
    check("*", &["*"]);
    check("\"a\"", &["\"a\""]);
    check("\"a\", W/\"b\" ,\"\",", &["\"a\"", "W/\"b\"", "\"\""]);
    check("\"a,b\", \"c\\\", \"d\"", &["\"a,b\"", "\"c\\\"", "\"d\""]);
    check("a, \"b\"", &["a", "\"b\""]);
    check("\"a", &["\"a"]);
    check("\"a, b", &["\"a", "b"]);
    check("\"a\"x, \"b\"", &["\"a\"", "x", "\"b\""]);
}

#[test]
fn tags_compare_strongly_and_weakly_as_the_rfc_lists() {
    // RFC 9110 section 8.8.3.2, and tags that are none.
    for (one, other, is_strong, is_weak) in [
        ("W/\"1\"", "W/\"1\"", false, true),
        ("W/\"1\"", "W/\"2\"", false, false),
        ("W/\"1\"", "\"1\"", false, true),
        ("\"1\"", "\"1\"", true, true),
        ("1", "1", false, true),
        ("1", "\"1\"", false, false),
        ("w/\"1\"", "W/\"1\"", false, false),
    ] {
        assert_eq!(strong_match(one.as_bytes(), other.as_bytes()), is_strong, "{one} {other}");
        assert_eq!(weak_match(one.as_bytes(), other.as_bytes()), is_weak, "{one} {other}");
    }
}

/// Asserts the conditions of a request made conditional on responses with these `ETag`s and `Last-Modified`s.
#[track_caller]
fn check_conditions(stored: &[(&str, &str)], if_none_match: Option<&str>, if_modified_since: Option<&str>) {
    let mut request: Fields =
        [("If-None-Match", "\"client\""), ("If-Modified-Since", "x"), ("Range", "bytes=0-"), ("Other", "1")]
            .into_iter()
            .collect();
    let some = |value: &'static str| Some(value.as_bytes()).filter(|value| !value.is_empty());
    let stored: Vec<Validators<'_>> = stored
        .iter()
        .map(|&(etag, date)| Validators { etag: some(leak(etag)), last_modified: some(leak(date)) })
        .collect();
    let is_conditional = make_conditional(&mut request, stored);
    assert_eq!(request.first("if-none-match"), if_none_match.map(str::as_bytes));
    assert_eq!(request.first("if-modified-since"), if_modified_since.map(str::as_bytes));
    assert_eq!(is_conditional, if_none_match.or(if_modified_since).is_some());
    assert!(!request.has("range") && request.has("other"));
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[test]
fn conditions_are_made_of_what_is_stored() {
    check_conditions(&[], None, None);
    check_conditions(&[("", "")], None, None);
    check_conditions(&[("\"a\"", "d")], Some("\"a\""), Some("d"));
    check_conditions(&[("", "d")], None, Some("d"));
    check_conditions(&[("\"a\"", "d"), ("W/\"b\"", "e")], Some("\"a\", W/\"b\""), None);
    check_conditions(&[("\"a\"", ""), ("\"a\"", "")], Some("\"a\""), None);
    check_conditions(&[("", "d"), ("", "e")], None, None);
}

#[test]
fn offers_are_bounded() {
    let tags: Vec<String> = (0..100).map(|n| format!("\"{n:03}\"")).collect();
    let offer = |tags: &[String]| {
        let mut request = Fields::new();
        let stored = tags.iter().map(|tag| Validators { etag: Some(tag.as_bytes()), last_modified: None });
        make_conditional(&mut request, stored);
        request.first("if-none-match").unwrap_or_default().to_vec()
    };
    assert_eq!(entity_tags(&offer(&tags)).count(), OFFERED_TAGS_MAX);
    let long: Vec<String> = (0..10).map(|n| format!("\"{n}{}\"", "x".repeat(1000))).collect();
    assert_eq!(entity_tags(&offer(&long)).count(), 4);
    assert!(offer(&["x".repeat(5000)]).is_empty());
}

#[test]
fn no_bytes_panic_the_list() {
    let mut rng = fastrand::Rng::with_seed(13);
    let alphabet = b"W/\"a\\, *\t\xff";
    for _ in 0..50_000 {
        let value: Vec<u8> = (0..rng.usize(..16)).map(|_| alphabet[rng.usize(..alphabet.len())]).collect();
        assert!(entity_tags(&value).all(|tag| !tag.is_empty()));
    }
}
