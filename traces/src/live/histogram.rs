//! Response times of millions of requests in little memory: buckets 1/128 wide relative to their value, and what must be
//! exact beside them.

/// Durations seen, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: hdrhistogram::Histogram<u64>,
    sum: u64,
}

/// The longest that is told apart, in nanoseconds: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

impl Default for Histogram {
    fn default() -> Self {
        let buckets = hdrhistogram::Histogram::new_with_max(LONGEST_NS, 2);
        Self { buckets: buckets.expect("two digits up to an hour are in bounds"), sum: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, nanoseconds: u64) {
        self.buckets.saturating_record(nanoseconds);
        self.sum = self.sum.saturating_add(nanoseconds);
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.len()
    }

    /// Their exact mean in nanoseconds; 0 of none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count().max(1) as f64
    }

    /// The longest, in nanoseconds, to two digits.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.buckets.max()
    }

    /// The duration that this share (0 to 1) of all does not exceed, in nanoseconds, up to 1/128 too high; 0 of none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        self.buckets.value_at_quantile(share)
    }

    /// Counts everything that another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.add(&other.buckets).expect("both have the same bounds");
        self.sum = self.sum.saturating_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks() {
        let mut all = Histogram::default();
        (1..=1000).for_each(|value| all.add(value * 1000));
        let is_near = |value: u64, exact: u64| value >= exact && value - exact <= exact / 128;
        for share in [0.5, 0.95, 0.999, 1.0] {
            let exact = (share * 1e6) as u64;
            assert!(is_near(all.quantile(share), exact), "{share}: {}", all.quantile(share));
        }
        assert!((all.mean() - 500_500.0).abs() < 1e-6 && is_near(all.most(), 1_000_000));
        let mut twice = all.clone();
        twice.merge(&all);
        assert_eq!((twice.count(), twice.mean()), (2000, all.mean()));
        assert_eq!((Histogram::default().quantile(0.5), Histogram::default().mean()), (0, 0.0));
    }
}
