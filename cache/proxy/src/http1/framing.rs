//! Where a message body ends (RFC 9112 section 6), and whether the connection may be used after it (section 9.3).
//! One pass over the field lines; every shape two recipients might read differently is an error.

use cnn_core::fields::{Fields, split_list};

use super::byte_set::ByteSet;
use super::{BadMessage, Method, Version, method::is_token};

/// How the length of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body and nothing said there is.
    None,
    /// Exactly that many bytes.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// All bytes until the peer closes (responses only).
    UntilClose,
}

impl BodyLength {
    /// Whether no body byte follows the head.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }

    /// The number of content bytes, where it is known beforehand.
    pub fn known(self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Length(bytes) => Some(bytes),
            Self::Chunked | Self::UntilClose => None,
        }
    }
}

/// What the framing fields of one head say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Framing {
    content_length: Option<u64>,
    lengths: u32,
    coding: Option<Coding>,
    hosts: u32,
    says_close: bool,
    says_keep_alive: bool,
    pub(super) expects_continue: bool,
}

/// What `Transfer-Encoding` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    /// Exactly `chunked`.
    Chunked,
    /// Other codings, then `chunked`.
    OthersThenChunked,
    /// Anything else: the end of the body cannot be told.
    Endless,
}

impl Framing {
    /// Reads the framing fields.
    ///
    /// # Errors
    /// For a `Content-Length` that is no number or that says two different things, and an invalid `Host`.
    pub(super) fn read(fields: &Fields) -> Result<Self, BadMessage> {
        let mut framing = Self::default();
        for (name, value) in fields.iter() {
            match name.len() {
                4 if name.eq_ignore_ascii_case(b"host") => framing.read_host(value)?,
                6 if name.eq_ignore_ascii_case(b"expect") => {
                    framing.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
                }
                10 if name.eq_ignore_ascii_case(b"connection") => framing.read_connection(value),
                14 if name.eq_ignore_ascii_case(b"content-length") => framing.read_length(value)?,
                17 if name.eq_ignore_ascii_case(b"transfer-encoding") => framing.read_coding(value),
                _ => {}
            }
        }
        Ok(framing)
    }

    fn read_host(&mut self, value: &[u8]) -> Result<(), BadMessage> {
        self.hosts += 1;
        if is_host(value) { Ok(()) } else { Err(BadMessage::Host) }
    }

