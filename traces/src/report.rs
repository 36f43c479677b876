//! What people, scripts and browsers are told of a replay: a table for the terminal, CSV and JSON for scripts, and a page of
//! HTML with pictures. All are functions from results to text; who asked writes it where it belongs.

pub mod agreement;
pub mod census;
mod chart;
mod csv;
pub mod curve;
pub mod faults;
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
    /// Its part that all rows share: how traces are read and replayed, without traces, policies, sizes and switches.
    pub base: String,
    /// The files of each trace, by its name, as they are typed.
    pub files: Vec<(String, String)>,
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
        let files = self.files.iter().find(|(trace, _)| *trace == outcome.cell.trace);
        let files = files.map_or_else(String::new, |(_, files)| format!(" {files}"));
        let mut command = format!("{}{files} --policy {}", self.base, quoted(&outcome.cell.policy));
        if let Some(size) = outcome.cell.size {
            command.push_str(&format!(" --size {size}"));
        }
        for mark in &outcome.marks {
            command.push_str(&format!(" --switch {}", quoted(&grid::switch(mark))));
        }
        command
    }
}

/// Words as a shell takes them again.
pub fn command_line(words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,%@+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{outcome, switched};
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let words = ["cnn", "replay", "a b.log", "--policy", "s3-fifo(small=0.2),lru", "it's", ""];
        let expected = r"cnn replay 'a b.log' --policy 's3-fifo(small=0.2),lru' 'it'\''s' ''";
        assert_eq!(command_line(words.map(str::to_owned)), expected);
    }

    #[test]
    fn a_row_has_the_command_of_its_own() {
        let files =
            [("s", "s.log"), ("t", "'a b.log'")].map(|(trace, file)| (trace.to_owned(), file.to_owned()));
        let report =
            Report { base: "cnn replay --block 4KiB".to_owned(), files: files.into(), ..Report::default() };
        let check = |outcome, expected: &str| assert_eq!(report.command_of(&outcome), expected);
        let lru = outcome("lru", 4096, 600);
        check(lru.clone(), "cnn replay --block 4KiB 'a b.log' --policy lru --size 4096");
        check(
            switched(outcome("./a.wasm(p=2)", 7, 600)),
            "cnn replay --block 4KiB 'a b.log' --policy './a.wasm(p=2)' --size 7 --switch 500:gdsf:20%",
        );
    }
}
