//! Switches planned ahead: `AT:POLICY[:REEVALUATE]`, at a request number, a share of the trace or a time from its
//! beginning.

use std::collections::VecDeque;
use std::io;
use std::str::FromStr;

use cnn_core::policy::{BadReevaluate, Reevaluate};
use thiserror::Error;

use super::observer::{NEVER, Observer, RunError, Stop};
use super::policy::Policy;
use super::sweep::Carry;
use crate::Trace;

/// When something is to happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// Before the request of this number, counted from 0.
    Request(u64),
    /// After so many in a hundred of the requests.
    Percent(f64),
    /// Before the first request so many seconds after the first one.
    Secs(u64),
}

impl At {
    /// The number of the request it comes before; one beyond the last for never.
    ///
    /// # Errors
    /// When the rows cannot be read back.
    pub fn request(self, trace: &Trace) -> io::Result<u64> {
        match self {
            Self::Request(number) => Ok(number),
            Self::Percent(percent) => Ok((percent * trace.len() as f64 / 100.0) as u64),
            Self::Secs(secs) => first_at(trace, secs.saturating_mul(1_000_000)),
        }
    }
}

/// The number of the first request at or after a time; times never decrease.
fn first_at(trace: &Trace, time_us: u64) -> io::Result<u64> {
    let (mut low, mut high) = (0, trace.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let mut found = u64::MAX;
        trace.for_each_chunk(middle, |rows| {
            found = rows[0].time_us;
            false
        })?;
        if found < time_us {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// A switch planned ahead: to a policy, or, as it was written, to one that is still to be looked up.
#[derive(Clone, Debug)]
pub struct Planned<P = Policy> {
    /// When.
    pub at: At,
    /// To which policy.
    pub to: P,
    /// What becomes of the documents.
    pub carry: Carry,
}

impl Planned<String> {
    /// The same with its policy looked up.
    ///
    /// # Errors
    /// When there is none.
    pub fn resolve<E>(&self, find: impl FnOnce(&str) -> Result<Policy, E>) -> Result<Planned, E> {
        Ok(Planned { at: self.at, to: find(&self.to)?, carry: self.carry })
    }
}

/// What is wrong with a planned switch.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum BadSwitch {
    /// It has not the right parts.
    #[error("expected AT:POLICY or AT:POLICY:REEVALUATE, like 50%:gdsf:20%, not {0:?}")]
    Shape(String),
    /// It does not say when.
    #[error("expected a request number, a share like 50% or a time like 90s, 30m, 2h or 1d, not {0:?}")]
    At(String),
    /// It does not say what is re-evaluated.
    #[error("{0}, or flush")]
    Reevaluate(#[from] BadReevaluate),
}

impl FromStr for Planned<String> {
    type Err = BadSwitch;

    fn from_str(word: &str) -> Result<Self, BadSwitch> {
        let short = || word.chars().take(60).collect::<String>();
        let (at, rest) = word.split_once(':').ok_or_else(|| BadSwitch::Shape(short()))?;
        let (policy, carry) = match rest.rsplit_once(':') {
            // Parameters have no colons, but a path may: what follows the last one is a share when it looks like none.
            Some((policy, last)) if !last.contains(['/', '.', '(']) || last.ends_with('%') => {
                (policy, parse_carry(last)?)
            }
            _ => (rest, Carry::Reevaluate(Reevaluate::default())),
        };
        if policy.is_empty() {
            return Err(BadSwitch::Shape(short()));
        }
        Ok(Self { at: at.parse()?, to: policy.to_owned(), carry })
    }
}

fn parse_carry(word: &str) -> Result<Carry, BadReevaluate> {
    match word {
        "flush" => Ok(Carry::Flush),
        word => word.parse().map(Carry::Reevaluate),
    }
}

impl FromStr for At {
    type Err = BadSwitch;

    fn from_str(word: &str) -> Result<Self, BadSwitch> {
        let bad = || BadSwitch::At(word.chars().take(40).collect());
        if let Some(number) = word.strip_suffix('%') {
            let percent = number.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
            return percent.map(Self::Percent).ok_or_else(bad);
        }
        let digits = word.find(|at: char| !at.is_ascii_digit()).unwrap_or(word.len());
        let number = word[..digits].parse::<u64>().map_err(|_| bad())?;
        let secs = match &word[digits..] {
            "" => return Ok(Self::Request(number)),
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(bad()),
        };
        number.checked_mul(secs).map(Self::Secs).ok_or_else(bad)
    }
}

/// Carries planned switches out.
#[derive(Debug)]
pub struct Schedule {
    left: VecDeque<(u64, Policy, Carry)>,
}

impl Schedule {
    /// The switches for one trace. Those planned for the same request are carried out in the order they were given.
    ///
    /// # Errors
    /// When the rows cannot be read back.
    pub fn new(trace: &Trace, planned: &[Planned]) -> io::Result<Self> {
        let resolved = planned.iter().map(|it| Ok((it.at.request(trace)?, it.to.clone(), it.carry)));
        let mut left = resolved.collect::<io::Result<Vec<_>>>()?;
        left.sort_by_key(|(at, ..)| *at);
        Ok(Self { left: left.into() })
    }
}

impl Observer for Schedule {
    fn next_stop(&self) -> u64 {
        self.left.front().map_or(NEVER, |(at, ..)| *at)
    }

    fn stop(&mut self, stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
        while let Some((_, to, carry)) = self.left.pop_front_if(|(at, ..)| *at <= stop.at) {
            stop.switch(&to, carry)?;
        }
        Ok(())
    }

    fn end(&mut self, _stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
        // What was planned for later than the last request does not happen.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Result<(At, &str, Carry), &str>) {
        let planned = word.parse::<Planned<String>>();
        match (planned, expected) {
            (Ok(planned), Ok(expected)) => {
                assert_eq!((planned.at, planned.to.as_str(), planned.carry), expected, "{word}");
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{word}: {error}"),
            (planned, _) => panic!("{word}: {planned:?}"),
        }
    }

    #[test]
    fn a_switch_says_when_to_what_and_how() {
        let default = Carry::Reevaluate(Reevaluate::default());
        check("50%:gdsf", Ok((At::Percent(50.0), "gdsf", default)));
        check(
            "2h:s3-fifo(small=0.2):all",
            Ok((At::Secs(7200), "s3-fifo(small=0.2)", Carry::Reevaluate(Reevaluate::All))),
        );
        check("7:lru:flush", Ok((At::Request(7), "lru", Carry::Flush)));
        let some = Carry::Reevaluate(Reevaluate::Percent(12.5));
        check("7:./a.wasm(p=0.5):12.5%", Ok((At::Request(7), "./a.wasm(p=0.5)", some)));
        check("7:./x:y/a.rhai", Ok((At::Request(7), "./x:y/a.rhai", default)));
        check("7", Err("expected AT:POLICY"));
        check("7:", Err("expected AT:POLICY"));
        check("noon:lru", Err("a time like 90s"));
        check("7:lru:some", Err("or flush"));
    }
}
