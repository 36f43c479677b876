//! Where a replayed cache and the one that wrote the log agree, as text.

use super::table::Table;
use super::units::{count, percent};
use crate::replay::{Aspect, Counted, Matrix, Outcome};

/// Rows for each aspect.
const ROWS_MAX: usize = 12;

/// The agreement of each run with its log: all requests, and for the first run of each trace what they are made of.
pub fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcomes in outcomes.chunk_by(|a, b| a.cell.trace == b.cell.trace) {
        let compared = || outcomes.iter().filter_map(|outcome| Some((outcome, outcome.agreement.as_ref()?)));
        let Some((first, matrix)) = compared().next() else { continue };
        text.push_str(&format!("\nagreement with the log of {}\n", first.cell.trace));
        let mut table = Table::new(heads("policy"));
        for (outcome, matrix) in compared() {
            let size = outcome.cell.size.map_or_else(String::new, |size| format!(" of {}", count(size)));
            table.row(cells(format!("{}{size}", outcome.cell.policy), matrix.all));
        }
        text.push_str(&table.render());
        text.push_str(&format!("\nby what was logged, for {}\n", first.cell.policy));
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
        let Some(rows) = matrix.by.get(&aspect) else { continue };
        for (name, counted) in rows.iter().take(ROWS_MAX) {
            table.row(cells(format!("{} {name}", aspect.as_str()), *counted));
        }
    }
    table.render()
}
