//! Heads of messages from a growing buffer (RFC 9112 sections 2 to 5). Lines are found and checked here, `httparse`
//! takes them apart, and only what everybody would read the same way gets through. Pure: no sockets, no waiting.
//!
//! It does not look into the request target beyond its bytes: its forms (RFC 9112 section 3.2) are the server's matter.

use core::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use cnn_core::fields::Fields;

use super::byte_set::ByteSet;
use super::framing::Framing;
use super::method::is_token;
use super::{BadMessage, BodyLength, Method};
use crate::limits::{FIELDS_MAX, HEAD_BYTES_MAX, REQUEST_LINE_BYTES_MAX};

/// The HTTP versions spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl Version {
    /// As it stands in a start line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}

/// How big a head may be. A field count above [`FIELDS_MAX`] acts as that.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Longest request line, bytes.
    pub line_bytes_max: usize,
    /// Largest head with start line and end, bytes.
    pub head_bytes_max: usize,
    /// Most field lines.
    pub fields_max: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            line_bytes_max: REQUEST_LINE_BYTES_MAX,
            head_bytes_max: HEAD_BYTES_MAX,
            fields_max: FIELDS_MAX,
        }
    }
}

/// A request without its body.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The request target as it came: visible ASCII without `#`, not empty.
    pub target: Bytes,
    /// The version.
    pub version: Version,
    /// The field lines.
    pub fields: Fields,
    /// How its body ends.
    pub body: BodyLength,
    /// Whether the client lets the connection live on after this exchange.
    pub is_persistent: bool,
    /// Whether the client waits for a 100 before it sends the body (never so in HTTP/1.0 or without a body).
    pub expects_continue: bool,
    /// Bytes of the head on the wire.
    pub wire_bytes: usize,
}

/// A response without its body.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The version.
    pub version: Version,
    /// The status code, 100 to 999.
    pub status: u16,
    /// The reason phrase as it came; may be empty.
    pub reason: Bytes,
    /// The field lines; `Content-Length` at most once, folded lines joined.
    pub fields: Fields,
    /// How its body ends.
    pub body: BodyLength,
    /// Whether the origin lets the connection live on after this exchange.
    pub is_persistent: bool,
    /// Bytes of the head on the wire.
    pub wire_bytes: usize,
}

/// How far a buffer has been searched for the end of a head, so that a head that comes byte by byte is searched once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    /// Where the search for the next line feed goes on.
    searched: usize,
    /// Where the line being searched begins.
    line_start: usize,
    /// Number of lines found.
    lines: usize,
    /// Number of empty lines skipped before the first.
    empty_lines: usize,
    has_fold: bool,
    request_line: Option<RequestLine>,
}

/// A request line taken apart: `method SP target SP version`.
#[derive(Clone, Copy, Debug)]
struct RequestLine {
    method_end: usize,
    target_end: usize,
    version: Version,
}

/// Takes a request head off the front of `buffer`; none if it is not all there yet. `scan` belongs to the buffer and
/// starts anew (as default) with each head.
///
/// # Errors
/// What is wrong with it, as soon as that can be told. The connection is of no use any more, for nobody knows where
/// the next message begins.
pub fn parse_request(
    buffer: &mut BytesMut,
    scan: &mut Scan,
    limits: &HeadLimits,
) -> Result<Option<RequestHead>, BadMessage> {
    if scan.request_line.is_none() {
        skip_empty_line(buffer, scan)?;
        check_first_byte(buffer)?;
        let line_max = (limits.line_bytes_max + 2, BadMessage::LineTooLong);
        let Some(line) = next_line(buffer, scan, line_max)? else { return Ok(None) };
        scan.request_line = Some(RequestLine::parse(&buffer[line])?);
    }
    let Some(end) = find_end(buffer, scan, limits)? else { return Ok(None) };
    let scan = core::mem::take(scan);
    if scan.has_fold {
        return Err(BadMessage::LineFold);
    }
    let line = scan.request_line.expect("the request line was read first");
    request(line, buffer.split_to(end).freeze(), scan.lines).map(Some)
}

/// Takes the head of a response to `method` off the front of `buffer`; none if it is not all there yet.
///
/// # Errors
/// What is wrong with it. A proxy answers 502 and closes the connection to that origin.
pub fn parse_response(
    buffer: &mut BytesMut,
    scan: &mut Scan,
    limits: &HeadLimits,
    method: &Method,
) -> Result<Option<ResponseHead>, BadMessage> {
    let known = buffer.len().min(STATUS_LINE_START.len());
    if buffer[..known] != STATUS_LINE_START[..known] {
        return Err(BadMessage::StartLine);
    }
    let Some(end) = find_end(buffer, scan, limits)? else { return Ok(None) };
    let scan = core::mem::take(scan);
    // A copy, because a response's head lives long while the buffer is big and wanted for the body.
    let head = match scan.has_fold {
        true => unfold(&buffer[..end])?,
        false => Bytes::copy_from_slice(&buffer[..end]),
    };
    buffer.advance(end);
    response(head, scan.lines, method).map(Some)
}

