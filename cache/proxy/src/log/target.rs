//! Where the access log goes and in which format, as operators write them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::spelling::{Misspelt, Spelled, serde_as_spelled};

/// Where the access log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere.
    #[default]
    None,
    /// To standard output.
    Stdout,
    /// To the end of a file, which is made when it is not there.
    File(PathBuf),
}

impl Spelled for LogTarget {
    const EXPECTED: &'static str = "a path, `-` for standard output, or `none`";
}

serde_as_spelled!(LogTarget);

impl FromStr for LogTarget {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        match text {
            "" => Err(Misspelt::new::<Self>(text, "the path is empty")),
            "-" => Ok(Self::Stdout),
            "none" => Ok(Self::None),
            path => Ok(Self::File(path.into())),
        }
    }
}

impl fmt::Display for LogTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => out.write_str("none"),
            Self::Stdout => out.write_str("-"),
            Self::File(path) => path.display().fmt(out),
        }
    }
}

/// How a request is written as a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Squid's native format.
    #[default]
    Squid,
    /// The combined format of web servers, with Squid's two codes at the end as Squid writes it.
    Combined,
    /// One JSON object.
    Json,
}
