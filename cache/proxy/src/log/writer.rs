//! From the workers' buffers to the disk.
//!
//! ```text
//! worker: format into own buffer --64 KiB--> wake --.
//!                                                   v
//! writer thread: every 250 ms, or woken: swap each buffer for an empty one, merge them by time, write them out
//! ```
//!
//! A worker's buffer is behind a lock that only the writer shares, for the length of a swap. When the disk is slower than
//! the requests, a buffer fills up to its limit; lines that find it full are lost, never a request delayed. The loss is
//! counted and reported.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::lines::{Lines, merge};
use super::sink::Sink;
use super::text::{without_query, without_user_info};
use super::{AccessRecord, LogFormat, LogTarget, combined, json, squid};

/// Sizes and times of the log.
mod limits {
    use std::time::Duration;

    /// Between two turns of the writer; a line is on its way to the disk no later than this.
    pub(super) const TURN: Duration = Duration::from_millis(250);
    /// Bytes in a buffer at which the writer is woken early: enough lines to make a write worth while.
    pub(super) const WAKE_BYTES: usize = 64 << 10;
    /// Bytes that all buffers together may hold while the disk is slow: seconds of a busy proxy.
    pub(super) const WAITING_BYTES_MAX: usize = 16 << 20;
    /// The least of that for one worker.
    pub(super) const WORKER_BYTES_MIN: usize = 256 << 10;
}

/// What can be changed while the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The format of lines.
    pub format: LogFormat,
    /// Whether URLs lose what follows their question mark.
    pub strip_query_terms: bool,
}

/// The log of a running proxy and the thread that writes it.
pub struct AccessLog {
    shared: Arc<Shared>,
    ended: mpsc::Receiver<()>,
}

/// A worker's end of the log.
#[derive(Clone)]
pub struct WorkerLog {
    shared: Arc<Shared>,
    worker: usize,
}

struct Shared {
    buffers: Box<[Buffer]>,
    buffer_bytes_max: usize,
    /// Whether lines go anywhere.
    on: AtomicBool,
    /// The settings as one byte, see [`LogSettings::to_byte`].
    settings: AtomicU8,
    lost: AtomicU64,
    /// What the writer is to do; its lock is held for moments only.
    orders: Mutex<Orders>,
    wake: Condvar,
}

/// Lines of one worker, on cache lines of their own: workers do not disturb each other.
#[repr(align(128))]
#[derive(Default)]
struct Buffer(Mutex<Lines>);

#[derive(Default)]
struct Orders {
    hurry: bool,
    stop: bool,
    /// The log to go on with.
    reopened: Option<Option<Sink>>,
}

impl AccessLog {
    /// Opens the log and starts its writer. `warn` is told, in a sentence, when lines are lost and when that is over.
    pub fn start(
        target: &LogTarget,
        settings: LogSettings,
        workers: usize,
        warn: impl Fn(&str) + Send + 'static,
    ) -> io::Result<Self> {
        let sink = Sink::open(target)?;
        let shared = Arc::new(Shared {
            buffers: (0..workers).map(|_| Buffer::default()).collect(),
            buffer_bytes_max: (limits::WAITING_BYTES_MAX / workers.max(1)).max(limits::WORKER_BYTES_MIN),
            on: AtomicBool::new(sink.is_some()),
            settings: AtomicU8::new(settings.to_byte()),
            lost: AtomicU64::new(0),
            orders: Mutex::default(),
            wake: Condvar::new(),
        });
        let (end, ended) = mpsc::channel();
        let taken = (0..workers).map(|_| Lines::default()).collect();
        let writer = Writer { shared: Arc::clone(&shared), sink, taken, lost_told: 0, lost_seen: 0 };
        thread::Builder::new().name("cnn-log".to_owned()).spawn(move || {
            writer.run(&warn);
            // Nobody waits any more when the receiver is gone.
            let _ = end.send(());
        })?;
        Ok(Self { shared, ended })
    }

    /// The end of the log for a worker, counted from 0. Two ends of the same number share a buffer.
    ///
    /// # Panics
    /// When there is no such worker: the number of workers is fixed at the start.
    pub fn worker(&self, worker: usize) -> WorkerLog {
        assert!(worker < self.shared.buffers.len(), "no worker {worker}");
        WorkerLog { shared: Arc::clone(&self.shared), worker }
    }

    /// Opens the log anew, as after `logrotate`, or elsewhere. What was logged before goes to the old one. When it cannot
    /// be opened the old one stays in use.
    pub fn reopen(&self, target: &LogTarget, settings: LogSettings) -> io::Result<()> {
        let sink = Sink::open(target)?;
        self.shared.settings.store(settings.to_byte(), Relaxed);
        self.shared.on.store(sink.is_some(), Relaxed);
        self.shared.order(|orders| orders.reopened = Some(sink));
        Ok(())
    }

