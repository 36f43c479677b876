//! What `cnn top` writes where there is no screen: a line per interval, in the manner of `vmstat`.

use super::frame::View;
use crate::cli::units::{bytes, micros};

/// A head is written again after this many lines.
pub(super) const LINES_PER_HEAD: usize = 20;

pub(super) const HEAD: &str = "    req/s   hit%  byte%   hit p50   hit p99  miss p50  miss p99    documents        memory    pending  policy\n";

pub(super) fn line(view: &View) -> String {
    let (status, now) = (view.status(), view.now());
    let percent =
        |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1}", ratio * 100.0));
    let time = |us: u64| if us == 0 { "-".to_owned() } else { micros(us).replace(' ', "") };
    format!(
        "{:>9.0}{:>7}{:>7}{:>10}{:>10}{:>10}{:>10}{:>13}{:>14}{:>11}  {}\n",
        now.requests_per_sec,
        percent(now.hit_ratio),
        percent(now.byte_hit_ratio),
        time(now.hit_latency.p50_us),
        time(now.hit_latency.p99_us),
        time(now.miss_latency.p50_us),
        time(now.miss_latency.p99_us),
        status.documents,
        bytes(status.bytes).replace(' ', ""),
        status.pending,
        status.policy,
    )
}
