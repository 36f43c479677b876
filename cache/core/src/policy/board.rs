//! What the request path and the policy executor share, and all that a request pays for policy.
//!
//! A request stamps the columns, takes and frees slots, tells what happened and takes victims picked ahead of need.
//! It never waits for the executor and never runs a policy; where the executor has nothing ready, the built-in
//! fallback picks. The board has no threads: whoever owns the executor hangs a bell on it ([`Board::set_waker`]).
//!
//! ```text
//!  request threads                                            executor
//!    hit ------> columns (relaxed) --> own ring (lossy) -------> drain
//!    insert, update, remove, return --> one queue (lossless) --> drain
//!    take_victim <------------------- pool of offers <---------- picks ahead of need
//!         |  empty: ring the bell, then the fallback (oldest of a sample of the columns)
//! ```
//!
//! # What is promised
//! 1. *Lossless events are in one total order*, and the removal of a document is in it before its slot can be handed
//!    out again. So whoever replays the queue always knows whose slot it is.
//! 2. *Columns come before their event*: columns are relaxed, but queue and rings are pushed with release and popped
//!    with acquire, so the executor sees at least the columns as they were when the event was told (and perhaps newer
//!    ones, even of the slot's next document: events carry what must not be mixed up, and a generation).
//! 3. *Hits are told at most once and may be lost*: a full ring drops them, and they may overtake or trail the
//!    lossless events by some milliseconds. What they say is in the columns whatever happens.
//! 4. *An offer is checked when it is taken*: same document, not used since it was picked. The taker checks what only
//!    it can know (a document being sent) and either removes the document or gives the offer back.
//! 5. *The bell is rung after what it rings for is visible*, at most once until the executor answers it.

mod counters;
mod fallback;
mod ring;
mod slots;

use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::{Arc, OnceLock};

use crossbeam_queue::{ArrayQueue, SegQueue};

use self::counters::Counters;
use self::ring::{HitRing, Pushed};
use self::slots::FreeSlots;
use super::limits::{BACKLOG_EVENTS_MAX, BATCH_EVENTS};
use super::{Document, Documents, Event, EventKind, Flags, SlotId};
use crate::time::Tick;

pub use self::counters::Counts;
pub(super) use self::fallback::{Fallback, random_below};

/// Why a document is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Evicted to make room.
    Evicted,
    /// Purged, expired, replaced or invalid.
    Gone,
}

/// Who picked a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picker {
    /// The deciding policy.
    Policy,
    /// The built-in fallback.
    Fallback,
}

/// A document picked as a victim. Its taker either removes the document ([`Board::removed`] with
/// [`Removal::Evicted`]) or gives the offer back ([`Board::give_back`]); both at once or neither would confuse nobody
/// but the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an offer is either answered by removing the document or given back"]
pub struct Offer {
    /// The document.
    pub id: SlotId,
    /// Who picked it.
    pub picker: Picker,
    /// Its use count when it was picked; another one now means that it was used since.
    uses: u32,
}

/// A lossless event, with the generation its slot had.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) generation: u32,
}

/// How hits reach the executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum HitDelivery {
    /// Not at all: the deciding policy does not ask for them.
    Off = 0,
    /// Through the workers' rings.
    Rings = 1,
    /// Through the lossless queue, in order with everything else: for exact replay.
    InOrder = 2,
}

/// The shared state; see the module.
pub struct Board {
    documents: Documents,
    slots: FreeSlots,
    rings: Box<[HitRing]>,
    queue: SegQueue<Told>,
    /// Events the queue holds at most.
    backlog_max: usize,
    pool: ArrayQueue<Offer>,
    /// A [`HitDelivery`] as its number.
    hit_delivery: AtomicU8,
    /// Below this many offers the bell is rung.
    pool_low: AtomicUsize,
    /// Whether the queue was full once, so that the executor must read the columns anew.
    backlog_lost: AtomicBool,
    /// Whether a request thread found the pool empty.
    is_dry: AtomicBool,
    /// Whether the bell was rung and not yet answered.
    is_called: AtomicBool,
    waker: OnceLock<Arc<dyn Fn() + Send + Sync>>,
    fallback: Fallback,
    counters: Counters,
}

impl Board {
    /// A board for `workers` request threads (numbered from 0), at most `slots_max` documents, and up to `pool_size`
    /// victims picked ahead of need.
    pub fn new(workers: usize, slots_max: usize, pool_size: usize) -> Self {
        Self::with_backlog(workers, slots_max, pool_size, BACKLOG_EVENTS_MAX)
    }

