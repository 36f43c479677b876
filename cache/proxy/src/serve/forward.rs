//! Requests that go to the origin as they are and whose responses are not stored: other methods than GET, parts of what
//! is not stored, HEAD for what is not stored. The request's body goes up while the response may already come down.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use cnn_core::exchange::Why;
use cnn_core::fields::Fields;
use cnn_core::repository::{Renewal, Stored};
use cnn_core::rfc9111::cache_status::{Collapsing, Forward, Handling, Storing};
use cnn_core::rfc9111::conditional::Validators;
use cnn_core::rfc9111::update::{self, HeadEffect};
use cnn_core::rfc9111::{Described, Method, Times, date, hop, invalidate};
use cnn_core::time::{Tick, UnixSecs};

use super::client::Client;
use super::fetch;
use super::mirror::FromOrigin;
use super::own::{Asked, Refusal};
use super::record::{Account, After, ending};
use super::reply::{Delimited, Persistence, ReplyHead, Told, put_interim};
use super::request::Request;
use crate::http1::chunked::{self, CHUNK_END, ChunkStart};
use crate::http1::io::Writing;
use crate::http1::{Body, ResponseHead, Version, write};
use crate::log::{Ending, Hierarchy, Outcome, ResultCode};
use crate::origin::{self, ClientBody, Exchange, FetchError};
use crate::server::{Settings, Shared};
use crate::worker::Worker;

/// Why a request goes past the store.
pub(super) enum Passing {
    /// The store was not asked.
    Unasked(Forward),
    /// It was, and this is why its answer will not do.
    Asked(Why),
}

impl Passing {
    /// The reason as `Cache-Status` has it.
    fn reason(&self) -> Forward {
        match self {
            Self::Unasked(reason) => *reason,
            Self::Asked(why) => why.forward(),
        }
    }

    /// The stored response there is.
    fn stale(&self) -> Option<&Arc<Stored>> {
        match self {
            Self::Unasked(_) => None,
            Self::Asked(why) => why.stale(),
        }
    }
}

/// How far an exchange came.
struct Came {
    /// The final head, once it was there.
    head: Option<ResponseHead>,
    /// When it was there.
    begun: Option<Tick>,
    sent: Result<(), Broken>,
    delimited: Delimited,
    /// Whether the whole of the request's body was taken.
    is_upload_done: bool,
}

/// Whose fault it is that it did not come to its end.
enum Broken {
    Client(io::Error),
    Origin(FetchError),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Client(error)
    }
}

impl From<FetchError> for Broken {
    fn from(error: FetchError) -> Self {
        Self::Origin(error)
    }
}

impl Client {
    /// Forwards a request.
    pub(super) async fn forward(
        &mut self,
        settings: &Settings,
        request: &Request,
        passing: Passing,
    ) -> Account {
        let shared = self.worker.shared.clone();
        let reason = passing.reason();
        let persistence = self.persistence(request);
        let (began, asked) = (shared.clock.wall(), shared.clock.now());
        let upstream = upstream(&shared, settings, request, self.address);
        let mut body = Body::new(request.body);

        let Self { connection, out, worker, patience, .. } = self;
        let (reading, writing) = connection.split();
        worker.origins.set_settings(settings.origin);
        let mut exchange = worker.origins.fetch(upstream, ClientBody { reading, body: &mut body });
        let mut down = Down { writing, out, send: patience.send };
        let came = match down.final_head(&mut exchange, request.version).await {
            Err(broken) => Came::nothing(broken),
            Ok(head) => {
                let now = shared.clock.wall();
                let times = Times { request: began, response: now };
                effects(worker, settings, request, passing.stale(), &head, times);
                let reply = Reply { shared: &shared, request, reason, persistence, now };
                let begun = Some(shared.clock.now());
                Came { begun, ..down.pass_on(&mut exchange, head, &reply).await }
            }
        };
        let report = exchange.report();
        let fetched = FromOrigin::of(&report, shared.clock.now().since(asked));
        let peer = report.peer.map(|peer| peer.ip());
        let is_upgraded = came.head.as_ref().is_some_and(|head| head.status == 101);
        // Otherwise only closed: what is not complete is of no use to anybody else.
        let upgraded = exchange.upgraded().filter(|_| is_upgraded);
        let hierarchy = if peer.is_some() { self.hierarchy() } else { Hierarchy::None };
        let Some(head) = came.head else {
            let account = match came.sent {
                Err(Broken::Origin(error)) => {
                    let asked = Asked { result: None, hierarchy, peer, forward: Some(reason) };
                    self.refuse(request, Refusal::from(&error), asked).await
                }
                _ => Account { hierarchy, peer, ..Account::gone(ResultCode::Miss) },
            };
            return Account { fetched, ..account };
        };
        Account {
            outcome: Outcome { result: ResultCode::Miss, collapsed: false, ending: ending_of(&came.sent) },
            status: head.status,
            hierarchy,
            peer,
            content_type: head.fields.first("content-type").map_or_else(Bytes::new, Bytes::copy_from_slice),
            begun: came.begun,
            fetched,
            after: match (&came.sent, upgraded) {
                (Err(_), _) if came.delimited == Delimited::Close => After::Reset,
                (Err(_), _) => After::Close,
                (Ok(()), Some((stream, early))) => After::Upgraded(Box::new((stream, early))),
                (Ok(()), None)
                    if persistence == Persistence::KeepAlive
                        && came.is_upload_done
                        && came.delimited != Delimited::Close =>
                {
                    After::Next
                }
                (Ok(()), None) => After::Linger,
            },
        }
    }
}

