//! Errors in scripts, shown as a compiler would: file, line, column, the line itself, a mark under the place.

use std::fmt;
use std::path::{Path, PathBuf};

use rhai::Position;

/// Longest part of a line that is shown, in characters.
const SHOWN_MAX: usize = 100;

/// Longest message, in characters.
const MESSAGE_MAX: usize = 1000;

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    path: PathBuf,
    /// Line and column from 1, and the line, where there is a place.
    place: Option<(usize, usize, String)>,
    message: String,
}

impl ScriptError {
    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Line and column from 1, where there is a place.
    pub fn place(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|(line, column, _)| (*line, *column))
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, place, message } = self;
        let path = path.display();
        let Some((line, column, text)) = place else { return write!(f, "{path}: {message}") };
        let margin = " ".repeat(line.to_string().len());
        let before: String = text.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        write!(f, "{path}:{line}:{column}: {message}\n {margin} |\n {line} | {text}\n {margin} | {before}^")
    }
}

impl std::error::Error for ScriptError {}

/// A script being looked at.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// An error at a place of this script.
    pub(super) fn error(&self, position: Position, message: String) -> ScriptError {
        let printable = |c: char| if c.is_control() && c != '\t' { '?' } else { c };
        // What a script throws is its own words, and they go to terminals.
        let message = message.chars().take(MESSAGE_MAX).map(printable).collect();
        let place = position.line().map(|line| {
            let text = self.text.lines().nth(line - 1).unwrap_or_default();
            // At the end of the script there may be no line and no column any more.
            let column = position.position().unwrap_or(1).min(text.chars().count() + 1);
            (line, column.min(SHOWN_MAX), text.chars().take(SHOWN_MAX).map(printable).collect())
        });
        ScriptError { path: self.path.to_owned(), place, message }
    }
}
