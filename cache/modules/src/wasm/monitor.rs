//! A wasm monitor: requests in batches in the guest's memory, and the four functions by which it publishes. What it
//! publishes is the host's from then on; what it does wrong in doing so ends the call, as a trap does.

use cnn_abi::{BATCH_REQUESTS_MAX, REQUEST_BYTES, TEXT_BYTES_MAX};
use cnn_core::limits::{MONITOR_LABEL_BYTES_MAX, MONITOR_LABELS_MAX};
use cnn_core::monitor::{Metrics, Moment, Monitor, PublishError, Records, Request, Seen};
use cnn_core::time::Tick;
use wasmtime::{Caller, Extern, Linker};

use super::guest::{Function, Guest, Held, InstantiateError, Room};
use super::table::IMPORTED_FROM;

/// What an instance publishes.
pub(crate) struct Publisher {
    metrics: Metrics,
    /// Values of labels for the next publication.
    labels: Vec<String>,
}

impl Publisher {
    pub(crate) const fn new(metrics: Metrics) -> Self {
        Self { metrics, labels: Vec::new() }
    }

    fn publish(
        &mut self,
        publish: impl FnOnce(&mut Metrics, &[&str]) -> Result<(), PublishError>,
    ) -> Result<(), PublishError> {
        let labels: Vec<_> = self.labels.iter().map(String::as_str).collect();
        let published = publish(&mut self.metrics, &labels);
        self.labels.clear();
        published
    }
}

/// Makes what a monitor may import known.
pub(crate) fn link(linker: &mut Linker<Held>) -> wasmtime::Result<()> {
    linker.func_wrap(IMPORTED_FROM, "label", label)?;
    linker.func_wrap(IMPORTED_FROM, "count", |caller: Caller<'_, Held>, number: u32, value: f64| {
        publish(caller, |metrics, labels| metrics.count(number as usize, labels, value))
    })?;
    linker.func_wrap(IMPORTED_FROM, "gauge", |caller: Caller<'_, Held>, number: u32, value: f64| {
        publish(caller, |metrics, labels| metrics.gauge(number as usize, labels, value))
    })?;
    linker.func_wrap(IMPORTED_FROM, "observe", |caller: Caller<'_, Held>, number: u32, value: f64| {
        publish(caller, |metrics, labels| metrics.observe(number as usize, labels, value, 1))
    })?;
    Ok(())
}

/// Takes the value of a label from the guest's memory, cut to what a label may have.
fn label(mut caller: Caller<'_, Held>, address: u32, bytes: u32) -> wasmtime::Result<()> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(wasmtime::Error::msg("label: there is no memory"));
    };
    let (data, held) = memory.data_and_store_mut(&mut caller);
    let end = (address as usize).checked_add((bytes as usize).min(MONITOR_LABEL_BYTES_MAX));
    let Some(text) = end.and_then(|end| data.get(address as usize..end)) else {
        return Err(wasmtime::Error::msg("label: the text is outside the memory"));
    };
    let publisher = publisher(held)?;
    if publisher.labels.len() == MONITOR_LABELS_MAX {
        return Err(wasmtime::Error::msg("label: more labels than a metric may have"));
    }
    publisher.labels.push(String::from_utf8_lossy(text).into_owned());
    Ok(())
}

fn publish(
    mut caller: Caller<'_, Held>,
    publish: impl FnOnce(&mut Metrics, &[&str]) -> Result<(), PublishError>,
) -> wasmtime::Result<()> {
    publisher(caller.data_mut())?.publish(publish).map_err(wasmtime::Error::from)
}

fn publisher(held: &mut Held) -> wasmtime::Result<&mut Publisher> {
    held.publisher.as_mut().ok_or_else(|| wasmtime::Error::msg("only a monitor publishes"))
}

/// The monitor.
pub(crate) struct Watcher {
    guest: Guest,
    requests: Room,
    text: Option<Room>,
    on_requests: Function<(u32, u64), ()>,
    on_tick: Option<Function<(u64, u64), ()>>,
    /// A batch on its way to the guest: records, and their texts.
    rows: Vec<u8>,
    texts: Vec<u8>,
}

impl Watcher {
    pub(crate) fn new(mut guest: Guest) -> Result<Self, InstantiateError> {
        let has_text = guest.function_if_any::<(), u32>("text").is_some();
        Ok(Self {
            requests: guest.room("requests", 8, BATCH_REQUESTS_MAX * REQUEST_BYTES)?,
            text: has_text.then(|| guest.room("text", 1, TEXT_BYTES_MAX)).transpose()?,
            on_requests: guest.function("on_requests")?,
            on_tick: guest.function_if_any("on_tick"),
            guest,
            rows: Vec::new(),
            texts: Vec::new(),
        })
    }

    fn encode<'a>(&mut self, batch: impl Iterator<Item = Seen<'a>>) -> u64 {
        self.rows.clear();
        self.texts.clear();
        let mut time = 0;
        for Seen { request, host, path } in batch {
            let host_at = self.texts.len() as u32;
            if self.text.is_some() {
                self.texts.extend_from_slice(host.as_bytes());
                self.texts.extend_from_slice(path.as_bytes());
            }
            let path_at = host_at + host.len() as u32;
            let request = match self.text {
                Some(_) => Request { host_at, path_at, ..*request },
                None => Request { host_at: 0, host_len: 0, path_at: 0, path_len: 0, ..*request },
            };
            self.rows.extend_from_slice(&request_bytes(&request));
            time = time.max(request.time);
        }
        time
    }
}

impl Monitor for Watcher {
    /// A batch that the guest fails over is lost to it, whole.
    fn observe(&mut self, records: &Records) {
        for batch in records.batches(BATCH_REQUESTS_MAX) {
            let count = batch.len() as u32;
            let time = self.encode(batch);
            self.guest.set_now(Tick(time));
            self.guest.write(self.requests, &self.rows);
            if let Some(text) = self.text {
                self.guest.write(text, &self.texts);
            }
            self.guest.call(&self.on_requests, (count, time));
        }
    }

    fn tick(&mut self, moment: Moment) {
        self.guest.set_now(moment.now);
        if let Some(on_tick) = &self.on_tick {
            self.guest.call(on_tick, (moment.now.0, moment.elapsed_us));
        }
        self.guest.memory_bytes();
    }

    fn metrics(&self) -> Metrics {
        let publisher = self.guest.held().publisher.as_ref();
        publisher.map_or_else(|| Metrics::new([]), |publisher| publisher.metrics.clone())
    }

    fn is_fit(&self) -> bool {
        self.guest.is_fit()
    }
}

/// A request as the contract lays it out.
fn request_bytes(request: &Request) -> [u8; REQUEST_BYTES] {
    let mut bytes = [0; REQUEST_BYTES];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &request.time.to_le_bytes());
    put(8, &request.key.to_le_bytes());
    put(16, &request.sent_bytes.to_le_bytes());
    put(24, &request.origin_bytes.to_le_bytes());
    put(32, &request.total_us.to_le_bytes());
    put(36, &request.ttfb_us.to_le_bytes());
    put(40, &request.origin_us.to_le_bytes());
    put(44, &request.origin_ttfb_us.to_le_bytes());
    put(48, &request.origin.to_le_bytes());
    put(52, &request.host_at.to_le_bytes());
    put(56, &request.path_at.to_le_bytes());
    put(60, &request.path_len.to_le_bytes());
    put(62, &request.status.to_le_bytes());
    put(64, &[request.host_len, request.served, request.verb, request.mime, request.flags]);
    bytes
}
