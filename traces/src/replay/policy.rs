//! From what a policy is called to one that decides: the one place where a name, or the file of a module, is looked up.

use std::fmt;
use std::sync::Arc;

use cnn_core::policy::{PrepareError, Prepared, SpecError};

type Prepare = dyn Fn(u64, usize) -> Result<Prepared, PrepareError> + Send + Sync;

/// A policy that can be made as often as there are cells.
#[derive(Clone)]
pub struct Policy {
    name: String,
    prepare: Arc<Prepare>,
}

impl Policy {
    /// The policy that is written so: `lru`, `s3-fifo(small=0.2)`.
    ///
    /// # Errors
    /// When there is none.
    pub fn resolve(spec: &str) -> Result<Self, SpecError> {
        let choice = cnn_policies::choose(spec)?;
        let name = choice.manifest().name.into_owned();
        Ok(Self::new(name, move |capacity, slots_max| Prepared::chosen(&choice, capacity, slots_max)))
    }

    /// A policy from whatever makes one for a capacity (in units) and so many slots.
    pub fn new(
        name: impl Into<String>,
        prepare: impl Fn(u64, usize) -> Result<Prepared, PrepareError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), prepare: Arc::new(prepare) }
    }

    /// The name reports have for it: as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An instance for a cache of `capacity` units and at most `slots_max` documents.
    ///
    /// # Errors
    /// When the policy is not what it says of itself.
    pub fn prepare(&self, capacity: u64, slots_max: usize) -> Result<Prepared, PrepareError> {
        (self.prepare)(capacity, slots_max)
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Policy").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_goes_by_the_name_it_was_given() {
        assert_eq!(Policy::resolve("gdsf").unwrap().name(), "gdsf");
        assert!(Policy::resolve("LRU").is_err());
        assert!(Policy::resolve("lru(").is_err());
    }
}
