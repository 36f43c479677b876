//! Carrying documents to the deciding order: re-evaluation by a switch, in turn, in the background, and from the
//! columns alone when events were lost. Every step takes one document from where it is to the deciding order, worst
//! first; none takes longer because there are many documents.

use std::collections::VecDeque;

use super::{Budget, Executor, Owner};
use crate::policy::limits::{DRAINING_CROWDED, RECONCILE_ROWS};
use crate::policy::{Context, EventKind, Slot, SlotId};

/// A switch's re-evaluation: how many of the worst are to be carried, and how many have been.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::policy) struct Reevaluation {
    pub(in crate::policy) left: usize,
    pub(in crate::policy) done: usize,
}

impl Reevaluation {
    pub(super) fn is_asked(&self) -> bool {
        self.left > 0
    }
}

/// Documents named one by one to be re-evaluated, and what became of those looked at so far.
#[derive(Debug, Default)]
pub(super) struct Named {
    waiting: VecDeque<SlotId>,
    updated: Updated,
}

/// What became of documents that were to be re-evaluated by name ([`Executor::update`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// Taken out of the order of a policy replaced, or withdrawn as its victims, and ordered by the deciding policy.
    pub carried: usize,
    /// In the deciding order already, and valued anew.
    pub revalued: usize,
    /// Not there any more, or put forward as a victim by the deciding policy: nothing was done.
    pub passed_over: usize,
}

/// How far reading the columns anew has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reconciling {
    /// Events told before the loss was noticed and not heard yet. They may be about documents whose removal was lost,
    /// so they are heard before the columns are looked at; of those told later, none is lost.
    pub(super) hear_first: usize,
    pub(super) from: Slot,
}

/// What one step of carrying came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A document is in the deciding order now.
    Carried,
    /// Something was passed over that is not there any more, or a bounded search found nothing yet.
    Passed,
    /// Nothing is left.
    Done,
}

impl Executor {
    /// Documents not yet in the deciding order, those in the hands of request threads aside.
    pub(in crate::policy) fn pending(&self) -> usize {
        self.draining.iter().map(|instance| instance.held).sum::<usize>() + self.withdrawn.len()
    }

    /// The turn rule: before the deciding policy picks, the next few of the line before it are re-evaluated.
    pub(super) fn carry_in_turn(&mut self, count: usize) {
        (0..count).take_while(|_| self.carry_next() != Step::Done).for_each(drop);
    }

    /// One turn's share of the re-evaluation asked for, or else of the background's; returns the documents carried.
    pub(super) fn reevaluate(&mut self, budget: Budget) -> usize {
        let named = self.update_named(budget.reevaluate);
        if named > 0 || self.is_updating() {
            named
        } else if self.reevaluation.is_asked() {
            self.reevaluate_asked(budget.reevaluate)
        } else {
            let steps = (0..budget.background).map(|_| self.carry_in_background());
            steps.take_while(|&step| step != Step::Done).filter(|&step| step == Step::Carried).count()
        }
    }

    fn reevaluate_asked(&mut self, most: usize) -> usize {
        let mut carried = 0;
        for _ in 0..most {
            match self.carry_next() {
                Step::Carried => {
                    carried += 1;
                    self.reevaluation.done += 1;
                    self.reevaluation.left -= 1;
                }
                Step::Passed => {}
                Step::Done => self.reevaluation.left = 0,
            }
            if !self.reevaluation.is_asked() {
                break;
            }
        }
        carried
    }

    /// Re-evaluates documents by the deciding policy, whatever order they are in. Done by the following turns, before
    /// anything else is carried. Whoever is gone by then, or is another document in the same slot, is passed over.
    pub fn update(&mut self, documents: impl IntoIterator<Item = SlotId>) {
        if self.named.waiting.is_empty() {
            self.named = Named::default();
        }
        self.named.waiting.extend(documents);
    }

    /// What became of the documents named since none was waiting.
    pub fn updated_so_far(&self) -> Updated {
        self.named.updated
    }

    pub(in crate::policy) fn is_updating(&self) -> bool {
        !self.named.waiting.is_empty()
    }

    /// One turn's share of the documents named; returns how many were looked at.
    fn update_named(&mut self, most: usize) -> usize {
        let share = self.named.waiting.len().min(most);
        for _ in 0..share {
            let Some(id) = self.named.waiting.pop_front() else { break };
            self.update_one(id);
        }
        share
    }

    fn update_one(&mut self, id: SlotId) {
        let slot = id.slot;
        let is_there = slot < self.board.slots_ever_used()
            && self.board.documents().generation(slot) == id.generation
            && self.is_known_document(slot);
        let owner = if is_there { self.owners.of(slot) } else { Owner::Nobody };
        let is_carried = match owner {
            Owner::Nobody => false,
            Owner::Offered => {
                let withdrawn = self.withdrawn.iter().find(|(other, _)| *other == slot).copied();
                withdrawn.is_some_and(|(slot, number)| self.carry_withdrawn(slot, number) == Step::Carried)
            }
            Owner::Instance(holder) if holder == self.deciding.id => {
                let event = self.board.documents().event(slot, EventKind::Update, 0);
                self.with_instance(holder, |instance, context| instance.order.touch(context, &event));
                self.named.updated.revalued += 1;
                return;
            }
            Owner::Instance(holder) => {
                let gone = self.board.documents().event(slot, EventKind::Remove, 0);
                self.leave(holder, &gone);
                self.import(slot) == Step::Carried
            }
        };
        if is_carried {
            self.named.updated.carried += 1;
            self.reevaluation.done += 1;
        } else {
            self.named.updated.passed_over += 1;
        }
    }

