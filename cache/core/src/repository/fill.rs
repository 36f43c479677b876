//! A response being fetched, shared while it arrives (collapsed forwarding, RFC 9111 section 4). One lead fetches, any
//! number of readers follow it from the first byte, each at its own pace, on any thread; wakers tell them of each
//! other's progress. Nothing here waits or does I/O.
//!
//! ```text
//!  join --> Waiting --head--> Storing --finish--> Stored (readers go on in the stored response)
//!             |  |               |
//!             |  |               +--too large, no room--> Passing --finish--> Whole, not stored
//!             |  +--head of a private response----------> Passing (the first reader only)
//!             +--refreshed--> Stored (a 304: readers take the stored response)
//!  abort, or the lead dropped, in any of them --> Failed
//! ```
//!
//! While it is stored, the origin is read as fast as it sends, so that no client can hold back others. While it is only
//! passed on, the origin is kept a little ahead of the fastest reader, and who falls a window behind the others is cut
//! off. Only a complete response is ever stored: of the declared length, said to be finished by the lead, and with no
//! purge of its key in between.

mod intake;
mod lead;
mod reader;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Waker;

use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;

use self::intake::Intake;
pub use self::lead::{Demand, FillLead};
pub use self::reader::{FillHead, FillPart, FillReader};
use super::body::Body;
use super::budget::Charge;
use super::stored::Stored;
use crate::fields::Fields;
use crate::limits::WINDOW_BYTES_MAX;
use crate::rfc9111::{Facts, VariantKey};
use crate::time::Tick;

/// A response's head as it was fetched, and what the shell knows of it.
#[derive(Debug)]
pub struct Fetched {
    /// Status code.
    pub status: u16,
    /// Reason phrase as received.
    pub reason: Bytes,
    /// Header lines to be passed on and stored; those that are made anew for each client are left out.
    pub fields: Fields,
    /// What HTTP's rules need to know of it.
    pub facts: Facts,
    /// Which requests it answers.
    pub variant: VariantKey,
    /// Whether it may be stored, and so shared.
    pub sharing: Sharing,
    /// Bytes of the body, if they were declared.
    pub length: Option<u64>,
    /// Until when it is fresh.
    pub fresh_until: Tick,
    /// Microseconds to the first byte; 0 when unknown.
    pub ttfb_us: u32,
    /// Number of the origin it comes from.
    pub origin: u32,
    /// Class of its path; 0 when unclassified.
    pub path_class: u16,
}

/// Who may have a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody whose request it answers; it is stored if there is room.
    Stored,
    /// Everybody whose request it answers and who asked before it came; it is not stored.
    Passed,
    /// Only the client whose request fetched it; others fetch their own.
    Private,
}

/// Why a fetch ended without a whole response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillError {
    /// No connection to the origin.
    Unreachable,
    /// The origin did not answer, or did not go on, in time.
    TimedOut,
    /// The origin closed the connection before the end.
    Truncated,
    /// What the origin sent is not HTTP.
    Malformed,
    /// Policy forbids the destination.
    Forbidden,
    /// Every reader left.
    Unwanted,
    /// The fetch was given up by us.
    Dropped,
    /// This reader was too slow for the others.
    CutOff,
}

impl FillError {
    /// The word for it in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::Forbidden => "forbidden",
            Self::Unwanted => "unwanted",
            Self::Dropped => "dropped",
            Self::CutOff => "cut-off",
        }
    }
}

/// Why a whole response was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstored {
    /// It is one client's own.
    Private,
    /// The admission policy does not want it.
    NotAdmitted,
    /// It is larger than a stored response may be.
    TooLarge,
    /// No room could be made for it.
    NoRoom,
    /// Its key was purged while it was fetched.
    Purged,
    /// It is not whole: its length is not the declared one, or no head came.
    Incomplete,
}

