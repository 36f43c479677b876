//! Pieces of a line, written to a buffer without allocating: numbers, addresses, and bytes from outside made harmless.
//! Whatever a client or an origin sends, a line stays one line and a field one field.

use std::borrow::Cow;
use std::io::Write;
use std::net::IpAddr;

/// Bytes of a URL that are logged, as in Squid (`MAX_URL` with its final NUL); a line has an end.
const URL_BYTES_MAX: usize = 8191;

/// Bytes of any other value from outside that are logged.
const VALUE_BYTES_MAX: usize = 1024;

/// A number in decimal.
pub(super) fn number(line: &mut Vec<u8>, value: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A number in decimal with zeros before it, in three places.
pub(super) fn three_digits(line: &mut Vec<u8>, value: u64) {
    let digit = |place: u64| b'0' + (value / place % 10) as u8;
    line.extend_from_slice(&[digit(100), digit(10), digit(1)]);
}

/// A number in decimal with spaces before it, in at least six places.
pub(super) fn padded_to_six(line: &mut Vec<u8>, value: u64) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(value).as_bytes();
    line.extend_from_slice(&b"      "[digits.len().min(6)..]);
    line.extend_from_slice(digits);
}

/// An address; one that came IPv4-mapped is IPv4.
pub(super) fn address(line: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    line.push(b'.');
                }
                number(line, octet.into());
            }
        }
        // Writing to a buffer cannot fail.
        IpAddr::V6(v6) => drop(write!(line, "{v6}")),
    }
}

/// A field between spaces: as it is when it has none and no control characters (Squid logs URLs as they are), else
/// %-encoded as by Squid's `rfc1738_escape_unescaped`; `-` when there is none.
pub(super) fn field(line: &mut Vec<u8>, value: &[u8]) {
    escaped_field(line, &value[..value.len().min(VALUE_BYTES_MAX)]);
}

/// A URL.
pub(super) fn url(line: &mut Vec<u8>, url: &[u8]) {
    escaped_field(line, &url[..url.len().min(URL_BYTES_MAX)]);
}

fn escaped_field(line: &mut Vec<u8>, value: &[u8]) {
    if value.is_empty() {
        line.push(b'-');
    } else if !has(value, |byte| byte <= b' ' || byte == 0x7f) {
        line.extend_from_slice(value);
    } else {
        value.iter().for_each(|&byte| percent_encoded(line, byte));
    }
}

/// Whether any byte is one of those. Looks at all of them, which takes less time than looking for the first.
fn has(value: &[u8], is_one: impl Fn(u8) -> bool) -> bool {
    value.iter().fold(false, |found, &byte| found | is_one(byte))
}

fn percent_encoded(line: &mut Vec<u8>, byte: u8) {
    if byte <= b' ' || byte >= 0x7f || b"<>\"#{}|\\^~[]`'".contains(&byte) {
        line.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    } else {
        line.push(byte);
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A value for between quotes, with what would end or break them behind a backslash, as Squid's `logformat` quotes; `-`
/// when there is none.
pub(super) fn quoted(line: &mut Vec<u8>, value: &[u8]) {
    escaped_quoted(line, &value[..value.len().min(VALUE_BYTES_MAX)]);
}

/// A URL for between quotes.
pub(super) fn quoted_url(line: &mut Vec<u8>, url: &[u8]) {
    escaped_quoted(line, &url[..url.len().min(URL_BYTES_MAX)]);
}

fn escaped_quoted(line: &mut Vec<u8>, value: &[u8]) {
    if value.is_empty() {
        return line.push(b'-');
    }
    if !has(value, |byte| byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f)) {
        return line.extend_from_slice(value);
    }
    for &byte in value {
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', byte]),
            b'\t' => line.extend_from_slice(b"\\t"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\n' => line.extend_from_slice(b"\\n"),
            0..=0x1f | 0x7f => drop(write!(line, "\\x{byte:02x}")),
            _ => line.push(byte),
        }
    }
}

/// A JSON string, or null for nothing. Bytes that are not UTF-8 become replacement characters.
pub(super) fn json(line: &mut Vec<u8>, value: &[u8]) {
    if value.is_empty() {
        return line.extend_from_slice(b"null");
    }
    let text = match std::str::from_utf8(&value[..value.len().min(URL_BYTES_MAX)]) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(&value[..value.len().min(URL_BYTES_MAX)]),
    };
    // Writing to a buffer cannot fail.
    let _ = serde_json::to_writer(line, &text);
}

