//! Switches in several ways, next to caches that stayed and that always had the new policy.

use super::super::Report;
use super::super::chart::{Chart, Series};
use super::super::scale::{Kind, Scale};
use super::super::units::count;
use super::charts::{chart_of_hits, hits, way as in_words};
use super::{escape, table};
use crate::replay::{Outcome, Sweep, Window};

pub(super) fn section(report: &Report) -> String {
    let body: String = report.sweeps.iter().map(sweep).collect();
    super::section("switches", "What a switch costs", &report.command, &body)
}

fn sweep(sweep: &Sweep) -> String {
    let (from, to) = (&sweep.stayed.cell.policy, &sweep.always.cell.policy);
    let title = format!(
        "{from} to {to} at request {}, with {} documents in the cache",
        count(sweep.at),
        count(sweep.documents)
    );
    let mut runs =
        vec![(format!("stayed with {from}"), &sweep.stayed), (format!("always {to}"), &sweep.always)];
    runs.extend(sweep.ways.iter().map(|way| (in_words(way.carry), &way.outcome)));
    let charts = around(sweep, &runs) + &extra_misses(sweep, &runs);
    let heads = [
        "carried over",
        ">dip",
        ">gap",
        ">area",
        ">dip, bytes",
        ">gap, bytes",
        ">area, bytes",
        ">settled after",
        ">hit ratio",
    ];
    let rows = sweep.ways.iter().map(|way| {
        let effect = &way.effect;
        let points = |value: f64| format!("{value:.2}");
        vec![
            escape(&in_words(way.carry)).into_owned(),
            points(effect.dip),
            points(effect.gap),
            format!("{:.3}", effect.area),
            points(effect.byte_dip),
            points(effect.byte_gap),
            format!("{:.3}", effect.byte_area),
            count(effect.settled_after),
            super::super::grid::percent(way.outcome.traffic.hit_ratio()),
        ]
    });
    format!(
        "<h3>{}</h3>\n<div class=\"charts\">{charts}</div>\n{}<p class=\"note\">Dip: the furthest that a window's hit ratio \
         fell below that of the cache that stayed, in points. Gap: the same below the cache that always had the new \
         policy. Area: misses more than that one until the end, per document in the cache at the switch (of bytes: \
         bytes missed more, per byte in it); below 0 the switch did better. Settled: requests until the gap stayed \
         below half a point.</p>\n",
        escape(&title),
        table(&heads, rows)
    )
}

/// Windows shown before the switch, and after it.
const SHOWN: [u64; 2] = [10, 30];

/// The hit ratios near the switch.
fn around(sweep: &Sweep, runs: &[(String, &Outcome)]) -> String {
    let every = sweep.stayed.timeline.first().map_or(1, |window| window.traffic.requests);
    let [before, after] = SHOWN.map(|windows| windows.saturating_mul(every));
    let shown = sweep.at.saturating_sub(before)..sweep.at.saturating_add(after);
    let series = runs.iter().enumerate().map(|(look, (name, outcome))| {
        let windows = outcome.timeline.iter().filter(|window| shown.contains(&window.from));
        hits(name.clone(), look, &windows.copied().collect::<Vec<Window>>())
    });
    chart_of_hits(
        "Hit ratio around the switch",
        series.collect(),
        [(sweep.at, "switch".to_owned())].into_iter(),
    )
}

/// Misses since the switch more than those of the cache that always had the new policy: where a line ends is the area.
fn extra_misses(sweep: &Sweep, runs: &[(String, &Outcome)]) -> String {
    let documents = sweep.documents.max(1) as f64;
    let series = runs.iter().enumerate().filter(|(number, _)| *number != 1).map(|(look, (name, outcome))| {
        let pairs = outcome.timeline.iter().zip(&sweep.always.timeline);
        let mut extra = 0.0;
        let mut points = vec![(sweep.at as f64, 0.0)];
        points.extend(pairs.filter(|(own, _)| own.from >= sweep.at).map(|(own, always)| {
            extra += (always.traffic.hits as f64 - own.traffic.hits as f64) / documents;
            ((own.from + own.traffic.requests) as f64, extra)
        }));
        Series { name: name.clone(), look, points, has_dots: false }
    });
    let series: Vec<Series> = series.collect();
    let points: Vec<(f64, f64)> = series.iter().flat_map(|series| series.points.iter().copied()).collect();
    let chart = Chart {
        title: format!("Misses more than with {} from the beginning", sweep.always.cell.policy),
        x: ("request, from the switch on", Scale::exact(Kind::Count, points.iter().map(|point| point.0))),
        y: ("per document in the cache", Scale::between(Kind::Number, points.iter().map(|point| point.1))),
        series,
        marks: Vec::new(),
    };
    chart.render()
}
