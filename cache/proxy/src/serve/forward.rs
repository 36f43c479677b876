//! Requests that go to the origin as they are and whose responses are not stored: other methods than GET, parts of what
//! is not stored, HEAD for what is not stored. The request's body goes up while the response may already come down.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use cnn_core::exchange::Why;
use cnn_core::fields::Fields;
use cnn_core::repository::{Renewal, Stored};
use cnn_core::rfc9111::cache_status::{Collapsing, Forward, Handling, Storing};
use cnn_core::rfc9111::conditional::Validators;
use cnn_core::rfc9111::update::{self, HeadEffect};
use cnn_core::rfc9111::{Method, Times, date, hop, invalidate};
use cnn_core::time::UnixSecs;

use super::client::Client;
use super::fetch;
use super::own::{Asked, Refusal};
use super::record::{Account, After, ending};
use super::reply::{Delimited, Persistence, ReplyHead, Told, chunk_size_line};
use super::request::Request;
use crate::http1::io::Writing;
use crate::http1::{Body, ResponseHead, Version, write};
use crate::log::{Ending, Hierarchy, Outcome, ResultCode};
use crate::origin::{ClientBody, Exchange, FetchError};
use crate::server::Settings;

/// How far an exchange came.
struct Forwarded {
    head: Option<ResponseHead>,
    sent: Result<(), Broken>,
    delimited: Delimited,
}

/// Whose fault it is that it did not come to its end.
enum Broken {
    Client(std::io::Error),
    Origin(FetchError),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Client(error)
    }
}

impl From<FetchError> for Broken {
    fn from(error: FetchError) -> Self {
        Self::Origin(error)
    }
}

impl Client {
    /// Forwards a request. `why` is given for one the store was asked about.
    pub(super) async fn forward(
        &mut self,
        settings: &Arc<Settings>,
        request: &Request,
        why: Option<Why>,
    ) -> Account {
        let shared = self.worker.shared.clone();
        let mut fields = request.fields.clone();
        hop::remove_hop_by_hop(&mut fields);
        let upstream = fetch::forwarded(&shared, settings, request, fields, Some(self.address));
        let reason = why.as_ref().map_or(Forward::Method, |why| why.forward());
        let mut persistence = self.persistence(request);
        let began = shared.clock.wall();

        let mut body = Body::new(request.body);
        let Self { connection, out, worker, patience, .. } = self;
        let (reading, mut writing) = connection.split();
        let source = ClientBody { reading, body: &mut body };
        let mut exchange = worker.origins.fetch(upstream, source);
        let mut forwarded = Forwarded { head: None, sent: Ok(()), delimited: Delimited::NoBody };
        let head = loop {
            match exchange.head().await {
                Ok(head) if head.status >= 200 => break Ok(head),
                Ok(interim) if request.version == Version::Http11 => {
                    out.clear();
                    write::status_line(out, interim.status, &interim.reason);
                    write::fields(out, &interim.fields);
                    write::end(out);
                    if let Err(error) = writing.all(&mut [IoSlice::new(out)], patience.send).await {
                        break Err(Broken::Client(error));
                    }
                }
                Ok(_) => {}
                Err(error) => break Err(Broken::Origin(error)),
            }
        };
        match head {
            Ok(head) => {
                let now = shared.clock.wall();
                let times = Times { request: began, response: now };
                self::effects(worker, request, why.as_ref(), &head, times);
                let mut fields = head.fields.clone();
                prepare(&mut fields, &shared.via, now);
                let length = head.body.known().or_else(|| declared_length(request, &head));
                let delimited = Delimited::of(request.version, head.status, length);
                let handling = Handling::Forwarded {
                    reason,
                    status: Some(head.status),
                    storing: Storing::NotStored,
                    collapsing: Collapsing::Alone,
                };
                if !request.body.is_empty() && !exchange.is_upload_done() {
                    // An answer before the whole request: what is still to come is not read as the next one.
                    persistence = Persistence::Close;
                }
                let mut reply = ReplyHead::begin(out, &shared);
                reply.lines(head.status, &head.reason, &fields);
                if let Some(age) = head.fields.first("age") {
                    write::field(reply.out(), b"Age", age);
                }
                let told = Told { handling, age: None, ttl: None, detail: None };
                reply.end(request.version, &told, delimited, persistence);
                forwarded.delimited = delimited;
                let has_body = request.wants_content() && !head.body.is_empty();
                forwarded.head = Some(head);
                let mut down = Down { writing: &mut writing, out, send: patience.send, delimited };
                forwarded.sent = match has_body {
                    true => down.send(&mut exchange).await,
                    false => down.flush(b"").await.map_err(Broken::Client),
                };
            }
            Err(broken) => forwarded.sent = Err(broken),
        }
        let peer = exchange.report().peer;
        let is_upload_done = exchange.is_upload_done();
        drop(exchange);
        let hierarchy = if peer.is_some() { self.hierarchy() } else { Hierarchy::None };
        let peer = peer.map(|peer| peer.ip());
        let Some(head) = forwarded.head else {
            return match forwarded.sent {
                Err(Broken::Origin(error)) => {
                    let asked = Asked { result: None, hierarchy, peer, forward: Some(reason) };
                    self.refuse(request, Refusal::from(&error), asked).await
                }
                _ => Account { hierarchy, peer, ..Account::gone(ResultCode::Miss) },
            };
        };
        let is_whole = forwarded.sent.is_ok();
        Account {
            outcome: Outcome {
                result: ResultCode::Miss,
                collapsed: false,
                ending: match &forwarded.sent {
                    Ok(()) => Ending::Complete,
                    Err(Broken::Client(error)) => ending::<()>(&Err(error.kind().into())),
                    Err(Broken::Origin(FetchError::TimedOut(_))) => Ending::TimedOut,
                    Err(Broken::Origin(_)) => Ending::Aborted,
                },
            },
            status: head.status,
            hierarchy,
            peer,
            content_type: head.fields.first("content-type").map_or_else(Bytes::new, Bytes::copy_from_slice),
            after: match (is_whole, persistence) {
                (false, _) => After::Close,
                (true, Persistence::KeepAlive)
                    if is_upload_done && forwarded.delimited != Delimited::Close =>
                {
                    After::Next
                }
                (true, _) => After::Linger,
            },
        }
    }
}

