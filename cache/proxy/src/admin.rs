//! The admin socket: HTTP with JSON on a Unix socket, usable with curl, and its client. Everything an operator asks of
//! a running proxy comes through here; nothing here runs on a worker's thread.
//!
//! The modules in the order a command meets them: [`command`] (the one table), `socket` (where, and for whom),
//! `server` (bytes, bounds, deadlines), `arguments`, `handler`, [`control`] (what is asked of the proxy), `live`,
//! `monitors`, `explain`, `modules`, `filters` and `script` (the proxy that is asked), [`reply`] (what is answered), `audit`
//! (what is written down), [`client`].

mod arguments;
mod audit;
pub mod client;
pub mod command;
pub mod control;
mod explain;
#[cfg(test)]
mod fake;
mod filters;
mod handler;
mod limits;
mod live;
mod modules;
mod monitors;
pub mod reply;
mod script;
mod server;
mod socket;

pub use audit::Peer;
pub use live::{Counted, Live};
pub use script::{Effort, ScriptAsked, Scripts};
pub use server::AdminServer;
pub use socket::{BindError, SOCKET_ENV, Socket, default_path};
