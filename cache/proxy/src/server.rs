//! The server: everything that is started together and drained together. It binds every socket before it says it is
//! ready, starts a thread per worker, and gives the executable its verbs: drain, stop, reload.

mod monitors;
mod reload;
mod shared;
mod view;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use cnn_modules::{CacheError, CodeCache, Library, Metering};
use parking_lot::Mutex;
use tokio::sync::watch;

use self::view::{Scrape, live, traffic};
use crate::admin::{self, AdminServer};
use crate::clock::{self, Clock};
use crate::config::{self, Config};
use crate::engine::{self, Engine, Surroundings};
use crate::faults;
use crate::filters::{FilterError, Switching};
use crate::limits::LOG_CLOSE_MAX;
use crate::listener;
use crate::log::{AccessLog, LogSettings};
use crate::metrics::MetricsServer;
use crate::modules::{Folder, Modules, Watcher};
use crate::report;
use crate::worker;

pub use self::monitors::MonitorError;
pub use self::reload::{ReloadError, Reloading};
pub(crate) use self::shared::{Settings, Shared};

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
    /// The configured admission policy or freshness rules cannot be used.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A monitor of the configuration could not be attached.
    #[error(transparent)]
    Monitor(#[from] MonitorError),
    /// The admin socket could not be bound.
    #[error(transparent)]
    Admin(#[from] admin::BindError),
    /// The directory of compiled code, or of reproducers, is not ours alone.
    #[error(transparent)]
    Directory(#[from] CacheError),
    /// The directory of modules cannot be read.
    #[error("cannot read the directory of modules {path}: {source}", path = .path.display())]
    Modules {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
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
    _watcher: Option<Watcher>,
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
        let (library, folder) = open_modules(&config, clock)?;
        let shared = Arc::new(Shared::new(config, own, clock, count));
        let engine = start_engine(&shared, library)?;
        let switching = Switching { shared: shared.clone(), engine: engine.clone() };
        let config = shared.settings.load().config.clone();
        switching.use_admission(&config.admission, "start".to_owned())?;
        switching.use_freshness(&config.freshness.rules, "start".to_owned())?;
        let monitors = monitors::prepare(&shared, &engine, &shared.settings.load().config.monitors)?;
        monitors::attach(&shared, monitors)?;
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
        let modules = Modules::new(engine.clone(), clock);
        let watcher = folder.map(|folder| Watcher::start(folder, modules)).transpose();
        let watcher = watcher.map_err(StartError::Thread)?;
        Ok(Self {
            shared,
            engine,
            phase,
            workers,
            log,
            _metrics: metrics,
            _admin: admin,
            _watcher: watcher,
            ready,
        })
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
        self.shared.monitors.shutdown();
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

/// The library, with what is in the directory of modules: the policy at the start may be one of them.
fn open_modules(config: &Config, clock: Clock) -> Result<(Arc<Library>, Option<Folder>), StartError> {
    let config::Modules { directory, code_cache, .. } = &config.modules;
    let code = code_cache.as_deref().map(CodeCache::open).transpose()?;
    let library = Arc::new(Library::new(Metering::Deadline, code).timed_by(clock::nanoseconds));
    let reproducers = faults::Folder::open(config.modules.reproducers.as_deref())?;
    if let Some(news) = library.take_news() {
        faults::watch(library.ledger(), news, reproducers).map_err(StartError::Thread)?;
    }
    let Some(path) = directory else { return Ok((library, None)) };
    let failed = |source| StartError::Modules { path: path.clone(), source };
    // Modules are known by whole paths: operators name them from anywhere.
    let mut folder = Folder::new(&std::path::absolute(path).map_err(failed)?);
    folder.load(&library, clock.wall()).map_err(failed)?;
    Ok((library, Some(folder)))
}

fn start_engine(shared: &Arc<Shared>, library: Arc<Library>) -> Result<Engine, StartError> {
    let settings = shared.settings.load();
    let counting = shared.clone();
    let surroundings = Surroundings {
        clock: shared.clock,
        capacity: settings.config.memory.0,
        traffic: Box::new(move || traffic(&counting.metrics)),
        policies: cnn_policies::registry(),
        library,
    };
    Ok(Engine::start(shared.repository.board().clone(), &settings.config.policy, surroundings)?)
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

fn open_log(config: &Config, workers: usize) -> Result<AccessLog, StartError> {
    let settings = log_settings(config);
    let warn = |message: &str| report::warning(format_args!("{message}"));
    AccessLog::start(&config.access_log, settings, workers, warn)
        .map_err(|source| StartError::Log { target: config.access_log.to_string(), source })
}

fn log_settings(config: &Config) -> LogSettings {
    LogSettings { format: config.access_log_format, strip_query_terms: config.strip_query_terms }
}
