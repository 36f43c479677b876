//! `cnn replay --live`: the trace through running proxies, over sockets.

use std::net::SocketAddr;

use clap::Args;
use cnn_replay::Trace;
use cnn_replay::live::{Comparison, Hold, LiveReport, Pace, Proxy, compare};
use cnn_replay::replay::Latency;

use super::progress::Bar;
use crate::cli::Failure;

/// How live proxies are compared
#[derive(Debug, Args)]
#[command(next_help_heading = "Live proxies")]
pub(super) struct Live {
    /// Send the trace through running proxies, in front of an origin that is made of it, and compare them
    #[arg(long, requires = "proxy", conflicts_with_all = ["policy", "size", "block", "admission", "switch", "curve", "bounds", "timing"])]
    pub(super) live: bool,
    /// A proxy to compare; give the option once for each
    #[arg(long, value_name = "NAME=URL", requires = "live")]
    proxy: Vec<Proxy>,
    /// The process of a proxy whose processor time is counted; found by its listening socket if not given
    #[arg(long, value_name = "NAME=PID", value_parser = pid, requires = "live")]
    pid: Vec<(String, u32)>,
    /// Requests under way at once; with --pace, at the most
    #[arg(long, value_name = "N", requires = "live")]
    connections: Option<usize>,
    /// Send requests at the trace's times, so many times faster; without it as fast as answers come
    #[arg(long, value_name = "FACTOR", value_parser = factor, requires = "live")]
    pace: Option<f64>,
    /// How long the origin holds answers back: as logged (and by --miss-us and --bytes-per-ms where the log does not say),
    /// by these alone (model), or none
    #[arg(long, value_name = "logged|model|none", default_value = "logged", requires = "live")]
    latency: WhichLatency,
    /// Pieces that the trace is cut into; each goes through all proxies in turn
    #[arg(long, value_name = "N", default_value_t = 10, requires = "live")]
    rounds: usize,
    /// Only the first requests of the trace
    #[arg(long, value_name = "N", requires = "live")]
    requests: Option<u64>,
    /// Where the origin listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", requires = "live")]
    origin: SocketAddr,
}

/// What the origin's latency is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum WhichLatency {
    Logged,
    Model,
    None,
}

/// Connections when nobody says: few enough that a proxy is not what everybody waits for, and for a pace enough that
/// hardly any request waits for one.
const CONNECTIONS: usize = 8;
const CONNECTIONS_OF_PACE: usize = 256;

fn pid(word: &str) -> Result<(String, u32), String> {
    let (name, pid) = word.split_once('=').ok_or("expected NAME=PID")?;
    let pid = pid.parse().ok().filter(|pid| *pid > 0).ok_or("expected a process number after the `=`")?;
    Ok((name.to_owned(), pid))
}

fn factor(word: &str) -> Result<f64, String> {
    let factor = word.parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor > 0.0);
    factor.ok_or_else(|| "expected a number above 0, like 1 or 20".to_owned())
}

impl Live {
    /// Compares the proxies on a trace.
    pub(super) fn compare(&self, trace: &Trace, model: Latency) -> Result<LiveReport, Failure> {
        let comparison = self.comparison(model)?;
        let turns = (self.rounds.max(1) * (self.proxy.len() + 1)) as u64;
        let bar = Bar::turns(turns);
        let mut begun = 0;
        let report = compare(trace, &comparison, |progress| {
            bar.begin(begun, format!("round {} of {}: {}", progress.round, progress.rounds, progress.proxy));
            begun += 1;
        });
        drop(bar);
        report.map_err(|error| Failure::Said(error.to_string()))
    }

    fn comparison(&self, model: Latency) -> Result<Comparison, Failure> {
        let mut proxies = self.proxy.clone();
        for (number, proxy) in self.proxy.iter().enumerate() {
            if self.proxy[..number].iter().any(|other| other.name == proxy.name) {
                return Err(Failure::Said(format!("two proxies are called {}", proxy.name)));
            }
        }
        for (name, pid) in &self.pid {
            let proxy = proxies.iter_mut().find(|proxy| proxy.name == *name);
            let Some(proxy) = proxy else {
                return Err(Failure::Said(format!("--pid {name}={pid}: no --proxy is called {name}")));
            };
            proxy.pid = Some(*pid);
        }
        let pace = match self.pace {
            None => Pace::Closed { connections: self.connections.unwrap_or(CONNECTIONS).max(1) },
            Some(factor) => {
                let connections_max = self.connections.unwrap_or(CONNECTIONS_OF_PACE).max(1);
                Pace::Open { factor, connections_max }
            }
        };
        let hold = match self.latency {
            WhichLatency::Logged => Hold::Logged(model),
            WhichLatency::Model => Hold::Modelled(model),
            WhichLatency::None => Hold::None,
        };
        let requests_max = self.requests.unwrap_or(u64::MAX);
        Ok(Comparison {
            proxies,
            pace,
            hold,
            rounds: self.rounds,
            requests_max,
            origin: self.origin,
            processor: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        replay: super::super::Replay,
    }

    #[track_caller]
    fn check(line: &str, expected: Result<Pace, &str>) {
        let words = ["cnn", "t.log"].into_iter().chain(line.split_whitespace());
        let line = match Line::try_parse_from(words) {
            Ok(line) => line,
            Err(error) => {
                let said = error.to_string();
                return assert!(expected.is_err_and(|expected| said.contains(expected)), "{said}");
            }
        };
        match (line.replay.live.comparison(Latency::default()), expected) {
            (Ok(comparison), Ok(pace)) => assert_eq!(comparison.pace, pace),
            (Err(Failure::Said(said)), Err(expected)) => assert!(said.contains(expected), "{said}"),
            (seen, expected) => panic!("{seen:?}, not {expected:?}"),
        }
    }

    #[test]
    fn proxies_have_names_and_requests_a_pace() {
        let two = "--live --proxy a=http://127.0.0.1:1 --proxy b=http://127.0.0.1:2";
        check(two, Ok(Pace::Closed { connections: 8 }));
        check(&format!("{two} --connections 3"), Ok(Pace::Closed { connections: 3 }));
        check(&format!("{two} --pace 2.5"), Ok(Pace::Open { factor: 2.5, connections_max: 256 }));
        check(&format!("{two} --pid b=7"), Ok(Pace::Closed { connections: 8 }));
        check(&format!("{two} --pid c=7"), Err("no --proxy is called c"));
        check(&format!("{two} --pid b"), Err("NAME=PID"));
        check(&format!("{two} --pace 0"), Err("above 0"));
        check(&format!("{two} --proxy a=http://127.0.0.1:3"), Err("two proxies are called a"));
        check("--live", Err("--proxy"));
        check(&format!("{two} --policy lru"), Err("--policy"));
        check("--live --proxy 127.0.0.1:1", Err("is not NAME=http://HOST:PORT"));
    }
}
