//! The shell of C/NN: everything that touches the world.

pub mod config;

pub mod access;

pub mod error_page;

pub mod log;
pub mod metrics;
pub mod not_stored;
pub mod signals;

pub mod admin;
pub mod clock;
pub mod engine;
pub mod http1;
pub mod limits;
pub mod origin;
