//! The policy executor: the only one who runs policies. It learns from the board what happened, keeps the documents
//! in their orders, holds victims ready, and carries documents from a replaced policy's order to the deciding one's.
//!
//! It has no thread and no clock. In a proxy one thread owns it and calls [`Executor::turn`] again and again; in a
//! replay or a test it runs in line ([`super::Inline`]) and picks each victim only when it is needed.
//!
//! ```text
//!             Insert, Return                     victim picked ahead of need
//!   board ------------------> deciding order --------------------------------> offered --> removed
//!                               ^        ^                                        |
//!            touched, or its    |        |  Return: used again, or pinned         |
//!            turn has come      |        +----------------------------------------+
//!                             draining orders (oldest first): of policies replaced
//! ```
//!
//! Each document the executor knows has exactly one owner: the deciding instance, a draining instance, or the offers.
//! What a policy returns is never believed: a victim must be in the picking instance's order, or the built-in
//! fallback makes that one decision ([`Executor::faults`]).

mod carry;
mod direct;
mod offered;
mod owners;
mod picks;
mod view;

use std::collections::VecDeque;
use std::sync::Arc;

use self::carry::{Named, Reconciling, Reevaluation};
use self::offered::Offered;
use self::owners::{INSTANCE_IDS, Owner, Owners};
use self::picks::Pool;
use super::board::{Board, Fallback, HitDelivery, Told};
use super::history::History;
use super::limits::BATCH_EVENTS;
use super::order::{Order, Victim};
use super::{Context, Document, Event, EventKind, HitEvents, Manifest, Prepared, Slot, SlotId};
use crate::time::{Tick, UnixSecs};

pub use self::carry::Updated;
pub use self::view::{Audit, Draining, Line, Status};

/// How much one turn may do, in documents, since the core cannot measure time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Events taken from the board.
    pub events: usize,
    /// Victims picked for the pool.
    pub picks: usize,
    /// Documents re-evaluated because a switch asked for it.
    pub reevaluate: usize,
    /// Documents re-evaluated in the background, when no switch is asking.
    pub background: usize,
}

impl Budget {
    /// Everything there is to do but background work, however long it takes.
    pub const UNBOUNDED: Self =
        Self { events: usize::MAX, picks: usize::MAX, reevaluate: usize::MAX, background: 0 };
}

impl Default for Budget {
    /// A turn of about a millisecond.
    fn default() -> Self {
        Self { events: 4096, picks: 64, reevaluate: 128, background: 32 }
    }
}

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Events taken from the board.
    pub events: usize,
    /// Victims put into the pool.
    pub picks: usize,
    /// Documents carried to the deciding order, other than those touched.
    pub carried: usize,
    /// Whether there is work that should not wait: events left, victims wanted, columns being read anew.
    pub is_pressed: bool,
    /// Whether documents are left in draining orders.
    pub is_draining: bool,
    /// Whether the deciding policy keeps returning wrong victims, or says itself that it cannot decide, and should be
    /// rolled back.
    pub is_unfit: bool,
}

/// One instance of a policy: its order, and how many documents are in it.
pub(super) struct Instance {
    /// Its number in the table of owners; reused when it has retired.
    pub(super) id: u8,
    /// Never reused.
    pub(super) serial: u64,
    pub(super) manifest: Arc<Manifest>,
    pub(super) order: Box<dyn Order>,
    pub(super) held: usize,
    /// Two up for a wrong victim, one down for a right one, up to a bound.
    pub(super) faults: u32,
}

impl Instance {
    fn wants_hits(&self) -> bool {
        self.manifest.hit_events == HitEvents::Needed
    }
}

/// Policies with their orders that nobody needs any more, to be dropped wherever there is time.
#[derive(Default)]
#[must_use = "dropping it here and now is what it is meant to avoid"]
pub struct Retired(Vec<Instance>);

