//! What the admin socket does about monitors: attaches and detaches them, and says what they have come to.

use cnn_core::monitor::{Family, Series, Value};

use super::audit::Peer;
use super::live::Live;
use super::reply::{
    Fault, MetricValues, MonitorList, MonitorStatus, MonitorValues, Refusal, SeriesValue, Spread,
};
use crate::monitor::{Account, AttachError, NotAttached, State};

impl Live {
    pub(super) fn monitor_list(&self) -> MonitorList {
        MonitorList { monitors: self.monitors.list().iter().map(status).collect() }
    }

    pub(super) fn monitor_values(&self, name: &str) -> Result<MonitorValues, Refusal> {
        let account = self.monitors.show(name).map_err(|error| self.not_attached(&error))?;
        let metrics = account.metrics.families().iter().map(metric).collect();
        Ok(MonitorValues { monitor: status(&account), metrics })
    }

    pub(super) fn monitor_attach(&self, spec: &str, by: Peer) -> Result<MonitorStatus, Refusal> {
        let built = self.engine.monitor(spec)?;
        Ok(status(&self.monitors.attach(built, spec, &by.to_string())?))
    }

    pub(super) fn monitor_detach(&self, name: &str) -> Result<MonitorStatus, Refusal> {
        Ok(status(&self.monitors.detach(name).map_err(|error| self.not_attached(&error))?))
    }

    fn not_attached(&self, NotAttached(name): &NotAttached) -> Refusal {
        let all = self.monitors.list();
        let known: Vec<_> = all.iter().map(|account| account.name.as_str()).collect();
        Refusal::unknown("attached monitor", "name", name, known)
    }
}

impl From<AttachError> for Refusal {
    fn from(error: AttachError) -> Self {
        let fault = match error {
            AttachError::Attached(_) | AttachError::TooMany | AttachError::Clash { .. } => Fault::Conflict,
            AttachError::Thread(_) => Fault::Failed,
        };
        Self::new(fault, error.to_string())
    }
}

fn status(account: &Account) -> MonitorStatus {
    let (state, reason) = match &account.state {
        State::Running => ("running", None),
        State::Quarantined(why) => ("quarantined", Some(why.clone())),
    };
    let health = &account.health;
    MonitorStatus {
        name: account.name.clone(),
        summary: account.summary.clone(),
        spec: account.spec.clone(),
        state: state.to_owned(),
        reason,
        by: account.by.clone(),
        at: account.at.0,
        requests_seen: account.seen,
        requests_lost: account.lost,
        calls: health.calls,
        faults: health.traps.into(),
        last_fault: health.last_trap.clone(),
        busy_us: account.busy_ns / 1000,
        series: account.metrics.families().iter().map(|family| family.sorted().len() as u64).sum(),
    }
}

fn metric(family: &Family) -> MetricValues {
    let declared = family.declared();
    MetricValues {
        name: declared.name.clone(),
        kind: declared.shape.as_str().to_owned(),
        summary: declared.summary.clone(),
        labels: declared.labels.clone(),
        series: family.sorted().into_iter().map(|it| series(&declared.labels, it)).collect(),
        overflowed: family.overflowed(),
    }
}

fn series(names: &[String], series: &Series) -> SeriesValue {
    let labels = names.iter().zip(series.labels.iter());
    let labels = labels.map(|(name, value)| (name.clone(), value.to_string())).collect();
    let (value, spread) = match &series.value {
        Value::Number(number) => (Some(*number), None),
        Value::Spread(histogram) => {
            let quantile = |q: f64| histogram.quantile(q).unwrap_or_default();
            let spread = Spread {
                count: histogram.count(),
                sum: histogram.sum(),
                mean: histogram.mean().unwrap_or_default(),
                p50: quantile(0.5),
                p90: quantile(0.9),
                p99: quantile(0.99),
            };
            (None, Some(spread))
        }
    };
    SeriesValue { labels, value, spread }
}
