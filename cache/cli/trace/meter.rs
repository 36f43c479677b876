//! How far a long reading or writing has come: one line on standard error, where that is a terminal.

use std::io::{self, Write as _};

use cnn_replay::Progress;
use cnn_replay::report::units::{bytes, count};
use crossterm::tty::IsTty as _;

/// A line that says how far it has come.
pub(super) struct Meter {
    what: &'static str,
    is_shown: bool,
    last: String,
}

impl Meter {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, is_shown: io::stderr().is_tty(), last: String::new() }
    }

    /// Some bytes were read.
    pub(super) fn read(&mut self, progress: Progress) {
        self.show(|| match progress.bytes_total {
            Some(total) if total > 0 => {
                format!("{} % of {}", progress.bytes_read.saturating_mul(100) / total, bytes(total))
            }
            // Whole mebibytes, so that the line does not change too often.
            _ => bytes(progress.bytes_read >> 20 << 20),
        });
    }

    /// So many of so many requests are done.
    pub(super) fn requests(&mut self, done: u64, all: u64) {
        self.show(|| format!("{} % of {} requests", done.saturating_mul(100) / all.max(1), count(all)));
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        if !self.is_shown {
            return;
        }
        let text = text();
        if text != self.last {
            // Nothing depends on its being seen.
            let _ = write!(io::stderr(), "\r{} {text}\x1b[K", self.what);
            self.last = text;
        }
    }

    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if self.is_shown && !self.last.is_empty() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
