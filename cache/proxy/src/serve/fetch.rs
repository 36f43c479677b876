//! A fetch: one task that asks the origin and feeds everybody who waits for the response. It belongs to no client; the
//! one whose request started it may leave without ending it.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use cnn_core::exchange::{Answered, Asking, New};
use cnn_core::fields::Fields;
use cnn_core::policy::{Candidate, Document, Mime, Verdict};
use cnn_core::repository::{
    Demand, Fetched, FillError, FillLead, Join, Renewal, Repository, Sharing, Stored, Unstored,
};
use cnn_core::rfc9111::hop::{self, ReceivedProtocol};
use cnn_core::rfc9111::{Described, Times, Uncacheable, VariantKey, date};
use cnn_core::time::{Tick, UnixSecs};
use tokio::sync::Notify;

use super::mirror::FromOrigin;
use super::reply::is_made_anew;
use super::request::Request;
use crate::filters::{self, Filters, Gate};
use crate::http1::{BodyLength, ResponseHead, Version, write};
use crate::limits::ABANDONED_BYTES_MAX;
use crate::origin::{self, Exchange, FetchError, NoBody, Origin};
use crate::server::{Settings, Shared};
use crate::worker::Worker;

/// What a fetch tells the client that started it, beside the response: for its log line, and responses that come
/// before the final one.
#[derive(Default)]
pub(super) struct Progress {
    /// The origin's address.
    pub(super) peer: Cell<Option<SocketAddr>>,
    /// Why there is no response, as the origin's side sees it.
    pub(super) error: RefCell<Option<FetchError>>,
    /// Why the response is not stored.
    pub(super) uncacheable: Cell<Option<&'static str>>,
    /// What the validation of a stored response came to.
    pub(super) validated: Cell<Validated>,
    /// What was fetched so far.
    pub(super) fetched: Cell<FromOrigin>,
    /// The status of the origin's answer.
    pub(super) status: Cell<Option<u16>>,
    /// Interim responses (1xx) not yet passed on.
    pub(super) interim: RefCell<Vec<ResponseHead>>,
    pub(super) told: Notify,
}

/// What became of a validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Validated {
    /// There was none, or it is not over.
    #[default]
    Open,
    /// The stored response is still good.
    Confirmed,
    /// The origin failed; the stored response is served nevertheless.
    Failed,
}

/// A fetch about to be made.
struct Fetch {
    worker: Rc<Worker>,
    asking: Asking,
    lead: FillLead,
    request: origin::Request,
    progress: Rc<Progress>,
    filters: Filters,
}

/// Starts the fetch for a request; its response comes through the reader that belongs to `lead`. `client` is for whom,
/// if that is to be told.
pub(super) fn start(
    worker: &Rc<Worker>,
    settings: &Settings,
    request: &Request,
    client: Option<IpAddr>,
    stale: Option<Arc<Stored>>,
    lead: FillLead,
) -> Rc<Progress> {
    let progress = Rc::new(Progress::default());
    let asking = Asking {
        method: request.method.clone(),
        target: request.target.clone(),
        fields: request.fields.clone(),
        stale,
        unsaid: settings.unsaid,
    };
    let request = forwarded(&worker.shared, settings, request, asking.request_fields(), client);
    worker.origins.set_settings(settings.origin);
    let filters = settings.filters.clone();
    let fetch = Fetch { worker: worker.clone(), asking, lead, request, progress: progress.clone(), filters };
    tokio::task::spawn_local(fetch.run());
    progress
}

/// Validates a stored response in the background (RFC 5861 section 3), unless somebody is at it already.
pub(super) fn revalidate(worker: &Rc<Worker>, settings: &Settings, request: &Request, stale: &Arc<Stored>) {
    let repository = &worker.shared.repository;
    if let Join::Lead(lead, _reader) = repository.join(request.target.key(), &request.fields, Some(stale)) {
        start(worker, settings, request, None, Some(stale.clone()), lead);
    }
}

