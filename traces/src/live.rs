//! Load over sockets: an origin that makes documents out of their names, and clients that ask for them and check them.
//!
//! Both are one thread each over non-blocking sockets, so that on a small machine the proxy gets a processor for itself.
//! A document is named by its size and a number, `/SIZE/NUMBER`, and its content follows from the number: a client needs
//! no memory of what it may receive. This is the only part of the crate that knows sockets and threads of load, and a
//! clock; it speaks HTTP from outside and uses nothing of the proxy crate.

mod clients;
mod clock;
mod document;
mod histogram;
mod origin;
pub mod process;

pub use clients::{Answer, Ask, Outcome, Plan, run};
pub use document::Document;
pub use histogram::Histogram;
pub use origin::{DocumentOrigin, Service};
