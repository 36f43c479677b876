//! Picking victims: the pool held ready, the check of what a policy returns, and the fallback for a wrong answer.

use super::offered::Pick;
use super::{Executor, Owner};
use crate::policy::board::{Board, Picker};
use crate::policy::limits::{FAULTS_MAX, GONE_PICKS_MAX, POOL_MIN, POOL_SHARE, TURN_IMPORTS};
use crate::policy::order::Victim;
use crate::policy::{Context, Event, EventKind, Slot, SlotId, WrongVictim};

/// How many victims are held ready.
pub(super) enum Pool {
    /// Ahead of need: so many, following the demand.
    Ahead {
        /// Offers the pool is filled up to, if there are documents enough.
        target: usize,
        /// Turns since the pool was last found empty.
        quiet_turns: u32,
    },
    /// One, when a request thread has found the pool empty and waits.
    OnDemand,
}

/// Turns without an empty pool after which it shrinks by an eighth.
const QUIET_TURNS: u32 = 1000;

impl Pool {
    pub(super) fn ahead(board: &Board) -> Self {
        let target = POOL_MIN.min(board.pool_size());
        board.set_pool_low(target / 2 + 1);
        Self::Ahead { target, quiet_turns: 0 }
    }

    pub(super) fn on_demand() -> Self {
        Self::OnDemand
    }

    pub(super) fn is_on_demand(&self) -> bool {
        matches!(self, Self::OnDemand)
    }

    /// Offers there should be, of `documents` known, after the demand of the last turn.
    fn wanted(&mut self, board: &Board, documents: usize) -> usize {
        let was_dry = board.was_dry();
        match self {
            Self::OnDemand => usize::from(was_dry),
            Self::Ahead { target, quiet_turns } => {
                *quiet_turns = if was_dry { 0 } else { *quiet_turns + 1 };
                let before = *target;
                if was_dry {
                    *target = (2 * before).min(board.pool_size());
                } else if *quiet_turns == QUIET_TURNS {
                    *target = (before - before / 8).max(POOL_MIN.min(board.pool_size()));
                    *quiet_turns = 0;
                }
                if *target != before {
                    board.set_pool_low(*target / 2 + 1);
                }
                (*target).min(documents.div_ceil(POOL_SHARE))
            }
        }
    }
}

impl Executor {
    /// Fills the pool by up to `most` victims; returns how many, and whether `most` was too few.
    pub(super) fn refill(&mut self, most: usize) -> (usize, bool) {
        let wanted = self.pool.wanted(&self.board, self.documents());
        let missing = wanted.saturating_sub(self.board.offers());
        let asked = missing.min(most);
        // Between two picks nothing is heard. Unless documents are carried over there, asking for many at once is asking
        // for one many times, and cheaper where a call has its price.
        let at_once = if asked > 1 && self.pending() == 0 { self.offer_many(asked) } else { 0 };
        let picks = at_once + (at_once..asked).take_while(|_| self.offer_one()).count();
        (picks, picks == most && missing > most)
    }

    fn offer_one(&mut self) -> bool {
        self.pick().is_some_and(|slot| self.offer(slot))
    }

    fn offer(&mut self, slot: Slot) -> bool {
        // Only this thread fills the pool, and it counted the room.
        let is_put = self.board.put_offer(self.board.offer(slot, Picker::Policy));
        debug_assert!(is_put, "more offers than the pool holds");
        is_put
    }

    /// Asks the deciding policy for many victims in one call and offers them, in place of wrong ones some picked over its
    /// head; returns how many. What is then missing is asked for one by one.
    fn offer_many(&mut self, asked: usize) -> usize {
        let asked = asked.min(self.deciding.held);
        let mut victims = std::mem::take(&mut self.victims);
        let context = Context { documents: self.board.documents(), now: self.now };
        self.deciding.order.victims(&context, asked, &mut victims);
        // More than it was asked for would be more than there is room for.
        victims.truncate(asked);
        let (mut offered, mut refused) = (0, 0);
        for &victim in &victims {
            match self.what_is_wrong(victim.slot) {
                Some(wrong) => {
                    self.refuse(wrong, Some(victim.slot));
                    refused += 1;
                }
                None => {
                    self.trust();
                    offered += usize::from(self.hand_out(victim, self.deciding.serial));
                }
            }
        }
        if victims.len() < asked {
            self.refuse(WrongVictim::None, None);
            refused += 1;
        }
        victims.clear();
        self.victims = victims;
        // Only now, or the search could take what comes later in the answer.
        for _ in 0..refused {
            let Some(slot) = self.take_over_its_head() else { break };
            offered += usize::from(self.hand_out(Victim { slot, value: 0.0 }, 0));
        }
        offered
    }

    fn hand_out(&mut self, victim: Victim, serial: u64) -> bool {
        self.take_in_hand(victim, serial) && self.offer(victim.slot)
    }

    /// The next victim, taken out of the orders and noted as offered.
    fn pick(&mut self) -> Option<Slot> {
        self.carry_in_turn(TURN_IMPORTS);
        for _ in 0..GONE_PICKS_MAX {
            let (victim, serial) = self.choose()?;
            if self.take_in_hand(victim, serial) {
                return Some(victim.slot);
            }
        }
        None
    }