/// A request as it goes to the origin, with these fields of it.
pub(super) fn forwarded(
    shared: &Shared,
    settings: &Settings,
    request: &Request,
    mut fields: Fields,
    client: Option<IpAddr>,
) -> origin::Request {
    let target = &request.target;
    fields.remove("host");
    let received = match request.version {
        Version::Http10 => ReceivedProtocol::Http10,
        Version::Http11 => ReceivedProtocol::Http11,
    };
    hop::push_via(&mut fields, received, &shared.pseudonym);
    if let Some(client) = client {
        push_forwarded_for(&mut fields, client);
    }
    let mut head = Vec::with_capacity(512);
    write::request_line(&mut head, &request.method, target.path_and_query().as_bytes());
    write::field(&mut head, b"Host", target.authority().as_bytes());
    write::fields(&mut head, &fields);
    if request.body == BodyLength::Chunked {
        write::field(&mut head, b"Transfer-Encoding", b"chunked");
    }
    write::end(&mut head);
    let origin = match &settings.config.reverse {
        Some(origin) => Origin::new(origin.host(), origin.port()),
        None => Origin::new(target.host(), target.port()),
    };
    origin::Request {
        origin,
        method: request.method.clone(),
        head: head.into(),
        body: request.body,
        asks_upgrade: false,
    }
}

/// Adds the client to the list of those the request was forwarded for, as Squid does by default.
fn push_forwarded_for(fields: &mut Fields, client: IpAddr) {
    let mut value = fields.all("x-forwarded-for").collect::<Vec<_>>().join(&b", "[..]);
    if !value.is_empty() {
        value.extend_from_slice(b", ");
    }
    value.extend_from_slice(client.to_string().as_bytes());
    fields.set("X-Forwarded-For", value);
}

impl Fetch {
    async fn run(self) {
        let Self { worker, asking, lead, request, progress, filters } = self;
        let clock = &worker.shared.clock;
        let (began, began_wall) = (clock.now(), clock.wall());
        let mut exchange = worker.origins.fetch(request, NoBody);
        let head = final_head(&mut exchange, &progress).await;
        let report = exchange.report();
        progress.peer.set(report.peer);
        progress.fetched.set(FromOrigin::of(&report, clock.now().since(began)));
        let head = match head {
            Ok(head) => head,
            Err(error) => return Self::give_up(asking, lead, &progress, error, clock.wall()),
        };
        progress.status.set(Some(head.status));
        let (now, wall) = (clock.now(), clock.wall());
        let times = Times { request: began_wall, response: wall };
        let metrics = &worker.shared.metrics;
        let mut rule = |response: &Described<'_>| filters.rule(response, metrics);
        match asking.answered_under(head.status, &head.fields, times, &mut rule) {
            Answered::Freshened(stale, mut freshened) => {
                progress.validated.set(Validated::Confirmed);
                let repository = &worker.shared.repository;
                freshened.fields.retain(|name, _| !is_made_anew(name));
                let fresh_until = tick_of(freshened.facts.fresh_until(), now, wall);
                let renewal = Renewal { fields: &freshened.fields, facts: freshened.facts, fresh_until };
                let stored = repository.update(&stale, &renewal);
                if !freshened.is_storable {
                    repository.remove(&stored);
                }
                lead.refreshed(stored);
            }
            Answered::ServeStale(stale, _) => {
                progress.validated.set(Validated::Failed);
                lead.refreshed(stale);
            }
            Answered::New(new) => {
                let ttfb_us = us(now.since(began));
                let gate = filters.admission.as_deref();
                let arriving =
                    Arriving { worker: &worker, asking: &asking, progress: &progress, gate, began };
                arriving.run(exchange, lead, head, new, (now, wall), ttfb_us).await;
            }
        }
    }

    /// There is no answer: what is stored may do nevertheless.
    fn give_up(asking: Asking, lead: FillLead, progress: &Progress, error: FetchError, now: UnixSecs) {
        // What an access rule denies is denied, whatever is stored.
        let stale = asking.failed(now).filter(|_| !matches!(error, FetchError::Denied { .. }));
        let fill_error = fill_error(&error);
        *progress.error.borrow_mut() = Some(error);
        match stale {
            Some((stale, _)) => {
                progress.validated.set(Validated::Failed);
                lead.refreshed(stale);
            }
            None => lead.abort(fill_error),
        }
    }
}

/// The final head of the response; those before it are left in `progress` for the client.
async fn final_head(
    exchange: &mut Exchange<NoBody>,
    progress: &Progress,
) -> Result<ResponseHead, FetchError> {
    loop {
        let head = exchange.head().await?;
        if head.status >= 200 {
            return Ok(head);
        }
        progress.interim.borrow_mut().push(head);
        progress.told.notify_one();
    }
}

