//! Changing filters while the proxy serves: prepared first, then one pointer. Requests under way keep the filters they
//! began with.

use std::sync::Arc;

use super::{FilterError, Filters, Gate, NONE, Rules};
use crate::engine::Engine;
use crate::server::{Settings, Shared};

/// The hands that change the filters of a server.
#[derive(Clone)]
pub(crate) struct Switching {
    pub(crate) shared: Arc<Shared>,
    pub(crate) engine: Engine,
}

/// A change that was made: what is used now, and what was before.
pub(crate) struct Changed {
    pub(crate) now: Arc<str>,
    pub(crate) before: Arc<str>,
}

impl Switching {
    /// The filters in use.
    pub(crate) fn filters(&self) -> Filters {
        self.shared.settings.load().filters.clone()
    }

    /// Makes the admission policy that is written so the one that is asked from now on; nobody for `none`.
    ///
    /// # Errors
    /// When there is no such policy, or it cannot be used. Nothing has changed then.
    pub(crate) fn use_admission(&self, spec: &str, by: String) -> Result<Changed, FilterError> {
        let gate = self.gate(spec, by)?;
        let _one = self.shared.changing.lock();
        let before = admission_name(&self.filters());
        self.engine.listen(gate.as_ref().and_then(|gate| gate.listener()))?;
        self.put(Filters { admission: gate, ..self.filters() });
        Ok(Changed { now: admission_name(&self.filters()), before })
    }

    /// Makes the freshness rules that are written so those that are asked from now on; nobody for `none`.
    ///
    /// # Errors
    /// When there are no such rules, or they cannot be used. Nothing has changed then.
    pub(crate) fn use_freshness(&self, spec: &str, by: String) -> Result<Changed, FilterError> {
        let rules = self.rules(spec, by)?;
        let _one = self.shared.changing.lock();
        let before = freshness_name(&self.filters());
        self.put(Filters { freshness: rules, ..self.filters() });
        Ok(Changed { now: freshness_name(&self.filters()), before })
    }

    /// The gate for a spec, not at work yet.
    pub(crate) fn gate(&self, spec: &str, by: String) -> Result<Option<Arc<Gate>>, FilterError> {
        let capacity = self.shared.settings.load().config.memory.0;
        let prepared = self.shared.filter_host.admission(self.engine.library(), spec, capacity)?;
        let gate = prepared.map(|prepared| Gate::new(prepared, by, self.shared.clock.wall()));
        Ok(gate.transpose().map_err(FilterError::Thread)?.map(Arc::new))
    }

    /// The rules for a spec, not at work yet.
    pub(crate) fn rules(&self, spec: &str, by: String) -> Result<Option<Arc<Rules>>, FilterError> {
        let prepared = self.shared.filter_host.freshness(self.engine.library(), spec)?;
        Ok(prepared.map(|prepared| Arc::new(Rules::new(prepared, by, self.shared.clock.wall()))))
    }

    /// To be called by who holds `changing`.
    fn put(&self, filters: Filters) {
        let settings = self.shared.settings.load();
        let next = Settings::new(settings.config.clone(), &self.shared.own, filters);
        self.shared.settings.store(Arc::new(next));
    }
}

/// The admission policy of these filters as it was written, `none` for nobody.
pub(crate) fn admission_name(filters: &Filters) -> Arc<str> {
    filters.admission.as_ref().map_or_else(|| NONE.into(), |gate| gate.name().clone())
}

/// The freshness rules of these filters as they were written, `none` for nobody.
pub(crate) fn freshness_name(filters: &Filters) -> Arc<str> {
    filters.freshness.as_ref().map_or_else(|| NONE.into(), |rules| rules.name().clone())
}
