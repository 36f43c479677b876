//! Damaged lines: counted, the first few kept to be shown, and borne with up to a limit.

use std::fmt;
use std::str::FromStr;

/// Why a line, or a record of a binary format, cannot be read: a few words, the same for all lines of the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Damage(pub &'static str);

/// How many damaged lines a file may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BadLines {
    /// So many.
    Count(u64),
    /// So large a share of its lines, from 0 to 1.
    Share(f64),
}

impl BadLines {
    /// The first damaged line ends it.
    pub const STRICT: Self = Self::Count(0);
}

impl Default for BadLines {
    /// One in ten: logs of a proxy that wrote several formats at once stay readable, a file read in the wrong format
    /// does not.
    fn default() -> Self {
        Self::Share(0.1)
    }
}

impl fmt::Display for BadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(share) => write!(f, "{}%", (share * 1e8).round() / 1e6),
        }
    }
}

impl FromStr for BadLines {
    type Err = String;

    /// `20` or `5%`
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither a number of lines nor a share such as `5%`");
        match text.strip_suffix('%') {
            Some(share) => match share.trim().parse::<f64>() {
                Ok(share) if (0.0..=100.0).contains(&share) => Ok(Self::Share(share / 100.0)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

/// Damaged lines that are shown.
const SHOWN: usize = 5;
/// Bytes of a damaged line that are shown.
const SHOWN_BYTES: usize = 80;
/// Lines after which a file most of whose lines are damaged is not read to its end for its share: it is another format.
const ENOUGH: u64 = 10_000;

/// One damaged line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLine {
    /// Its number in the file, from 1; of a binary format the number of the record.
    pub line: u64,
    /// What is wrong with it.
    pub damage: Damage,
    /// Its beginning, without control characters; empty in a binary format.
    pub excerpt: String,
}

impl fmt::Display for DamagedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.damage.0)?;
        if self.excerpt.is_empty() { Ok(()) } else { write!(f, ": {}", self.excerpt) }
    }
}

/// The damaged lines of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DamageReport {
    /// Lines, or records of a binary format, damaged or not.
    pub lines: u64,
    /// Those that are damaged.
    pub damaged: u64,
    /// The first few of them.
    pub first: Vec<DamagedLine>,
}

impl DamageReport {
    /// Takes note of damage in the line just counted in [`DamageReport::lines`].
    pub(crate) fn note(&mut self, damage: Damage, text: &[u8]) {
        self.damaged += 1;
        if self.first.len() < SHOWN {
            self.first.push(DamagedLine { line: self.lines, damage, excerpt: excerpt(text) });
        }
    }

    /// Whether there are more than `allowed`. A share is one of the whole file, which is known `at_end`: damaged lines
    /// come together. Before, only a file that is damaged for the most part has too many.
    pub(crate) fn exceeds(&self, allowed: BadLines, at_end: bool) -> bool {
        match allowed {
            BadLines::Count(count) => self.damaged > count,
            BadLines::Share(share) => {
                let share = if at_end { share } else { share.max(0.5) };
                (at_end || self.lines >= ENOUGH) && self.damaged as f64 > share * self.lines as f64
            }
        }
    }
}

impl fmt::Display for DamageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} lines damaged", self.damaged, self.lines)?;
        for line in &self.first {
            write!(f, "\n  line {line}")?;
        }
        Ok(())
    }
}

/// The beginning of a line, fit for a terminal.
fn excerpt(text: &[u8]) -> String {
    let is_cut = text.len() > SHOWN_BYTES;
    let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN_BYTES)]);
    let mut excerpt: String = shown.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if is_cut {
        excerpt.push_str("...");
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_share() {
        let check = |text: &str, expected| assert_eq!(text.parse(), expected, "{text}");
        check("0", Ok(BadLines::STRICT));
        check("20", Ok(BadLines::Count(20)));
        check("5%", Ok(BadLines::Share(0.05)));
        for shown in ["0", "20", "5%", "0.1%", "100%"] {
            assert_eq!(shown.parse::<BadLines>().map(|limit| limit.to_string()).as_deref(), Ok(shown));
        }
        for wrong in ["", "%", "-1", "101%", "many", "NaN%"] {
            assert!(wrong.parse::<BadLines>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_share_is_judged_at_the_end_or_when_hardly_a_line_can_be_read() {
        let check = |lines, damaged, at_end, expected| {
            let report = DamageReport { lines, damaged, first: Vec::new() };
            assert_eq!(report.exceeds(BadLines::Share(0.1), at_end), expected, "{damaged} of {lines}");
        };
        check(1, 1, false, false);
        check(1, 1, true, true);
        check(100, 10, true, false);
        check(600, 501, false, false);
        check(10_001, 501, true, false);
        check(10_001, 1_001, true, true);
        check(10_000, 4_000, false, false);
        check(10_000, 9_000, false, true);
    }

    #[test]
    fn the_first_few_are_shown_with_their_number_and_without_control_characters() {
        let mut report = DamageReport::default();
        for _ in 0..9 {
            report.lines += 1;
            report.note(Damage("no size"), b"a\x1b[2Jb");
        }
        assert_eq!(report.first.len(), SHOWN);
        assert_eq!(report.first[4].to_string(), "5: no size: a\u{fffd}[2Jb");
    }
}
