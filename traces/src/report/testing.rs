//! Made-up results for the tests of reports.

use crate::live::{Added, LiveReport, ProxyReport, Times};
use crate::replay::{
    Aspect, Cell, Counted, Curve, Faults, Interval, Intervals, Mark, Matrix, Outcome, Point, Reevaluate,
    Response, Sampling, Timing, Traffic, Unit, What, Window,
};

/// A thousand requests of 100 bytes, so many of them hits.
pub(super) fn outcome(policy: &str, size: u64, hits: u64) -> Outcome {
    let around = |value: f64| Interval { low: value - 0.05, high: value + 0.05 };
    let windows = (0..10).map(|number| {
        let traffic = Traffic { requests: 100, hits: hits / 10, bytes: 10_000, hit_bytes: 4_000 };
        Window {
            from: number * 100,
            time_us: number * 1_000_000,
            traffic,
            evictions: 30,
            documents: 50,
            used: size,
        }
    });
    Outcome {
        cell: Cell {
            trace: "t".to_owned(),
            policy: policy.to_owned(),
            size: Some(size),
            unit: Unit::Bytes,
            admission: None,
        },
        what: What::Policy,
        traffic: Traffic { requests: 1000, hits, bytes: 100_000, hit_bytes: 40_000 },
        evictions: 300,
        not_admitted: 0,
        span_us: 10_000_000,
        response: Some(Response { mean_us: 4000.0, p95_us: 20_000, logged_share: 0.5 }),
        intervals: Some(Intervals { hit_ratio: around(hits as f64 / 1000.0), byte_hit_ratio: around(0.4) }),
        timeline: windows.collect(),
        marks: Vec::new(),
        faults: Faults::default(),
        agreement: None,
        timing: None,
    }
}

/// The same, with times.
pub(super) fn timed(outcome: Outcome) -> Outcome {
    Outcome { timing: Some(Timing { seconds: 0.25, policy_ns: 17.5 }), ..outcome }
}

/// The same, with a switch in the middle.
pub(super) fn switched(outcome: Outcome) -> Outcome {
    let mark = Mark {
        at: 500,
        time_us: 5_000_000,
        from: "lru".to_owned(),
        to: "gdsf".to_owned(),
        reevaluate: Some(Reevaluate::Percent(20.0)),
        documents: 50,
    };
    Outcome { marks: vec![mark], ..outcome }
}

/// The same, set against a log whose names are no friends of HTML.
pub(super) fn agreeing(outcome: Outcome) -> Outcome {
    let all = Counted { both: 500, only_logged: 60, only_ours: 100, neither: 340 };
    let by = Aspect::ALL.map(|aspect| (aspect, vec![("<b>\"&".to_owned(), all)]));
    Outcome { agreement: Some(Matrix { all, by: by.into() }), ..outcome }
}

/// A sampled curve of three sizes.
pub(super) fn curve(policy: &str) -> Curve {
    let point = |power: u32| {
        let ratio = 0.9 / f64::from(power);
        Point {
            size: 1 << (20 + power),
            share: 0.01 * f64::from(power),
            miss_ratio: ratio,
            byte_miss_ratio: ratio,
            evictions: 7,
        }
    };
    Curve {
        trace: "t".to_owned(),
        policy: policy.to_owned(),
        unit: Unit::Bytes,
        requests: 1000,
        span_us: 10_000_000,
        points: [1, 2, 3].map(point).to_vec(),
        sampling: Some(Sampling { rate: 0.1, objects: 100, error: 0.004, byte_error: 0.01 }),
        faults: Faults::default(),
    }
}

/// Two proxies, of which the second failed twice.
pub(super) fn live() -> LiveReport {
    let times =
        |mean_us| Times { mean_us, p50_us: mean_us, p95_us: mean_us, p99_us: mean_us, most_us: mean_us };
    let proxy = |name: &str, mean_us: f64| ProxyReport {
        name: name.to_owned(),
        answered: 100,
        hits: 80,
        bytes: 1000,
        hit_bytes: 500,
        origin_requests: 20,
        origin_bytes: 500,
        all: times(mean_us),
        hit: times(60.0),
        miss: times(20_000.0),
        miss_above_origin: times(200.0),
        added: Some(Added { hit_us: 60.0, miss_us: 150.0 }),
        cpu_us: (name == "a").then_some(12.3),
        seconds: 2.0,
        round_means_us: vec![mean_us, mean_us + 10.0],
        ..ProxyReport::default()
    };
    let direct = ProxyReport { added: None, hits: 0, ..proxy("no proxy", 20_000.0) };
    let mut failing = proxy("b", 4_500.0);
    failing.failures.insert("answered `HTTP/1.1 503 No`".to_owned(), 2);
    failing.failed = 2;
    LiveReport {
        trace: "t".to_owned(),
        requests: 102,
        rounds: 2,
        pace: "closed loop, 8 connections".to_owned(),
        latency: "as logged".to_owned(),
        held_shorter: 0,
        direct,
        proxies: vec![proxy("a", 4_000.0), failing],
    }
}
