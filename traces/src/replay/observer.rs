//! Who watches a run, and may act on it between two requests: the timeline, planned switches, the comparison with a log;
//! rules and shadow policies have the same view.

use std::io;

use cnn_core::policy::{Moment, PrepareError, SwitchRefused, Traffic};
use cnn_core::time::UnixSecs;
use thiserror::Error;

use super::cache::Cache;
use super::outcome::Mark;
use super::policy::Policy;
use super::sweep::Carry;
use crate::Row;

/// Never: the stop of an observer that wants no more.
pub const NEVER: u64 = u64::MAX;

/// Watches a run.
pub trait Observer {
    /// The number of the next request before which it wants to be called, after those it has been called for;
    /// [`NEVER`] for no more. The end of the trace is no stop: see [`Observer::end`].
    fn next_stop(&self) -> u64;

    /// Called before the request it asked for.
    ///
    /// # Errors
    /// When it acted and that failed; the run ends.
    fn stop(&mut self, stop: &mut Stop<'_, '_>) -> Result<(), RunError>;

    /// Called once after the last request.
    ///
    /// # Errors
    /// As for [`Observer::stop`].
    fn end(&mut self, stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
        self.stop(stop)
    }

    /// Whether it wants to be told of every request.
    fn wants_requests(&self) -> bool {
        false
    }

    /// Some requests have been replayed, with whether each was answered from the cache. Only told when wanted; always
    /// before a stop that lies after them.
    fn requests(&mut self, _rows: &[Row], _hits: &[bool]) {}
}

/// Why a run could not be carried through.
#[derive(Debug, Error)]
pub enum RunError {
    /// The rows of the trace could not be read.
    #[error("reading the trace's requests back failed: {0}")]
    Rows(#[from] io::Error),
    /// A policy is not what it says of itself.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A switch was refused.
    #[error("a switch at request {at} was refused: {why}")]
    Switch {
        /// The request before which it was asked for.
        at: u64,
        /// Why.
        why: SwitchRefused,
    },
}

/// The run between two requests.
pub struct Stop<'r, 'a> {
    /// The number of the next request: so many have been replayed.
    pub at: u64,
    /// Its time, in microseconds from the first request; at the end the last one's.
    pub time_us: u64,
    /// What happened so far.
    pub traffic: Traffic,
    pub(super) policy: &'r mut Policy,
    pub(super) cache: &'r mut Cache<'a>,
    pub(super) marks: &'r mut Vec<Mark>,
}

impl Stop<'_, '_> {
    /// Evictions so far.
    pub fn evictions(&self) -> u64 {
        self.cache.evictions()
    }

    /// Documents in the cache.
    pub fn documents(&self) -> u64 {
        self.cache.documents()
    }

    /// Units in use.
    pub fn used(&self) -> u64 {
        self.cache.used()
    }

    /// The policy that decides.
    pub fn policy(&self) -> &Policy {
        self.policy
    }

    /// Makes another policy decide from the next request on.
    ///
    /// # Errors
    /// When it cannot be made, or too many earlier policies still hold documents.
    pub fn switch(&mut self, to: &Policy, carry: Carry) -> Result<(), RunError> {
        let documents = self.cache.documents();
        let reevaluate = match carry {
            Carry::Flush => {
                self.cache.flush(to)?;
                None
            }
            Carry::Reevaluate(reevaluate) => {
                let next = self.cache.prepare(to)?;
                let at = UnixSecs((self.time_us / 1_000_000) as i64);
                let moment = Moment { by: "replay".into(), at, counted: self.traffic, ..Moment::default() };
                let token = self.cache.engine().with(|executor| executor.hand_over(next, reevaluate, moment));
                token.map_err(|(_, why)| RunError::Switch { at: self.at, why })?;
                Some(reevaluate)
            }
        };
        self.marks.push(Mark {
            at: self.at,
            time_us: self.time_us,
            from: self.policy.name().to_owned(),
            to: to.name().to_owned(),
            reevaluate,
            documents,
        });
        *self.policy = to.clone();
        Ok(())
    }
}
