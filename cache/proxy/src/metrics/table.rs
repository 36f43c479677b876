//! The one table of metrics: name, kind, labels and meaning. The page refuses to show what is not here, and a test that it
//! shows all of it.

use std::fmt::Write;

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub shape: Shape,
    /// Its label, empty when it has none.
    pub label: &'static str,
    /// What it says.
    pub help: &'static str,
}

/// The kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of times, in buckets.
    Histogram,
}

impl Shape {
    /// Prometheus's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn counter(name: &'static str, label: &'static str, help: &'static str) -> Metric {
    Metric { name, shape: Shape::Counter, label, help }
}

const fn gauge(name: &'static str, label: &'static str, help: &'static str) -> Metric {
    Metric { name, shape: Shape::Gauge, label, help }
}

const fn histogram(name: &'static str, label: &'static str, help: &'static str) -> Metric {
    Metric { name, shape: Shape::Histogram, label, help }
}

/// Every metric, in the order of the page: ours, then squid-exporter's names (whose unit of bytes is 1024 of them).
pub const METRICS: &[Metric] = &[
    counter("cnn_requests_total", "result", "Requests answered, by Squid's result code."),
    counter("cnn_hits_total", "", "Requests answered from the cache, as Squid counts them."),
    counter("cnn_collapsed_requests_total", "", "Requests that shared a fetch another request had begun."),
    counter("cnn_aborted_requests_total", "", "Requests whose client left before the end."),
    counter("cnn_denied_total", "reason", "Requests that the access rules refused."),
    counter("cnn_bad_requests_total", "reason", "Requests refused because they are not valid HTTP."),
    counter("cnn_error_pages_total", "", "Error pages sent to clients."),
    counter("cnn_received_bytes_total", "", "Bytes received from clients."),
    counter("cnn_sent_bytes_total", "", "Bytes sent to clients, headers included."),
    counter("cnn_hit_bytes_total", "", "Bytes sent to clients from the cache, headers included."),
    histogram("cnn_request_seconds", "kind", "Time from a request's first byte to its response's last."),
    counter("cnn_connections_total", "", "Client connections taken."),
    gauge("cnn_connections", "", "Client connections open."),
    counter("cnn_tunnels_total", "", "Tunnels opened."),
    gauge("cnn_tunnels", "", "Tunnels open."),
    counter("cnn_origin_requests_total", "", "Requests sent to origins."),
    counter("cnn_origin_errors_total", "reason", "Fetches that failed."),
    counter("cnn_origin_sent_bytes_total", "", "Bytes sent to origins."),
    counter("cnn_origin_received_bytes_total", "", "Bytes received from origins."),
    counter("cnn_origin_connections_total", "", "Connections made to origins."),
    counter(
        "cnn_origin_connections_reused_total",
        "",
        "Requests sent on a connection that another had used before.",
    ),
    counter(
        "cnn_dns_lookups_total",
        "result",
        "Names needed for a connection: remembered, looked up, or looked up in vain.",
    ),
    counter("cnn_not_stored_total", "reason", "Responses passed on without being stored."),
    counter("cnn_admission_total", "answer", "Answers of the admission policy, and why there was none."),
    gauge("cnn_admission_info", "admission", "1 for the admission policy that is asked."),
    counter("cnn_bypassed_total", "", "Requests that went past the cache, their origin being passed by."),
    counter("cnn_freshness_total", "answer", "Answers of the freshness rules, and why there was none."),
    gauge("cnn_freshness_info", "freshness", "1 for the freshness rules that are asked."),
    gauge("cnn_documents", "", "Documents stored."),
    gauge("cnn_stored_bytes", "", "Bytes charged for documents and fetches in progress, metadata included."),
    gauge("cnn_memory_limit_bytes", "", "The limit of that."),
    gauge("cnn_fills", "", "Fetches being stored."),
    counter("cnn_evictions_total", "reason", "Documents removed to make room, by who chose them."),
    gauge("cnn_policy_info", "policy", "1 for the replacement policy that is deciding."),
    counter("cnn_policy_switches_total", "", "Changes of the replacement policy."),
    gauge("cnn_policy_pending_documents", "", "Documents that the deciding policy has not taken over yet."),
    counter(
        "cnn_policy_faults_total",
        "",
        "Wrong decisions of policies that the built-in fallback replaced.",
    ),
    counter("cnn_module_faults_total", "module", "What modules did wrong; each cost one decision."),
    counter(
        "cnn_policy_hit_events_dropped_total",
        "",
        "Hits the policy was not told of, because it lagged behind.",
    ),
    counter("cnn_log_lines_lost_total", "", "Lines of the access log that could not be written."),
    gauge("cnn_build_info", "version", "1 for the version that is running."),
    gauge("cnn_start_time_seconds", "", "When the proxy started, in seconds since 1970."),
    counter("cnn_monitors_requests_seen_total", "monitor", "Requests that an attached monitor was told of."),
    counter("cnn_monitors_requests_lost_total", "monitor", "Requests that it was too slow to be told of."),
    counter("cnn_monitors_faults_total", "monitor", "Calls of it that went wrong."),
    counter("cnn_monitors_busy_seconds_total", "monitor", "Time its thread was at work."),
    gauge(
        "cnn_monitors_quarantined",
        "monitor",
        "1 when it is told of nothing any more because it went wrong too often.",
    ),
    gauge("squid_up", "", "Always 1: was the proxy there to answer."),
    counter("squid_client_http_requests_total", "", "Squid's name: requests answered."),
    counter("squid_client_http_hits_total", "", "Squid's name: requests answered from the cache."),
    counter("squid_client_http_errors_total", "", "Squid's name: error pages sent."),
    counter("squid_client_http_kbytes_in_kbytes_total", "", "Squid's name: KiB received from clients."),
    counter("squid_client_http_kbytes_out_kbytes_total", "", "Squid's name: KiB sent to clients."),
    counter(
        "squid_client_http_hit_kbytes_out_bytes_total",
        "",
        "Squid's name: KiB (sic) sent from the cache.",
    ),
    counter("squid_server_all_requests_total", "", "Squid's name: requests sent to origins."),
    counter("squid_server_all_errors_total", "", "Squid's name: fetches that failed."),
    counter("squid_server_all_kbytes_in_kbytes_total", "", "Squid's name: KiB received from origins."),
    counter("squid_server_all_kbytes_out_kbytes_total", "", "Squid's name: KiB sent to origins."),
    counter("squid_server_http_requests_total", "", "Squid's name: requests sent to origins by HTTP."),
    counter("squid_server_http_errors_total", "", "Squid's name: fetches by HTTP that failed."),
    counter(
        "squid_server_http_kbytes_in_kbytes_total",
        "",
        "Squid's name: KiB received from origins by HTTP.",
    ),
    counter("squid_server_http_kbytes_out_kbytes_total", "", "Squid's name: KiB sent to origins by HTTP."),
];

/// The table of metrics for the README.
pub fn markdown_table() -> String {
    let mut text = String::from("| metric | kind | label | meaning |\n| --- | --- | --- | --- |\n");
    for Metric { name, shape, label, help } in METRICS {
        let label = if label.is_empty() { String::new() } else { format!("`{label}`") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{name}` | {} | {label} | {help} |", shape.as_str());
    }
    text
}
