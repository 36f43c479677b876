//! One instance of a filter that all workers share: asked by one at a time, never waited for, and not asked any more when
//! it has failed too often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cnn_core::time::UnixSecs;
use cnn_modules::{Health, Report};
use parking_lot::Mutex;

use super::Prepared;
use crate::limits::FILTER_WAIT_MAX;

/// The seat of an instance.
pub(crate) struct Seat<T: ?Sized> {
    /// The filter as it was written.
    pub(crate) name: Arc<str>,
    /// Who put it here.
    pub(crate) by: String,
    /// When.
    pub(crate) since: UnixSecs,
    /// Guards the instance; held for one question, which is bounded in time.
    instance: Mutex<Box<T>>,
    /// What a module has done; none for what is built in.
    health: Option<Arc<Health>>,
    asked: AtomicU64,
    busy: AtomicU64,
    failed: AtomicU64,
}

/// Why there was no answer: HTTP's own holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Others were asking for too long.
    Busy,
    /// The module failed: it trapped, took too long, or said what cannot be.
    Failed,
    /// It failed so often that it is not asked any more.
    Quarantined,
}

impl Unanswered {
    /// The word for it in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What came of the questions to an instance so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// Questions asked.
    pub(crate) asked: u64,
    /// Of these, unanswered because others were asking.
    pub(crate) busy: u64,
    /// Of these, unanswered because the module failed.
    pub(crate) failed: u64,
    /// What the module did; nothing for what is built in.
    pub(crate) report: Option<Report>,
}

impl<T: ?Sized> Seat<T> {
    pub(crate) fn new<M>(prepared: Prepared<T, M>, by: String, since: UnixSecs) -> Self {
        Self {
            name: prepared.name.into(),
            by,
            since,
            instance: Mutex::new(prepared.instance),
            health: prepared.health,
            asked: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Asks; waits for others who ask, but not long.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) fn ask<R>(&self, question: impl FnOnce(&mut T) -> R) -> Result<R, Unanswered> {
        if self.is_quarantined() {
            return Err(Unanswered::Quarantined);
        }
        self.asked.fetch_add(1, Relaxed);
        let Some(mut instance) = self.instance.try_lock_for(FILTER_WAIT_MAX) else {
            self.busy.fetch_add(1, Relaxed);
            return Err(Unanswered::Busy);
        };
        self.asked_now(&mut instance, question)
    }

    /// Asks from a thread that may wait.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) fn ask_slowly<R>(&self, question: impl FnOnce(&mut T) -> R) -> Result<R, Unanswered> {
        if self.is_quarantined() {
            return Err(Unanswered::Quarantined);
        }
        self.asked_now(&mut self.instance.lock(), question)
    }

    fn asked_now<R>(&self, instance: &mut T, question: impl FnOnce(&mut T) -> R) -> Result<R, Unanswered> {
        let faults = || self.health.as_ref().map_or(0, |health| health.traps());
        let before = faults();
        let answer = question(instance);
        if faults() == before {
            return Ok(answer);
        }
        self.failed.fetch_add(1, Relaxed);
        Err(Unanswered::Failed)
    }

    /// Whether it failed so often that it is not asked any more.
    pub(crate) fn is_quarantined(&self) -> bool {
        self.health.as_ref().is_some_and(|health| health.is_silenced())
    }

    /// What came of the questions so far.
    pub(crate) fn answers(&self) -> Answers {
        Answers {
            asked: self.asked.load(Relaxed),
            busy: self.busy.load(Relaxed),
            failed: self.failed.load(Relaxed),
            report: self.health.as_ref().map(|health| health.report()),
        }
    }
}
