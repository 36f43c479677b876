//! The server: everything that is started together and drained together. It binds every socket before it says it is
//! ready, starts a thread per worker, and gives the executable its verbs: drain, stop, reload.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use cnn_core::policy::{Board, Reevaluate, Traffic};
use cnn_core::repository::{self, Repository};
use cnn_core::rfc9111::{Target, Unsaid};
use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::access::Access;
use crate::admin::{self, AdminServer, Counted, Live};
use crate::clock::Clock;
use crate::config::{self, Config, Period, Reload};
use crate::engine::{self, Engine, Surroundings, UseError};
use crate::http1::HeadLimits;
use crate::limits::*;
use crate::listener;
use crate::log::{AccessLog, LogSettings};
use crate::metrics::{Gauges, Metrics, MetricsServer, Probe, Times};
use crate::not_stored::NotStored;
use crate::origin;
use crate::origin::dns::{DnsSettings, Resolver};
use crate::report;
use crate::worker;

/// Where the server is in its life; it only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Accepting and answering.
    Serve,
    /// Not accepting any more; requests under way are answered, idle connections closed.
    Drain,
    /// Ending at once.
    Stop,
}

/// What a reload can change, as one value: a request sees one of it from start to end.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) access: Access,
    pub(crate) head_limits: HeadLimits,
    pub(crate) origin: origin::Settings,
    /// What holds where responses do not say it.
    pub(crate) unsaid: Unsaid,
}