    fn read_connection(&mut self, value: &[u8]) {
        for option in split_list(value) {
            self.says_close |= option.eq_ignore_ascii_case(b"close");
            self.says_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// RFC 9110 section 8.6 lets a recipient accept a list of equal numbers; [`Self::request_body`] does not.
    fn read_length(&mut self, value: &[u8]) -> Result<(), BadMessage> {
        for member in value.split(|&byte| byte == b',') {
            let length = plain_decimal(member.trim_ascii()).ok_or(BadMessage::ContentLength)?;
            if self.content_length.is_some_and(|other| other != length) {
                return Err(BadMessage::SeveralLengths);
            }
            self.content_length = Some(length);
            self.lengths += 1;
        }
        Ok(())
    }

    fn read_coding(&mut self, value: &[u8]) {
        self.coding = Some(match self.coding {
            None => Coding::of(value),
            Some(_) => Coding::Endless,
        });
    }

    /// The body of a request.
    ///
    /// # Errors
    /// For every length that is not said exactly once and in exactly one way.
    pub(super) fn request_body(&self, version: Version) -> Result<BodyLength, BadMessage> {
        if self.lengths > 1 {
            return Err(BadMessage::SeveralLengths);
        }
        self.body(version, BodyLength::None)
    }

    /// The body of a response to `method`.
    ///
    /// # Errors
    /// For a length said in two ways, and for codings we do not know.
    pub(super) fn response_body(
        &self,
        version: Version,
        method: &Method,
        status: u16,
    ) -> Result<BodyLength, BadMessage> {
        let length = self.body(version, BodyLength::UntilClose)?;
        let has_none = *method == Method::Head || matches!(status, 100..200 | 204 | 304);
        Ok(if has_none { BodyLength::None } else { length })
    }

    fn body(&self, version: Version, otherwise: BodyLength) -> Result<BodyLength, BadMessage> {
        match (self.coding, self.content_length) {
            (Some(_), Some(_)) => Err(BadMessage::LengthAndCoding),
            (Some(_), None) if version == Version::Http10 => Err(BadMessage::CodingInHttp10),
            (Some(Coding::Chunked), None) => Ok(BodyLength::Chunked),
            (Some(Coding::OthersThenChunked), None) => Err(BadMessage::UnknownCoding),
            (Some(Coding::Endless), None) => Err(BadMessage::TransferCoding),
            (None, Some(length)) => Ok(BodyLength::Length(length)),
            (None, None) => Ok(otherwise),
        }
    }

    /// The length, where it is said more than once.
    pub(super) fn repeated_length(&self) -> Option<u64> {
        self.content_length.filter(|_| self.lengths > 1)
    }

    /// Checks that a request says its host as its version demands (RFC 9112 section 3.2).
    pub(super) fn check_host(&self, version: Version) -> Result<(), BadMessage> {
        match (self.hosts, version) {
            (0, Version::Http11) => Err(BadMessage::MissingHost),
            (0 | 1, _) => Ok(()),
            _ => Err(BadMessage::SeveralHosts),
        }
    }

    /// Whether the sender lets the connection live on after this message (RFC 9112 section 9.3).
    pub(super) fn is_persistent(&self, version: Version) -> bool {
        !self.says_close && (version == Version::Http11 || self.says_keep_alive)
    }
}

impl Coding {
    /// What one field line says.
    fn of(value: &[u8]) -> Self {
        let is_chunked = |member: &[u8]| member.trim_ascii().eq_ignore_ascii_case(b"chunked");
        let mut from_last = value.rsplit(|&byte| byte == b',');
        if !from_last.next().is_some_and(is_chunked) {
            return Self::Endless;
        }
        from_last.fold(Self::Chunked, |coding, member| {
            let is_other = is_token(member.trim_ascii()) && !is_chunked(member);
            if is_other && coding != Self::Endless { Self::OthersThenChunked } else { Self::Endless }
        })
    }
}

/// A number of decimal digits and nothing else; none if it is empty or does not fit.
fn plain_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether `value` is `uri-host [ ":" port ]` (RFC 9110 section 7.2). It may be empty, as the grammar has it.
pub fn is_host(value: &[u8]) -> bool {
    let (host_is_fine, port) = match value.strip_prefix(b"[") {
        Some(literal) => match memchr::memchr(b']', literal) {
            Some(end) => (is_ip_literal(&literal[..end]), &literal[end + 1..]),
            None => return false,
        },
        None => {
            let end = memchr::memchr(b':', value).unwrap_or(value.len());
            (REG_NAME.has_all(&value[..end]), &value[end..])
        }
    };
    let port_is_fine = match port.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    };
    host_is_fine && port_is_fine
}

fn is_ip_literal(literal: &[u8]) -> bool {
    !literal.is_empty() && literal.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte))
}

