//! The engine of C/NN: it decides, and never touches the world. No sockets, no clock, no threads, no random source:
//! time and randomness are arguments, so that a live proxy, a trace replay and a seeded simulation run the same code.
//!
//! The modules, in the order a request meets them:
//! [`fields`] (header fields as received), [`rfc9111`] (what HTTP allows), [`exchange`] (the life of a request by
//! these rules), [`repository`] (what is stored),
//! [`policy`] (what is evicted next, and how that is changed while it runs), [`monitor`] (what is told of it).

pub mod byte_size;
pub mod exchange;
pub mod fields;
pub mod limits;
pub mod monitor;
pub mod policy;
pub mod repository;
pub mod rfc9111;
pub mod time;
