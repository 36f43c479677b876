//! What can be asked of the executor: who decides, who goes next, and whether its books are in order. Changes
//! nothing.

use std::sync::Arc;

use super::{Executor, Instance, Owner};
use crate::policy::limits::NEAREST;
use crate::policy::order::{Precision, Rank};
use crate::policy::{Context, Document, Manifest, Slot, SlotId};

/// An order being drained.
#[derive(Clone, Debug, PartialEq)]
pub struct Draining {
    /// The policy that ordered it.
    pub policy: Arc<Manifest>,
    /// Documents left in it.
    pub documents: usize,
}

/// The state of the executor.
#[derive(Clone, Debug)]
pub struct Status {
    /// The policy that is really deciding.
    pub policy: Arc<Manifest>,
    /// The switch that made it decide.
    pub token: u64,
    /// The policy a rollback would return to.
    pub previous: Option<Arc<Manifest>>,
    /// Documents the executor knows of.
    pub documents: usize,
    /// Of these, put forward as victims.
    pub offered: usize,
    /// Of these, not yet in the deciding order.
    pub pending: usize,
    /// The orders these are in, oldest first.
    pub draining: Vec<Draining>,
    /// Wrong decisions of policies that the built-in fallback replaced.
    pub faults: u64,
    /// Bytes the orders and the executor's tables take.
    pub state_bytes: usize,
}

/// A document in the line to be evicted.
#[derive(Clone, Debug)]
pub struct Line {
    /// The document.
    pub id: SlotId,
    /// Its columns.
    pub document: Document,
    /// The policy that ordered it.
    pub policy: Arc<Manifest>,
    /// The key or score it was ordered by; zero for policies with queues.
    pub value: f64,
    /// Whether it is put forward already.
    pub is_offered: bool,
}

impl Executor {
    /// The state now.
    pub fn status(&self) -> Status {
        let draining = self.draining.iter().filter(|instance| instance.held > 0);
        Status {
            policy: Arc::clone(&self.deciding.manifest),
            token: self.history.last().token,
            previous: self.with_serial(self.previous).map(|instance| Arc::clone(&instance.manifest)),
            documents: self.documents(),
            offered: self.offered.len(),
            pending: self.pending(),
            draining: draining
                .map(|instance| Draining { policy: Arc::clone(&instance.manifest), documents: instance.held })
                .collect(),
            faults: self.faults,
            state_bytes: self.state_bytes(),
        }
    }

    /// What the deciding policy has learned, for another instance of it. Takes as long as the policy takes to write it.
    pub fn deciding_state(&self) -> Option<Vec<u8>> {
        self.deciding.order.state()
    }

    /// Bytes the orders and the executor's own tables take.
    pub fn state_bytes(&self) -> usize {
        self.owners.bytes() + self.instances().map(|instance| instance.order.state_bytes()).sum::<usize>()
    }

    /// The documents that go next, at most `count`: those put forward, then the draining orders from the oldest, then
    /// the deciding order. While orders drain this is the line before re-evaluation, which may change it.
    pub fn worst(&self, count: usize) -> Vec<Line> {
        let mut worst = Vec::new();
        for (slot, pick) in self.offered.in_order() {
            if worst.len() == count {
                break;
            }
            let policy = self.with_serial(Some(pick.serial)).unwrap_or(&self.deciding);
            worst.extend(self.line(slot, policy, pick.value, true));
        }
        for instance in self.line_of_instances() {
            if worst.len() >= count {
                break;
            }
            let left = count - worst.len();
            let mut seen = 0;
            instance.order.line(&self.context(), &mut |victim| {
                if self.is_held(victim.slot, instance.id) {
                    worst.extend(self.line(victim.slot, instance, victim.value, false));
                }
                seen += 1;
                // A policy may repeat itself or return nonsense; the line is no longer for that.
                worst.len() < count && seen < 2 * left + 64
            });
        }
        worst
    }

    /// The place of a document in that line; `None` when the executor does not know it.
    pub fn rank_of(&self, id: SlotId) -> Option<Rank> {
        if !self.owners.is_generation(id.slot, id.generation) {
            return None;
        }
        let offered: Vec<_> = self.offered.in_order().into_iter().map(|(slot, _)| slot).collect();
        match self.owners.of(id.slot) {
            Owner::Nobody => None,
            Owner::Offered => {
                let before = offered.iter().position(|&slot| slot == id.slot)?;
                let nearest = last(&offered[..before], NEAREST).to_vec();
                Some(Rank { before, precision: Precision::Exact, nearest })
            }
            Owner::Instance(number) => {
                let between = self.line_of_instances().take_while(|instance| instance.id != number);
                let between = between.map(|instance| instance.held).sum::<usize>();
                let holder = self.instances().find(|instance| instance.id == number)?;
                let mut rank = holder.order.rank(&self.context(), id.slot)?;
                if between == 0 && rank.nearest.len() == rank.before {
                    // The order begins here, and what is put forward goes right before it.
                    let room = NEAREST.saturating_sub(rank.nearest.len());
                    rank.nearest.splice(..0, last(&offered, room).iter().copied());
                }
                rank.before += offered.len() + between;
                Some(rank)
            }
        }
    }

