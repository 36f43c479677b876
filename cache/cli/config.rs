//! `cnn config`: the configuration file, without starting anything.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use cnn_proxy::config::{self, Overrides};

use super::{Failure, print};

/// Check a configuration file, or print the default one
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    Check(Check),
    Default(Default),
}

/// Say everything that is wrong with a configuration file, with line and column; the exit code is 0 when nothing is
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn config check /etc/cnn.toml && kill -HUP $(pidof cnn)")]
pub(super) struct Check {
    /// The file
    file: PathBuf,
}

/// Print the default configuration: every key with its meaning
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn config default > cnn.toml")]
pub(super) struct Default {}

impl Config {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(Check { file }) => {
                config::load(Some(&file), &Overrides::default(), cnn_policies::registry())
                    .map_err(|error| Failure::Said(error.to_string()))?;
                print(&format!("{} is right\n", file.display()))
            }
            Self::Default(Default {}) => print(&config::default_toml()),
        }
    }
}
