//! Targets as clients send them, and references as origins do.

use super::*;

fn absolute(uri: &str) -> Result<Target, TargetError> {
    Target::absolute(uri.as_bytes(), String::new())
}

fn check_key(uri: &str, key: &str) {
    assert_eq!(absolute(uri).map(|target| target.key().to_owned()), Ok(key.to_owned()), "{uri:?}");
}

fn check_error(uri: &str, error: TargetError) {
    assert_eq!(absolute(uri), Err(error), "{uri:?}");
}

#[test]
fn absolute_targets_are_normalised() {
    check_key("http://example.com/a?b=c", "http://example.com/a?b=c");
    check_key("HTTP://EXAMPLE.com/A", "http://example.com/A");
    check_key("http://example.com", "http://example.com/");
    check_key("http://example.com?q", "http://example.com/?q");
    check_key("http://example.com:80/", "http://example.com/");
    check_key("http://example.com:/", "http://example.com/");
    check_key("http://example.com:00080/", "http://example.com/");
    check_key("http://example.com:8080/", "http://example.com:8080/");
    check_key("https://example.com:443/", "https://example.com/");
    check_key("https://example.com:80/", "https://example.com:80/");
    check_key("http://example.com./", "http://example.com/");
    check_key("http://[2001:DB8:0::1]:81/", "http://[2001:db8::1]:81/");
    check_key("http://127.0.0.1/", "http://127.0.0.1/");
    check_key("http://a_b.example/", "http://a_b.example/");
}

#[test]
fn path_and_query_are_kept_byte_for_byte() {
    for path in ["//x", "/a/../b", "/%7Euser", "/~user", "/?", "/?a=1&b=%20", "/a;b=\"c\"|d\\e", "/caf\u{e9}"]
    {
        check_key(&format!("http://example.com{path}"), &format!("http://example.com{path}"));
    }
}

#[test]
fn what_is_no_target_is_refused() {
    check_error("", TargetError::Form);
    check_error("/path", TargetError::Form);
    check_error("example.com", TargetError::Form);
    check_error("example.com:80", TargetError::Form);
    check_error("http:/example.com/", TargetError::Form);
    check_error("ftp://example.com/", TargetError::Scheme);
    check_error("://example.com/", TargetError::Scheme);
    check_error("http://user@example.com/", TargetError::UserInfo);
    check_error("http://user:pass@example.com/", TargetError::UserInfo);
    check_error("http:///path", TargetError::HostMissing);
    check_error("http://:80/", TargetError::HostMissing);
    check_error("http://./", TargetError::HostMissing);
    check_error("http://a../", TargetError::Host);
    check_error("http://.a/", TargetError::Host);
    check_error("http://exa mple.com/", TargetError::Host);
    check_error("http://exa%6dple.com/", TargetError::Host);
    check_error("http://example.com\\@evil.example/", TargetError::UserInfo);
    check_error("http://example.com\\evil.example/", TargetError::Host);
    check_error("http://b\u{fc}cher.example/", TargetError::Host);
    check_error("http://[::1/", TargetError::Host);
    check_error("http://[::1%25eth0]/", TargetError::Host);
    check_error("http://[::1]x/", TargetError::Host);
    check_error("http://[127.0.0.1]/", TargetError::Host);
    check_error("http://example.com:0/", TargetError::Port);
    check_error("http://example.com:65536/", TargetError::Port);
    check_error("http://example.com:4294967376/", TargetError::Port);
    check_error("http://example.com:-80/", TargetError::Port);
    check_error("http://example.com:80:80/", TargetError::Port);
    check_error("http://example.com/#top", TargetError::Fragment);
    check_error("http://example.com#top", TargetError::Fragment);
    check_error("http://example.com/a b", TargetError::Character);
    check_error("http://example.com/a\r\nb", TargetError::Character);
    check_error("http://example.com/\0", TargetError::Character);
    assert_eq!(Target::absolute(b"http://a/\xff", String::new()), Err(TargetError::Character));
    check_error(&format!("http://{}/", "a".repeat(256)), TargetError::Host);
    check_error(&format!("http://a/{}", "a".repeat(TARGET_BYTES_MAX)), TargetError::TooLong);
}

#[test]
fn parts_are_those_of_the_target() {
    let target = absolute("https://[::1]:8443/a/b?c").unwrap();
    assert_eq!(
        (target.scheme(), target.host(), target.port(), target.authority(), target.path_and_query()),
        (Scheme::Https, "::1", 8443, "[::1]:8443", "/a/b?c")
    );
    let target = absolute("http://Example.com").unwrap();
    assert_eq!(
        (target.scheme(), target.host(), target.port(), target.authority(), target.path_and_query()),
        (Scheme::Http, "example.com", 80, "example.com", "/")
    );
}