    /// The policy that orders a document; `None` when the executor does not know it.
    pub fn policy_of(&self, id: SlotId) -> Option<Arc<Manifest>> {
        if !self.owners.is_generation(id.slot, id.generation) {
            return None;
        }
        let instance = match self.owners.of(id.slot) {
            Owner::Nobody => None,
            Owner::Offered => self.with_serial(self.offered.get(id.slot).map(|pick| pick.serial)),
            Owner::Instance(number) => self.instances().find(|instance| instance.id == number),
        };
        instance.map(|instance| Arc::clone(&instance.manifest))
    }

    /// Checks the executor's books against the columns: every resident document has one owner, every owner's count is
    /// right, and (with `orders`) every order holds what it is said to hold. For tests, and for doubts; takes as long
    /// as there are slots. Events not heard yet make it fail.
    ///
    /// # Errors
    /// What is wrong.
    pub fn audit(&self, orders: Audit) -> Result<(), String> {
        let mut held = vec![0_usize; usize::from(u8::MAX) + 1];
        let mut offered = 0;
        for slot in 0..self.board.slots_ever_used() {
            let is_resident = self.board.documents().is_resident(slot);
            match self.owners.of(slot) {
                Owner::Nobody if is_resident => return Err(format!("nobody holds resident slot {slot}")),
                Owner::Nobody => {}
                owner if !is_resident => return Err(format!("{owner:?} holds empty slot {slot}")),
                _ if !self.is_known_document(slot) => {
                    return Err(format!("slot {slot} has another document"));
                }
                Owner::Offered if self.offered.get(slot).is_none() => {
                    return Err(format!("no pick of slot {slot}"));
                }
                Owner::Offered => offered += 1,
                Owner::Instance(id) => held[usize::from(id)] += 1,
            }
        }
        if offered != self.offered.len() {
            return Err(format!("{} picks for {offered} offered documents", self.offered.len()));
        }
        for instance in self.instances() {
            let counted = std::mem::take(&mut held[usize::from(instance.id)]);
            let name = &instance.manifest.name;
            if counted != instance.held {
                return Err(format!("{name} holds {counted} documents, not {}", instance.held));
            }
            if orders == Audit::WithOrders {
                self.audit_order(instance)?;
            }
        }
        match held.iter().position(|&count| count > 0) {
            Some(id) => Err(format!("documents of instance {id}, which is not there")),
            None => Ok(()),
        }
    }

    fn audit_order(&self, instance: &Instance) -> Result<(), String> {
        let (name, mut line) = (&instance.manifest.name, Vec::new());
        instance.order.line(&self.context(), &mut |victim| {
            line.push(victim.slot);
            true
        });
        line.sort_unstable();
        if let Some(pair) = line.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("{name} has slot {} twice in its order", pair[0]));
        }
        if let Some(slot) = line.iter().find(|&&slot| !self.is_held(slot, instance.id)) {
            return Err(format!("{name} has slot {slot} in its order, which it does not hold"));
        }
        match line.len() == instance.held {
            true => Ok(()),
            false => Err(format!("{name} has {} of {} documents in its order", line.len(), instance.held)),
        }
    }

    fn context(&self) -> Context<'_> {
        Context { documents: self.board.documents(), now: self.now }
    }

    fn instances(&self) -> impl Iterator<Item = &Instance> {
        std::iter::once(&self.deciding).chain(&self.draining)
    }

    /// In the order in which their documents go.
    fn line_of_instances(&self) -> impl Iterator<Item = &Instance> {
        self.draining.iter().chain(std::iter::once(&self.deciding))
    }

    fn with_serial(&self, serial: Option<u64>) -> Option<&Instance> {
        self.instances().find(|instance| Some(instance.serial) == serial)
    }

    fn line(&self, slot: Slot, instance: &Instance, value: f64, is_offered: bool) -> Option<Line> {
        let documents = self.board.documents();
        self.is_known_document(slot).then(|| Line {
            id: SlotId { slot, generation: documents.generation(slot) },
            document: documents.get(slot),
            policy: Arc::clone(&instance.manifest),
            value,
            is_offered,
        })
    }
}

/// The last `count` slots, or all if there are fewer.
fn last(slots: &[Slot], count: usize) -> &[Slot] {
    &slots[slots.len().saturating_sub(count)..]
}

/// How far [`Executor::audit`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Owners and counts.
    Books,
    /// The content of every order as well (that policies sample or lie would make it fail).
    WithOrders,
}
