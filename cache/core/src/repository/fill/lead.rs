//! The fetching end of a fetch in progress. It is driven by a task of its own, so that no client's leaving ends it;
//! that task learns here when it should wait for readers and when nobody wants the response any more.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::intake::{next_tail_bytes, tail_charge};
use super::{Content, Fetched, Fill, FillError, Flow, Phase, Sharing, Stored, Unstored, wake};
use crate::fields::Fields;
use crate::limits::{AHEAD_BYTES_MAX, PASSING_PIECE_BYTES, PIECE_BYTES_MAX};
use crate::repository::stored::{Draft, Meta};
use crate::repository::{Fetch, Repository};
use crate::time::Tick;

/// Who fetches a response. Dropping it before the end fails the fetch for every reader.
pub struct FillLead {
    repository: Arc<Repository>,
    fill: Arc<Fill>,
}

/// Whether the lead should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Fetch more.
    More,
    /// Nobody reads. A response that is being stored may still be worth finishing; any other is not.
    Nobody,
}

impl FillLead {
    pub(in crate::repository) fn new(repository: Arc<Repository>, fill: Arc<Fill>) -> Self {
        Self { repository, fill }
    }

    /// The key that is fetched.
    pub fn key(&self) -> &str {
        self.fill.key()
    }

    /// Whether the response is being stored, as far as can be told now.
    pub fn is_storing(&self) -> bool {
        matches!(self.fill.flow.lock().phase, Phase::Storing(_))
    }

    /// Bytes of the body that came so far.
    pub fn received(&self) -> u64 {
        match &self.fill.flow.lock().content {
            Content::Arriving(intake) => intake.end(),
            Content::Stored(stored) => stored.body().len(),
            Content::Loose(body, _) => body.len(),
        }
    }

    /// The head has come. Says whether the response is to be stored, and if not, why; that may still change to not.
    pub fn head(&mut self, fetched: Fetched) -> Result<(), Unstored> {
        let too_large = fetched.length.is_some_and(|length| length > self.repository.object_bytes_max());
        let verdict = match fetched.sharing {
            Sharing::Private => Err(Unstored::Private),
            Sharing::Passed => Err(Unstored::NotAdmitted),
            Sharing::Stored if too_large => Err(Unstored::TooLarge),
            Sharing::Stored => Ok(()),
        };
        if verdict.is_err() {
            self.repository.leave(&self.fill);
        }
        let fetched = Arc::new(fetched);
        let mut flow = self.fill.flow.lock();
        if fetched.sharing == Sharing::Private {
            // The others are told in `poll_head`; meanwhile nothing is kept for them.
            flow.seats.iter_mut().flatten().for_each(|seat| seat.is_cut_off = !seat.is_first);
        }
        flow.phase = match verdict {
            Ok(()) => Phase::Storing(fetched),
            Err(why) => Phase::Passing(fetched, why),
        };
        let wakers = flow.all_wakers();
        drop(flow);
        wake(wakers);
        verdict
    }

