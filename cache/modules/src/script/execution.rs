//! Which of the two runs a script, the interpreter or its machine code, and why.

use std::fmt;

/// How a script is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Execution {
    /// As machine code.
    Compiled {
        /// Bytes of it.
        bytes: usize,
    },
    /// Interpreted until its machine code is ready.
    Pending,
    /// Interpreted.
    Interpreted {
        /// What it has that is not compiled.
        why: String,
        /// Line and column of that, from 1, where there is a place.
        place: Option<(usize, usize)>,
    },
}

impl Execution {
    /// The word for it in replies.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Compiled { .. } => "compiled",
            Self::Pending => "pending",
            Self::Interpreted { .. } => "interpreted",
        }
    }
}

impl fmt::Display for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compiled { bytes } => write!(f, "compiled, {bytes} bytes of machine code"),
            Self::Pending => write!(f, "interpreted until it is compiled"),
            Self::Interpreted { why, place: Some((line, column)) } => {
                write!(f, "interpreted: {why} (line {line}, column {column})")
            }
            Self::Interpreted { why, place: None } => write!(f, "interpreted: {why}"),
        }
    }
}