/// What every status line begins with.
const STATUS_LINE_START: &[u8] = b"HTTP/1.";

/// One empty line before a request line is forgiven (RFC 9112 section 2.2): old clients end a body with one.
fn skip_empty_line(buffer: &mut BytesMut, scan: &mut Scan) -> Result<(), BadMessage> {
    while buffer.starts_with(b"\r\n") {
        buffer.advance(2);
        scan.searched = 0;
        scan.empty_lines += 1;
        if scan.empty_lines > 1 {
            return Err(BadMessage::EmptyLines);
        }
    }
    Ok(())
}

/// Tells at once what can't become a request line, such as a TLS handshake.
fn check_first_byte(buffer: &[u8]) -> Result<(), BadMessage> {
    match buffer {
        [] | [b'\r'] => Ok(()),
        [b'\r', ..] => Err(BadMessage::BareCarriageReturn),
        [b'\n', ..] => Err(BadMessage::BareLineFeed),
        [first, ..] if is_token(&[*first]) => Ok(()),
        _ => Err(BadMessage::StartLine),
    }
}

/// The next line without its CRLF, once it is all there. Its line feed must lie before `max.0`.
fn next_line(
    buffer: &[u8],
    scan: &mut Scan,
    max: (usize, BadMessage),
) -> Result<Option<Range<usize>>, BadMessage> {
    let found = memchr::memchr(b'\n', &buffer[scan.searched..]);
    let at = found.map_or(buffer.len(), |at| scan.searched + at);
    if at >= max.0 {
        return Err(max.1);
    }
    if found.is_none() {
        scan.searched = at;
        return Ok(None);
    }
    if at == scan.line_start || buffer[at - 1] != b'\r' {
        return Err(BadMessage::BareLineFeed);
    }
    let line = scan.line_start..at - 1;
    scan.lines += 1;
    (scan.searched, scan.line_start) = (at + 1, at + 1);
    Ok(Some(line))
}

/// Where the head ends (after its empty line), once it is all there.
fn find_end(buffer: &[u8], scan: &mut Scan, limits: &HeadLimits) -> Result<Option<usize>, BadMessage> {
    while let Some(line) = next_line(buffer, scan, (limits.head_bytes_max, BadMessage::HeadTooLarge))? {
        match buffer[line.start] {
            _ if line.is_empty() => return Ok(Some(scan.line_start)),
            b' ' | b'\t' => scan.has_fold = true,
            _ => {}
        }
        if scan.lines > limits.fields_max.min(FIELDS_MAX) + 1 {
            return Err(BadMessage::TooManyFields);
        }
    }
    Ok(None)
}

impl RequestLine {
    fn parse(line: &[u8]) -> Result<Self, BadMessage> {
        let method_end = memchr::memchr(b' ', line).ok_or(BadMessage::StartLine)?;
        let target_end = memchr::memrchr(b' ', line).ok_or(BadMessage::StartLine)?;
        if !is_token(&line[..method_end]) {
            return Err(BadMessage::StartLine);
        }
        if method_end == target_end {
            return Err(BadMessage::Http09);
        }
        let version = version(&line[target_end + 1..])?;
        check_target(&line[method_end + 1..target_end])?;
        Ok(Self { method_end, target_end, version })
    }
}

fn version(word: &[u8]) -> Result<Version, BadMessage> {
    match word {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(BadMessage::Version)
        }
        _ => Err(BadMessage::StartLine),
    }
}

