//! Tests of reading by a format string: Squid's own formats and what operators make of them.

use super::*;

fn read(format: &str, line: &str, check: impl Fn(&Record<'_>)) {
    let mut seen = 0;
    let mut format = LogFormat::parse(format).unwrap();
    let done = format.read(line.as_bytes(), &mut |record| {
        check(record);
        seen += 1;
    });
    assert_eq!((done, seen), (Ok(()), 1), "{line}");
}

const FULL: Record<'_> = Record {
    name: Name::Url(b"http://a.test/"),
    size: Some(2386),
    time_us: Some(1_795_191_691_366_000),
    elapsed_us: Some(2000),
    method: Some(b"GET"),
    status: Some(200),
    outcome: Some(b"TCP_MISS"),
    mime: Some(b"text/html"),
    client: Some(b"192.0.2.1"),
};

#[test]
fn squids_own_formats_have_names() {
    let native = "1795191691.366      2 192.0.2.1 TCP_MISS/200 2386 GET http://a.test/ - HIER_DIRECT/192.0.2.2 text/html";
    read("squid", native, |record| assert_eq!(*record, FULL));
    read("squidmime", &format!("{native} [Host: a.test\\r\\n] [Age: 1\\r\\n]"), |record| {
        assert_eq!(*record, FULL)
    });
    let common = r#"192.0.2.1 - - [20/Nov/2026:16:21:31 +0000] "GET http://a.test/ HTTP/1.1" 200 2386 TCP_MISS:HIER_DIRECT"#;
    let expected = Record { time_us: Some(1_795_191_691_000_000), elapsed_us: None, mime: None, ..FULL };
    read("common", common, |record| assert_eq!(*record, expected));
    let combined = common.replace(" TCP", r#" "-" "a \"b\" c" TCP"#);
    read("combined", &combined, |record| assert_eq!(*record, expected));
}

#[test]
fn a_line_of_squid_conf_is_understood_whole() {
    let format =
        r#"logformat mine %{%Y-%m-%d %H:%M:%S}tg.%03tu|%-9Ss|%3<st|"%rm %ru"|%>Hs|%{Content-Type}<h|%tr"#;
    read(
        format,
        r#"2026-11-20 16:21:31.366|TCP_MISS |  5|"GET http://a.test/\"x y"|200|text/css; charset=x|17"#,
        |record| {
            assert_eq!(record.time_us, Some(1_795_191_691_366_000));
            assert_eq!((record.outcome, record.size), (Some(&b"TCP_MISS"[..]), Some(5)));
            assert_eq!(record.name, Name::Url(br#"http://a.test/\"x y"#));
            assert_eq!((record.mime, record.elapsed_us), (Some(&b"text/css"[..]), Some(17_000)));
        },
    );
}

#[test]
fn fields_may_be_padded_and_codes_unknown() {
    let format = "%-15>a %un %transport::>connection_id %note{a b} %ssl::>sni %err_code/%err_detail %ru";
    read(format, "192.0.2.1       alice 7 x - ERR_NONE/- http://a.test/", |record| {
        assert_eq!(record.client, Some(&b"192.0.2.1"[..]));
        assert_eq!(record.name, Name::Url(b"http://a.test/"));
    });
}

#[test]
fn text_may_follow_a_code_at_once() {
    read("%rm%%%ruX%Hsms", "GET%http://a.test/X200ms", |record| {
        assert_eq!((record.method, record.name), (Some(&b"GET"[..]), Name::Url(b"http://a.test/")));
        assert_eq!(record.status, Some(200));
    });
}

#[test]
fn what_was_received_and_the_path_stand_in_for_what_is_not_logged() {
    read("%rp %<Hs", "/a 404", |record| {
        assert_eq!((record.name, record.status), (Name::Url(b"/a"), Some(404)));
    });
}

#[test]
fn native_lines_amid_others_are_read_as_such() {
    let native = "1795191691.366      2 192.0.2.1 TCP_MISS/200 2386 GET http://a.test/ - HIER_DIRECT/192.0.2.2 text/html";
    read("<%ru> %<st", native, |record| assert_eq!(*record, FULL));
}

#[test]
fn lines_that_do_not_follow_the_format_are_damaged() {
    let mut format = LogFormat::parse(r#"%ts "%ru" %<st"#).unwrap();
    for line in
        ["x", "1", "1 ", r#"1 "a"#, r#"1 "a" "#, r#"1 "a" b"#, r#"x "a" 5"#, r#"1 "a\"#, r#"1 "a\" 5"#]
    {
        assert!(format.read(line.as_bytes(), &mut |_| {}).is_err(), "{line}");
    }
}

#[test]
fn formats_that_cannot_be_read_by_are_refused_with_the_place() {
    let check = |format: &str, expected: &str| {
        let error = LogFormat::parse(format).unwrap_err();
        assert!(error.contains(expected), "{format}: {error}");
    };
    check("%ts %<st", "%ru");
    check("%ts%03tu %ru", "nothing between two fields at `%03tu %ru`");
    check("%ru %", "no code");
    check("%ru %{a", "no `}`");
    check("%{%A}tl %ru", "%A");
    check("", "%ru");
}
