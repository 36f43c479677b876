//! Where a replayed cache and the one that wrote the log agree, as text.

use super::grid::{name, size};
use super::table::Table;
use super::units::{count, percent};
use crate::replay::{Aspect, Counted, Matrix, Outcome};

/// Rows for each aspect.
const ROWS_MAX: usize = 12;

/// The agreement of each run with its log: all requests, and for the run of each trace that agrees most what they are made
/// of.
pub fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcomes in outcomes.chunk_by(|a, b| a.cell.trace == b.cell.trace) {
        let compared = || outcomes.iter().filter_map(|outcome| Some((outcome, outcome.agreement.as_ref()?)));
        // The first of equals, as everywhere in this report.
        let most = compared().rev().max_by_key(|(_, matrix)| matrix.all.agreeing());
        let Some((nearest, matrix)) = most else { continue };
        let run = |outcome: &Outcome| format!("{}, {}", name(outcome), size(outcome));
        text.push_str(&format!("\nagreement with the log of {}\n", nearest.cell.trace));
        let mut table = Table::new(heads("policy"));
        for (outcome, matrix) in compared() {
            table.row(cells(run(outcome), matrix.all));
        }
        text.push_str(&table.render());
        text.push_str(&format!("\nby what was logged, for {}\n", run(nearest)));
        text.push_str(&details(matrix));
    }
    text
}

fn heads(first: &str) -> [&str; 7] {
    [first, ">requests", ">agree", ">both hit", ">only logged", ">only ours", ">both miss"]
}

fn cells(name: String, counted: Counted) -> [String; 7] {
    let share = counted.agreeing() as f64 / counted.requests().max(1) as f64;
    [
        name,
        count(counted.requests()),
        percent(share),
        count(counted.both),
        count(counted.only_logged),
        count(counted.only_ours),
        count(counted.neither),
    ]
}

fn details(matrix: &Matrix) -> String {
    let mut table = Table::new(heads("code, type, origin, hour"));
    for aspect in Aspect::ALL {
        // One group alone is all of them, which was said above.
        let Some(rows) = matrix.by.get(&aspect).filter(|rows| rows.len() > 1) else { continue };
        for (name, counted) in rows.iter().take(ROWS_MAX) {
            table.row(cells(format!("{} {name}", aspect.as_str()), *counted));
        }
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agreeing, outcome};
    use super::*;

    #[test]
    fn the_run_that_agrees_most_is_told_in_detail() {
        let near = agreeing(outcome("near", 64 << 20, 600));
        let mut far = agreeing(outcome("far", 1 << 20, 600));
        if let Some(matrix) = &mut far.agreement {
            matrix.all.only_ours += 100;
            matrix.all.both -= 100;
        }
        let said = text(&[far, near]);
        let lines: Vec<String> =
            said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for line in [
            "agreement with the log of t",
            "far, 1.0 MiB 1,000 74.0 % 400 60 200 340",
            "near, 64.0 MiB 1,000 84.0 % 500 60 100 340",
            "by what was logged, for near, 64.0 MiB",
        ] {
            assert!(lines.iter().any(|own| own == line), "no {line:?} in\n{said}");
        }
        assert_eq!(text(&[outcome("lru", 1, 1)]), "");
    }
}
