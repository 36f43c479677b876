//! The shell of C/NN: everything that touches the world. Only this crate knows sockets, HTTP on the wire and clocks.
//!
//! The modules, in the order a request meets them: [`config`] and [`server`] start everything; a [`worker`] accepts
//! from its [`listener`]; [`http1`] reads the request; [`serve`] answers it, asking [`access`] first, from the
//! repository or from the [`origin`]; [`log`] and [`metrics`] account for it and [`monitor`]s are told of it. [`engine`] runs
//! the policy executor beside them, [`modules`] hands it what is loaded, [`admin`] is the operator's socket, [`report`] the
//! process's own voice.

pub mod access;
pub mod admin;
pub mod clock;
pub mod config;
mod drain;
pub mod engine;
pub mod error_page;
mod faults;
pub mod filters;
pub mod http1;
pub mod limits;
mod listener;
pub mod log;
pub mod metrics;
pub mod modules;
pub mod monitor;
pub mod not_stored;
pub mod origin;
pub mod report;
mod serve;
pub mod server;
pub mod signals;
mod worker;
