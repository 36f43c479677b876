//! The page that Prometheus reads, from the counts and what the engine says of itself.

use prometheus::TextEncoder;
use prometheus::proto::{self, MetricFamily, MetricType};

use super::table::{METRICS, Shape};
use super::{Metrics, Times, published};
use crate::log::ResultCode;
use crate::monitor::{Account, State};
use crate::origin::dns::DnsCounts;

/// What the engine and the process know and nobody counts.
#[derive(Clone, Debug, Default)]
pub struct Gauges<'a> {
    /// Documents stored.
    pub documents: u64,
    /// Bytes charged for them and for fetches in progress.
    pub stored_bytes: u64,
    /// The limit of that.
    pub memory_bytes_max: u64,
    /// Fetches being stored.
    pub fills: u64,
    /// Names needed.
    pub dns: DnsCounts,
    /// Documents evicted, by who chose them.
    pub evictions: &'a [(&'static str, u64)],
    /// The policy that is deciding.
    pub policy: &'a str,
    /// The admission policy that is asked, `none` for nobody.
    pub admission: &'a str,
    /// The freshness rules that are asked, `none` for nobody.
    pub freshness: &'a str,
    /// Changes of policy.
    pub switches: u64,
    /// Documents the deciding policy has not taken over yet.
    pub pending: u64,
    /// Wrong decisions of policies.
    pub faults: u64,
    /// Faults of modules, by name.
    pub module_faults: &'a [(&'a str, u64)],
    /// Hits the policy was not told of.
    pub hit_events_dropped: u64,
    /// Lines of the access log that were lost.
    pub log_lines_lost: u64,
    /// When the proxy started, in seconds since 1970.
    pub start_unix_secs: u64,
    /// The monitors that are attached.
    pub monitors: &'a [Account],
}

/// Powers of two of microseconds that bound the buckets shown: 16 us to 67 s.
const POWERS: std::ops::RangeInclusive<u32> = 4..=26;

/// The page.
pub(super) fn render(metrics: &Metrics, gauges: &Gauges<'_>) -> String {
    let totals = metrics.totals();
    let errors = metrics.origin_errors.total();
    let kib = |bytes: u64| bytes / 1024;
    let mut page = Page::default();

    page.family(
        "cnn_requests_total",
        ResultCode::ALL.iter().map(|&result| (result.as_str(), totals.of(result))),
    );
    page.one("cnn_hits_total", totals.hits());
    page.one("cnn_collapsed_requests_total", totals.collapsed);
    page.one("cnn_aborted_requests_total", totals.aborted);
    page.family("cnn_denied_total", metrics.denied.counts());
    page.family("cnn_bad_requests_total", metrics.bad_requests.counts());
    page.one("cnn_error_pages_total", totals.error_pages);
    page.one("cnn_received_bytes_total", totals.received_bytes);
    page.one("cnn_sent_bytes_total", totals.sent_bytes());
    page.one("cnn_hit_bytes_total", totals.hit_bytes);
    let times = [("hit", &totals.hit_times), ("miss", &totals.miss_times), ("other", &totals.other_times)];
    page.times("cnn_request_seconds", times);
    page.one("cnn_connections_total", totals.connections_opened);
    page.one("cnn_connections", totals.connections_opened.saturating_sub(totals.connections_closed));
    page.one("cnn_tunnels_total", totals.tunnels_opened);
    page.one("cnn_tunnels", totals.tunnels_opened.saturating_sub(totals.tunnels_closed));

    page.one("cnn_origin_requests_total", totals.origin_requests);
    page.family("cnn_origin_errors_total", metrics.origin_errors.counts());
    page.one("cnn_origin_sent_bytes_total", totals.origin_sent_bytes);
    page.one("cnn_origin_received_bytes_total", totals.origin_received_bytes);
    page.one("cnn_origin_connections_total", totals.origin_connections_opened);
    page.one("cnn_origin_connections_reused_total", totals.origin_connections_reused);
    let DnsCounts { remembered, looked_up, failed } = gauges.dns;
    let names = [("remembered", remembered), ("looked_up", looked_up), ("failed", failed)];
    page.family("cnn_dns_lookups_total", names);

    page.family("cnn_not_stored_total", metrics.not_stored.counts());
    page.family("cnn_admission_total", metrics.admission.counts());
    page.family("cnn_admission_info", [(gauges.admission, 1)]);
    page.one("cnn_bypassed_total", totals.bypassed);
    page.family("cnn_freshness_total", metrics.freshness.counts());
    page.family("cnn_freshness_info", [(gauges.freshness, 1)]);
    page.one("cnn_documents", gauges.documents);
    page.one("cnn_stored_bytes", gauges.stored_bytes);
    page.one("cnn_memory_limit_bytes", gauges.memory_bytes_max);
    page.one("cnn_fills", gauges.fills);
    page.family("cnn_evictions_total", gauges.evictions.iter().copied());
    page.family("cnn_policy_info", [(gauges.policy, 1)]);
    page.one("cnn_policy_switches_total", gauges.switches);
    page.one("cnn_policy_pending_documents", gauges.pending);
    page.one("cnn_policy_faults_total", gauges.faults);
    page.family("cnn_module_faults_total", gauges.module_faults.iter().copied());
    page.one("cnn_policy_hit_events_dropped_total", gauges.hit_events_dropped);
    page.one("cnn_log_lines_lost_total", gauges.log_lines_lost);
    page.family("cnn_build_info", [(env!("CARGO_PKG_VERSION"), 1)]);
    page.one("cnn_start_time_seconds", gauges.start_unix_secs);

    let of_monitors =
        |of: fn(&Account) -> f64| gauges.monitors.iter().map(move |it| (it.name.as_str(), of(it)));
    page.numbers("cnn_monitors_requests_seen_total", of_monitors(|it| it.seen as f64));
    page.numbers("cnn_monitors_requests_lost_total", of_monitors(|it| it.lost as f64));
    page.numbers("cnn_monitors_faults_total", of_monitors(|it| it.health.traps.into()));
    page.numbers("cnn_monitors_busy_seconds_total", of_monitors(|it| it.busy_ns as f64 / 1e9));
    page.numbers("cnn_monitors_quarantined", of_monitors(|it| u8::from(it.state != State::Running).into()));

    page.one("squid_up", 1);
    page.one("squid_client_http_requests_total", totals.requests());
    page.one("squid_client_http_hits_total", totals.hits());
    page.one("squid_client_http_errors_total", totals.error_pages);
    page.one("squid_client_http_kbytes_in_kbytes_total", kib(totals.received_bytes));
    page.one("squid_client_http_kbytes_out_kbytes_total", kib(totals.sent_bytes()));
    page.one("squid_client_http_hit_kbytes_out_bytes_total", kib(totals.hit_bytes));
    for server in ["squid_server_all", "squid_server_http"] {
        page.one(&format!("{server}_requests_total"), totals.origin_requests);
        page.one(&format!("{server}_errors_total"), errors);
        page.one(&format!("{server}_kbytes_in_kbytes_total"), kib(totals.origin_received_bytes));
        page.one(&format!("{server}_kbytes_out_kbytes_total"), kib(totals.origin_sent_bytes));
    }
    published::add(&mut page.families, gauges.monitors);
    page.into_text()
}

