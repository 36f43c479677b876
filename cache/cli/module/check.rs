//! `cnn module check`

mod filter;

use clap::Args;
use cnn_modules::{BuiltMonitor, Host, Metering, Report, Role, Source, SourceError, Trial};
use cnn_proxy::clock::Clock;

use super::{Failure, print};
use crate::cli::table::pairs;
use crate::cli::units::{bytes, count, micros};

/// Say whether a .wasm or .rhai is a policy or a monitor, what it says of itself, how it does in a dry run and what it takes
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn module check scripts/replacement/hyperbolic.rhai")]
pub(crate) struct Check {
    /// The file; with parameters like `mine.wasm(rounds=3)`, or the name of a built-in policy
    #[arg(value_name = "FILE")]
    file: String,
}

/// Requests of the dry run.
const REQUESTS: u64 = 100_000;

/// The policy whose time is shown beside, because what surrounds a policy takes time too.
const YARDSTICK: &str = "lru";

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let said = |error: &dyn std::error::Error| Failure::Said(error.to_string());
        let clock = Clock::start();
        let host = Host::new(Metering::Deadline, None).map_err(|error| said(&error))?;
        if let Some(text) = filter::check(&self.file, &clock)? {
            return print(&text);
        }
        let begin = clock.now();
        let source = match host.source(&self.file) {
            Err(SourceError::Role { role: Role::Monitor, .. }) => return self.check_monitor(&host, &clock),
            source => source.map_err(|error| said(&error))?,
        };
        let prepare_us = clock.now().since(begin);
        let (trial, request_ns) = timed(&source, &clock)?;
        let yardstick = host.source(YARDSTICK).map_err(|error| said(&error))?;
        let (_, yardstick_ns) = timed(&yardstick, &clock)?;
        let wrong = complaint(&trial);
        print(&render(&source, &trial, prepare_us, request_ns, yardstick_ns))?;
        wrong.map_or(Ok(()), |wrong| Err(Failure::Said(format!("{}: {wrong}", self.file))))
    }
}

impl Check {
    /// The same for what watches.
    fn check_monitor(&self, host: &Host, clock: &Clock) -> Result<(), Failure> {
        let begin = clock.now();
        let mut built = host.monitor(&self.file).map_err(|error| Failure::Said(error.to_string()))?;
        let ready = clock.now();
        let report = built.try_out(REQUESTS);
        let request_ns = clock.now().since(ready) * 1_000 / REQUESTS;
        print(&render_monitor(&built, &report, ready.since(begin), request_ns))?;
        match report.last_trap {
            None => Ok(()),
            Some(why) => {
                let traps = times(report.traps.into());
                Err(Failure::Said(format!("{}: failed {traps} in the dry run: {why}", self.file)))
            }
        }
    }
}

fn render_monitor(built: &BuiltMonitor, report: &Report, prepare_us: u64, request_ns: u64) -> String {
    let metrics = built.monitor.metrics();
    let declared = metrics.families().iter().map(|family| family.declared());
    let published: Vec<_> = declared.map(|it| format!("{it} ({})", it.shape.as_str())).collect();
    pairs([
        ("monitor", Some(built.name.clone())),
        ("summary", (!built.summary.is_empty()).then(|| built.summary.clone())),
        ("publishes", Some(published.join(", "))),
        ("ready in", Some(micros(prepare_us))),
        ("dry run", Some(format!("{} requests", count(REQUESTS)))),
        ("a request", Some(format!("{request_ns} ns, on a thread of its own"))),
        ("memory", Some(report.memory_bytes as u64).filter(|&it| it > 0).map(bytes)),
    ])
}

/// A dry run, and the nanoseconds of a request in it.
fn timed(source: &Source, clock: &Clock) -> Result<(Trial, u64), Failure> {
    let begin = clock.now();
    let trial = source.try_out(REQUESTS).map_err(|error| Failure::Said(error.to_string()))?;
    Ok((trial, clock.now().since(begin) * 1_000 / REQUESTS))
}

/// What a policy did that it must not.
fn complaint(trial: &Trial) -> Option<String> {
    let report = trial.report.clone().unwrap_or_default();
    match report.last_trap {
        Some(why) => Some(format!("failed {} in the dry run: {why}", times(report.traps.into()))),
        None if trial.wrong > 0 => {
            Some(format!("named a wrong victim, or none, {} in the dry run", times(trial.wrong)))
        }
        None => None,
    }
}

fn times(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { format!("{} times", count(number)) }
}

fn render(source: &Source, trial: &Trial, prepare_us: u64, request_ns: u64, yardstick_ns: u64) -> String {
    let manifest = source.manifest();
    let goals: Vec<_> = manifest.goals.iter().map(|goal| goal.as_str()).collect();
    let parameters: Vec<_> = manifest
        .parameters
        .iter()
        .map(|it| format!("{} = {} ({} to {})", it.name, it.default, it.min, it.max))
        .collect();
    let hit_ratio = 100.0 * trial.hits as f64 / trial.requests.max(1) as f64;
    let memory = trial.report.as_ref().map(|report| report.memory_bytes as u64).filter(|&it| it > 0);
    pairs([
        ("policy", Some(format!("{}, {}", manifest.name, manifest.kind.as_str()))),
        ("summary", (!manifest.summary.is_empty()).then(|| manifest.summary.to_string())),
        ("paper", (!manifest.paper.is_empty()).then(|| manifest.paper.to_string())),
        ("goals", Some(goals.join(", "))),
        ("parameters", (!parameters.is_empty()).then(|| parameters.join(", "))),
        ("ready in", Some(micros(prepare_us))),
        (
            "dry run",
            Some(format!(
                "{} requests, {hit_ratio:.1} % hits, {} evictions",
                count(trial.requests),
                count(trial.evictions)
            )),
        ),
        ("a request", Some(format!("{request_ns} ns, the engine included; {YARDSTICK} {yardstick_ns} ns"))),
        ("memory", memory.map(bytes)),
    ])
}
