//! How traces are read: the flags that all verbs which read traces share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cnn_replay::damage::BadLines;
use cnn_replay::prepare::prepare;
use cnn_replay::reader::ReaderOptions;
use cnn_replay::{FileReport, PrepareOptions, Prepared, ReadOptions, RuleSet, Sizes};

use super::meter::Meter;
use crate::cli::Failure;

/// How traces are read
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading")]
pub(in crate::cli) struct Reading {
    /// The format of the files (`cnn trace formats`); without it their content tells
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// Read Squid logs by the format string they were written with, or by its name: squid, squidmime, common, combined
    #[arg(long, value_name = "FORMAT")]
    logformat: Option<String>,
    /// The columns of CSV files, by the names of `cnn trace formats`; `_` is passed over
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// How many damaged lines a file may have, as a number or a share
    #[arg(long, value_name = "N|P%", default_value = "10%")]
    bad_lines: BadLines,
    /// End at the first damaged line
    #[arg(long, conflicts_with = "bad_lines")]
    strict: bool,
    /// Count only what Squid stores by default
    #[arg(long)]
    squid_rules: bool,
    /// Count GET with 200 or 304 only, every document as large as it ever was: the rule of published miss ratios
    #[arg(long, conflicts_with = "squid_rules")]
    reference_rules: bool,
    /// What sizes that differ from request to request mean [default: versions, with --reference-rules largest]
    #[arg(long, value_name = "WHICH")]
    sizes: Option<WhichSizes>,
    /// By how much a size may change until the document is another one
    #[arg(long, value_name = "P%", default_value = "5%", value_parser = percent)]
    tolerance: f64,
}

/// What sizes that differ mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WhichSizes {
    /// A size that changes by more than --tolerance is a new version of the document
    Versions,
    /// Every request has its own size, and documents never change
    Logged,
    /// Every request has the document's largest size, and documents never change
    Largest,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>() {
        Ok(percent) if (0.0..=1000.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("not a share such as `5%`".to_owned()),
    }
}

impl Reading {
    /// What the library is told.
    pub(in crate::cli) fn options(&self) -> PrepareOptions {
        let rules = match (self.squid_rules, self.reference_rules) {
            (true, _) => RuleSet::Squid,
            (_, true) => RuleSet::Reference,
            _ => RuleSet::Http,
        };
        let versions = Sizes::Versions { tolerance: self.tolerance };
        let sizes = match self.sizes {
            Some(WhichSizes::Versions) => Some(versions),
            Some(WhichSizes::Logged) => Some(Sizes::Logged),
            Some(WhichSizes::Largest) => Some(Sizes::Largest),
            None if rules == RuleSet::Reference => None,
            None => Some(versions),
        };
        let reader = ReaderOptions { logformat: self.logformat.clone(), columns: self.columns.clone() };
        let bad_lines = if self.strict { BadLines::STRICT } else { self.bad_lines };
        let read = ReadOptions { format: self.format.clone(), reader, bad_lines };
        PrepareOptions { read, rules, sizes, ..PrepareOptions::default() }
    }

    /// Reads the files as one trace, with a meter where there is a terminal, and tells of damaged lines.
    pub(in crate::cli) fn prepare(&self, paths: &[PathBuf]) -> Result<Prepared, Failure> {
        let mut meter = Meter::new("reading");
        let prepared = prepare(paths, &self.options(), &mut |progress| meter.read(progress))?;
        meter.end();
        tell_damage(&prepared.files);
        Ok(prepared)
    }
}

/// Says on standard error what lines were damaged.
pub(super) fn tell_damage(files: &[FileReport]) {
    for file in files.iter().filter(|file| file.damage.damaged > 0) {
        eprintln!("cnn: {}: {}", file.path.display(), file.damage);
    }
}