/// RFC 3986 section 3.2.2: unreserved, sub-delims, percent.
static REG_NAME: ByteSet = ByteSet::alphanumeric_and(b"-._~%!$&'()*+,;=");

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &str) -> Fields {
        lines.split('|').filter_map(|line| line.split_once(':')).collect()
    }

    #[track_caller]
    fn check_request(lines: &str, expected: Result<BodyLength, BadMessage>) {
        let found = Framing::read(&fields(lines)).and_then(|framing| framing.request_body(Version::Http11));
        assert_eq!(found, expected, "{lines}");
    }

    #[track_caller]
    fn check_response(method: Method, status: u16, lines: &str, expected: Result<BodyLength, BadMessage>) {
        let found = Framing::read(&fields(lines))
            .and_then(|framing| framing.response_body(Version::Http11, &method, status));
        assert_eq!(found, expected, "{status} {lines}");
    }

    #[test]
    fn a_request_says_its_length_once_and_in_one_way() {
        check_request("", Ok(BodyLength::None));
        check_request("Content-Length:0", Ok(BodyLength::Length(0)));
        check_request("content-length:18446744073709551615", Ok(BodyLength::Length(u64::MAX)));
        check_request("Transfer-Encoding:Chunked", Ok(BodyLength::Chunked));
        check_request("Content-Length:5|Transfer-Encoding:chunked", Err(BadMessage::LengthAndCoding));
        check_request("Transfer-Encoding:chunked|Content-Length:5", Err(BadMessage::LengthAndCoding));
        check_request("Transfer-Encoding:identity|Content-Length:5", Err(BadMessage::LengthAndCoding));
        check_request("Content-Length:5|Content-Length:5", Err(BadMessage::SeveralLengths));
        check_request("Content-Length:5, 5", Err(BadMessage::SeveralLengths));
        check_request("Content-Length:5|Content-Length:6", Err(BadMessage::SeveralLengths));
    }

    #[test]
    fn a_length_is_plain_decimal() {
        for bad in
            ["", "+5", "-5", "0x5", "5a", "5 5", "5.0", "\"5\"", ",5", "5,", "18446744073709551616", "\u{b}5"]
        {
            check_request(&format!("Content-Length:{bad}"), Err(BadMessage::ContentLength));
        }
        check_request("Content-Length:007", Ok(BodyLength::Length(7)));
    }

    #[test]
    fn a_coding_is_chunked_and_nothing_else() {
        for bad in [
            "",
            "identity",
            "xchunked",
            "chunkedx",
            "chunked, chunked",
            "chunked, identity",
            "gzip",
            "chunked,",
            ",chunked",
            "chunked;q=1",
            "\"chunked\"",
            "\u{b}chunked",
            "gzip chunked",
            "chunked, gzip, chunked",
        ] {
            check_request(&format!("Transfer-Encoding:{bad}"), Err(BadMessage::TransferCoding));
        }
        check_request("Transfer-Encoding:gzip, chunked", Err(BadMessage::UnknownCoding));
        check_request("Transfer-Encoding:chunked|Transfer-Encoding:chunked", Err(BadMessage::TransferCoding));
        check_request(
            "Transfer-Encoding:chunked|Transfer-Encoding:identity",
            Err(BadMessage::TransferCoding),
        );
        check_request("Transfer-Encoding:gzip|Transfer-Encoding:chunked", Err(BadMessage::TransferCoding));
    }

    #[test]
    fn a_coding_in_http_1_0_is_refused() {
        let framing = Framing::read(&fields("Transfer-Encoding:chunked")).expect("well-formed");
        assert_eq!(framing.request_body(Version::Http10), Err(BadMessage::CodingInHttp10));
    }

    #[test]
    fn a_response_body_depends_on_method_and_status() {
        check_response(Method::Get, 200, "", Ok(BodyLength::UntilClose));
        check_response(Method::Get, 200, "Content-Length:5", Ok(BodyLength::Length(5)));
        check_response(Method::Get, 200, "Content-Length:5|Content-Length:5", Ok(BodyLength::Length(5)));
        check_response(
            Method::Get,
            200,
            "Content-Length:5|Content-Length:6",
            Err(BadMessage::SeveralLengths),
        );
        check_response(Method::Get, 200, "Transfer-Encoding:chunked", Ok(BodyLength::Chunked));
        check_response(Method::Get, 200, "Transfer-Encoding:gzip, chunked", Err(BadMessage::UnknownCoding));
        check_response(
            Method::Get,
            200,
            "Content-Length:5|Transfer-Encoding:chunked",
            Err(BadMessage::LengthAndCoding),
        );
        check_response(Method::Head, 200, "Content-Length:5", Ok(BodyLength::None));
        for status in [100, 103, 199, 204, 304] {
            check_response(Method::Get, status, "Content-Length:5", Ok(BodyLength::None));
        }
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        let check = |version, lines: &str, expected: bool| {
            let framing = Framing::read(&fields(lines)).expect("well-formed");
            assert_eq!(framing.is_persistent(version), expected, "{lines}");
        };
        check(Version::Http11, "", true);
        check(Version::Http11, "Connection:x, Close", false);
        check(Version::Http11, "Connection:keep-alive|Connection:close", false);
        check(Version::Http10, "", false);
        check(Version::Http10, "Connection:Keep-Alive", true);
        check(Version::Http10, "Connection:keep-alive, close", false);
    }

    #[test]
    fn a_host_is_a_name_or_a_literal_with_an_optional_port() {
        for good in
            ["", "a", "a.example", "a_b:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a:", "%41", "xn--a"]
        {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b", "a/b", "a@b", "a:b", "a:80:80", "[::1", "::1", "[]", "[::1]x", "a?b", "a#b", "a\\b",
            "a, b", "\u{e4}",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
