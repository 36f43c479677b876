//! The shell of C/NN: everything that touches the world.

pub mod config;

pub mod access;

pub mod log;

pub mod admin;
pub mod http1;
pub mod limits;
