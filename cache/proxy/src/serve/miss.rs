//! Requests the store cannot answer: the origin is asked, together with everybody who asks for the same at this moment
//! (collapsed forwarding), and the response is sent as it arrives.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use cnn_core::exchange::{Joining, Serving, Why};
use cnn_core::repository::{Fetched, FillError, FillHead, FillReader, Join, Sharing, Stored};
use cnn_core::rfc9111::RequestFacts;
use cnn_core::rfc9111::cache_status::{Collapsing, Handling, Storing};
use cnn_core::rfc9111::reuse::Validation;

use super::client::Client;
use super::fetch::{self, Progress};
use super::own::{Asked, Refusal};
use super::record::{Account, After, ending, hit_code};
use super::reply::{Delimited, ReplyHead, Told, put_interim};
use super::request::Request;
use super::stream::Broken;
use crate::http1::Version;
use crate::log::{Ending, Hierarchy, Outcome, ResultCode};
use crate::server::Settings;

/// How a request takes part in a fetch.
struct Part {
    reader: FillReader,
    /// What the fetch tells the one who started it; none for those who joined.
    progress: Option<Rc<Progress>>,
}

/// What waiting for a response came to.
enum Waited {
    Head(FillHead),
    ClientGone,
}

impl Client {
    /// Answers a request by asking the origin.
    pub(super) async fn miss(
        &mut self,
        settings: &Arc<Settings>,
        request: &Request,
        facts: &RequestFacts<'_>,
        why: Why,
    ) -> Account {
        let mut joining = why.joining(facts);
        if joining == Joining::Together && self.worker.shared.is_unshared(request.target.key()) {
            joining = Joining::Alone;
        }
        loop {
            let mut part = match self.take_part(settings, request, &why, joining) {
                Ok(part) => part,
                Err(stored) => return self.serve_found(request, facts, &why, stored, None).await,
            };
            let waited = self.wait_for_head(request, &mut part).await;
            self.begins();
            match waited {
                Waited::ClientGone => return self.account_gone(&why, &part),
                Waited::Head(FillHead::Fetched(fetched)) => {
                    return self.send_fetched(request, &why, part, &fetched).await;
                }
                Waited::Head(FillHead::Stored(stored)) => {
                    return self.serve_found(request, facts, &why, stored, part.progress.as_deref()).await;
                }
                // Another one's response, and not for us: now we insist on our own, so this ends.
                Waited::Head(FillHead::Unshared) => joining = Joining::Alone,
                Waited::Head(FillHead::Failed(error)) => {
                    return self.account_failure(request, &why, &part, error).await;
                }
            }
        }
    }

    /// Joins a fetch or starts one; or finds that the response was stored meanwhile.
    fn take_part(
        &self,
        settings: &Arc<Settings>,
        request: &Request,
        why: &Why,
        joining: Joining,
    ) -> Result<Part, Arc<Stored>> {
        let repository = &self.worker.shared.repository;
        let key = request.target.key();
        let (lead, reader) = match joining {
            Joining::Alone => repository.fetch_alone(key),
            Joining::Together => match repository.join(key, &request.fields, why.stale()) {
                Join::Stored(stored) => return Err(stored),
                Join::Follow(reader) => return Ok(Part { reader, progress: None }),
                Join::Lead(lead, reader) => (lead, reader),
            },
        };
        let stale = why.stale().cloned();
        let progress = fetch::start(&self.worker, settings, request, Some(self.address), stale, lead);
        Ok(Part { reader, progress: Some(progress) })
    }

    /// Waits for the head of the response, passing on what comes before it (RFC 9110 section 15.2).
    async fn wait_for_head(&mut self, request: &Request, part: &mut Part) -> Waited {
        loop {
            let told = part.progress.clone();
            let interim = async {
                match &told {
                    Some(progress) => progress.told.notified().await,
                    None => std::future::pending().await,
                }
            };
            let head = poll_fn(|cx| {
                if let Poll::Ready(head) = part.reader.poll_head(cx, &request.fields) {
                    return Poll::Ready(Waited::Head(head));
                }
                self.poll_reset(cx).map(|_| Waited::ClientGone)
            });
            tokio::select! {
                biased;
                () = interim => {}
                head = head => return head,
            }
            let heads = told.map(|progress| progress.interim.take()).unwrap_or_default();
            for head in heads.iter().filter(|_| request.version == Version::Http11) {
                put_interim(&mut self.out, head);
                if self.send_head_with(b"").await.is_err() {
                    return Waited::ClientGone;
                }
            }
        }
    }

    /// Serves a response that was found in the store, or confirmed there, while the origin was being asked.
    async fn serve_found(
        &mut self,
        request: &Request,
        facts: &RequestFacts<'_>,
        why: &Why,
        stored: Arc<Stored>,
        progress: Option<&Progress>,
    ) -> Account {
        let shared = self.worker.shared.clone();
        let now = shared.clock.wall();
        let is_unchanged = why.stale().is_some_and(|stale| Arc::ptr_eq(stale, &stored));
        let handling = match why.stale() {
            None => Handling::Forwarded {
                reason: why.forward(),
                status: None,
                storing: Storing::NotStored,
                collapsing: Collapsing::Collapsed,
            },
            Some(_) => Handling::Forwarded {
                reason: why.forward(),
                status: progress.and_then(|progress| progress.status.get()),
                storing: if is_unchanged { Storing::NotStored } else { Storing::Stored },
                collapsing: if progress.is_none() { Collapsing::Collapsed } else { Collapsing::Alone },
            },
        };
        shared.repository.touch(self.worker.index, &stored, shared.clock.now());
        let serving = Serving { age: stored.facts().current_age(now), staleness: None, stored };
        let persistence = self.persistence(request);
        let sent = self.send_stored(request, facts, &serving, handling, now, persistence).await;
        let result = match why.stale() {
            None => hit_code(&serving.stored, &sent),
            Some(_) if is_unchanged => ResultCode::RefreshFailOld,
            Some(_) => ResultCode::RefreshUnmodified,
        };
        let mut account = Account::of_hit(self, request, &serving.stored, sent);
        account.outcome.result = result;
        account.outcome.collapsed = progress.is_none();
        if let Some(progress) = progress {
            account.fetched = progress.fetched.get();
        }
        if why.stale().is_some() {
            self.add_peer(&mut account, progress);
        }
        account
    }

