//! What this cache tells of its part in a response: a member of `Cache-Status` (RFC 9211) and, for those whose tools
//! look for it, Squid's `X-Cache`.

use std::io::Write as _;

use super::method::is_tchar;

/// What was done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It was answered from the store, possibly stale, without the origin's part.
    Hit,
    /// It went to the origin.
    Forwarded {
        /// Why.
        reason: Forward,
        /// The status of the origin's response, if one came.
        status: Option<u16>,
        /// What became of that response.
        storing: Storing,
        /// Whether the request waited for another one's response, or its response was shared with others.
        collapsing: Collapsing,
    },
}

impl Handling {
    /// Whether the response came from the store, be it that the origin had it validated: what Squid counts as a hit.
    pub const fn is_from_store(&self) -> bool {
        match self {
            Self::Hit => true,
            Self::Forwarded { reason, status, storing, .. } => {
                matches!((reason, status, storing), (Forward::Stale, Some(304), Storing::Stored))
            }
        }
    }
}

/// Why a request went to the origin (RFC 9211 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forward {
    /// The cache was configured not to handle it.
    Bypass,
    /// The method's semantics want it.
    Method,
    /// Nothing is stored for its target.
    UriMiss,
    /// Nothing that is stored for its target was selected by its fields.
    VaryMiss,
    /// Nothing is stored for it, and which of the two it is is not told apart.
    Miss,
    /// Its directives ask for it.
    Request,
    /// What is stored is stale.
    Stale,
    /// What is stored is a part that does not hold all it asks for.
    Partial,
}

/// Whether the response of the origin was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storing {
    /// It was, or it freshened what was.
    Stored,
    /// It was not.
    NotStored,
}

/// Whether a request was joined with others (RFC 9211 section 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Collapsing {
    /// It was answered by what another request fetched.
    Collapsed,
    /// It was sent on its own.
    Alone,
}

impl Forward {
    /// The value of `fwd`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Miss => "miss",
            Self::Request => "request",
            Self::Stale => "stale",
            Self::Partial => "partial",
        }
    }
}

/// A member of `Cache-Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus<'a> {
    /// The name of this cache: a token, or any text of printable ASCII characters.
    pub cache: &'a str,
    /// What was done.
    pub handling: Handling,
    /// Seconds the response stays fresh; negative when it is stale.
    pub ttl: Option<i64>,
    /// Anything else worth knowing, in one word where possible: the reason a response was not stored, say.
    pub detail: Option<&'a str>,
}

impl CacheStatus<'_> {
    /// Appends the member to `out`, without the comma that separates it from one before. Members of other caches come
    /// first: send this one in a line of its own after theirs.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_name(out, self.cache);
        match self.handling {
            Handling::Hit => out.extend_from_slice(b"; hit"),
            Handling::Forwarded { reason, status, storing, collapsing } => {
                out.extend_from_slice(b"; fwd=");
                out.extend_from_slice(reason.as_str().as_bytes());
                if let Some(status) = status {
                    write_number(out, "; fwd-status=", status.into());
                }
                if storing == Storing::Stored {
                    out.extend_from_slice(b"; stored");
                }
                if collapsing == Collapsing::Collapsed {
                    out.extend_from_slice(b"; collapsed");
                }
            }
        }
        if let Some(ttl) = self.ttl {
            write_number(out, "; ttl=", ttl);
        }
        if let Some(detail) = self.detail {
            out.extend_from_slice(b"; detail=");
            write_name(out, detail);
        }
    }
}

/// Appends the value of `X-Cache` as Squid spells it: `HIT from host` when the content came from the store.
pub fn write_x_cache(out: &mut Vec<u8>, handling: &Handling, host: &str) {
    let word: &[u8] = if handling.is_from_store() { b"HIT from " } else { b"MISS from " };
    out.extend_from_slice(word);
    out.extend(host.bytes().filter(u8::is_ascii_graphic));
}

/// A token where the text is one, else a string (RFC 9651 section 4.1); what a string cannot hold becomes a question mark.
fn write_name(out: &mut Vec<u8>, text: &str) {
    let starts_well = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*');
    if starts_well && text.bytes().all(|b| is_tchar(b) || matches!(b, b':' | b'/')) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            ' '..='~' => out.push(character as u8),
            _ => out.push(b'?'),
        }
    }
    out.push(b'"');
}

/// A parameter with an integer, which has at most 15 digits.
fn write_number(out: &mut Vec<u8>, parameter: &str, number: i64) {
    const LARGEST: i64 = 999_999_999_999_999;
    let number = number.clamp(-LARGEST, LARGEST);
    write!(out, "{parameter}{number}").expect("writing to a vector cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISS: Handling = Handling::Forwarded {
        reason: Forward::UriMiss,
        status: Some(200),
        storing: Storing::Stored,
        collapsing: Collapsing::Alone,
    };

    fn check(status: CacheStatus<'_>, expected: &str) {
        let mut out = Vec::new();
        status.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    fn status(handling: Handling) -> CacheStatus<'static> {
        CacheStatus { cache: "cnn", handling, ttl: None, detail: None }
    }

    #[test]
    fn a_member_says_hit_or_why_it_was_forwarded() {
        check(status(Handling::Hit), "cnn; hit");
        check(CacheStatus { ttl: Some(376), ..status(Handling::Hit) }, "cnn; hit; ttl=376");
        check(CacheStatus { ttl: Some(-412), ..status(Handling::Hit) }, "cnn; hit; ttl=-412");
        check(status(MISS), "cnn; fwd=uri-miss; fwd-status=200; stored");
        let collapsed = Handling::Forwarded {
            reason: Forward::Stale,
            status: None,
            storing: Storing::NotStored,
            collapsing: Collapsing::Collapsed,
        };
        check(
            CacheStatus { detail: Some("no-store"), ..status(collapsed) },
            "cnn; fwd=stale; collapsed; detail=no-store",
        );
    }

    #[test]
    fn what_is_no_token_is_a_string() {
        let named = |cache| CacheStatus { cache, ..status(Handling::Hit) };
        check(named("cache.example.com:3128"), "cache.example.com:3128; hit");
        check(named("127.0.0.1"), "\"127.0.0.1\"; hit");
        check(named("my \"own\" \\cache\r\n\u{e9}"), "\"my \\\"own\\\" \\\\cache???\"; hit");
        check(named(""), "\"\"; hit");
        check(CacheStatus { ttl: Some(i64::MIN), ..status(Handling::Hit) }, "cnn; hit; ttl=-999999999999999");
    }

    #[test]
    fn x_cache_is_spelled_like_squids() {
        let check = |handling: &Handling, expected: &str| {
            let mut out = Vec::new();
            write_x_cache(&mut out, handling, "proxy.example");
            assert_eq!(out, expected.as_bytes());
        };
        check(&Handling::Hit, "HIT from proxy.example");
        check(&MISS, "MISS from proxy.example");
        let (reason, storing, collapsing) = (Forward::Stale, Storing::Stored, Collapsing::Alone);
        let stale = |status| Handling::Forwarded { reason, status: Some(status), storing, collapsing };
        check(&stale(304), "HIT from proxy.example");
        check(&stale(200), "MISS from proxy.example");
    }
}
