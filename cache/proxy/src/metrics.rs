//! What is counted, and how it is shown to Prometheus.
//!
//! Each worker counts in a block of its own ([`WorkerMetrics`]) with plain loads and stores; a scrape adds the blocks up
//! ([`Totals`]). What only the engine knows (documents, bytes, the deciding policy) is handed to the scrape as
//! [`Gauges`]. [`METRICS`] is the one table of names; the page and the README's table are made from it.
//! Only what monitors publish is not in it. The names that
//! squid-exporter gives are there too, so that dashboards for Squid go on working.

mod counter;
mod histogram;
mod page;
mod published;
mod server;
mod table;

use std::time::Duration;

use crate::log::{Ending, Outcome, ResultCode};

pub use counter::{Counter, Reasons};
pub use histogram::{Histogram, Times};
pub use page::Gauges;
pub use server::{MetricsServer, Probe};
pub use table::{METRICS, Metric, Shape, markdown_table};

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    workers: Box<[WorkerMetrics]>,
    /// Requests denied, by [`crate::access::Denied`].
    pub denied: Reasons,
    /// Requests refused as malformed, by reason.
    pub bad_requests: Reasons,
    /// Fetches that failed, by reason.
    pub origin_errors: Reasons,
    /// Responses that were passed on without being stored, by reason.
    pub not_stored: Reasons,
    /// Answers of the admission policy, and why there was none.
    pub admission: Reasons,
    /// Answers of the freshness rules, and why there was none.
    pub freshness: Reasons,
}

/// What one worker counts. Only that worker's thread may write it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerMetrics {
    results: [Counter; ResultCode::ALL.len()],
    hits: Histogram,
    misses: Histogram,
    others: Histogram,
    hit_bytes: Counter,
    miss_bytes: Counter,
    other_bytes: Counter,
    collapsed: Counter,
    aborted: Counter,
    /// Bytes received from clients.
    pub received_bytes: Counter,
    /// Error pages sent.
    pub error_pages: Counter,
    /// Client connections taken.
    pub connections_opened: Counter,
    /// Client connections that ended.
    pub connections_closed: Counter,
    /// Tunnels opened.
    pub tunnels_opened: Counter,
    /// Tunnels that ended.
    pub tunnels_closed: Counter,
    /// Requests sent to origins.
    pub origin_requests: Counter,
    /// Bytes sent to origins.
    pub origin_sent_bytes: Counter,
    /// Bytes received from origins.
    pub origin_received_bytes: Counter,
    /// Requests that went past the cache because the admission policy passes their origin by.
    pub bypassed: Counter,
    /// Connections made to origins.
    pub origin_connections_opened: Counter,
    /// Requests sent on a connection that another had used before.
    pub origin_connections_reused: Counter,
}

impl Metrics {
    /// Nothing counted yet, for that many workers.
    pub fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| WorkerMetrics::default()).collect(),
            denied: Reasons::default(),
            bad_requests: Reasons::default(),
            origin_errors: Reasons::default(),
            not_stored: Reasons::default(),
            admission: Reasons::default(),
            freshness: Reasons::default(),
        }
    }

    /// The block of a worker, counted from 0.
    ///
    /// # Panics
    /// When there is no such worker: the number of workers is fixed at the start.
    pub fn worker(&self, worker: usize) -> &WorkerMetrics {
        &self.workers[worker]
    }

    /// What all workers counted up to now. Workers go on counting meanwhile, so sums of different things may be a
    /// request apart.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.workers.iter().for_each(|worker| totals.add(worker));
        totals
    }

    /// The page for Prometheus, in its text format 0.0.4.
    pub fn render(&self, gauges: &Gauges<'_>) -> String {
        page::render(self, gauges)
    }
}

impl WorkerMetrics {
    /// A request is over. `took` is from its first byte to the last of the response, `sent_bytes` the response with its
    /// header.
    pub fn request(&self, outcome: Outcome, sent_bytes: u64, took: Duration) {
        let result = outcome.result;
        self.results[result as usize].increment();
        let (times, bytes) = if result.is_hit() {
            (&self.hits, &self.hit_bytes)
        } else if result.is_cacheable() {
            (&self.misses, &self.miss_bytes)
        } else {
            (&self.others, &self.other_bytes)
        };
        times.record(took);
        bytes.add(sent_bytes);
        if outcome.collapsed {
            self.collapsed.increment();
        }
        if outcome.ending == Ending::Aborted {
            self.aborted.increment();
        }
    }
}

