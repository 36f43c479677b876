//! `cnn trace`: look into request logs and traces, convert them, make them up.

mod convert;
mod formats;
mod generate;
mod info;
mod meter;
pub(in crate::cli) mod reading;

use clap::Subcommand;
use cnn_replay::TraceError;

use super::Failure;

/// Look into request logs and traces, convert them, make them up
#[derive(Debug, Subcommand)]
pub(super) enum Trace {
    Info(info::Info),
    Convert(convert::Convert),
    Generate(generate::Generate),
    Formats(formats::Formats),
}

impl Trace {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Info(info) => info.run(),
            Self::Convert(convert) => convert.run(),
            Self::Generate(generate) => generate.run(),
            Self::Formats(formats) => formats.run(),
        }
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        match error {
            TraceError::Write { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe => {
                Self::NoReader
            }
            error => Self::Said(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
