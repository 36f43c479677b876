//! What is said of monitors: what they are, what they have seen, and the values they publish.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `GET /monitors`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MonitorList {
    /// Those attached, in the order in which they were.
    pub monitors: Vec<MonitorStatus>,
}

/// `POST /monitor/attach`, `POST /monitor/detach`: one monitor, and what it has come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MonitorStatus {
    /// The name it publishes under.
    pub name: String,
    /// What it does, in one line; may be empty.
    pub summary: String,
    /// What it was attached as: a file, or the name of a module.
    pub spec: String,
    /// `running`, or `quarantined`: not told of anything any more.
    pub state: String,
    /// Why it is quarantined.
    pub reason: Option<String>,
    /// Who attached it: `uid=1000 pid=4242`, or what part of the proxy.
    pub by: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// Requests it was told of.
    pub requests_seen: u64,
    /// Requests it was not told of because it was too slow.
    pub requests_lost: u64,
    /// Calls of its module; 0 for one that is built in.
    pub calls: u64,
    /// Calls that went wrong.
    pub faults: u64,
    /// What was wrong the last time.
    pub last_fault: Option<String>,
    /// Microseconds its thread was at work.
    pub busy_us: u64,
    /// Series it publishes.
    pub series: u64,
}

/// `GET /monitors/{name}`: one monitor with its values, counted up to the moment of the question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MonitorValues {
    /// The monitor.
    #[serde(flatten)]
    pub monitor: MonitorStatus,
    /// What it publishes, in the order in which it declares it.
    pub metrics: Vec<MetricValues>,
}

/// A metric with its series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricValues {
    /// Its name, as its monitor declares it.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// What it says.
    pub summary: String,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// Its series, by their labels.
    pub series: Vec<SeriesValue>,
    /// How often something was counted as `other` because there are too many series.
    pub overflowed: u64,
}

/// One series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeriesValue {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The value of a counter or gauge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The spread of a histogram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
}

/// How the values of a histogram are spread; nothing but zeros before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spread {
    /// How many there were.
    pub count: u64,
    /// All of them together.
    pub sum: f64,
    /// Their mean.
    pub mean: f64,
    /// Half of them were at most this, as far as the buckets tell: they are powers of two.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
}
