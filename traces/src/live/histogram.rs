//! Counts of durations in buckets that are 1/32 wide relative to their value: quantiles of millions in 16 KB.

/// Durations seen, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
    most: u64,
}

/// Each doubling is cut into this many buckets, as a power of two.
const FINENESS: u32 = 5;

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; (64 - FINENESS as usize) << FINENESS], count: 0, sum: 0, most: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn add(&mut self, nanoseconds: u64) {
        self.buckets[bucket(nanoseconds)] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(nanoseconds);
        self.most = self.most.max(nanoseconds);
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their exact mean in nanoseconds; 0 of none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// The longest, in nanoseconds.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.most
    }

    /// The duration that this share (0 to 1) of all does not exceed, in nanoseconds, up to 1/32 too high; 0 of none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = (self.count as f64 * share).ceil() as u64;
        let mut below = 0;
        for (number, count) in self.buckets.iter().enumerate() {
            below += count;
            if below >= rank.max(1) {
                return highest(number).min(self.most);
            }
        }
        0
    }

    /// Counts everything that another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.most = self.most.max(other.most);
        for (own, others) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += others;
        }
    }
}

fn bucket(value: u64) -> usize {
    let doublings = value.max(1).ilog2();
    if doublings < FINENESS {
        return value as usize;
    }
    let shift = doublings - FINENESS;
    (((shift as usize) << FINENESS) + (value >> shift) as usize)
        .min(((64 - FINENESS as usize) << FINENESS) - 1)
}

fn highest(bucket: usize) -> u64 {
    if bucket < 2 << FINENESS {
        return bucket as u64;
    }
    let shift = (bucket >> FINENESS) - 1;
    let base = (bucket - (shift << FINENESS)) as u64;
    ((base + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_a_bucket_that_ends_at_most_a_thirtysecond_above_it() {
        for value in (0..2000).chain([1_000_000, 123_456_789, u64::MAX / 3]) {
            let end = highest(bucket(value));
            assert!(end >= value && end - value <= value / 32, "{value}: {end}");
        }
    }

    #[test]
    fn quantiles_are_ranks() {
        let mut all = Histogram::default();
        (1..=1000).for_each(|value| all.add(value));
        assert_eq!(all.quantile(0.5) / 16, 500 / 16);
        assert_eq!(all.quantile(0.999) / 32, 999 / 32);
        assert_eq!(Histogram::default().quantile(0.5), 0);
        assert_eq!((all.mean(), all.most(), all.quantile(1.0)), (500.5, 1000, 1000));
        let mut twice = all.clone();
        twice.merge(&all);
        assert_eq!((twice.count(), twice.mean(), twice.quantile(0.5)), (2000, 500.5, all.quantile(0.5)));
    }
}
