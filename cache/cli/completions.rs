//! `cnn completions`

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Failure, print};

/// Print a shell's completion script
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn completions bash > /etc/bash_completion.d/cnn")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "cnn", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
