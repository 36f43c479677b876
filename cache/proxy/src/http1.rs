//! HTTP/1 on the wire, for both directions: clients' requests and origins' responses (RFC 9112).
//!
//! Bytes become a head ([`head`]), the head says how long its body is ([`framing`]), the body is decoded piece by piece
//! ([`body`], [`chunked`]); all of that is pure. [`io`] puts it on a socket, [`mod@write`] is the way back. Whatever two
//! recipients could read in two ways is refused ([`bad_message`]), for that is what request smuggling lives on.
//!
//! It does not interpret targets, routes, caching or hop-by-hop fields: those who serve and fetch do.

pub mod bad_message;
mod blocks;
pub mod body;
mod byte_set;
pub mod chunked;
pub mod deadline;
pub mod framing;
pub mod head;
pub mod io;
pub mod method;
#[cfg(test)]
pub(crate) mod testing;
pub mod write;

pub use bad_message::BadMessage;
pub use body::Body;
pub use framing::BodyLength;
pub use head::{HeadLimits, RequestHead, ResponseHead, Version};
pub use io::Connection;
pub use method::Method;
