//! What C/NN and its modules promise each other: the events a policy is told, what it may know of a document, and
//! what it says of itself. Plain data with a fixed layout, no dependencies, no allocation; it knows nothing of HTTP.
//!
//! `README.md` is the contract as an author of a wasm module needs it:
#![doc = include_str!("../README.md")]
#![no_std]

mod event;
mod filter;
mod guest;
mod manifest;
mod request;

pub use event::{EVENT_BYTES, Event, EventKind, Flags};
pub use filter::{CANDIDATE_BYTES, FILTER_TEXT_BYTES, RESPONSE_BYTES, RULE_BYTES, RuleOptions};
pub use guest::{BATCH_EVENTS_MAX, COLUMNS_BYTES, Columns, MANIFEST_SECTION, PICKS_MAX, SCORES_MAX};
pub use manifest::{Goal, HitEvents, Kind};
pub use request::{
    BATCH_REQUESTS_MAX, HOST_BYTES_MAX, PATH_BYTES_MAX, REQUEST_BYTES, Request, RequestFlags, Served,
    TEXT_BYTES_MAX, Verb,
};

/// Version of this contract. A module built against another version is refused when it is loaded.
pub const ABI_VERSION: u32 = 1;
