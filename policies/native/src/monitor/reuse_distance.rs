//! How many other documents are asked for between two requests for the same: the share of requests with a distance below
//! n is the hit ratio of an LRU of n documents. Sampled after SHARDS; `cnn_core::monitor::ReuseSketch` names the paper.
//! `scripts/monitors/reuse-distance.rhai` is the same as a script, and a test that it publishes the same.

use cnn_core::monitor::{Declared, Metrics, Monitor, Records, Reuse, ReuseSketch, Shape, Verb};

use super::MonitorFactory;

pub(super) const FACTORY: MonitorFactory = MonitorFactory {
    name: "reuse-distance",
    summary: "Other documents asked for between two requests for the same",
    build: || Box::new(ReuseDistance::new()),
};

const DISTANCE: usize = 0;
const FIRST: usize = 1;

struct ReuseDistance {
    sketch: ReuseSketch,
    metrics: Metrics,
}

impl ReuseDistance {
    fn new() -> Self {
        let declared = |name: &str, shape, summary: &str| Declared {
            name: name.to_owned(),
            labels: Vec::new(),
            shape,
            summary: summary.to_owned(),
        };
        let metrics = Metrics::new([
            declared(
                "reuse_distance",
                Shape::Histogram,
                "Other documents asked for between two requests for the same",
            ),
            declared("first_requests", Shape::Counter, "Requests for documents not asked for before"),
        ]);
        Self { sketch: ReuseSketch::default(), metrics }
    }
}

impl Monitor for ReuseDistance {
    fn observe(&mut self, records: &Records) {
        for request in records.iter().map(|seen| seen.request).filter(|it| it.verb() == Verb::Get) {
            let published = match self.sketch.request(request.key) {
                Reuse::Unsampled => Ok(()),
                Reuse::First { weight } => self.metrics.count(FIRST, &[], weight as f64),
                Reuse::Again { distance, weight } => self.metrics.observe(DISTANCE, &[], distance, weight),
            };
            debug_assert!(published.is_ok(), "both are declared above, and numbers");
        }
    }

    fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }
}

#[cfg(test)]
mod tests {
    use cnn_core::monitor::{Request, Value};

    use super::*;

    #[test]
    fn first_requests_and_distances_are_told_apart() {
        let mut records = Records::default();
        let get = Request { verb: Verb::Get as u8, ..Request::default() };
        for key in [1, 2, 3, 1, 1] {
            records.push(Request { key, ..get }, "a.test", "/");
        }
        records.push(Request { key: 1, verb: Verb::Post as u8, ..get }, "a.test", "/");
        let mut monitor = ReuseDistance::new();
        monitor.observe(&records);
        let metrics = monitor.metrics();
        assert_eq!(metrics.value("first_requests", &[]), Some(&Value::Number(3.0)));
        let Some(Value::Spread(distances)) = metrics.value("reuse_distance", &[]) else {
            panic!("no distances")
        };
        assert_eq!((distances.count(), distances.sum()), (2, 2.0));
    }
}
