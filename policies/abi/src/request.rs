//! The request record: what one request came to, as monitors are told, in 72 bytes that are the same in native code and
//! in a guest's memory (little-endian, no padding but `reserved`). Who asked is not in it.

/// Size of one [`Request`] in bytes; a batch is an array of them.
pub const REQUEST_BYTES: usize = core::mem::size_of::<Request>();

/// Most requests handed over at once: room for so many is at the address the guest's `requests` returns.
pub const BATCH_REQUESTS_MAX: usize = 256;

/// Longest host that is told, in bytes: the longest name there is.
pub const HOST_BYTES_MAX: usize = 255;

/// Longest path that is told, in bytes; longer ones are cut.
pub const PATH_BYTES_MAX: usize = 256;

/// Most text of one batch, in bytes: room for it is at the address the guest's `text` returns.
pub const TEXT_BYTES_MAX: usize = BATCH_REQUESTS_MAX * (HOST_BYTES_MAX + PATH_BYTES_MAX);

/// Declares an enum of numbers with a word each.
macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident, $other:ident { $($(#[$doc:meta])* $variant:ident = $number:literal, $word:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant = $number,)+ }

        impl $name {
            /// All there are, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in scripts, labels and tables.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The one with this number; unknown numbers are the first.
            pub const fn from_u8(number: u8) -> Self {
                match number { $($number => Self::$variant,)+ _ => Self::$other }
            }
        }
    };
}

numbered! {
    /// Where the response came from.
    Served, Nowhere {
        /// No response worth the name: a malformed request, a reply of the proxy's own.
        Nowhere = 0, "none";
        /// The store.
        Hit = 1, "hit";
        /// The store, after the origin said it is still good.
        Validated = 2, "validated";
        /// The store although stale, because the origin failed.
        Stale = 3, "stale";
        /// The origin.
        Miss = 4, "miss";
        /// The origin, in place of a stored response that had become stale.
        Changed = 5, "changed";
        /// Nowhere: what was stored had become stale, and the origin failed.
        Failed = 6, "failed";
        /// Nowhere: an access rule refused the request.
        Denied = 7, "denied";
        /// A tunnel.
        Tunnel = 8, "tunnel";
    }
}

numbered! {
    /// The method of a request.
    Verb, Other {
        /// None of the others.
        Other = 0, "other";
        /// GET
        Get = 1, "GET";
        /// HEAD
        Head = 2, "HEAD";
        /// POST
        Post = 3, "POST";
        /// PUT
        Put = 4, "PUT";
        /// DELETE
        Delete = 5, "DELETE";
        /// OPTIONS
        Options = 6, "OPTIONS";
        /// PATCH
        Patch = 7, "PATCH";
        /// CONNECT
        Connect = 8, "CONNECT";
    }
}

impl Verb {
    /// The one of a method as received; methods are told apart by case (RFC 9110 section 9.1).
    pub fn of(method: &[u8]) -> Self {
        let is_it = |verb: &&Self| verb.as_str().as_bytes() == method;
        Self::ALL.iter().skip(1).find(is_it).copied().unwrap_or(Self::Other)
    }
}

/// Bits of [`Request::flags`].
pub struct RequestFlags;

impl RequestFlags {
    /// It counts as a hit.
    pub const HIT: u8 = 1;
    /// It shared a fetch that another request had begun.
    pub const COLLAPSED: u8 = 2;
    /// The client left, or the response broke off, before the end.
    pub const ABORTED: u8 = 4;
    /// A deadline passed before the end.
    pub const TIMED_OUT: u8 = 8;
}

/// What one request came to. Times are microseconds and saturate, those of the origin are 0 where none was asked for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Request {
    /// When it was over, since the host's beginning.
    pub time: u64,
    /// Stable keyed hash of the target URI: the same number for the same URI, as long as the host runs.
    pub key: u64,
    /// Bytes sent to the client, header included.
    pub sent_bytes: u64,
    /// Bytes received from the origin for it, header included; 0 for one that shared another's fetch.
    pub origin_bytes: u64,
    /// From its first byte to the last of the response.
    pub total_us: u32,
    /// From its first byte until the response began to be sent.
    pub ttfb_us: u32,
    /// From the asking of the origin until its response was here.
    pub origin_us: u32,
    /// From the asking of the origin to the head of its response.
    pub origin_ttfb_us: u32,
    /// Number of the origin: a keyed hash of host and port.
    pub origin: u32,
    /// Where the host begins in the text of the batch.
    pub host_at: u32,
    /// Where the path, without query, begins there.
    pub path_at: u32,
    /// Bytes of the path.
    pub path_len: u16,
    /// Status code of the response; 0 when none was begun.
    pub status: u16,
    /// Bytes of the host.
    pub host_len: u8,
    /// A [`Served`] as its number.
    pub served: u8,
    /// A [`Verb`] as its number.
    pub verb: u8,
    /// Content-type class of the response, as in an event.
    pub mime: u8,
    /// Bits of [`RequestFlags`].
    pub flags: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

impl Request {
    /// Where the response came from.
    pub const fn served(&self) -> Served {
        Served::from_u8(self.served)
    }

    /// Its method.
    pub const fn verb(&self) -> Verb {
        Verb::from_u8(self.verb)
    }

    /// Whether it counts as a hit.
    pub const fn is_hit(&self) -> bool {
        self.flags & RequestFlags::HIT != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_72_bytes_laid_out_as_the_page_says() {
        assert_eq!(REQUEST_BYTES, 72);
        let at = [
            core::mem::offset_of!(Request, time),
            core::mem::offset_of!(Request, key),
            core::mem::offset_of!(Request, sent_bytes),
            core::mem::offset_of!(Request, origin_bytes),
            core::mem::offset_of!(Request, total_us),
            core::mem::offset_of!(Request, ttfb_us),
            core::mem::offset_of!(Request, origin_us),
            core::mem::offset_of!(Request, origin_ttfb_us),
            core::mem::offset_of!(Request, origin),
            core::mem::offset_of!(Request, host_at),
            core::mem::offset_of!(Request, path_at),
            core::mem::offset_of!(Request, path_len),
            core::mem::offset_of!(Request, status),
            core::mem::offset_of!(Request, host_len),
            core::mem::offset_of!(Request, served),
            core::mem::offset_of!(Request, verb),
            core::mem::offset_of!(Request, mime),
            core::mem::offset_of!(Request, flags),
        ];
        assert_eq!(at, [0, 8, 16, 24, 32, 36, 40, 44, 48, 52, 56, 60, 62, 64, 65, 66, 67, 68]);
    }

    #[test]
    fn numbers_and_words_survive() {
        for (number, served) in (0..).zip(Served::ALL) {
            assert_eq!(Served::from_u8(number), *served);
        }
        assert_eq!(Served::from_u8(200), Served::Nowhere);
        for verb in &Verb::ALL[1..] {
            assert_eq!(Verb::of(verb.as_str().as_bytes()), *verb);
        }
        assert_eq!((Verb::of(b"get"), Verb::of(b"other")), (Verb::Other, Verb::Other));
    }
}
