//! Every bound of the admin socket, with the reason for its value.

use std::time::Duration;

/// Connections served at once; more wait in the kernel's queue. Operators are few, scripts ask one thing at a time.
pub(super) const CONNECTIONS_MAX: usize = 32;

/// Commands being carried out at once: one that hangs must not keep the others from telling why.
pub(super) const COMMANDS_MAX: usize = 8;

/// Bytes of a request's head: the longest URL a document may have, percent-encoded, and then some.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Header fields of a request: curl sends four.
pub(super) const HEADERS_MAX: usize = 64;

/// Bytes of a request's body: a JSON object with a long script in it, whose every fourth byte may need a backslash.
pub(super) const BODY_BYTES_MAX: usize = 96 * 1024;

/// For a request's head to come, counted from the end of the one before: whoever connects has something to say.
pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// For a request's body to come: it is small and the socket is local.
pub(super) const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// For a command to be carried out; it is not cut off, but its client is told to look again later.
pub(super) const COMMAND_DEADLINE: Duration = Duration::from_secs(20);

/// For a connection from first to last byte: one that does not read its replies is dropped.
pub(super) const CONNECTION_DEADLINE: Duration = Duration::from_secs(120);

/// For replies under way when the proxy stops.
pub(super) const STOP_DEADLINE: Duration = Duration::from_secs(1);

/// Bytes of a reply the client reads: `policy worst 1000` with long URLs stays below.
pub(super) const REPLY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// For the client to be answered: longer than [`COMMAND_DEADLINE`], so that the server's word comes first.
pub(super) const REPLY_DEADLINE: Duration = Duration::from_secs(30);

/// Between two attempts to accept a connection when the system has no descriptor left.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
