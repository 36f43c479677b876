//! The way to origins: names become addresses ([`dns`]), addresses connections ([`connect`]), connections are kept
//! ([`pool`]) and carry one exchange after the other ([`fetch`]), the request's body alongside ([`upload`]).
//!
//! It sends the head it is given and hands back what comes; what a head says about caching or the next hop is the
//! server's matter. One [`Origins`] belongs to one worker thread; names are shared by all.

pub mod connect;
pub mod dns;
pub mod fetch;
pub mod pool;
pub mod upload;

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::net::TcpStream;

use crate::access::Denied;
use crate::http1::HeadLimits;
use connect::ConnectError;
use dns::Resolver;
use pool::Pool;

pub use fetch::{Exchange, FetchError, Phase, Report, Request};
pub use upload::{BodySource, ClientBody, NoBody};

/// Where a connection goes: a host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    // Invariant: lower case, an IPv6 address without brackets.
    host: Arc<str>,
    port: u16,
}

/// How long and how much. Everything but the name lookups, whose settings belong to the [`Resolver`].
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// For one address to accept a connection.
    pub connect: Duration,
    /// For an origin to take more of a request, and for a client to send more of its body.
    pub send: Duration,
    /// How much a client has to send of its body in that time; less does not count.
    pub upload_bytes_min: u64,
    /// For the head of a response, once the request is sent.
    pub response: Duration,
    /// For the next piece of a response's body.
    pub body: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
    /// How many idle connections are kept per origin.
    pub idle_per_origin: usize,
    /// How large a response's head may be.
    pub head: HeadLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            send: Duration::from_secs(120),
            upload_bytes_min: 1,
            response: Duration::from_secs(120),
            body: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            idle_per_origin: 64,
            head: HeadLimits::default(),
        }
    }
}

/// Says whether an address may be connected to. Asked for every address, after its name was resolved: names lie.
pub type Check = Box<dyn Fn(SocketAddr) -> Result<(), Denied>>;

/// Something that happened on the way to origins, to be counted.
#[derive(Clone, Copy, Debug)]
pub enum Happening {
    /// A connection was made.
    Connected,
    /// An exchange is over, whether or not it came to its end; at least some of the request was sent.
    Exchanged(Report),
    /// There was no connection, or the exchange failed; this says why.
    Failed(&'static str),
}

/// Is told what happens.
pub type Witness = Box<dyn Fn(Happening)>;

/// All that one worker needs to reach origins.
pub struct Origins {
    resolver: Arc<Resolver>,
    check: Check,
    witness: Witness,
    pool: Pool,
    settings: Cell<Settings>,
}

impl Origins {
    /// With no connections yet.
    pub fn new(resolver: Arc<Resolver>, check: Check, settings: Settings, witness: Witness) -> Rc<Self> {
        Rc::new(Self { resolver, check, witness, pool: Pool::default(), settings: Cell::new(settings) })
    }

    /// The settings that exchanges begun from now on have.
    pub fn settings(&self) -> Settings {
        self.settings.get()
    }

    /// Replaces the settings; exchanges going on keep theirs.
    pub fn set_settings(&self, settings: Settings) {
        self.settings.set(settings);
    }

    /// Idle connections.
    pub fn idle_connections(&self) -> usize {
        self.pool.len()
    }

    /// Begins an exchange. Nothing happens before its [`Exchange::head`] is awaited.
    pub fn fetch<B: BodySource>(self: &Rc<Self>, request: Request, body: B) -> Exchange<B> {
        Exchange::new(Rc::clone(self), request, body)
    }

    /// Connects to an origin without HTTP: for tunnels.
    ///
    /// # Errors
    /// When its name is unknown, no address of it may be used, or none answers.
    pub async fn connect(&self, origin: &Origin) -> Result<(TcpStream, SocketAddr), FetchError> {
        let addresses = self.resolver.resolve(origin.host()).await?;
        let addresses = connect::interleave(&addresses, origin.port);
        let connected = connect::connect(addresses, &self.check, self.settings.get().connect).await?;
        (self.witness)(Happening::Connected);
        Ok(connected)
    }

    /// Closes connections that have been idle for too long or that their origin has closed, for as long as it runs.
    /// Without it they are closed only when they would be used.
    pub async fn tend(self: Rc<Self>) {
        loop {
            tokio::time::sleep(TEND_INTERVAL).await;
            self.pool.sweep(self.settings.get().idle);
        }
    }
}

/// Soon enough that an origin does not long have to hold a connection it wants to be rid of.
const TEND_INTERVAL: Duration = Duration::from_secs(2);

impl Origin {
    /// An origin. An IPv6 address may have its brackets.
    pub fn new(host: &str, port: u16) -> Self {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let has_upper = bare.bytes().any(|byte| byte.is_ascii_uppercase());
        let host = if has_upper { bare.to_ascii_lowercase().into() } else { bare.into() };
        Self { host, port }
    }

    /// The host in lower case, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origins")
            .field("pool", &self.pool)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl From<ConnectError> for FetchError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Denied { address, reason } => Self::Denied { address, reason },
            ConnectError::TimedOut(address) => Self::ConnectTimedOut { address },
            ConnectError::Failed { address, source } => Self::ConnectFailed { address, source },
        }
    }
}

#[cfg(test)]
mod tests;
