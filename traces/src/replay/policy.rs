//! From what a policy is called to one that decides: the one place where a name is looked up. Modules come from whoever has
//! a host for them, as a policy that tells what its instances did wrong.

use std::fmt;
use std::sync::Arc;

use cnn_core::policy::{PrepareError, Prepared, SpecError};

type Prepare = dyn Fn(u64, usize) -> Result<Instance, PrepareError> + Send + Sync;

/// A policy that can be made as often as there are cells.
#[derive(Clone)]
pub struct Policy {
    name: String,
    prepare: Arc<Prepare>,
}

/// A policy made for one cache.
pub struct Instance {
    /// What the engine asks.
    pub prepared: Prepared,
    /// Who tells what it did wrong; nobody for what is built in.
    pub health: Option<Health>,
}

/// Asked once the instance has decided all it will.
pub type Health = Box<dyn Fn() -> Ailing + Send>;

/// What an instance of a module did wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ailing {
    /// Calls that failed: they trapped, used their instructions up, or returned what cannot be.
    pub calls: u64,
    /// What the last of them ended with.
    pub last: Option<String>,
    /// Whether it failed so often that it was not called any more.
    pub is_stopped: bool,
}

impl Policy {
    /// The policy built in that is written so: `lru`, `s3-fifo(small=0.2)`.
    ///
    /// # Errors
    /// When there is none.
    pub fn resolve(spec: &str) -> Result<Self, SpecError> {
        let choice = cnn_policies::choose(spec)?;
        let name = choice.manifest().name.into_owned();
        let prepare = move |capacity, slots_max| Prepared::chosen(&choice, capacity, slots_max);
        Ok(Self::new(name, move |capacity, slots_max| prepare(capacity, slots_max).map(Instance::from)))
    }

    /// A policy from whatever makes an instance for a capacity (in units) and so many slots.
    pub fn new(
        name: impl Into<String>,
        prepare: impl Fn(u64, usize) -> Result<Instance, PrepareError> + Send + Sync + 'static,
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
    pub fn prepare(&self, capacity: u64, slots_max: usize) -> Result<Instance, PrepareError> {
        (self.prepare)(capacity, slots_max)
    }
}

impl From<Prepared> for Instance {
    /// One that nobody watches.
    fn from(prepared: Prepared) -> Self {
        Self { prepared, health: None }
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
