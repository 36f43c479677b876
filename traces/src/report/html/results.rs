//! The grid of policies and sizes as a table.

use super::super::Report;
use super::super::grid::{interval, name, percent, size};
use super::super::live::micros;
use super::super::units::{bytes, count};
use super::{bar, escape, folded, table};
use crate::replay::{Outcome, What};

/// Rows that are shown at once: a grid of some policies and sizes, but not of a curve.
const ROWS_MAX: usize = 50;

pub(super) fn section(report: &Report) -> String {
    if report.outcomes.is_empty() {
        return String::new();
    }
    let is_timed = report.outcomes.iter().any(|outcome| outcome.timing.is_some());
    let mut traces = report.outcomes.iter().map(|outcome| &outcome.cell.trace);
    let first = traces.next();
    let is_one_trace = traces.all(|other| Some(other) == first);
    let mut heads =
        vec!["trace", "policy", ">size", "hit ratio", "byte hit ratio", ">from origins", ">evictions"];
    heads.extend([">response, mean", ">95 of 100 within"]);
    if is_timed {
        heads.push(">policy, per request");
    }
    let rows = report.outcomes.iter().map(|outcome| row(outcome, is_timed));
    // The page's title says which when there is but one.
    let shown = usize::from(is_one_trace)..;
    heads.drain(..shown.start);
    let rows = rows.map(|row| row[shown.clone()].to_vec());
    let mut body = folded(report.outcomes.len(), ROWS_MAX, "rows", &table(&heads, rows));
    body.push_str(
        "<p class=\"note\">Of all requests, the cold start included. Small figures are 95 % confidence intervals by \
         blocks of the trace: they say how much a ratio depends on the stretch of traffic; between two policies on one \
         trace the difference is known far better. Bounds are in parentheses. Response times are estimated: a miss \
         takes what the log says, or a model where it says nothing.</p>\n",
    );
    let own = report.outcomes.iter().filter(|outcome| outcome.what != What::Logged);
    let commands: String = own.map(|outcome| format!("{}\n", report.command_of(outcome))).collect();
    body.push_str(&format!(
        "<details><summary>The command of each row alone</summary>\n{}</details>\n",
        super::command(commands.trim_end())
    ));
    super::section("results", "What each policy did", &report.command, &body)
}

fn row(outcome: &Outcome, is_timed: bool) -> Vec<String> {
    let dash = || "-".to_owned();
    let with_interval = |ratio: Option<f64>, bounds| {
        let bounds = interval(bounds);
        let small = if bounds == "-" { String::new() } else { format!(" <small>{bounds}</small>") };
        format!("{}{small}", bar(ratio, &percent(ratio)))
    };
    let mut cells = vec![
        escape(&outcome.cell.trace).into_owned(),
        escape(&name(outcome)).into_owned(),
        size(outcome),
        with_interval(outcome.traffic.hit_ratio(), outcome.intervals.map(|both| both.hit_ratio)),
        with_interval(outcome.traffic.byte_hit_ratio(), outcome.intervals.map(|both| both.byte_hit_ratio)),
        bytes(outcome.origin_bytes()),
        if outcome.what == What::Policy { count(outcome.evictions) } else { dash() },
        outcome.response.map_or_else(dash, |response| micros(response.mean_us)),
        outcome.response.map_or_else(dash, |response| micros(response.p95_us as f64)),
    ];
    if is_timed {
        cells.push(outcome.timing.map_or_else(dash, |timing| format!("{:.1} ns", timing.policy_ns)));
    }
    cells
}
