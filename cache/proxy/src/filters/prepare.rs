//! From what an operator writes to an instance that can be asked: looked up, read, compiled and built before anything
//! changes.

use std::sync::Arc;

use cnn_core::policy::{Admission, AdmissionManifest, Freshness, FreshnessManifest, SpecError};
use cnn_modules::Health;
use thiserror::Error;

/// What is written for no filter.
pub const NONE: &str = "none";

/// An instance with what it says of itself.
pub(crate) struct Prepared<T: ?Sized, M> {
    /// The filter as it was written.
    pub(crate) name: String,
    pub(crate) manifest: M,
    pub(crate) instance: Box<T>,
    /// What a module does; none for what is built in.
    pub(crate) health: Option<Arc<Health>>,
}

/// Why a filter is not used. Nothing has changed.
#[derive(Debug, Error)]
pub enum FilterError {
    /// There is none that is written so.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The follower of a filter that wants more than questions has no thread.
    #[error("cannot start the admission filter's thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The engine that tells it of hits is on its way down.
    #[error(transparent)]
    Stopped(#[from] crate::engine::Stopped),
}

/// The admission policy that is written so, before a cache of `capacity` bytes; nobody for `none`.
pub(crate) fn admission(
    spec: &str,
    capacity: u64,
) -> Result<Option<Prepared<dyn Admission, AdmissionManifest>>, FilterError> {
    if spec.trim() == NONE {
        return Ok(None);
    }
    let choice = cnn_policies::admission::choose(spec)?;
    let (manifest, instance) = (choice.manifest(), choice.build(capacity));
    Ok(Some(Prepared { name: manifest.name.clone().into_owned(), manifest, instance, health: None }))
}

/// The freshness rules that are written so; nobody for `none`.
pub(crate) fn freshness(
    spec: &str,
) -> Result<Option<Prepared<dyn Freshness, FreshnessManifest>>, FilterError> {
    if spec.trim() == NONE {
        return Ok(None);
    }
    let choice = cnn_policies::freshness::choose(spec)?;
    let (manifest, instance) = (choice.manifest(), choice.build());
    Ok(Some(Prepared { name: manifest.name.clone().into_owned(), manifest, instance, health: None }))
}
