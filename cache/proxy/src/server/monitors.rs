//! The monitors that the configuration names: attached before the first request, and brought to what it says by a reload.
//! What an operator has attached by hand is left alone.

use cnn_modules::BuiltMonitor;

use super::shared::Shared;
use crate::engine::{Engine, UseError};
use crate::monitor::AttachError;

/// Why a monitor of the configuration is not attached. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// There is none that is written so.
    #[error("cannot attach the monitor {spec}: {source}")]
    Build {
        /// What the configuration says.
        spec: String,
        /// Why.
        source: Box<UseError>,
    },
    /// It cannot be attached.
    #[error("cannot attach the monitor {spec}: {source}")]
    Attach {
        /// What the configuration says.
        spec: String,
        /// Why.
        source: AttachError,
    },
}

/// Who attaches these.
const BY: &str = "the configuration";

/// Makes ready those that are not attached yet.
pub(super) fn prepare(
    shared: &Shared,
    engine: &Engine,
    specs: &[String],
) -> Result<Vec<(String, BuiltMonitor)>, MonitorError> {
    let attached = shared.monitors.list();
    let wanted = specs.iter().filter(|spec| !attached.iter().any(|it| it.spec == **spec));
    let built = wanted.map(|spec| {
        let fail = |error| MonitorError::Build { spec: spec.clone(), source: Box::new(error) };
        let built = engine.monitor(spec).map_err(fail)?;
        shared
            .monitors
            .check(&built)
            .map_err(|source| MonitorError::Attach { spec: spec.clone(), source })?;
        Ok((spec.clone(), built))
    });
    built.collect()
}

/// Attaches what was made ready, all that can be; what cannot after all (two of one name) is returned.
pub(super) fn attach(shared: &Shared, built: Vec<(String, BuiltMonitor)>) -> Result<(), MonitorError> {
    let attached = built.into_iter().map(|(spec, built)| match shared.monitors.attach(built, &spec, BY) {
        Ok(_) => Ok(()),
        Err(source) => Err(MonitorError::Attach { spec, source }),
    });
    // Every one is tried before the first error is looked for.
    attached.collect::<Vec<_>>().into_iter().collect()
}

/// Detaches those that the configuration had named and does not name any more.
pub(super) fn detach_others(shared: &Shared, specs: &[String]) {
    let attached = shared.monitors.list();
    for gone in attached.iter().filter(|it| it.by == BY && !specs.contains(&it.spec)) {
        // Somebody may have been faster.
        let _ = shared.monitors.detach(&gone.name);
    }
}
