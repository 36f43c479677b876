//! How far a replay has come and how long it will take, on standard error and only for people: nothing is drawn where
//! that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

const OF_REQUESTS: &str =
    "replaying {bar:30} {percent:>3} %  {human_pos} of {human_len} requests, {eta} left";
const OF_TURNS: &str = "comparing {bar:30} {percent:>3} %  {msg}, {eta} left";

/// A bar that goes when it is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar for so many requests to be replayed.
    pub(super) fn requests(total: u64) -> Self {
        Self::new(total, OF_REQUESTS)
    }

    /// A bar for so many turns of live proxies.
    pub(super) fn turns(total: u64) -> Self {
        Self::new(total, OF_TURNS)
    }

    fn new(total: u64, template: &str) -> Self {
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(total).with_style(style))
    }

    /// So many are done, and this begins.
    pub(super) fn begin(&self, done: u64, what: String) {
        self.0.set_position(done);
        self.0.set_message(what);
    }

    /// So many more are done.
    pub(super) fn add(&self, more: u64) {
        self.0.inc(more);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