/// Visible ASCII without `#`: what RFC 3986 has, and what browsers send besides (`|`, `{`, `"`, ...). Other bytes
/// would have to be guessed at, and the fragment is never sent.
fn check_target(target: &[u8]) -> Result<(), BadMessage> {
    static TARGET: ByteSet = ByteSet::alphanumeric_and(b"!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
    match target {
        [] => Err(BadMessage::StartLine),
        _ if TARGET.has_all(target) => Ok(()),
        _ if target.contains(&b' ') || target.contains(&b'\t') => Err(BadMessage::StartLine),
        _ if target.contains(&b'\r') => Err(BadMessage::BareCarriageReturn),
        _ => Err(BadMessage::Target),
    }
}

fn request(line: RequestLine, head: Bytes, lines: usize) -> Result<RequestHead, BadMessage> {
    let RequestLine { method_end, target_end, version } = line;
    let method = Method::parse(&head[..method_end]).map_err(|_| BadMessage::StartLine)?;
    let target = head.slice(method_end + 1..target_end);
    let wire_bytes = head.len();
    let fields = fields(head, target_end + 1 + version.as_str().len() + 2, lines)?;
    let framing = Framing::read(&fields)?;
    framing.check_host(version)?;
    let body = framing.request_body(version)?;
    Ok(RequestHead {
        method,
        target,
        version,
        fields,
        body,
        is_persistent: framing.is_persistent(version),
        expects_continue: framing.expects_continue && version == Version::Http11 && !body.is_empty(),
        wire_bytes,
    })
}

fn response(head: Bytes, lines: usize, method: &Method) -> Result<ResponseHead, BadMessage> {
    let line_end = memchr::memchr(b'\r', &head).ok_or(BadMessage::StartLine)?;
    let (version, status) = status_line(&head[..line_end])?;
    let reason = head.slice(line_end.min("HTTP/1.1 200 ".len())..line_end);
    let wire_bytes = head.len();
    let mut fields = fields(head, line_end + 2, lines)?;
    let framing = Framing::read(&fields)?;
    let body = framing.response_body(version, method, status)?;
    if let Some(length) = framing.repeated_length() {
        fields.set("Content-Length", length.to_string());
    }
    let is_persistent = framing.is_persistent(version) && body != BodyLength::UntilClose;
    Ok(ResponseHead { version, status, reason, fields, body, is_persistent, wire_bytes })
}

/// `version SP 3DIGIT [ SP reason ]`: the last space is often left out with an empty reason.
fn status_line(line: &[u8]) -> Result<(Version, u16), BadMessage> {
    let (word, rest) = line.split_at_checked(8).ok_or(BadMessage::StartLine)?;
    let version = version(word)?;
    let (code, reason) = rest.split_at_checked(4).ok_or(BadMessage::Status)?;
    let status = match code {
        [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0')
        }
        _ => return Err(BadMessage::Status),
    };
    match reason {
        [] => Ok((version, status)),
        [b' ', phrase @ ..] if !phrase.iter().any(|&byte| is_control(byte)) => Ok((version, status)),
        [b' ', ..] => Err(BadMessage::ControlCharacter),
        _ => Err(BadMessage::Status),
    }
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// A head whose folded lines have become one line each, spaces for the breaks (RFC 9112 section 5.2).
fn unfold(head: &[u8]) -> Result<Bytes, BadMessage> {
    let mut joined = head.to_vec();
    let mut is_start_line = true;
    for at in memchr::memchr_iter(b'\n', head) {
        if matches!(head.get(at + 1), Some(b' ' | b'\t')) {
            if is_start_line {
                return Err(BadMessage::LineFold);
            }
            joined[at - 1..=at].fill(b' ');
        }
        is_start_line = false;
    }
    Ok(joined.into())
}

/// The field lines of a head of that many lines, which begin at `start` and end in an empty line.
pub(super) fn fields(head: Bytes, start: usize, lines: usize) -> Result<Fields, BadMessage> {
    // Clearing the array costs as much as a line or two, so the common case has a small one.
    if lines <= 32 { fields_in::<32>(head, start) } else { fields_in::<{ FIELDS_MAX + 1 }>(head, start) }
}

fn fields_in<const N: usize>(head: Bytes, start: usize) -> Result<Fields, BadMessage> {
    let mut found = [httparse::EMPTY_HEADER; N];
    let lines = match httparse::parse_headers(&head[start..], &mut found) {
        Ok(httparse::Status::Complete((end, lines))) if start + end == head.len() => lines,
        Ok(_) => return Err(BadMessage::FieldName),
        Err(httparse::Error::TooManyHeaders) => return Err(BadMessage::TooManyFields),
        Err(_) => return Err(diagnose(&head[start..])),
    };
    let base = head.as_ptr() as usize;
    let within = |bytes: &[u8]| {
        let start = bytes.as_ptr() as usize - base;
        start..start + bytes.len()
    };
    let ranges = lines.iter().map(|line| (within(line.name.as_bytes()), within(line.value)));
    Ok(Fields::from_ranges(head.clone(), ranges))
}

/// What is wrong with field lines that the parser refused.
#[cold]
fn diagnose(lines: &[u8]) -> BadMessage {
    for line in lines.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Err(reason) = check_line(line) {
            return reason;
        }
    }
    BadMessage::FieldName
}

fn check_line(line: &[u8]) -> Result<(), BadMessage> {
    if line.is_empty() {
        return Ok(());
    }
    if line.contains(&b'\r') {
        return Err(BadMessage::BareCarriageReturn);
    }
    let colon = memchr::memchr(b':', line).ok_or(BadMessage::NoColon)?;
    let (name, value) = line.split_at(colon);
    let spaces = name.iter().rev().take_while(|byte| b" \t".contains(byte)).count();
    match &name[..name.len() - spaces] {
        _ if is_token(name) && value.iter().any(|&byte| is_control(byte)) => {
            Err(BadMessage::ControlCharacter)
        }
        _ if is_token(name) => Ok(()),
        trimmed if is_token(trimmed) => Err(BadMessage::SpaceBeforeColon),
        _ => Err(BadMessage::FieldName),
    }
}

#[cfg(test)]
mod tests;
