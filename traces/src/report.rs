//! What people, scripts and browsers are told of a replay.

mod csv;
pub mod live;
pub mod table;
pub mod units;
