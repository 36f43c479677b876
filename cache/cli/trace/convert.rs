//! `cnn trace convert`

use std::path::PathBuf;

use clap::Args;
use cnn_replay::convert::convert;
use cnn_replay::output::{Output, check_distinct};
use cnn_replay::report::units::plural;
use cnn_replay::writer::Target;

use super::meter::Meter;
use super::reading::{Reading, tell_damage};
use crate::cli::Failure;

/// Write the requests of a log or trace in another format
#[derive(Debug, Args)]
#[command(after_help = "OUT is packed when it ends in .gz, .xz or .zst.

Examples:
  cnn trace convert access.log.gz trace.csv --to csv
  cnn trace convert access.log trace.oracleGeneral.zst --to oracleGeneral --reference-rules
  cnn trace convert --logformat '%tl %>a %Ss/%>Hs %<st %rm %ru' odd.log - --to squid")]
pub(crate) struct Convert {
    /// The file to read; `-` is standard input
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// The file to write; `-` is standard output
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// The format to write: csv, oracleGeneral, squid or json
    #[arg(long = "to", value_name = "FORMAT", value_parser = target)]
    target: Target,
    #[command(flatten)]
    reading: Reading,
}

/// The format with this name.
pub(super) fn target(name: &str) -> Result<Target, String> {
    Target::by_name(name).map_err(|error| error.to_string())
}

impl Convert {
    pub(super) fn run(self) -> Result<(), Failure> {
        check_distinct(std::slice::from_ref(&self.from), &[&self.to])?;
        let mut meter = Meter::new("converting");
        crate::cli::interrupted::clean_up();
        let mut output = Output::create(&self.to)?;
        let options = self.reading.options();
        let converted =
            convert(&[self.from], &options, self.target, &mut output, &mut |progress| meter.read(progress))?;
        output.finish()?;
        meter.end();
        tell_damage(&converted.files);
        let ignored: u64 = converted.ignored.iter().map(|(_, count)| count).sum();
        eprintln!("{} written, {} ignored", plural(converted.requests, "request"), plural(ignored, "record"));
        Ok(())
    }
}