/// The executor; see the module.
// Invariants: (1) instance.held == slots owned by it; (2) the instances' ids differ; (3) offered has a pick for
// exactly the slots owned by `Owner::Offered`; (4) draining is in the order the instances stopped deciding.
pub struct Executor {
    pub(super) board: Arc<Board>,
    pub(super) now: Tick,
    owners: Owners,
    pub(super) deciding: Instance,
    /// Instances that no longer decide, oldest first; the previous one stays when it is empty, for rollback.
    pub(super) draining: Vec<Instance>,
    /// The serial of the instance a rollback makes decide again.
    pub(super) previous: Option<u64>,
    /// Instances nobody can ask for any more.
    retired: Retired,
    pub(super) next_serial: u64,
    offered: Offered,
    /// Offers withdrawn at a hand-over, with their numbers: they go before the draining orders.
    withdrawn: VecDeque<(Slot, u64)>,
    pool: Pool,
    pub(super) reevaluation: Reevaluation,
    named: Named,
    /// How far reading the columns anew has come, when it is going on.
    reconciling: Option<Reconciling>,
    fallback: Fallback,
    pub(super) faults: u64,
    /// Scratch for victims asked for in one call.
    victims: Vec<Victim>,
    /// How hits were last asked for.
    delivery: Option<HitDelivery>,
    hits: Vec<SlotId>,
    /// Who else is told of hits.
    listener: Option<HitListener>,
    pub(super) history: History,
}

/// Somebody who is told of hits besides the deciding policy: of a batch at a time, with the columns as they are when the
/// executor hears of it, and as lossy as hits are for policies.
pub type HitListener = Box<dyn FnMut(&[Document]) + Send>;

impl Executor {
    /// An executor that holds victims ready, for a thread of its own. `at` is when it starts, for the history.
    pub fn new(board: Arc<Board>, first: Prepared, at: UnixSecs) -> Self {
        Self::with_pool(Pool::ahead(&board), board, first, at)
    }

    /// An executor that decides exactly as a cache without concurrency would: it hears of hits in order with
    /// everything else, and picks a victim only when one is needed and after it has heard of everything before.
    pub fn exact(board: Arc<Board>, first: Prepared, at: UnixSecs) -> Self {
        Self::with_pool(Pool::on_demand(), board, first, at)
    }

    fn with_pool(pool: Pool, board: Arc<Board>, first: Prepared, at: UnixSecs) -> Self {
        let deciding = first.into_instance(INSTANCE_IDS.start, 1);
        let slots_max = board.documents().slots_max();
        let mut executor = Self {
            now: Tick::default(),
            owners: Owners::new(slots_max),
            history: History::new(&deciding.manifest, at),
            deciding,
            draining: Vec::new(),
            previous: None,
            retired: Retired::default(),
            next_serial: 2,
            offered: Offered::new(board.pool_size()),
            withdrawn: VecDeque::with_capacity(2 * board.pool_size()),
            pool,
            reevaluation: Reevaluation::default(),
            named: Named::default(),
            reconciling: None,
            fallback: Fallback::default(),
            faults: 0,
            victims: Vec::new(),
            delivery: None,
            hits: Vec::new(),
            listener: None,
            board,
        };
        executor.deliver_hits();
        // Documents stored before there was an executor.
        executor.read_columns_anew();
        executor
    }

    /// Tells somebody of hits from now on, or nobody any more. Only while there is somebody, or the deciding policy
    /// wants them, do workers tell of hits at all. Not in line, where a replay tells of hits itself.
    pub fn listen(&mut self, listener: Option<HitListener>) {
        self.listener = listener;
        self.deliver_hits();
    }

    /// The board this executor serves.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Wrong decisions of policies that the built-in fallback replaced.
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Does what there is to do within a budget.
    pub fn turn(&mut self, now: Tick, budget: Budget) -> Turn {
        self.board.answer();
        self.now = now;
        self.retired.0.clear();
        if self.board.has_lost_backlog() {
            self.read_columns_anew();
        }
        let events = self.hear(budget.events);
        self.reconcile();
        let (picks, is_short) = self.refill(budget.picks);
        let carried = self.reevaluate(budget);
        self.retire();
        self.deliver_hits();
        let is_pressed = self.board.told_waiting() > 0 || is_short || self.reconciling.is_some();
        let (is_draining, is_unfit) = (self.pending() > 0, self.is_unfit());
        Turn { events, picks, carried, is_pressed, is_draining, is_unfit }
    }

