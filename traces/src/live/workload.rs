//! What a trace means to live proxies: which documents the origin serves and how, and what clients ask for, when.
//!
//! - Every row is a GET that is answered with 200 and as many bytes of body as the row says, from one origin.
//! - A document that changed is another document from then on: no cache can know of the change, and in the trace none did.
//! - What must not be stored goes under names of its own, with `no-store`.
//! - A reload says `Cache-Control: no-cache`, and the origin sends the whole.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cnn_core::policy::Mime;

use super::clients::Ask;
use super::document::Document;
use super::origin::Service;
use crate::replay::Latency;
use crate::trace::{Flags, Trace};

/// How long the origin holds answers back, besides what it takes anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Not at all: what is left is the proxies' own time.
    None,
    /// As long as the log says the first miss of the document took; where it does not say, as the model says.
    Logged(Latency),
    /// As the model says.
    Modelled(Latency),
}

impl Hold {
    /// Logs have answers that took minutes: a client that went away slowly, a feed. No answer is held back longer.
    pub const MAX: Duration = Duration::from_secs(2);

    /// Microseconds for a document.
    fn of(self, bytes: u64, logged_us: Option<u32>) -> u64 {
        match self {
            Self::None => 0,
            Self::Logged(model) => logged_us.map_or_else(|| model.model_us(bytes), u64::from),
            Self::Modelled(model) => model.model_us(bytes),
        }
    }
}

/// Numbers of one run's documents start at a multiple of this, so that a proxy that has seen another run has none of them.
const RUN_SPAN: u64 = 10_000_000_000;

/// Runs told apart: numbers have fifteen digits.
const RUNS: u64 = 90_000;

/// A document of the origin.
#[derive(Clone, Copy, Debug)]
struct Served {
    bytes: u64,
    logged_us: Option<u32>,
    hold: Duration,
    mime: Mime,
    is_storable: bool,
}

/// One request.
#[derive(Clone, Copy, Debug)]
struct Request {
    time_us: u64,
    served: u32,
    is_reload: bool,
}

/// A trace as live proxies meet it.
#[derive(Debug)]
pub(super) struct Workload {
    requests: Vec<Request>,
    served: Arc<Vec<Served>>,
    first_number: u64,
    held_shorter: u64,
}

impl Workload {
    /// The first `requests_max` requests of a trace. `run` tells runs against the same proxies apart.
    pub(super) fn new(trace: &Trace, requests_max: u64, hold: Hold, run: u64) -> io::Result<Self> {
        const NONE: u32 = u32::MAX;
        let objects = trace.objects();
        let mut served: Vec<Served> = Vec::new();
        // By object: the document that may be stored, and the one that may not.
        let mut numbers = vec![[NONE; 2]; objects.len()];
        let mut requests = Vec::new();
        trace.for_each_chunk(0, |rows| {
            let left = requests_max.saturating_sub(requests.len() as u64);
            for row in rows.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                let is_storable = row.flags & Flags::UNSTORABLE == 0;
                let number = &mut numbers[row.object as usize][usize::from(!is_storable)];
                if *number == NONE || row.flags & Flags::CHANGED != 0 {
                    *number = served.len() as u32;
                    let mime = objects[row.object as usize].mime;
                    let (logged_us, hold) = (None, Duration::ZERO);
                    served.push(Served { bytes: row.size, logged_us, hold, mime, is_storable });
                }
                let document = &mut served[*number as usize];
                document.logged_us = document.logged_us.or_else(|| Latency::logged_us(row));
                let is_reload = row.flags & Flags::RELOAD != 0;
                requests.push(Request { time_us: row.time_us, served: *number, is_reload });
            }
            (requests.len() as u64) < requests_max
        })?;
        let mut held_shorter = 0;
        for document in &mut served {
            let wanted = Duration::from_micros(hold.of(document.bytes, document.logged_us));
            held_shorter += u64::from(wanted > Hold::MAX);
            document.hold = wanted.min(Hold::MAX);
        }
        let first_number = (run % RUNS + RUNS / 9) * RUN_SPAN;
        Ok(Self { requests, served: Arc::new(served), first_number, held_shorter })
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Documents that would be held back longer than [`Hold::MAX`].
    pub(super) fn held_shorter(&self) -> u64 {
        self.held_shorter
    }

    /// A request; its due time is that of the trace divided by `factor`, and that and its tag count from request `from`.
    pub(super) fn ask(&self, number: usize, from: usize, factor: Option<f64>) -> Ask {
        let request = self.requests[number];
        let document = Document {
            bytes: usize::try_from(self.served[request.served as usize].bytes).unwrap_or(usize::MAX),
            number: self.first_number + u64::from(request.served),
        };
        let since = request.time_us.saturating_sub(self.requests[from].time_us);
        let due = factor.map(|factor| Duration::from_micros((since as f64 / factor) as u64));
        Ask { document, is_reload: request.is_reload, due, tag: number - from }
    }

    /// What asks whether a proxy lets one through to the origin; stored by nobody.
    pub(super) fn probe(&self) -> Ask {
        Document { bytes: 16, number: self.first_number + self.served.len() as u64 }.into()
    }

