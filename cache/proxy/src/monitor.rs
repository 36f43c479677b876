//! Monitors of a running proxy: attached and detached while it serves, each on a thread of its own, fed by a stream of
//! records that the workers mirror ([`stream`](self)), so that a slow or hostile one loses records (counted) and nothing
//! else. With none attached a request costs one relaxed load.
//!
//! What they publish is read from here by whoever wants it: the page of metrics, the admin socket, and, by name,
//! whoever decides by it ([`Monitors::signal`]).

pub mod limits;
mod runner;
mod stream;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

use arc_swap::ArcSwap;
use cnn_core::monitor::{Metrics, Records, Value};
use cnn_core::time::UnixSecs;
use cnn_modules::{BuiltMonitor, Health, Report};
use parking_lot::{Condvar, Mutex};
use thiserror::Error;

use self::limits::{END_WAIT, FRESH_WAIT, MONITORS_MAX};
use self::runner::Runner;
use self::stream::Tap;
use crate::clock::Clock;

pub(crate) use self::stream::{Stream, WorkerStream};

/// Why a monitor is not attached.
#[derive(Debug, Error)]
pub enum AttachError {
    /// One of this name is.
    #[error("a monitor called {0} is attached already")]
    Attached(String),
    /// There are as many as there may be.
    #[error("{MONITORS_MAX} monitors are attached, which is as many as there may be")]
    TooMany,
    /// Prometheus could not tell the two apart.
    #[error("its metric {metric} is a {shape}, and that of the monitor {other}, which is attached, is not")]
    Clash {
        /// The metric.
        metric: String,
        /// What it is here.
        shape: &'static str,
        /// Who has it as something else.
        other: String,
    },
    /// The system gives no thread.
    #[error("cannot start the monitor's thread: {0}")]
    Thread(#[source] io::Error),
}

/// No monitor of this name is attached.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no monitor called {0} is attached")]
pub struct NotAttached(pub String);

/// What a monitor is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It is told of every request.
    #[default]
    Running,
    /// It is told of nothing any more, and this is why.
    Quarantined(String),
}

/// The monitors that are attached. Handles share them.
#[derive(Clone)]
pub struct Monitors(Arc<Inner>);

struct Inner {
    stream: Arc<Stream>,
    clock: Clock,
    workers: usize,
    /// Guards which there are; held to look or change, never while one is built or waited for.
    attached: Mutex<Vec<Arc<Attached>>>,
}

/// One that is attached.
pub struct Attached {
    name: String,
    spec: String,
    summary: String,
    by: String,
    at: UnixSecs,
    stream: Arc<Stream>,
    tap: Arc<Tap>,
    seen: AtomicU64,
    busy_ns: AtomicU64,
    health: Option<Arc<Health>>,
    published: ArcSwap<Metrics>,
    is_ending: AtomicBool,
    /// Guards what it is doing; held for moments.
    state: Mutex<State>,
    /// How often its values were asked for.
    asked: AtomicU64,
    /// Guards the number of the last question that a turn begun after it has answered.
    answered: Mutex<u64>,
    answer: Condvar,
}

/// What one has come to.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// What it was attached as: a file, or the name of a module.
    pub spec: String,
    /// What it says of itself.
    pub summary: String,
    /// Who attached it.
    pub by: String,
    /// When.
    pub at: UnixSecs,
    /// What it is doing.
    pub state: State,
    /// Requests it was told of.
    pub seen: u64,
    /// Requests it was not told of because it was too slow.
    pub lost: u64,
    /// Nanoseconds its thread was at work.
    pub busy_ns: u64,
    /// Calls and faults of its module.
    pub health: Report,
    /// What it has published.
    pub metrics: Arc<Metrics>,
}

impl Monitors {
    /// None attached yet, for that many workers.
    pub fn new(clock: Clock, workers: usize) -> Self {
        let stream = Arc::default();
        Self(Arc::new(Inner { stream, clock, workers, attached: Mutex::default() }))
    }

    /// The end of the stream for a worker, counted from 0.
    pub(crate) fn worker(&self, worker: usize) -> WorkerStream {
        self.0.stream.worker(worker)
    }

    /// Attaches a monitor: it is told of every request that is over from now on. `spec` is what it was made of, `by` who
    /// wants it.
    ///
    /// # Errors
    /// When one of its name is attached, there are too many, its metrics clash with another's, or there is no thread.
    pub fn attach(&self, built: BuiltMonitor, spec: &str, by: &str) -> Result<Account, AttachError> {
        let inner = &*self.0;
        let mut all = inner.attached.lock();
        check(&all, &built)?;
        let BuiltMonitor { name, summary, monitor, health } = built;
        let attached = Arc::new(Attached {
            name,
            spec: spec.to_owned(),
            summary,
            by: by.to_owned(),
            at: inner.clock.wall(),
            stream: Arc::clone(&inner.stream),
            tap: Tap::new(inner.workers),
            seen: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
            health,
            published: ArcSwap::from_pointee(monitor.metrics()),
            is_ending: AtomicBool::new(false),
            state: Mutex::new(State::Running),
            asked: AtomicU64::new(0),
            answered: Mutex::new(0),
            answer: Condvar::new(),
        });
        let runner = Runner {
            attached: Arc::clone(&attached),
            monitor,
            clock: inner.clock,
            taken: (0..inner.workers).map(|_| Records::default()).collect(),
            merged: Records::default(),
            ticked: inner.clock.now(),
        };
        let thread = thread::Builder::new().name(format!("cnn-monitor-{}", attached.name));
        let handle = thread.spawn(move || runner.run()).map_err(AttachError::Thread)?;
        attached.tap.belongs_to(handle.thread().clone());
        inner.stream.add(&attached.tap);
        all.push(Arc::clone(&attached));
        Ok(attached.account())
    }

