//! What one run is about: a trace, a policy, a size and what sizes are counted in.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What a cache's size is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Bytes: a document takes what it is charged.
    #[default]
    Bytes,
    /// Documents: each counts 1, whatever its bytes.
    Documents,
}

impl Unit {
    /// The word for it on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Documents => "documents",
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A word that is no [`Unit`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("expected bytes or documents, not {0:?}")]
pub struct BadUnit(String);

impl FromStr for Unit {
    type Err = BadUnit;

    fn from_str(word: &str) -> Result<Self, BadUnit> {
        match word {
            "bytes" => Ok(Self::Bytes),
            "documents" => Ok(Self::Documents),
            _ => Err(BadUnit(word.chars().take(40).collect())),
        }
    }
}

/// One run: the key of a row in every report. Cells are reported in the order they were asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The trace's name.
    pub trace: String,
    /// The policy as it was named: of a switch experiment, the one that decides first. Of a row that is no policy, the
    /// name of what it is: see [`super::What`].
    pub policy: String,
    /// The cache's size in units; `None` where it is not known (what a log recorded) or has no meaning.
    pub size: Option<u64>,
    /// What the size is counted in.
    pub unit: Unit,
    /// The admission policy that was asked before storing, as it was named; `None` where there was none.
    pub admission: Option<String>,
}