    /// Notes a victim of the deciding policy as offered; whether it is there to be offered. One that is gone, and whose
    /// removal waits to be told, will be found offered by it, and nobody else gets it.
    fn take_in_hand(&mut self, victim: Victim, serial: u64) -> bool {
        self.deciding.held -= 1;
        self.owners.pass(victim.slot, Owner::Offered);
        self.offered.add(victim.slot, serial, victim.value);
        self.is_known_document(victim.slot)
    }

    /// The deciding policy's victim with the serial of who picked it, or one picked over its head (serial zero) when what
    /// it returns is wrong; `None` when it holds none. The victim is out of its order and still counted as held.
    #[inline]
    pub(super) fn choose(&mut self) -> Option<(Victim, u64)> {
        let context = Context { documents: self.board.documents(), now: self.now };
        let victim = self.deciding.order.victim(&context);
        let wrong = match victim {
            Some(victim) if self.is_held(victim.slot, self.deciding.id) => {
                self.trust();
                return Some((victim, self.deciding.serial));
            }
            None if self.deciding.held == 0 => return None,
            None => WrongVictim::None,
            Some(victim) => self.what_is_wrong(victim.slot)?,
        };
        self.refuse(wrong, victim.map(|victim| victim.slot));
        Some((Victim { slot: self.take_over_its_head()?, value: 0.0 }, 0))
    }

    /// Why a slot is no victim of the deciding policy's, if it is none.
    fn what_is_wrong(&self, slot: Slot) -> Option<WrongVictim> {
        match self.owners.of(slot) {
            Owner::Instance(id) if id == self.deciding.id => None,
            Owner::Instance(_) => Some(WrongVictim::Foreign),
            Owner::Offered => Some(WrongVictim::Taken),
            Owner::Nobody if slot >= self.board.slots_ever_used() => Some(WrongVictim::OutOfRange),
            Owner::Nobody => Some(WrongVictim::Absent),
        }
    }

    #[inline]
    fn trust(&mut self) {
        self.deciding.faults = self.deciding.faults.saturating_sub(1);
    }

    /// Counts a wrong victim of the deciding policy, and tells it.
    #[cold]
    fn refuse(&mut self, wrong: WrongVictim, slot: Option<Slot>) {
        self.deciding.faults = (self.deciding.faults + 2).min(FAULTS_MAX);
        self.faults += 1;
        let context = Context { documents: self.board.documents(), now: self.now };
        self.deciding.order.refused(&context, wrong, slot);
    }

    /// A victim from the deciding order without the help of its policy, which is told that the document is gone.
    fn take_over_its_head(&mut self) -> Option<Slot> {
        let slot = self.any_held(self.deciding.id)?;
        let event = self.board.documents().event(slot, EventKind::Remove, 0);
        let context = Context { documents: self.board.documents(), now: self.now };
        self.deciding.order.remove(&context, &event);
        Some(slot)
    }

    /// The least recently used of a small sample of what an instance holds; `None` when a bounded search found
    /// nothing.
    pub(super) fn any_held(&self, id: u8) -> Option<Slot> {
        let slots = self.board.slots_ever_used();
        self.fallback.pick(self.board.documents(), slots, |slot| self.is_held(slot, id))
    }

    pub(super) fn is_held(&self, slot: Slot, id: u8) -> bool {
        self.owners.of(slot) == Owner::Instance(id)
    }

    /// Whether the slot still has the document that the executor was told of.
    pub(super) fn is_known_document(&self, slot: Slot) -> bool {
        let documents = self.board.documents();
        documents.is_resident(slot) && self.owners.is_generation(slot, documents.generation(slot))
    }

    /// Tells the instance that picked a victim what became of it, if the instance is still there.
    pub(super) fn tell_picker(&mut self, pick: Pick, event: &Event) {
        let context = Context { documents: self.board.documents(), now: self.now };
        let mut instances = std::iter::once(&mut self.deciding).chain(&mut self.draining);
        if let Some(instance) = instances.find(|instance| instance.serial == pick.serial) {
            instance.order.victim_gone(&context, event, pick.value);
        }
    }

    /// Withdraws the offers nobody has taken: they go to the deciding order first. Offers in somebody's hands are
    /// decisions made.
    pub(in crate::policy) fn withdraw_offers(&mut self) {
        while let Some(offer) = self.board.withdraw_offer() {
            if let Some(pick) = self.offered_as(offer.id) {
                self.withdrawn.push_back((offer.id.slot, pick.number));
            }
        }
    }

    fn offered_as(&self, id: SlotId) -> Option<Pick> {
        self.offered.get(id.slot).filter(|_| self.owners.is_generation(id.slot, id.generation))
    }

    pub(super) fn is_unfit(&self) -> bool {
        self.deciding.faults >= FAULTS_MAX || !self.deciding.order.is_fit()
    }

    /// Documents the executor knows of.
    pub(in crate::policy) fn documents(&self) -> usize {
        self.deciding.held
            + self.draining.iter().map(|instance| instance.held).sum::<usize>()
            + self.offered.len()
    }
}
