//! From what an operator writes to an instance that can be asked: looked up, read, compiled and built before anything
//! changes.

use std::sync::{Arc, OnceLock};

use cnn_core::policy::{Admission, AdmissionManifest, Freshness, FreshnessManifest};
use cnn_modules::{
    AdmissionSource, FreshnessSource, Health, Host, Library, LoadError, Metering, SourceError, is_file,
};
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
    Source(#[from] SourceError),
    /// There is no compiler for modules on this machine.
    #[error(transparent)]
    Host(#[from] LoadError),
    /// The follower of a filter that wants more than questions has no thread.
    #[error("cannot start the admission filter's thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The engine that tells it of hits is on its way down.
    #[error(transparent)]
    Stopped(#[from] crate::engine::Stopped),
}

/// Where modules become filters, once one has been asked for: metered by instructions, since workers wait.
#[derive(Default)]
pub(crate) struct FilterHost(OnceLock<Result<Host, LoadError>>);

impl FilterHost {
    fn host(&self) -> Result<&Host, LoadError> {
        self.0.get_or_init(|| Host::new(Metering::Fuel, None)).as_ref().map_err(Clone::clone)
    }

    /// The admission policy that is written so, before a cache of `capacity` bytes; nobody for `none`.
    pub(super) fn admission(
        &self,
        library: &Library,
        spec: &str,
        capacity: u64,
    ) -> Result<Option<Prepared<dyn Admission, AdmissionManifest>>, FilterError> {
        if spec.trim() == NONE {
            return Ok(None);
        }
        let source = match library.get(bare(spec)) {
            Some(loaded) => self.host()?.admission_of(&loaded, spec)?,
            None if is_file(spec) => self.host()?.admission(spec)?,
            None => AdmissionSource::built_in(spec)?,
        };
        let built = source.build(capacity)?;
        let (manifest, instance, health) = (built.manifest, built.instance, built.health);
        Ok(Some(Prepared { name: source.name().to_owned(), manifest, instance, health }))
    }

    /// The freshness rules that are written so; nobody for `none`.
    pub(super) fn freshness(
        &self,
        library: &Library,
        spec: &str,
    ) -> Result<Option<Prepared<dyn Freshness, FreshnessManifest>>, FilterError> {
        if spec.trim() == NONE {
            return Ok(None);
        }
        let source = match library.get(bare(spec)) {
            Some(loaded) => self.host()?.freshness_of(&loaded, spec)?,
            None if is_file(spec) => self.host()?.freshness(spec)?,
            None => FreshnessSource::built_in(spec)?,
        };
        let built = source.build()?;
        let (manifest, instance, health) = (built.manifest, built.instance, built.health);
        Ok(Some(Prepared { name: source.name().to_owned(), manifest, instance, health }))
    }
}

/// The name of a filter without what it is given.
fn bare(spec: &str) -> &str {
    spec.split('(').next().unwrap_or_default().trim()
}
