//! How a value is spread, whatever its unit: counts in buckets whose bounds are the powers of two from 2^-20 (a
//! microsecond, of seconds) to 2^43 (8 TiB, of bytes).

/// The exponent of the lowest bound.
const LOW: i32 = -20;

/// Bounds there are.
const BOUNDS: usize = 64;

/// Counts of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Values at most 2^(LOW + index), and above the bound before.
    counts: [u64; BOUNDS],
    /// Values above all bounds.
    above: u64,
    sum: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BOUNDS], above: 0, sum: 0.0 }
    }
}

impl Histogram {
    /// Counts a finite value so many times. What is zero or less counts in the lowest bucket.
    pub fn observe(&mut self, value: f64, times: u64) {
        match self.counts.get_mut(bucket(value)) {
            Some(count) => *count = count.saturating_add(times),
            None => self.above = self.above.saturating_add(times),
        }
        self.sum += value * times as f64;
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(self.above, |sum, count| sum.saturating_add(*count))
    }

    /// All of them together.
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// The mean; none before the first.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum / count as f64)
    }

    /// The value that a share `q` (0 to 1) of all do not exceed, as far as the buckets tell: within one, evenly spread.
    /// None before the first.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = q.clamp(0.0, 1.0) * count as f64;
        let mut below = 0.0;
        for (index, &here) in self.counts.iter().enumerate().filter(|(_, here)| **here > 0) {
            let (low, high) = (if index == 0 { 0.0 } else { bound(index - 1) }, bound(index));
            if below + here as f64 >= wanted {
                return Some(low + (high - low) * ((wanted - below) / here as f64));
            }
            below += here as f64;
        }
        Some(bound(BOUNDS - 1))
    }

    /// Upper bounds with how many values were at most that, rising: from the lowest bucket in use to the highest.
    pub fn cumulative(&self) -> Vec<(f64, u64)> {
        let used = |count: &u64| *count > 0;
        let Some(first) = self.counts.iter().position(used) else { return Vec::new() };
        let last = self.counts.iter().rposition(used).unwrap_or(first);
        let mut below = 0_u64;
        let buckets = (first..=last).map(|index| {
            below = below.saturating_add(self.counts[index]);
            (bound(index), below)
        });
        buckets.collect()
    }
}

fn bound(index: usize) -> f64 {
    f64::exp2(f64::from(LOW) + index as f64)
}

/// The first bucket whose bound is not below the value; one past the last when there is none.
fn bucket(value: f64) -> usize {
    if value <= f64::exp2(f64::from(LOW)) {
        return 0;
    }
    // Normal and positive from here on: the exponent is in the bits.
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let is_power = bits & ((1 << 52) - 1) == 0;
    let above = (exponent - LOW) as usize + usize::from(!is_power);
    above.min(BOUNDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64, expected: Option<f64>) {
        let mut histogram = Histogram::default();
        histogram.observe(value, 1);
        assert_eq!(histogram.cumulative().first().map(|(bound, _)| *bound), expected, "{value}");
        assert_eq!((histogram.count(), histogram.sum()), (1, value));
    }

    #[test]
    fn a_value_counts_under_the_first_bound_that_is_not_below_it() {
        check(1.0, Some(1.0));
        check(1.0001, Some(2.0));
        check(3.0, Some(4.0));
        check(0.5, Some(0.5));
        check(0.0, Some(f64::exp2(-20.0)));
        check(-7.0, Some(f64::exp2(-20.0)));
        check(1e-30, Some(f64::exp2(-20.0)));
        check(f64::exp2(43.0), Some(f64::exp2(43.0)));
        check(1e300, None);
    }

    #[test]
    fn quantiles_are_within_their_bucket() {
        let mut histogram = Histogram::default();
        for value in 1..=1000 {
            histogram.observe(f64::from(value), 1);
        }
        for (q, exact) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0)] {
            let found = histogram.quantile(q).unwrap_or_default();
            assert!((found / exact - 1.0).abs() < 0.1, "{q}: {found}");
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(histogram.mean(), Some(500.5));
        let buckets = histogram.cumulative();
        assert_eq!((buckets[0], buckets[buckets.len() - 1]), ((1.0, 1), (1024.0, 1000)));
    }

    #[test]
    fn a_value_may_stand_for_several() {
        let mut histogram = Histogram::default();
        histogram.observe(2.0, 4);
        assert_eq!((histogram.count(), histogram.sum()), (4, 8.0));
    }
}
