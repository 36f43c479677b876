//! The gate before the store: asked once for each response that may be stored and is not, after its origin's head.
//!
//! A response whose length is not declared is asked about when it is whole, for its size is what most policies judge by;
//! until then it is stored like any other, and its `Cache-Status` says so.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use cnn_core::policy::{
    Admission, AdmissionManifest, Candidate, Document, HitEvents, HitListener, Refusal, Verdict,
};
use cnn_core::time::{Tick, UnixSecs};

use super::bypass::Bypass;
use super::follower::{self, Told};
use super::{Answers, Prepared, Seat};
use crate::metrics::Metrics;

/// The admission policy at work.
pub(crate) struct Gate {
    seat: Arc<Seat<dyn Admission>>,
    /// What it said of itself when it came.
    pub(crate) manifest: AdmissionManifest,
    /// Its follower, where it wants to be told more than questions.
    told: Option<SyncSender<Told>>,
    /// The origins that are passed by, where it names any.
    bypass: Option<Arc<Bypass>>,
}

impl Gate {
    /// Puts an instance to work.
    ///
    /// # Errors
    /// When it needs a thread and there is none.
    pub(crate) fn new(
        prepared: Prepared<dyn Admission, AdmissionManifest>,
        by: String,
        since: UnixSecs,
    ) -> io::Result<Self> {
        let manifest = prepared.manifest.clone();
        let seat = Arc::new(Seat::new(prepared, by, since));
        let bypass = manifest.bypasses.then(Arc::<Bypass>::default);
        let is_followed = manifest.hit_events == HitEvents::Needed || manifest.bypasses;
        let told = is_followed.then(|| follower::start(seat.clone(), bypass.clone())).transpose()?;
        Ok(Self { seat, manifest, told, bypass })
    }

    /// The policy as it was written.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.seat.name
    }

    /// Who put it here, and when.
    pub(crate) fn origin(&self) -> (&str, UnixSecs) {
        (&self.seat.by, self.seat.since)
    }

    /// Whether to store a response. Without an answer it is stored.
    pub(crate) fn verdict(&self, candidate: &Candidate<'_>, metrics: &Metrics) -> Verdict {
        let answer = self.seat.ask(|policy| policy.admit(candidate));
        metrics.admission.increment(match answer {
            Ok(Verdict::Admit) => "admitted",
            Ok(Verdict::Refuse(why)) => why.as_str(),
            Err(why) => why.as_str(),
        });
        if let (Some(told), Some(_)) = (&self.told, &self.bypass) {
            let (number, host) = (candidate.document.origin, candidate.host.into());
            // A follower that lags behind is told of the origin another time.
            let _ = told.try_send(Told::Origin { number, host, now: candidate.document.created });
        }
        answer.unwrap_or(Verdict::Admit)
    }

    /// Whether any origin may be passed by: what a request asks before it works out its origin's number.
    pub(crate) fn may_pass_by(&self) -> bool {
        self.bypass.is_some()
    }

    /// Whether requests for an origin are neither looked up nor stored now.
    pub(crate) fn passes_by(&self, origin: u32, now: Tick) -> bool {
        self.bypass.as_ref().is_some_and(|bypass| bypass.has(origin, now)) && !self.seat.is_quarantined()
    }

    /// Who is to be told of hits, if the policy wants them.
    pub(crate) fn listener(&self) -> Option<HitListener> {
        let told = self.told.clone().filter(|_| self.manifest.hit_events == HitEvents::Needed)?;
        Some(Box::new(move |hits: &[Document]| {
            // Hits are lossy: what a follower that lags behind is not told is in the columns.
            let _ = told.try_send(Told::Hits(hits.into()));
        }))
    }

    /// Whether it failed so often that it is not asked any more.
    pub(crate) fn is_quarantined(&self) -> bool {
        self.seat.is_quarantined()
    }

    /// What came of the questions so far, and the bytes of its state.
    pub(crate) fn answers(&self) -> (Answers, u64) {
        let bytes = self.seat.ask_slowly(|policy| policy.state_bytes()).unwrap_or(0);
        (self.seat.answers(), bytes as u64)
    }

    /// Hosts of the origins that are passed by.
    pub(crate) fn passed_by(&self, now: Tick) -> Vec<String> {
        self.bypass.as_ref().map(|bypass| bypass.hosts(now)).unwrap_or_default()
    }
}

/// What `Cache-Status` says of a response that was not admitted.
pub(crate) const fn detail(why: Refusal) -> &'static str {
    match why {
        Refusal::TooLarge => "not-admitted:too-large",
        Refusal::FirstSeen => "not-admitted:first-seen",
        Refusal::Unlucky => "not-admitted:unlucky",
        Refusal::Rule => "not-admitted:rule",
    }
}
