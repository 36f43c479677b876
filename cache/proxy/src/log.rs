//! The access log.

mod target;

pub use target::{LogFormat, LogTarget};
