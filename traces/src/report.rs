//! What people, scripts and browsers are told of a replay.

pub mod table;
pub mod units;