    /// The same with another bound on the lossless events that wait. Beyond it they are lost, and the executor reads
    /// the columns anew.
    pub fn with_backlog(workers: usize, slots_max: usize, pool_size: usize, backlog_max: usize) -> Self {
        let slots_max = slots_max.clamp(1, u32::MAX as usize - 1);
        Self {
            documents: Documents::new(slots_max),
            slots: FreeSlots::new(slots_max as u32),
            rings: (0..workers.max(1)).map(|_| HitRing::new()).collect(),
            queue: SegQueue::new(),
            backlog_max,
            pool: ArrayQueue::new(pool_size.max(1)),
            hit_delivery: AtomicU8::new(HitDelivery::Off as u8),
            pool_low: AtomicUsize::new(0),
            backlog_lost: AtomicBool::new(false),
            is_dry: AtomicBool::new(false),
            is_called: AtomicBool::new(false),
            waker: OnceLock::new(),
            fallback: Fallback::default(),
            counters: Counters::default(),
        }
    }

    /// The columns. They are written through the board; reading them is free.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// What happened since the beginning.
    pub fn counts(&self) -> Counts {
        self.counters.read(self.rings.iter().map(HitRing::dropped).sum())
    }

    /// Hangs up the bell: called (on request threads, so it must be quick) when the pool runs low or events pile up.
    /// The first one stays.
    pub fn set_waker(&self, waker: Arc<dyn Fn() + Send + Sync>) {
        // A second bell would have to know of the first one's owner; nobody needs that.
        let _ = self.waker.set(waker);
    }

    /// A free slot for a document about to be stored; `None` when there are `slots_max` documents. Followed by
    /// [`Board::inserted`] or [`Board::free_slot`].
    pub fn alloc_slot(&self) -> Option<SlotId> {
        let slot = self.slots.take(&self.documents)?;
        Some(SlotId { slot, generation: self.documents.generation(slot) })
    }

    /// Gives back a slot in which nothing was stored. A second time does nothing.
    pub fn free_slot(&self, id: SlotId) {
        if self.documents.generation(id.slot) == id.generation && !self.documents.is_resident(id.slot) {
            self.documents.remove(id.slot);
            self.slots.put(&self.documents, id.slot);
        }
    }

    /// A document was stored: writes its columns and tells.
    pub fn inserted(&self, id: SlotId, document: &Document) {
        self.documents.set(id.slot, document);
        self.counters.inserts.count();
        self.tell(id, EventKind::Insert, 0);
    }

    /// A document was validated: it has a new size and freshness and keeps its history.
    pub fn updated(&self, id: SlotId, size: u64, fresh_until: Tick) {
        self.documents.renew(id.slot, size, fresh_until);
        self.counters.updates.count();
        self.tell(id, EventKind::Update, 0);
    }

    /// A document is gone: tells, and frees its slot. The caller must be the one who took it out of the index. A
    /// second time does nothing.
    pub fn removed(&self, id: SlotId, why: Removal) {
        if self.documents.generation(id.slot) != id.generation || !self.documents.is_resident(id.slot) {
            return;
        }
        let flags = if why == Removal::Evicted { Flags::EVICTED } else { 0 };
        let event = self.documents.event(id.slot, EventKind::Remove, flags);
        self.documents.remove(id.slot);
        self.counters.removals.count();
        if why == Removal::Evicted {
            self.counters.evictions.count();
        }
        self.queue_up(Told { event, generation: id.generation });
        // After the event is queued, or the slot's next insert could overtake it.
        self.slots.put(&self.documents, id.slot);
    }

    /// A document was used: stamps its columns and, if the deciding policy asks for hits, tells. `worker` is the
    /// number of the calling request thread; a hit from any other thread is stamped but not told.
    #[inline]
    pub fn hit(&self, worker: usize, id: SlotId, now: Tick) {
        if !self.documents.touch_document(id, now) {
            return;
        }
        let delivery = self.hit_delivery.load(Relaxed);
        if delivery == HitDelivery::Rings as u8 {
            let Some(ring) = self.rings.get(worker) else { return };
            if ring.push(id) != Pushed::Told {
                self.wake();
            }
        } else if delivery == HitDelivery::InOrder as u8 {
            self.tell(id, EventKind::Hit, 0);
        }
    }

    /// The next victim: one the policy picked ahead of need, or else the fallback's. `None` when not even the
    /// fallback found a document; the caller then goes without storing.
    pub fn take_victim(&self) -> Option<Offer> {
        if let Some(offer) = self.take_offer() {
            self.counters.policy_victims.count();
            return Some(offer);
        }
        let slots = self.slots.ever_used();
        let slot = self.fallback.pick(&self.documents, slots, |slot| self.documents.is_resident(slot))?;
        self.counters.fallback_victims.count();
        Some(self.offer(slot, Picker::Fallback))
    }

