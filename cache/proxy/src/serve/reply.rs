//! Replies: the head of a response as this client gets it, and the ways to send a body after it. What is the same for
//! every client was stored or comes from the origin; what is made anew for each is added here.

use std::io::{self, IoSlice};

use cnn_core::fields::Fields;
use cnn_core::rfc9111::cache_status::{self, CacheStatus, Handling};

use super::client::Client;
use crate::http1::{Version, write};
use crate::server::Shared;

/// How the body of a reply is delimited (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimited {
    /// There is none, and none is expected: HEAD, 204, 304.
    NoBody,
    /// By its length.
    Length(u64),
    /// By chunks.
    Chunked,
    /// By the end of the connection: a body of unknown length for a client that knows no chunks.
    Close,
}

impl Delimited {
    /// For a body of that length, if it is known, in a reply with that status to that request.
    pub(super) fn of(version: Version, status: u16, length: Option<u64>) -> Self {
        match length {
            _ if matches!(status, 204 | 304) => Self::NoBody,
            Some(length) => Self::Length(length),
            None if version == Version::Http11 => Self::Chunked,
            None => Self::Close,
        }
    }
}

/// Whether the connection may be used for another request after this reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// It may.
    KeepAlive,
    /// It is closed.
    Close,
}

/// What caching has to say in a reply.
pub(super) struct Told<'a> {
    pub(super) handling: Handling,
    pub(super) age: Option<u32>,
    pub(super) ttl: Option<i64>,
    pub(super) detail: Option<&'a str>,
}

/// A head being put together in a client's buffer.
pub(super) struct ReplyHead<'a> {
    out: &'a mut Vec<u8>,
    pseudonym: &'a str,
}

impl<'a> ReplyHead<'a> {
    /// Begins with nothing.
    pub(super) fn begin(out: &'a mut Vec<u8>, shared: &'a Shared) -> Self {
        out.clear();
        Self { out, pseudonym: &shared.pseudonym }
    }

    /// The buffer, to append status line and lines to.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Appends status line and lines of a head that came from the origin, but for those that [`ReplyHead::end`] makes.
    pub(super) fn lines(&mut self, status: u16, reason: &[u8], fields: &Fields) {
        let reason = if reason.is_empty() { write::reason(status).as_bytes() } else { reason };
        write::status_line(self.out, status, reason);
        for (name, value) in fields.iter().filter(|(name, _)| !is_made_anew(name)) {
            write::field(self.out, name, value);
        }
    }

    /// Appends the lines that are made anew for each reply, and ends the head.
    pub(super) fn end(
        self,
        version: Version,
        told: &Told<'_>,
        delimited: Delimited,
        persistence: Persistence,
    ) {
        let Self { out, pseudonym } = self;
        if let Some(age) = told.age {
            write::number_field(out, "Age", age.into());
        }
        match delimited {
            Delimited::Length(length) => write::number_field(out, "Content-Length", length),
            Delimited::Chunked => write::field(out, b"Transfer-Encoding", b"chunked"),
            Delimited::NoBody | Delimited::Close => {}
        }
        out.extend_from_slice(b"X-Cache: ");
        cache_status::write_x_cache(out, &told.handling, pseudonym);
        out.extend_from_slice(b"\r\nCache-Status: ");
        let member =
            CacheStatus { cache: pseudonym, handling: told.handling, ttl: told.ttl, detail: told.detail };
        member.write(out);
        out.extend_from_slice(b"\r\n");
        if persistence == Persistence::Close || delimited == Delimited::Close {
            write::field(out, b"Connection", b"close");
        } else if version == Version::Http10 {
            write::field(out, b"Connection", b"keep-alive");
        }
        write::end(out);
    }
}

impl Client {
    /// Sends the head that was put together, with the first part of the body after it in one call.
    pub(super) async fn send_head_with(&mut self, body: &[u8]) -> io::Result<()> {
        let Self { connection, out, patience, .. } = self;
        connection.write_all(&mut [IoSlice::new(out), IoSlice::new(body)], patience.send).await
    }
}

/// Lines of a received or stored head that are not passed on as they are.
pub(super) fn is_made_anew(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content-length")
        || name.eq_ignore_ascii_case(b"x-cache")
        || name.eq_ignore_ascii_case(b"age")
        || name.eq_ignore_ascii_case(b"connection")
        || name.eq_ignore_ascii_case(b"transfer-encoding")
}

/// The size line of a chunk of so many bytes (RFC 9112 section 7.1), in `space`.
pub(super) fn chunk_size_line(space: &mut [u8; 20], bytes: usize) -> &[u8] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    space[18..].copy_from_slice(b"\r\n");
    let (mut from, mut rest) = (18, bytes);
    loop {
        from -= 1;
        space[from] = HEX[rest % 16];
        rest /= 16;
        if rest == 0 {
            return &space[from..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_sizes_are_hexadecimal() {
        let check = |bytes: usize, expected: &str| {
            assert_eq!(chunk_size_line(&mut [0; 20], bytes), expected.as_bytes());
        };
        check(0, "0\r\n");
        check(255, "ff\r\n");
        check(65_536, "10000\r\n");
        check(usize::MAX, "ffffffffffffffff\r\n");
    }
}
