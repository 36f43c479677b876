//! What happens to a client's connection: requests are read one after the other, each is answered in the one way its
//! method, target and the store allow, and each is accounted for.
//!
//! ```text
//! read --> route --> CONNECT ------------------------------> tunnel
//!             |----> ours (errors, OPTIONS *, TRACE 0) -----> own reply
//!             |----> GET, HEAD --> look up --> hit ---------> from the store
//!             |                       +------> miss, stale -> fetch (shared) --> as it arrives
//!             +----> everything else ----------------------> forward (not stored)
//! ```

mod client;
mod fetch;
mod forward;
mod hit;
mod mirror;
mod miss;
mod own;
mod record;
mod reply;
mod request;
mod route;
mod stream;
mod tunnel;

use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use cnn_core::exchange::{self, Plan};
use cnn_core::rfc9111::cache_status::{Forward, Handling};
use cnn_core::rfc9111::reuse::Staleness;
use cnn_core::rfc9111::{Method, RequestFacts};
use tokio::net::TcpStream;

use self::client::{Client, Patience};
use self::forward::Passing;
use self::own::{Asked, Refusal};
use self::record::{Account, After};
use self::reply::Persistence;
use self::request::Request;
use self::route::Route;
use crate::http1::io::ReadError;
use crate::http1::{Connection, RequestHead};
use crate::limits::LINGER;
use crate::server::Settings;
use crate::worker::Worker;

/// Serves a client until it leaves, breaks the rules, or the server drains.
pub(crate) async fn connection(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
    let settings = worker.shared.settings.load_full();
    let mut client = Client {
        connection: Connection::new(stream),
        address: peer.ip().to_canonical(),
        out: Vec::new(),
        patience: Patience::of(&settings),
        is_monitored: false,
        begun: None,
        worker,
    };
    let worker = client.worker.clone();
    let _listening = worker.drain.listen().await;
    let mut counted_bytes = 0;
    loop {
        let settings = client.worker.shared.settings.load_full();
        client.patience = Patience::of(&settings);
        let read = client.read_request(&settings).await;
        (client.is_monitored, client.begun) = (worker.monitors.is_on(), None);
        let after = match read {
            Ok(Some(head)) => client.answer(&settings, head).await,
            Ok(None) => return,
            Err(error) => client.answer_no_request(error).await,
        };
        let received_bytes = client.connection.bytes_in();
        worker.metrics().received_bytes.add(received_bytes - counted_bytes);
        counted_bytes = received_bytes;
        match after {
            After::Next => {}
            After::Linger => {
                let _ = worker.drain.until_over(client.connection.linger(LINGER)).await;
                return;
            }
            After::Close => return,
            After::Reset => return client.connection.reset(),
            After::Upgraded(upgraded) => return client.carry_upgraded(*upgraded).await,
            After::Tunnel(wanted) => return client.tunnel(*wanted).await,
        }
    }
}

impl Client {
    /// Reads the next request; none when the client closes, or when the server drains and nothing has been sent.
    async fn read_request(&mut self, settings: &Settings) -> Result<Option<RequestHead>, ReadError> {
        let (limits, deadlines) = (&settings.head_limits, &settings.config.deadlines);
        let Self { connection, worker, .. } = self;
        let request = {
            let mut request = pin!(connection.read_request(limits, deadlines.idle.0, deadlines.header.0));
            poll_fn(|cx| match request.as_mut().poll(cx) {
                // The bell woke us, or it rang before.
                Poll::Pending if worker.drain.has_rung() => Poll::Ready(None),
                polled => polled.map(Some),
            })
            .await
        };
        match request {
            Some(request) => request,
            // A request that has begun is waited for, none that has not.
            None if connection.has_read_ahead() => {
                let rest = connection.read_request(limits, deadlines.header.0, deadlines.header.0);
                worker.drain.until_over(rest).await.unwrap_or(Ok(None))
            }
            None => Ok(None),
        }
    }

    /// Answers one request and accounts for it.
    async fn answer(&mut self, settings: &Arc<Settings>, head: RequestHead) -> After {
        let started = self.worker.shared.clock.now();
        let sent_before = self.connection.bytes_out();
        let request = match self.route(settings, head, started) {
            Route::Request(request) => request,
            Route::Tunnel(wanted) => return After::Tunnel(Box::new(wanted)),
            Route::Own(own) => return self.answer_own(own, started).await,
        };
        let worker = self.worker.clone();
        let account = worker.drain.until_over(self.serve(settings, &request)).await;
        let account = account.unwrap_or_else(Account::broken_off);
        self.record(&request, &account, sent_before);
        account.after
    }

    /// Answers a request for a target, in whatever way fits.
    async fn serve(&mut self, settings: &Arc<Settings>, request: &Request) -> Account {
        let facts = RequestFacts::of(&request.fields);
        if !request.method.is_answered_from_store()
            || facts.has_content
            || facts.has_method_override
            || request.upgrade().is_some()
        {
            return self.forward(settings, request, Passing::Unasked(Forward::Method)).await;
        }
        if self.passes_by(settings, request, &facts) {
            self.worker.metrics().bypassed.increment();
            return self.forward(settings, request, Passing::Unasked(Forward::Bypass)).await;
        }
        let shared = self.worker.shared.clone();
        let now = shared.clock.wall();
        let repository = &shared.repository;
        let stored = repository.get(request.target.key(), &request.fields);
        let has_others = stored.is_none() && repository.has(request.target.key());
        match exchange::plan(&facts, stored, has_others, now) {
            Plan::Serve(serving) => {
                repository.touch(self.worker.index, &serving.stored, request.started);
                let persistence = self.persistence(request);
                self.begins();
                let sent = self.send_stored(request, &facts, &serving, Handling::Hit, now, persistence).await;
                if serving.staleness == Some(Staleness::WhileRevalidate) {
                    fetch::revalidate(&self.worker, settings, request, &serving.stored);
                }
                Account::of_hit(self, request, &serving.stored, sent)
            }
            Plan::Refuse => self.refuse_only_if_cached(request).await,
            Plan::Ask(why) if request.method == Method::Head => {
                self.forward(settings, request, Passing::Asked(why)).await
            }
            Plan::Ask(why) if facts.range.is_some() && why.stale().is_none() => {
                self.forward(settings, request, Passing::Asked(why)).await
            }
            Plan::Ask(why) => self.miss(settings, request, &facts, why).await,
        }
    }

    /// Whether the admission policy passes by where the request goes. What only the store may answer is looked up.
    fn passes_by(&self, settings: &Settings, request: &Request, facts: &RequestFacts<'_>) -> bool {
        let Some(gate) = settings.filters.admission.as_ref().filter(|gate| gate.may_pass_by()) else {
            return false;
        };
        let origin = self.worker.shared.origin_number(request.target.authority());
        !facts.directives.only_if_cached && gate.passes_by(origin, request.started)
    }

    /// Nothing stored answers, and the client wants nothing else.
    async fn refuse_only_if_cached(&mut self, request: &Request) -> Account {
        self.refuse(request, Refusal::OnlyIfCached, Asked::NOTHING).await
    }

    /// Whether the connection lives on after this request, as far as can be told before it is answered.
    fn persistence(&self, request: &Request) -> Persistence {
        self.persistence_of(request.is_persistent)
    }

    fn persistence_of(&self, is_wanted: bool) -> Persistence {
        if is_wanted && !self.worker.drain.has_rung() { Persistence::KeepAlive } else { Persistence::Close }
    }
}
