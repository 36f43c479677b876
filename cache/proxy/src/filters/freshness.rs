//! The rules for lifetimes: asked once for each response that is about to be stored, and for each stored one that a 304
//! has confirmed. What is stored already keeps the lifetime it has until it is validated: rules are for what comes, and
//! looking at every document again would make a change take as long as the cache is large.

use std::sync::Arc;

use cnn_core::policy::{Freshness, FreshnessManifest};
use cnn_core::rfc9111::{Described, Refresh};
use cnn_core::time::UnixSecs;

use super::{Answers, Prepared, Seat};
use crate::metrics::Metrics;

/// The rules at work.
pub(crate) struct Rules {
    seat: Seat<dyn Freshness>,
    /// What they said of themselves when they came.
    pub(crate) manifest: FreshnessManifest,
}

impl Rules {
    /// Puts an instance to work.
    pub(crate) fn new(
        prepared: Prepared<dyn Freshness, FreshnessManifest>,
        by: String,
        since: UnixSecs,
    ) -> Self {
        let manifest = prepared.manifest.clone();
        Self { seat: Seat::new(prepared, by, since), manifest }
    }

    /// The rules as they were written.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.seat.name
    }

    /// Who put them here, and when.
    pub(crate) fn origin(&self) -> (&str, UnixSecs) {
        (&self.seat.by, self.seat.since)
    }

    /// The rule for a response. Without an answer there is none.
    pub(crate) fn rule(&self, response: &Described<'_>, metrics: &Metrics) -> Option<Refresh> {
        let answer = self.seat.ask(|rules| rules.refresh(response));
        metrics.freshness.increment(match answer {
            Ok(Some(_)) => "ruled",
            Ok(None) => "kept",
            Err(why) => why.as_str(),
        });
        answer.ok().flatten()
    }

    /// Whether they failed so often that they are not asked any more.
    pub(crate) fn is_quarantined(&self) -> bool {
        self.seat.is_quarantined()
    }

    /// What came of the questions so far, and the bytes of their state.
    pub(crate) fn answers(&self) -> (Answers, u64) {
        let bytes = self.seat.ask_slowly(|rules| rules.state_bytes()).unwrap_or(0);
        (self.seat.answers(), bytes as u64)
    }
}
