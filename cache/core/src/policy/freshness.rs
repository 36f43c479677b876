//! How long responses stay fresh, as an operator's rules have it. Asked when a response is about to be stored and when a
//! 304 has confirmed one, never on a hit; what a rule may say is in [`crate::rfc9111::refresh`].
//!
//! Rules keep no clock and no random source, so the same response gets the same lifetime on any machine.

use std::borrow::Cow;

use super::{Parameter, Settings, Spec, SpecError};
use crate::rfc9111::{Described, Refresh};

/// What freshness rules say of themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct FreshnessManifest {
    /// The name operators use: lower case, words joined by `-`.
    pub name: Cow<'static, str>,
    /// One line for a list.
    pub summary: Cow<'static, str>,
    /// Where they are described.
    pub paper: Cow<'static, str>,
    /// The numbers they can be given.
    pub parameters: Cow<'static, [Parameter]>,
}

/// Rules for lifetimes.
pub trait Freshness: Send {
    /// The rule for this response; none to leave it to HTTP. It answers at once, and what it keeps is bounded.
    fn refresh(&mut self, response: &Described<'_>) -> Option<Refresh>;

    /// Bytes of its own state.
    fn state_bytes(&self) -> usize {
        0
    }
}

/// How to make rules: what the registry of them holds, one line each.
#[derive(Clone, Copy)]
pub struct FreshnessFactory {
    /// What they say of themselves.
    pub manifest: fn() -> FreshnessManifest,
    /// A new instance.
    pub build: fn(settings: &Settings) -> Box<dyn Freshness>,
}

/// Rules with the numbers they are to be built with.
#[derive(Clone)]
pub struct FreshnessChoice {
    factory: FreshnessFactory,
    settings: Settings,
    name: String,
}

impl FreshnessChoice {
    /// The rules of a registry that are written so (`refresh(percent=50)`); what is not said is at its default.
    ///
    /// # Errors
    /// When there are none of this name, or they do not take what they were given.
    pub fn parse(registry: &[FreshnessFactory], spec: &str) -> Result<Self, SpecError> {
        let spec = Spec::parse(spec)?;
        let factory = *spec.find(registry, |factory| (factory.manifest)().name)?;
        let settings = spec.settings(&(factory.manifest)().parameters)?;
        Ok(Self { factory, settings, name: spec.to_string() })
    }

    /// What the rules say of themselves, under the name as they were chosen.
    pub fn manifest(&self) -> FreshnessManifest {
        FreshnessManifest { name: Cow::Owned(self.name.clone()), ..(self.factory.manifest)() }
    }

    /// A new instance.
    pub fn build(&self) -> Box<dyn Freshness> {
        (self.factory.build)(&self.settings)
    }
}