    /// Whether a monitor could be attached now.
    ///
    /// # Errors
    /// When not, and why.
    pub fn check(&self, built: &BuiltMonitor) -> Result<(), AttachError> {
        check(&self.0.attached.lock(), built)
    }

    /// Detaches one: what it published is gone. Says what it had come to.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn detach(&self, name: &str) -> Result<Account, NotAttached> {
        let mut all = self.0.attached.lock();
        let at = all.iter().position(|it| it.name == name).ok_or_else(|| NotAttached(name.to_owned()))?;
        let attached = all.remove(at);
        drop(all);
        let account = attached.account();
        attached.end();
        Ok(account)
    }

    /// All of them, with what they have published, in the order in which they were attached.
    pub fn list(&self) -> Vec<Account> {
        self.0.attached.lock().iter().map(|attached| attached.account()).collect()
    }

    /// One of them, after everything that it was told by now has been counted; or, if that takes it too long, with what
    /// it published last.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn show(&self, name: &str) -> Result<Account, NotAttached> {
        let found = self.0.attached.lock().iter().find(|it| it.name == name).cloned();
        let attached = found.ok_or_else(|| NotAttached(name.to_owned()))?;
        attached.refresh();
        Ok(attached.account())
    }

    /// The value of one series as it was published last, at most a turn ago: what decisions are made by. Labels are in
    /// the order in which the monitor declares them. None when there is no such monitor, metric or series.
    pub fn signal(&self, monitor: &str, metric: &str, labels: &[&str]) -> Option<Value> {
        let found = self.0.attached.lock().iter().find(|it| it.name == monitor).cloned()?;
        found.published.load().value(metric, labels).cloned()
    }

    /// Detaches all of them.
    pub fn shutdown(&self) {
        let all = std::mem::take(&mut *self.0.attached.lock());
        all.iter().for_each(|attached| attached.end());
    }
}

/// Whether a monitor can be attached beside these.
fn check(all: &[Arc<Attached>], built: &BuiltMonitor) -> Result<(), AttachError> {
    if all.iter().any(|attached| attached.name == built.name) {
        return Err(AttachError::Attached(built.name.clone()));
    }
    if all.len() >= MONITORS_MAX {
        return Err(AttachError::TooMany);
    }
    let metrics = built.monitor.metrics();
    for declared in metrics.families().iter().map(|family| family.declared()) {
        for other in all {
            let published = other.published.load();
            let same = published.families().iter().find(|it| it.declared().name == declared.name);
            if same.is_some_and(|same| same.declared().shape != declared.shape) {
                let (metric, shape) = (declared.name.clone(), declared.shape.as_str());
                return Err(AttachError::Clash { metric, shape, other: other.name.clone() });
            }
        }
    }
    Ok(())
}

impl Attached {
    fn health(&self) -> Report {
        self.health.as_ref().map(|health| health.report()).unwrap_or_default()
    }

    fn publish(&self, metrics: Metrics) {
        self.published.store(Arc::new(metrics));
    }

    fn account(&self) -> Account {
        Account {
            name: self.name.clone(),
            spec: self.spec.clone(),
            summary: self.summary.clone(),
            by: self.by.clone(),
            at: self.at,
            state: self.state.lock().clone(),
            seen: self.seen.load(Relaxed),
            lost: self.tap.lost(),
            busy_ns: self.busy_ns.load(Relaxed),
            health: self.health(),
            metrics: self.published.load_full(),
        }
    }

    /// Waits for a turn that begins from now on.
    fn refresh(&self) {
        let question = self.asked.fetch_add(1, Relaxed) + 1;
        self.tap.wake();
        let mut answered = self.answered.lock();
        self.answer.wait_while_for(&mut answered, |answered| *answered < question, FRESH_WAIT);
    }

    /// A turn that began when this many questions had been asked is over.
    fn answered(&self, question: u64) {
        *self.answered.lock() = question;
        self.answer.notify_all();
    }

    /// Stops filling it, and waits a while until its thread has noticed.
    fn end(&self) {
        self.stream.remove(&self.tap);
        self.is_ending.store(true, Relaxed);
        self.tap.wake();
        let mut answered = self.answered.lock();
        self.answer.wait_while_for(&mut answered, |answered| *answered < u64::MAX, END_WAIT);
    }
}

#[cfg(test)]
mod tests;