impl Came {
    fn nothing(broken: Broken) -> Self {
        Self {
            head: None,
            begun: None,
            sent: Err(broken),
            delimited: Delimited::NoBody,
            is_upload_done: false,
        }
    }
}

/// The request as it goes on: without the fields of this hop, but for an upgrade that is asked for.
fn upstream(shared: &Shared, settings: &Settings, request: &Request, client: IpAddr) -> origin::Request {
    let mut fields = request.fields.clone();
    hop::remove_hop_by_hop(&mut fields);
    let upgrade = request.upgrade().map(<[u8]>::to_vec);
    if let Some(protocols) = &upgrade {
        fields.push("Connection", "upgrade");
        fields.push("Upgrade", protocols);
    }
    let mut upstream = fetch::forwarded(shared, settings, request, fields, Some(client));
    upstream.asks_upgrade = upgrade.is_some();
    upstream
}

/// How a reply that was passed on, or not, ended.
fn ending_of(sent: &Result<(), Broken>) -> Ending {
    match sent {
        Ok(()) => Ending::Complete,
        Err(Broken::Client(error)) => ending::<()>(&Err(error.kind().into())),
        Err(Broken::Origin(FetchError::TimedOut(_))) => Ending::TimedOut,
        Err(Broken::Origin(_)) => Ending::Aborted,
    }
}

/// The length that a response to HEAD gives to the content it does not have.
fn declared(head: &ResponseHead) -> Delimited {
    let length =
        head.fields.first("content-length").and_then(|value| str::from_utf8(value).ok()?.parse().ok());
    length.map_or(Delimited::NoBody, Delimited::Length)
}

/// What a response means for what is stored: unsafe methods invalidate (RFC 9111 section 4.4), HEAD freshens or
/// invalidates (section 4.3.5).
fn effects(
    worker: &Worker,
    settings: &Settings,
    request: &Request,
    stale: Option<&Arc<Stored>>,
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
    if let (Method::Head, Some(stale)) = (&request.method, stale) {
        freshen_by_head(worker, settings, request, stale, head, times);
    }
}

