//! RFC 9111 section 4.2: freshness, and 5.1, 5.3: Age and Expires.

use super::*;

#[test]
fn a_positive_lifetime_is_fresh_until_it_ends() {
    for (response, seconds) in [
        ("Cache-Control: max-age=3600", 3600),
        ("Cache-Control: MaX-aGe=3600", 3600),
        ("Cache-Control: foobar, max-age=3600", 3600),
        ("Cache-Control: max-age=003600", 3600),
        ("Cache-Control: max-age=\"3600\"", 3600),
        ("Cache-Control: s-maxage=3600", 3600),
        ("Cache-Control: max-age=1, s-maxage=3600", 3600),
        ("Cache-Control: s-maxage=3600\nCache-Control: max-age=1", 3600),
        ("Cache-Control: max-age=0, s-maxage=3600\nExpires: {-10}", 3600),
        ("Cache-Control: max-age=3600\nExpires: {-7200}", 3600),
        ("Cache-Control: max-age=3600\nExpires: 0", 3600),
        ("Expires: {+3600}\nDate: {+0}", 3600),
        ("Expires: {+3600}", 3600),
        ("Expires: {+3600}\nDate: foo", 3600),
        ("Expires: {+4000}\nDate: {+400}", 3600),
        ("Cache-Control: max-age=3600\nAge: 600", 3000),
        ("Cache-Control: max-age=3600\nDate: {-600}", 3000),
        ("Cache-Control: max-age=3600\nDate: {-600}\nAge: 300", 3000),
        ("Cache-Control: max-age=3600\nDate: {+600}", 3600),
    ] {
        check(Story::new(response).after(seconds - 1), Source::Store);
        check(Story::new(response).after(seconds), Source::Origin);
    }
}

#[test]
fn the_largest_lifetimes_last() {
    for lifetime in ["2147483647", "2147483648", "2147483649", "99999999999", "99999999999999999999999999"] {
        let response: &'static str = Box::leak(format!("Cache-Control: max-age={lifetime}").into_boxed_str());
        check(Story::new(response).after(1_000_000_000), Source::Store);
    }
}

#[test]
fn what_was_never_fresh_is_not_reused() {
    for response in [
        "Cache-Control: max-age=0",
        "Cache-Control: max-age=0\nExpires: {+3600}",
        "Cache-Control: max-age=-3600",
        "Cache-Control: max-age='3600'",
        "Cache-Control: max-age=3600.0",
        "Cache-Control: max-age=a3600",
        "Cache-Control: max-age=3600a",
        "Cache-Control: max-age =3600",
        "Cache-Control: max-age= 3600",
        "Cache-Control: max-age=",
        "Cache-Control: max-age",
        "Cache-Control: max-age=3600\nAge: 7200",
        "Cache-Control: max-age=3600\nDate: {-7200}",
        "Expires: {-2592000}\nDate: {+0}",
        "Expires: {+0}\nDate: {+0}",
        "Expires: {+300}\nDate: {+400}",
        "Expires: 0",
        "Expires: {+10}\nDate: {-10}\nAge: 25",
        "Expires: {+20}\nDate: {+10}\nAge: 15",
        "",
    ] {
        check(Story::new(response), Source::Origin);
    }
}

#[test]
fn quoted_text_is_not_read_for_directives() {
    for response in [
        "Cache-Control: extension=\"max-age=3600\", max-age=1",
        "Cache-Control: max-age=1, extension=\"max-age=3600\"",
        "Cache-Control: extension=\"max-age=3600\", max-age=\"1\"",
        "Cache-Control: max-age=\"1\", extension=\"max-age=3600\"",
        "Cache-Control: extension=\"a\\\", max-age=3600, \\\"b\", max-age=1",
    ] {
        check(Story::new(response).after(3), Source::Origin);
    }
}

#[test]
fn of_repeated_lifetimes_the_shortest_counts() {
    for response in [
        "Cache-Control: max-age=1800, max-age=60",
        "Cache-Control: max-age=60, max-age=1800",
        "Cache-Control: max-age=1800\nCache-Control: max-age=60",
        "Cache-Control: max-age=60\nCache-Control: max-age=1800",
        "Expires: {+60}\nExpires: {+1800}",
        "Expires: {+1800}\nExpires: {+60}",
    ] {
        check(Story::new(response).after(59), Source::Store);
        check(Story::new(response).after(60), Source::Origin);
    }
}

#[test]
fn an_age_that_cannot_be_read_makes_stale() {
    for response in [
        "Cache-Control: max-age=3600\nAge: abc",
        "Cache-Control: max-age=3600\nAge: -7200",
        "Cache-Control: max-age=3600\nAge: 7200.0",
        "Cache-Control: max-age=3600\nAge: 7200,0",
        "Cache-Control: max-age=3600\nAge: 7200\nAge: 0",
        "Cache-Control: max-age=3600\nAge: 0\nAge: 7200",
        "Cache-Control: max-age=3600\nAge: 0, 0",
        "Cache-Control: max-age=10000\nAge: 3600, 3600",
        "Cache-Control: max-age=3600\nAge: 7200;foo=bar",
    ] {
        check(Story::new(response), Source::Origin);
    }
    check(Story::new("Cache-Control: max-age=3600\nAge: 0,7200"), Source::Store);
}

#[test]
fn a_lifetime_is_guessed_from_the_last_modification() {
    for (last_modified, seconds) in [
        ("Last-Modified: {-1000}", 100),
        ("Last-Modified: {-86400}", 8640),
        ("Last-Modified: {-86400000}", 86_400),
    ] {
        check(Story::new(last_modified).after(seconds - 1), Source::Store);
        check(Story::new(last_modified).after(seconds), Source::Validated);
    }
    check(Story::new("Last-Modified: {-9}"), Source::Validated);
    check(Story::new("Last-Modified: {+1000}"), Source::Validated);
    check(Story::new("Last-Modified: {-1000}\nCache-Control: max-age=0"), Source::Validated);
}

#[test]
fn age_is_sent_with_every_reuse() {
    let age = |response, seconds| {
        let (_, answer) = Story::new(response).after(seconds).play();
        answer
            .response
            .fields
            .all("age")
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(age("Expires: {+2592000}\nDate: {+0}", 3), ["3"]);
    assert_eq!(age("Expires: {+2592000}\nDate: {+0}\nAge: 30", 3), ["33"]);
    assert_eq!(age("Cache-Control: max-age=600\nAge: 30", 3), ["33"]);
    assert_eq!(age("Cache-Control: max-age=600\nDate: {-30}\nAge: 10", 0), ["30"]);
}
