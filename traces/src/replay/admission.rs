//! Who is asked before a document is stored: something that makes an admission policy for each cell, so that modules come
//! from whoever has a host for them.

use std::fmt;
use std::sync::Arc;

use cnn_core::policy::{Admission, HitEvents, PrepareError, SpecError};

use super::policy::Health;

type Build = dyn Fn(u64) -> Result<Asked, PrepareError> + Send + Sync;

/// An admission policy that can be made as often as there are cells.
#[derive(Clone)]
pub struct Admitting {
    name: String,
    build: Arc<Build>,
}

/// An admission policy made for one cache.
pub struct Asked {
    /// The policy.
    pub policy: Box<dyn Admission>,
    /// Whether it is told of hits.
    pub hit_events: HitEvents,
    /// Whether it names origins to pass by.
    pub bypasses: bool,
    /// Who tells what it did wrong; nobody for what is built in.
    pub health: Option<Health>,
}

impl Admitting {
    /// The policy built in that is written so: `second-hit`, `size-threshold(max=64KiB)`.
    ///
    /// # Errors
    /// When there is none.
    pub fn resolve(spec: &str) -> Result<Self, SpecError> {
        let choice = cnn_policies::admission::choose(spec)?;
        let manifest = choice.manifest();
        let (hit_events, bypasses) = (manifest.hit_events, manifest.bypasses);
        let build = move |capacity| {
            let policy = choice.build(capacity);
            Ok(Asked { policy, hit_events, bypasses, health: None })
        };
        Ok(Self::new(manifest.name, build))
    }

    /// A policy from whatever makes an instance before a cache of a capacity (in units).
    pub fn new(
        name: impl Into<String>,
        build: impl Fn(u64) -> Result<Asked, PrepareError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), build: Arc::new(build) }
    }

    /// The name reports have for it: as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An instance before a cache of `capacity` units.
    ///
    /// # Errors
    /// When the module it is made of cannot be put to work.
    pub fn build(&self, capacity: u64) -> Result<Asked, PrepareError> {
        (self.build)(capacity)
    }
}

impl fmt::Debug for Admitting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Admitting").field(&self.name).finish()
    }
}
