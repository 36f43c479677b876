//! Switches in several ways, next to caches that stayed and that always had the new policy.

use super::super::Report;
use super::super::units::count;
use super::charts::{carried, chart_of_hits, hits};
use super::{escape, table};
use crate::replay::Sweep;

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
    let mut series = vec![
        hits(format!("stayed with {from}"), 0, &sweep.stayed.timeline),
        hits(format!("always {to}"), 1, &sweep.always.timeline),
    ];
    series.extend(
        sweep
            .ways
            .iter()
            .enumerate()
            .map(|(number, way)| hits(carried(way.carry), number + 2, &way.outcome.timeline)),
    );
    let chart = chart_of_hits("Hit ratio", series, [(sweep.at, "switch".to_owned())].into_iter());
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
            escape(&carried(way.carry)).into_owned(),
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
        "<h3>{}</h3>\n<div class=\"charts\">{chart}</div>\n{}<p class=\"note\">Dip: the furthest that a window's hit ratio \
         fell below that of the cache that stayed, in points. Gap: the same below the cache that always had the new \
         policy. Area: misses more than that one until the end, per document in the cache at the switch (of bytes: \
         bytes missed more, per byte in it); below 0 the switch did better. Settled: requests until the gap stayed \
         below half a point.</p>\n",
        escape(&title),
        table(&heads, rows)
    )
}
