//! `cnn module`: policies in files, looked at without a proxy. A running one takes them by `cnn policy use FILE`.

mod check;
mod new;

use clap::Subcommand;

use super::{Failure, print};

/// Check and begin policies that are wasm modules or rhai scripts
#[derive(Debug, Subcommand)]
pub(super) enum Module {
    Check(check::Check),
    New(new::New),
}

impl Module {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(),
            Self::New(new) => new.run(),
        }
    }
}
