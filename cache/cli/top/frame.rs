//! The picture: what `cnn top` shows on a screen, as lines of text of a given width.

use std::collections::VecDeque;

use cnn_proxy::admin::reply::{Latency, Status, Switch, Top};

use super::interval::Interval;
use crate::cli::policy::what;
use crate::cli::table::Table;
use crate::cli::units::{bytes, count, micros, percent, percent_or_dash, plural, secs};

/// Intervals kept for the curves: more than a screen is wide.
const CURVE_MAX: usize = 512;

/// Columns before a curve or bar begins.
const LABEL_COLUMNS: usize = 32;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct View {
    last: Top,
    intervals: VecDeque<Interval>,
}

impl View {
    /// One more look.
    pub(super) fn add(&mut self, sample: Top) {
        if let Some(interval) = Interval::between(&self.last, &sample) {
            self.intervals.push_back(interval);
        }
        if self.intervals.len() > CURVE_MAX {
            self.intervals.pop_front();
        }
        self.last = sample;
    }

    pub(super) fn status(&self) -> &Status {
        &self.last.status
    }

    /// The last interval; all zero before there is one.
    pub(super) fn now(&self) -> Interval {
        self.intervals.back().copied().unwrap_or_default()
    }

    /// The lines of the picture, none longer than `width` characters.
    pub(super) fn frame(&self, width: usize) -> Vec<String> {
        let (status, now) = (self.status(), self.now());
        let mut lines = vec![head(status), String::new()];
        lines.extend(self.curves(now, width));
        lines.push(String::new());
        lines.extend(latencies(now));
        lines.push(String::new());
        lines.extend(memory(status, now, width));
        lines.push(String::new());
        lines.push(policy(status));
        lines.extend(switches(&self.last.switches));
        lines.into_iter().map(|line| cut(&line, width)).collect()
    }

    fn curves(&self, now: Interval, width: usize) -> [String; 4] {
        let columns = width.saturating_sub(LABEL_COLUMNS);
        let curve = |value: fn(&Interval) -> f64, max: Option<f64>| {
            let skipped = self.intervals.len().saturating_sub(columns);
            curve(self.intervals.iter().skip(skipped).map(value), max)
        };
        let requests = count(now.requests_per_sec.round() as u64);
        let [hits, byte_hits] = [now.hit_ratio, now.byte_hit_ratio].map(percent_or_dash);
        let row = |label: &str, value: String, curve: String| format!("{label:<16}{value:>12}    {curve}");
        [
            row("requests/s", requests, curve(|interval| interval.requests_per_sec, None)),
            row("sent/s", bytes(now.sent_per_sec as u64), curve(|interval| interval.sent_per_sec, None)),
            row("hit ratio", hits, curve(|interval| interval.hit_ratio.unwrap_or(0.0), Some(1.0))),
            row(
                "byte hit ratio",
                byte_hits,
                curve(|interval| interval.byte_hit_ratio.unwrap_or(0.0), Some(1.0)),
            ),
        ]
    }
}

fn head(status: &Status) -> String {
    let Status { version, uptime_us, workers, listen, .. } = status;
    let up = secs(uptime_us / 1_000_000);
    let listen = listen.join(", ");
    format!(
        "cnn {version}  up {up}  {}  {listen}  {}",
        plural(*workers as u64, "worker"),
        plural(status.requests, "request")
    )
}

fn latencies(now: Interval) -> [String; 3] {
    let row = |label: &str, latency: Latency| {
        let Latency { p50_us, p90_us, p99_us, p999_us } = latency;
        let [p50, p90, p99, p999] = [p50_us, p90_us, p99_us, p999_us].map(|us| match us {
            0 => "-".to_owned(),
            us => micros(us),
        });
        format!("{label:<16}{p50:>12}{p90:>12}{p99:>12}{p999:>12}")
    };
    [
        format!("{:<16}{:>12}{:>12}{:>12}{:>12}", "latency", "p50", "p90", "p99", "p99.9"),
        row("from the cache", now.hit_latency),
        row("from origins", now.miss_latency),
    ]
}

fn memory(status: &Status, now: Interval, width: usize) -> [String; 2] {
    let share = status.bytes as f64 / status.memory_bytes_max.max(1) as f64;
    let of = format!("{} of {}", bytes(status.bytes), bytes(status.memory_bytes_max));
    let bar = bar(share, width.saturating_sub(LABEL_COLUMNS + 20).min(40));
    [
        format!("{:<16}{of}  {bar} {}", "memory", percent(share)),
        format!(
            "{:<16}{}, {} evicted/s, process {}",
            "documents",
            count(status.documents),
            count(now.evictions_per_sec.round() as u64),
            bytes(status.resident_bytes)
        ),
    ]
}

fn policy(status: &Status) -> String {
    let mut line = format!("{:<16}{}", "policy", status.policy);
    if let Some(previous) = &status.previous_policy {
        line.push_str(&format!(", before it {previous}"));
    }
    if status.pending > 0 {
        line.push_str(&format!("; {} documents pending", count(status.pending)));
    }
    line
}

/// The last switches, newest first.
fn switches(switches: &[Switch]) -> Vec<String> {
    if switches.is_empty() {
        return Vec::new();
    }
    let heads =
        [">ago", "switch", ">carried", ">pending", ">hand-over", "hits before, after", "bytes before, after"];
    let mut table = Table::new(heads);
    for switch in switches.iter().rev() {
        let (switched, before, after) = (&switch.switched, &switch.before, &switch.after);
        let change = |[before, after]: [Option<f64>; 2]| {
            format!("{} -> {}", percent_or_dash(before), percent_or_dash(after))
        };
        table.row([
            secs(switch.ago_secs),
            what(switched),
            count(switched.carried),
            count(switched.pending),
            micros(switched.handover_us),
            change([before.hit_ratio, after.hit_ratio]),
            change([before.byte_hit_ratio, after.byte_hit_ratio]),
        ]);
    }
    table.render().lines().map(|line| format!("  {line}")).collect()
}

/// Values as a row of bars of eight heights, scaled to `max` or to their own largest.
fn curve(values: impl Iterator<Item = f64> + Clone, max: Option<f64>) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let max = max.unwrap_or_else(|| values.clone().fold(0.0, f64::max)).max(f64::MIN_POSITIVE);
    values.map(|value| HEIGHTS[((value / max * 7.0).round() as usize).min(7)]).collect()
}

/// A share of 0 to 1 as a bar in brackets.
fn bar(share: f64, columns: usize) -> String {
    let full = ((share * columns as f64).round() as usize).min(columns);
    format!("[{}{}]", "#".repeat(full), " ".repeat(columns - full))
}

fn cut(line: &str, width: usize) -> String {
    line.chars().take(width).collect()
}