/// A new response on its way into the store and to its readers.
struct Arriving<'a> {
    worker: &'a Worker,
    asking: &'a Asking,
    progress: &'a Progress,
    /// Who is asked whether to store it.
    gate: Option<&'a Gate>,
    began: Tick,
}

impl Arriving<'_> {
    async fn run(
        self,
        mut exchange: Exchange<NoBody>,
        mut lead: FillLead,
        head: ResponseHead,
        new: New,
        (now, wall): (Tick, UnixSecs),
        ttfb_us: u32,
    ) {
        let shared = &self.worker.shared;
        self.forget_superseded(&head, &new);
        let length = head.body.known();
        let mut fetched = Fetched {
            status: head.status,
            reason: head.reason,
            fields: new.fields,
            fresh_until: tick_of(new.facts.fresh_until(), now, wall),
            facts: new.facts,
            sharing: if new.storing.is_ok() { Sharing::Stored } else { Sharing::Private },
            variant: VariantKey::default(),
            length,
            ttfb_us,
            origin: shared.origin_number(self.asking.target.authority()),
            path_class: 0,
        };
        match new.storing {
            Ok(variant) => fetched.variant = variant,
            Err(reason) => self.not_stored(reason),
        }
        let mut undecided = None;
        if fetched.sharing == Sharing::Stored {
            match (self.candidate(&fetched, now), length) {
                (Some(candidate), Some(length)) if !self.admits(candidate, length) => {
                    fetched.sharing = Sharing::Passed;
                }
                // Its size will be known when it is whole.
                (candidate, None) => undecided = candidate,
                (_, Some(_)) => {}
            }
        }
        fetched.fields.retain(|name, _| !is_made_anew(name));
        if !fetched.fields.has("date") {
            fetched.fields.push("Date", date::format(wall));
        }
        fetched.fields.push("Via", &shared.via);
        if let Err(reason) = lead.head(fetched) {
            self.passed_on(reason);
        }
        loop {
            if poll_fn(|cx| lead.poll_demand(cx)).await == Demand::Nobody
                && !is_worth_finishing(&lead, length)
            {
                match lead.abandon() {
                    Ok(()) => return,
                    Err(joined) => lead = joined,
                }
            }
            match next_piece(&mut exchange, &mut lead, length).await {
                Piece::Bytes(piece) => lead.append(&piece),
                Piece::End => break,
                Piece::Failed(error) => {
                    let took_us = shared.clock.now().since(self.began);
                    self.progress.fetched.set(FromOrigin::of(&exchange.report(), took_us));
                    return lead.abort(error);
                }
                Piece::Unwanted => {}
            }
        }
        let trailers = exchange.trailers().cloned().unwrap_or_default();
        let done = shared.clock.now();
        // Told before the reader learns that this is the end.
        self.progress.fetched.set(FromOrigin::of(&exchange.report(), done.since(self.began)));
        if let Some(candidate) = undecided.filter(|_| lead.is_storing()) {
            let fetch_us = us(done.since(self.began));
            if !self.admits(Document { fetch_us, ..candidate }, lead.received()) {
                lead.pass_on();
            }
        }
        if let Err(reason) = lead.finish(trailers, done, us(done.since(self.began))) {
            self.passed_on(reason);
        }
    }

    /// The document a response would be, but for its size; none where nobody is asked. What replaces a stored response
    /// was admitted when that came.
    fn candidate(&self, fetched: &Fetched, now: Tick) -> Option<Document> {
        self.gate.filter(|_| self.asking.stale.is_none())?;
        Some(Document {
            hash: self.worker.shared.repository.hash_of(self.asking.target.key()),
            created: now,
            last_used: now,
            fresh_until: fetched.fresh_until,
            uses: 1,
            ttfb_us: fetched.ttfb_us,
            fetch_us: fetched.ttfb_us,
            origin: fetched.origin,
            path_class: fetched.path_class,
            status: fetched.status,
            mime: Mime::of(fetched.fields.first("content-type").unwrap_or_default()),
            ..Document::default()
        })
    }

    /// Whether a document with so many bytes of body is to be stored. The reason why not is noted here.
    fn admits(&self, document: Document, body_bytes: u64) -> bool {
        let (Some(gate), target, shared) = (self.gate, &self.asking.target, &self.worker.shared) else {
            return true;
        };
        let size = Repository::estimated_charge(target.key(), body_bytes);
        let document = Document { size, ..document };
        let candidate = Candidate { document, host: target.host(), path: target.path_and_query() };
        let Verdict::Refuse(why) = gate.verdict(&candidate, &shared.metrics) else { return true };
        self.progress.uncacheable.set(Some(filters::detail(why)));
        shared.not_stored.note_refused(target.key(), gate.name(), why, shared.clock.wall());
        shared.metrics.not_stored.increment("not-admitted");
        false
    }

    /// A response that could have been stored was not: the first reason is the one to be told.
    fn passed_on(&self, reason: Unstored) {
        if self.progress.uncacheable.get().is_none() {
            let (shared, key) = (&self.worker.shared, self.asking.target.key());
            self.progress.uncacheable.set(Some(reason.as_str()));
            shared.not_stored.note(key, reason.as_str(), shared.clock.wall());
            shared.metrics.not_stored.increment(reason.as_str());
        }
    }

    /// A response that is not shared: those who ask for the same from now on need not wait for each other.
    fn not_stored(&self, reason: Uncacheable) {
        let (shared, key) = (&self.worker.shared, self.asking.target.key());
        self.progress.uncacheable.set(Some(reason.as_str()));
        shared.mark_unshared(key);
        shared.not_stored.note(key, reason.as_str(), shared.clock.wall());
        shared.metrics.not_stored.increment(reason.as_str());
    }

    /// A new response that is not stored itself still says that the stored one is of the past.
    fn forget_superseded(&self, head: &ResponseHead, new: &New) {
        if let (Some(stale), Err(_), ..500) = (&self.asking.stale, &new.storing, head.status) {
            self.worker.shared.repository.remove(stale);
        }
    }
}