    /// Sends a response from the origin as it arrives.
    async fn send_fetched(
        &mut self,
        request: &Request,
        why: &Why,
        mut part: Part,
        fetched: &Fetched,
    ) -> Account {
        let collapsed = part.progress.is_none();
        let uncacheable = part.progress.as_ref().and_then(|progress| progress.uncacheable.get());
        let is_stored = fetched.sharing == Sharing::Stored && uncacheable.is_none();
        let handling = Handling::Forwarded {
            reason: why.forward(),
            status: Some(fetched.status),
            storing: if is_stored { Storing::Stored } else { Storing::NotStored },
            collapsing: if collapsed { Collapsing::Collapsed } else { Collapsing::Alone },
        };
        let now = self.worker.shared.clock.wall();
        let age = fetched.facts.current_age(now);
        let told = Told {
            handling,
            age: (age > 0).then_some(age),
            ttl: is_stored.then(|| fetched.facts.ttl(now)),
            detail: uncacheable,
        };
        let delimited = Delimited::of(request.version, fetched.status, fetched.length);
        let persistence = self.persistence(request);
        let mut head = ReplyHead::begin(&mut self.out, &self.worker.shared);
        head.lines(fetched.status, &fetched.reason, &fetched.fields);
        head.end(request.version, &told, delimited, persistence);
        let sent = self.send_arriving(&mut part.reader, delimited).await;
        let is_whole = sent.is_ok() && delimited != Delimited::Close;
        let mut account = Account {
            outcome: Outcome {
                result: fetched_code(why, fetched.status),
                collapsed,
                ending: match &sent {
                    Err(Broken::Client(error)) => ending::<()>(&Err(error.kind().into())),
                    Err(Broken::Origin(FillError::TimedOut)) => Ending::TimedOut,
                    Err(Broken::Origin(_)) => Ending::Aborted,
                    Ok(()) => Ending::Complete,
                },
            },
            status: fetched.status,
            hierarchy: Hierarchy::None,
            peer: None,
            content_type: fetched
                .fields
                .first("content-type")
                .map_or_else(Bytes::new, Bytes::copy_from_slice),
            begun: self.begun,
            fetched: part.progress.as_ref().map(|progress| progress.fetched.get()).unwrap_or_default(),
            after: match sent {
                Err(_) if delimited == Delimited::Close => After::Reset,
                Ok(()) if delimited == Delimited::Close => After::Linger,
                _ => self.after(request, persistence, is_whole),
            },
        };
        self.add_peer(&mut account, part.progress.as_deref());
        account
    }

    /// There is no response and nothing stored will do.
    async fn account_failure(
        &mut self,
        request: &Request,
        why: &Why,
        part: &Part,
        error: FillError,
    ) -> Account {
        let progress = part.progress.as_deref();
        let told = progress.and_then(|progress| progress.error.borrow().as_ref().map(Refusal::from));
        let refusal = told.unwrap_or_else(|| Refusal::from(error));
        let peer = progress.and_then(|progress| progress.peer.get());
        let is_denied = matches!(refusal, Refusal::Denied(_));
        let asked = Asked {
            result: (!is_denied && why.stale().is_some()).then_some(ResultCode::RefreshFailErr),
            hierarchy: if peer.is_some() { self.hierarchy() } else { Hierarchy::None },
            peer: peer.map(|peer| peer.ip()),
            forward: Some(why.forward()),
        };
        let mut account = self.refuse(request, refusal, asked).await;
        account.fetched = part.progress.as_ref().map(|progress| progress.fetched.get()).unwrap_or_default();
        account
    }

    /// The client left before the response began.
    fn account_gone(&self, why: &Why, part: &Part) -> Account {
        let result = if why.stale().is_some() { ResultCode::Refresh } else { ResultCode::Miss };
        let mut account = Account::gone(result);
        account.outcome.collapsed = part.progress.is_none();
        self.add_peer(&mut account, part.progress.as_deref());
        account
    }

    /// Notes who was asked. Those who joined another one's fetch do not know, and log nobody, as with Squid.
    fn add_peer(&self, account: &mut Account, progress: Option<&Progress>) {
        if let Some(peer) = progress.and_then(|progress| progress.peer.get()) {
            account.hierarchy = self.hierarchy();
            account.peer = Some(peer.ip());
        }
    }

    /// Squid's word for asking the origin: as a forward proxy, or as the front of the one it stands before.
    pub(super) fn hierarchy(&self) -> Hierarchy {
        match self.worker.shared.settings.load().config.reverse {
            None => Hierarchy::Direct,
            Some(_) => Hierarchy::FirstUpParent,
        }
    }
}

/// Squid's word for a response that came from the origin.
fn fetched_code(why: &Why, status: u16) -> ResultCode {
    match why {
        Why::Miss(_) => ResultCode::Miss,
        Why::Validate(_, Validation::RequestNoCache | Validation::MaxAge) => ResultCode::ClientRefreshMiss,
        Why::Validate(..) if status >= 500 => ResultCode::RefreshFailErr,
        Why::Validate(..) => ResultCode::RefreshModified,
    }
}
