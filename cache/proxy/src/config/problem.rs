//! What is wrong with a configuration, shown the way a compiler shows it: what, where, the line and a caret, and help.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// Why there is no configuration. Nothing of the file was applied.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file, the flags or both are wrong; every problem is listed, in the order of the file.
    #[error("{}", Listing(.0))]
    Invalid(Vec<Problem>),
}

impl ConfigError {
    /// The problems; none when the file could not be read at all.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Invalid(problems) => problems,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, with its section: `deadlines.header`. Empty when the text is not TOML at all.
    pub key: String,
    /// What is wrong, naming what was expected.
    pub message: String,
    /// What would be right, where that can be guessed.
    pub help: Option<String>,
    /// Where.
    pub place: Place,
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File(FilePlace),
    /// In a command line flag: its name with dashes.
    Flag(String),
    /// In a default that does not fit what was set.
    Default,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The text of that line, cut to a length that fits a screen.
    text: String,
    /// Characters the problem spans on that line, at least 1.
    width: usize,
}

/// Characters of a faulty line that are shown; a longer one is shown without its text.
const SHOWN_MAX: usize = 200;

impl FilePlace {
    /// The place of a span of bytes of `source`.
    pub(super) fn new(file: &str, source: &str, span: Range<usize>) -> Self {
        let start = floor(source, span.start.min(source.len()));
        let before = &source[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
        let text = source[line_start..line_end].trim_end_matches('\r');
        let end = floor(source, span.end.clamp(start, line_end));
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: source[line_start..start].chars().count() + 1,
            width: source[start..end].chars().count().max(1),
            text: if text.chars().count() <= SHOWN_MAX { text.to_owned() } else { String::new() },
        }
    }
}

/// The nearest character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

impl fmt::Display for FilePlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gutter = self.line.to_string().len();
        write!(out, "\n{:gutter$}--> {}:{}:{}", "", self.file, self.line, self.column)?;
        if self.text.is_empty() {
            return Ok(());
        }
        // Tabs are kept before the caret, so that it stands under the mistake whatever a tab's width is.
        let blank: String =
            self.text.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let text: String =
            self.text.chars().map(|c| if c.is_control() && c != '\t' { '?' } else { c }).collect();
        write!(out, "\n{:gutter$} |\n{} | {text}", "", self.line)?;
        write!(out, "\n{:gutter$} | {blank}{}", "", "^".repeat(self.width))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Flag(flag) => write!(out, "error: {flag}: {}", self.message)?,
            _ if self.key.is_empty() => write!(out, "error: {}", self.message)?,
            _ => write!(out, "error: `{}`: {}", self.key, self.message)?,
        }
        if let Place::File(place) = &self.place {
            place.fmt(out)?;
        }
        match &self.help {
            Some(help) => write!(out, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

struct Listing<'a>(&'a [Problem]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n\n" };
            write!(out, "{separator}{problem}")?;
        }
        Ok(())
    }
}
