//! What a response is taken to cost in time.
//!
//! A miss takes what the log says it took. Where the log says nothing (or tells of a hit of its own cache, which is no
//! measure of a miss) it takes a latency plus the bytes at a bandwidth. A hit takes what a hit of this proxy was
//! measured to take: the bench `request_path` has it; the figure is for a small document over loopback, and large ones
//! take longer by what the client's link takes, hit or miss alike.

use hdrhistogram::Histogram;

use super::outcome::Response;
use crate::{Flags, Row};

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

impl Latency {
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
    use super::*;

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

    #[test]
    fn the_95th_percentile_is_a_hit_where_most_are() {
        let mut responses = Responses::new(Latency::default());
        responses.miss(&row(10_000, 0));
        assert_eq!(responses.finish(99).p95_us, 60);
        assert_eq!(Responses::new(Latency::default()).finish(0).mean_us, 0.0);
    }
}
