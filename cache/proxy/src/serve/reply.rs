//! Replies: the head of a response as this client gets it, and the ways to send a body after it. What is the same for
//! every client was stored or comes from the origin; what is made anew for each is added here.

use std::io::{self, IoSlice};

use cnn_core::fields::Fields;
use cnn_core::rfc9111::cache_status::{self, CacheStatus, Handling};
use cnn_core::rfc9111::hop;

use super::client::Client;
use crate::http1::{ResponseHead, Version, write};
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
        write_told(out, pseudonym, told);
        if persistence == Persistence::Close || delimited == Delimited::Close {
            write::field(out, b"Connection", b"close");
        } else if version == Version::Http10 {
            write::field(out, b"Connection", b"keep-alive");
        }
        write::end(out);
    }

    /// Ends the head of a 101, which has no lines about a body and keeps its own `Connection`.
    pub(super) fn end_upgrade(self, told: &Told<'_>) {
        let Self { out, pseudonym } = self;
        write_told(out, pseudonym, told);
        write::field(out, b"Connection", b"upgrade");
        write::end(out);
    }
}

/// Appends what caching has to say.
fn write_told(out: &mut Vec<u8>, pseudonym: &str, told: &Told<'_>) {
    out.extend_from_slice(b"X-Cache: ");
    cache_status::write_x_cache(out, &told.handling, pseudonym);
    out.extend_from_slice(b"\r\nCache-Status: ");
    let member =
        CacheStatus { cache: pseudonym, handling: told.handling, ttl: told.ttl, detail: told.detail };
    member.write(out);
    out.extend_from_slice(b"\r\n");
}

/// Puts together an interim response (1xx) as it is passed on: without what belongs to the hop before, and without
/// anything about a body, which it never has.
pub(super) fn put_interim(out: &mut Vec<u8>, head: &ResponseHead) {
    let mut fields = head.fields.clone();
    hop::remove_hop_by_hop(&mut fields);
    fields.remove("content-length");
    out.clear();
    write::status_line(out, head.status, &head.reason);
    write::fields(out, &fields);
    write::end(out);
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