    /// Lines that were lost, because the disk was slow, full or gone.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Relaxed)
    }

    /// Writes out what is waiting and ends. Waits no longer than told: a log that cannot be written must not keep the
    /// proxy from ending. Whether everything was written out.
    pub fn close(&self, wait: Duration) -> bool {
        self.shared.order(|orders| orders.stop = true);
        self.ended.recv_timeout(wait).is_ok()
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.shared.order(|orders| orders.stop = true);
    }
}

impl WorkerLog {
    /// Whether there is a log at all; when not, a record need not be put together.
    pub fn is_on(&self) -> bool {
        self.shared.on.load(Relaxed)
    }

    /// Logs a request. Never waits for the disk.
    pub fn write(&self, record: &AccessRecord<'_>) {
        let shared = &*self.shared;
        if !self.is_on() {
            return;
        }
        let settings = LogSettings::from_byte(shared.settings.load(Relaxed));
        let mut lines = shared.buffers[self.worker].0.lock();
        let before = lines.bytes();
        if before >= shared.buffer_bytes_max {
            shared.lost.fetch_add(1, Relaxed);
            return;
        }
        lines.push(record.completed_ms, |line| settings.write(line, record));
        let after = lines.bytes();
        drop(lines);
        if before < limits::WAKE_BYTES && after >= limits::WAKE_BYTES {
            shared.order(|orders| orders.hurry = true);
        }
    }
}

impl Shared {
    fn order(&self, give: impl FnOnce(&mut Orders)) {
        give(&mut self.orders.lock());
        self.wake.notify_one();
    }
}

impl LogSettings {
    fn write(self, lines: &mut Vec<u8>, record: &AccessRecord<'_>) {
        let url = without_user_info(record.url);
        let url = if self.strip_query_terms { without_query(&url) } else { &url };
        let record = &AccessRecord { url, ..*record };
        match self.format {
            LogFormat::Squid => squid::write(lines, record),
            LogFormat::Combined => combined::write(lines, record),
            LogFormat::Json => json::write(lines, record),
        }
    }

    const fn to_byte(self) -> u8 {
        (self.format as u8) << 1 | self.strip_query_terms as u8
    }

    const fn from_byte(byte: u8) -> Self {
        let format = match byte >> 1 {
            0 => LogFormat::Squid,
            1 => LogFormat::Combined,
            _ => LogFormat::Json,
        };
        Self { format, strip_query_terms: byte & 1 == 1 }
    }
}

struct Writer {
    shared: Arc<Shared>,
    sink: Option<Sink>,
    /// What was taken from each worker; empty, and swapped in, at the next turn.
    taken: Box<[Lines]>,
    /// Lines lost that were reported.
    lost_told: u64,
    /// Lines lost at the last turn.
    lost_seen: u64,
}

impl Writer {
    fn run(mut self, warn: &dyn Fn(&str)) {
        loop {
            let (stop, reopened) = self.wait();
            self.write_out(warn);
            if let Some(sink) = reopened {
                self.sink = sink;
                self.write_out(warn);
            }
            self.report_loss(warn);
            if stop {
                return;
            }
        }
    }

    fn wait(&self) -> (bool, Option<Option<Sink>>) {
        let mut orders = self.shared.orders.lock();
        if !orders.hurry && !orders.stop && orders.reopened.is_none() {
            self.shared.wake.wait_for(&mut orders, limits::TURN);
        }
        orders.hurry = false;
        (orders.stop, orders.reopened.take())
    }

    fn write_out(&mut self, warn: &dyn Fn(&str)) {
        // Lines without a log wait for the one that is just being opened.
        let Some(sink) = &mut self.sink else { return };
        // All are taken before any is written, so that lines of this turn are older than those of the next.
        for (buffer, taken) in self.shared.buffers.iter().zip(&mut self.taken) {
            std::mem::swap(&mut *buffer.0.lock(), taken);
        }
        merge(&self.taken, |lines| {
            self.shared.lost.fetch_add(sink.write(lines, warn), Relaxed);
        });
        self.taken.iter_mut().for_each(Lines::clear);
    }

    /// Tells of lost lines once they have stopped being lost.
    fn report_loss(&mut self, warn: &dyn Fn(&str)) {
        let lost = self.shared.lost.load(Relaxed);
        if lost != self.lost_seen {
            self.lost_seen = lost;
        } else if lost != self.lost_told {
            warn(&format!(
                "{} lines of the access log were lost: it could not be written fast enough",
                lost - self.lost_told
            ));
            self.lost_told = lost;
        }
    }
}

#[cfg(test)]
mod tests;
