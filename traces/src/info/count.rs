//! Counting: how often names occur, and how numbers are distributed.

use std::collections::HashMap;

use serde::Serialize;

use super::Counted;

/// Names that are told apart; more of them are counted as one.
const NAMES_MAX: usize = 1 << 16;

/// How often names occur.
#[derive(Default)]
pub(super) struct Tally {
    counts: HashMap<Box<[u8]>, u64>,
    others: u64,
}

impl Tally {
    /// How often these occur, most first.
    pub(super) fn of<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Vec<Counted> {
        let mut tally = Self::default();
        counts.for_each(|(name, count)| tally.add(name.as_bytes(), count));
        tally.most_first()
    }

    pub(super) fn count(&mut self, name: &[u8]) {
        self.add(name, 1);
    }

    fn add(&mut self, name: &[u8], times: u64) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += times;
        } else if self.counts.len() < NAMES_MAX {
            self.counts.insert(name.into(), times);
        } else {
            self.others += times;
        }
    }

    /// The names that occur, most first, and by name where they occur as often.
    pub(super) fn most_first(self) -> Vec<Counted> {
        let counted = |(name, count): (Box<[u8]>, u64)| Counted {
            name: String::from_utf8_lossy(&name).into_owned(),
            count,
        };
        let mut all: Vec<Counted> =
            self.counts.into_iter().filter(|(_, count)| *count > 0).map(counted).collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        if self.others > 0 {
            all.push(Counted { name: "(others)".to_owned(), count: self.others });
        }
        all
    }
}

/// How numbers are distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// The mean.
    pub mean: f64,
    /// The number that a tenth does not exceed.
    pub p10: u64,
    /// The median.
    pub p50: u64,
    /// The number that nine in ten do not exceed.
    pub p90: u64,
    /// The number that 99 in a hundred do not exceed.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

/// Of all numbers exactly. They are sorted for it.
pub(super) fn percentiles(numbers: &mut [u64]) -> Percentiles {
    numbers.sort_unstable();
    let Some(max) = numbers.last() else { return Percentiles::default() };
    let at = |percent: usize| numbers[(numbers.len() * percent).div_ceil(100).max(1) - 1];
    let sum: u128 = numbers.iter().map(|number| u128::from(*number)).sum();
    Percentiles {
        mean: sum as f64 / numbers.len() as f64,
        p10: at(10),
        p50: at(50),
        p90: at(90),
        p99: at(99),
        max: *max,
    }
}

/// Numbers by their leading five bits: percentiles to within a sixteenth, of any number of them.
#[derive(Default)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    numbers: u64,
    sum: u128,
    max: u64,
}

/// Leading bits that are told apart.
const BITS: u32 = 5;

impl Histogram {
    pub(super) fn add(&mut self, number: u64) {
        let bucket = bucket(number);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.numbers += 1;
        self.sum += u128::from(number);
        self.max = self.max.max(number);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers == 0
    }

    pub(super) fn percentiles(&self) -> Percentiles {
        if self.is_empty() {
            return Percentiles::default();
        }
        Percentiles {
            mean: self.sum as f64 / self.numbers as f64,
            p10: self.at(0.10),
            p50: self.at(0.50),
            p90: self.at(0.90),
            p99: self.at(0.99),
            max: self.max,
        }
    }

    /// The largest number of the bucket in which the given share of the numbers is reached.
    fn at(&self, share: f64) -> u64 {
        let wanted = (self.numbers as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return last_of(bucket).min(self.max);
            }
        }
        self.max
    }
}

/// Numbers below 32 have a bucket of their own, others one with those of the same length and leading bits.
fn bucket(number: u64) -> usize {
    let length = u64::BITS - number.leading_zeros();
    let shift = length.saturating_sub(BITS);
    ((u64::from(shift) << (BITS - 1)) + (number >> shift)) as usize
}

/// The largest number in a bucket.
fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let half = 1 << (BITS - 1);
    let shift = (bucket / half).saturating_sub(1);
    let leading = bucket - shift * half;
    ((u128::from(leading) + 1) << shift).saturating_sub(1).min(u64::MAX.into()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_numbers_that_so_many_do_not_exceed() {
        let mut numbers: Vec<u64> = (1..=1000).rev().collect();
        let exact = percentiles(&mut numbers);
        assert_eq!((exact.p10, exact.p50, exact.p90, exact.p99, exact.max), (100, 500, 900, 990, 1000));
        assert_eq!(exact.mean, 500.5);
        assert_eq!(percentiles(&mut []), Percentiles::default());
        assert_eq!(percentiles(&mut [7]).p10, 7);
    }

    #[test]
    fn a_histogram_is_within_a_sixteenth_of_them() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut numbers: Vec<u64> = (0..10_000).map(|_| rng.u64(..) >> rng.u32(..64)).collect();
        let mut histogram = Histogram::default();
        numbers.iter().for_each(|number| histogram.add(*number));
        let (exact, near) = (percentiles(&mut numbers), histogram.percentiles());
        let check = |exact: u64, near: u64| {
            let difference = near as f64 - exact as f64;
            assert!((0.0..=exact as f64 / 16.0).contains(&difference), "{near} for {exact}");
        };
        check(exact.p10, near.p10);
        check(exact.p50, near.p50);
        check(exact.p90, near.p90);
        check(exact.p99, near.p99);
        assert_eq!((exact.max, exact.mean), (near.max, near.mean));
    }

    #[test]
    fn every_number_is_in_the_bucket_it_is_counted_in() {
        for number in (0..70).chain([u64::MAX - 1, u64::MAX, 1 << 40, (1 << 40) - 1]) {
            let bucket = bucket(number);
            assert!(number <= last_of(bucket), "{number}");
            assert!(bucket == 0 || last_of(bucket - 1) < number, "{number}");
        }
    }

    #[test]
    fn names_are_counted_most_first() {
        let mut tally = Tally::default();
        for name in ["b", "a", "c", "b"] {
            tally.count(name.as_bytes());
        }
        let names: Vec<_> =
            tally.most_first().into_iter().map(|counted| (counted.name, counted.count)).collect();
        assert_eq!(names, [("b".to_owned(), 2), ("a".to_owned(), 1), ("c".to_owned(), 1)]);
    }
}
