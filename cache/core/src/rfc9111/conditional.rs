//! Conditional requests (RFC 9110 section 13, RFC 9111 section 4.3): answering a client's from a stored response, and
//! making our own to validate stored responses.
//!
//! A cache may leave `If-Match` and `If-Unmodified-Since` to the origin; like Squid we evaluate them, so that a client
//! that resumes a download is told at once that the document changed.

use super::date;
use super::freshness::Facts;
use super::request::RequestFacts;
use crate::fields::Fields;
use crate::time::UnixSecs;

/// The validators of a stored response, as received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// `ETag`
    pub etag: Option<&'a [u8]>,
    /// `Last-Modified`
    pub last_modified: Option<&'a [u8]>,
}

/// What the preconditions of a request make of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// They hold or do not apply: it is served, or the part of it that `Range` asks for.
    Serve,
    /// The client has it already: 304.
    NotModified,
    /// The client wants another: 412.
    PreconditionFailed,
}

/// Longest list of entity tags sent in one validating request, in bytes and tags: more variants than that are not
/// offered. Origins limit the length of a field; 4 KiB is within all of them.
const OFFERED_BYTES_MAX: usize = 4096;
const OFFERED_TAGS_MAX: usize = 32;

impl<'a> Validators<'a> {
    /// The validators among a response's fields.
    pub fn of(fields: &'a Fields) -> Self {
        Self { etag: fields.first("etag"), last_modified: fields.first("last-modified") }
    }
}

/// Evaluates the preconditions of a GET or HEAD request in the order of RFC 9110 section 13.2.2.
pub fn evaluate(request: &RequestFacts<'_>, etag: Option<&[u8]>, stored: &Facts, now: UnixSecs) -> Outcome {
    // Preconditions are ignored where the answer without them were no success (section 13.2.1).
    if !request.is_conditional() || !(200..300).contains(&stored.status()) {
        return Outcome::Serve;
    }
    let is_match = if request.has_if_match {
        has_match(request.fields, "if-match", etag, strong_match)
    } else {
        is_unmodified(request, stored, now)
    };
    if !is_match {
        return Outcome::PreconditionFailed;
    }
    let is_known = if request.has_if_none_match {
        has_match(request.fields, "if-none-match", etag, weak_match)
    } else {
        is_unchanged_since(request, stored, now)
    };
    if is_known { Outcome::NotModified } else { Outcome::Serve }
}

/// Whether a stored field is left out of a 304 made from the stored response: those that describe content which the
/// client has already (RFC 9110 section 15.4.5). The rest is sent, as it would be with a 200.
pub fn is_left_out_of_304(name: &[u8]) -> bool {
    const LEFT_OUT: [&str; 9] = [
        "content-type",
        "content-length",
        "content-encoding",
        "content-language",
        "content-range",
        "content-md5",
        "content-digest",
        "repr-digest",
        "digest",
    ];
    LEFT_OUT.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
}

/// Makes a request conditional on stored responses: replaces the client's own preconditions and `Range` by the entity
/// tags of all, and by the modification date if there is but one (RFC 9111 section 4.3.1). Returns whether there is
/// anything to validate with; if not, the request is an ordinary one.
pub fn make_conditional<'a>(request: &mut Fields, stored: impl IntoIterator<Item = Validators<'a>>) -> bool {
    remove_conditions(request);
    let (mut count, mut if_modified_since) = (0_usize, None);
    let (mut tags, mut if_none_match): (Vec<&[u8]>, Vec<u8>) = (Vec::new(), Vec::new());
    for validators in stored {
        count += 1;
        if_modified_since = validators.last_modified.filter(|_| count == 1);
        let Some(tag) = validators.etag.filter(|tag| !tag.is_empty() && !tags.contains(tag)) else {
            continue;
        };
        if tags.len() < OFFERED_TAGS_MAX && if_none_match.len() + tag.len() < OFFERED_BYTES_MAX {
            if !tags.is_empty() {
                if_none_match.extend_from_slice(b", ");
            }
            if_none_match.extend_from_slice(tag);
            tags.push(tag);
        }
    }
    if !tags.is_empty() {
        request.push("If-None-Match", &if_none_match);
    }
    if let Some(date) = if_modified_since {
        request.push("If-Modified-Since", date);
    }
    !tags.is_empty() || if_modified_since.is_some()
}

/// Removes preconditions and `Range` from a request, so that its answer is the whole representation.
pub fn remove_conditions(request: &mut Fields) {
    const CONDITIONS: [&str; 6] =
        ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"];
    request.retain(|name, _| !CONDITIONS.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes())));
}

/// Whether two entity tags are the same and both strong (RFC 9110 section 8.8.3.2).
pub fn strong_match(one: &[u8], other: &[u8]) -> bool {
    one == other && one.first() == Some(&b'"')
}

/// Whether two entity tags are the same, weak or not (RFC 9110 section 8.8.3.2).
pub fn weak_match(one: &[u8], other: &[u8]) -> bool {
    opaque(one) == opaque(other)
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Whether a list of entity tags has one that matches, or is `*`.
fn has_match(
    request: &Fields,
    name: &str,
    etag: Option<&[u8]>,
    is_match: impl Fn(&[u8], &[u8]) -> bool,
) -> bool {
    request
        .all(name)
        .flat_map(entity_tags)
        .any(|tag| tag == b"*" || etag.is_some_and(|etag| is_match(tag, etag)))
}

/// The members of a list of entity tags. Within quotes a comma does not separate and a backslash does not escape.
fn entity_tags(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    core::iter::from_fn(move || {
        let start = rest.iter().position(|b| !matches!(b, b',' | b' ' | b'\t'))?;
        rest = &rest[start..];
        let quote = memchr::memchr2(b'"', b',', rest).filter(|&at| rest[at] == b'"');
        let closing = quote.and_then(|open| memchr::memchr(b'"', &rest[open + 1..]).map(|at| open + at + 2));
        let end = closing.or_else(|| memchr::memchr(b',', rest)).unwrap_or(rest.len());
        let (tag, after) = rest.split_at(end);
        rest = after;
        Some(tag.trim_ascii_end())
    })
}

/// `If-Unmodified-Since`; without one, or with one that cannot be used, it holds.
fn is_unmodified(request: &RequestFacts<'_>, stored: &Facts, now: UnixSecs) -> bool {
    let since = request.if_unmodified_since.and_then(|value| date::parse(value, now));
    let (Some(since), Some(last_modified)) = (since, stored.last_modified()) else { return true };
    last_modified <= since
}

/// `If-Modified-Since`: a stored response without `Last-Modified` is taken to be as old as its `Date` (RFC 9111 section
/// 4.3.2); the client may have any older one.
fn is_unchanged_since(request: &RequestFacts<'_>, stored: &Facts, now: UnixSecs) -> bool {
    let since = request.if_modified_since.and_then(|value| date::parse(value, now));
    since.is_some_and(|since| stored.last_modified().unwrap_or(stored.date()) <= since)
}

#[cfg(test)]
mod tests;
