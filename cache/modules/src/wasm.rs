//! Policies as WebAssembly: from bytes to something the engine can ask.

pub(crate) mod cache;
pub(crate) mod guest;
pub(crate) mod reproduce;
pub(crate) mod verify;

mod admission;
mod engine;
mod filter;
mod freshness;
mod hooks;
mod key;
mod monitor;
mod precompiled;
mod score;
mod table;

pub(crate) use self::admission::Admitting;
pub(crate) use self::engine::{Engines, Meter, limits};
pub(crate) use self::freshness::Ruling;
pub(crate) use self::hooks::Hooks;
pub(crate) use self::key::Key;
pub(crate) use self::monitor::{Publisher, Watcher, link as link_publishing};
pub(crate) use self::precompiled::load;
pub(crate) use self::score::Score;
