//! Whether a document is worth its room, asked before it is stored. HTTP has been obeyed by then: what is asked about
//! may be stored; this says whether it should be.
//!
//! An admission policy sees the same policy-neutral columns as a replacement policy and keeps no clock and no random
//! source of its own (one that draws is seeded), so a replay decides as the proxy does. It decides nothing about what
//! goes instead: that is [`super::Replacement`]'s.

use std::borrow::Cow;

use super::{Document, HitEvents, Parameter, Settings, Spec, SpecError};
use crate::time::Tick;

/// A document that may be stored and is not, as an admission policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The columns as they would be: `size` is what would be charged, `uses` is 1, `created` and `last_used` are now,
    /// and `fetch_us` is what the fetch took so far.
    pub document: Document,
    /// Host of the target URI, in lower case; empty where it is not known, as in many traces.
    pub host: &'a str,
    /// Path and query of the target URI; empty where they are not known.
    pub path: &'a str,
}

impl Candidate<'_> {
    /// A candidate of which nothing is known but its columns.
    pub const fn of(document: Document) -> Self {
        Self { document, host: "", path: "" }
    }
}

/// What an admission policy says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct AdmissionManifest {
    /// The name operators use: lower case, words joined by `-`.
    pub name: Cow<'static, str>,
    /// One line for a list of policies.
    pub summary: Cow<'static, str>,
    /// Where the algorithm was published: authors, title, venue, year.
    pub paper: Cow<'static, str>,
    /// Whether hits must be told ([`Admission::hit`]).
    pub hit_events: HitEvents,
    /// Whether it names origins that are to be passed by ([`Admission::bypass`]).
    pub bypasses: bool,
    /// The numbers it can be given.
    pub parameters: Cow<'static, [Parameter]>,
}

/// How long an origin is passed by before it is looked at again: long enough to spare the cache, short enough to notice
/// an origin that has recovered.
pub const BYPASS_FOR: Tick = Tick::from_secs(60);

/// Why a document was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is larger than what is stored at all.
    TooLarge,
    /// It was not asked for before, as far as is remembered.
    FirstSeen,
    /// It lost the draw: a document of its size is admitted with a probability.
    Unlucky,
    /// A rule of a module or an operator.
    Rule,
}

impl Refusal {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::TooLarge, Self::FirstSeen, Self::Unlucky, Self::Rule];

    /// The word for it in metrics, logs and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::FirstSeen => "first-seen",
            Self::Unlucky => "unlucky",
            Self::Rule => "rule",
        }
    }
}

/// What an admission policy says to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Store it.
    Admit,
    /// Pass it on without storing it.
    Refuse(Refusal),
}

/// Decides whether documents are stored.
pub trait Admission: Send {
    /// Whether to store this document, which is not stored and may be. It is asked exactly once for each such miss,
    /// whatever it answered before, so this is also where a policy learns of misses. It answers at once, and what it
    /// keeps is bounded.
    fn admit(&mut self, candidate: &Candidate<'_>) -> Verdict;

    /// A stored document was used, now being its `last_used`. Told only when the manifest asks for hits, and lossy
    /// under overload like [`super::EventKind::Hit`].
    fn hit(&mut self, _document: &Document) {}

    /// Whether requests for what this origin has are to go past the cache for a while, neither looked up nor stored.
    /// Asked only when the manifest says that it is, after a candidate from that origin and off the path of requests;
    /// the answer holds for [`BYPASS_FOR`], so that an origin is looked at again.
    fn bypass(&mut self, _origin: u32, _host: &str) -> bool {
        false
    }

    /// Bytes the policy's own state takes.
    fn state_bytes(&self) -> usize;
}

/// How to make an admission policy: what the registry of them holds, one line each.
#[derive(Clone, Copy)]
pub struct AdmissionFactory {
    /// What the policy says of itself.
    pub manifest: fn() -> AdmissionManifest,
    /// A new instance before a cache of `capacity` (bytes, charged like [`Document::size`]).
    pub build: fn(capacity: u64, settings: &Settings) -> Box<dyn Admission>,
}

/// An admission policy with the numbers it is to be built with.
#[derive(Clone)]
pub struct AdmissionChoice {
    factory: AdmissionFactory,
    settings: Settings,
    name: String,
}

impl AdmissionChoice {
    /// The policy of a registry that is written so (`size-threshold(max=64KiB)`); what is not said is at its default.
    ///
    /// # Errors
    /// When there is none of this name, or it does not take what it was given.
    pub fn parse(registry: &[AdmissionFactory], spec: &str) -> Result<Self, SpecError> {
        let spec = Spec::parse(spec)?;
        let factory = *spec.find(registry, |factory| (factory.manifest)().name)?;
        let settings = spec.settings(&(factory.manifest)().parameters)?;
        Ok(Self { factory, settings, name: spec.to_string() })
    }

    /// What the policy says of itself, under the name as it was chosen.
    pub fn manifest(&self) -> AdmissionManifest {
        AdmissionManifest { name: Cow::Owned(self.name.clone()), ..(self.factory.manifest)() }
    }

    /// A new instance before a cache of `capacity` bytes.
    pub fn build(&self, capacity: u64) -> Box<dyn Admission> {
        (self.factory.build)(capacity, &self.settings)
    }
}
