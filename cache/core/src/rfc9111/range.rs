//! Range requests (RFC 9110 section 14) answered from a whole representation of known length: which bytes, and the text
//! around them when there are several ranges.
//!
//! A `Range` that is malformed, of another unit or asks for too much at once is ignored and the whole is served, which
//! is always a right answer and never dearer than the request wants it to be. Ranges that overlap, touch or are not in
//! order are sorted and merged, so no byte is sent twice.

use smallvec::SmallVec;

use super::conditional::strong_match;
use super::date;
use super::freshness::Facts;
use super::method::Method;
use super::request::RequestFacts;
use crate::time::UnixSecs;

/// Most ranges in one request; with more, all of them are ignored. Pingora allows 200, Apache httpd 200 by default.
pub const RANGES_MAX: usize = 100;

/// The bytes from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    // Invariant: first <= last.
    first: u64,
    last: u64,
}

/// What of a representation is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of it: 200.
    Whole,
    /// One range: 206 with [`content_range`].
    Single(Span),
    /// Several ranges, ascending and apart: 206 with [`Multipart`].
    Several(Vec<Span>),
    /// It has none of the bytes wanted: 416 with [`content_range_unsatisfied`].
    Unsatisfiable,
}

impl Span {
    /// The bytes from `first` to `last`; `None` if there are none.
    pub const fn new(first: u64, last: u64) -> Option<Self> {
        if first <= last { Some(Self { first, last }) } else { None }
    }

    /// Offset of the first byte.
    pub const fn first(self) -> u64 {
        self.first
    }

    /// Offset of the last byte.
    pub const fn last(self) -> u64 {
        self.last
    }

    /// Number of bytes.
    pub const fn bytes(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// Which part of a stored 200 response of `length` bytes answers the request. The preconditions have been evaluated
/// before; `If-Range` is evaluated here.
pub fn select(
    method: &Method,
    request: &RequestFacts<'_>,
    etag: Option<&[u8]>,
    stored: &Facts,
    length: u64,
    now: UnixSecs,
) -> Selection {
    let Some(range) = request.range.filter(|_| *method == Method::Get && stored.status() == 200) else {
        return Selection::Whole;
    };
    if request.if_range.is_some_and(|condition| !holds_if_range(condition, etag, stored, now)) {
        return Selection::Whole;
    }
    spans(range, length)
}

/// The value of `Content-Range` for one part.
pub fn content_range(span: Span, length: u64) -> String {
    format!("bytes {}-{}/{length}", span.first, span.last)
}

/// The value of `Content-Range` when no part is served.
pub fn content_range_unsatisfied(length: u64) -> String {
    format!("bytes */{length}")
}

/// RFC 9110 section 13.1.5: the entity tag, compared strongly, or the exact modification date, if that is a strong
/// validator: at least a second older than the response.
fn holds_if_range(condition: &[u8], etag: Option<&[u8]>, stored: &Facts, now: UnixSecs) -> bool {
    if condition.contains(&b'"') {
        return etag.is_some_and(|etag| strong_match(condition, etag));
    }
    let date = date::parse(condition, now);
    date.is_some()
        && date == stored.last_modified()
        && date.is_some_and(|date| stored.date().since(date) >= 1)
}

/// Reads the value of `Range` for a representation of that length.
fn spans(range: &[u8], length: u64) -> Selection {
    let Some(set) = range_set(range) else { return Selection::Whole };
    let mut spans: SmallVec<[Span; 4]> = SmallVec::new();
    let mut count = 0;
    for spec in set.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|spec| !spec.is_empty()) {
        count += 1;
        match parse_spec(spec) {
            Some(spec) if count <= RANGES_MAX => spans.extend(spec.within(length)),
            _ => return Selection::Whole,
        }
    }
    match (merged(spans).as_slice(), count) {
        (_, 0) => Selection::Whole,
        ([], _) => Selection::Unsatisfiable,
        (&[span], _) => Selection::Single(span),
        (spans, _) => Selection::Several(spans.to_vec()),
    }
}

/// What follows `bytes=`.
fn range_set(range: &[u8]) -> Option<&[u8]> {
    let (unit, set) = range.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(set)
}

#[derive(Clone, Copy)]
enum Spec {
    From { first: u64, last: Option<u64> },
    Suffix(u64),
}

impl Spec {
    fn within(self, length: u64) -> Option<Span> {
        let end = length.checked_sub(1)?;
        match self {
            Self::From { first, last } => Span::new(first, last.map_or(end, |last| last.min(end))),
            Self::Suffix(0) => None,
            Self::Suffix(bytes) => Span::new(length.saturating_sub(bytes), end),
        }
    }
}

fn parse_spec(spec: &[u8]) -> Option<Spec> {
    let dash = memchr::memchr(b'-', spec)?;
    match (&spec[..dash], &spec[dash + 1..]) {
        ([], suffix) => Some(Spec::Suffix(parse_number(suffix)?)),
        (first, []) => Some(Spec::From { first: parse_number(first)?, last: None }),
        (first, last) => {
            let (first, last) = (parse_number(first)?, parse_number(last)?);
            (first <= last).then_some(Spec::From { first, last: Some(last) })
        }
    }
}

/// A number of bytes; what is too large to count is as large as can be.
fn parse_number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let add = |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit & 15));
    is_number.then(|| digits.iter().fold(0, add))
}

/// The same bytes in ascending order, each once.
fn merged(mut spans: SmallVec<[Span; 4]>) -> SmallVec<[Span; 4]> {
    spans.sort_unstable_by_key(|span| span.first);
    let mut merged: SmallVec<[Span; 4]> = SmallVec::new();
    for span in spans {
        match merged.last_mut() {
            Some(previous) if span.first <= previous.last.saturating_add(1) => {
                previous.last = previous.last.max(span.last);
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// The text around the parts of a multipart/byteranges response (RFC 9110 section 14.6).
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    /// `Content-Type` of the whole, if it has one; each part repeats it.
    content_type: Option<Vec<u8>>,
    length: u64,
}

impl Multipart {
    /// Parts of a representation of `length` bytes. `seed` makes the boundary; chance must make it unlikely that the
    /// content holds it.
    pub fn new(seed: u64, content_type: Option<&[u8]>, length: u64) -> Self {
        Self { boundary: format!("cnn-{seed:016x}"), content_type: content_type.map(<[u8]>::to_vec), length }
    }

    /// The value of `Content-Type` of the response.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// What precedes the bytes of a part.
    pub fn part_head(&self, span: Span) -> Vec<u8> {
        let mut head = format!("\r\n--{}\r\n", self.boundary).into_bytes();
        if let Some(content_type) = &self.content_type {
            head.extend_from_slice(b"Content-Type: ");
            head.extend_from_slice(content_type);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(
            format!("Content-Range: {}\r\n\r\n", content_range(span, self.length)).as_bytes(),
        );
        head
    }

    /// What follows the bytes of the last part.
    pub fn end(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.boundary).into_bytes()
    }

    /// The exact value of `Content-Length` of the response.
    pub fn content_length(&self, spans: &[Span]) -> u64 {
        let part = |&span: &Span| (self.part_head(span).len() as u64).saturating_add(span.bytes());
        spans.iter().map(part).fold(self.end().len() as u64, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests;
