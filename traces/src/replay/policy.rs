//! From what a policy is called to one that decides: the one place where a name, or the file of a module, is looked up.

use std::fmt;
use std::sync::Arc;

use cnn_core::policy::{PrepareError, Prepared};
use thiserror::Error;

type Prepare = dyn Fn(u64, usize) -> Result<Prepared, PrepareError> + Send + Sync;

/// A policy that can be made as often as there are cells.
#[derive(Clone)]
pub struct Policy {
    name: String,
    prepare: Arc<Prepare>,
}

/// Why there is no policy for what was written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Nothing goes by this name.
    #[error("no policy is called {name:?}; there are {known}")]
    Name {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl Policy {
    /// The policy that is written so.
    ///
    /// # Errors
    /// When there is none.
    pub fn resolve(spec: &str) -> Result<Self, UnknownPolicy> {
        let factory = cnn_policies::find(spec).ok_or_else(|| {
            let known = cnn_policies::registry().iter().map(|factory| (factory.manifest)().name);
            UnknownPolicy::Name {
                name: spec.chars().take(60).collect(),
                known: known.collect::<Vec<_>>().join(", "),
            }
        })?;
        Ok(Self::new(spec, move |capacity, slots_max| Prepared::new(factory, capacity, slots_max)))
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

/// Splits a list at its commas, those within parentheses aside: `lru,s3-fifo(small=0.2,ghosts=1)` are two.
pub fn split_list(list: &str) -> Vec<&str> {
    let (mut depth, mut from) = (0_usize, 0);
    let mut parts = Vec::new();
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(list[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[from..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let error = Policy::resolve("LRU").unwrap_err().to_string();
        assert!(error.starts_with("no policy is called \"LRU\"; there are lru, fifo"), "{error}");
        assert_eq!(Policy::resolve("gdsf").unwrap().name(), "gdsf");
    }

    #[test]
    fn a_list_is_split_at_commas_outside_of_parentheses() {
        assert_eq!(split_list("lru, gdsf"), ["lru", "gdsf"]);
        assert_eq!(split_list("a(x=1,y=2),b"), ["a(x=1,y=2)", "b"]);
        assert_eq!(split_list("a(x,b"), ["a(x,b"]);
        assert_eq!(split_list("a),b"), ["a)", "b"]);
    }
}
