//! Load for benches: an origin that makes documents out of their names, and clients that ask for them and check them.
//!
//! Both are one thread each over non-blocking sockets, so that on a small machine the proxy gets a processor for itself.
//! A document is named by its size and a number, `/SIZE/NUMBER`, and its content follows from the number: a client needs no
//! memory of what it may receive. Keep-alive, no pipelining, answers with a `Content-Length` only.

mod clients;
mod document;
mod origin;

pub use clients::{Outcome, Plan, run};
pub use document::Document;
pub use origin::DocumentOrigin;
