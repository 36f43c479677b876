//! What counts as a request for a document, and what it means to a cache, by what the log tells of it: RFC 9110 (methods,
//! section 9; status codes that are cacheable by default, 15.1) and RFC 9111 (storing, 3; invalidation, 4.4). Records
//! without a method and a status, as traces of blocks and keys have them, are all requests.
//!
//! A log has neither request nor response headers, so `no-store`, `Vary` and freshness are beyond it, but for what shows
//! in the result code of the cache that wrote it. `traces/README.md` says all this as a table.

use crate::outcome::{Kind, Outcome};
use crate::record::{Name, Record};
use crate::trace::Flags;

/// Which rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleSet {
    /// HTTP's.
    #[default]
    Http,
    /// HTTP's, and only what Squid stores by default (src/http.cc, `HttpStateData::reusableReply`).
    Squid,
    /// GET with 200 or 304 that was neither denied nor answered without a request: the rule by which the traces were
    /// converted that libCacheSim's reference miss ratios are of.
    Reference,
}

/// Why a record is no request for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ignored {
    /// No request was understood, or it was answered without asking anybody.
    NoRequest,
    /// An access rule refused it.
    Denied,
    /// A tunnel through the proxy.
    Tunnel,
    /// A query of a neighbour cache.
    Neighbour,
    /// HEAD: the answer has no document.
    Head,
    /// Another safe method, or an unsafe one that failed.
    Method,
    /// An unsafe method, or a purge, that was carried out: what is stored of the document is of no use any more.
    Invalidation,
    /// No response was begun.
    NoResponse,
    /// A status that Squid does not store.
    NotStored,
    /// Squid's own pages.
    Internal,
    /// Neither 200 nor 304.
    Status,
}

impl Ignored {
    /// Every one.
    pub const ALL: &'static [Self] = &[
        Self::NoRequest,
        Self::Denied,
        Self::Tunnel,
        Self::Neighbour,
        Self::Head,
        Self::Method,
        Self::Invalidation,
        Self::NoResponse,
        Self::NotStored,
        Self::Internal,
        Self::Status,
    ];

    /// In a few words, the same in all reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRequest => "no request",
            Self::Denied => "denied",
            Self::Tunnel => "tunnel",
            Self::Neighbour => "query of a neighbour",
            Self::Head => "HEAD",
            Self::Method => "method without a document",
            Self::Invalidation => "invalidating method",
            Self::NoResponse => "no response",
            Self::NotStored => "status not stored by Squid",
            Self::Internal => "Squid's own page",
            Self::Status => "neither 200 nor 304",
        }
    }
}

/// What the size of a record is the size of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The document, whole.
    Whole,
    /// Less than the document: a 304, or a transfer that was cut short.
    Less,
    /// Something else: an error, a redirection, a range.
    Else,
}

/// What a record is to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A request for a document, with its [`Flags`].
    Request {
        /// Those that can be told from the record alone.
        flags: u32,
        /// What was sent.
        sent: Sent,
    },
    /// No request for a document.
    Ignored(Ignored),
}

impl RuleSet {
    /// What `record` is to a cache.
    pub fn judge(self, record: &Record<'_>) -> Verdict {
        let outcome = record.outcome.map(Outcome::of);
        match self {
            Self::Http => http(record, outcome),
            Self::Squid => squid(record, outcome),
            Self::Reference => reference(record, outcome),
        }
    }
}

fn http(record: &Record<'_>, outcome: Option<Outcome>) -> Verdict {
    if let Some(ignored) = not_for_a_document(record, outcome) {
        return Verdict::Ignored(ignored);
    }
    let is_hit = outcome.is_some_and(|outcome| outcome.kind == Kind::Hit);
    let (storable, sent) = match record.status {
        Some(0) => return Verdict::Ignored(Ignored::NoResponse),
        Some(304) => (true, Sent::Less),
        None => (true, Sent::Whole),
        Some(200 | 203) => (true, Sent::Whole),
        // An error or a redirection is no version of the document that was there, or will be.
        Some(status) if is_cacheable_by_default(status) => (true, Sent::Else),
        // What was served from a store was stored, but a part is served of what was stored whole.
        Some(status) => (is_hit && status != 206, Sent::Else),
    };
    let mut flags = if storable { 0 } else { Flags::UNSTORABLE };
    let mut is_cut_short = false;
    if let Some(outcome) = outcome {
        is_cut_short = outcome.is_cut_short;
        flags |= Flags::HAS_LOGGED;
        flags |= match outcome.kind {
            Kind::Hit => Flags::LOGGED_HIT,
            Kind::Reload => Flags::RELOAD,
            Kind::Modified if storable => Flags::CHANGED,
            _ => 0,
        };
    }
    // Servers log 0 of documents of which the client took nothing.
    let is_less = is_cut_short || (record.status.is_some() && record.size == Some(0));
    let sent = if is_less && sent == Sent::Whole { Sent::Less } else { sent };
    Verdict::Request { flags, sent }
}

