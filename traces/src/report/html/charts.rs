//! The line charts of the page.

use super::super::Report;
use super::super::census::Census;
use super::super::chart::{COLOURS, Chart, Mark, Series};
use super::super::grid::{carried, name, reevaluated, size};
use super::super::scale::{Kind, Scale};
use super::super::units::{count, percent};
use super::escape;
use crate::replay::{Carry, Cell, Curve, Faults, Outcome, Point, Traffic, Unit, What, Window};

/// Miss ratios over sizes: curves, or the grid where it has several sizes.
pub(super) fn ratios(report: &Report) -> String {
    let mut curves = report.curves.clone();
    if curves.is_empty() {
        curves = curves_of(&report.outcomes);
    }
    let mut body = String::new();
    for (trace, unit) in distinct(curves.iter().map(|curve| (curve.trace.clone(), curve.unit))) {
        let of_trace = |curve: &&Curve| curve.trace == trace && curve.unit == unit;
        let drawn: Vec<&Curve> = curves.iter().filter(of_trace).collect();
        body.push_str(&format!("<h3>{}</h3>\n<div class=\"charts\">\n", escape(&trace)));
        body.push_str(&ratio_chart(report, &drawn, unit, "Misses per request", |point| point.miss_ratio));
        if unit == Unit::Bytes {
            let of = |point: &Point| point.byte_miss_ratio;
            body.push_str(&ratio_chart(report, &drawn, unit, "Bytes missed per byte", of));
        }
        body.push_str("</div>\n");
        body.push_str(&sampled(&drawn));
    }
    super::section("curves", "Misses by size of the cache", &report.command, &body)
}

fn ratio_chart(report: &Report, curves: &[&Curve], unit: Unit, title: &str, of: fn(&Point) -> f64) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (label, kind) = match unit {
        Unit::Bytes => ("size of the cache", Kind::Bytes),
        Unit::Documents => ("documents in the cache", Kind::Count),
    };
    let series = curves.iter().map(|curve| Series {
        name: curve.policy.clone(),
        look: look(report, &curve.policy),
        points: curve.points.iter().map(|point| (point.size as f64, of(point))).collect(),
        has_dots: true,
    });
    let chart = Chart {
        title: title.to_owned(),
        x: (label, Scale::log(kind, points().map(|point| point.size as f64))),
        y: ("misses", Scale::between(Kind::Share, points().map(of))),
        series: series.collect(),
        marks: Vec::new(),
    };
    chart.render()
}

/// How far sampled curves may be off.
fn sampled(curves: &[&Curve]) -> String {
    let samplings = curves.iter().filter_map(|curve| Some((&curve.policy, curve.sampling?)));
    let said: Vec<String> = samplings
        .map(|(policy, sampling)| {
            let points = |error: f64| format!("{:.2}", error * 100.0);
            format!(
                "{}: {} of the documents, standard error {} points ({} of bytes)",
                escape(policy),
                percent(sampling.rate),
                points(sampling.error),
                points(sampling.byte_error)
            )
        })
        .collect();
    if said.is_empty() {
        String::new()
    } else {
        format!("<p class=\"note\">Sampled. {}.</p>\n", said.join("; "))
    }
}

/// A grid with several sizes of one policy makes curves, too.
fn curves_of(outcomes: &[Outcome]) -> Vec<Curve> {
    let policies = outcomes.iter().filter(|outcome| outcome.what != What::Logged && outcome.marks.is_empty());
    let policies: Vec<&Outcome> = policies.collect();
    let keys = distinct(policies.iter().map(|outcome| {
        let Cell { trace, policy, unit, .. } = &outcome.cell;
        (trace.clone(), policy.clone(), *unit)
    }));
    let curve = |(trace, policy, unit): (String, String, Unit)| {
        let own = policies.iter().filter(|outcome| {
            let cell = &outcome.cell;
            (&cell.trace, &cell.policy, cell.unit) == (&trace, &policy, unit)
        });
        let of_trace = own.clone().next().map(|outcome| (outcome.traffic.requests, outcome.span_us));
        let mut points: Vec<Point> = own
            .filter_map(|outcome| {
                let (miss_ratio, byte_miss_ratio) = (outcome.miss_ratio(), outcome.byte_miss_ratio());
                let (size, evictions) = (outcome.cell.size?, outcome.evictions);
                Some(Point { size, share: f64::NAN, miss_ratio, byte_miss_ratio, evictions })
            })
            .collect();
        points.sort_by_key(|point| point.size);
        points.dedup_by_key(|point| point.size);
        let (requests, span_us) = of_trace.unwrap_or_default();
        Curve { trace, policy, unit, requests, span_us, points, sampling: None, faults: Faults::default() }
    };
    keys.into_iter().map(curve).filter(|curve| curve.points.len() > 1).collect()
}