/// A media type without its parameters, cut where Squid cuts it.
pub(super) fn media_type(content_type: &[u8]) -> &[u8] {
    let end = content_type.iter().position(|byte| matches!(byte, b';' | b' ' | b'\t'));
    &content_type[..end.unwrap_or(content_type.len())]
}

/// A URL without user name and password, which nobody may find in a log. Squid takes them out of what it fetches; here a
/// request with them is refused, and its URL logged all the same.
pub(super) fn without_user_info(url: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'@', url).is_none() {
        return Cow::Borrowed(url);
    }
    let start = memchr::memmem::find(url, b"//").map_or(0, |at| at + 2);
    let end = url[start..].iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let authority = &url[start..end.map_or(url.len(), |end| start + end)];
    match memchr::memrchr(b'@', authority) {
        Some(at) => Cow::Owned([&url[..start], &url[start + at + 1..]].concat()),
        None => Cow::Borrowed(url),
    }
}

/// A URL up to its question mark, which stays, as with Squid's `strip_query_terms`.
pub fn without_query(url: &[u8]) -> &[u8] {
    memchr::memchr(b'?', url).map_or(url, |at| &url[..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(write: impl Fn(&mut Vec<u8>), expected: &str) {
        let mut line = Vec::new();
        write(&mut line);
        assert_eq!(String::from_utf8_lossy(&line), expected);
    }

    #[test]
    fn numbers_have_their_places() {
        check(|line| three_digits(line, 7), "007");
        check(|line| three_digits(line, 999), "999");
        check(|line| padded_to_six(line, 0), "     0");
        check(|line| padded_to_six(line, 123_456), "123456");
        check(|line| padded_to_six(line, 1_234_567), "1234567");
        check(|line| number(line, u64::MAX), "18446744073709551615");
    }

    #[test]
    fn addresses_are_written_as_their_own_kind() {
        for text in ["127.0.0.1", "255.255.255.255", "::1", "2001:db8::7"] {
            check(|line| address(line, text.parse().unwrap()), text);
        }
        check(|line| address(line, "::ffff:10.0.0.1".parse().unwrap()), "10.0.0.1");
    }

    #[test]
    fn urls_are_as_they_came_unless_they_would_break_the_line() {
        check(|line| url(line, b""), "-");
        check(|line| url(line, b"http://h/q\"<>{}|\\^`~%zz%41[]#f"), "http://h/q\"<>{}|\\^`~%zz%41[]#f");
        check(|line| url(line, "http://h/é".as_bytes()), "http://h/é");
        check(|line| url(line, b"http://h/a b\"\n%41\xff"), "http://h/a%20b%22%0A%41%FF");
    }

    #[test]
    fn long_values_are_cut() {
        let length = |write: fn(&mut Vec<u8>, &[u8])| {
            let mut line = Vec::new();
            write(&mut line, &[b'x'; 20_000]);
            line.len()
        };
        assert_eq!(length(url), 8191);
        assert_eq!(length(field), 1024);
        assert_eq!(length(quoted), 1024);
        assert_eq!(length(json), 8193);
    }

    #[test]
    fn quoted_values_cannot_leave_their_quotes() {
        check(|line| quoted(line, b""), "-");
        check(|line| quoted(line, b"a \"q\" \\ b\t\r\n\x1b[0m"), r#"a \"q\" \\ b\t\r\n\x1b[0m"#);
    }

    #[test]
    fn json_is_always_text() {
        check(|line| json(line, b""), "null");
        check(|line| json(line, b"a\"b\n\xff"), "\"a\\\"b\\n\u{fffd}\"");
    }

    #[test]
    fn passwords_are_not_logged() {
        let check = |url: &str, logged: &str| {
            assert_eq!(String::from_utf8_lossy(&without_user_info(url.as_bytes())), logged);
        };
        check("http://user:secret@origin.test/a@b", "http://origin.test/a@b");
        check("http://a@b:c@origin.test?d@e", "http://origin.test?d@e");
        check("user:secret@origin.test:443", "origin.test:443");
        check("http://origin.test/a@b", "http://origin.test/a@b");
        check("http://origin.test?a@b", "http://origin.test?a@b");
        check("http://@", "http://");
        check("@", "");
    }

    #[test]
    fn media_types_lose_their_parameters_and_urls_their_query() {
        assert_eq!(media_type(b"text/html;charset=utf-8"), b"text/html");
        assert_eq!(media_type(b"text/html ; charset=utf-8"), b"text/html");
        assert_eq!(media_type(b"Text/HTML, foo"), b"Text/HTML,");
        assert_eq!(without_query(b"http://h/a?b=c"), b"http://h/a?");
        assert_eq!(without_query(b"http://h/a"), b"http://h/a");
    }
}