/// Status codes that may be stored although nothing says how long they are fresh (RFC 9110, 15.1), without 206: a part is
/// not the document.
fn is_cacheable_by_default(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Why it is no request for a document, by its result code and method.
fn not_for_a_document(record: &Record<'_>, outcome: Option<Outcome>) -> Option<Ignored> {
    let by_code = match outcome.map(|outcome| outcome.kind) {
        Some(Kind::None) => Some(Ignored::NoRequest),
        Some(Kind::Denied) => Some(Ignored::Denied),
        Some(Kind::Tunnel) => Some(Ignored::Tunnel),
        Some(Kind::Neighbour) => Some(Ignored::Neighbour),
        _ => None,
    };
    if by_code.is_some() {
        return by_code;
    }
    match record.method {
        Some(b"GET") => None,
        Some(b"HEAD") => Some(Ignored::Head),
        Some(b"CONNECT") => Some(Ignored::Tunnel),
        Some(method) => Some(unless_invalidating(method, record.status)),
        None => match record.name {
            Name::Url(b"-" | b"") => Some(Ignored::NoRequest),
            Name::Url(url) if url.starts_with(b"error:") => Some(Ignored::NoRequest),
            _ => None,
        },
    }
}

/// What a method other than GET, HEAD and CONNECT does, by RFC 9111, 4.4; PURGE is Squid's.
fn unless_invalidating(method: &[u8], status: Option<u16>) -> Ignored {
    const SAFE: [&[u8]; 5] = [b"OPTIONS", b"TRACE", b"PROPFIND", b"REPORT", b"SEARCH"];
    let succeeded = status.is_none_or(|status| (200..400).contains(&status));
    if succeeded && !SAFE.contains(&method) { Ignored::Invalidation } else { Ignored::Method }
}

fn squid(record: &Record<'_>, outcome: Option<Outcome>) -> Verdict {
    if let Name::Url(url) = record.name
        && (url.starts_with(b"cache_object:") || memchr::memmem::find(url, b"/squid-internal-").is_some())
    {
        return Verdict::Ignored(Ignored::Internal);
    }
    let verdict = http(record, outcome);
    if !matches!(verdict, Verdict::Request { .. }) {
        return verdict;
    }
    // Errors are stored only where `negative_ttl` says so, which shows in the code of those that hit.
    let is_negative_hit =
        record.outcome.is_some_and(|code| memchr::memmem::find(code, b"NEGATIVE_HIT").is_some());
    match record.status {
        None | Some(200 | 203 | 300 | 301 | 304 | 308 | 410) => verdict,
        Some(_) if is_negative_hit => verdict,
        Some(_) => Verdict::Ignored(Ignored::NotStored),
    }
}

fn reference(record: &Record<'_>, outcome: Option<Outcome>) -> Verdict {
    let kind = outcome.map(|outcome| outcome.kind);
    let ignored = match (kind, record.method, record.status) {
        (Some(Kind::Denied), ..) => Ignored::Denied,
        (Some(Kind::None), ..) => Ignored::NoRequest,
        (_, Some(method), _) if method != b"GET" => Ignored::Method,
        (_, None, Some(_)) => Ignored::NoRequest,
        (_, _, Some(status)) if status != 200 && status != 304 => Ignored::Status,
        _ => {
            let mut flags = kind.map_or(0, |_| Flags::HAS_LOGGED);
            flags |= if kind == Some(Kind::Hit) { Flags::LOGGED_HIT } else { 0 };
            return Verdict::Request { flags, sent: Sent::Whole };
        }
    };
    Verdict::Ignored(ignored)
}

#[cfg(test)]
mod tests;