/// The course of every run, one chart per trace and size.
pub(super) fn timelines(report: &Report) -> String {
    if !report.sweeps.is_empty() {
        // They draw their own, and too many runs to tell apart here.
        return String::new();
    }
    let drawn: Vec<&Outcome> = report.outcomes.iter().filter(|outcome| outcome.timeline.len() > 1).collect();
    let key = |outcome: &Outcome| {
        // What a log recorded has no size and goes with every size.
        (outcome.what != What::Logged).then(|| (outcome.cell.trace.clone(), size(outcome)))
    };
    let (mut body, mut charts) = (String::new(), 0);
    for (trace, of_size) in distinct(drawn.iter().filter_map(|outcome| key(outcome))) {
        let belongs = |outcome: &&&Outcome| {
            let is_logged = outcome.what == What::Logged && outcome.cell.trace == trace;
            is_logged || key(outcome) == Some((trace.clone(), of_size.clone()))
        };
        let runs: Vec<&Outcome> = drawn.iter().filter(belongs).copied().collect();
        let title = format!("{trace}, {of_size}");
        body.push_str(&timeline(report, &title, &runs));
        charts += 1;
    }
    if !body.is_empty() {
        let all = format!("<div class=\"charts\">\n{body}</div>\n");
        body = super::folded(charts, TIMELINES_MAX, "charts, one for each size of the cache", &all);
        let marks = report.outcomes.iter().flat_map(|outcome| &outcome.marks);
        let said: Vec<String> = distinct(marks.map(|mark| {
            let (at, from, to) = (count(mark.at), escape(&mark.from), escape(&mark.to));
            format!("{from} to {to} at request {at}, {}", carried(mark))
        }));
        if !said.is_empty() {
            body.push_str(&format!("<p class=\"note\">Switches: {}.</p>\n", said.join("; ")));
        }
    }
    super::section("timeline", "Hit ratio in the course of the trace", &report.command, &body)
}

/// Courses that are shown at once.
const TIMELINES_MAX: usize = 8;

/// Points of a course: more would only be jitter.
const STRETCHES_MAX: usize = 50;

fn timeline(report: &Report, title: &str, runs: &[&Outcome]) -> String {
    let series = runs.iter().enumerate().map(|(number, outcome)| {
        // Runs of one policy that differ in their switches have its colour, and dashes.
        let again = runs[..number].iter().filter(|other| other.cell.policy == outcome.cell.policy).count();
        let look = look(report, &outcome.cell.policy) + again * COLOURS;
        hits(name(outcome), look, &merged(&outcome.timeline, STRETCHES_MAX))
    });
    let marks =
        distinct(runs.iter().flat_map(|outcome| outcome.marks.iter().map(|mark| (mark.at, mark.to.clone()))));
    chart_of_hits(title, series.collect(), marks.into_iter().map(|(at, to)| (at, format!("to {to}"))))
}

/// Windows put together so that there are at most so many.
fn merged(windows: &[Window], most: usize) -> Vec<Window> {
    let each = windows.len().div_ceil(most).max(1);
    let merge = |windows: &[Window]| {
        let mut merged = windows[0];
        for Traffic { requests, hits, bytes, hit_bytes } in windows[1..].iter().map(|window| window.traffic) {
            merged.traffic.requests += requests;
            merged.traffic.hits += hits;
            merged.traffic.bytes += bytes;
            merged.traffic.hit_bytes += hit_bytes;
        }
        merged
    };
    windows.chunks(each).map(merge).collect()
}

/// Hit ratios of windows, each at its middle.
pub(super) fn hits(name: String, look: usize, windows: &[Window]) -> Series {
    let point = |window: &Window| {
        let middle = window.from as f64 + window.traffic.requests as f64 / 2.0;
        Some((middle, window.traffic.hit_ratio()?))
    };
    Series { name, look, points: windows.iter().filter_map(point).collect(), has_dots: false }
}

pub(super) fn chart_of_hits(
    title: &str,
    series: Vec<Series>,
    marks: impl Iterator<Item = (u64, String)>,
) -> String {
    let points: Vec<(f64, f64)> = series.iter().flat_map(|series| series.points.iter().copied()).collect();
    let chart = Chart {
        title: title.to_owned(),
        x: ("request", Scale::exact(Kind::Count, points.iter().map(|point| point.0))),
        y: ("hit ratio", Scale::between(Kind::Share, points.iter().map(|point| point.1))),
        marks: marks.map(|(at, label)| Mark { x: at as f64, label, look: 7 }).collect(),
        series,
    };
    chart.render()
}

/// A way to switch, in words.
pub(super) fn way(carry: Carry) -> String {
    match carry {
        Carry::Reevaluate(how) => reevaluated(how),
        Carry::Flush => "flushed".to_owned(),
    }
}

/// How sizes are spread.
pub(super) fn sizes(census: &Census) -> String {
    let names = ["documents", "requests", "bytes asked for"];
    let series = names.iter().enumerate().map(|(at, name)| Series {
        name: (*name).to_owned(),
        look: at,
        points: census.sizes.iter().map(|(size, shares)| (*size as f64, shares[at])).collect(),
        has_dots: false,
    });
    let chart = Chart {
        title: "Sizes: share that is no larger".to_owned(),
        x: (
            "bytes of the document",
            Scale::log(Kind::Bytes, census.sizes.iter().map(|(size, _)| *size as f64)),
        ),
        y: ("share", Scale::linear(Kind::Share, [1.0])),
        series: series.collect(),
        marks: Vec::new(),
    };
    chart.render()
}

/// How popularity is spread.
pub(super) fn popularity(census: &Census) -> String {
    let points = || census.popularity.iter().map(|&(rank, asked)| (rank as f64, asked as f64));
    let (ranks, asked): (Vec<f64>, Vec<f64>) = points().unzip();
    let chart = Chart {
        title: "Popularity: requests for the document of each rank".to_owned(),
        x: ("rank of the document", Scale::log(Kind::Count, ranks)),
        y: ("requests", Scale::log(Kind::Count, asked)),
        series: vec![Series { name: String::new(), look: 0, points: points().collect(), has_dots: false }],
        marks: Vec::new(),
    };
    chart.render()
}

/// The looks of a policy: the same in all charts of a page.
fn look(report: &Report, policy: &str) -> usize {
    let named = report.outcomes.iter().map(|outcome| &outcome.cell.policy);
    let all = distinct(named.chain(report.curves.iter().map(|curve| &curve.policy)));
    all.iter().position(|own| *own == policy).unwrap_or_default()
}

/// Each once, in the order of first appearance.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}
