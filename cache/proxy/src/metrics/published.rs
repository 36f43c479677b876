//! What monitors publish, as families for Prometheus: `cnn_monitor_NAME` with the label `monitor` and those declared;
//! counters end in `_total`. Names and labels were checked when the monitor was taken; values of labels are escaped by
//! the encoder.

use std::collections::BTreeMap;

use cnn_core::monitor::{Family, Histogram, Series, Shape, Value};
use prometheus::proto::{self, MetricFamily, MetricType};

use crate::monitor::Account;

/// Adds the families of these monitors. A metric that several declare is one family; their kinds are the same, which is
/// seen to when they are attached.
pub(super) fn add(families: &mut Vec<MetricFamily>, monitors: &[Account]) {
    let mut by_name: BTreeMap<&str, Vec<(&str, &Family)>> = BTreeMap::new();
    for account in monitors {
        for family in account.metrics.families() {
            by_name.entry(&family.declared().name).or_default().push((&account.name, family));
        }
    }
    families.extend(by_name.into_values().filter_map(|parts| family(&parts)));
}

/// One family; none when nothing has been published yet.
fn family(parts: &[(&str, &Family)]) -> Option<MetricFamily> {
    let declared = parts.first()?.1.declared();
    let metrics: Vec<_> = parts
        .iter()
        .filter(|(_, family)| family.declared().shape == declared.shape)
        .flat_map(|(monitor, family)| {
            let names = &family.declared().labels;
            family.sorted().into_iter().map(move |series| metric(monitor, names, series))
        })
        .collect();
    if metrics.is_empty() {
        return None;
    }
    let ending = if declared.shape == Shape::Counter { "_total" } else { "" };
    let mut family = MetricFamily::default();
    family.set_name(format!("cnn_monitor_{}{ending}", declared.name));
    family.set_help(declared.summary.clone());
    family.set_field_type(match declared.shape {
        Shape::Counter => MetricType::COUNTER,
        Shape::Gauge => MetricType::GAUGE,
        Shape::Histogram => MetricType::HISTOGRAM,
    });
    family.set_metric(metrics);
    Some(family)
}

fn metric(monitor: &str, names: &[String], series: &Series) -> proto::Metric {
    let mut metric = proto::Metric::default();
    let declared = names.iter().map(String::as_str).zip(series.labels.iter().map(|value| &**value));
    let labels = [("monitor", monitor)].into_iter().chain(declared).map(|(name, value)| {
        let mut label = proto::LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value.to_owned());
        label
    });
    metric.set_label(labels.collect());
    match &series.value {
        Value::Spread(spread) => metric.set_histogram(histogram(spread)),
        Value::Number(number) => {
            // Set as both: the encoder reads the one that the family's kind names.
            let (mut counter, mut gauge) = (proto::Counter::default(), proto::Gauge::default());
            counter.set_value(*number);
            gauge.set_value(*number);
            metric.set_counter(counter);
            metric.set_gauge(gauge);
        }
    }
    metric
}

fn histogram(spread: &Histogram) -> proto::Histogram {
    let mut histogram = proto::Histogram::default();
    histogram.set_sample_count(spread.count());
    histogram.set_sample_sum(spread.sum());
    let buckets = spread.cumulative().into_iter().map(|(bound, count)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(count);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    histogram
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cnn_core::monitor::{Declared, Metrics};
    use prometheus::TextEncoder;

    use super::*;

    fn account(name: &str, lines: &[&str], publish: impl FnOnce(&mut Metrics)) -> Account {
        let mut metrics = Metrics::new(lines.iter().map(|line| Declared::parse(line).unwrap()));
        publish(&mut metrics);
        Account { name: name.to_owned(), metrics: Arc::new(metrics), ..Account::default() }
    }

    fn page(monitors: &[Account]) -> String {
        let mut families = Vec::new();
        add(&mut families, monitors);
        TextEncoder::new().encode_to_string(&families).unwrap()
    }

    #[test]
    fn series_of_several_monitors_are_one_family() {
        let of = |name: &str, value: f64| {
            account(name, &["hits{host} counter Hits", "empty gauge Nothing"], |metrics| {
                metrics.count(0, &["a\"b\\c\nd"], value).unwrap();
            })
        };
        let expected = "\
# HELP cnn_monitor_hits_total Hits
# TYPE cnn_monitor_hits_total counter
cnn_monitor_hits_total{monitor=\"one\",host=\"a\\\"b\\\\c\\nd\"} 1
cnn_monitor_hits_total{monitor=\"two\",host=\"a\\\"b\\\\c\\nd\"} 2.5
";
        assert_eq!(page(&[of("one", 1.0), of("two", 2.5)]), expected);
        assert_eq!(page(&[]), "");
    }

    #[test]
    fn a_histogram_has_buckets_that_add_up() {
        let monitor = account("m", &["wait histogram Seconds"], |metrics| {
            [0.3, 0.3, 3.0].into_iter().for_each(|value| metrics.observe(0, &[], value, 1).unwrap());
        });
        let page = page(&[monitor]);
        let check = |line: &str| assert!(page.lines().any(|found| found == line), "no `{line}` in\n{page}");
        check("# TYPE cnn_monitor_wait histogram");
        check("cnn_monitor_wait_bucket{monitor=\"m\",le=\"0.5\"} 2");
        check("cnn_monitor_wait_bucket{monitor=\"m\",le=\"4\"} 3");
        check("cnn_monitor_wait_bucket{monitor=\"m\",le=\"+Inf\"} 3");
        check("cnn_monitor_wait_sum{monitor=\"m\"} 3.6");
        check("cnn_monitor_wait_count{monitor=\"m\"} 3");
    }
}
