//! What happened between two looks. The proxy's counters only grow and it tells how long it has been up, so no clock
//! is needed here.

use cnn_proxy::admin::reply::{Latency, Top};

/// Rates and ratios of one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Interval {
    pub(super) requests_per_sec: f64,
    pub(super) sent_per_sec: f64,
    pub(super) evictions_per_sec: f64,
    /// None where there was no request.
    pub(super) hit_ratio: Option<f64>,
    /// None where nothing was sent.
    pub(super) byte_hit_ratio: Option<f64>,
    pub(super) hit_latency: Latency,
    pub(super) miss_latency: Latency,
}

impl Interval {
    /// The interval between two looks; none when the proxy was started anew in between.
    pub(super) fn between(before: &Top, after: &Top) -> Option<Self> {
        let (old, new) = (&before.status, &after.status);
        let elapsed_us = new.uptime_us.checked_sub(old.uptime_us).filter(|&us| us > 0)?;
        if old.pid != new.pid {
            return None;
        }
        let per_sec = |old: u64, new: u64| new.saturating_sub(old) as f64 * 1e6 / elapsed_us as f64;
        let ratio = |(old_part, new_part): (u64, u64), (old_all, new_all): (u64, u64)| {
            let all = new_all.checked_sub(old_all).filter(|&all| all > 0)?;
            Some(new_part.saturating_sub(old_part) as f64 / all as f64)
        };
        Some(Self {
            requests_per_sec: per_sec(old.requests, new.requests),
            sent_per_sec: per_sec(old.sent_bytes, new.sent_bytes),
            evictions_per_sec: per_sec(old.evictions, new.evictions),
            hit_ratio: ratio((old.hits, new.hits), (old.requests, new.requests)),
            byte_hit_ratio: ratio((old.hit_bytes, new.hit_bytes), (old.sent_bytes, new.sent_bytes)),
            hit_latency: latency(&after.bucket_bounds_us, &before.hit_buckets, &after.hit_buckets),
            miss_latency: latency(&after.bucket_bounds_us, &before.miss_buckets, &after.miss_buckets),
        })
    }
}

fn latency(bounds_us: &[u64], before: &[u64], after: &[u64]) -> Latency {
    let before = before.iter().copied().chain(std::iter::repeat(0));
    let counts: Vec<u64> =
        after.iter().zip(before).map(|(after, before)| after.saturating_sub(before)).collect();
    Latency::of(bounds_us, &counts)
}
