//! What workers share, and the settings a reload replaces.

use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arc_swap::ArcSwap;
use cnn_core::policy::Board;
use cnn_core::repository::{self, Repository};
use cnn_core::rfc9111::Unsaid;
use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::access::Access;
use crate::clock::Clock;
use crate::config::{Config, Period};
use crate::filters::{FilterHost, Filters};
use crate::http1::HeadLimits;
use crate::limits::*;
use crate::metrics::Metrics;
use crate::monitor::Monitors;
use crate::not_stored::NotStored;
use crate::origin;
use crate::origin::dns::{DnsSettings, Resolver};

/// What a reload can change, as one value: a request sees one of it from start to end.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) access: Access,
    pub(crate) head_limits: HeadLimits,
    pub(crate) origin: origin::Settings,
    /// What holds where responses do not say it.
    pub(crate) unsaid: Unsaid,
    /// Who decides what is stored and for how long it is fresh.
    pub(crate) filters: Filters,
}

/// What workers share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) repository: Arc<Repository>,
    pub(crate) settings: ArcSwap<Settings>,
    /// Where modules become filters.
    pub(crate) filter_host: FilterHost,
    /// Held while the settings are changed, by a reload or a switch of filters, so that neither undoes the other.
    pub(crate) changing: Mutex<()>,
    pub(crate) resolver: Arc<Resolver>,
    /// Our name in `Via`, `Cache-Status` and `X-Cache`.
    pub(crate) pseudonym: String,
    /// Our entry in the `Via` of responses.
    pub(crate) via: String,
    /// Keys whose last response was for one client only: requests for them do not wait for each other.
    unshared: Cache<Box<str>, ()>,
    /// Why responses were not stored, for those who ask.
    pub(crate) not_stored: Arc<NotStored>,
    /// Keyed, so that nobody can foresee what it gives.
    hash: RandomState,
    connections: Connections,
    /// The proxy's own addresses, which no request may be sent to.
    pub(crate) own: Vec<SocketAddr>,
    pub(crate) metrics: Metrics,
    /// Whoever watches requests.
    pub(crate) monitors: Monitors,
    /// When the server started, seconds since 1970.
    pub(super) started: u64,
}

/// Open client connections of all workers.
#[derive(Default)]
pub(crate) struct Connections {
    open: AtomicUsize,
    closed: Notify,
}

/// An open client connection, counted until it is dropped.
pub(crate) struct OpenConnection(Arc<Shared>);

impl Shared {
    /// Counts a connection, unless there are `most` already.
    pub(crate) fn open_connection(self: &Arc<Self>, most: u32) -> Option<OpenConnection> {
        let open = OpenConnection(self.clone());
        let before = self.connections.open.fetch_add(1, Relaxed);
        (before < most as usize).then_some(open)
    }

    /// Waits until no connection is open.
    pub(crate) async fn connections_gone(&self) {
        loop {
            let closed = self.connections.closed.notified();
            if self.connections.open.load(Relaxed) == 0 {
                return;
            }
            closed.await;
        }
    }

    /// Whether the last response for a key was for one client only.
    pub(crate) fn is_unshared(&self, key: &str) -> bool {
        self.unshared.get(key).is_some()
    }

    /// The response for a key was for one client only.
    pub(crate) fn mark_unshared(&self, key: &str) {
        self.unshared.insert(key.into(), ());
    }

    /// A number for an origin, host and port: a keyed hash, for policies and monitors that tell origins apart.
    pub(crate) fn origin_number(&self, authority: &str) -> u32 {
        self.hash.hash_one(authority) as u32
    }

    /// A number nobody can foresee, for boundaries.
    pub(crate) fn random(&self) -> u64 {
        self.hash.hash_one(self.clock.now().0)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.open.fetch_sub(1, Relaxed);
        self.0.connections.closed.notify_waiters();
    }
}