/// Fields of a response as they are passed on.
fn prepare(fields: &mut Fields, via: &str, now: UnixSecs) {
    hop::remove_hop_by_hop(fields);
    if !fields.has("date") {
        fields.push("Date", date::format(now));
    }
    fields.push("Via", via);
}

/// The length of the content that a response to HEAD describes and does not have.
fn declared_length(request: &Request, head: &ResponseHead) -> Option<u64> {
    let length = head.fields.first("content-length").filter(|_| request.method == Method::Head)?;
    str::from_utf8(length).ok()?.parse().ok()
}

/// What a response means for what is stored: unsafe methods invalidate (RFC 9111 section 4.4), HEAD freshens or
/// invalidates (section 4.3.5).
fn effects(
    worker: &crate::worker::Worker,
    request: &Request,
    why: Option<&Why>,
    head: &ResponseHead,
    times: Times,
) {
    let shared = &worker.shared;
    if invalidate::is_invalidating(&request.method, head.status) {
        shared.repository.purge(request.target.key());
        for target in invalidate::named_targets(&request.target, &head.fields) {
            shared.repository.purge(target.key());
        }
    }
    if let (Method::Head, Some(stale)) = (&request.method, why.and_then(Why::stale)) {
        freshen_by_head(worker, stale, head, times);
    }
}

fn freshen_by_head(worker: &crate::worker::Worker, stale: &Arc<Stored>, head: &ResponseHead, times: Times) {
    let shared = &worker.shared;
    let stored = stale.head().to_fields();
    match update::head_effect(head.status, &head.fields, Validators::of(&stored), stale.body().len()) {
        HeadEffect::Update => {
            let freshened = update::freshen(stale.head().status(), &stored, &head.fields, times);
            let fresh_until =
                fetch::tick_of(freshened.facts.fresh_until(), shared.clock.now(), times.response);
            let renewal = Renewal { fields: &freshened.fields, facts: freshened.facts, fresh_until };
            let renewed = shared.repository.update(stale, &renewal);
            if !freshened.is_storable {
                shared.repository.remove(&renewed);
            }
        }
        HeadEffect::Invalidate => {
            shared.repository.remove(stale);
        }
        HeadEffect::None => {}
    }
}

/// The way down to the client while the request's body may still be on its way up.
struct Down<'a, 'c> {
    writing: &'a mut Writing<'c>,
    out: &'a mut Vec<u8>,
    send: std::time::Duration,
    delimited: Delimited,
}

impl Down<'_, '_> {
    async fn send(&mut self, exchange: &mut Exchange<ClientBody<'_>>) -> Result<(), Broken> {
        // The head waits for the first piece, which is mostly there already; if not, it does not.
        let mut piece = match piece_at_hand(exchange).await {
            Some(piece) => piece?,
            None => {
                self.flush(b"").await?;
                exchange.next_piece().await?
            }
        };
        while let Some(bytes) = piece {
            self.send_piece(&bytes).await?;
            piece = exchange.next_piece().await?;
        }
        if self.delimited == Delimited::Chunked {
            self.out.extend_from_slice(b"0\r\n");
            if let Some(trailers) = exchange.trailers() {
                write::fields(self.out, trailers);
            }
            write::end(self.out);
        }
        Ok(self.flush(b"").await?)
    }

    async fn send_piece(&mut self, bytes: &Bytes) -> std::io::Result<()> {
        if self.delimited != Delimited::Chunked {
            return self.flush(bytes).await;
        }
        let mut space = [0; 20];
        let size = chunk_size_line(&mut space, bytes.len());
        let mut slices =
            [IoSlice::new(self.out), IoSlice::new(size), IoSlice::new(bytes), IoSlice::new(b"\r\n")];
        self.writing.all(&mut slices, self.send).await?;
        self.out.clear();
        Ok(())
    }

    /// Sends what is put together, and some bytes after it.
    async fn flush(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.writing.all(&mut [IoSlice::new(self.out), IoSlice::new(bytes)], self.send).await?;
        self.out.clear();
        Ok(())
    }
}

/// The next piece if it is there already.
async fn piece_at_hand(exchange: &mut Exchange<ClientBody<'_>>) -> Option<Result<Option<Bytes>, FetchError>> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match exchange.poll_piece(cx) {
            std::task::Poll::Ready(piece) => Some(piece),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
