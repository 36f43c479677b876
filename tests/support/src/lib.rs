//! What the whole-system tests and benches share: the proxy as a child process, an origin that follows a script, clients
//! that see every byte.
//!
//! It speaks HTTP with code of its own, as loosely or as exactly as a test asks, so that a fault of the proxy's parser
//! cannot hide behind the same fault here. It knows none of our crates and nothing of it ships. A broken expectation of
//! a test panics; every wait has a deadline ([`DEADLINE`]), and no wait is a sleep.

// Load is measured in real time.
#![allow(clippy::disallowed_methods)]

pub mod client;
pub mod gate;
pub mod http;
pub mod origin;
pub mod peer;
pub mod process;
pub mod proxy;

use std::time::Duration;

pub use client::{Connection, get};
pub use gate::Gate;
pub use http::{Reply, Request};
pub use origin::{After, Answer, Origin};
pub use proxy::{Cnn, Launch, at_once, eventually};
pub use rustix::process::Signal;

/// How long any wait may last before the test fails: long enough for a loaded machine, short enough to find a hang.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The path of the executable under test, for [`Launch::new`]; cargo tells it to tests and benches of the root package only.
#[macro_export]
macro_rules! cnn_exe {
    () => {
        env!("CARGO_BIN_EXE_cnn")
    };
}