impl Shared {
    pub(super) fn new(config: Config, own: Vec<SocketAddr>, clock: Clock, workers: usize) -> Self {
        // Seeded by the system, so that nobody can choose URLs that collide.
        let seeds = std::array::from_fn(|_| RandomState::new().hash_one(()));
        let board = Arc::new(Board::new(workers, slots_max(config.memory.0), VICTIM_POOL));
        let repository = repository::Config {
            limit_bytes: config.memory.0,
            object_bytes_max: config.object_bytes_max(),
            hash_seeds: seeds,
        };
        let dns = dns_settings(&config);
        let pseudonym = pseudonym(&config, own.first());
        Self {
            clock,
            repository: Arc::new(Repository::new(&repository, board)),
            resolver: Arc::new(Resolver::new(dns)),
            via: format!("1.1 {pseudonym}"),
            pseudonym,
            unshared: Cache::builder().max_capacity(UNSHARED_KEYS_MAX).time_to_live(UNSHARED_FOR).build(),
            not_stored: Arc::default(),
            hash: RandomState::new(),
            connections: Connections::default(),
            metrics: Metrics::new(workers),
            monitors: Monitors::new(clock, workers),
            started: clock.wall_ms() / 1000,
            settings: ArcSwap::from_pointee(Settings::new(config, &own, Filters::default())),
            filter_host: FilterHost::default(),
            changing: Mutex::default(),
            own,
        }
    }
}

impl Settings {
    /// The settings a configuration means; `own` are the addresses the proxy itself listens on.
    pub(crate) fn new(config: Config, own: &[SocketAddr], filters: Filters) -> Self {
        let deadlines = &config.deadlines;
        let head_limits = HeadLimits {
            head_bytes_max: usize::try_from(config.limits.header_bytes.0).unwrap_or(usize::MAX),
            fields_max: config.limits.header_count.into(),
            ..HeadLimits::default()
        };
        let origin = origin::Settings {
            connect: deadlines.connect.0,
            send: deadlines.body.0,
            upload_bytes_min: config.limits.body_bytes_min.0,
            response: deadlines.origin_response.0,
            body: deadlines.origin_body.0,
            idle: deadlines.origin_idle.0,
            idle_per_origin: config.limits.origin_idle_connections as usize,
            head: head_limits,
        };
        let seconds = |period: Period| u32::try_from(period.as_secs()).unwrap_or(u32::MAX);
        let freshness = &config.freshness;
        let unsaid = Unsaid {
            heuristic_percent: freshness.heuristic_percent,
            heuristic_seconds_max: seconds(freshness.heuristic_max),
            stale_if_error: seconds(freshness.stale_if_error),
            stale_while_revalidate: seconds(freshness.stale_while_revalidate),
        };
        Self { access: Access::new(&config, own), head_limits, origin, unsaid, filters, config }
    }
}

/// Slots for documents: as many as could be stored if each were as small as a document can be.
fn slots_max(memory: u64) -> usize {
    let documents = memory / DOCUMENT_BYTES_MIN;
    usize::try_from(documents).unwrap_or(usize::MAX).clamp(SLOTS_MIN, SLOTS_MAX)
}

/// Our name for other proxies and for people: as configured, else this machine's with the port we listen on, so that
/// several proxies of one machine do not take each other's requests for a loop. Only what may stand in `Via`.
fn pseudonym(config: &Config, listening: Option<&SocketAddr>) -> String {
    if let Some(name) = &config.visible_hostname {
        return name.clone();
    }
    let mut name = gethostname::gethostname().to_string_lossy().into_owned();
    name.retain(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if name.is_empty() {
        name.push_str("cnn");
    }
    match listening {
        Some(address) => format!("{name}:{}", address.port()),
        None => name,
    }
}

pub(super) fn dns_settings(config: &Config) -> DnsSettings {
    DnsSettings { patience: config.deadlines.dns.0, ..DnsSettings::default() }
}