    /// A victim is not taken after all (it is being sent, or was used again): the policy places it as after a hit.
    pub fn give_back(&self, offer: Offer) {
        self.counters.offers_given_back.count();
        if offer.picker == Picker::Policy {
            self.tell(offer.id, EventKind::Return, 0);
        }
    }

    /// The next valid offer. Invalid ones are told and passed over; there are never more of them than the pool holds.
    fn take_offer(&self) -> Option<Offer> {
        for _ in 0..=self.pool.capacity() {
            let offer = match self.pool.pop() {
                Some(offer) => offer,
                None => {
                    self.is_dry.store(true, Release);
                    // Where the executor runs in line, the bell fills the pool before it returns.
                    self.wake();
                    self.pool.pop()?
                }
            };
            if self.pool.len() < self.pool_low.load(Relaxed) {
                self.wake();
            }
            let slot = offer.id.slot;
            if self.documents.generation(slot) != offer.id.generation || !self.documents.is_resident(slot) {
                self.counters.offers_gone.count();
            } else if self.documents.uses(slot) != offer.uses {
                self.counters.offers_used.count();
                self.tell(offer.id, EventKind::Return, 0);
            } else {
                return Some(offer);
            }
        }
        None
    }

    fn tell(&self, id: SlotId, kind: EventKind, flags: u8) {
        let event = self.documents.event(id.slot, kind, flags);
        self.queue_up(Told { event, generation: id.generation });
    }

    fn queue_up(&self, told: Told) {
        let waiting = self.queue.len();
        if waiting >= self.backlog_max {
            self.counters.backlogs_lost.count();
            self.backlog_lost.store(true, Release);
        } else {
            self.queue.push(told);
        }
        if waiting >= 4 * BATCH_EVENTS {
            self.wake();
        }
    }

    fn wake(&self) {
        if !self.is_called.swap(true, AcqRel)
            && let Some(waker) = self.waker.get()
        {
            waker();
        }
    }
}

/// The executor's side.
impl Board {
    /// The bell is answered: what was told before it rang is visible from here on.
    pub(super) fn answer(&self) {
        // A read-modify-write, so that it synchronises with the ring it overwrites.
        self.is_called.swap(false, AcqRel);
    }

    /// Whether the queue lost events since the last call.
    pub(super) fn has_lost_backlog(&self) -> bool {
        self.backlog_lost.load(Relaxed) && self.backlog_lost.swap(false, Acquire)
    }

    /// Whether the pool was found empty since the last call.
    pub(super) fn was_dry(&self) -> bool {
        self.is_dry.load(Relaxed) && self.is_dry.swap(false, Acquire)
    }

    pub(super) fn next_told(&self) -> Option<Told> {
        self.queue.pop()
    }

    /// Lossless events waiting.
    pub(super) fn told_waiting(&self) -> usize {
        self.queue.len()
    }

    /// Moves up to `most` hits of each worker to the end of `into`; returns how many are left.
    pub(super) fn drain_hits(&self, most: usize, into: &mut Vec<SlotId>) -> usize {
        self.rings
            .iter()
            .map(|ring| {
                ring.drain(most, into);
                ring.len()
            })
            .sum()
    }

    pub(super) fn deliver_hits(&self, delivery: HitDelivery) {
        self.hit_delivery.store(delivery as u8, Relaxed);
    }

    pub(super) fn offer(&self, slot: u32, picker: Picker) -> Offer {
        let id = SlotId { slot, generation: self.documents.generation(slot) };
        Offer { id, picker, uses: self.documents.uses(slot) }
    }

    /// Puts an offer into the pool; false when it is full.
    pub(super) fn put_offer(&self, offer: Offer) -> bool {
        self.pool.push(offer).is_ok()
    }

    /// Takes an offer out of the pool unchecked.
    pub(super) fn withdraw_offer(&self) -> Option<Offer> {
        self.pool.pop()
    }

    pub(super) fn offers(&self) -> usize {
        self.pool.len()
    }

    pub(super) fn pool_size(&self) -> usize {
        self.pool.capacity()
    }

    /// Sets below how many offers the bell is rung.
    pub(super) fn set_pool_low(&self, low: usize) {
        self.pool_low.store(low, Relaxed);
    }

    /// Slots that were ever in use are below this.
    pub fn slots_ever_used(&self) -> u32 {
        self.slots.ever_used()
    }
}

#[cfg(test)]
mod tests;