impl Unstored {
    /// The word for it in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::NotAdmitted => "not-admitted",
            Self::TooLarge => "too-large",
            Self::NoRoom => "no-room",
            Self::Purged => "purged",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What lead and readers share.
pub(super) struct Fill {
    key: Box<str>,
    hash: u64,
    /// Its key was purged: it must not be stored. Written and read under the lock of the key's shard.
    is_doomed: AtomicBool,
    /// Nobody joins it. Set before it can be found.
    is_alone: AtomicBool,
    flow: Mutex<Flow>,
    _charge: Charge,
}

/// Guarded by its lock, which is taken after a shard's if both are.
struct Flow {
    phase: Phase,
    content: Content,
    seats: SmallVec<[Option<Seat>; 2]>,
    /// Seats whose reader left.
    vacant: usize,
    /// Wakes the lead when there is room, or when nobody reads any more.
    lead: Option<Waker>,
}

enum Phase {
    /// The head has not come.
    Waiting,
    /// The body is arriving, to be stored.
    Storing(Arc<Fetched>),
    /// The body is arriving, to be passed on; why not stored.
    Passing(Arc<Fetched>, Unstored),
    /// The response is whole. Without a head it is the stored one: that was validated.
    Whole(Option<Arc<Fetched>>, Option<Arc<Fields>>),
    /// The response will never be whole.
    Failed(FillError),
}

/// Where the bytes are.
enum Content {
    Arriving(Intake),
    Stored(Arc<Stored>),
    /// Whole but not stored; with what is charged for a body that does not charge itself.
    Loose(Body, #[expect(dead_code, reason = "held for its drop")] Charge),
}

/// A reader's place.
struct Seat {
    position: u64,
    waker: Option<Waker>,
    /// The reader of the client whose request fetches.
    is_first: bool,
    is_cut_off: bool,
}

/// Readers to be woken once the lock is released.
type Wakers = SmallVec<[Waker; 4]>;

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

impl Fill {
    /// `charge` is for the fetch itself; `body` holds what the body is charged, to the budget and to the share of
    /// large bodies that are arriving to be stored.
    pub(super) fn new(key: &str, hash: u64, charge: Charge, body: [Charge; 2]) -> Self {
        let flow = Flow {
            phase: Phase::Waiting,
            content: Content::Arriving(Intake::new(body)),
            seats: SmallVec::new(),
            vacant: 0,
            lead: None,
        };
        Self {
            key: key.into(),
            hash,
            is_doomed: AtomicBool::new(false),
            is_alone: AtomicBool::new(false),
            flow: Mutex::new(flow),
            _charge: charge,
        }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// It must not be stored any more. To be called under the lock of the key's shard.
    pub(super) fn doom(&self) {
        self.is_doomed.store(true, Relaxed);
    }

    /// Whether it must not be stored. To be called under the lock of the key's shard.
    pub(super) fn is_doomed(&self) -> bool {
        self.is_doomed.load(Relaxed)
    }

    /// Nobody but the first reader is to read it.
    pub(super) fn stay_alone(&self) {
        self.is_alone.store(true, Relaxed);
    }

    /// A reader for a request with these fields, unless the response is known not to be for it. Called under the lock
    /// of the key's shard.
    pub(super) fn follow(self: &Arc<Self>, request: &Fields) -> Option<FillReader> {
        if self.is_alone.load(Relaxed) {
            return None;
        }
        let mut flow = self.flow.lock();
        let is_for_it = match &flow.phase {
            Phase::Waiting => true,
            Phase::Storing(fetched) => fetched.variant.matches(request),
            Phase::Passing(..) | Phase::Whole(..) | Phase::Failed(_) => false,
        };
        is_for_it.then(|| flow.add_reader(self, false))
    }

    pub(super) fn has_readers(&self) -> bool {
        self.flow.lock().has_readers()
    }

    /// The reader of the client whose request fetches.
    pub(super) fn first_reader(self: &Arc<Self>) -> FillReader {
        self.flow.lock().add_reader(self, true)
    }
}

impl Flow {
    fn add_reader(&mut self, fill: &Arc<Fill>, is_first: bool) -> FillReader {
        let seat = Some(Seat { position: 0, waker: None, is_first, is_cut_off: false });
        let vacant = if self.vacant > 0 { self.seats.iter().position(Option::is_none) } else { None };
        let number = match vacant {
            Some(number) => {
                self.vacant -= 1;
                self.seats[number] = seat;
                number
            }
            None => {
                self.seats.push(seat);
                self.seats.len() - 1
            }
        };
        FillReader::new(Arc::clone(fill), number)
    }

    fn readers(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().flatten().filter(|seat| !seat.is_cut_off)
    }

    fn has_readers(&self) -> bool {
        self.readers().next().is_some()
    }

    /// Where the reader is that read most.
    fn fastest(&self) -> Option<u64> {
        self.readers().map(|seat| seat.position).max()
    }

    /// Every waiting reader, to be woken.
    fn all_wakers(&mut self) -> Wakers {
        self.seats.iter_mut().flatten().filter_map(|seat| seat.waker.take()).collect()
    }

    /// Lets go of what every reader has read of a body that is passed on.
    fn forget_read(&mut self) {
        let behind = self.readers().map(|seat| seat.position).min();
        if let (Phase::Passing(..), Content::Arriving(intake)) = (&self.phase, &mut self.content) {
            intake.forget_before(behind.unwrap_or(intake.end()));
        }
    }

    /// Cuts off who is a window behind the origin while others are ahead of it. Returns whom to wake. Only to be called
    /// when more bytes come, for until then nobody ahead waits for those behind.
    fn cut_off(&mut self) -> Wakers {
        let mut wakers = Wakers::new();
        let (Phase::Passing(..), Content::Arriving(intake)) = (&self.phase, &self.content) else {
            return wakers;
        };
        let kept_from = intake.end().saturating_sub(WINDOW_BYTES_MAX).min(self.fastest().unwrap_or(0));
        for seat in self.seats.iter_mut().flatten().filter(|seat| seat.position < kept_from) {
            seat.is_cut_off = true;
            wakers.extend(seat.waker.take());
        }
        self.forget_read();
        wakers
    }

    /// Stops storing: from here on the body is only passed on.
    fn pass(&mut self, why: Unstored) {
        if let Phase::Storing(fetched) = &self.phase {
            self.phase = Phase::Passing(Arc::clone(fetched), why);
            if let Content::Arriving(intake) = &mut self.content {
                intake.leave_share();
            }
            self.forget_read();
        }
    }

    /// Whether the lead should fetch more: always while it stores, else when the fastest reader comes near the end of
    /// what is there, `ahead_max` bytes.
    fn has_room(&self, ahead_max: u64) -> bool {
        match (&self.phase, &self.content, self.fastest()) {
            (Phase::Passing(..), Content::Arriving(intake), Some(fastest)) => {
                intake.end() - fastest < ahead_max
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests;