    /// Takes events from the board, lossless ones first so that hits rarely overtake the insert they belong to.
    fn hear(&mut self, most: usize) -> usize {
        let mut heard = 0;
        while heard < most {
            let Some(told) = self.board.next_told() else { break };
            self.told(told);
            heard += 1;
        }
        if let Some(reconciling) = &mut self.reconciling {
            reconciling.hear_first = reconciling.hear_first.saturating_sub(heard);
        }
        while heard < most {
            let mut hits = std::mem::take(&mut self.hits);
            let left = self.board.drain_hits(BATCH_EVENTS, &mut hits);
            hits.iter().for_each(|&id| self.hit(id));
            self.tell_listener(&hits);
            heard += hits.len();
            hits.clear();
            self.hits = hits;
            if left == 0 {
                break;
            }
        }
        heard
    }

    fn tell_listener(&mut self, hits: &[SlotId]) {
        let Some(listener) = &mut self.listener else { return };
        let documents = self.board.documents();
        let is_current = |id: &&SlotId| documents.generation(id.slot) == id.generation;
        let used: Vec<Document> = hits.iter().filter(is_current).map(|id| documents.get(id.slot)).collect();
        listener(&used);
    }

    fn told(&mut self, told: Told) {
        let Told { event, generation } = told;
        match event.kind() {
            Some(EventKind::Insert) => self.inserted(&event, generation),
            Some(EventKind::Update) => self.updated(&event, generation),
            Some(EventKind::Remove) => self.removed(&event, generation),
            Some(EventKind::Return) => self.returned(&event, generation),
            Some(EventKind::Hit) => self.hit_told(&event, generation),
            // Imports are the executor's own; the board has no other kinds.
            Some(EventKind::Import) | None => debug_assert!(false, "the board told {event:?}"),
        }
    }

    fn inserted(&mut self, event: &Event, generation: u32) {
        if self.owners.of(event.slot) != Owner::Nobody {
            if self.owners.is_not_older(event.slot, generation) {
                // It, or one after it, was found in the columns before its insert was heard.
                return;
            }
            // The removal before it was lost.
            self.forget(event.slot);
        }
        self.place(event, generation);
    }

    fn updated(&mut self, event: &Event, generation: u32) {
        if self.owners.is_generation(event.slot, generation)
            && let Owner::Instance(id) = self.owners.of(event.slot)
        {
            self.with_instance(id, |instance, context| instance.order.touch(context, event));
        }
    }

    fn removed(&mut self, event: &Event, generation: u32) {
        if !self.owners.is_generation(event.slot, generation) {
            return;
        }
        match self.owners.of(event.slot) {
            Owner::Nobody => return,
            Owner::Offered => {
                if let Some(pick) = self.offered.take(event.slot) {
                    self.tell_picker(pick, event);
                }
            }
            Owner::Instance(id) => self.leave(id, event),
        }
        self.owners.pass(event.slot, Owner::Nobody);
    }

    /// An offer was passed over or given back. One that is in an order already (its offer was outlived by a hit or a
    /// switch) stays there.
    fn returned(&mut self, event: &Event, generation: u32) {
        if self.owners.of(event.slot) != Owner::Offered || !self.owners.is_generation(event.slot, generation)
        {
            return;
        }
        let Some(pick) = self.offered.take(event.slot) else { return };
        if pick.serial == self.deciding.serial {
            self.place(event, generation);
        } else {
            self.tell_picker(pick, &Event { kind: EventKind::Remove as u8, ..*event });
            self.place(&Event { kind: EventKind::Import as u8, ..*event }, generation);
            self.touch_deciding(&Event { kind: EventKind::Hit as u8, ..*event });
        }
    }

    fn hit(&mut self, id: SlotId) {
        // The hit may be older than the slot's document, which must not be credited with it.
        if self.board.documents().generation(id.slot) == id.generation {
            let event = self.board.documents().event(id.slot, EventKind::Hit, 0);
            self.hit_told(&event, id.generation);
        }
    }

    /// A hit moves a document within the deciding order, or out of a draining one. An offered one stays where it is:
    /// whoever takes the offer sees that the document was used.
    fn hit_told(&mut self, event: &Event, generation: u32) {
        if let Owner::Instance(id) = self.owners.of(event.slot)
            && self.owners.is_generation(event.slot, generation)
        {
            if id != self.deciding.id {
                self.leave(id, &Event { kind: EventKind::Remove as u8, ..*event });
                self.place(&Event { kind: EventKind::Import as u8, ..*event }, generation);
            }
            self.touch_deciding(event);
        }
    }

