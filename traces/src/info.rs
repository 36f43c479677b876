//! What can be said of a trace without replaying it: how much of it there is, how popular and how large its documents are,
//! what the cache that wrote it did, and how well any cache could do.

mod count;

use std::path::PathBuf;

use serde::Serialize;

pub use self::count::Percentiles;
use self::count::{Tally, percentiles};
use crate::error::TraceError;
use crate::file::{FileReport, Progress, read_all};
use crate::prepare::{Preparation, PrepareOptions, Prepared, trace_name};
use crate::replay::Boundless;
use crate::trace::{Flags, Row, Trace};

/// What can be said of a trace.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// What reports call it.
    pub name: String,
    /// The files it is made of.
    pub files: Vec<FileInfo>,
    /// Requests for documents.
    pub requests: u64,
    /// Documents requested.
    pub documents: u64,
    /// Bytes requested.
    pub bytes: u64,
    /// Bytes of all documents, as large as they were at their first request.
    pub unique_bytes: u64,
    /// Seconds from the first request to the last.
    pub span_secs: f64,
    /// The share of documents that are requested once.
    pub one_hit_documents: f64,
    /// The share of requests whose response may be stored and whose client would have had a stored one.
    pub cacheable_requests: f64,
    /// Requests for a document that is another one than the time before.
    pub new_versions: u64,
    /// The share of requests that a cache without limits, which begins empty, answers.
    pub hit_ratio_max: f64,
    /// The share of bytes that it answers.
    pub byte_hit_ratio_max: f64,
    /// What the cache that wrote the log did, if it says so.
    pub logged: Option<Logged>,
    /// How large documents are, in bytes.
    pub document_bytes: Percentiles,
    /// How large what is requested is, in bytes.
    pub request_bytes: Percentiles,
    /// How often documents are requested.
    pub requests_per_document: Percentiles,
    /// The share of requests that go to the most popular hundredth of the documents.
    pub top_percent_requests: f64,
    /// How long requests took, in microseconds, if the log says so.
    pub elapsed_us: Option<Percentiles>,
    /// Records of every result code and status, whether they are requests or not, most first.
    pub result_codes: Vec<Counted>,
    /// Records of every method, most first.
    pub methods: Vec<Counted>,
    /// Requests by media type, most first.
    pub content_types: Vec<Counted>,
    /// Requests by origin, most first.
    pub origins: Vec<Counted>,
    /// Origins there are.
    pub origins_count: u64,
    /// Records that are no requests for documents, by reason.
    pub ignored: Vec<Counted>,
}

/// A file of a trace.
#[derive(Clone, Debug, Serialize)]
pub struct FileInfo {
    /// Its path.
    pub path: PathBuf,
    /// Its format.
    pub format: &'static str,
    /// How it is packed.
    pub packing: &'static str,
    /// Its lines, or records of a binary format.
    pub lines: u64,
    /// Those that are damaged.
    pub damaged: u64,
    /// The first of these, as `number: what is wrong: excerpt`.
    pub first_damaged: Vec<String>,
}

/// What the cache that wrote the log did.
#[derive(Clone, Debug, Serialize)]
pub struct Logged {
    /// Requests of which it says whether it hit.
    pub requests: u64,
    /// The share it answered from what it had stored.
    pub hit_ratio: f64,
    /// The share of bytes.
    pub byte_hit_ratio: f64,
}

/// Something and how often it occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
}

