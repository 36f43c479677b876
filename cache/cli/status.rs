//! `cnn status`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply;

use super::admin::Admin;
use super::table::pairs;
use super::units::{bytes, count, micros, percent, plural, secs};
use super::{Failure, help};

#[derive(Debug, Args)]
#[command(about = help(Verb::Status))]
#[command(after_help = "Examples:\n  cnn status\n  cnn status --json | jq .hit_ratio")]
pub(super) struct Status {
    #[command(flatten)]
    admin: Admin,
}

impl Status {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::Status, &[], render)
    }
}

pub(super) fn render(status: &reply::Status) -> String {
    let reply::Status { requests, hits, documents, .. } = *status;
    let memory = format!(
        "{} of {} ({}), process {}",
        bytes(status.bytes),
        bytes(status.memory_bytes_max),
        percent(status.bytes as f64 / status.memory_bytes_max.max(1) as f64),
        bytes(status.resident_bytes)
    );
    let hits = format!(
        "{} ({}), {} of bytes",
        count(hits),
        percent(status.hit_ratio),
        percent(status.byte_hit_ratio)
    );
    let sent = format!("{}, {} from the cache", bytes(status.sent_bytes), bytes(status.hit_bytes));
    pairs([
        ("policy", Some(policy(status))),
        ("admission", filter(&status.admission)),
        ("freshness", filter(&status.freshness)),
        ("modules", modules(status)),
        ("documents", Some(format!("{}, {} evicted", count(documents), count(status.evictions)))),
        ("memory", Some(memory)),
        ("requests", Some(count(requests))),
        ("hits", Some(hits)),
        ("sent", Some(sent)),
        ("hits take", latency(&status.hit_latency)),
        ("misses take", latency(&status.miss_latency)),
        ("listen", Some(status.listen.join(", "))),
        (
            "up",
            Some(format!(
                "{}, {}",
                secs(status.uptime_us / 1_000_000),
                plural(status.workers as u64, "worker")
            )),
        ),
        ("version", Some(format!("{}, process {}", status.version, status.pid))),
    ])
}

/// A filter that is asked; nothing is said of nobody.
fn filter(asked: &str) -> Option<String> {
    (!matches!(asked, "" | "none")).then(|| asked.to_owned())
}

/// The deciding policy; what it came after and what that still orders.
fn policy(status: &reply::Status) -> String {
    let mut text = status.policy.clone();
    if let Some(previous) = &status.previous_policy {
        text.push_str(&format!(", before it {previous}"));
    }
    if status.pending > 0 {
        text.push_str(&format!("; {} documents still in an earlier order", count(status.pending)));
    }
    text
}

/// The modules that did something wrong.
fn modules(status: &reply::Status) -> Option<String> {
    let words = status.modules.iter().map(|module| {
        let stopped = if module.is_stopped { ", stopped" } else { "" };
        format!("{}: {}{stopped} ({})", module.name, plural(module.faults, "fault"), module.last_fault)
    });
    (!status.modules.is_empty()).then(|| words.collect::<Vec<_>>().join("; "))
}

fn latency(latency: &reply::Latency) -> Option<String> {
    let reply::Latency { p50_us, p90_us, p99_us, p999_us } = *latency;
    let [p50, p90, p99, p999] = [p50_us, p90_us, p99_us, p999_us].map(micros);
    (p50_us > 0).then(|| format!("p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_a_screen_of_aligned_lines() {
        let status: reply::Status = serde_json::from_str(
            r#"{"version": "0.1.0", "pid": 42, "uptime_us": 11520000000, "workers": 2, "listen": ["127.0.0.1:3128"],
                "policy": "gdsf", "previous_policy": "lru", "pending": 1203, "documents": 102334, "bytes": 252706816,
                "memory_bytes_max": 268435456, "resident_bytes": 279000000, "evictions": 77, "requests": 1234567,
                "hits": 756789, "hit_ratio": 0.613, "sent_bytes": 2147483648, "hit_bytes": 1073741824,
                "byte_hit_ratio": 0.5, "hit_latency": {"p50_us": 41, "p90_us": 90, "p99_us": 310, "p999_us": 1200}}"#,
        )
        .unwrap();
        let expected = "\
policy     gdsf, before it lru; 1,203 documents still in an earlier order
documents  102,334, 77 evicted
memory     241.0 MiB of 256.0 MiB (94.1 %), process 266.1 MiB
requests   1,234,567
hits       756,789 (61.3 %), 50.0 % of bytes
sent       2.0 GiB, 1.0 GiB from the cache
hits take  p50 41 us, p90 90 us, p99 310 us, p99.9 1.2 ms
listen     127.0.0.1:3128
up         3 h 12 min, 2 workers
version    0.1.0, process 42
";
        assert_eq!(render(&status), expected);
    }
}
