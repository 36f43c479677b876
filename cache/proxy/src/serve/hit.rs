//! Answers from the store: whole, in part (RFC 9110 section 14), or not at all because the client has it already
//! (section 13). A hit is one look at the request, one head rendered, one system call.

use std::io::{self, IoSlice};

use cnn_core::exchange::Serving;
use cnn_core::repository::Stored;
use cnn_core::rfc9111::RequestFacts;
use cnn_core::rfc9111::cache_status::Handling;
use cnn_core::rfc9111::conditional::{self, Outcome};
use cnn_core::rfc9111::range::{self, Multipart, Selection, Span};
use cnn_core::time::UnixSecs;
use smallvec::SmallVec;

use super::client::Client;
use super::reply::{Delimited, Persistence, ReplyHead, Told};
use super::request::Request;
use crate::http1::write;
use crate::limits::WRITE_SLICES_MAX;

/// What was sent of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// The status of the reply.
    pub(super) status: u16,
    pub(super) extent: Extent,
}

/// How much of a stored response was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All that was asked for.
    Content,
    /// Only that the client has it: by date.
    UnmodifiedSince,
    /// Only that the client has it: by entity tag.
    NoneMatch,
}

impl Client {
    /// Answers from the store. `handling` is a hit, or what was done before it came to one.
    pub(super) async fn send_stored(
        &mut self,
        request: &Request,
        facts: &RequestFacts<'_>,
        serving: &Serving,
        handling: Handling,
        now: UnixSecs,
        persistence: Persistence,
    ) -> io::Result<Sent> {
        let stored = &*serving.stored;
        let told = Told {
            handling,
            age: Some(serving.age),
            ttl: Some(stored.facts().ttl(now)),
            detail: serving.staleness.map(|staleness| staleness.as_str()),
        };
        let etag = match facts.is_conditional() || facts.range.is_some() {
            true => stored.head().first("etag"),
            false => None,
        };
        match conditional::evaluate(facts, etag.as_deref(), stored.facts(), now) {
            Outcome::Serve => {}
            Outcome::NotModified => {
                let extent =
                    if facts.has_if_none_match { Extent::NoneMatch } else { Extent::UnmodifiedSince };
                let head = self.filtered_head(304, stored, conditional::is_left_out_of_304);
                head.end(request.version, &told, Delimited::NoBody, persistence);
                self.send_head_with(b"").await?;
                return Ok(Sent { status: 304, extent });
            }
            Outcome::PreconditionFailed => {
                let head = self.filtered_head(412, stored, conditional::is_left_out_of_304);
                head.end(request.version, &told, Delimited::Length(0), persistence);
                self.send_head_with(b"").await?;
                return Ok(Sent { status: 412, extent: Extent::Content });
            }
        }
        let length = stored.body().len();
        let selection = range::select(&request.method, facts, etag.as_deref(), stored.facts(), length, now);
        let status = match selection {
            Selection::Whole => {
                self.send_whole(request, stored, &told, persistence).await?;
                stored.head().status()
            }
            Selection::Single(span) => {
                self.send_span(request, stored, &told, span, persistence).await?;
                206
            }
            Selection::Several(spans) => {
                self.send_spans(request, stored, &told, &spans, persistence).await?;
                206
            }
            Selection::Unsatisfiable => {
                let mut head = self.filtered_head(416, stored, conditional::is_left_out_of_304);
                let content_range = range::content_range_unsatisfied(length);
                write::field(head.out(), b"Content-Range", content_range.as_bytes());
                head.end(request.version, &told, Delimited::Length(0), persistence);
                self.send_head_with(b"").await?;
                416
            }
        };
        Ok(Sent { status, extent: Extent::Content })
    }

    async fn send_whole(
        &mut self,
        request: &Request,
        stored: &Stored,
        told: &Told<'_>,
        persistence: Persistence,
    ) -> io::Result<()> {
        let mut head = ReplyHead::begin(&mut self.out, &self.worker.shared);
        stored.head().render(head.out());
        let length = stored.body().len();
        let delimited = Delimited::of(request.version, stored.head().status(), Some(length));
        head.end(request.version, told, delimited, persistence);
        if !request.wants_content() {
            return self.send_head_with(b"").await;
        }
        self.send_range(stored, Span::new(0, length.wrapping_sub(1)).filter(|_| length > 0)).await
    }

    async fn send_span(
        &mut self,
        request: &Request,
        stored: &Stored,
        told: &Told<'_>,
        span: Span,
        persistence: Persistence,
    ) -> io::Result<()> {
        let mut head = self.filtered_head(206, stored, |_| false);
        let content_range = range::content_range(span, stored.body().len());
        write::field(head.out(), b"Content-Range", content_range.as_bytes());
        head.end(request.version, told, Delimited::Length(span.bytes()), persistence);
        self.send_range(stored, Some(span)).await
    }

    /// Sends the head and the bytes of one span of the body after it.
    async fn send_range(&mut self, stored: &Stored, span: Option<Span>) -> io::Result<()> {
        let Self { connection, out, patience, .. } = self;
        let mut slices: SmallVec<[IoSlice<'_>; 4]> = SmallVec::new();
        slices.push(IoSlice::new(out));
        if let Some(span) = span {
            for slice in stored.body().slices(span.first()..span.last() + 1) {
                if slices.len() == WRITE_SLICES_MAX {
                    connection.write_all(&mut slices, patience.send).await?;
                    slices.clear();
                }
                slices.push(IoSlice::new(slice));
            }
        }
        connection.write_all(&mut slices, patience.send).await
    }

    async fn send_spans(
        &mut self,
        request: &Request,
        stored: &Stored,
        told: &Told<'_>,
        spans: &[Span],
        persistence: Persistence,
    ) -> io::Result<()> {
        let content_type = stored.head().first("content-type");
        let seed = self.worker.shared.random();
        let multipart = Multipart::new(seed, content_type.as_deref(), stored.body().len());
        let mut head = self.filtered_head(206, stored, |name| name.eq_ignore_ascii_case(b"content-type"));
        write::field(head.out(), b"Content-Type", multipart.content_type().as_bytes());
        let length = multipart.content_length(spans);
        head.end(request.version, told, Delimited::Length(length), persistence);
        for &span in spans {
            self.out.extend_from_slice(&multipart.part_head(span));
            self.send_range(stored, Some(span)).await?;
            self.out.clear();
        }
        self.send_head_with(&multipart.end()).await
    }

    /// Begins a head with another status than the stored one, without the lines that `is_left_out`.
    fn filtered_head(
        &mut self,
        status: u16,
        stored: &Stored,
        is_left_out: fn(&[u8]) -> bool,
    ) -> ReplyHead<'_> {
        let mut head = ReplyHead::begin(&mut self.out, &self.worker.shared);
        write::status_line(head.out(), status, write::reason(status).as_bytes());
        for (name, value) in stored.head().lines().filter(|(name, _)| !is_left_out(name)) {
            write::field(head.out(), name, &value);
        }
        head
    }
}
