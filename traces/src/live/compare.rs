//! The rounds of a live comparison.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::clients::{self, Answer, Plan};
use super::clock::time_of_day;
use super::histogram::Histogram;
use super::origin::DocumentOrigin;
use super::outcome::{Added, LiveReport, ProxyReport, Times};
use super::process::{cpu_ns_of_tree, listener_at};
use super::proxy::Proxy;
use super::workload::{Hold, Workload};
use crate::trace::Trace;

/// When requests are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as answers come, on so many connections.
    Closed {
        /// Requests under way at once.
        connections: usize,
    },
    /// At the trace's times, so many times faster.
    Open {
        /// 1 is the trace's own pace.
        factor: f64,
        /// Requests under way at once at the most; more wait, and their wait counts.
        connections_max: usize,
    },
}

/// What is compared, and how.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The proxies; at least one.
    pub proxies: Vec<Proxy>,
    /// When requests are made.
    pub pace: Pace,
    /// How long the origin takes.
    pub hold: Hold,
    /// Pieces that the trace is cut into, at least 1.
    pub rounds: usize,
    /// Only the first so many requests of the trace.
    pub requests_max: u64,
    /// Where the origin listens; port 0 for any.
    pub origin: SocketAddr,
    /// The processor that clients and origin share; any if not told.
    pub processor: Option<usize>,
}

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// There is nothing to replay.
    #[error("trace {0} has no requests")]
    Empty(String),
    /// The trace's temporary file failed.
    #[error("reading trace {name}")]
    Trace {
        /// The trace.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The origin does not listen.
    #[error("the origin cannot listen at {address}: {source}")]
    Origin {
        /// Where it was to.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Nothing answers there, or no longer.
    #[error("proxy {name} cannot be reached at {address}: {source}")]
    NoProxy {
        /// The proxy.
        name: String,
        /// Where it was to be.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// It answers, but does not pass on what the origin says.
    #[error(
        "proxy {name} does not pass on a document of the origin at http://{origin}: {said}\n\
         both are on loopback, which proxies refuse unless told: start C/NN with `--allow-destination {ip}/32`, \
         Squid with `http_access allow to_localhost` before its `deny` lines"
    )]
    Refuses {
        /// The proxy.
        name: String,
        /// The origin.
        origin: SocketAddr,
        /// Its address.
        ip: std::net::IpAddr,
        /// What came in place of the document.
        said: String,
    },
}

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The round that begins, from 1.
    pub round: usize,
    /// Of how many.
    pub rounds: usize,
    /// The proxy whose turn it is.
    pub proxy: &'a str,
}

/// What the row without a proxy is called.
const DIRECT: &str = "no proxy";

/// What is counted of one proxy while rounds go on.
struct Counting<'a> {
    name: &'a str,
    address: SocketAddr,
    pid: Option<u32>,
    report: ProxyReport,
    cpu_ns: u64,
    hit: Histogram,
    miss: Histogram,
    miss_above_origin: Histogram,
    /// What it added to misses, in nanoseconds in all, and to how many.
    added_ns: f64,
    added_to: u64,
    elapsed: Duration,
}