impl Info {
    /// Reads the files, one after the other, as one trace.
    ///
    /// # Errors
    /// When a file cannot be read or has more damaged lines than allowed.
    pub fn of(
        paths: &[PathBuf],
        options: &PrepareOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, TraceError> {
        let name = paths.first().map_or_else(String::new, |path| trace_name(path));
        let mut preparation = Preparation::new(name, options);
        let (mut codes, mut methods) = (Tally::default(), Tally::default());
        let mut code = Vec::new();
        let files = read_all(paths, &options.read, progress, &mut |record, format| {
            if record.outcome.is_some() || record.status.is_some() {
                code.clear();
                code.extend_from_slice(record.outcome.unwrap_or_default());
                if let Some(status) = record.status {
                    let separator = if code.is_empty() { "" } else { "/" };
                    code.extend_from_slice(format!("{separator}{status:03}").as_bytes());
                }
                codes.count(&code);
            }
            if let Some(method) = record.method {
                methods.count(method);
            }
            preparation.take(record, format)
        })?;
        let prepared = preparation.finish(files)?;
        let mut info = Self::of_trace(&prepared).map_err(TraceError::Keep)?;
        info.result_codes = codes.most_first();
        info.methods = methods.most_first();
        Ok(info)
    }

    /// What the requests say.
    fn of_trace(prepared: &Prepared) -> std::io::Result<Self> {
        let trace = &prepared.trace;
        let mut sums = Sums::of(trace)?;
        let one_hits = sums.requests_of.iter().filter(|count| **count == 1).count();
        sums.requests_of.sort_unstable();
        let top = sums.requests_of.len().div_ceil(100);
        let top_requests: u64 = sums.requests_of.iter().rev().take(top).map(|count| u64::from(*count)).sum();
        let mut counts: Vec<u64> = sums.requests_of.iter().map(|count| u64::from(*count)).collect();
        let requests = trace.len();
        Ok(Self {
            name: trace.name().to_owned(),
            files: prepared.files.iter().map(FileInfo::of).collect(),
            requests,
            documents: trace.objects().len() as u64,
            bytes: trace.bytes(),
            unique_bytes: trace.unique_bytes(),
            span_secs: sums.last_us as f64 / 1e6,
            one_hit_documents: share(one_hits as u64, trace.objects().len() as u64),
            cacheable_requests: share(sums.cacheable, requests),
            new_versions: sums.new_versions,
            hit_ratio_max: share(sums.hits_max, requests),
            byte_hit_ratio_max: share(sums.hit_bytes_max, trace.bytes()),
            logged: (sums.logged > 0).then(|| Logged {
                requests: sums.logged,
                hit_ratio: share(sums.logged_hits, sums.logged),
                byte_hit_ratio: share(sums.logged_hit_bytes, sums.logged_bytes),
            }),
            document_bytes: percentiles(&mut sums.bytes_of),
            request_bytes: sums.request_bytes.percentiles(),
            requests_per_document: percentiles(&mut counts),
            top_percent_requests: share(top_requests, requests),
            elapsed_us: (!sums.elapsed_us.is_empty()).then(|| sums.elapsed_us.percentiles()),
            result_codes: Vec::new(),
            methods: Vec::new(),
            content_types: by_name(trace.facts().iter().map(|facts| &facts.mime), &sums.requests_by_facts),
            origins: by_name(trace.origins().iter(), &sums.requests_by_origin),
            origins_count: trace.origins().iter().filter(|origin| !origin.is_empty()).count() as u64,
            ignored: Tally::of(prepared.ignored.iter().map(|(reason, count)| (reason.as_str(), *count))),
        })
    }
}

impl FileInfo {
    fn of(report: &FileReport) -> Self {
        Self {
            path: report.path.clone(),
            format: report.format,
            packing: report.packing.as_str(),
            lines: report.damage.lines,
            damaged: report.damage.damaged,
            first_damaged: report.damage.first.iter().map(ToString::to_string).collect(),
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The counts of the names that are not empty, most first; the same name may occur several times.
fn by_name<'a>(names: impl Iterator<Item = &'a String>, counts: &[u64]) -> Vec<Counted> {
    let named = names.zip(counts).filter(|(name, _)| !name.is_empty());
    Tally::of(named.map(|(name, count)| (name.as_str(), *count)))
}

/// What is summed up over the requests.
struct Sums {
    last_us: u64,
    requests_of: Vec<u32>,
    /// The size at the last request.
    bytes_of: Vec<u64>,
    request_bytes: count::Histogram,
    elapsed_us: count::Histogram,
    requests_by_facts: Vec<u64>,
    requests_by_origin: Vec<u64>,
    cacheable: u64,
    new_versions: u64,
    /// The cache without limits, by the rule that replays go by.
    boundless: Boundless,
    hits_max: u64,
    hit_bytes_max: u64,
    logged: u64,
    logged_hits: u64,
    logged_bytes: u64,
    logged_hit_bytes: u64,
}

impl Sums {
    fn of(trace: &Trace) -> std::io::Result<Self> {
        let objects = trace.objects().len();
        let mut sums = Self {
            last_us: 0,
            requests_of: vec![0; objects],
            bytes_of: vec![0; objects],
            request_bytes: count::Histogram::default(),
            elapsed_us: count::Histogram::default(),
            requests_by_facts: vec![0; trace.facts().len()],
            requests_by_origin: vec![0; trace.origins().len()],
            cacheable: 0,
            new_versions: 0,
            boundless: Boundless::new(trace),
            hits_max: 0,
            hit_bytes_max: 0,
            logged: 0,
            logged_hits: 0,
            logged_bytes: 0,
            logged_hit_bytes: 0,
        };
        trace.for_each_chunk(0, |rows| {
            rows.iter().for_each(|row| sums.add(row, trace));
            true
        })?;
        Ok(sums)
    }

    fn add(&mut self, row: &Row, trace: &Trace) {
        let object = row.object as usize;
        let has = |flag: u32| row.flags & flag != 0;
        self.last_us = row.time_us;
        self.requests_of[object] = self.requests_of[object].saturating_add(1);
        self.bytes_of[object] = row.size;
        self.request_bytes.add(row.size);
        if row.elapsed_us != Row::UNKNOWN {
            self.elapsed_us.add(row.elapsed_us.into());
        }
        self.requests_by_facts[row.facts as usize] += 1;
        self.requests_by_origin[trace.objects()[object].origin as usize] += 1;
        self.cacheable += u64::from(!has(Flags::RELOAD | Flags::UNSTORABLE));
        self.new_versions += u64::from(has(Flags::CHANGED));
        if self.boundless.request(row) {
            self.hits_max += 1;
            self.hit_bytes_max += row.size;
        }
        if has(Flags::HAS_LOGGED) {
            self.logged += 1;
            self.logged_bytes += row.size;
            if has(Flags::LOGGED_HIT) {
                self.logged_hits += 1;
                self.logged_hit_bytes += row.size;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, text: &str) -> Info {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Info::of(&[path], &PrepareOptions::default(), &mut |_| {}).unwrap()
    }

    #[test]
    fn a_log_is_summed_up() {
        let line = |at: u32, code: &str, size: u32, what: &str, mime: &str| {
            format!("{at}.000 5 192.0.2.1 {code} {size} {what} - HIER_NONE/- {mime}\n")
        };
        let info = info(
            "t.access.log",
            &[
                line(1_700_000_000, "TCP_MISS/200", 1000, "GET http://a.test/", "text/html"),
                line(1_700_000_001, "TCP_HIT/200", 1000, "GET http://a.test/", "text/html"),
                line(1_700_000_002, "TCP_MISS/200", 3000, "GET http://a.test/", "text/html"),
                line(1_700_000_003, "TCP_MISS/200", 500, "GET http://b.test/", "image/png"),
                line(1_700_000_004, "TCP_MISS/503", 200, "GET http://b.test/", "text/html"),
                line(1_700_000_004, "TCP_DENIED/403", 100, "GET http://b.test/", "text/html"),
                line(1_700_000_010, "TCP_TUNNEL/200", 9, "CONNECT c.test:443", "-"),
            ]
            .concat()
            .repeat(2),
        );
        assert_eq!((info.requests, info.documents, info.new_versions), (10, 2, 1));
        assert_eq!(
            (info.bytes, info.unique_bytes),
            (1000 + 1000 + 3000 + 500 + 200 + 3 * 3000 + 500 + 200, 1500)
        );
        assert_eq!(info.one_hit_documents, 0.0);
        assert_eq!(info.cacheable_requests, 0.8);
        assert_eq!(info.span_secs, 4.0);
        let names = |counted: &[Counted]| {
            counted.iter().map(|counted| format!("{} {}", counted.name, counted.count)).collect::<Vec<_>>()
        };
        let codes =
            ["TCP_MISS/200 6", "TCP_DENIED/403 2", "TCP_HIT/200 2", "TCP_MISS/503 2", "TCP_TUNNEL/200 2"];
        assert_eq!(names(&info.result_codes), codes);
        assert_eq!(names(&info.methods), ["GET 12", "CONNECT 2"]);
        assert_eq!(names(&info.content_types), ["text/html 8", "image/png 2"]);
        assert_eq!(names(&info.origins), ["http://a.test 6", "http://b.test 4"]);
        assert_eq!(names(&info.ignored), ["denied 2", "tunnel 2"]);
        let logged = info.logged.unwrap();
        assert_eq!((logged.requests, logged.hit_ratio), (10, 0.2));
        assert_eq!(info.elapsed_us.unwrap().p50, 5000);
    }

    #[test]
    fn at_best_is_what_the_replay_calls_infinite() {
        let line = |at: u32, code: &str, size: u32, url: &str| {
            format!("{at}.000 5 192.0.2.1 {code} {size} GET {url} - HIER_DIRECT/192.0.2.9 text/html\n")
        };
        let log: String = (0..40_u32)
            .map(|at| match at % 5 {
                0 => line(at, "TCP_MISS/200", 1000 + at / 20 * 500, "http://a.test/"),
                1 => line(at, "TCP_CLIENT_REFRESH_MISS/200", 700, "http://b.test/"),
                2 => line(at, "TCP_MISS/503", 1000, "http://a.test/"),
                3 => line(at, "TCP_MISS/200", 700, "http://b.test/"),
                _ => line(at, "TCP_MISS/206", 90, "http://c.test/"),
            })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.access.log");
        std::fs::write(&path, log).unwrap();
        let options = PrepareOptions::default();
        let info = Info::of(std::slice::from_ref(&path), &options, &mut |_| {}).unwrap();
        let trace = crate::prepare::prepare(&[path], &options, &mut |_| {}).unwrap().trace;
        let infinite =
            crate::replay::Bound::Infinite.of(&trace, 1, crate::replay::Accounting::default()).unwrap();
        assert_eq!(Some(info.hit_ratio_max), infinite.traffic.hit_ratio());
        assert_eq!(Some(info.byte_hit_ratio_max), infinite.traffic.byte_hit_ratio());
        assert!(
            info.cacheable_requests < 1.0 && info.new_versions > 0,
            "the log has all that matters: {info:?}"
        );
    }

    #[test]
    fn a_trace_of_numbers_has_neither_codes_nor_types() {
        let info = info("t.lirs", "1\n2\n1\n3\n1\n");
        assert_eq!((info.requests, info.documents, info.hit_ratio_max), (5, 3, 0.4));
        assert!((info.one_hit_documents - 2.0 / 3.0).abs() < 1e-9);
        assert!(info.logged.is_none() && info.elapsed_us.is_none() && info.result_codes.is_empty());
        assert_eq!(info.requests_per_document.max, 3);
        assert_eq!(info.files[0].format, "lirs");
    }

    #[test]
    fn what_is_empty_has_ratios_of_zero() {
        let info = info("t.csv", "time,obj,size\n");
        assert_eq!((info.requests, info.hit_ratio_max, info.one_hit_documents), (0, 0.0, 0.0));
    }
}
