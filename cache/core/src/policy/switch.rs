//! The switch: another policy decides from one batch to the next, and no document is lost or forgotten.
//!
//! ```text
//!   prepare      [anywhere] build the instance and its empty tables; nothing waits, a failure changes nothing
//!   hand over    [executor, between batches] the deciding instance joins the draining ones, the prepared one decides,
//!                offers not yet taken are withdrawn: a few pointers, whatever the number of documents
//!   re-evaluate  [executor, in slices] the n worst of the line are carried to the new order
//!   drain        [executor] the rest: when touched, when their turn to be evicted comes, or in the background
//!   roll back    the same with the previous instance, which still is where it was
//! ```
//!
//! Two scales are never mixed: until it is carried over, a document is ordered by the policy that ordered it last.
//! While an old order is not empty, each eviction first carries the next few of its worst end over, and then the
//! deciding policy picks. `n` is a budget for what is done at once, not a fence for victims.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::executor::{Instance, Retired};
use super::history::{Cause, Switch, Traffic};
use super::limits::DRAINING_MAX;
use super::order::{Order, order_for};
use super::{Choice, Executor, Factory, Kind, Manifest, Replacement};
use crate::time::UnixSecs;

/// How many of the documents that would go first are re-evaluated at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reevaluate {
    /// So many.
    Count(usize),
    /// So many in a hundred, of all documents.
    Percent(f64),
    /// All.
    All,
}

impl Default for Reevaluate {
    /// A fifth.
    fn default() -> Self {
        Self::Percent(20.0)
    }
}

impl Reevaluate {
    /// The number it means for a cache of `documents`, rounded up.
    pub fn of(self, documents: usize) -> usize {
        match self {
            Self::Count(count) => count.min(documents),
            Self::Percent(percent) => ((documents as f64 * percent / 100.0).ceil() as usize).min(documents),
            Self::All => documents,
        }
    }
}

/// A word that is no [`Reevaluate`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("expected a number, a percentage like 20% or the word all, not {0:?}")]
pub struct BadReevaluate(String);

impl FromStr for Reevaluate {
    type Err = BadReevaluate;

    fn from_str(word: &str) -> Result<Self, BadReevaluate> {
        let bad = || BadReevaluate(word.chars().take(40).collect());
        match word.strip_suffix('%') {
            Some(number) => match number.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
                _ => Err(bad()),
            },
            None if word == "all" => Ok(Self::All),
            None => word.parse().map(Self::Count).map_err(|_| bad()),
        }
    }
}

/// Why a policy cannot be prepared.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PrepareError {
    /// What it is differs from what it says of itself.
    #[error("policy {name} says it is of kind {said} and is of kind {is}", said = said.as_str(), is = is.as_str())]
    WrongKind {
        /// The policy's name.
        name: String,
        /// The kind in its manifest.
        said: Kind,
        /// The kind that was built.
        is: Kind,
    },
    /// A module refuses this cache, or is refused.
    #[error("policy {name}: {why}")]
    Module {
        /// The policy's name.
        name: String,
        /// What was wrong.
        why: String,
    },
}

/// A policy ready to decide: an instance with an empty order.
pub struct Prepared {
    manifest: Arc<Manifest>,
    order: Box<dyn Order>,
}

impl Prepared {
    /// Builds an instance for a cache of `capacity` bytes and slots below `slots_max`
    /// ([`super::Documents::slots_max`]). May take milliseconds; nothing waits for it.
    ///
    /// # Errors
    /// When the policy is not what its manifest says.
    pub fn new(factory: &Factory, capacity: u64, slots_max: usize) -> Result<Self, PrepareError> {
        Self::from_parts((factory.manifest)(), factory.with_defaults(capacity), slots_max)
    }

    /// The same with parameters.
    ///
    /// # Errors
    /// When the policy is not what its manifest says.
    pub fn chosen(choice: &Choice, capacity: u64, slots_max: usize) -> Result<Self, PrepareError> {
        Self::from_parts(choice.manifest(), choice.build(capacity), slots_max)
    }

    /// The same from an instance built already.
    ///
    /// # Errors
    /// When the policy is not what its manifest says.
    pub fn from_parts(
        manifest: Manifest,
        built: Replacement,
        slots_max: usize,
    ) -> Result<Self, PrepareError> {
        let is = match built {
            Replacement::Key(_) => Kind::Key,
            Replacement::Score(_) => Kind::Score,
            Replacement::Hooks(_) => Kind::Hooks,
        };
        if is != manifest.kind {
            return Err(PrepareError::WrongKind {
                name: manifest.name.into_owned(),
                said: manifest.kind,
                is,
            });
        }
        Ok(Self { manifest: Arc::new(manifest), order: order_for(built, slots_max) })
    }

    /// What the policy says of itself.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    pub(super) fn into_instance(self, id: u8, serial: u64) -> Instance {
        Instance { id, serial, manifest: self.manifest, order: self.order, held: 0, faults: 0 }
    }
}

/// What the shell knows of a switch and the core cannot.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// Who asks.
    pub by: Cow<'static, str>,
    /// When.
    pub at: UnixSecs,
    /// The traffic counted so far.
    pub counted: Traffic,
    /// Microseconds the preparation took.
    pub prepare_us: u64,
}

/// Why a switch was refused. Nothing has changed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SwitchRefused {
    /// Too many earlier switches are still being carried over; it passes by itself.
    #[error("{0} earlier policies still hold documents")]
    Busy(usize),
    /// There is no policy before this one.
    #[error("there is no earlier policy to go back to")]
    NothingBefore,
}

