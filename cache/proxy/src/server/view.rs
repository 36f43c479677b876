//! The running server as others look at it: a scrape by Prometheus, an orchestrator's probe, the admin socket, and the
//! policy engine that wants to know whether it helps.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use cnn_core::policy::Traffic;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Phase;
use super::shared::Shared;
use crate::admin::{Counted, Live, Scripts};
use crate::engine::Engine;
use crate::filters::Switching;
use crate::log::AccessLog;
use crate::metrics::{Gauges, Metrics, Probe, Times};

/// What a scrape and an orchestrator ask.
pub(super) struct Scrape {
    pub(super) shared: Arc<Shared>,
    pub(super) engine: Engine,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) log: Arc<Mutex<AccessLog>>,
}

impl Probe for Scrape {
    fn metrics(&self) -> String {
        let usage = self.shared.repository.usage();
        let counts = self.shared.repository.board().counts();
        let evictions = [("policy", counts.policy_victims), ("fallback", counts.fallback_victims)];
        let monitors = self.shared.monitors.list();
        let status = self.engine.status().ok();
        // Files of one name are one module to whoever watches.
        let mut faults = BTreeMap::<String, u64>::new();
        for record in self.engine.library().ledger().records() {
            *faults.entry(record.name).or_default() += record.faults;
        }
        let module_faults: Vec<_> = faults.iter().map(|(name, &count)| (name.as_str(), count)).collect();
        let policy = status.as_ref().map_or("", |status| &status.policy.name);
        let filters = self.shared.settings.load().filters.clone();
        let (admission, freshness) = (filters.admission_asked(), filters.freshness_asked());
        self.shared.metrics.render(&Gauges {
            documents: usage.documents,
            stored_bytes: usage.used,
            memory_bytes_max: usage.limit,
            fills: usage.fills,
            dns: self.shared.resolver.counts(),
            evictions: &evictions,
            policy,
            admission: &admission,
            freshness: &freshness,
            // The first token is that of the policy at the start.
            switches: status.as_ref().map_or(0, |status| status.token.saturating_sub(1)),
            pending: status.as_ref().map_or(0, |status| status.pending as u64),
            faults: status.as_ref().map_or(0, |status| status.faults),
            module_faults: &module_faults,
            hit_events_dropped: counts.hits_dropped,
            log_lines_lost: self.log.lock().lost(),
            start_unix_secs: self.shared.started,
            monitors: &monitors,
        })
    }

    fn ready(&self) -> Result<(), &'static str> {
        match *self.phase.borrow() {
            Phase::Serve => Ok(()),
            Phase::Drain | Phase::Stop => Err("stopping"),
        }
    }
}

/// What was counted of requests that the cache could have answered.
pub(super) fn traffic(metrics: &Metrics) -> Traffic {
    let totals = metrics.totals();
    Traffic {
        requests: totals.hit_times.count() + totals.miss_times.count(),
        hits: totals.hits(),
        bytes: totals.hit_bytes + totals.miss_bytes,
        hit_bytes: totals.hit_bytes,
    }
}

/// The proxy as the admin socket sees it.
pub(super) fn live(shared: &Arc<Shared>, engine: &Engine, listening: &[SocketAddr], workers: usize) -> Live {
    let counting = shared.clone();
    let counted = move || {
        let totals = counting.metrics.totals();
        Counted {
            requests: totals.requests(),
            hits: totals.hits(),
            sent_bytes: totals.sent_bytes(),
            hit_bytes: totals.hit_bytes,
            bucket_bounds_us: Times::bounds_us(),
            hit_buckets: totals.hit_times.counts().to_vec(),
            miss_buckets: totals.miss_times.counts().to_vec(),
        }
    };
    Live {
        engine: engine.clone(),
        switching: Switching { shared: shared.clone(), engine: engine.clone() },
        repository: shared.repository.clone(),
        monitors: shared.monitors.clone(),
        not_stored: shared.not_stored.clone(),
        clock: shared.clock,
        workers,
        listen: listening.iter().map(SocketAddr::to_string).collect(),
        scripts: Scripts::new(engine.clone(), shared.repository.clone(), shared.clock, counted.clone()),
        counted: Box::new(counted),
    }
}
