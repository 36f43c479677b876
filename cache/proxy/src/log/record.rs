//! What a line of the access log says, in Squid's words: its result codes (`LogTags`) and hierarchy codes.

use std::net::IpAddr;

/// One answered (or unanswered) request. Empty bytes stand for what is not known and are logged as `-`.
#[derive(Clone, Copy, Debug)]
pub struct AccessRecord<'a> {
    /// When the last byte was sent, in milliseconds since 1970.
    pub completed_ms: u64,
    /// Milliseconds from the first byte of the request to that moment.
    pub elapsed_ms: u64,
    /// Who asked.
    pub client: IpAddr,
    /// What became of it.
    pub outcome: Outcome,
    /// The status of the response; 0 when none was begun.
    pub status: u16,
    /// Bytes sent to the client, header included.
    pub bytes: u64,
    /// The method as received.
    pub method: &'a [u8],
    /// The target URI; for CONNECT host and port; for what is not a request `error:` and a word
    /// ([`AccessRecord::INVALID_REQUEST`] and others).
    pub url: &'a [u8],
    /// Who the client says to be, once that was believed.
    pub user: &'a [u8],
    /// How the response was come by.
    pub hierarchy: Hierarchy,
    /// The address it came from.
    pub peer: Option<IpAddr>,
    /// The value of the response's Content-Type; its parameters are not logged.
    pub content_type: &'a [u8],
    /// The version of the request's HTTP, as major and minor; none when there was no request.
    pub version: Option<(u8, u8)>,
    /// The request's Referer.
    pub referer: &'a [u8],
    /// The request's User-Agent.
    pub user_agent: &'a [u8],
}

impl AccessRecord<'_> {
    /// The URL logged for bytes that are not a request.
    pub const INVALID_REQUEST: &'static [u8] = b"error:invalid-request";
    /// The URL logged for a request whose header is too long.
    pub const REQUEST_TOO_LARGE: &'static [u8] = b"error:request-too-large";
    /// The URL logged for a connection that ended, or whose deadline passed, before a whole request came.
    pub const NO_REQUEST: &'static [u8] = b"error:transaction-end-before-headers";
}

/// What became of a request: Squid's result code with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The code itself.
    pub result: ResultCode,
    /// The request shared a fetch that another request had begun: `_CF` in the code.
    pub collapsed: bool,
    /// Whether it went to its end.
    pub ending: Ending,
}

impl From<ResultCode> for Outcome {
    fn from(result: ResultCode) -> Self {
        Self { result, collapsed: false, ending: Ending::Complete }
    }
}

impl Outcome {
    /// The code in parts, to be written one after the other: `TCP_`, `CF_`, `MISS`, `_ABORTED`.
    pub fn parts(self) -> [&'static str; 3] {
        let code = self.result.as_str();
        let (protocol, rest) = match code.strip_prefix("TCP_") {
            Some(rest) if self.collapsed => ("TCP_CF_", rest),
            _ => ("", code),
        };
        [protocol, rest, self.ending.suffix()]
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The response was sent whole.
    #[default]
    Complete,
    /// The client went away before.
    Aborted,
    /// A deadline passed before.
    TimedOut,
}

impl Ending {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Complete => "",
            Self::Aborted => "_ABORTED",
            Self::TimedOut => "_TIMEDOUT",
        }
    }
}

/// Declares an enum whose variants have a word each, with the list of all of them.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every one, in the order of their discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Squid's word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// Squid's result codes, those this proxy gives.
    ResultCode {
        /// Nothing was served: no request, a malformed one, or a tunnel that could not be opened.
        None = "NONE_NONE",
        /// Served from disk, or (as here there is none) from a response that is just being stored.
        Hit = "TCP_HIT",
        /// Served from memory.
        MemHit = "TCP_MEM_HIT",
        /// Served a stored error response.
        NegativeHit = "TCP_NEGATIVE_HIT",
        /// A conditional request by date was answered 304 from the store.
        ImsHit = "TCP_IMS_HIT",
        /// A conditional request by entity tag was answered 304 from the store.
        InmHit = "TCP_INM_HIT",
        /// Fetched from the origin.
        Miss = "TCP_MISS",
        /// Stale; the origin confirmed it.
        RefreshUnmodified = "TCP_REFRESH_UNMODIFIED",
        /// Stale; the origin sent a new one.
        RefreshModified = "TCP_REFRESH_MODIFIED",
        /// Stale; the origin failed and the stale response was served.
        RefreshFailOld = "TCP_REFRESH_FAIL_OLD",
        /// Stale; the origin failed and its error was passed on.
        RefreshFailErr = "TCP_REFRESH_FAIL_ERR",
        /// Stale; the validation did not come to an answer (logged with an ending).
        Refresh = "TCP_REFRESH",
        /// The client insisted on the origin's word.
        ClientRefreshMiss = "TCP_CLIENT_REFRESH_MISS",
        /// It was stored and could not be read.
        SwapFailMiss = "TCP_SWAPFAIL_MISS",
        /// An access rule refused it.
        Denied = "TCP_DENIED",
        /// A tunnel was opened.
        Tunnel = "TCP_TUNNEL",
    }
}

impl ResultCode {
    /// Whether Squid counts it as a hit.
    pub const fn is_hit(self) -> bool {
        matches!(
            self,
            Self::Hit
                | Self::MemHit
                | Self::NegativeHit
                | Self::ImsHit
                | Self::InmHit
                | Self::RefreshUnmodified
                | Self::RefreshFailOld
        )
    }

    /// Whether it was a request for a cacheable thing at all, so that it counts in a hit ratio.
    pub const fn is_cacheable(self) -> bool {
        !matches!(self, Self::None | Self::Denied | Self::Tunnel)
    }
}

words! {
    /// Squid's hierarchy codes, those this proxy gives.
    Hierarchy {
        /// Nobody was asked.
        None = "HIER_NONE",
        /// The origin.
        Direct = "HIER_DIRECT",
        /// The origin a reverse proxy stands in front of.
        FirstUpParent = "FIRSTUP_PARENT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outcome: Outcome, code: &str) {
        assert_eq!(outcome.parts().concat(), code);
    }

    #[test]
    fn codes_are_put_together_as_squid_does() {
        let miss = Outcome::from(ResultCode::Miss);
        check(miss, "TCP_MISS");
        check(Outcome { collapsed: true, ..miss }, "TCP_CF_MISS");
        check(Outcome { ending: Ending::Aborted, ..miss }, "TCP_MISS_ABORTED");
        check(Outcome { ending: Ending::TimedOut, collapsed: true, ..miss }, "TCP_CF_MISS_TIMEDOUT");
        check(Outcome { ending: Ending::Aborted, ..ResultCode::Refresh.into() }, "TCP_REFRESH_ABORTED");
        check(Outcome { collapsed: true, ..ResultCode::None.into() }, "NONE_NONE");
    }

    #[test]
    fn hits_are_squids_hits() {
        let hits = ResultCode::ALL.iter().filter(|code| code.is_hit()).map(|code| code.as_str());
        let expected = [
            "TCP_HIT",
            "TCP_MEM_HIT",
            "TCP_NEGATIVE_HIT",
            "TCP_IMS_HIT",
            "TCP_INM_HIT",
            "TCP_REFRESH_UNMODIFIED",
            "TCP_REFRESH_FAIL_OLD",
        ];
        assert!(hits.eq(expected));
    }
}
