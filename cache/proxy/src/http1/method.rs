//! Request methods (RFC 9110 section 9): the standard ones by name, any other token as it came.

use bytes::Bytes;

use super::byte_set::ByteSet;

/// A request method. Methods compare with case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// CONNECT
    Connect,
    /// OPTIONS
    Options,
    /// TRACE
    Trace,
    /// PATCH (RFC 5789)
    Patch,
    /// Any other token.
    Other(OtherMethod),
}

/// A method without a name of its own here.
#[derive(Clone, Debug, PartialEq, Eq)]
// Invariant: the bytes are a token, thus ASCII.
pub struct OtherMethod(Bytes);

impl Method {
    /// The method of that name, if it is a token; `Other` copies it.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            _ if is_token(name) => Self::Other(OtherMethod(Bytes::copy_from_slice(name))),
            _ => return None,
        })
    }

    /// The method as it stands in a request line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other(name) => str::from_utf8(&name.0).expect("a token is ascii"),
        }
    }

    /// Whether doing it twice is the same as doing it once (RFC 9110 section 9.2.2), as far as we know.
    pub fn is_idempotent(&self) -> bool {
        !matches!(self, Self::Post | Self::Patch | Self::Connect | Self::Other(_))
    }

    /// Whether it only reads (RFC 9110 section 9.2.1), as far as we know.
    pub fn is_safe(&self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }
}

/// Whether `bytes` are a token (RFC 9110 section 5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    static TOKEN: ByteSet = ByteSet::alphanumeric_and(b"!#$%&'*+-.^_`|~");
    !bytes.is_empty() && TOKEN.has_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_keep_their_spelling_and_must_be_tokens() {
        for name in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "get", "M-SEARCH",
        ] {
            assert_eq!(
                Method::parse(name.as_bytes()).map(|method| method.as_str().to_owned()),
                Some(name.to_owned())
            );
        }
        for name in ["", "GE T", "G(T", "G\u{e4}T", "GET\r"] {
            assert_eq!(Method::parse(name.as_bytes()), None);
        }
        assert_ne!(Method::parse(b"get"), Some(Method::Get));
    }

    #[test]
    fn only_known_methods_are_repeatable() {
        assert!(Method::Put.is_idempotent() && !Method::Put.is_safe());
        assert!(Method::Options.is_safe());
        assert!(!Method::Post.is_idempotent());
        assert!(!Method::parse(b"PURGE").expect("a token").is_idempotent());
    }
}