/// What workers share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) repository: Arc<Repository>,
    pub(crate) settings: ArcSwap<Settings>,
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
    own: Vec<SocketAddr>,
    pub(crate) metrics: Metrics,
    /// When the server started, seconds since 1970.
    started: u64,
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

    /// A number for the origin of a target: a keyed hash, for policies that tell origins apart.
    pub(crate) fn origin_number(&self, target: &Target) -> u32 {
        self.hash.hash_one(target.authority()) as u32
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

impl Settings {
    /// The settings a configuration means; `own` are the addresses the proxy itself listens on.
    fn new(config: Config, own: &[SocketAddr]) -> Self {
        let deadlines = &config.deadlines;
        let head_limits = HeadLimits {
            head_bytes_max: usize::try_from(config.limits.header_bytes.0).unwrap_or(usize::MAX),
            fields_max: config.limits.header_count.into(),
            ..HeadLimits::default()
        };
        let origin = origin::Settings {
            connect: deadlines.connect.0,
            send: deadlines.body.0,
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
        Self { access: Access::new(&config, own), head_limits, origin, unsaid, config }
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be listened on.
    #[error(transparent)]
    Bind(#[from] listener::BindError),
    /// The access log could not be opened.
    #[error("cannot open the access log {target}: {source}")]
    Log {
        /// Where it was to go.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// The policy engine does not start.
    #[error(transparent)]
    Engine(#[from] engine::StartError),
    /// The admin socket could not be bound.
    #[error(transparent)]
    Admin(#[from] admin::BindError),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A running server.
pub struct Server {
    shared: Arc<Shared>,
    engine: Engine,
    phase: watch::Sender<Phase>,
    workers: Vec<JoinHandle<()>>,
    log: Arc<Mutex<AccessLog>>,
    _metrics: Option<MetricsServer>,
    _admin: AdminServer,
    ready: String,
}

impl Server {
    /// Binds every socket, opens the log, and starts to serve.
    ///
    /// # Errors
    /// When something cannot be had; nothing is left running then.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let clock = Clock::start();
        let count = config.worker_count();
        let addresses: Vec<_> = config.listen.iter().map(|listen| listen.0).collect();
        let (sockets, listening) = listener::bind(&addresses, count)?;
        let metrics_socket = config.metrics.map(listener::bind_one).transpose()?;
        let metrics_address = metrics_socket.as_ref().and_then(|socket| socket.local_addr().ok());
        let admin_socket = config.admin_socket.clone().unwrap_or_else(admin::default_path);
        let admin_socket = admin::Socket::bind(&admin_socket)?;
        let log = open_log(&config, count)?;

        let own = listening.iter().copied().chain(metrics_address).collect();
        let shared = Arc::new(Shared::new(config, own, clock, count));
        let engine = start_engine(&shared)?;
        let (phase, receiver) = watch::channel(Phase::Serve);
        let ready = ready_line(&shared, &listening, admin_socket.path(), metrics_address);
        let workers = start_workers(&shared, &receiver, &log, sockets)?;
        let log = Arc::new(Mutex::new(log));
        let probe =
            Scrape { shared: shared.clone(), engine: engine.clone(), phase: receiver, log: log.clone() };
        let metrics = metrics_socket.map(|socket| MetricsServer::start(socket, Arc::new(probe)));
        let metrics = metrics.transpose().map_err(StartError::Thread)?;
        let live = Arc::new(live(&shared, &engine, &listening, count));
        let admin = AdminServer::start(admin_socket, live).map_err(StartError::Thread)?;
        Ok(Self { shared, engine, phase, workers, log, _metrics: metrics, _admin: admin, ready })
    }

    /// What to tell the operator now that every socket is bound.
    pub fn ready_line(&self) -> &str {
        &self.ready
    }

    /// A handle by which the server can be told to end from other threads.
    pub fn ending(&self) -> Ending {
        Ending(self.phase.clone())
    }

    /// A handle by which the configuration can be replaced from other threads.
    pub fn reloading(&self) -> Reloading {
        Reloading { shared: self.shared.clone(), engine: self.engine.clone(), log: self.log.clone() }
    }

    /// Waits until the workers have ended, then writes out the log.
    pub fn join(self) {
        for worker in self.workers {
            // A worker that panicked has said so on standard error; the others are still to be waited for.
            let _ = worker.join();
        }
        self.engine.shutdown();
        if !self.log.lock().close(LOG_CLOSE_MAX) {
            report::warning(format_args!("the access log could not be written out"));
        }
    }
}

/// Ends a server.
#[derive(Clone)]
pub struct Ending(watch::Sender<Phase>);

impl Ending {
    /// The first time lets requests under way finish; the second time ends at once. Says what was begun.
    pub fn end(&self) -> Phase {
        self.0.send_modify(|phase| {
            *phase = match phase {
                Phase::Serve => Phase::Drain,
                Phase::Drain | Phase::Stop => Phase::Stop,
            }
        });
        *self.0.borrow()
    }
}

/// Replaces the configuration of a running server.
pub struct Reloading {
    shared: Arc<Shared>,
    engine: Engine,
    log: Arc<Mutex<AccessLog>>,
}

/// Why a configuration was not taken over. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The access log could not be opened.
    #[error("cannot open the access log {target}: {source}")]
    Log {
        /// Where it was to go.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// The policy could not be used.
    #[error("cannot use the policy: {0}")]
    Policy(#[from] UseError),
}

impl Reloading {
    /// Takes over what may change while the server runs, and opens the log anew, as after `logrotate`. Says which keys
    /// changed. Requests under way keep the settings they began with.
    ///
    /// # Errors
    /// When the log cannot be opened or the policy cannot be used; nothing has changed then.
    pub fn reload(&self, config: Config) -> Result<Reload, ReloadError> {
        let old = self.shared.settings.load_full();
        let reload = config::diff(&old.config, &config);
        if reload.applies("policy") {
            self.engine.use_policy(&config.policy, Reevaluate::default(), "reload")?;
        }
        let log = self.log.lock().reopen(&config.access_log, log_settings(&config));
        if let Err(source) = log {
            if reload.applies("policy") {
                self.engine.use_policy(&old.config.policy, Reevaluate::default(), "reload, taken back")?;
            }
            return Err(ReloadError::Log { target: config.access_log.to_string(), source });
        }
        let repository = &self.shared.repository;
        repository.budget().set_limit(config.memory.0);
        repository.set_object_bytes_max(config.object_bytes_max());
        if reload.applies("deadlines.dns") {
            self.shared.resolver.set_settings(dns_settings(&config));
        }
        self.shared.settings.store(Arc::new(Settings::new(config, &self.shared.own)));
        Ok(reload)
    }
}

/// What a scrape and an orchestrator ask.
struct Scrape {
    shared: Arc<Shared>,
    engine: Engine,
    phase: watch::Receiver<Phase>,
    log: Arc<Mutex<AccessLog>>,
}

impl Probe for Scrape {
    fn metrics(&self) -> String {
        let usage = self.shared.repository.usage();
        let counts = self.shared.repository.board().counts();
        let evictions = [("policy", counts.policy_victims), ("fallback", counts.fallback_victims)];
        let status = self.engine.status().ok();
        let policy = status.as_ref().map_or("", |status| &status.policy.name);
        self.shared.metrics.render(&Gauges {
            documents: usage.documents,
            stored_bytes: usage.used,
            memory_bytes_max: usage.limit,
            fills: usage.fills,
            evictions: &evictions,
            policy,
            switches: status.as_ref().map_or(0, |status| status.token),
            pending: status.as_ref().map_or(0, |status| status.pending as u64),
            faults: status.as_ref().map_or(0, |status| status.faults),
            hit_events_dropped: counts.hits_dropped,
            log_lines_lost: self.log.lock().lost(),
            start_unix_secs: self.shared.started,
        })
    }

    fn ready(&self) -> Result<(), &'static str> {
        match *self.phase.borrow() {
            Phase::Serve => Ok(()),
            Phase::Drain | Phase::Stop => Err("stopping"),
        }
    }
}

fn start_engine(shared: &Arc<Shared>) -> Result<Engine, StartError> {
    let settings = shared.settings.load();
    let counting = shared.clone();
    let surroundings = Surroundings {
        clock: shared.clock,
        capacity: settings.config.memory.0,
        traffic: Box::new(move || traffic(&counting.metrics)),
        policies: cnn_policies::registry(),
    };
    Ok(Engine::start(shared.repository.board().clone(), &settings.config.policy, surroundings)?)
}

/// What was counted of requests that the cache could have answered.
fn traffic(metrics: &Metrics) -> Traffic {
    let totals = metrics.totals();
    Traffic {
        requests: totals.hit_times.count() + totals.miss_times.count(),
        hits: totals.hits(),
        bytes: totals.sent_bytes,
        hit_bytes: totals.hit_bytes,
    }
}

fn start_workers(
    shared: &Arc<Shared>,
    phase: &watch::Receiver<Phase>,
    log: &AccessLog,
    sockets: Vec<Vec<TcpListener>>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let start = |(index, sockets)| {
        let (shared, phase, log) = (shared.clone(), phase.clone(), log.worker(index));
        let thread = std::thread::Builder::new().name(format!("cnn-worker-{index}"));
        thread.spawn(move || worker::run(shared, index, phase, log, sockets)).map_err(StartError::Thread)
    };
    sockets.into_iter().enumerate().map(start).collect()
}

/// The proxy as the admin socket sees it.
fn live(shared: &Arc<Shared>, engine: &Engine, listening: &[SocketAddr], workers: usize) -> Live {
    let counting = shared.clone();
    Live {
        engine: engine.clone(),
        repository: shared.repository.clone(),
        not_stored: shared.not_stored.clone(),
        clock: shared.clock,
        workers,
        listen: listening.iter().map(SocketAddr::to_string).collect(),
        counted: Box::new(move || {
            let totals = counting.metrics.totals();
            Counted {
                requests: totals.requests(),
                hits: totals.hits(),
                sent_bytes: totals.sent_bytes,
                hit_bytes: totals.hit_bytes,
                bucket_bounds_us: Times::bounds_us(),
                hit_buckets: totals.hit_times.counts().to_vec(),
                miss_buckets: totals.miss_times.counts().to_vec(),
            }
        }),
    }
}

fn ready_line(
    shared: &Shared,
    listening: &[SocketAddr],
    admin: &Path,
    metrics: Option<SocketAddr>,
) -> String {
    let settings = shared.settings.load();
    let config = &settings.config;
    let listening: Vec<_> = listening.iter().map(SocketAddr::to_string).collect();
    let kind = if config.reverse.is_some() { "reverse proxy" } else { "proxy" };
    let metrics = metrics.map(|address| format!("; metrics {address}")).unwrap_or_default();
    format!(
        "ready: {kind} {}; admin {}{metrics}; policy {}; memory {}",
        listening.join(", "),
        admin.display(),
        config.policy,
        config.memory,
    )
}

impl Shared {
    fn new(config: Config, own: Vec<SocketAddr>, clock: Clock, workers: usize) -> Self {
        // Seeded by the system, so that nobody can choose URLs that collide.
        let seeds = std::array::from_fn(|_| RandomState::new().hash_one(()));
        let board = Arc::new(Board::new(workers, slots_max(config.memory.0), VICTIM_POOL));
        let repository = repository::Config {
            limit_bytes: config.memory.0,
            object_bytes_max: config.object_bytes_max(),
            hash_seeds: seeds,
        };
        let dns = dns_settings(&config);
        let pseudonym = pseudonym(&config);
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
            started: clock.wall_ms() / 1000,
            settings: ArcSwap::from_pointee(Settings::new(config, &own)),
            own,
        }
    }
}

fn open_log(config: &Config, workers: usize) -> Result<AccessLog, StartError> {
    let settings = log_settings(config);
    let warn = |message: &str| report::warning(format_args!("{message}"));
    AccessLog::start(&config.access_log, settings, workers, warn)
        .map_err(|source| StartError::Log { target: config.access_log.to_string(), source })
}

fn log_settings(config: &Config) -> LogSettings {
    LogSettings { format: config.access_log_format, strip_query_terms: config.strip_query_terms }
}

/// Slots for documents: as many as could be stored if each were as small as a document can be.
fn slots_max(memory: u64) -> usize {
    let documents = memory / DOCUMENT_BYTES_MIN;
    usize::try_from(documents).unwrap_or(usize::MAX).clamp(SLOTS_MIN, SLOTS_MAX)
}

/// Our name for other proxies and for people: as configured, else this machine's. Only what may stand in `Via`.
fn pseudonym(config: &Config) -> String {
    let name = config.visible_hostname.clone();
    let name = name.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':')).collect();
    if name.is_empty() { "cnn".to_owned() } else { name }
}

fn dns_settings(config: &Config) -> DnsSettings {
    DnsSettings { patience: config.deadlines.dns.0, ..DnsSettings::default() }
}
