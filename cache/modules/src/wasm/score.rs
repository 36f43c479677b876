//! A wasm policy that scores documents at the moment of an eviction, as the engine sees it.

use std::cell::RefCell;

use cnn_abi::{BATCH_EVENTS_MAX, COLUMNS_BYTES, EVENT_BYTES, SCORES_MAX};
use cnn_core::policy::{Context, Document, Event, ScorePolicy, Slot};
use cnn_core::time::Tick;

use super::guest::{Batch, Function, Guest, InstantiateError, Room};
use crate::fault::Fault;
use crate::journal::Called;
use crate::manifest::EventTime;

/// The policy.
// In a cell because the engine asks for a score through `&self`; there is one thread, and no call back into it.
pub(crate) struct Score(RefCell<Inner>);

struct Inner {
    guest: Guest,
    documents: Room,
    values: Room,
    scores: Function<(u32, u64), ()>,
    listens: Option<Listening>,
}

/// What it takes to tell a policy of events.
struct Listening {
    batch: Batch,
    time: Tick,
    event_time: EventTime,
    events: Room,
    on_events: Function<(u32, u64), ()>,
}

impl Score {
    pub(crate) fn new(mut guest: Guest, event_time: EventTime) -> Result<Self, InstantiateError> {
        let listens = match guest.function_if_any("on_events") {
            None => None,
            Some(on_events) => Some(Listening {
                batch: Batch::new(),
                time: Tick::default(),
                event_time,
                events: guest.room("events", 8, BATCH_EVENTS_MAX * EVENT_BYTES)?,
                on_events,
            }),
        };
        Ok(Self(RefCell::new(Inner {
            documents: guest.room("documents", 8, SCORES_MAX * COLUMNS_BYTES)?,
            values: guest.room("values", 8, SCORES_MAX * size_of::<f64>())?,
            scores: guest.function("scores")?,
            listens,
            guest,
        })))
    }
}

impl Inner {
    fn tell(&mut self, now: Tick, event: &Event) {
        let Some(listens) = &self.listens else { return };
        if listens.batch.is_full() || listens.event_time == EventTime::Exact && now != listens.time {
            self.flush();
        }
        if let Some(listens) = &mut self.listens {
            listens.time = now;
            listens.batch.push(event);
        }
    }

    fn flush(&mut self) {
        let Some(listens) = &mut self.listens else { return };
        if listens.batch.len() > 0 {
            let events = listens.batch.as_bytes();
            self.guest.note(Called::OnEvents, [&listens.time.0.to_le_bytes(), events]);
            self.guest.write(listens.events, events);
            self.guest.call(&listens.on_events, (listens.batch.len() as u32, listens.time.0));
            listens.batch.clear();
        }
    }

    fn score(&mut self, now: Tick, slot: Slot, document: &Document) -> Option<f64> {
        self.guest.set_now(now);
        self.flush();
        let bytes = columns_bytes(slot, document);
        self.guest.note(Called::Scores, [&now.0.to_le_bytes(), &bytes]);
        self.guest.write(self.documents, &bytes);
        self.guest.call(&self.scores, (1, now.0))?;
        let value = self.guest.read(self.values, size_of::<f64>()).first_chunk();
        let score = value.map(|&value| f64::from_le_bytes(value))?;
        if !score.is_finite() {
            self.guest.fault(Fault::not_finite(self.scores.name(), score));
            return None;
        }
        Some(score)
    }
}

impl ScorePolicy for Score {
    /// Without an answer the longest unused scores lowest, as for the engine's own fallback.
    fn score(&self, context: &Context<'_>, slot: Slot, document: &Document) -> f64 {
        let score = self.0.borrow_mut().score(context.now, slot, document);
        score.unwrap_or_else(|| -(context.now.since(document.last_used) as f64))
    }

    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        self.0.get_mut().tell(context.now, event);
    }

    fn state_bytes(&self) -> usize {
        self.0.borrow().guest.memory_bytes()
    }

    fn state(&self) -> Option<Vec<u8>> {
        let inner = &mut *self.0.borrow_mut();
        inner.flush();
        inner.guest.export_state()
    }

    fn is_fit(&self) -> bool {
        self.0.borrow().guest.is_fit()
    }
}

/// A document as the contract lays it out.
pub(super) fn columns_bytes(slot: Slot, document: &Document) -> [u8; COLUMNS_BYTES] {
    let mut bytes = [0; COLUMNS_BYTES];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &slot.to_le_bytes());
    put(4, &[document.mime as u8]);
    put(8, &document.hash.to_le_bytes());
    put(16, &document.size.to_le_bytes());
    put(24, &document.created.0.to_le_bytes());
    put(32, &document.last_used.0.to_le_bytes());
    put(40, &document.fresh_until.0.to_le_bytes());
    put(48, &document.uses.to_le_bytes());
    put(52, &document.ttfb_us.to_le_bytes());
    put(56, &document.fetch_us.to_le_bytes());
    put(60, &document.origin.to_le_bytes());
    put(64, &document.path_class.to_le_bytes());
    put(66, &document.status.to_le_bytes());
    bytes
}
