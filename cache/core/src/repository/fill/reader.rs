//! The reading end of a fetch in progress: a client that takes the response as it arrives.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::{Content, Fetched, Fill, FillError, Flow, Phase, Sharing, Stored, wake};
use crate::fields::Fields;
use crate::limits::AHEAD_BYTES_MAX;

/// A reader of a response being fetched. Dropping it leaves the others alone; the lead notices when nobody is left.
pub struct FillReader {
    fill: Arc<Fill>,
    seat: usize,
}

/// What a reader gets first.
#[derive(Debug)]
pub enum FillHead {
    /// The head of the response that is arriving.
    Fetched(Arc<Fetched>),
    /// The fetch validated a stored response, or stored this one while it was waited for: serve it.
    Stored(Arc<Stored>),
    /// The response is not for this reader's request: fetch another one.
    Unshared,
    /// There will be no response.
    Failed(FillError),
}

/// What a reader gets of the body.
#[derive(Debug)]
pub enum FillPart {
    /// The next bytes, never none.
    Bytes(Bytes),
    /// There are no more; with the trailer lines, if any came.
    End(Option<Arc<Fields>>),
    /// There will be no more, and the body is not whole.
    Failed(FillError),
}

impl FillReader {
    pub(super) fn new(fill: Arc<Fill>, seat: usize) -> Self {
        Self { fill, seat }
    }

    /// The head, once it has come. `request` are the fields of the request this reader is for.
    pub fn poll_head(&mut self, context: &mut Context<'_>, request: &Fields) -> Poll<FillHead> {
        let mut flow = self.fill.flow.lock();
        let is_first = flow.seat(self.seat).is_some_and(|seat| seat.is_first);
        let fetched = match &flow.phase {
            Phase::Waiting => return flow.wait(self.seat, context.waker()),
            Phase::Failed(error) => return Poll::Ready(FillHead::Failed(*error)),
            Phase::Storing(fetched) | Phase::Passing(fetched, _) | Phase::Whole(Some(fetched), _) => {
                Arc::clone(fetched)
            }
            Phase::Whole(None, _) => match &flow.content {
                Content::Stored(stored) => {
                    let stored = Arc::clone(stored);
                    drop(flow);
                    let is_for_it = is_first || stored.is_selected_by(request);
                    return Poll::Ready(if is_for_it {
                        FillHead::Stored(stored)
                    } else {
                        FillHead::Unshared
                    });
                }
                // A response without a head is a stored one.
                Content::Arriving(_) | Content::Loose(..) => return Poll::Ready(FillHead::Unshared),
            },
        };
        drop(flow);
        let is_for_it = is_first || fetched.sharing != Sharing::Private && fetched.variant.matches(request);
        Poll::Ready(if is_for_it { FillHead::Fetched(fetched) } else { FillHead::Unshared })
    }

    /// The next part of the body, at most `bytes_max` bytes, which must not be 0.
    pub fn poll_part(&mut self, context: &mut Context<'_>, bytes_max: usize) -> Poll<FillPart> {
        debug_assert!(bytes_max > 0, "no bytes asked for");
        let mut flow = self.fill.flow.lock();
        let Some(seat) = flow.seat(self.seat) else {
            return Poll::Ready(FillPart::Failed(FillError::Dropped));
        };
        if seat.is_cut_off {
            return Poll::Ready(FillPart::Failed(FillError::CutOff));
        }
        let position = seat.position;
        let bytes = match &mut flow.content {
            Content::Arriving(intake) => intake.read(position, bytes_max),
            Content::Stored(stored) => stored.body().bytes_from(position, bytes_max),
            Content::Loose(body, _) => body.bytes_from(position, bytes_max),
        };
        if bytes.is_empty() {
            return match &flow.phase {
                Phase::Whole(_, trailers) => Poll::Ready(FillPart::End(trailers.clone())),
                Phase::Failed(error) => Poll::Ready(FillPart::Failed(*error)),
                Phase::Waiting | Phase::Storing(_) | Phase::Passing(..) => {
                    flow.wait(self.seat, context.waker())
                }
            };
        }
        let lead = flow.advance(self.seat, position + bytes.len() as u64);
        drop(flow);
        wake(lead);
        Poll::Ready(FillPart::Bytes(bytes))
    }

    /// The stored response, once the whole has come and was stored.
    pub fn stored(&self) -> Option<Arc<Stored>> {
        match &self.fill.flow.lock().content {
            Content::Stored(stored) => Some(Arc::clone(stored)),
            Content::Arriving(_) | Content::Loose(..) => None,
        }
    }
}

impl Drop for FillReader {
    fn drop(&mut self) {
        let mut flow = self.fill.flow.lock();
        let seat = flow.seats.get_mut(self.seat).and_then(Option::take);
        flow.vacant += 1;
        flow.forget_read();
        // It may have been the one that set the pace, or the last.
        let lead = flow.lead.take();
        drop(flow);
        drop(seat);
        wake(lead);
    }
}

impl Flow {
    fn seat(&self, number: usize) -> Option<&super::Seat> {
        self.seats.get(number)?.as_ref()
    }

    fn wait<T>(&mut self, number: usize, waker: &Waker) -> Poll<T> {
        if let Some(Some(seat)) = self.seats.get_mut(number)
            && !seat.waker.as_ref().is_some_and(|known| known.will_wake(waker))
        {
            seat.waker = Some(waker.clone());
        }
        Poll::Pending
    }

    /// A reader has read up to `position`. Returns the lead to be woken, if that made room.
    fn advance(&mut self, number: usize, position: u64) -> Option<Waker> {
        if let Some(Some(seat)) = self.seats.get_mut(number) {
            seat.position = position;
        }
        if !matches!(self.phase, Phase::Passing(..)) {
            return None;
        }
        self.forget_read();
        // Half, so that a lead is not woken for every few bytes.
        self.has_room(AHEAD_BYTES_MAX / 2).then(|| self.lead.take()).flatten()
    }
}