#[derive(Default)]
struct Page {
    families: Vec<MetricFamily>,
}

impl Page {
    /// A metric without a label.
    fn one(&mut self, name: &str, value: u64) {
        self.family(name, [("", value)]);
    }

    /// A metric with its label's values; nothing when there are none yet.
    fn family<'a>(&mut self, name: &str, values: impl IntoIterator<Item = (&'a str, u64)>) {
        // Exact up to 2^53, beyond which a scrape is off by less than a millionth of a millionth.
        self.numbers(name, values.into_iter().map(|(label, value)| (label, value as f64)));
    }

    /// The same for values that need not be whole.
    fn numbers<'a>(&mut self, name: &str, values: impl IntoIterator<Item = (&'a str, f64)>) {
        self.add(name, values, |metric, shape, value| {
            if shape == Shape::Counter {
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            } else {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        });
    }

    /// Histograms with their label's values.
    fn times<'a>(&mut self, name: &str, values: impl IntoIterator<Item = (&'a str, &'a Times)>) {
        self.add(name, values, |metric, _, times: &Times| {
            let mut histogram = proto::Histogram::default();
            histogram.set_sample_count(times.count());
            histogram.set_sample_sum(times.sum_us() as f64 / 1e6);
            histogram.set_bucket(POWERS.map(|power| bucket(times, power)).collect());
            metric.set_histogram(histogram);
        });
    }

    fn add<'a, V>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (&'a str, V)>,
        set: impl Fn(&mut proto::Metric, Shape, V),
    ) {
        let known = METRICS.iter().find(|metric| metric.name == name);
        let known = known.expect("every metric shown is in the table, as a test checks");
        let metrics = values.into_iter().map(|(value_of_label, value)| {
            let mut metric = proto::Metric::default();
            if !known.label.is_empty() {
                let mut label = proto::LabelPair::default();
                label.set_name(known.label.to_owned());
                label.set_value(value_of_label.to_owned());
                metric.set_label(vec![label]);
            }
            set(&mut metric, known.shape, value);
            metric
        });
        let mut family = MetricFamily::default();
        family.set_metric(metrics.collect());
        if family.get_metric().is_empty() {
            return;
        }
        family.set_name(known.name.to_owned());
        family.set_help(known.help.to_owned());
        family.set_field_type(match known.shape {
            Shape::Counter => MetricType::COUNTER,
            Shape::Gauge => MetricType::GAUGE,
            Shape::Histogram => MetricType::HISTOGRAM,
        });
        self.families.push(family);
    }

    fn into_text(self) -> String {
        let text = TextEncoder::new().encode_to_string(&self.families);
        text.expect("families have a name and a metric, which is all the encoder asks for")
    }
}

