//! What a live comparison found, per proxy.

use std::collections::BTreeMap;

use serde::Serialize;

use super::histogram::Histogram;
use crate::replay::mean_and_reach;

/// What a live comparison found.
#[derive(Clone, Debug, Serialize)]
pub struct LiveReport {
    /// The trace.
    pub trace: String,
    /// Requests through each proxy.
    pub requests: u64,
    /// Pieces that the trace was cut into.
    pub rounds: usize,
    /// What clients did: `closed loop, 8 connections` or `the trace's pace x 100, at most 256 connections`.
    pub pace: String,
    /// How the origin's latency was chosen, in words.
    pub latency: String,
    /// Documents whose latency was cut to the longest that is served.
    pub held_shorter: u64,
    /// The origin without any proxy.
    pub direct: ProxyReport,
    /// The proxies, in the order they were named.
    pub proxies: Vec<ProxyReport>,
}

/// What was seen of one proxy, or of none.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ProxyReport {
    /// Its name.
    pub name: String,
    /// Right answers.
    pub answered: u64,
    /// Those of them that were stored before they were asked for.
    pub hits: u64,
    /// Bytes of the bodies of right answers.
    pub bytes: u64,
    /// Those of hits.
    pub hit_bytes: u64,
    /// Requests without a whole answer with 200.
    pub failed: u64,
    /// Whole answers with a wrong byte.
    pub wrong: u64,
    /// In what ways requests failed, in words, and how many did.
    pub failures: BTreeMap<String, u64>,
    /// Connections that had to be opened again.
    pub reconnects: u64,
    /// Answers the origin gave meanwhile.
    pub origin_requests: u64,
    /// Bytes of their bodies.
    pub origin_bytes: u64,
    /// Response times of all right answers.
    pub all: Times,
    /// Of hits.
    pub hit: Times,
    /// Of misses, with the origin's latency.
    pub miss: Times,
    /// Of misses, above the time that the origin held the answer back.
    pub miss_above_origin: Times,
    /// What the proxy added, in comparison with no proxy; `None` for no proxy.
    pub added: Option<Added>,
    /// Microseconds of the proxy's processor time per request, all its processes, user and system.
    pub cpu_us: Option<f64>,
    /// How long its share of the rounds took, in seconds.
    pub seconds: f64,
    /// The mean response time of each round, in microseconds.
    pub round_means_us: Vec<f64>,
}

/// Response times in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// Exact.
    pub mean_us: f64,
    /// This and the others up to 1/128 too high.
    pub p50_us: f64,
    /// 95 of 100 were no slower.
    pub p95_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// To two digits.
    pub most_us: f64,
}

/// What a proxy added to response times, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Added {
    /// To a hit: its whole response time, of which sockets and clients are a part.
    pub hit_us: f64,
    /// To a miss: its time above what the origin held it back, less the same of the same request without a proxy.
    pub miss_us: f64,
}

impl From<&Histogram> for Times {
    fn from(seen: &Histogram) -> Self {
        let micros = |nanoseconds: u64| nanoseconds as f64 / 1000.0;
        let of = |share| micros(seen.quantile(share));
        Self {
            mean_us: seen.mean() / 1000.0,
            p50_us: of(0.5),
            p95_us: of(0.95),
            p99_us: of(0.99),
            most_us: micros(seen.most()),
        }
    }
}

impl ProxyReport {
    /// Hits of right answers, 0 to 1.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        ratio(self.hits, self.answered)
    }

    /// Bytes of hits of bytes, 0 to 1.
    #[must_use]
    pub fn byte_hit_ratio(&self) -> f64 {
        ratio(self.hit_bytes, self.bytes)
    }

    /// Failed and wrong answers.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.failed + self.wrong
    }

    /// By how much its mean response time exceeds another's, in microseconds: the mean over rounds, and half the width of
    /// its 95 % interval by the rounds' differences. `None` with fewer than two rounds.
    #[must_use]
    pub fn slower_than(&self, other: &Self) -> Option<(f64, f64)> {
        let pairs = self.round_means_us.iter().zip(&other.round_means_us);
        let differences: Vec<f64> = pairs.map(|(own, others)| own - others).collect();
        mean_and_reach(&differences)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_compared_in_pairs() {
        let report = |means: &[f64]| ProxyReport { round_means_us: means.to_vec(), ..ProxyReport::default() };
        // Rounds differ by far more than proxies do.
        let (slow, fast) = (report(&[110.0, 1010.0, 510.0]), report(&[100.0, 1000.0, 500.0]));
        assert_eq!(slow.slower_than(&fast), Some((10.0, 0.0)));
        assert_eq!(report(&[1.0]).slower_than(&report(&[1.0])), None);
    }
}
