//! Next to the cache that wrote the log: where both did the same, and where not.

use super::super::Report;
use super::super::grid::{name, size};
use super::super::units::{count, percent};
use super::{escape, folded, table};
use crate::replay::{Aspect, Counted, Matrix, Outcome};

/// Rows of one aspect that are shown; the page is to stay readable, and `--json` has all.
const ROWS_MAX: usize = 30;

/// Runs that are shown at once.
const RUNS_MAX: usize = 24;

pub(super) fn section(report: &Report) -> String {
    let set: Vec<(&Outcome, &Matrix)> =
        report.outcomes.iter().filter_map(|outcome| Some((outcome, outcome.agreement.as_ref()?))).collect();
    if set.is_empty() {
        return String::new();
    }
    let is_one_trace = set.iter().all(|(outcome, _)| outcome.cell.trace == set[0].0.cell.trace);
    let named = |outcome: &Outcome| match is_one_trace {
        true => name(outcome),
        false => format!("{}: {}", outcome.cell.trace, name(outcome)),
    };
    let mut body = String::from(
        "<p><i class=\"swatch both\"></i> both hit &ensp; <i class=\"swatch logged\"></i> only the logged cache hit &ensp; \
         <i class=\"swatch ours\"></i> only the replayed one hit &ensp; <i class=\"swatch neither\"></i> both missed</p>\n",
    );
    let rows = set.iter().map(|(outcome, matrix)| {
        let mut cells = vec![escape(&named(outcome)).into_owned(), size(outcome)];
        cells.extend(counted(&matrix.all));
        cells
    });
    let mut runs = table(&[&["policy", ">size"], &HEADS[..]].concat(), rows);
    for (outcome, matrix) in &set {
        let name = format!("{}, {}", named(outcome), size(outcome));
        runs.push_str(&format!(
            "<details><summary>{}: by code, type, origin and hour</summary>\n",
            escape(&name)
        ));
        for aspect in Aspect::ALL {
            runs.push_str(&by_aspect(matrix, aspect));
        }
        runs.push_str("</details>\n");
    }
    body.push_str(&folded(set.len(), RUNS_MAX, "runs", &runs));
    super::section("agreement", "Next to what the log recorded", &report.command, &body)
}

const HEADS: [&str; 7] =
    ["", ">agreement", ">requests", ">both hit", ">only logged", ">only replayed", ">both missed"];

fn counted(counted: &Counted) -> Vec<String> {
    let all = counted.requests().max(1) as f64;
    let parts = [
        ("both", counted.both),
        ("logged", counted.only_logged),
        ("ours", counted.only_ours),
        ("neither", counted.neither),
    ];
    let mut bar = String::from("<span class=\"parts\">");
    for (class, part) in parts {
        bar.push_str(&format!("<i class=\"{class}\" style=\"width:{:.2}%\"></i>", part as f64 / all * 100.0));
    }
    bar.push_str("</span>");
    let mut cells = vec![bar, percent(counted.agreeing() as f64 / all), count(counted.requests())];
    cells.extend(parts.map(|(_, part)| count(part)));
    cells
}

fn by_aspect(matrix: &Matrix, aspect: Aspect) -> String {
    let Some(groups) = matrix.by.get(&aspect).filter(|groups| groups.len() > 1 || aspect == Aspect::Code)
    else {
        return String::new();
    };
    let rows = groups.iter().take(ROWS_MAX).map(|(name, group)| {
        let mut cells = vec![escape(name).into_owned()];
        cells.extend(counted(group));
        cells
    });
    let mut text = table(&[&[aspect.as_str()], &HEADS[..]].concat(), rows);
    if groups.len() > ROWS_MAX {
        text.push_str(&format!("<p class=\"note\">and {} more</p>\n", groups.len() - ROWS_MAX));
    }
    text
}