/// The counts of all workers at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests by result code, in the order of [`ResultCode::ALL`].
    pub results: [u64; ResultCode::ALL.len()],
    /// Times of hits.
    pub hit_times: Times,
    /// Times of what took an origin.
    pub miss_times: Times,
    /// Times of the rest: tunnels, denied and malformed requests.
    pub other_times: Times,
    /// Bytes sent to clients for hits, headers included.
    pub hit_bytes: u64,
    /// Bytes sent to clients for what took an origin.
    pub miss_bytes: u64,
    /// Bytes sent to clients for the rest.
    pub other_bytes: u64,
    /// Requests that shared another's fetch.
    pub collapsed: u64,
    /// Requests whose client left.
    pub aborted: u64,
    /// See the fields of the same names of [`WorkerMetrics`].
    pub received_bytes: u64,
    /// Error pages sent.
    pub error_pages: u64,
    /// Client connections taken.
    pub connections_opened: u64,
    /// Client connections that ended.
    pub connections_closed: u64,
    /// Tunnels opened.
    pub tunnels_opened: u64,
    /// Tunnels that ended.
    pub tunnels_closed: u64,
    /// Requests sent to origins.
    pub origin_requests: u64,
    /// Bytes sent to origins.
    pub origin_sent_bytes: u64,
    /// Bytes received from origins.
    pub origin_received_bytes: u64,
    /// Requests that went past the cache.
    pub bypassed: u64,
    /// Connections made to origins.
    pub origin_connections_opened: u64,
    /// Requests sent on a connection that another had used before.
    pub origin_connections_reused: u64,
}

impl Totals {
    fn add(&mut self, worker: &WorkerMetrics) {
        for (total, count) in self.results.iter_mut().zip(&worker.results) {
            *total += count.count();
        }
        self.hit_times.add(&worker.hits);
        self.miss_times.add(&worker.misses);
        self.other_times.add(&worker.others);
        for (total, count) in [
            (&mut self.hit_bytes, &worker.hit_bytes),
            (&mut self.miss_bytes, &worker.miss_bytes),
            (&mut self.other_bytes, &worker.other_bytes),
            (&mut self.collapsed, &worker.collapsed),
            (&mut self.aborted, &worker.aborted),
            (&mut self.received_bytes, &worker.received_bytes),
            (&mut self.error_pages, &worker.error_pages),
            (&mut self.connections_opened, &worker.connections_opened),
            (&mut self.connections_closed, &worker.connections_closed),
            (&mut self.tunnels_opened, &worker.tunnels_opened),
            (&mut self.tunnels_closed, &worker.tunnels_closed),
            (&mut self.origin_requests, &worker.origin_requests),
            (&mut self.origin_sent_bytes, &worker.origin_sent_bytes),
            (&mut self.origin_received_bytes, &worker.origin_received_bytes),
            (&mut self.bypassed, &worker.bypassed),
            (&mut self.origin_connections_opened, &worker.origin_connections_opened),
            (&mut self.origin_connections_reused, &worker.origin_connections_reused),
        ] {
            *total += count.count();
        }
    }

    /// Requests answered, refused ones and tunnels included.
    pub fn requests(&self) -> u64 {
        self.results.iter().sum()
    }

    /// Bytes sent to clients, headers included.
    pub fn sent_bytes(&self) -> u64 {
        self.hit_bytes + self.miss_bytes + self.other_bytes
    }

    /// Requests with this result.
    pub fn of(&self, result: ResultCode) -> u64 {
        self.results[result as usize]
    }

    /// Requests that were hits, as Squid counts them.
    pub fn hits(&self) -> u64 {
        ResultCode::ALL.iter().filter(|result| result.is_hit()).map(|&result| self.of(result)).sum()
    }
}
