//! The common log format and the combined one: `client ident user [date] "request" status bytes`, then perhaps a referrer
//! and a user agent, then whatever a server adds; Squid adds `TCP_MISS:HIER_DIRECT`, from which its result code is taken.
//! A virtual host before the client, as in Debian's `vhost_combined`, does no harm.
//!
//! Escapes in the request (`\"`, `\x16`) stay as they are: a name needs only to be the same each time.

use super::Reader;
use super::scan::{common_date, field, number, status, unless_dash};
use crate::damage::Damage;
use crate::record::{Name, Record};

/// Reads the common and the combined format.
pub(super) struct Apache;

impl Reader for Apache {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        if line.is_empty() {
            return Ok(());
        }
        each(&record(line)?);
        Ok(())
    }
}

fn record(line: &[u8]) -> Result<Record<'_>, Damage> {
    let bracket = memchr::memchr(b'[', line).ok_or(Damage("no date in brackets"))?;
    let (secs, rest) = common_date(&line[bracket + 1..]).ok_or(Damage("no date that can be read"))?;
    let quote = memchr::memchr(b'"', rest).ok_or(Damage("no request in quotes"))?;
    let FromRequest { request, code, bytes, rest } = from_request(&rest[quote + 1..])
        .ok_or(Damage("no request that ends in a quote, status and number of bytes"))?;
    let (method, url) = method_and_url(request);
    Ok(Record {
        // Servers write `-` when no byte of a body was sent.
        size: Some(number(bytes).unwrap_or(0)),
        time_us: secs.checked_mul(1_000_000),
        method: unless_dash(method),
        status: Some(status(code)),
        outcome: outcome(rest),
        client: field(line).and_then(|(client, _)| unless_dash(client)),
        ..Record::of(Name::Url(url))
    })
}

/// The end of a line, from the request on.
struct FromRequest<'a> {
    request: &'a [u8],
    code: &'a [u8],
    bytes: &'a [u8],
    rest: &'a [u8],
}

/// What follows the quote before the request. The request ends at the first quote that status and bytes follow: Apache
/// writes a backslash before quotes in it, Squid writes them as they are.
fn from_request(text: &[u8]) -> Option<FromRequest<'_>> {
    let is_number = |text: &[u8]| text == b"-" || number(text).is_some();
    memchr::memchr_iter(b'"', text).filter(|at| *at == 0 || text[at - 1] != b'\\').find_map(|at| {
        let (code, rest) = field(text[at + 1..].trim_ascii_start())?;
        let (bytes, rest) = field(rest)?;
        let ends_here = is_number(code) && is_number(bytes);
        ends_here.then_some(FromRequest { request: &text[..at], code, bytes, rest })
    })
}

/// The parts of `GET /a HTTP/1.1`; the URL may have blanks in it, and HTTP/0.9 has no version.
fn method_and_url(request: &[u8]) -> (&[u8], &[u8]) {
    let Some(blank) = memchr::memchr(b' ', request) else { return (b"-", request) };
    let (method, rest) = (&request[..blank], request[blank + 1..].trim_ascii());
    let url = match memchr::memrchr(b' ', rest) {
        Some(at) if rest[at + 1..].starts_with(b"HTTP/") || rest[at + 1..].starts_with(b"NONE/") => {
            &rest[..at]
        }
        _ => rest,
    };
    (method, url.trim_ascii_end())
}

/// Squid's result code, when the line ends in one.
fn outcome(rest: &[u8]) -> Option<&[u8]> {
    let last = rest.trim_ascii_end();
    let last = &last[memchr::memrchr(b' ', last).map_or(0, |at| at + 1)..];
    let (code, hierarchy) = last.split_at(memchr::memchr(b':', last)?);
    let is_part = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_' || byte.is_ascii_digit();
    let is_word = |word: &[u8]| word.len() > 1 && word[0].is_ascii_uppercase() && word.iter().all(is_part);
    (is_word(code) && is_word(&hierarchy[1..])).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_common_and_combined_format_are_read() {
        let line = br#"198.51.100.7 - frank [17/Nov/2024:16:21:22 +0700] "GET /a b?c=\"d\" HTTP/1.1" 200 2326 "-" "Moz (x)""#;
        let expected = Record {
            size: Some(2326),
            time_us: Some(1_731_835_282_000_000),
            method: Some(b"GET"),
            status: Some(200),
            client: Some(b"198.51.100.7"),
            ..Record::of(Name::Url(br#"/a b?c=\"d\""#))
        };
        assert_eq!(record(line), Ok(expected));
        let common = &line[..line.len() - r#" "-" "Moz (x)""#.len()];
        assert_eq!(record(common), Ok(expected));
    }

    #[test]
    fn squids_result_code_is_taken_from_the_end() {
        let check = |end: &str, expected: Option<&str>| {
            let line =
                format!(r#"::1 - - [17/Nov/2024:16:21:22 +0000] "GET http://a.test/ HTTP/1.1" 200 5{end}"#);
            assert_eq!(record(line.as_bytes()).unwrap().outcome, expected.map(str::as_bytes), "{end}");
        };
        check(" TCP_MEM_HIT:HIER_NONE", Some("TCP_MEM_HIT"));
        check(r#" "-" "sample/1.0" TCP_MISS:HIER_DIRECT"#, Some("TCP_MISS"));
        check(r#" "-" "sample/1.0""#, None);
        check("", None);
        check(" 12:30", None);
    }

    #[test]
    fn odd_requests_are_read_as_they_are() {
        let check = |request: &str, end: &str, method: Option<&str>, url: &str, size: u64, code: u16| {
            let line = format!(r#"a - - [17/Nov/2024:16:21:22 +0000] "{request}" {end}"#);
            let record = record(line.as_bytes()).unwrap();
            assert_eq!(record.method, method.map(str::as_bytes), "{request}");
            assert_eq!(record.name, Name::Url(url.as_bytes()), "{request}");
            assert_eq!((record.size, record.status), (Some(size), Some(code)), "{request}");
        };
        check("GET /old", "200 7", Some("GET"), "/old", 7, 200);
        check("GET /a\" b HTTP/1.1", "200 7", Some("GET"), "/a\" b", 7, 200);
        check("-", "408 -", None, "-", 0, 408);
        check("", "400 0", None, "", 0, 400);
        check(r"\x16\x03", "400 226", None, r"\x16\x03", 226, 400);
        check("- error:x NONE/0.0", "0 0", None, "error:x", 0, 0);
    }

    #[test]
    fn what_is_no_such_line_is_damaged() {
        for line in [
            "a - - no date",
            "a - - [17/Nov/2024] \"GET / HTTP/1.1\" 200 5",
            "a - - [17/Nov/2024:16:21:22 +0000] GET / 200 5",
            "a - - [17/Nov/2024:16:21:22 +0000] \"GET / 200 5",
            "a - - [17/Nov/2024:16:21:22 +0000] \"GET /\"",
            "a - - [17/Nov/2024:16:21:22 +0000] \"GET /\" 200",
            "a - - [17/Nov/2024:16:21:22 +0000] \"GET /\" ok 5",
            "a - - [17/Nov/2024:16:21:22 +0000] \"GET /\" 200 many",
        ] {
            assert!(record(line.as_bytes()).is_err(), "{line}");
        }
    }
}
