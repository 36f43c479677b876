//! Secondary keys as values; which requests match is tested with section 4.1.

use super::*;

fn fields(lines: &[(&str, &str)]) -> Fields {
    lines.iter().copied().collect()
}

fn key(vary: &str, request: &[(&str, &str)]) -> VariantKey {
    VariantKey::of(&fields(&[("Vary", vary)]), &fields(request)).unwrap()
}

#[test]
fn keys_are_equal_when_requests_match() {
    let check = |one: VariantKey, other: VariantKey, expected: bool| {
        assert_eq!(one == other, expected, "{one:?} {other:?}");
    };
    check(key("A, b", &[("a", "1"), ("B", "2")]), key("B, a, A", &[("b", "2"), ("A", "1")]), true);
    check(key("a", &[("a", "1"), ("a", "2")]), key("a", &[("a", "1 , 2")]), true);
    check(key("a", &[("a", "1")]), key("b", &[("b", "1")]), false);
    check(key("a, b", &[("a", "1")]), key("a, b", &[("b", "1")]), false);
    check(key("a", &[]), key("a", &[("a", "")]), false);
    check(
        key("Accept-Encoding", &[("Accept-Encoding", "gzip, BR")]),
        key("accept-encoding", &[("accept-encoding", "br,GZIP")]),
        true,
    );
}

#[test]
fn a_key_knows_its_names() {
    let key = key("Foo, bar", &[("foo", "x")]);
    assert_eq!(key.names().collect::<Vec<_>>(), [&b"bar"[..], b"foo"]);
    assert!(!key.is_empty());
    assert!(VariantKey::of(&Fields::new(), &Fields::new()).unwrap().is_empty());
    assert!(VariantKey::default().matches(&fields(&[("a", "b")])));
}

#[test]
fn matching_and_the_key_of_a_request_agree() {
    let mut rng = fastrand::Rng::with_seed(41);
    let names = ["a", "b", "Accept-Language", "accept-encoding", "x-y", "X-Forwarded-Host"];
    let values =
        ["", "1", "1, 2", "1,2", "2, 1", "\"1, 2\"", "de", "DE", "de ; q=1", "en,de", ",", "\"", "1\\, 2"];
    let random = |rng: &mut fastrand::Rng| -> Fields {
        let mut fields = Fields::new();
        for _ in 0..rng.usize(..6) {
            fields.push(names[rng.usize(..names.len())], values[rng.usize(..values.len())]);
        }
        fields
    };
    let mut matched = 0;
    for _ in 0..20_000 {
        let vary = names[..rng.usize(..names.len())].join(", ");
        let (first, second) = (random(&mut rng), random(&mut rng));
        let key = VariantKey::of(&fields(&[("Vary", &vary)]), &first).unwrap();
        assert!(key.matches(&first), "{key:?} {first:?}");
        let is_same = key.of_request(&second).unwrap() == key;
        assert_eq!(key.matches(&second), is_same, "{key:?} {second:?}");
        matched += usize::from(is_same);
    }
    assert!(matched > 1000);
}

#[test]
fn fields_that_say_another_target_are_part_of_every_key() {
    let check = |vary: &str, stored: &[(&str, &str)], request: &[(&str, &str)], expected: bool| {
        let key = key(vary, stored);
        assert_eq!(key.matches(&fields(request)), expected, "{key:?} {request:?}");
        if key.is_empty() {
            assert_eq!(VariantKey::is_empty_for(&fields(request)), expected, "{request:?}");
        }
    };
    for name in RETARGETING {
        let (said, upper) = (&[(name, "evil")][..], name.to_ascii_uppercase());
        check("", said, &[], false);
        check("", said, said, true);
        check("", said, &[(&upper, "evil")], true);
        check("", said, &[(name, "other")], false);
        check("", &[], said, false);
        check("a", &[("a", "1")], &[("a", "1"), (name, "evil")], false);
        check("a", &[("a", "1"), (name, "evil")], &[("a", "1"), (name, "evil")], true);
        check(name, said, said, true);
        check(name, &[], &[], true);
    }
    check("", &[], &[("X-Forwarded-For", "127.0.0.1"), ("X-Requested-With", "a"), ("From", "b")], true);
    let forwarded = |value| [("Forwarded", value)];
    check("", &[], &forwarded("for=192.0.2.1;by=a"), true);
    check("", &[], &forwarded("for=192.0.2.1;HOST=evil"), false);
    check("", &[], &forwarded("for=192.0.2.1, for=b;proto=https"), false);
    check("", &forwarded("host=a"), &forwarded("host=a"), true);
    check("", &forwarded("host=a"), &forwarded("host=b"), false);
    check("", &forwarded("host=a"), &forwarded("for=a"), false);
}
