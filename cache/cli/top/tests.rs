//! Tests of what `cnn top` makes of two looks: the interval, the screen and the line.

use super::frame::View;
use super::interval::Interval;
use super::*;

fn look(json: &str) -> reply::Top {
    serde_json::from_str(json).unwrap()
}

fn first() -> reply::Top {
    look(
        r#"{"status": {"version": "0.1.0", "pid": 42, "uptime_us": 60000000, "workers": 2,
            "listen": ["127.0.0.1:3128"], "policy": "lru", "requests": 1000, "hits": 500, "sent_bytes": 1000000,
            "hit_bytes": 100000, "evictions": 0},
            "bucket_bounds_us": [50, 100, 1000], "hit_buckets": [500, 0, 0, 0], "miss_buckets": [0, 0, 500, 0]}"#,
    )
}

fn second() -> reply::Top {
    look(
        r#"{"status": {"version": "0.1.0", "pid": 42, "uptime_us": 62000000, "workers": 2,
            "listen": ["127.0.0.1:3128"], "policy": "gdsf", "previous_policy": "lru", "pending": 1203,
            "requests": 3000, "hits": 2000, "sent_bytes": 3097152, "hit_bytes": 1148576, "evictions": 20,
            "documents": 102334, "bytes": 134217728, "memory_bytes_max": 268435456, "resident_bytes": 150000000},
            "bucket_bounds_us": [50, 100, 1000], "hit_buckets": [1000, 990, 10, 0], "miss_buckets": [0, 0, 1000, 0],
            "switches": [{"token": "1", "policy": "gdsf", "previous_policy": "lru", "carried": 102334,
             "reevaluated": 20467, "pending": 1203, "handover_us": 18, "ago_secs": 62,
             "before": {"requests": 9, "hit_ratio": 0.5, "byte_hit_ratio": 0.4},
             "after": {"requests": 9, "hit_ratio": 0.75}}]}"#,
    )
}

#[test]
fn an_interval_is_the_difference_of_two_looks() {
    let interval = Interval::between(&first(), &second()).unwrap();
    assert_eq!((interval.requests_per_sec, interval.evictions_per_sec), (1000.0, 10.0));
    assert_eq!((interval.hit_ratio, interval.byte_hit_ratio), (Some(0.75), Some(0.5)));
    assert_eq!((interval.hit_latency.p50_us, interval.hit_latency.p999_us), (100, 1000));
    assert_eq!(interval.miss_latency.p50_us, 1000);
}

#[test]
fn a_quiet_interval_has_no_ratios_and_a_restart_makes_none() {
    let mut later = first();
    later.status.uptime_us += 1_000_000;
    let quiet = Interval::between(&first(), &later).unwrap();
    assert_eq!((quiet.hit_ratio, quiet.byte_hit_ratio, quiet.hit_latency.p50_us), (None, None, 0));
    later.status.pid += 1;
    assert_eq!(Interval::between(&first(), &later), None);
    assert_eq!(Interval::between(&later, &first()), None);
}

#[test]
fn the_screen_shows_rates_latencies_memory_policy_and_switches() {
    let mut view = View::default();
    view.add(first());
    view.add(second());
    let expected = "\
cnn 0.1.0  up 1 min 2 s  2 workers  127.0.0.1:3128  3,000 requests

requests/s             1,000    █
sent/s               1.0 MiB    █
hit ratio             75.0 %    ▆
byte hit ratio        50.0 %    ▅

latency                  p50         p90         p99       p99.9
from the cache        100 us      100 us      100 us      1.0 ms
from origins          1.0 ms      1.0 ms      1.0 ms      1.0 ms

memory          128.0 MiB of 256.0 MiB  [####################                    ] 50.0 %
documents       102,334, 10 evicted/s, process 143.1 MiB

policy          gdsf, before it lru; 1,203 documents pending
        ago  switch       carried  pending  hand-over  hits before, after  bytes before, after
  1 min 2 s  lru -> gdsf  102,334    1,203      18 us  50.0 % -> 75.0 %    40.0 % -> -";
    assert_eq!(view.frame(110).join("\n"), expected);
}

#[test]
fn no_line_is_wider_than_the_screen() {
    let mut view = View::default();
    view.add(first());
    view.add(second());
    for width in [0, 1, 20, 33, 80] {
        assert!(view.frame(width).iter().all(|line| line.chars().count() <= width), "{width}");
    }
}

#[test]
fn a_line_stands_under_its_head() {
    let mut view = View::default();
    view.add(first());
    view.add(second());
    let line = lines::line(&view);
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["1000", "75.0", "50.0", "100us", "100us", "1.0ms", "1.0ms", "102334", "128.0MiB", "1203", "gdsf"]
    );
    assert_eq!(lines::HEAD.find("policy"), line.find("gdsf"));
}
