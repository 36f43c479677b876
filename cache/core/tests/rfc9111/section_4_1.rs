//! RFC 9111 section 4.1: calculating cache keys with the Vary header field.

use cnn_core::rfc9111::Uncacheable;

use super::*;

/// Stores a response with that `Vary` for one request and asserts whether it answers another.
#[track_caller]
fn check_vary(vary: &str, first: &str, second: &str, expected: Source) {
    let mut model = Model::new();
    let now = model.now;
    let lines: String = vary.split('|').map(|value| format!("Vary: {value}\n")).collect();
    let response = |content: &str| Response {
        status: 200,
        fields: fields(&format!("Expires: {{+5000}}\n{lines}"), now),
        content: content.as_bytes().to_vec(),
    };
    model.request("GET", URI, &fields(first, now), &mut |_| Some(response("first")));
    let answer = model.request("GET", URI, &fields(second, now), &mut |_| Some(response("second")));
    assert_eq!(came_from(&answer), expected, "Vary: {vary:?}, {first:?} then {second:?}");
}

#[test]
fn named_fields_must_match() {
    check_vary("Foo", "Foo: 1", "Foo: 1", Source::Store);
    check_vary("Foo", "foo: 1", "FOO: 1", Source::Store);
    check_vary("Foo", "Foo: 1\nOther: 2", "Foo: 1\nOther: 3", Source::Store);
    check_vary("Foo", "Foo: 1", "Foo: 2", Source::Origin);
    check_vary("Foo", "Foo: a", "Foo: A", Source::Origin);
    check_vary("Foo", "Foo: 1", "Foo: 12", Source::Origin);
    check_vary("Foo", "Foo: 12", "Foo: 1", Source::Origin);
    check_vary("Foo, Bar", "Foo: 1\nBar: abc", "Bar: abc\nFoo: 1", Source::Store);
    check_vary("Foo, Bar", "Foo: 1\nBar: abc", "Foo: 2\nBar: abc", Source::Origin);
    check_vary("Foo|Bar", "Foo: 1\nBar: abc", "Foo: 1\nBar: abcd", Source::Origin);
    check_vary("Foo, Bar, Baz", "Foo: 1\nBaz: 789", "Foo: 1\nBaz: 789", Source::Store);
    check_vary("Foo, Bar, Baz", "Foo: 1\nBar: abc4\nBaz: 789", "Foo: 1\nBar: abc\nBaz: 789", Source::Origin);
    check_vary("Foo, Bar", "Foo: x\nBar: y", "Foo: y\nBar: x", Source::Origin);
}

#[test]
fn an_absent_field_is_not_an_empty_one() {
    check_vary("Foo", "", "", Source::Store);
    check_vary("Foo", "", "Foo: 1", Source::Origin);
    check_vary("Foo", "Foo: 1", "", Source::Origin);
    check_vary("Foo", "", "Foo:", Source::Origin);
    check_vary("Foo", "Foo:", "", Source::Origin);
    check_vary("Foo", "Foo:", "Foo:", Source::Store);
}

#[test]
fn star_matches_nothing() {
    for vary in ["*", "*, *", "*|*", ", *", "|*", "*, Foo", "Foo, *", "Foo|*", "not a name", "\"Foo\""] {
        check_vary(vary, "Foo: 1", "Foo: 1", Source::Origin);
    }
    check_vary("", "Foo: 1", "Foo: 2", Source::Store);
    check_vary(" , ", "Foo: 1", "Foo: 2", Source::Store);
}

#[test]
fn lines_are_joined_and_white_space_at_commas_does_not_matter() {
    check_vary("Foo", "Foo: 1, 2", "Foo: 1\nFoo: 2", Source::Store);
    check_vary("Foo", "Foo: 1,2", "Foo: 1 ,\t2", Source::Store);
    check_vary("Foo", "Foo: 1, 2", "Foo: 2, 1", Source::Origin);
    check_vary("Foo", "Foo: \"a,b\"", "Foo: \"a, b\"", Source::Origin);
    check_vary("Foo", "Foo: a b", "Foo: ab", Source::Origin);
}

#[test]
fn negotiation_ignores_order_case_and_white_space() {
    for name in ["Accept-Language", "Accept-Encoding", "Accept-Charset"] {
        let check_values = |one: &str, other: &str, expected| {
            check_vary(name, &format!("{name}: {one}"), &format!("{name}: {other}"), expected);
        };
        check_values("en, de", "de, en", Source::Store);
        check_values("en, de", "eN, De", Source::Store);
        check_values("en, de", " en ,   de", Source::Store);
        check_values("en;q=0.5, de", "de,en; q=0.5", Source::Store);
        check_values("en, de", "en", Source::Origin);
        check_values("en, de", "en;q=0.1, de", Source::Origin);
        check_values("en, de", "en, de, fr", Source::Origin);
    }
}

#[test]
fn variants_are_stored_beside_each_other() {
    let mut model = Model::new();
    let now = model.now;
    let mut ask = |language: &str| {
        let response = Response {
            status: 200,
            fields: fields("Cache-Control: max-age=60\nVary: Accept-Language", now),
            content: language.as_bytes().to_vec(),
        };
        let request = fields(&format!("Accept-Language: {language}"), now);
        let answer = model.request("GET", URI, &request, &mut |_| Some(response.clone()));
        (answer.asked.len(), answer.response.content)
    };
    for asked in [1, 0] {
        for language in ["en", "de", "fr"] {
            assert_eq!(ask(language), (asked, language.as_bytes().to_vec()));
        }
    }
    assert_eq!(model.variants(URI), 3);
}

#[test]
fn variants_without_a_match_are_offered_for_validation() {
    // The origin says by a 304 that a stored variant is the one for this request too.
    let story =
        Story::new("Cache-Control: max-age=60\nETag: \"a\"\nVary: Abc").request("Abc: 123").next("Abc: 456");
    check(story, Source::Validated);
    let (_, answer) = story.play();
    assert_eq!(answer.asked[0].fields.first("if-none-match"), Some(&b"\"a\""[..]));
    assert_eq!(answer.asked[0].fields.first("abc"), Some(&b"456"[..]));
}

#[test]
fn what_varies_by_too_much_is_not_stored() {
    let uncacheable = |vary: String, request: String| {
        let mut model = Model::new();
        let now = model.now;
        let response = Response {
            status: 200,
            fields: fields(&format!("Cache-Control: max-age=60\nVary: {vary}"), now),
            content: Vec::new(),
        };
        model.request("GET", URI, &fields(&request, now), &mut |_| Some(response.clone())).uncacheable
    };
    let names: Vec<String> = (0..17).map(|n| format!("x-{n}")).collect();
    assert_eq!(uncacheable(names[..16].join(", "), String::new()), None);
    assert_eq!(uncacheable(names.join(", "), String::new()), Some(Uncacheable::VaryTooLarge));
    assert_eq!(uncacheable(["x"; 1000].join(", "), String::new()), None);
    assert_eq!(uncacheable("Foo".into(), format!("Foo: {}", "x".repeat(4000))), None);
    assert_eq!(
        uncacheable("Foo".into(), format!("Foo: {}", "x".repeat(5000))),
        Some(Uncacheable::VaryTooLarge)
    );
    assert_eq!(uncacheable("x".repeat(256), String::new()), Some(Uncacheable::VaryStar));
}