    /// The next bytes of the body have come. They are always taken; [`FillLead::poll_demand`] tells when to fetch more.
    pub fn append(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            let mut flow = self.fill.flow.lock();
            if flow.is_too_large(rest.len(), self.repository.object_bytes_max()) {
                drop(flow);
                self.pass(Unstored::TooLarge);
                continue;
            }
            let Content::Arriving(intake) = &mut flow.content else { return };
            rest = intake.append(rest);
            if rest.is_empty() {
                let mut wakers = flow.cut_off();
                wakers.extend(flow.all_wakers());
                drop(flow);
                return wake(wakers);
            }
            drop(flow);
            self.add_tail(rest.len());
        }
    }

    /// Ready when more should be fetched, or nobody reads any more.
    pub fn poll_demand(&mut self, context: &mut Context<'_>) -> Poll<Demand> {
        // With nothing free, what is not stored goes through hand to mouth.
        let ahead_max = if self.repository.budget().free() > AHEAD_BYTES_MAX { AHEAD_BYTES_MAX } else { 1 };
        let mut flow = self.fill.flow.lock();
        if !flow.has_readers() {
            return Poll::Ready(Demand::Nobody);
        }
        if flow.has_room(ahead_max) {
            return Poll::Ready(Demand::More);
        }
        flow.wait_for_readers(context)
    }

    /// Ready when nobody reads any more: to be polled while waiting for the origin.
    pub fn poll_abandoned(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut flow = self.fill.flow.lock();
        if !flow.has_readers() {
            return Poll::Ready(());
        }
        flow.wait_for_readers(context)
    }

    /// The response is whole, as far as its framing tells. Stores it if it is to be stored; otherwise says why not.
    /// `fetch_us` is how long the fetch took.
    pub fn finish(self, trailers: Fields, now: Tick, fetch_us: u32) -> Result<Arc<Stored>, Unstored> {
        let mut flow = self.fill.flow.lock();
        let (fetched, verdict) = match &flow.phase {
            Phase::Storing(fetched) => (Arc::clone(fetched), Ok(())),
            Phase::Passing(fetched, why) => (Arc::clone(fetched), Err(*why)),
            Phase::Waiting | Phase::Whole(..) | Phase::Failed(_) => return Err(Unstored::Incomplete),
        };
        let Content::Arriving(intake) = &mut flow.content else { return Err(Unstored::Incomplete) };
        if fetched.length.is_some_and(|length| length != intake.end()) {
            drop(flow);
            self.abort(FillError::Truncated);
            return Err(Unstored::Incomplete);
        }
        let verdict = match verdict {
            Err(why) => Err(why),
            Ok(()) => {
                let (body, charge) = intake.body();
                drop(flow);
                let verdict = self.store(&fetched, body, trailers.clone(), Fetch { now, fetch_us });
                flow = self.fill.flow.lock();
                match verdict {
                    Ok(stored) => {
                        flow.content = Content::Stored(Arc::clone(&stored));
                        Ok(stored)
                    }
                    Err((body, why)) => {
                        flow.content = Content::Loose(body, charge);
                        Err(why)
                    }
                }
            }
        };
        let trailers = (!trailers.is_empty()).then(|| Arc::new(trailers));
        flow.phase = Phase::Whole(Some(fetched), trailers);
        let wakers = flow.all_wakers();
        drop(flow);
        wake(wakers);
        verdict
    }

    /// The stored response was validated (or may be served in spite of an error): readers take this one.
    pub fn refreshed(self, stored: Arc<Stored>) {
        self.repository.leave(&self.fill);
        let mut flow = self.fill.flow.lock();
        flow.content = Content::Stored(stored);
        flow.phase = Phase::Whole(None, None);
        let wakers = flow.all_wakers();
        drop(flow);
        wake(wakers);
    }

    /// Gives the fetch up because nobody reads it.
    ///
    /// # Errors
    /// Itself, to go on with, when somebody does: a fetch can be joined until the moment it is given up.
    pub fn abandon(self) -> Result<(), Self> {
        if !self.repository.leave_if_unread(&self.fill) {
            return Err(self);
        }
        self.abort(FillError::Unwanted);
        Ok(())
    }

    /// The response will not be whole: readers see the error after the bytes that came, and nothing is stored.
    pub fn abort(self, error: FillError) {
        self.fail(error);
    }

    fn fail(&self, error: FillError) {
        self.repository.leave(&self.fill);
        let mut flow = self.fill.flow.lock();
        if !matches!(flow.phase, Phase::Whole(..) | Phase::Failed(_)) {
            flow.phase = Phase::Failed(error);
        }
        let wakers = flow.all_wakers();
        drop(flow);
        wake(wakers);
    }

    /// Passes on a response that was being stored, because the admission policy does not want it after all. Whoever
    /// reads it gets the whole of it.
    pub fn pass_on(&mut self) {
        self.pass(Unstored::NotAdmitted);
    }

    fn pass(&self, why: Unstored) {
        // First out of reach of followers: they would miss what is let go.
        self.repository.leave(&self.fill);
        self.fill.flow.lock().pass(why);
    }

    /// Gives the body an allocation for what comes next, of which `incoming` bytes are here. Making room takes shards'
    /// locks, so the fill's own is not held meanwhile; nobody but the lead fills the tail, so it stays full.
    fn add_tail(&self, incoming: usize) {
        let flow = self.fill.flow.lock();
        let Content::Arriving(intake) = &flow.content else { return };
        let to_store = match &flow.phase {
            Phase::Storing(fetched) => Some((intake.end(), fetched.length)),
            _ => None,
        };
        drop(flow);
        let charged = to_store.and_then(|(end, length)| {
            let bytes = next_tail_bytes(end, length, incoming);
            let is_large = length.unwrap_or(end + 1) > PIECE_BYTES_MAX as u64;
            if !is_large {
                return Some((bytes, self.repository.charge(tail_charge(bytes))?, None));
            }
            let [charge, share] = self.repository.charge_filling(tail_charge(bytes))?;
            Some((bytes, charge, Some(share)))
        });
        if to_store.is_some() && charged.is_none() {
            self.pass(Unstored::NoRoom);
        }
        let (bytes, charge, share) = charged.unwrap_or_else(|| {
            let charge = self.repository.budget().charge_forced(tail_charge(PASSING_PIECE_BYTES));
            (PASSING_PIECE_BYTES, charge, None)
        });
        if let Content::Arriving(intake) = &mut self.fill.flow.lock().content {
            intake.add_tail(bytes, charge, share);
        }
    }

    fn store(
        &self,
        fetched: &Fetched,
        body: super::Body,
        trailers: Fields,
        fetch: Fetch,
    ) -> Result<Arc<Stored>, (super::Body, Unstored)> {
        let meta = Meta {
            key: self.fill.key(),
            hash: self.fill.hash(),
            status: fetched.status,
            reason: &fetched.reason,
            fields: &fetched.fields,
            facts: &fetched.facts,
            variant: &fetched.variant,
            origin: fetched.origin,
        };
        let draft = Draft::new(self.repository.templates(), meta, body, trailers);
        self.repository.store(draft, fetched, fetch, &self.fill)
    }
}

impl Flow {
    /// Whether `more` bytes make the body larger than one that is stored may be.
    fn is_too_large(&self, more: usize, bytes_max: u64) -> bool {
        match (&self.phase, &self.content) {
            (Phase::Storing(_), Content::Arriving(intake)) => intake.end() + more as u64 > bytes_max,
            _ => false,
        }
    }

    fn wait_for_readers<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        if !self.lead.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            self.lead = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for FillLead {
    fn drop(&mut self) {
        self.fail(FillError::Dropped);
    }
}
