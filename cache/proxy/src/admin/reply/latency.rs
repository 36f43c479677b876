//! Percentiles from the counts of a histogram's buckets; the proxy and the live view read them the same way.

use serde::{Deserialize, Serialize};

/// Percentiles of a latency in microseconds, each the upper bound of the bucket it fell in (for the last bucket, which
/// has none, its lower bound); 0 where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// Half were faster.
    pub p50_us: u64,
    /// Nine in ten were faster.
    pub p90_us: u64,
    /// 99 in a hundred were faster.
    pub p99_us: u64,
    /// 999 in a thousand were faster.
    pub p999_us: u64,
}

impl Latency {
    /// From the counts of buckets with these upper bounds (microseconds, rising); one more count than bounds is of
    /// what was slower than the last.
    pub fn of(bounds_us: &[u64], counts: &[u64]) -> Self {
        let total: u64 = counts.iter().sum();
        let at = |per_mille: u64| {
            let rank = (total * per_mille).div_ceil(1000).max(1);
            let mut seen = 0;
            let bucket = counts.iter().position(|count| {
                seen += count;
                seen >= rank
            });
            let bound = bucket.and_then(|bucket| bounds_us.get(bucket).or(bounds_us.last()));
            bound.copied().unwrap_or(0)
        };
        Self { p50_us: at(500), p90_us: at(900), p99_us: at(990), p999_us: at(999) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_bound_of_the_bucket_it_fell_in() {
        let check = |counts: &[u64], expected: [u64; 4]| {
            let [p50_us, p90_us, p99_us, p999_us] = expected;
            let latency = Latency::of(&[10, 100, 1000], counts);
            assert_eq!(latency, Latency { p50_us, p90_us, p99_us, p999_us }, "{counts:?}");
        };
        check(&[0, 0, 0, 0], [0, 0, 0, 0]);
        check(&[1, 0, 0, 0], [10, 10, 10, 10]);
        check(&[50, 40, 9, 1], [10, 100, 1000, 1000]);
        check(&[0, 0, 0, 5], [1000, 1000, 1000, 1000]);
        check(&[], [0, 0, 0, 0]);
    }
}
