//! What the cache that wrote the log did, as a row next to the policies'.

use cnn_core::policy::Traffic;

use super::cell::{Cell, Unit};
use super::latency::{Latency, Responses};
use super::outcome::{Faults, Outcome, What, Window};
use super::run::intervals;
use super::timeline::window_requests;
use crate::{Flags, Row, Trace};

/// What was logged, of the requests of which the log says whether its cache hit; `None` when it says so of none. A hit
/// took what the log says it took.
///
/// # Errors
/// When the rows cannot be read back.
pub fn logged(trace: &Trace, unit: Unit, latency: Latency) -> std::io::Result<Option<Outcome>> {
    if !trace.has_logged() {
        return Ok(None);
    }
    let every = window_requests(trace.len());
    let mut responses = Responses::new(latency);
    let mut timeline: Vec<Window> = Vec::new();
    let (mut traffic, mut number) = (Traffic::default(), 0_u64);
    trace.for_each_chunk(0, |rows| {
        for row in rows {
            if number.is_multiple_of(every) {
                timeline.push(Window { from: number, time_us: row.time_us, ..Window::default() });
            }
            number += 1;
            if row.flags & Flags::HAS_LOGGED != 0 {
                let window = timeline.last_mut().expect("the first request begins one");
                count(&mut traffic, row);
                count(&mut window.traffic, row);
                responses.logged(row);
            }
        }
        true
    })?;
    Ok(Some(Outcome {
        cell: Cell {
            trace: trace.name().to_owned(),
            policy: name(trace).to_owned(),
            size: None,
            unit,
            admission: None,
        },
        what: What::Logged,
        traffic,
        evictions: 0,
        not_admitted: 0,
        span_us: trace.span_us(),
        response: Some(responses.finish(0)),
        intervals: intervals(trace.len(), &timeline),
        timeline,
        marks: Vec::new(),
        faults: Faults::default(),
        agreement: None,
        timing: None,
    }))
}

fn count(traffic: &mut Traffic, row: &Row) {
    traffic.requests += 1;
    traffic.bytes += row.size;
    if row.flags & Flags::LOGGED_HIT != 0 {
        traffic.hits += 1;
        traffic.hit_bytes += row.size;
    }
}

/// What the row is called: Squid's result codes are told from others by how they begin.
fn name(trace: &Trace) -> &'static str {
    let is_squid = trace.facts().iter().any(|facts| facts.outcome.starts_with("TCP_"));
    if is_squid { "Squid, as logged" } else { "as logged" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{row, trace, trace_of};

    #[test]
    fn the_row_counts_what_the_log_says_of_its_cache() {
        let said =
            |number, flags| Row { flags, elapsed_us: 1000 * (1 + number as u32), ..row(number, 0, 10) };
        let rows = [
            said(0, Flags::HAS_LOGGED),
            said(1, Flags::HAS_LOGGED | Flags::LOGGED_HIT),
            said(2, 0),
            said(3, Flags::HAS_LOGGED | Flags::LOGGED_HIT),
        ];
        let outcome = logged(&trace_of(&rows), Unit::Bytes, Latency::default()).unwrap().unwrap();
        assert_eq!(outcome.traffic, Traffic { requests: 3, hits: 2, bytes: 30, hit_bytes: 20 });
        assert_eq!(outcome.response.unwrap().mean_us, 7000.0 / 3.0);
        assert_eq!((outcome.cell.policy.as_str(), outcome.timeline.len()), ("Squid, as logged", 4));
    }

    #[test]
    fn a_log_that_says_nothing_has_no_row() {
        assert!(logged(&trace("0:1 0:1"), Unit::Bytes, Latency::default()).unwrap().is_none());
    }
}
