//! The executable `cnn`: the proxy, and the verbs that talk to one that serves.

mod cli;

use std::process::ExitCode;

/// Memory goes back to the system soon after documents leave: `.cargo/config.toml` says how soon, and why there.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::run()
}
