//! The command line: one verb per file. What verbs of the admin socket are called, take and do is said once, in
//! `cnn_proxy::admin::command`; the help texts here are taken from there.
//!
//! Exit codes: 0 done, 2 error, 75 try later (`EX_TEMPFAIL`).

mod admin;
mod admission;
mod completions;
mod config;
mod explain;
mod filter;
mod freshness;
mod interrupted;
mod module;
mod monitor;
mod policy;
mod purge;
mod replay;
mod script;
mod serve;
mod status;
mod top;
mod trace;

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use cnn_proxy::admin::client::AskError;
use cnn_proxy::admin::command;
use cnn_replay::report::{table, units};

const NO: u8 = 1;
const ERROR: u8 = 2;
const TRY_LATER: u8 = 75;

/// A caching HTTP proxy whose replacement policy is swapped while it serves
#[derive(Debug, Parser)]
#[command(name = "cnn", version, arg_required_else_help = true, max_term_width = 110)]
#[command(after_help = "Exit codes: 0 done, 2 error, 75 try later.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Serve),
    Status(status::Status),
    Top(top::Top),
    #[command(subcommand)]
    Policy(policy::Policy),
    #[command(subcommand)]
    Admission(admission::Admission),
    #[command(subcommand)]
    Freshness(freshness::Freshness),
    #[command(subcommand)]
    Module(module::Module),
    #[command(subcommand)]
    Script(script::Script),
    #[command(subcommand)]
    Monitor(monitor::Monitor),
    Purge(purge::Purge),
    Explain(explain::Explain),
    Replay(Box<replay::Replay>),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Trace(trace::Trace),
    Completions(completions::Completions),
}

/// Parses the command line, does what it says and tells how it went.
pub(crate) fn run() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Serve(serve) => serve.run(),
        Verb::Status(status) => status.run(),
        Verb::Top(top) => top.run(),
        Verb::Policy(policy) => policy.run(),
        Verb::Admission(admission) => admission.run(),
        Verb::Freshness(freshness) => freshness.run(),
        Verb::Module(module) => module.run(),
        Verb::Script(script) => script.run(),
        Verb::Monitor(monitor) => monitor.run(),
        Verb::Purge(purge) => purge.run(),
        Verb::Explain(explain) => explain.run(),
        Verb::Replay(replay) => replay.run(),
        Verb::Config(config) => config.run(),
        Verb::Trace(trace) => trace.run(),
        Verb::Completions(completions) => completions.run(Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

/// Why a verb was not carried out.
#[derive(Debug)]
enum Failure {
    /// The proxy does not answer, or says no.
    Ask(AskError),
    /// Anything else, said in full.
    Said(String),
    /// It was carried out, and the answer is no.
    IsNot(String),
    /// Nobody reads what we write any more: `cnn policy list | head -1`.
    NoReader,
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        Self::Ask(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::NoReader,
            _ => Self::Said(error.to_string()),
        }
    }
}

impl Failure {
    fn tell(&self) -> ExitCode {
        let (message, code) = match self {
            Self::NoReader => return ExitCode::SUCCESS,
            Self::Said(message) => (message.clone(), ERROR),
            Self::IsNot(message) => (message.clone(), NO),
            Self::Ask(error) => {
                let code = if error.is_temporary() { TRY_LATER } else { ERROR };
                (format!("{error}{}", hint(error)), code)
            }
        };
        let _ = writeln!(io::stderr().lock(), "cnn: {message}");
        ExitCode::from(code)
    }
}

/// What the proxy would have understood instead.
fn hint(error: &AskError) -> String {
    let AskError::Refused(refusal) = error else { return String::new() };
    let mut hint = String::new();
    if let Some(nearest) = &refusal.nearest {
        hint.push_str(&format!("; did you mean `{nearest}`?"));
    }
    if !refusal.known.is_empty() {
        hint.push_str(&format!("\nknown: {}", refusal.known.join(", ")));
    }
    hint
}

/// Writes to standard output, all at once.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// What the table of admin commands says of a verb.
fn help(verb: command::Verb) -> &'static str {
    verb.command().help
}

/// What it says of one of its arguments.
fn argument(verb: command::Verb, name: &str) -> &'static str {
    verb.command().argument(name).map_or("", |argument| argument.help)
}

/// The name, or the whole path of the file: the proxy may run in another folder.
fn whole(name: &str) -> Cow<'_, str> {
    match std::path::absolute(name) {
        Ok(path) if cnn_modules::is_file(name) => Cow::Owned(path.to_string_lossy().into_owned()),
        _ => Cow::Borrowed(name),
    }
}

/// The policies a configuration may name.
fn policy_names() -> Vec<Cow<'static, str>> {
    cnn_policies::registry().iter().map(|factory| (factory.manifest)().name).collect()
}

#[cfg(test)]
mod tests;
