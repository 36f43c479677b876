//! What people, scripts and browsers are told of a replay: a table for the terminal, CSV and JSON for scripts, and a page of
//! HTML with pictures. All are functions from results to text; who asked writes it where it belongs.

pub mod agreement;
pub mod census;
mod chart;
mod csv;
pub mod curve;
pub mod grid;
pub mod html;
pub mod json;
pub mod live;
mod scale;
pub mod sweep;
pub mod table;
#[cfg(test)]
mod testing;
pub mod units;

use census::Census;

use crate::live::LiveReport;
use crate::replay::{Curve, Outcome, Sweep};

/// All that came of one command.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The command as it was typed.
    pub command: String,
    /// Its part that all rows share: the traces and how they are read, without policies and sizes.
    pub base: String,
    /// What the traces are like.
    pub censuses: Vec<Census>,
    /// The runs, in their order.
    pub outcomes: Vec<Outcome>,
    /// The curves.
    pub curves: Vec<Curve>,
    /// The switches carried out in several ways.
    pub sweeps: Vec<Sweep>,
    /// The comparison of live proxies.
    pub live: Option<LiveReport>,
}

impl Report {
    /// The command that makes one row alone again.
    pub(crate) fn command_of(&self, outcome: &Outcome) -> String {
        let mut command = format!("{} --policy {}", self.base, outcome.cell.policy);
        if let Some(size) = outcome.cell.size {
            command.push_str(&format!(" --size {size}"));
        }
        command
    }
}