fn bucket(times: &Times, power: u32) -> proto::Bucket {
    let mut bucket = proto::Bucket::default();
    bucket.set_upper_bound(f64::from(1_u32 << power) / 1e6);
    bucket.set_cumulative_count(times.below_power(power));
    bucket
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::log::Outcome;

    fn counted() -> Metrics {
        let metrics = Metrics::new(2);
        let took = Duration::from_micros(100);
        metrics.worker(0).request(ResultCode::MemHit.into(), 5000, took);
        metrics.worker(1).request(ResultCode::MemHit.into(), 5000, took);
        let collapsed = Outcome { collapsed: true, ..ResultCode::Miss.into() };
        metrics.worker(1).request(collapsed, 2000, Duration::from_millis(30));
        metrics.worker(0).request(ResultCode::Denied.into(), 10, took);
        metrics.worker(0).connections_opened.add(3);
        metrics.worker(1).connections_closed.increment();
        metrics.worker(0).origin_received_bytes.add(4096);
        metrics.denied.increment("client");
        metrics.bad_requests.increment("bare_cr");
        metrics.origin_errors.increment("connect");
        metrics.not_stored.increment("no_store");
        metrics.admission.increment("first-seen");
        metrics.freshness.increment("ruled");
        metrics
    }

    fn page() -> String {
        let monitors = [Account { name: "a".to_owned(), seen: 3, busy_ns: 1_500_000, ..Account::default() }];
        let gauges = Gauges {
            monitors: &monitors,
            documents: 7,
            policy: "s3-fifo",
            evictions: &[("policy", 4)],
            module_faults: &[("mine", 3)],
            ..Gauges::default()
        };
        counted().render(&gauges)
    }

    /// The page must have this line.
    fn check(line: &str) {
        let page = page();
        assert!(page.lines().any(|found| found == line), "no `{line}` in\n{page}");
    }

    #[test]
    fn workers_are_added_up() {
        check("cnn_requests_total{result=\"TCP_MEM_HIT\"} 2");
        check("cnn_requests_total{result=\"TCP_MISS\"} 1");
        check("cnn_requests_total{result=\"TCP_TUNNEL\"} 0");
        check("cnn_hits_total 2");
        check("cnn_collapsed_requests_total 1");
        check("cnn_sent_bytes_total 12010");
        check("cnn_hit_bytes_total 10000");
        check("cnn_connections 2");
        check("cnn_denied_total{reason=\"client\"} 1");
    }

    #[test]
    fn the_engine_is_shown() {
        check("cnn_documents 7");
        check("cnn_policy_info{policy=\"s3-fifo\"} 1");
        check("cnn_evictions_total{reason=\"policy\"} 4");
        check("cnn_module_faults_total{module=\"mine\"} 3");
    }

    #[test]
    fn monitors_are_shown() {
        check("cnn_monitors_requests_seen_total{monitor=\"a\"} 3");
        check("cnn_monitors_busy_seconds_total{monitor=\"a\"} 0.0015");
        check("cnn_monitors_quarantined{monitor=\"a\"} 0");
    }

    #[test]
    fn squids_names_have_squids_units() {
        check("squid_up 1");
        check("squid_client_http_requests_total 4");
        check("squid_client_http_hits_total 2");
        check("squid_client_http_kbytes_out_kbytes_total 11");
        check("squid_client_http_hit_kbytes_out_bytes_total 9");
        check("squid_server_http_kbytes_in_kbytes_total 4");
        check("squid_server_all_errors_total 1");
    }

    #[test]
    fn times_are_histograms_in_seconds() {
        check("cnn_request_seconds_bucket{kind=\"hit\",le=\"0.000064\"} 0");
        check("cnn_request_seconds_bucket{kind=\"hit\",le=\"0.000128\"} 2");
        check("cnn_request_seconds_bucket{kind=\"hit\",le=\"+Inf\"} 2");
        check("cnn_request_seconds_count{kind=\"miss\"} 1");
        check("cnn_request_seconds_sum{kind=\"miss\"} 0.03");
    }

    #[test]
    fn the_page_is_the_table() {
        let page = page();
        let shown: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let table: BTreeSet<_> = METRICS.iter().map(|m| format!("{} {}", m.name, m.shape.as_str())).collect();
        assert_eq!(shown, table.iter().map(String::as_str).collect());
    }

    #[test]
    fn a_page_before_the_first_request_is_whole() {
        let page = Metrics::new(1).render(&Gauges::default());
        assert!(page.contains("cnn_hits_total 0") && !page.contains("cnn_denied_total"), "{page}");
    }
}
