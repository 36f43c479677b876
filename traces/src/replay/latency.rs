//! What a response is taken to cost in time.
//!
//! A miss takes what the log says it took. Where the log says nothing (or tells of a hit of its own cache, which is no
//! measure of a miss) it takes a latency plus the bytes at a bandwidth. A hit takes what a hit of this proxy was
//! measured to take: the bench `request_path` has it; the figure is for a small document over loopback, and large ones
//! take longer by what the client's link takes, hit or miss alike.

use hdrhistogram::Histogram;

use super::outcome::Response;
use crate::{Flags, Row, Trace};

/// A model of what hits and misses take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Microseconds of a hit.
    pub hit_us: u32,
    /// Microseconds until an origin answers.
    pub miss_us: u32,
    /// Bytes per millisecond that an origin sends then.
    pub bytes_per_ms: u32,
}

impl Default for Latency {
    /// A hit in 60 us; origins 50 ms away at 20 Mbit/s.
    fn default() -> Self {
        Self { hit_us: 60, miss_us: 50_000, bytes_per_ms: 2_500 }
    }
}

/// Sums over the misses a log tells of, for the line through them.
#[derive(Default)]
struct Misses {
    count: f64,
    bytes: f64,
    us: f64,
    bytes_squared: f64,
    bytes_us: f64,
}

impl Misses {
    fn add(&mut self, bytes: f64, us: f64) {
        self.count += 1.0;
        self.bytes += bytes;
        self.us += us;
        self.bytes_squared += bytes * bytes;
        self.bytes_us += bytes * us;
    }

    /// Microseconds at no bytes, and per byte, by least squares; neither is negative, and the mean is kept.
    fn line(&self) -> (f64, f64) {
        let spread = self.count * self.bytes_squared - self.bytes * self.bytes;
        let slope = if spread > 0.0 {
            ((self.count * self.bytes_us - self.bytes * self.us) / spread).max(0.0)
        } else {
            0.0
        };
        let start = (self.us - slope * self.bytes) / self.count;
        if start >= 0.0 { (start, slope) } else { (0.0, self.us / self.bytes) }
    }
}

impl Latency {
    /// The model whose misses take what those of a log took, by the line through its times and bytes; the default
    /// where the log tells of none.
    ///
    /// # Errors
    /// When the rows cannot be read back.
    pub fn fitted(trace: &Trace) -> std::io::Result<Self> {
        let mut misses = Misses::default();
        trace.for_each_chunk(0, |rows| {
            for row in rows {
                if let Some(us) = Self::logged_us(row) {
                    misses.add(row.size as f64, us.into());
                }
            }
            true
        })?;
        if misses.count == 0.0 {
            return Ok(Self::default());
        }
        let (start, per_byte) = misses.line();
        // Casts of floats saturate: a line without slope is a bandwidth without bound.
        let bytes_per_ms = ((1000.0 / per_byte) as u32).max(1);
        Ok(Self { miss_us: start.round() as u32, bytes_per_ms, ..Self::default() })
    }

    /// Microseconds of a miss, when the log does not tell.
    #[inline]
    pub fn model_us(&self, bytes: u64) -> u64 {
        let sending = bytes.saturating_mul(1000) / u64::from(self.bytes_per_ms.max(1));
        sending.saturating_add(self.miss_us.into())
    }

    /// Microseconds of a miss as the log tells; `None` when it does not.
    #[inline]
    pub fn logged_us(row: &Row) -> Option<u32> {
        (row.elapsed_us != Row::UNKNOWN && row.flags & Flags::LOGGED_HIT == 0).then_some(row.elapsed_us)
    }
}

/// Response times being counted.
pub(super) struct Responses {
    latency: Latency,
    misses: Histogram<u64>,
    sum_us: f64,
    logged: u64,
}

/// The longest time told apart, in microseconds: an hour.
const LONGEST_US: u64 = 3_600_000_000;

impl Responses {
    pub(super) fn new(latency: Latency) -> Self {
        let misses = Histogram::new_with_max(LONGEST_US, 2).expect("two digits up to an hour are in bounds");
        Self { latency, misses, sum_us: 0.0, logged: 0 }
    }