    fn touch_deciding(&mut self, event: &Event) {
        if self.deciding.wants_hits() {
            let context = Context { documents: self.board.documents(), now: self.now };
            self.deciding.order.touch(&context, event);
        }
    }

    /// Puts a document that nobody holds into the deciding order.
    fn place(&mut self, event: &Event, generation: u32) {
        let context = Context { documents: self.board.documents(), now: self.now };
        self.deciding.order.place(&context, event);
        self.deciding.held += 1;
        self.owners.come(event.slot, generation, Owner::Instance(self.deciding.id));
    }

    /// Takes a document whose removal was never heard out of whatever holds it.
    fn forget(&mut self, slot: Slot) {
        let event = Event { size: 0, hash: 0, ..self.board.documents().event(slot, EventKind::Remove, 0) };
        match self.owners.of(slot) {
            Owner::Nobody => {}
            Owner::Offered => {
                if let Some(pick) = self.offered.take(slot) {
                    self.tell_picker(pick, &event);
                }
            }
            Owner::Instance(id) => self.leave(id, &event),
        }
        self.owners.pass(slot, Owner::Nobody);
    }

    /// Takes a document out of the order of the instance that holds it.
    fn leave(&mut self, id: u8, gone: &Event) {
        self.with_instance(id, |instance, context| {
            instance.held -= 1;
            instance.order.remove(context, gone);
        });
    }

    /// Does something with the instance of a number, if there still is one.
    fn with_instance(&mut self, id: u8, act: impl FnOnce(&mut Instance, &Context<'_>)) {
        let context = Context { documents: self.board.documents(), now: self.now };
        if id == self.deciding.id {
            act(&mut self.deciding, &context);
        } else if let Some(instance) = self.draining.iter_mut().find(|instance| instance.id == id) {
            act(instance, &context);
        }
    }

    /// Hits are told as long as somebody moves documents on a hit: the deciding policy, or whoever carries documents
    /// out of draining orders.
    pub(super) fn deliver_hits(&mut self) {
        let is_wanted = self.deciding.wants_hits() || self.pending() > 0 || self.listener.is_some();
        let delivery = match (is_wanted, self.pool.is_on_demand()) {
            (false, _) => HitDelivery::Off,
            (true, false) => HitDelivery::Rings,
            (true, true) => HitDelivery::InOrder,
        };
        // Workers read this on every hit: it is written only when it changes.
        if self.delivery != Some(delivery) {
            self.delivery = Some(delivery);
            self.board.deliver_hits(delivery);
        }
    }

    /// An unused instance number. There are far more than instances.
    pub(super) fn free_id(&self) -> u8 {
        let is_used = |id| id == self.deciding.id || self.draining.iter().any(|instance| instance.id == id);
        INSTANCE_IDS.into_iter().find(|&id| !is_used(id)).unwrap_or(INSTANCE_IDS.start)
    }

    /// Lets go of instances that hold nothing and that no rollback can ask for.
    fn retire(&mut self) {
        let previous = self.previous;
        let is_over = |instance: &mut Instance| instance.held == 0 && Some(instance.serial) != previous;
        self.retired.0.extend(self.draining.extract_if(.., is_over));
    }

    /// Policies that nobody needs any more. Freeing large tables takes a while: whoever has another thread drops them
    /// there; those of an earlier turn that nobody took are dropped by the next.
    pub fn take_retired(&mut self) -> Option<Retired> {
        (!self.retired.0.is_empty()).then(|| std::mem::take(&mut self.retired))
    }

    /// Leaves nothing but the next instance, and finds the documents again from the columns.
    pub(super) fn forget_everything(&mut self, next: Instance) -> Retired {
        let slots_max = self.board.documents().slots_max();
        while self.board.withdraw_offer().is_some() {}
        let mut retired = std::mem::take(&mut self.retired);
        retired.0.push(std::mem::replace(&mut self.deciding, next));
        retired.0.append(&mut self.draining);
        self.previous = None;
        self.owners = Owners::new(slots_max);
        self.offered = Offered::new(self.board.pool_size());
        self.withdrawn.clear();
        self.reevaluation = Reevaluation::default();
        self.named = Named::default();
        self.hits.clear();
        self.read_columns_anew();
        self.deliver_hits();
        retired
    }
}

#[cfg(test)]
mod tests;