    /// Carries whoever goes next: withdrawn offers, then the worst of the oldest draining order.
    fn carry_next(&mut self) -> Step {
        if let Some((slot, number)) = self.withdrawn.pop_front() {
            return self.carry_withdrawn(slot, number);
        }
        match self.draining.iter().position(|instance| instance.held > 0) {
            Some(index) => self.carry_worst(index),
            None => Step::Done,
        }
    }

    /// In the background the oldest goes first too, unless there are so many orders that the next switch would have
    /// to wait: then the smallest.
    fn carry_in_background(&mut self) -> Step {
        let busy = self.draining.iter().enumerate().filter(|(_, instance)| instance.held > 0);
        if self.withdrawn.is_empty() && busy.clone().count() > DRAINING_CROWDED {
            let smallest = busy.min_by_key(|(_, instance)| instance.held).map(|(index, _)| index);
            return smallest.map_or(Step::Done, |index| self.carry_worst(index));
        }
        self.carry_next()
    }

    /// Carries a victim that was picked by an earlier policy and that nobody took.
    fn carry_withdrawn(&mut self, slot: Slot, number: u64) -> Step {
        let Some(pick) = self.offered.get(slot).filter(|pick| pick.number == number) else {
            return Step::Passed;
        };
        if !self.is_known_document(slot) {
            return Step::Passed;
        }
        let gone = self.board.documents().event(slot, EventKind::Remove, 0);
        self.offered.take(slot);
        self.tell_picker(pick, &gone);
        self.import(slot)
    }

    /// Carries the worst document of a draining order. A policy that returns a wrong one, or none, is not asked for
    /// the rest: what it holds is found by search.
    fn carry_worst(&mut self, index: usize) -> Step {
        let context = Context { documents: self.board.documents(), now: self.now };
        let instance = &mut self.draining[index];
        let (id, serial) = (instance.id, instance.serial);
        let victim = if instance.faults == 0 { instance.order.victim(&context) } else { None };
        let Some(victim) = victim.filter(|victim| self.is_held(victim.slot, id)) else {
            return self.carry_found(index);
        };
        self.draining[index].held -= 1;
        if !self.is_known_document(victim.slot) {
            // Its removal waits to be told, and the columns may be another document's.
            self.owners.pass(victim.slot, Owner::Offered);
            self.offered.add(victim.slot, serial, victim.value);
            return Step::Passed;
        }
        let gone = self.board.documents().event(victim.slot, EventKind::Remove, 0);
        let context = Context { documents: self.board.documents(), now: self.now };
        self.draining[index].order.victim_gone(&context, &gone, victim.value);
        self.import(victim.slot)
    }

    /// Carries any document of a draining order whose policy is not to be asked.
    fn carry_found(&mut self, index: usize) -> Step {
        if self.draining[index].faults == 0 {
            self.draining[index].faults = 1;
            self.faults += 1;
        }
        // The search is bounded and goes on where it stopped.
        let Some(slot) = self.any_held(self.draining[index].id) else { return Step::Passed };
        if !self.is_known_document(slot) {
            self.forget(slot);
            return Step::Passed;
        }
        let gone = self.board.documents().event(slot, EventKind::Remove, 0);
        let context = Context { documents: self.board.documents(), now: self.now };
        self.draining[index].held -= 1;
        self.draining[index].order.remove(&context, &gone);
        self.import(slot)
    }

    /// Places a document that nobody holds by its history.
    fn import(&mut self, slot: Slot) -> Step {
        let event = self.board.documents().event(slot, EventKind::Import, 0);
        let generation = self.board.documents().generation(slot);
        self.place(&event, generation);
        Step::Carried
    }

    /// From now on, compares the columns with what the executor knows: events were lost, or there are documents older
    /// than the executor.
    pub(super) fn read_columns_anew(&mut self) {
        self.reconciling = Some(Reconciling { hear_first: self.board.told_waiting(), from: 0 });
    }

    /// Compares the next rows, and corrects what is known.
    pub(super) fn reconcile(&mut self) {
        let Some(Reconciling { hear_first: 0, from }) = self.reconciling else { return };
        let end = self.board.slots_ever_used();
        let until = end.min(from.saturating_add(RECONCILE_ROWS));
        (from..until).for_each(|slot| self.reconcile_row(slot));
        self.reconciling = (until < end).then_some(Reconciling { hear_first: 0, from: until });
    }

    fn reconcile_row(&mut self, slot: Slot) {
        let is_held = match self.owners.of(slot) {
            Owner::Nobody => false,
            Owner::Offered => self.offered.get(slot).is_some(),
            Owner::Instance(id) => {
                id == self.deciding.id || self.draining.iter().any(|instance| instance.id == id)
            }
        };
        if is_held && self.is_known_document(slot) {
            return;
        }
        self.forget(slot);
        if self.board.documents().is_resident(slot) {
            self.import(slot);
        }
    }
}