/// What waiting for the next piece of a body came to.
enum Piece {
    Bytes(Bytes),
    End,
    Failed(FillError),
    /// Nobody waits for it any more.
    Unwanted,
}

/// The next piece of the body; stops waiting for it when nobody wants it any more.
async fn next_piece(exchange: &mut Exchange<NoBody>, lead: &mut FillLead, length: Option<u64>) -> Piece {
    poll_fn(|cx| {
        if let Poll::Ready(piece) = exchange.poll_piece(cx) {
            return Poll::Ready(match piece {
                Ok(Some(bytes)) => Piece::Bytes(bytes),
                Ok(None) => Piece::End,
                Err(error) => Piece::Failed(fill_error(&error)),
            });
        }
        if lead.poll_abandoned(cx).is_ready() && !is_worth_finishing(lead, length) {
            return Poll::Ready(Piece::Unwanted);
        }
        Poll::Pending
    })
    .await
}

/// Whether a response nobody waits for any more is fetched to its end: when it is being stored, and most of it is here
/// or little is missing.
fn is_worth_finishing(lead: &FillLead, length: Option<u64>) -> bool {
    let Some(length) = length.filter(|_| lead.is_storing()) else { return false };
    let missing = length.saturating_sub(lead.received());
    missing <= ABANDONED_BYTES_MAX || missing <= length / 2
}

/// What a failed fetch is to those who read it.
fn fill_error(error: &FetchError) -> FillError {
    match error {
        FetchError::ResolveFailed(_) | FetchError::ConnectFailed { .. } => FillError::Unreachable,
        FetchError::Denied { .. } => FillError::Forbidden,
        FetchError::TimedOut(_) | FetchError::ConnectTimedOut { .. } => FillError::TimedOut,
        FetchError::BadResponse(_) => FillError::Malformed,
        FetchError::ClosedEarly | FetchError::Io(_) | FetchError::Upload(_) => FillError::Truncated,
    }
}

/// A date as a tick, given that both of `now` are one moment.
pub(super) fn tick_of(date: UnixSecs, now: Tick, wall: UnixSecs) -> Tick {
    Tick(now.0.saturating_add(date.since(wall).saturating_mul(1_000_000)))
}

fn us(micros: u64) -> u32 {
    u32::try_from(micros).unwrap_or(u32::MAX)
}