    /// How the origin serves these documents.
    pub(super) fn service(&self) -> impl Fn(Document) -> Option<Service> + Send + use<> {
        let (served, first_number) = (Arc::clone(&self.served), self.first_number);
        move |document| {
            let number = usize::try_from(document.number.checked_sub(first_number)?).ok()?;
            let Some(served) = served.get(number) else {
                let probe = Service { is_storable: false, ..Service::default() };
                return (number == served.len()).then_some(probe);
            };
            Some(Service {
                hold: served.hold,
                is_storable: served.is_storable,
                content_type: content_type(served.mime),
            })
        }
    }
}

/// A type of each class, so that policies that look at it see what the log had.
fn content_type(mime: Mime) -> &'static str {
    match mime {
        Mime::Other => "unknown/unknown",
        Mime::Html => "text/html",
        Mime::Text => "text/plain",
        Mime::Image => "image/jpeg",
        Mime::Media => "video/mp4",
        Mime::Font => "font/woff2",
        Mime::Binary => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Facts, Object, Row, TraceBuilder};

    /// Rows: object, size, elapsed, flags.
    fn workload(rows: &[(u32, u64, u32, u32)], hold: Hold) -> Workload {
        let mut builder = TraceBuilder::new("t", 1 << 20);
        builder.add_origin(String::new());
        builder.add_facts(Facts::default());
        let objects = rows.iter().map(|row| row.0 + 1).max().unwrap_or_default();
        for hash in 0..u64::from(objects) {
            builder.add_object(Object { hash, origin: 0, mime: Mime::Image }, 1);
        }
        for (number, &(object, size, elapsed_us, flags)) in rows.iter().enumerate() {
            let time_us = number as u64 * 1000;
            builder.push(Row { time_us, size, object, elapsed_us, facts: 0, flags }).unwrap();
        }
        Workload::new(&builder.build().unwrap(), u64::MAX, hold, 3).unwrap()
    }

    /// What each request asks for: the document, counted from the run's first, its bytes, and how it is served.
    fn check(rows: &[(u32, u64, u32, u32)], hold: Hold, expected: &[(u64, usize, u64, bool)]) {
        let workload = workload(rows, hold);
        let service = workload.service();
        let seen: Vec<_> = (0..workload.len())
            .map(|number| {
                let Document { bytes, number } = workload.ask(number, 0, None).document;
                let served = service(Document { bytes, number }).unwrap();
                assert_eq!(served.content_type, "image/jpeg");
                (number % RUN_SPAN, bytes, served.hold.as_micros() as u64, served.is_storable)
            })
            .collect();
        assert_eq!(seen, expected);
    }

    const UNKNOWN: u32 = Row::UNKNOWN;

    #[test]
    fn an_object_keeps_its_size_until_it_changes() {
        check(
            &[
                (0, 10, UNKNOWN, 0),
                (1, 20, UNKNOWN, 0),
                (0, 11, UNKNOWN, 0),
                (0, 12, UNKNOWN, Flags::CHANGED),
            ],
            Hold::None,
            &[(0, 10, 0, true), (1, 20, 0, true), (0, 10, 0, true), (2, 12, 0, true)],
        );
    }

    #[test]
    fn what_must_not_be_stored_has_a_name_of_its_own() {
        check(
            &[(0, 10, UNKNOWN, 0), (0, 10, UNKNOWN, Flags::UNSTORABLE), (0, 10, UNKNOWN, 0)],
            Hold::None,
            &[(0, 10, 0, true), (1, 10, 0, false), (0, 10, 0, true)],
        );
    }

    #[test]
    fn a_miss_takes_what_the_first_logged_miss_took_or_what_the_model_says() {
        let hit = Flags::LOGGED_HIT | Flags::HAS_LOGGED;
        let model = Latency { hit_us: 1, miss_us: 1000, bytes_per_ms: 10 };
        check(
            &[(0, 1, 3, hit), (0, 1, 700, 0), (0, 1, 900, 0), (1, 20, UNKNOWN, 0), (2, 10, 5, hit)],
            Hold::Logged(model),
            &[
                (0, 1, 700, true),
                (0, 1, 700, true),
                (0, 1, 700, true),
                (1, 20, 3000, true),
                (2, 10, 2000, true),
            ],
        );
        check(&[(0, 20, 7, 0)], Hold::Modelled(model), &[(0, 20, 3000, true)]);
        check(&[(0, 1, 3_000_000_000, 0)], Hold::Logged(model), &[(0, 1, 2_000_000, true)]);
    }

    #[test]
    fn due_times_are_the_traces_by_the_factor() {
        let workload = workload(&[(0, 1, UNKNOWN, 0); 4], Hold::None);
        let due = |number, from| workload.ask(number, from, Some(2.0)).due;
        assert_eq!((due(0, 0), due(3, 0)), (Some(Duration::ZERO), Some(Duration::from_micros(1500))));
        assert_eq!(due(3, 2), Some(Duration::from_micros(500)));
        assert_eq!(workload.ask(3, 0, None).due, None);
    }

    #[test]
    fn only_documents_of_the_run_and_its_probe_are_served() {
        let workload = workload(&[(0, 1, UNKNOWN, 0)], Hold::None);
        let service = workload.service();
        let probe = workload.probe().document;
        assert!(service(probe).is_some_and(|served| !served.is_storable));
        assert_eq!(service(Document { bytes: 1, number: probe.number + 1 }), None);
        assert_eq!(service(Document { bytes: 1, number: 0 }), None);
    }
}
