//! Request methods and the two properties caching asks of them (RFC 9110 section 9.2). Names are case-sensitive; a
//! method we do not know is unsafe and not idempotent, which is the careful answer to every question here.

use std::fmt;

/// A request method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Transfer a representation of the target.
    Get,
    /// GET without the content.
    Head,
    /// Process the request's content.
    Post,
    /// Replace the target's representation.
    Put,
    /// Remove the target.
    Delete,
    /// Describe what may be done with the target.
    Options,
    /// Echo the request as it arrived.
    Trace,
    /// Open a tunnel.
    Connect,
    /// Change part of the target's representation (RFC 5789).
    Patch,
    /// Remove the target from this cache (not in any RFC; Squid's and Varnish's word).
    Purge,
    /// Any other token.
    Other(Box<str>),
}

/// The bytes given are not a method: it must be a token (RFC 9110 section 5.6.2) of at most 64 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reading the request method: not a token")]
pub struct MethodError;

/// Longest method accepted; the longest registered one has 17 characters.
const METHOD_BYTES_MAX: usize = 64;

impl Method {
    /// Reads a method.
    ///
    /// # Errors
    /// When the bytes are no token, or longer than any method in use.
    pub fn parse(name: &[u8]) -> Result<Self, MethodError> {
        Ok(match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            b"PATCH" => Self::Patch,
            b"PURGE" => Self::Purge,
            _ => Self::Other(token(name).ok_or(MethodError)?.into()),
        })
    }

    /// The method as it is written in a request line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
            Self::Patch => "PATCH",
            Self::Purge => "PURGE",
            Self::Other(name) => name,
        }
    }

    /// Whether the request asks for no change at the origin (RFC 9110 section 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }

    /// Whether sending it twice means the same as once, so that it may be retried (RFC 9110 section 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }

    /// Whether a stored response may answer it: GET, and HEAD by leaving the content out. A request with content is
    /// another matter: see [`RequestFacts::may_be_answered_from_store`](super::RequestFacts).
    pub fn is_answered_from_store(&self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn token(name: &[u8]) -> Option<&str> {
    let is_token = !name.is_empty() && name.len() <= METHOD_BYTES_MAX && name.iter().all(|&b| is_tchar(b));
    core::str::from_utf8(name).ok().filter(|_| is_token)
}

/// Whether the byte may stand in a token (RFC 9110 section 5.6.2).
pub(super) fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, is_safe: bool, is_idempotent: bool) {
        let method = Method::parse(name.as_bytes()).unwrap();
        assert_eq!(method.as_str(), name);
        assert_eq!((method.is_safe(), method.is_idempotent()), (is_safe, is_idempotent), "{name}");
    }

    #[test]
    fn methods_have_the_properties_of_their_rfc() {
        for name in ["GET", "HEAD", "OPTIONS", "TRACE"] {
            check(name, true, true);
        }
        for name in ["PUT", "DELETE"] {
            check(name, false, true);
        }
        for name in ["POST", "PATCH", "CONNECT", "PURGE", "M-SEARCH", "get", "PROPFIND"] {
            check(name, false, false);
        }
    }

    #[test]
    fn what_is_no_token_is_no_method() {
        for name in [&b""[..], b"GE T", b"GET\r", b"G\0", b"caf\xc3\xa9", b"(GET)", &[b'A'; 65]] {
            assert_eq!(Method::parse(name), Err(MethodError));
        }
    }
}
