//! What a request came to: the one account that the access log, the metrics and the signals are made from.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cnn_core::repository::Stored;
use cnn_core::time::Tick;
use tokio::net::TcpStream;

use super::client::Client;
use super::hit::{Extent, Sent};
use super::mirror::FromOrigin;
use super::reply::Persistence;
use super::request::Request;
use super::tunnel::WantedTunnel;
use crate::http1::Version;
use crate::log::{AccessRecord, Ending, Hierarchy, Outcome, ResultCode};
use crate::worker::Worker;

/// What a line of the log says of the request itself.
pub(super) struct Line<'a> {
    pub(super) method: &'a [u8],
    pub(super) url: &'a [u8],
    pub(super) version: Option<Version>,
    pub(super) referer: &'a [u8],
    pub(super) user_agent: &'a [u8],
    pub(super) started: Tick,
}

/// What becomes of the connection after a request.
pub(super) enum After {
    /// The next request is read.
    Next,
    /// It is closed so that the client gets to read the reply.
    Linger,
    /// It is closed at once: it is broken, or must be seen to be.
    Close,
    /// It is broken off, so that the client cannot take what it has for the whole.
    Reset,
    /// It becomes a tunnel.
    Tunnel(Box<WantedTunnel>),
    /// It has become a tunnel: the origin's end, and what came from there already.
    Upgraded(Box<(TcpStream, BytesMut)>),
}

/// What a request came to.
pub(super) struct Account {
    pub(super) outcome: Outcome,
    /// The status of the reply; 0 when none was begun.
    pub(super) status: u16,
    pub(super) hierarchy: Hierarchy,
    /// The address of who was asked.
    pub(super) peer: Option<IpAddr>,
    /// The value of Content-Type in the reply.
    pub(super) content_type: Bytes,
    /// When the reply began to be sent, if anybody wants to know.
    pub(super) begun: Option<Tick>,
    /// What was fetched for it.
    pub(super) fetched: FromOrigin,
    pub(super) after: After,
}

impl Account {
    /// Nothing was asked and nothing answered.
    pub(super) fn none() -> Self {
        Self {
            outcome: ResultCode::None.into(),
            status: 0,
            hierarchy: Hierarchy::None,
            peer: None,
            content_type: Bytes::new(),
            begun: None,
            fetched: FromOrigin::default(),
            after: After::Close,
        }
    }

    /// The client left before it was answered.
    pub(super) fn gone(result: ResultCode) -> Self {
        let outcome = Outcome { result, collapsed: false, ending: Ending::Aborted };
        Self { outcome, ..Self::none() }
    }

    /// Time was up before it was answered to the end.
    pub(super) fn broken_off() -> Self {
        Self { after: After::Reset, ..Self::gone(ResultCode::Miss) }
    }

    /// A stored response was sent, or it was tried.
    pub(super) fn of_hit(
        client: &Client,
        request: &Request,
        stored: &Stored,
        sent: io::Result<Sent>,
    ) -> Self {
        Self {
            outcome: Outcome { result: hit_code(stored, &sent), collapsed: false, ending: ending(&sent) },
            status: sent.as_ref().map_or(stored.head().status(), |sent| sent.status),
            hierarchy: Hierarchy::None,
            peer: None,
            content_type: client.logged_type(stored),
            begun: client.begun,
            fetched: FromOrigin::default(),
            after: client.after(request, client.persistence(request), sent.is_ok()),
        }
    }
}

/// Squid's word for what was served from the store.
pub(super) fn hit_code(stored: &Stored, sent: &io::Result<Sent>) -> ResultCode {
    match sent.as_ref().map(|sent| sent.extent) {
        Ok(Extent::UnmodifiedSince) => ResultCode::ImsHit,
        Ok(Extent::NoneMatch) => ResultCode::InmHit,
        // Squid keeps errors that said nothing of their lifetime for a while, and has a word of its own for that.
        _ if stored.head().status() >= 400 && !stored.facts().has_explicit_lifetime() => {
            ResultCode::NegativeHit
        }
        _ => ResultCode::MemHit,
    }
}

/// How a reply that was sent, or not, ended.
pub(super) fn ending<T>(sent: &io::Result<T>) -> Ending {
    match sent {
        Ok(_) => Ending::Complete,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Ending::TimedOut,
        Err(_) => Ending::Aborted,
    }
}

impl Client {
    /// The reply begins to be sent; noted where somebody monitors it.
    pub(super) fn begins(&mut self) {
        if self.is_monitored {
            self.begun = Some(self.worker.shared.clock.now());
        }
    }

    /// The stored response's type, if somebody wants to log it or monitors it.
    pub(super) fn logged_type(&self, stored: &Stored) -> Bytes {
        if !self.worker.log.is_on() && !self.is_monitored {
            return Bytes::new();
        }
        let content_type = stored.head().first("content-type");
        content_type.map_or_else(Bytes::new, |value| Bytes::copy_from_slice(&value))
    }

    /// What becomes of the connection after a reply that was sent to its end, or was not. A request whose body was not
    /// read leaves bytes behind that must not be taken for the next request.
    pub(super) fn after(&self, request: &Request, persistence: Persistence, was_sent: bool) -> After {
        match persistence {
            _ if !was_sent => After::Close,
            Persistence::KeepAlive if request.body.is_empty() => After::Next,
            _ => After::Linger,
        }
    }

    /// Writes the access log's line of a request for a target, counts it and tells the monitors.
    pub(super) fn record(&self, request: &Request, account: &Account, sent_before: u64) {
        let line = Line {
            method: request.method.as_str().as_bytes(),
            url: request.target.key().as_bytes(),
            version: Some(request.version),
            referer: request.fields.first("referer").unwrap_or_default(),
            user_agent: request.fields.first("user-agent").unwrap_or_default(),
            started: request.started,
        };
        self.record_line(&line, account, self.connection.bytes_out() - sent_before);
    }

    /// Writes a line of the access log, counts it and tells the monitors.
    pub(super) fn record_line(&self, line: &Line<'_>, account: &Account, bytes: u64) {
        let now = self.worker.record(self.address, line, account, bytes);
        if self.is_monitored {
            self.worker.mirror(line, account, bytes, now);
        }
    }
}

impl Worker {
    /// Writes a line of the access log and counts it. Says when that was: now.
    pub(super) fn record(&self, client: IpAddr, line: &Line<'_>, account: &Account, bytes: u64) -> Tick {
        let clock = &self.shared.clock;
        let now = clock.now();
        let elapsed_us = now.since(line.started);
        self.metrics().request(account.outcome, bytes, Duration::from_micros(elapsed_us));
        if !self.log.is_on() {
            return now;
        }
        self.log.write(&AccessRecord {
            completed_ms: clock.wall_ms(),
            elapsed_ms: elapsed_us / 1000,
            client,
            outcome: account.outcome,
            status: account.status,
            bytes,
            method: line.method,
            url: line.url,
            user: b"",
            hierarchy: account.hierarchy,
            peer: account.peer,
            content_type: &account.content_type,
            version: line.version.map(|version| match version {
                Version::Http10 => (1, 0),
                Version::Http11 => (1, 1),
            }),
            referer: line.referer,
            user_agent: line.user_agent,
        });
        now
    }
}