impl Executor {
    /// Whether one more order may start draining.
    pub fn has_room_for_switch(&self) -> bool {
        self.draining_orders() < DRAINING_MAX
    }

    fn draining_orders(&self) -> usize {
        self.draining.iter().filter(|instance| instance.held > 0).count()
    }

    /// Makes a prepared policy decide from now on. What is to be re-evaluated at once is done by the following turns.
    /// Returns the token of the switch.
    ///
    /// # Errors
    /// When too many earlier orders are still draining; the prepared policy is given back.
    pub fn hand_over(
        &mut self,
        next: Prepared,
        reevaluate: Reevaluate,
        moment: Moment,
    ) -> Result<u64, (Prepared, SwitchRefused)> {
        self.hand_over_for(Cause::Use, next, reevaluate, moment)
    }

    /// The same because the deciding policy failed: nobody goes back to that one.
    ///
    /// # Errors
    /// When too many earlier orders are still draining; the prepared policy is given back.
    pub fn replace_failed(
        &mut self,
        next: Prepared,
        moment: Moment,
    ) -> Result<u64, (Prepared, SwitchRefused)> {
        self.hand_over_for(Cause::Fault, next, Reevaluate::All, moment)
    }

    fn hand_over_for(
        &mut self,
        cause: Cause,
        next: Prepared,
        reevaluate: Reevaluate,
        moment: Moment,
    ) -> Result<u64, (Prepared, SwitchRefused)> {
        if !self.has_room_for_switch() {
            return Err((next, SwitchRefused::Busy(self.draining_orders())));
        }
        let next = next.into_instance(self.free_id(), self.next_serial);
        self.next_serial += 1;
        Ok(self.succeed(next, reevaluate, cause, moment))
    }

    /// Makes the policy before this one decide again, with the order it still has. Returns the token. After a fault
    /// nobody goes back to the policy that failed.
    ///
    /// # Errors
    /// When there is none.
    pub fn roll_back(
        &mut self,
        reevaluate: Reevaluate,
        cause: Cause,
        moment: Moment,
    ) -> Result<u64, SwitchRefused> {
        let previous = self.draining.iter().position(|instance| Some(instance.serial) == self.previous);
        let previous = self.draining.remove(previous.ok_or(SwitchRefused::NothingBefore)?);
        Ok(self.succeed(previous, reevaluate, cause, moment))
    }

    /// The hand-over itself. Nothing here depends on the number of documents.
    fn succeed(&mut self, next: Instance, reevaluate: Reevaluate, cause: Cause, moment: Moment) -> u64 {
        let carried = self.documents();
        self.close_entry();
        self.withdraw_offers();
        let before = std::mem::replace(&mut self.deciding, next);
        self.deciding.faults = 0;
        self.previous = (cause != Cause::Fault).then_some(before.serial);
        let from = before.manifest.name.clone();
        self.draining.push(before);
        self.reevaluation.left = reevaluate.of(carried);
        self.reevaluation.done = 0;
        self.deliver_hits();
        self.enter(from, cause, carried, moment);
        self.history.last().token
    }

    /// Adds an entry to the history.
    fn enter(&mut self, from: Cow<'static, str>, cause: Cause, carried: usize, moment: Moment) {
        self.history.add(Switch {
            token: 0,
            at: moment.at,
            cause,
            by: moment.by,
            from,
            to: self.deciding.manifest.name.clone(),
            carried,
            reevaluated: 0,
            pending: 0,
            prepare_us: moment.prepare_us,
            handover_us: 0,
            before: Traffic::default(),
            after: Traffic::default(),
            counted: moment.counted,
        });
    }

    /// Starts over from the columns: another policy decides, and every order and everything an executor knows is
    /// forgotten and found again by the following turns. For when a policy panicked, after which no order and no count
    /// can be relied on. Returns the token, and what is to be dropped where a panic does no harm.
    pub fn start_over(&mut self, next: Prepared, moment: Moment) -> (u64, Retired) {
        let carried = self.documents();
        self.close_entry();
        let next = next.into_instance(self.free_id(), self.next_serial);
        self.next_serial += 1;
        let from = self.deciding.manifest.name.clone();
        let retired = self.forget_everything(next);
        self.enter(from, Cause::Fault, carried, moment);
        (self.history.last().token, retired)
    }

    /// Notes how long the last hand-over took.
    pub fn note_handover(&mut self, handover_us: u64) {
        self.history.last_mut().handover_us = handover_us;
    }

    /// Whether the re-evaluation asked for by the last switch, or by name, is still going on.
    pub fn is_reevaluating(&self) -> bool {
        self.reevaluation.left > 0 || self.is_updating()
    }

    /// The last switch, with what is known of it by now.
    pub fn last_switch(&self) -> Switch {
        Switch { reevaluated: self.reevaluation.done, pending: self.pending(), ..self.history.last().clone() }
    }

    /// The switches, oldest first. `counted` is the traffic so far.
    pub fn history(&self, counted: Traffic) -> Vec<Switch> {
        let mut switches = self.history.until(counted);
        if let Some(last) = switches.last_mut() {
            (last.reevaluated, last.pending) = (self.reevaluation.done, self.pending());
        }
        switches
    }

    /// Writes what the last switch came to into its entry, before the next begins.
    fn close_entry(&mut self) {
        let (reevaluated, pending) = (self.reevaluation.done, self.pending());
        let last = self.history.last_mut();
        (last.reevaluated, last.pending) = (reevaluated, pending);
    }
}
