//! How long things took: counts in buckets whose width is a sixteenth of their power of two, so that any percentile is
//! known to 6 % (after HdrHistogram). One thread adds, any may read.

use std::time::Duration;

use super::counter::Counter;

/// Buckets for each power of two, and below which each microsecond has its own.
const PER_POWER: usize = 16;

/// Powers of two that are told apart: up to 2^36 us, 19 hours. What took longer counts in the last bucket.
const POWERS: usize = 32;

/// Buckets in all.
const BUCKETS: usize = PER_POWER + POWERS * PER_POWER;

/// A histogram of times.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[Counter; BUCKETS]>,
    sum_us: Counter,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: Box::new(std::array::from_fn(|_| Counter::default())), sum_us: Counter::default() }
    }
}

impl Histogram {
    /// Counts one more.
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(micros)].increment();
        self.sum_us.add(micros);
    }

    /// The counts as they are now.
    pub fn times(&self) -> Times {
        let mut times = Times::default();
        times.add(self);
        times
    }
}

/// The counts of one or several histograms at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    counts: Vec<u64>,
    sum_us: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], sum_us: 0 }
    }
}

impl Times {
    /// Adds the counts of another worker's histogram.
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(histogram.buckets.iter()) {
            *count += more.count();
        }
        self.sum_us = self.sum_us.wrapping_add(histogram.sum_us.count());
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// What came since an earlier moment.
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.counts.iter().zip(&earlier.counts);
        let counts = pairs.map(|(now, then)| now.saturating_sub(*then)).collect();
        Self { counts, sum_us: self.sum_us.saturating_sub(earlier.sum_us) }
    }

    /// The count of every bucket.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The longest time of every bucket but the last, in microseconds, rising.
    pub fn bounds_us() -> Vec<u64> {
        (1..BUCKETS).map(|bucket| start_of(bucket) - 1).collect()
    }

    /// The time, in microseconds, that this share of them did not exceed; none when there were none.
    pub fn quantile_us(&self, share: f64) -> Option<u64> {
        let total = self.count();
        let rank = ((total as f64 * share).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(start_of((bucket + 1).min(BUCKETS - 1)) - 1)
    }

    /// How many took less than this power of two in microseconds.
    pub(super) fn below_power(&self, power: u32) -> u64 {
        self.counts[..bucket_of(1 << power)].iter().sum()
    }
}

/// The bucket a time falls in.
fn bucket_of(micros: u64) -> usize {
    let per_power = PER_POWER as u64;
    if micros < per_power {
        return micros as usize;
    }
    let power = micros.ilog2() - PER_POWER.ilog2();
    let within = (micros >> power) - per_power;
    (PER_POWER + power as usize * PER_POWER + within as usize).min(BUCKETS - 1)
}

/// The shortest time that falls in a bucket.
fn start_of(bucket: usize) -> u64 {
    if bucket < PER_POWER {
        return bucket as u64;
    }
    let (power, within) = ((bucket - PER_POWER) / PER_POWER, (bucket - PER_POWER) % PER_POWER);
    ((PER_POWER + within) as u64) << power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(micros: impl IntoIterator<Item = u64>) -> Times {
        let histogram = Histogram::default();
        micros.into_iter().for_each(|micros| histogram.record(Duration::from_micros(micros)));
        histogram.times()
    }

    #[test]
    fn every_time_is_in_the_bucket_that_says_so() {
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(start_of(bucket)), bucket);
            assert!(bucket == 0 || bucket_of(start_of(bucket) - 1) == bucket - 1, "{bucket}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_right_to_a_sixteenth() {
        let times = recorded(1..=10_000);
        for (share, exact) in [(0.5, 5000.0), (0.99, 9900.0), (0.999, 9990.0), (1.0, 10_000.0)] {
            let found = times.quantile_us(share).unwrap() as f64;
            assert!(found >= exact && found <= exact * (1.0 + 1.0 / 16.0), "{share}: {found}");
        }
        assert_eq!(recorded([]).quantile_us(0.5), None);
        assert_eq!(recorded([7]).quantile_us(0.0), Some(7));
    }

    #[test]
    fn a_difference_has_only_what_came_since() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_micros(10));
        let earlier = histogram.times();
        histogram.record(Duration::from_micros(1000));
        let since = histogram.times().since(&earlier);
        assert_eq!((since.count(), since.sum_us()), (1, 1000));
        assert!(since.quantile_us(0.5).unwrap() >= 1000);
    }

    #[test]
    fn counts_below_a_power_of_two_are_exact() {
        let times = recorded([0, 15, 16, 63, 64, 1_000_000]);
        assert_eq!([4, 6, 7, 20].map(|power| times.below_power(power)), [2, 4, 5, 6]);
    }

    #[test]
    fn bounds_go_with_counts() {
        let bounds = Times::bounds_us();
        assert_eq!(bounds.len() + 1, recorded([]).counts().len());
        assert!(bounds.is_sorted());
        assert_eq!(bounds[..3], [0, 1, 2]);
    }

    #[test]
    fn the_longest_time_is_counted() {
        let histogram = Histogram::default();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.times().count(), 1);
        assert!(histogram.times().quantile_us(1.0).is_some());
    }
}
