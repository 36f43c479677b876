//! A worker: one thread with one event loop, its own listening sockets, its own idle origin connections and its own
//! log buffer. A connection lives and dies on the worker that accepted it; what workers share is in [`Shared`].

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::drain::DrainBell;
use crate::limits::{ACCEPT_BACK_OFF, BREAK_OFF_MAX};
use crate::log::WorkerLog;
use crate::metrics::WorkerMetrics;
use crate::monitor::WorkerStream;
use crate::origin::{Happening, Origins};
use crate::report;
use crate::serve;
use crate::server::{Phase, Shared};

/// What the connections of one worker have in common.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    /// Number of this worker, from 0: names its hit ring, counters and log buffer.
    pub(crate) index: usize,
    phase: watch::Receiver<Phase>,
    /// Rung when the worker drains.
    pub(crate) drain: DrainBell,
    pub(crate) log: WorkerLog,
    /// Where records of requests go, if anybody monitors them.
    pub(crate) monitors: WorkerStream,
    pub(crate) origins: Rc<Origins>,
}

/// Runs a worker until the server has drained: the body of its thread.
pub(crate) fn run(
    shared: Arc<Shared>,
    index: usize,
    phase: watch::Receiver<Phase>,
    log: WorkerLog,
    sockets: Vec<TcpListener>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("an event loop needs a few descriptors, and the listening sockets were just had");
    LocalSet::new().block_on(&runtime, async move {
        let origins = origins(&shared, index);
        let monitors = shared.monitors.worker(index);
        tokio::task::spawn_local(origins.clone().tend());
        let worker =
            Rc::new(Worker { shared, index, phase, drain: DrainBell::default(), log, monitors, origins });
        let accepting: Vec<_> = sockets
            .into_iter()
            .map(|socket| tokio::task::spawn_local(accept(worker.clone(), socket)))
            .collect();
        for task in accepting {
            // An accept loop ends when the server drains; it has no result to look at.
            let _ = task.await;
        }
        worker.drain.ring();
        drained(&worker).await;
        // What is still going on is broken off, and its log lines are written. A second is time enough to be told.
        let _ = tokio::time::timeout(BREAK_OFF_MAX, worker.drain.end()).await;
    });
}

/// The way to origins, past the access rules in force at each connection, and counted.
fn origins(shared: &Arc<Shared>, index: usize) -> Rc<Origins> {
    let rules = shared.clone();
    let check = Box::new(move |address: SocketAddr| {
        let settings = rules.settings.load();
        match settings.config.reverse {
            None => settings.access.destination(address),
            Some(_) => settings.access.chosen_origin(address),
        }
    });
    let counting = shared.clone();
    let witness = Box::new(move |happening| {
        let metrics = counting.metrics.worker(index);
        match happening {
            Happening::Connected => metrics.origin_connections_opened.increment(),
            Happening::Exchanged(report) => {
                metrics.origin_requests.increment();
                metrics.origin_connections_reused.add(u64::from(report.is_reused));
                metrics.origin_received_bytes.add(report.bytes_in);
                metrics.origin_sent_bytes.add(report.bytes_out);
            }
            Happening::Failed(reason) => counting.metrics.origin_errors.increment(reason),
        }
    });
    Origins::new(shared.resolver.clone(), check, shared.settings.load().origin, witness)
}

/// Waits until the connections are gone, the deadline for draining has passed, or the server stops at once.
async fn drained(worker: &Worker) {
    let mut phase = worker.phase.clone();
    let patience: Duration = worker.shared.settings.load().config.deadlines.drain.0;
    tokio::select! {
        () = worker.shared.connections_gone() => {}
        () = tokio::time::sleep(patience) => {}
        _ = phase.wait_for(|phase| *phase == Phase::Stop) => {}
    }
}

async fn accept(worker: Rc<Worker>, socket: TcpListener) {
    let listener = match tokio::net::TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => {
            return report::error(format_args!("worker {} cannot use its socket: {error}", worker.index));
        }
    };
    let mut phase = worker.phase.clone();
    let mut is_short = false;
    loop {
        tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase != Phase::Serve) => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    is_short = false;
                    serve_or_close(&worker, stream, peer);
                }
                // Out of descriptors or memory. Those in use will be freed; accepting again at once would only spin.
                Err(error) => {
                    // Said once each time it begins: it would be said twenty times a second, where the disk may be short too.
                    if !core::mem::replace(&mut is_short, true) {
                        report::warning(format_args!("cannot accept connections: {error}"));
                    }
                    tokio::time::sleep(ACCEPT_BACK_OFF).await;
                }
            },
        }
    }
}

/// Serves a connection, unless there are as many as are allowed.
fn serve_or_close(worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
    let most = worker.shared.settings.load().config.limits.connections;
    let Some(open) = worker.shared.open_connection(most) else {
        return;
    };
    let worker = worker.clone();
    worker.metrics().connections_opened.increment();
    tokio::task::spawn_local(async move {
        serve::connection(worker.clone(), stream, peer).await;
        worker.metrics().connections_closed.increment();
        drop(open);
    });
}

impl Worker {
    /// What this worker counts.
    pub(crate) fn metrics(&self) -> &WorkerMetrics {
        self.shared.metrics.worker(self.index)
    }
}
