//! `cnn trace formats`

use clap::Args;
use cnn_replay::reader::{COLUMNS, FORMATS};
use cnn_replay::writer::Target;

use crate::cli::table::Table;
use crate::cli::{Failure, print};

/// List the formats that are read and written, and the names of columns
#[derive(Debug, Args)]
pub(crate) struct Formats {}

impl Formats {
    pub(super) fn run(self) -> Result<(), Failure> {
        print(&render())
    }
}

fn render() -> String {
    let mut read = Table::new(["read", "endings", "what it is"]);
    for format in FORMATS {
        let endings =
            format.extensions.iter().map(|ending| format!(".{ending}")).collect::<Vec<_>>().join(" ");
        read.row([format.name.to_owned(), endings, format.summary.to_owned()]);
    }
    let mut written = Table::new(["written", "what it is"]);
    for (_, name, summary) in Target::ALL {
        written.row([(*name).to_owned(), (*summary).to_owned()]);
    }
    let mut columns = Table::new(["columns of csv", "what they are"]);
    for (names, meaning) in COLUMNS {
        columns.row([(*names).to_owned(), (*meaning).to_owned()]);
    }
    format!("{}\n{}\n{}", read.render(), written.render(), columns.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_line() {
        let text = render();
        for name in
            FORMATS.iter().map(|format| format.name).chain(Target::ALL.iter().map(|(_, name, _)| *name))
        {
            assert!(text.lines().any(|line| line.split(' ').next() == Some(name)), "{name}:\n{text}");
        }
    }
}
