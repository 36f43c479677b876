//! Ctrl-C while files are written: what is not complete is removed, and the process ends as the signal would have ended it.

use std::thread;

use cnn_replay::output::discard_unfinished;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// From here on. Where it cannot be arranged the process simply ends, and what it was writing stays.
pub(super) fn clean_up() {
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            discard_unfinished();
            let _ = emulate_default_handler(signal);
        }
    };
    let _ = thread::Builder::new().name("interrupted".to_owned()).spawn(wait);
}