    #[inline]
    pub(super) fn miss(&mut self, row: &Row) {
        let logged = Latency::logged_us(row);
        self.logged += u64::from(logged.is_some());
        self.took(logged.map_or_else(|| self.latency.model_us(row.size), u64::from));
    }

    /// One request of a log, hit or miss, with what the log says it took.
    pub(super) fn logged(&mut self, row: &Row) {
        let known = (row.elapsed_us != Row::UNKNOWN).then_some(row.elapsed_us);
        self.logged += u64::from(known.is_some());
        let is_hit = row.flags & Flags::LOGGED_HIT != 0;
        let guess = if is_hit { self.latency.hit_us.into() } else { self.latency.model_us(row.size) };
        self.took(known.map_or(guess, u64::from));
    }

    fn took(&mut self, took: u64) {
        self.sum_us += took as f64;
        self.misses.saturating_record(took);
    }

    /// The response times with so many hits.
    pub(super) fn finish(mut self, hits: u64) -> Response {
        let misses = self.misses.len();
        let hit_us = u64::from(self.latency.hit_us);
        self.misses.saturating_record_n(hit_us, hits);
        let sum = self.sum_us + hit_us as f64 * hits as f64;
        Response {
            mean_us: sum / (hits + misses).max(1) as f64,
            p95_us: self.misses.value_at_quantile(0.95),
            logged_share: self.logged as f64 / misses.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use cnn_core::policy::Mime;

    use super::*;
    use crate::{Facts, Object, TraceBuilder};

    fn row(elapsed_us: u32, flags: u32) -> Row {
        Row { time_us: 0, size: 2_500_000, object: 0, elapsed_us, facts: 0, flags }
    }

    #[test]
    fn a_miss_takes_what_was_logged_or_what_the_model_says() {
        let mut responses = Responses::new(Latency::default());
        responses.miss(&row(10_000, 0));
        // 50 ms and a second of sending.
        responses.miss(&row(Row::UNKNOWN, 0));
        responses.miss(&row(10, Flags::LOGGED_HIT));
        let response = responses.finish(1);
        assert_eq!(response.mean_us, (10_000.0 + 2.0 * 1_050_000.0 + 60.0) / 4.0);
        assert_eq!(response.logged_share, 1.0 / 3.0);
        assert!(response.p95_us.abs_diff(1_050_000) < 10_000, "{}", response.p95_us);
    }

    /// A log with misses of so many bytes that took so many microseconds.
    fn fitted(misses: &[(u64, u32)]) -> Latency {
        let mut builder = TraceBuilder::new("t", 1 << 20);
        builder.add_facts(Facts::default());
        builder.add_object(Object { hash: 1, origin: 0, mime: Mime::Other }, 1);
        for &(size, elapsed_us) in misses {
            builder.push(Row { size, ..row(elapsed_us, Flags::HAS_LOGGED) }).unwrap();
        }
        // Hits and what was not timed are no measure of a miss.
        builder.push(row(7, Flags::LOGGED_HIT)).unwrap();
        builder.push(row(Row::UNKNOWN, 0)).unwrap();
        Latency::fitted(&builder.build().unwrap()).unwrap()
    }

    #[test]
    fn the_model_is_the_line_through_the_misses_of_the_log() {
        let check = |misses: &[(u64, u32)], miss_us: u32, bytes_per_ms: u32| {
            let expected = Latency { miss_us, bytes_per_ms, ..Latency::default() };
            assert_eq!(fitted(misses), expected, "{misses:?}");
        };
        check(&[(1000, 3000), (2000, 4000), (4000, 6000)], 2000, 1000);
        // One size, and larger ones that were faster: what they took in the mean, whatever the size.
        check(&[(1000, 3000), (1000, 5000)], 4000, u32::MAX);
        check(&[(1000, 6000), (3000, 2000)], 4000, u32::MAX);
        // Small ones in no time at all: a line through the origin.
        check(&[(1000, 0), (3000, 8000)], 0, 500);
        assert_eq!(fitted(&[]), Latency::default());
    }

    #[test]
    fn the_95th_percentile_is_a_hit_where_most_are() {
        let mut responses = Responses::new(Latency::default());
        responses.miss(&row(10_000, 0));
        assert_eq!(responses.finish(99).p95_us, 60);
        assert_eq!(Responses::new(Latency::default()).finish(0).mean_us, 0.0);
    }
}
