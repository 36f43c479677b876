//! A client: its connection, and what its requests have in common.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use cnn_core::time::Tick;

use crate::http1::Connection;
use crate::server::Settings;
use crate::worker::Worker;

/// A client's connection while it is served.
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) connection: Connection,
    /// Who it is, an IPv4 address in IPv6 clothes undressed.
    pub(super) address: IpAddr,
    /// The head being put together; kept from reply to reply.
    pub(super) out: Vec<u8>,
    pub(super) patience: Patience,
    /// Whether monitors are told of the request under way: looked up once for each.
    pub(super) is_monitored: bool,
    /// When the reply under way began to be sent, if that was noted.
    pub(super) begun: Option<Tick>,
}

/// How long a client may keep us waiting; what the configuration says at this request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For the client to take more of a reply.
    pub(super) send: Duration,
    /// For a byte to move in a tunnel.
    pub(super) tunnel_idle: Duration,
}

impl Patience {
    pub(super) fn of(settings: &Settings) -> Self {
        let deadlines = &settings.config.deadlines;
        Self { send: deadlines.send.0, tunnel_idle: deadlines.tunnel_idle.0 }
    }
}
