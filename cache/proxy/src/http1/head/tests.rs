//! Heads that come through, heads that are refused, and that neither depends on how the bytes were split.

use super::*;
use crate::http1::write;

/// Feeds a request in the given pieces.
fn feed(pieces: &[&[u8]]) -> Result<Option<(RequestHead, BytesMut)>, BadMessage> {
    let (mut buffer, mut scan) = (BytesMut::new(), Scan::default());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        if let Some(head) = parse_request(&mut buffer, &mut scan, &HeadLimits::default())? {
            return Ok(Some((head, buffer)));
        }
    }
    Ok(None)
}

/// Parses a request whole, byte by byte, and split in two at every place: the outcome must be the same.
fn parse(bytes: &[u8]) -> Result<Option<RequestHead>, BadMessage> {
    let whole = feed(&[bytes]);
    let shape = |outcome: &Result<Option<(RequestHead, BytesMut)>, BadMessage>| {
        outcome
            .as_ref()
            .map(|found| found.as_ref().map(|(head, _)| format!("{head:?}")))
            .map_err(|error| *error)
    };
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(shape(&feed(&bytewise)), shape(&whole), "byte by byte: {}", bytes.escape_ascii());
    if bytes.len() < 1000 {
        for at in 0..bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(shape(&feed(&[a, b])), shape(&whole), "split at {at}: {}", bytes.escape_ascii());
        }
    }
    whole.map(|found| found.map(|(head, _)| head))
}

#[track_caller]
fn check_good(bytes: &str, expected: &str) {
    let head = parse(bytes.as_bytes()).expect("well-formed").expect("complete");
    let mut found =
        format!("{} {} {}", head.method.as_str(), head.target.escape_ascii(), head.version.as_str());
    for (name, value) in head.fields.iter() {
        found += &format!(" | {}={}", name.escape_ascii(), value.escape_ascii());
    }
    assert_eq!(found, expected, "{bytes:?}");
}

#[track_caller]
fn check_bad(bytes: impl AsRef<[u8]>, expected: BadMessage) {
    let outcome = parse(bytes.as_ref());
    let shown = bytes.as_ref()[..bytes.as_ref().len().min(200)].escape_ascii();
    assert_eq!(outcome.map(|head| head.is_some()), Err(expected), "{shown}");
}

/// A request with these lines after its request line.
fn with(lines: impl AsRef<[u8]>) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nHost: a\r\n", lines.as_ref(), b"\r\n\r\n"].concat()
}