/// Replays a trace through running proxies and compares them.
///
/// # Errors
/// When a proxy cannot be reached, at the start or later, or does not let requests through to the origin.
pub fn compare(
    trace: &Trace,
    comparison: &Comparison,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<LiveReport, LiveError> {
    let run = time_of_day().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let workload = Workload::new(trace, comparison.requests_max, comparison.hold, run)
        .map_err(|source| LiveError::Trace { name: trace.name().to_owned(), source })?;
    if workload.len() == 0 {
        return Err(LiveError::Empty(trace.name().to_owned()));
    }
    let origin = DocumentOrigin::serve(comparison.origin, comparison.processor, workload.service())
        .map_err(|source| LiveError::Origin { address: comparison.origin, source })?;
    super::origin::pin(comparison.processor);
    let mut counted: Vec<Counting<'_>> = std::iter::once(Counting::new(DIRECT, origin.address(), None))
        .chain(comparison.proxies.iter().map(|proxy| {
            let pid = proxy.pid.or_else(|| listener_at(proxy.address));
            Counting::new(&proxy.name, proxy.address, pid)
        }))
        .collect();
    for counting in &counted[1..] {
        counting.probe(&workload, &origin)?;
    }
    let rounds = comparison.rounds.clamp(1, workload.len());
    for round in 0..rounds {
        let piece = workload.len() * round / rounds..workload.len() * (round + 1) / rounds;
        let mut answers = vec![Vec::new(); counted.len()];
        for turn in 0..counted.len() {
            // Each round begins with another, so that none always follows the same.
            let at = (turn + round) % counted.len();
            progress(Progress { round: round + 1, rounds, proxy: counted[at].name });
            answers[at] = counted[at].replay(&workload, piece.clone(), comparison.pace, &origin)?;
        }
        let mut direct_ns = vec![None; piece.len()];
        for answer in &answers[0] {
            direct_ns[answer.ask.tag] = Some(above_origin_ns(answer));
        }
        for (counting, answers) in counted.iter_mut().zip(&answers).skip(1) {
            counting.compare_misses(answers, &direct_ns);
        }
    }
    let mut reports: Vec<ProxyReport> = counted.into_iter().map(Counting::report).collect();
    let direct = ProxyReport { added: None, ..reports.remove(0) };
    Ok(LiveReport {
        trace: trace.name().to_owned(),
        requests: workload.len() as u64,
        rounds,
        pace: comparison.pace.to_string(),
        latency: comparison.hold.to_string(),
        held_shorter: workload.held_shorter(),
        direct,
        proxies: reports,
    })
}

/// Whether it was made before it was asked for: then it was stored. A proxy that takes the serial off never hits.
fn is_hit(answer: &Answer) -> bool {
    answer.serial.is_some_and(|serial| serial < answer.mark)
}

/// The time of a miss above what the origin held it back, in nanoseconds.
fn above_origin_ns(answer: &Answer) -> u64 {
    answer.took_ns.saturating_sub(answer.held_us.unwrap_or(0).saturating_mul(1000))
}

impl<'a> Counting<'a> {
    fn new(name: &'a str, address: SocketAddr, pid: Option<u32>) -> Self {
        Self {
            name,
            address,
            pid,
            report: ProxyReport { name: name.to_owned(), ..ProxyReport::default() },
            cpu_ns: 0,
            hit: Histogram::default(),
            miss: Histogram::default(),
            miss_above_origin: Histogram::default(),
            added_ns: 0.0,
            added_to: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// Sees whether the proxy passes on what the origin says.
    fn probe(&self, workload: &Workload, origin: &DocumentOrigin) -> Result<(), LiveError> {
        let mut probe = Some(workload.probe());
        let pace = Pace::Closed { connections: 1 };
        let outcome = self.load(pace, origin, || probe.take(), |_| ())?;
        if outcome.good == 1 {
            return Ok(());
        }
        let said = outcome.failures.into_keys().next().unwrap_or_else(|| "its bytes are wrong".to_owned());
        let (origin, name) = (origin.address(), self.name.to_owned());
        Err(LiveError::Refuses { name, origin, ip: origin.ip(), said })
    }

    /// Sends a piece of the trace through the proxy; the right answers.
    fn replay(
        &mut self,
        workload: &Workload,
        piece: std::ops::Range<usize>,
        pace: Pace,
        origin: &DocumentOrigin,
    ) -> Result<Vec<Answer>, LiveError> {
        let factor = match pace {
            Pace::Closed { .. } => None,
            Pace::Open { factor, .. } => Some(factor),
        };
        let mut requests = piece.clone();
        let (mut took_ns, mut seen) = (0_u64, Vec::with_capacity(piece.len()));
        let cpu_ns = self.pid.map(cpu_ns_of_tree);
        let (requests_before, bytes_before) = (origin.requests(), origin.body_bytes());
        let outcome = self.load(
            pace,
            origin,
            || requests.next().map(|number| workload.ask(number, piece.start, factor)),
            |answer| seen.extend(answer.is_right.then_some(*answer)),
        )?;
        if let (Some(pid), Some(before)) = (self.pid, cpu_ns) {
            self.cpu_ns += cpu_ns_of_tree(pid).saturating_sub(before);
        }
        self.report.origin_requests += origin.requests() - requests_before;
        self.report.origin_bytes += origin.body_bytes() - bytes_before;
        for answer in &seen {
            took_ns = took_ns.saturating_add(answer.took_ns);
            self.count(answer);
        }
        self.report.round_means_us.push(took_ns as f64 / 1000.0 / outcome.good.max(1) as f64);
        self.report.failed += outcome.failed;
        self.report.wrong += outcome.wrong;
        self.report.reconnects += outcome.reconnects;
        self.elapsed += outcome.elapsed;
        for (why, count) in outcome.failures {
            *self.report.failures.entry(why).or_default() += count;
        }
        Ok(seen)
    }

    /// Sets its misses against the same requests without a proxy, so that both are of the same documents.
    fn compare_misses(&mut self, answers: &[Answer], direct_ns: &[Option<u64>]) {
        for answer in answers.iter().filter(|answer| !is_hit(answer)) {
            if let Some(direct_ns) = direct_ns[answer.ask.tag] {
                self.added_ns += above_origin_ns(answer) as f64 - direct_ns as f64;
                self.added_to += 1;
            }
        }
    }

    fn count(&mut self, answer: &Answer) {
        let bytes = answer.ask.document.bytes as u64;
        self.report.answered += 1;
        self.report.bytes += bytes;
        if is_hit(answer) {
            self.report.hits += 1;
            self.report.hit_bytes += bytes;
            self.hit.add(answer.took_ns);
        } else {
            self.miss.add(answer.took_ns);
            self.miss_above_origin.add(above_origin_ns(answer));
        }
    }

    fn load(
        &self,
        pace: Pace,
        origin: &DocumentOrigin,
        next: impl FnMut() -> Option<clients::Ask>,
        done: impl FnMut(&Answer),
    ) -> Result<clients::Outcome, LiveError> {
        let host = origin.address().to_string();
        let before_path =
            if self.address == origin.address() { String::new() } else { format!("http://{host}") };
        let connections = match pace {
            Pace::Closed { connections } => connections,
            Pace::Open { connections_max, .. } => connections_max,
        };
        let plan = Plan {
            to: self.address,
            before_path: &before_path,
            host: &host,
            connections,
            processor: None,
            checks_content: true,
            mark: &|| origin.requests(),
        };
        clients::run(&plan, next, done).map_err(|source| LiveError::NoProxy {
            name: self.name.to_owned(),
            address: self.address,
            source,
        })
    }

    fn report(self) -> ProxyReport {
        let mut all = self.hit.clone();
        all.merge(&self.miss);
        let requests = self.report.answered + self.report.errors();
        ProxyReport {
            added: Some(Added {
                hit_us: self.hit.mean() / 1000.0,
                miss_us: self.added_ns / 1000.0 / self.added_to.max(1) as f64,
            }),
            all: Times::from(&all),
            hit: Times::from(&self.hit),
            miss: Times::from(&self.miss),
            miss_above_origin: Times::from(&self.miss_above_origin),
            cpu_us: self.pid.map(|_| self.cpu_ns as f64 / 1000.0 / requests.max(1) as f64),
            seconds: self.elapsed.as_secs_f64(),
            ..self.report
        }
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed { connections } => write!(f, "closed loop, {connections} connections"),
            Self::Open { factor, connections_max } => {
                write!(f, "the trace's pace x {factor}, at most {connections_max} connections")
            }
        }
    }
}

impl std::fmt::Display for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (before, model) = match self {
            Self::None => return f.write_str("none"),
            Self::Logged(model) => ("as logged, else ", model),
            Self::Modelled(model) => ("", model),
        };
        let (first_ms, rate) = (f64::from(model.miss_us) / 1e3, f64::from(model.bytes_per_ms) / 1e3);
        write!(f, "{before}{first_ms:.1} ms")?;
        // A line without slope has a bandwidth without bound.
        if model.bytes_per_ms < u32::MAX { write!(f, " and {rate:.1} MB/s") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
