//! A reload: a new configuration takes the place of the old one while requests go on, or nothing changes at all.

use std::io;
use std::sync::Arc;

use cnn_core::policy::Reevaluate;
use parking_lot::Mutex;

use super::log_settings;
use super::monitors::{self, MonitorError};
use super::shared::{Settings, Shared, dns_settings};
use crate::config::{self, Config, Reload};
use crate::engine::{Engine, UseError};
use crate::filters::{FilterError, Switching};
use crate::log::AccessLog;
use crate::report;

/// Replaces the configuration of a running server.
pub struct Reloading {
    pub(super) shared: Arc<Shared>,
    pub(super) engine: Engine,
    pub(super) log: Arc<Mutex<AccessLog>>,
}

/// Why a configuration was not taken over. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The access log could not be opened.
    #[error("cannot open the access log {target}: {source}")]
    Log {
        /// Where it was to go.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// A monitor could not be attached.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// The policy could not be used.
    #[error("cannot use the policy: {0}")]
    Policy(#[from] UseError),
    /// The admission policy or the freshness rules could not be used.
    #[error("cannot use the filter: {0}")]
    Filter(#[from] FilterError),
}

impl Reloading {
    /// Takes over what may change while the server runs, and opens the log anew, as after `logrotate`. Says which keys
    /// changed. Requests under way keep the settings they began with.
    ///
    /// # Errors
    /// When the log cannot be opened or the policy cannot be used; nothing has changed then.
    pub fn reload(&self, config: Config) -> Result<Reload, ReloadError> {
        let switching = Switching { shared: self.shared.clone(), engine: self.engine.clone() };
        let by = || "reload".to_owned();
        let _one = self.shared.changing.lock();
        let old = self.shared.settings.load_full();
        let reload = config::diff(&old.config, &config);
        let config = config::merged(&old.config, &config);
        // First what may fail and can be taken back unseen.
        let mut filters = old.filters.clone();
        if reload.applies("admission") {
            filters.admission = switching.gate(&config.admission, by())?;
        }
        if reload.applies("freshness.rules") {
            filters.freshness = switching.rules(&config.freshness.rules, by())?;
        }
        let monitors = match reload.applies("monitors") {
            true => monitors::prepare(&self.shared, &self.engine, &config.monitors)?,
            false => Vec::new(),
        };
        self.reopen(&config)?;
        if reload.applies("policy")
            && let Err(error) = self.engine.use_policy(&config.policy, Reevaluate::default(), "reload")
        {
            self.reopen(&old.config)?;
            return Err(error.into());
        }
        if reload.applies("monitors") {
            monitors::detach_others(&self.shared, &config.monitors);
            if let Err(error) = monitors::attach(&self.shared, monitors) {
                report::warning(format_args!("{error}"));
            }
        }
        let repository = &self.shared.repository;
        repository.set_limit(config.memory.0);
        repository.set_object_bytes_max(config.object_bytes_max());
        if reload.applies("deadlines.dns") {
            self.shared.resolver.set_settings(dns_settings(&config));
        }
        if reload.applies("admission") {
            // An engine on its way down tells nobody of hits any more.
            let _ = self.engine.listen(filters.admission.as_ref().and_then(|gate| gate.listener()));
        }
        self.shared.settings.store(Arc::new(Settings::new(config, &self.shared.own, filters)));
        Ok(reload)
    }

    fn reopen(&self, config: &Config) -> Result<(), ReloadError> {
        let opened = self.log.lock().reopen(&config.access_log, log_settings(config));
        opened.map_err(|source| ReloadError::Log { target: config.access_log.to_string(), source })
    }
}
