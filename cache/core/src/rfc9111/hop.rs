//! Fields that end at this hop, and the fields by which proxies on a path know of each other (RFC 9110 sections 7.6, 9.3.8
//! and 10): `Connection`, `Via`, `Max-Forwards`.
//!
//! `Connection` may name any field as one of this hop, and clients have used it to take away what the next hop relies
//! on. Names of fields that are meant for every recipient are therefore not taken from it (RFC 9110 section 7.6.1
//! forbids sending them).

use smallvec::SmallVec;

use super::method::Method;
use crate::fields::{Fields, split_list};

/// Fields of one hop. `Trailer` is not among them: trailers are forwarded. `Close` is reserved for the connection option
/// of that name (RFC 9110 section 9.6).
const HOP_BY_HOP: [&str; 11] = [
    "close",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Fields that `Connection` cannot take away.
const END_TO_END: [&str; 33] = [
    "age",
    "authorization",
    "cache-control",
    "cdn-cache-control",
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "range",
    "set-cookie",
    "vary",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// The HTTP version in which a message was received, as `Via` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceivedProtocol {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl ReceivedProtocol {
    /// The version number.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "1.0",
            Self::Http11 => "1.1",
        }
    }
}

/// Where a request with `Max-Forwards` goes (RFC 9110 section 7.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaxForwards {
    /// The field is not there, cannot be read or does not concern the method.
    Unlimited,
    /// This proxy is the final recipient and answers itself.
    Answer,
    /// It goes on, with this value.
    Forward(u64),
}

/// Whether the field belongs to one hop whatever `Connection` says.
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    is_among(&HOP_BY_HOP, name)
}

/// Removes the fields of this hop: before a message is forwarded, and before it is stored.
pub fn remove_hop_by_hop(fields: &mut Fields) {
    let hop = Hop::of(fields);
    fields.retain(|name, _| !hop.has(name));
}

/// Removes the fields that `Connection` makes ones of this hop, and no others: from a request before anything is looked up
/// for it. The origin does not see them, so they must not select a stored response either.
pub fn remove_named(fields: &mut Fields) {
    let hop = Hop::of(fields);
    if !hop.named.is_empty() {
        fields.retain(|name, _| !hop.names(name));
    }
}

/// The fields of this hop in one message.
pub(super) struct Hop {
    /// Those that `Connection` names besides the known ones; hardly ever any.
    named: SmallVec<[Box<[u8]>; 2]>,
}

impl Hop {
    pub(super) fn of(fields: &Fields) -> Self {
        let is_new = |option: &&[u8]| !is_hop_by_hop(option) && !is_among(&END_TO_END, option);
        Self { named: fields.list("connection").filter(is_new).map(Into::into).collect() }
    }

    pub(super) fn has(&self, name: &[u8]) -> bool {
        is_hop_by_hop(name) || self.names(name)
    }

    fn names(&self, name: &[u8]) -> bool {
        self.named.iter().any(|option| option.eq_ignore_ascii_case(name))
    }
}

/// Whether the sender of a request takes trailers (RFC 9110 section 10.1.4); ask before
/// [`remove_hop_by_hop`] takes `TE` away.
pub fn accepts_trailers(fields: &Fields) -> bool {
    fields.list_has("te", "trailers")
}

/// Removes what a TRACE request must not echo: credentials and cookies (RFC 9110 section 9.3.8).
pub fn remove_credentials(fields: &mut Fields) {
    const CREDENTIALS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "cookie2"];
    fields.retain(|name, _| !is_among(&CREDENTIALS, name));
}

/// Adds this proxy to `Via` (RFC 9110 section 7.6.3). The pseudonym must be a token or host and port.
pub fn push_via(fields: &mut Fields, received: ReceivedProtocol, pseudonym: &str) {
    fields.push("Via", format!("{} {pseudonym} (cnn)", received.as_str()));
}

/// Whether the message has been through this proxy already: the loop must be broken (RFC 9110 section 7.6.3).
pub fn has_passed(fields: &Fields, pseudonym: &str) -> bool {
    fields.all("via").flat_map(split_list).any(|member| {
        let mut parts = member.split(|b| matches!(b, b' ' | b'\t')).filter(|part| !part.is_empty());
        parts.nth(1).is_some_and(|received_by| received_by.eq_ignore_ascii_case(pseudonym.as_bytes()))
    })
}

/// Reads `Max-Forwards`, which concerns TRACE and OPTIONS.
pub fn max_forwards(method: &Method, fields: &Fields) -> MaxForwards {
    if !matches!(method, Method::Options | Method::Trace) {
        return MaxForwards::Unlimited;
    }
    let digits = fields.first("max-forwards").filter(|value| value.iter().all(u8::is_ascii_digit));
    let number = digits.and_then(|digits| core::str::from_utf8(digits).ok()?.parse::<u64>().ok());
    match number {
        None => MaxForwards::Unlimited,
        Some(0) => MaxForwards::Answer,
        Some(hops) => MaxForwards::Forward(hops - 1),
    }
}

fn is_among(fields: &[&str], name: &[u8]) -> bool {
    fields.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
}

#[cfg(test)]
mod tests;