#[test]
fn origin_form_takes_its_authority_from_host() {
    let check = |host: &str, path: &str, expected: Result<&str, TargetError>| {
        let target = Target::origin(Scheme::Http, host.as_bytes(), path.as_bytes(), String::new());
        assert_eq!(target.as_ref().map(Target::key).map_err(|&error| error), expected, "{host:?} {path:?}");
    };
    check("Example.com", "/a", Ok("http://example.com/a"));
    check("example.com:80", "/", Ok("http://example.com/"));
    check("example.com", "//evil.example/", Ok("http://example.com//evil.example/"));
    check("", "/", Err(TargetError::HostMissing));
    check("example.com/x", "/", Err(TargetError::Host));
    check("user@example.com", "/", Err(TargetError::UserInfo));
    check("a, b", "/", Err(TargetError::Host));
    check("example.com", "a", Err(TargetError::Form));
    check("example.com", "", Err(TargetError::Form));
}

#[test]
fn a_tunnel_needs_host_and_port() {
    let check = |text: &str, expected: Result<(&str, &str, u16), TargetError>| {
        let authority = Authority::parse(text.as_bytes());
        let parts = authority.as_ref().map(|a| (a.as_str(), a.host(), a.port())).map_err(|&error| error);
        assert_eq!(parts, expected, "{text:?}");
    };
    check("Example.com:443", Ok(("example.com:443", "example.com", 443)));
    check("[::1]:443", Ok(("[::1]:443", "::1", 443)));
    check("example.com", Err(TargetError::Port));
    check("example.com:", Err(TargetError::Port));
    check("http://example.com:443", Err(TargetError::Port));
    check("example.com:443/", Err(TargetError::Port));
    check("u@example.com:443", Err(TargetError::UserInfo));
}

#[test]
fn the_form_is_told_by_method_and_first_byte() {
    let check = |method: &[u8], target: &[u8], expected| {
        assert_eq!(form(&Method::parse(method).unwrap(), target), expected);
    };
    check(b"GET", b"/", Form::Origin);
    check(b"GET", b"http://example.com/", Form::Absolute);
    check(b"GET", b"*", Form::Absolute);
    check(b"OPTIONS", b"*", Form::Asterisk);
    check(b"CONNECT", b"example.com:443", Form::Authority);
    check(b"CONNECT", b"/", Form::Authority);
}

#[test]
fn references_resolve_as_rfc_3986_lists() {
    // Section 5.4.1 and 5.4.2, with a base this proxy can fetch.
    let base = absolute("http://a/b/c/d;p?q").unwrap();
    for (reference, expected) in [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"),
        (";x", "http://a/b/c/;x"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("HTTPS://B:443/x", "https://b/x"),
    ] {
        assert_eq!(
            base.resolve(reference.as_bytes()).map(Target::into_buffer),
            Ok(expected.to_owned()),
            "{reference}"
        );
    }
    assert_eq!(base.resolve(b"g:h"), Err(TargetError::Scheme));
    assert_eq!(base.resolve(b"http:g"), Err(TargetError::Form));
}

#[test]
fn origins_are_the_same_when_scheme_host_and_port_are() {
    let check = |one: &str, other: &str, expected: bool| {
        assert_eq!(
            absolute(one).unwrap().has_same_origin(&absolute(other).unwrap()),
            expected,
            "{one} {other}"
        );
    };
    check("http://a/x", "http://A:80/y?z", true);
    check("http://a/", "https://a/", false);
    check("http://a/", "http://a:81/", false);
    check("http://a/", "http://ab/", false);
}

#[test]
fn a_target_of_random_bytes_never_panics_and_is_its_own_normal_form() {
    let mut rng = fastrand::Rng::with_seed(3986);
    let alphabet = b"http://[]::@?#.%AZaz09-_\x00\x7f\xff \r\n";
    let mut buffer = String::new();
    for _ in 0..100_000 {
        let mut uri = if rng.bool() { b"http://".to_vec() } else { Vec::new() };
        uri.extend((0..rng.usize(..24)).map(|_| alphabet[rng.usize(..alphabet.len())]));
        let Ok(target) = Target::absolute(&uri, core::mem::take(&mut buffer)) else { continue };
        assert_eq!(target.key(), absolute(target.key()).unwrap().key());
        let _ = target.resolve(&uri[uri.len() / 2..]);
        buffer = target.into_buffer();
    }
}
