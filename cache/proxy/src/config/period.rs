//! Lengths of time as operators write them: `500ms`, `10s`, `2m`, `1h30m`, `1d`. A bare number is refused: whether it
//! means seconds or minutes is a guess (Squid has both).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::spelling::{Misspelt, Spelled, serde_as_spelled};

/// A length of time with a spelling, in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

/// Units by descending length, with their milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl Period {
    /// That many seconds.
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

impl Spelled for Period {
    const EXPECTED: &'static str = "a time such as `10s`, `500ms` or `1h30m`";

    fn from_integer(number: u64) -> Option<Self> {
        (number == 0).then_some(Self(Duration::ZERO))
    }
}

serde_as_spelled!(Period);

impl FromStr for Period {
    type Err = Misspelt;

    /// One or several numbers, each with its unit, longest unit first.
    fn from_str(text: &str) -> Result<Self, Misspelt> {
        let wrong = |reason| Misspelt::new::<Self>(text, reason);
        let mut rest = text.trim();
        if rest == "0" {
            return Ok(Self(Duration::ZERO));
        }
        let (mut milliseconds, mut longest) = (0_u64, u64::MAX);
        while !rest.is_empty() {
            let unit_at =
                rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| wrong("the unit is missing"))?;
            let (number, after) = rest.split_at(unit_at);
            let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            let &(_, factor) =
                UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| wrong("unknown unit"))?;
            if factor >= longest {
                return Err(wrong("units go from long to short, each once"));
            }
            longest = factor;
            let number: u64 = number.parse().map_err(|_| wrong(""))?;
            milliseconds = number
                .checked_mul(factor)
                .and_then(|part| milliseconds.checked_add(part))
                .ok_or_else(|| wrong("too long"))?;
            rest = after.trim_start();
        }
        if longest == u64::MAX {
            return Err(wrong(""));
        }
        Ok(Self(Duration::from_millis(milliseconds)))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return out.write_str("0s");
        }
        for (unit, factor) in UNITS.iter().skip(1) {
            let count = rest / factor;
            rest %= factor;
            if count > 0 {
                write!(out, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, milliseconds: u64) {
        assert_eq!(text.parse::<Period>(), Ok(Period(Duration::from_millis(milliseconds))), "{text}");
    }

    fn check_refused(text: &str, reason: &str) {
        let message = text.parse::<Period>().unwrap_err().to_string();
        assert_eq!(message, format!("`{text}` is not a time such as `10s`, `500ms` or `1h30m`{reason}"));
    }

    #[test]
    fn units_add_up() {
        check("10s", 10_000);
        check("500ms", 500);
        check("1h30m", 5_400_000);
        check("1d 12h", 129_600_000);
        check("2w", 1_209_600_000);
        check("0", 0);
        check("0s", 0);
    }

    #[test]
    fn what_is_wrong_is_said() {
        check_refused("10", ": the unit is missing");
        check_refused("10 parsecs", ": unknown unit");
        check_refused("5s5s", ": units go from long to short, each once");
        check_refused("1s1h", ": units go from long to short, each once");
        check_refused("", "");
        check_refused("s", "");
        check_refused("-1s", ": unknown unit");
        check_refused("18446744073709551615w", ": too long");
        check_refused("99999999999999999999s", "");
    }

    #[test]
    fn what_is_printed_reads_back_exactly() {
        for milliseconds in [0, 1, 999, 1000, 61_001, 86_400_000, 90_061_001] {
            check(&Period(Duration::from_millis(milliseconds)).to_string(), milliseconds);
        }
        assert_eq!(Period::secs(90).to_string(), "1m30s");
    }
}