fn freshen_by_head(
    worker: &Worker,
    settings: &Settings,
    request: &Request,
    stale: &Arc<Stored>,
    head: &ResponseHead,
    times: Times,
) {
    let shared = &worker.shared;
    let stored = stale.head().to_fields();
    match update::head_effect(head.status, &head.fields, Validators::of(&stored), stale.body().len()) {
        HeadEffect::Update => {
            let status = stale.head().status();
            let freshened = update::freshen_under(
                status,
                &stored,
                &head.fields,
                times,
                &settings.unsaid,
                |response, facts| {
                    settings.filters.rule(&Described::of(&request.target, response, facts), &shared.metrics)
                },
            );
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

/// What a reply is made of beside the origin's head.
struct Reply<'a> {
    shared: &'a Shared,
    request: &'a Request,
    reason: Forward,
    persistence: Persistence,
    now: UnixSecs,
}

/// The way down to the client while the request's body may still be on its way up.
struct Down<'a> {
    writing: Writing<'a>,
    out: &'a mut Vec<u8>,
    send: Duration,
}

impl Down<'_> {
    /// The final head of the response; those before it are passed on to a client that knows them.
    async fn final_head(
        &mut self,
        exchange: &mut Exchange<ClientBody<'_>>,
        version: Version,
    ) -> Result<ResponseHead, Broken> {
        loop {
            let head = exchange.head().await?;
            if head.status >= 200 || head.status == 101 {
                return Ok(head);
            }
            if version == Version::Http11 {
                put_interim(self.out, &head);
                self.flush(b"").await?;
            }
        }
    }

    /// Sends head and body on.
    async fn pass_on(
        &mut self,
        exchange: &mut Exchange<ClientBody<'_>>,
        head: ResponseHead,
        reply: &Reply<'_>,
    ) -> Came {
        let request = reply.request;
        let delimited = match head.status {
            101 | 204 => Delimited::NoBody,
            _ if !request.wants_content() => declared(&head),
            status => Delimited::of(request.version, status, head.body.known()),
        };
        let has_body = request.wants_content() && !head.body.is_empty();
        self.put_head(&head, reply, delimited, exchange.is_upload_done());
        let sent = match has_body {
            true => self.send(exchange, delimited).await,
            false => self.flush(b"").await.map_err(Broken::Client),
        };
        let is_upload_done = exchange.is_upload_done();
        Came { head: Some(head), begun: None, sent, delimited, is_upload_done }
    }

    fn put_head(
        &mut self,
        head: &ResponseHead,
        reply: &Reply<'_>,
        delimited: Delimited,
        is_upload_done: bool,
    ) {
        let mut fields = head.fields.clone();
        hop::remove_hop_by_hop(&mut fields);
        if !fields.has("date") {
            fields.push("Date", date::format(reply.now));
        }
        fields.push("Via", &reply.shared.via);
        if head.status == 101 {
            head.fields.all("upgrade").for_each(|protocol| fields.push("Upgrade", protocol));
        }
        // An answer before the whole request: what is still to come must not be read as the next one.
        let persistence = if is_upload_done { reply.persistence } else { Persistence::Close };
        let handling = Handling::Forwarded {
            reason: reply.reason,
            status: Some(head.status),
            storing: Storing::NotStored,
            collapsing: Collapsing::Alone,
        };
        let mut put = ReplyHead::begin(self.out, reply.shared);
        put.lines(head.status, &head.reason, &fields);
        if let Some(age) = head.fields.first("age") {
            write::field(put.out(), b"Age", age);
        }
        let told = Told { handling, age: None, ttl: None, detail: None };
        match head.status {
            101 => put.end_upgrade(&told),
            _ => put.end(reply.request.version, &told, delimited, persistence),
        }
    }

    async fn send(
        &mut self,
        exchange: &mut Exchange<ClientBody<'_>>,
        delimited: Delimited,
    ) -> Result<(), Broken> {
        // The head waits for the first piece, which is mostly there already; if not, it does not.
        let mut piece = match piece_at_hand(exchange).await {
            Some(piece) => piece?,
            None => {
                self.flush(b"").await?;
                exchange.next_piece().await?
            }
        };
        while let Some(bytes) = piece {
            self.send_piece(&bytes, delimited).await?;
            piece = exchange.next_piece().await?;
        }
        if delimited == Delimited::Chunked {
            chunked::write_last_chunk(self.out, exchange.trailers().unwrap_or(&Fields::new()));
        }
        if self.out.is_empty() { Ok(()) } else { Ok(self.flush(b"").await?) }
    }

    async fn send_piece(&mut self, bytes: &Bytes, delimited: Delimited) -> io::Result<()> {
        if delimited != Delimited::Chunked {
            return self.flush(bytes).await;
        }
        let start = ChunkStart::new(bytes.len());
        let mut slices = [&self.out[..], start.as_bytes(), bytes, CHUNK_END].map(IoSlice::new);
        self.writing.all(&mut slices, self.send).await?;
        self.out.clear();
        Ok(())
    }

    /// Sends what is put together, and some bytes after it.
    async fn flush(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writing.all(&mut [IoSlice::new(self.out), IoSlice::new(bytes)], self.send).await?;
        self.out.clear();
        Ok(())
    }
}

/// The next piece if it is there already.
async fn piece_at_hand(exchange: &mut Exchange<ClientBody<'_>>) -> Option<Result<Option<Bytes>, FetchError>> {
    poll_fn(|cx| {
        Poll::Ready(match exchange.poll_piece(cx) {
            Poll::Ready(piece) => Some(piece),
            Poll::Pending => None,
        })
    })
    .await
}
