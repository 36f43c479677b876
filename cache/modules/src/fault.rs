//! What a module can do wrong, in words that counters, replies and reproducers share. Each costs the decision it was
//! asked for and nothing else.

use std::fmt;

use cnn_core::policy::WrongVictim;

use crate::limits::WHY_CHARS_MAX;

/// The kinds of faults; labels of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// A call ended in a trap.
    Trap,
    /// A call took longer than it may.
    Time,
    /// It returned more than it was asked for, or more than there can be.
    Count,
    /// It named no victim although it holds documents.
    NoVictim,
    /// It named a slot that never had a document.
    OutOfRange,
    /// It named a slot without a document.
    Absent,
    /// It named a document that is a victim already, and may be being sent to a client.
    Repeated,
    /// It named a document that another policy holds.
    Foreign,
    /// Its key or score is not a number, or not finite.
    NotFinite,
    /// A script stopped with an error.
    Script,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Trap,
        Self::Time,
        Self::Count,
        Self::NoVictim,
        Self::OutOfRange,
        Self::Absent,
        Self::Repeated,
        Self::Foreign,
        Self::NotFinite,
        Self::Script,
    ];

    /// The word for it in counters, replies and names of files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Time => "time",
            Self::Count => "count",
            Self::NoVictim => "no-victim",
            Self::OutOfRange => "out-of-range",
            Self::Absent => "absent",
            Self::Repeated => "repeated",
            Self::Foreign => "foreign",
            Self::NotFinite => "not-finite",
            Self::Script => "script",
        }
    }

    /// The kind of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl From<WrongVictim> for FaultKind {
    fn from(wrong: WrongVictim) -> Self {
        match wrong {
            WrongVictim::None => Self::NoVictim,
            WrongVictim::OutOfRange => Self::OutOfRange,
            WrongVictim::Absent => Self::Absent,
            WrongVictim::Taken => Self::Repeated,
            WrongVictim::Foreign => Self::Foreign,
        }
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of.
    pub kind: FaultKind,
    /// The function that was called, as the module exports it.
    pub function: &'static str,
    /// What was wrong, without a full stop.
    pub why: String,
    /// The slot it is about, where a wrong victim was named.
    pub slot: Option<u32>,
}

impl Fault {
    /// A fault of a call of `function`. What a module says of it itself is clipped and escaped: it goes to logs and
    /// terminals.
    pub fn new(kind: FaultKind, function: &'static str, why: impl AsRef<str>) -> Self {
        Self { kind, function, why: printable(why.as_ref()), slot: None }
    }

    /// More returned than was asked for.
    pub(crate) fn count(function: &'static str, returned: u32, asked: u32) -> Self {
        let were = if asked == 1 { "was" } else { "were" };
        Self::new(FaultKind::Count, function, format!("returned {returned} where {asked} {were} asked for"))
    }

    /// A key or score that orders nothing.
    pub(crate) fn not_finite(function: &'static str, value: f64) -> Self {
        Self::new(FaultKind::NotFinite, function, format!("gives {value}, expected a finite number"))
    }

    /// A victim that the host does not believe.
    pub fn of_victim(wrong: WrongVictim, function: &'static str, slot: Option<u32>) -> Self {
        let named = slot.unwrap_or_default();
        let why = match wrong {
            WrongVictim::None => "named no victim, although documents are in its hands".to_owned(),
            WrongVictim::OutOfRange => format!("named slot {named}, in which there never was a document"),
            WrongVictim::Absent => format!("named slot {named}, in which there is no document"),
            WrongVictim::Taken => {
                format!("named slot {named}, which is a victim already: evicted now, or being sent")
            }
            WrongVictim::Foreign => format!("named slot {named}, which the policy before it holds"),
        };
        Self { slot, ..Self::new(wrong.into(), function, why) }
    }
}

/// A text on one line that no terminal obeys, of bounded length.
pub(crate) fn printable(text: &str) -> String {
    let escaped = |char: char| match char.is_control() {
        true => char.escape_default().to_string(),
        false => char.to_string(),
    };
    let mut shown: String = text.chars().take(WHY_CHARS_MAX).map(escaped).collect();
    if text.chars().nth(WHY_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.function.is_empty() {
            write!(f, "{}: ", self.function)?;
        }
        f.write_str(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn kinds_have_words_of_their_own() {
        let words: BTreeSet<_> = FaultKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), FaultKind::ALL.len());
        assert!(FaultKind::ALL.iter().all(|&kind| FaultKind::parse(kind.as_str()) == Some(kind)));
    }

    #[test]
    fn what_a_module_says_cannot_forge_a_line_or_fill_a_log() {
        let fault = Fault::new(FaultKind::Script, "", "a\r\ncnn: ready\u{1b}[2J");
        assert_eq!(fault.to_string(), "a\\r\\ncnn: ready\\u{1b}[2J");
        assert_eq!(Fault::new(FaultKind::Script, "", "x".repeat(9_000)).why.len(), WHY_CHARS_MAX + 3);
    }

    #[test]
    fn a_fault_says_where_and_what() {
        let check = |fault: Fault, expected: &str| assert_eq!(fault.to_string(), expected);
        check(Fault::new(FaultKind::Trap, "victims", "unreachable"), "victims: unreachable");
        check(Fault::new(FaultKind::Script, "", "division by zero"), "division by zero");
        check(
            Fault::of_victim(WrongVictim::Absent, "victims", Some(7)),
            "victims: named slot 7, in which there is no document",
        );
    }
}