#[test]
fn well_formed_requests_come_through_as_they_are() {
    check_good("GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://a/b?c HTTP/1.1 | Host=a");
    check_good("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0");
    check_good("\r\nM-X * HTTP/1.1\r\nhost:a\r\n\r\n", "M-X * HTTP/1.1 | host=a");
    check_good("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "CONNECT a:443 HTTP/1.1 | Host=a:443");
    check_good(
        "GET /a|{}\"<>\\^` HTTP/1.1\r\nHost:\t a \t\r\nX-!#$%&'*+-.^_`|~: a\tb\r\nx-empty:\r\nX-Empty:  \r\n\r\n",
        "GET /a|{}\\\"<>\\\\^` HTTP/1.1 | Host=a | X-!#$%&\\'*+-.^_`|~=a\\tb | x-empty= | X-Empty=",
    );
    check_good("GET / HTTP/1.1\r\nHost: a\r\nX: \u{e4}\r\n\r\n", "GET / HTTP/1.1 | Host=a | X=\\xc3\\xa4");
}

#[test]
fn what_follows_a_head_stays_in_the_buffer() {
    let bytes = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET";
    let (head, rest) = feed(&[bytes]).expect("well-formed").expect("complete");
    assert_eq!((head.body, head.wire_bytes), (BodyLength::Length(3), bytes.len() - 6));
    assert_eq!(rest, "abcGET");
}

#[test]
fn line_ends_are_crlf_and_nothing_else() {
    check_bad("GET / HTTP/1.1\nHost: a\r\n\r\n", BadMessage::BareLineFeed);
    check_bad("GET / HTTP/1.1\r\nHost: a\n\r\n", BadMessage::BareLineFeed);
    check_bad("GET / HTTP/1.1\r\nHost: a\r\n\n", BadMessage::BareLineFeed);
    check_bad("GET / HTTP/1.1\r\nHost: a\n\nGET /evil HTTP/1.1\r\n\r\n", BadMessage::BareLineFeed);
    check_bad("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::BareLineFeed);
    check_bad(with("X: a\rb"), BadMessage::BareCarriageReturn);
    check_bad(with("X: a\r\rY: b"), BadMessage::BareCarriageReturn);
    check_bad(with("X: a\r\r\nY: b"), BadMessage::BareCarriageReturn);
    check_bad(with("X\r: a"), BadMessage::BareCarriageReturn);
    check_bad("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::BareCarriageReturn);
    check_bad("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::BareCarriageReturn);
    check_bad("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::EmptyLines);
}

#[test]
fn field_lines_have_a_token_a_colon_and_no_control_characters() {
    for bad in ["\0", "\u{1}", "\u{b}", "\u{c}", "\u{7f}", "\u{1b}"] {
        check_bad(with(format!("X: a{bad}b")), BadMessage::ControlCharacter);
        check_bad(with(format!("X: {bad}")), BadMessage::ControlCharacter);
        check_bad(with(format!("X{bad}: a")), BadMessage::FieldName);
    }
    check_bad(with("X : a"), BadMessage::SpaceBeforeColon);
    check_bad(with("Content-Length\t: 5"), BadMessage::SpaceBeforeColon);
    check_bad(with("X"), BadMessage::NoColon);
    check_bad(with(": a"), BadMessage::FieldName);
    check_bad(with(" : a"), BadMessage::LineFold);
    check_bad(with("X Y: a"), BadMessage::FieldName);
    check_bad(with("X(: a"), BadMessage::FieldName);
    check_bad(with("X\u{e4}: a"), BadMessage::FieldName);
    check_bad(with("X: a\r\n b"), BadMessage::LineFold);
    check_bad(with("X: a\r\n\tb"), BadMessage::LineFold);
    check_bad("GET / HTTP/1.1\r\n Host: a\r\n\r\n", BadMessage::LineFold);
    check_bad(with("X: a\r\n \r\nY: b"), BadMessage::LineFold);
}

#[test]
fn a_request_line_has_three_words_and_single_spaces() {
    check_bad("GET /\r\n\r\n", BadMessage::Http09);
    check_bad("GET\r\n\r\n", BadMessage::StartLine);
    check_bad("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad("GET  HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", BadMessage::StartLine);
    check_bad(b"\x16\x03\x01\x02\x00\x01", BadMessage::StartLine);
    for bad in ["/a#b", "/\0", "/\u{7f}", "/\u{e4}", "/\u{1}"] {
        check_bad(format!("GET {bad} HTTP/1.1\r\nHost: a\r\n\r\n"), BadMessage::Target);
    }
}

#[test]
fn versions_are_1_0_and_1_1() {
    for bad in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/9.9"] {
        check_bad(format!("GET / {bad}\r\nHost: a\r\n\r\n"), BadMessage::Version);
    }
    for bad in [
        "HTTP/1.10",
        "HTTP/1",
        "HTTP/1.",
        "http/1.1",
        "HTTP/ 1.1",
        "HTTPS/1.1",
        "HTTP/+1.1",
        "HTTP/1,1",
        "XTTP/1.1",
    ] {
        check_bad(format!("GET / {bad}\r\nHost: a\r\n\r\n"), BadMessage::StartLine);
    }
}

#[test]
fn a_request_has_one_host() {
    check_bad("GET / HTTP/1.1\r\n\r\n", BadMessage::MissingHost);
    check_bad("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", BadMessage::SeveralHosts);
    check_bad("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", BadMessage::SeveralHosts);
    check_bad("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", BadMessage::Host);
    check_bad("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", BadMessage::Host);
    check_good("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", "GET http://a/ HTTP/1.1 | Host=");
}

#[test]
fn smuggling_shapes_are_refused() {
    check_bad(with("Content-Length: 5\r\nTransfer-Encoding: chunked"), BadMessage::LengthAndCoding);
    check_bad(with("Transfer-Encoding: chunked\r\nContent-Length: 5"), BadMessage::LengthAndCoding);
    check_bad(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: x"), BadMessage::TransferCoding);
    check_bad(with("Transfer-Encoding: identity"), BadMessage::TransferCoding);
    check_bad(with("Transfer-Encoding:\u{b}chunked"), BadMessage::ControlCharacter);
    check_bad(with("Transfer-Encoding : chunked"), BadMessage::SpaceBeforeColon);
    check_bad(with("Transfer-Encoding:\r\n chunked"), BadMessage::LineFold);
    check_bad(with("X: a\nTransfer-Encoding: chunked"), BadMessage::BareLineFeed);
    check_bad(with("X: a\rTransfer-Encoding: chunked"), BadMessage::BareCarriageReturn);
    check_bad(with("Content-Length: 5\r\nContent-Length: 5"), BadMessage::SeveralLengths);
    check_bad(with("Content-Length: +5"), BadMessage::ContentLength);
    check_bad(with("Content-Length:"), BadMessage::ContentLength);
    check_bad(with("Content-Length: 5\0"), BadMessage::ControlCharacter);
    check_bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", BadMessage::CodingInHttp10);
}

#[test]
fn refusals_are_answered_with_the_status_that_fits() {
    assert_eq!(BadMessage::LineTooLong.status(), 414);
    assert_eq!(BadMessage::TooManyFields.status(), 431);
    assert_eq!(BadMessage::UnknownCoding.status(), 501);
    assert_eq!(BadMessage::Version.status(), 505);
    assert_eq!(BadMessage::LengthAndCoding.status(), 400);
}

#[test]
fn heads_are_bounded_in_lines_bytes_and_fields() {
    let line =
        |bytes| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(bytes - "GET / HTTP/1.1".len()));
    assert!(parse(line(REQUEST_LINE_BYTES_MAX).as_bytes()).expect("well-formed").is_some());
    check_bad(line(REQUEST_LINE_BYTES_MAX + 1), BadMessage::LineTooLong);
    check_bad("A".repeat(REQUEST_LINE_BYTES_MAX + 2), BadMessage::LineTooLong);

    let head = |bytes| with(format!("X: {}", "a".repeat(bytes - with("X: ").len())));
    assert!(parse(&head(HEAD_BYTES_MAX)).expect("well-formed").is_some());
    check_bad(head(HEAD_BYTES_MAX + 1), BadMessage::HeadTooLarge);
    check_bad([b"GET / HTTP/1.1\r\nX: ", &[b'a'; HEAD_BYTES_MAX][..]].concat(), BadMessage::HeadTooLarge);

    let fields = |lines| with(vec!["X: a"; lines - 1].join("\r\n"));
    assert_eq!(
        parse(&fields(FIELDS_MAX)).expect("well-formed").map(|head| head.fields.len()),
        Some(FIELDS_MAX)
    );
    check_bad(fields(FIELDS_MAX + 1), BadMessage::TooManyFields);
    for lines in 30..36 {
        assert_eq!(parse(&fields(lines)).expect("well-formed").map(|head| head.fields.len()), Some(lines));
    }
}

#[test]
fn a_client_waits_for_continue_only_with_a_body_in_1_1() {
    let check = |line: &str, lines: &str, expected: bool| {
        let bytes = format!("{line}\r\nHost: a\r\n{lines}\r\n\r\n");
        let head = parse(bytes.as_bytes()).expect("well-formed").expect("complete");
        assert_eq!(head.expects_continue, expected, "{bytes:?}");
    };
    check("POST / HTTP/1.1", "Expect: 100-Continue\r\nContent-Length: 5", true);
    check("POST / HTTP/1.1", "Expect: 100-continue\r\nTransfer-Encoding: chunked", true);
    check("POST / HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 0", false);
    check("POST / HTTP/1.1", "Expect: 100-continue", false);
    check("POST / HTTP/1.0", "Expect: 100-continue\r\nContent-Length: 5", false);
    check("POST / HTTP/1.1", "Expect: other\r\nContent-Length: 5", false);
}

/// Feeds a response whole and byte by byte: the outcome must be the same.
fn response_to(method: Method, bytes: &[u8]) -> Result<Option<ResponseHead>, BadMessage> {
    let feed = |size: usize| {
        let (mut buffer, mut scan) = (BytesMut::new(), Scan::default());
        for piece in bytes.chunks(size) {
            buffer.extend_from_slice(piece);
            if let Some(head) = parse_response(&mut buffer, &mut scan, &HeadLimits::default(), &method)? {
                return Ok(Some(head));
            }
        }
        Ok(None)
    };
    let whole = feed(bytes.len());
    assert_eq!(format!("{:?}", feed(1)), format!("{whole:?}"), "{}", bytes.escape_ascii());
    whole
}

#[track_caller]
fn check_bad_response(bytes: &str, expected: BadMessage) {
    let outcome = response_to(Method::Get, bytes.as_bytes());
    assert_eq!(outcome.map(|head| head.is_some()), Err(expected), "{bytes:?}");
}

#[test]
fn well_formed_responses_come_through() {
    let check = |bytes: &str, status: u16, reason: &str, body: BodyLength| {
        let head = response_to(Method::Get, bytes.as_bytes()).expect("well-formed").expect("complete");
        assert_eq!(
            (head.status, &head.reason[..], head.body),
            (status, reason.as_bytes(), body),
            "{bytes:?}"
        );
    };
    check("HTTP/1.1 200 OK\r\n\r\n", 200, "OK", BodyLength::UntilClose);
    check("HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n", 200, "", BodyLength::Length(5));
    check("HTTP/1.0 404\r\nContent-Length: 5\r\n\r\n", 404, "", BodyLength::Length(5));
    check(
        "HTTP/1.1 999 Na ja, \u{e4}\r\nContent-Length: 0\r\n\r\n",
        999,
        "Na ja, \u{e4}",
        BodyLength::Length(0),
    );
    check("HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n", 204, "None", BodyLength::None);
}

#[test]
fn a_folded_line_of_a_response_becomes_one() {
    let bytes = b"HTTP/1.1 200 OK\r\nX: a\r\n  b\r\n\tc\r\nContent-Length: 0\r\n\r\n";
    let head = response_to(Method::Get, bytes).expect("well-formed").expect("complete");
    assert_eq!(head.fields.first("x"), Some(&b"a    b  \tc"[..]));
    assert_eq!(head.fields.len(), 2);
    check_bad_response("HTTP/1.1 200 OK\r\n X: a\r\n\r\n", BadMessage::LineFold);
}

#[test]
fn equal_lengths_of_a_response_become_one() {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\ncontent-length: 5\r\n\r\n";
    let head = response_to(Method::Get, bytes).expect("well-formed").expect("complete");
    assert_eq!(head.fields.all("content-length").collect::<Vec<_>>(), [b"5"]);
}

#[test]
fn malformed_responses_are_refused() {
    check_bad_response("HTTP/0.9 200 OK\r\n\r\n", BadMessage::StartLine);
    check_bad_response("HTTP/1.2 200 OK\r\n\r\n", BadMessage::Version);
    check_bad_response("ICY 200 OK\r\n\r\n", BadMessage::StartLine);
    check_bad_response("<html>", BadMessage::StartLine);
    check_bad_response("\r\nHTTP/1.1 200 OK\r\n\r\n", BadMessage::StartLine);
    for bad in ["20", "2000", "099", "2x0", "+20", " 200", "200OK", ""] {
        check_bad_response(&format!("HTTP/1.1 {bad}\r\n\r\n"), BadMessage::Status);
    }
    check_bad_response("HTTP/1.1 200 O\0K\r\n\r\n", BadMessage::ControlCharacter);
    check_bad_response("HTTP/1.1 200 OK\n\r\n", BadMessage::BareLineFeed);
    check_bad_response("HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n", BadMessage::BareLineFeed);
    check_bad_response("HTTP/1.1 200 OK\r\nX: a\rY: b\r\n\r\n", BadMessage::BareCarriageReturn);
    check_bad_response("HTTP/1.1 200 OK\r\nX : a\r\n\r\n", BadMessage::SpaceBeforeColon);
    check_bad_response("HTTP/1.1 200 OK\r\nX: \0\r\n\r\n", BadMessage::ControlCharacter);
    check_bad_response("HTTP/1.1 200 OK\r\nX\r\n\r\n", BadMessage::NoColon);
    check_bad_response(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        BadMessage::LengthAndCoding,
    );
    check_bad_response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", BadMessage::CodingInHttp10);
}

#[test]
fn a_response_head_is_bounded_like_a_request_head() {
    let head = |lines: &str| response_to(Method::Get, format!("HTTP/1.1 200 OK\r\n{lines}\r\n").as_bytes());
    let long = format!("X: {}\r\n", "a".repeat(HEAD_BYTES_MAX));
    assert_eq!(head(&long).map(|_| ()), Err(BadMessage::HeadTooLarge));
    assert_eq!(
        head(&"X: a\r\n".repeat(FIELDS_MAX)).expect("well-formed").map(|head| head.fields.len()),
        Some(FIELDS_MAX)
    );
    assert_eq!(head(&"X: a\r\n".repeat(FIELDS_MAX + 1)).map(|_| ()), Err(BadMessage::TooManyFields));
}

/// Bytes that matter to the grammar more often than others.
fn random_bytes(rng: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    const LIKELY: &[&[u8]] = &[
        b"\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b":",
        b": ",
        b"\0",
        b"GET ",
        b"/ ",
        b"HTTP/1.1",
        b"HTTP/1.0 200 ",
        b"Host: a",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        b"chunked",
        b",",
        b"X: y",
        b"\xff",
    ];
    let mut bytes = Vec::new();
    while bytes.len() < length {
        bytes.extend_from_slice(LIKELY[rng.usize(..LIKELY.len())]);
    }
    bytes
}

#[test]
fn random_heads_never_panic_and_parse_alike_however_they_are_split() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut complete = 0;
    for _ in 0..3000 {
        let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\n"[..rng.usize(..=25)].to_vec();
        bytes.extend(random_bytes(&mut rng, 60));
        if let Ok(Some(head)) = parse(&bytes) {
            complete += 1;
            let raw = &bytes[..head.wire_bytes.min(bytes.len())];
            assert!(!raw.contains(&0), "a head with NUL: {}", raw.escape_ascii());
        }
        let _ = response_to(Method::Get, &random_bytes(&mut rng, 60));
    }
    assert!(complete > 20, "the generator makes too few valid heads: {complete}");
}

#[test]
fn a_mutated_request_is_refused_or_has_the_same_lines() {
    let valid = with("Content-Length: 5\r\nX-Some: value\r\nConnection: close");
    let mut rng = fastrand::Rng::with_seed(2);
    for _ in 0..3000 {
        let mut bytes = valid.clone();
        let at = rng.usize(..bytes.len());
        bytes[at] = rng.u8(..);
        if let Ok(Some(head)) = parse(&bytes) {
            assert_eq!((head.fields.len(), head.wire_bytes), (4, bytes.len()), "{}", bytes.escape_ascii());
        }
    }
}

#[test]
fn what_is_accepted_and_written_again_reads_the_same() {
    let lines = |head: &RequestHead| -> Vec<(Vec<u8>, Vec<u8>)> {
        head.fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
    };
    let mut rng = fastrand::Rng::with_seed(5);
    for _ in 0..3000 {
        let mut bytes = with("X-Some:  value \r\nX-Other: \t\r\nContent-Length: 5");
        for _ in 0..3 {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
        }
        let Ok(Some(head)) = parse(&bytes) else { continue };
        let mut written = Vec::new();
        write::request_line(&mut written, &head.method, &head.target);
        write::fields(&mut written, &head.fields);
        if head.version == Version::Http11 {
            write::end(&mut written);
            let again = parse(&written).expect("well-formed").expect("complete");
            assert_eq!((again.method.as_str(), &again.target), (head.method.as_str(), &head.target));
            assert_eq!((lines(&again), again.body), (lines(&head), head.body), "{}", bytes.escape_ascii());
        }
    }
}
