//! What C/NN and its modules promise each other: the events a policy is told, what it may know of a document, and
//! what it says of itself. Plain data with a fixed layout, no dependencies, no allocation; it knows nothing of HTTP.
#![no_std]

mod event;
mod manifest;

pub use event::{EVENT_BYTES, Event, EventKind, Flags};
pub use manifest::{Goal, HitEvents, Kind};

/// Version of this contract. A module built against another version is refused when it is loaded.
pub const ABI_VERSION: u32 = 1;
