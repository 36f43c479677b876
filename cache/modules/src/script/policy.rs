//! A script as the engine sees it: asked for a key on each event, or for a score of each document of a sample.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cnn_core::policy::{Context, Document, Event, KeyPolicy, ScorePolicy, Slot};

use super::document::{self, Clock, Doc};
use super::{Program, engine};
use crate::Health;
use crate::fault::{Fault, FaultKind};
use crate::limits::TRAPS_MAX;
use crate::reproducer::{Asked, Inputs};

/// The policy.
pub(crate) struct Scripted {
    program: Arc<Program>,
    health: Arc<Health>,
    /// Set when it failed too often; one thread writes.
    is_silenced: AtomicBool,
    /// The highest key evicted so far.
    aging: f64,
}

impl Scripted {
    pub(super) fn new(program: Arc<Program>, health: Arc<Health>) -> Self {
        Self { program, health, is_silenced: AtomicBool::new(false), aging: 0.0 }
    }

    fn value(&self, columns: Document, context: &Context<'_>) -> Option<f64> {
        if self.is_silenced.load(Relaxed) {
            return None;
        }
        let began = self.health.called();
        let value = self.asked(columns, context);
        self.health.returned(began);
        value
    }

    fn asked(&self, columns: Document, context: &Context<'_>) -> Option<f64> {
        let doc = Doc::new(columns, Clock { now: context.now, aging: self.aging });
        // Where the machine code has no value to be used, the interpreter says what is wrong.
        let compiled = self.program.machine().and_then(|machine| machine.value(&doc));
        if let Some(value) = compiled.filter(|value| value.is_finite()) {
            return Some(value);
        }
        let fault = match engine::value(&self.program, &doc) {
            Ok(value) if value.is_finite() => return Some(value),
            Ok(value) => Fault::not_finite("", value),
            Err(fault) => {
                let place = fault.position.line().map(|line| format!("line {line}: ")).unwrap_or_default();
                Fault::new(FaultKind::Script, "", format!("{place}{}", fault.message))
            }
        };
        let inputs = || Some(Inputs::Document(Asked::new(&columns, context.now, self.aging)));
        let goes_on = self.health.fault(fault, context.now, TRAPS_MAX, inputs);
        self.is_silenced.store(!goes_on, Relaxed);
        None
    }
}

impl KeyPolicy for Scripted {
    /// Without an answer the document is ordered by what it costs to keep it, its size.
    fn key(&mut self, context: &Context<'_>, event: &Event) -> f64 {
        let columns = document::columns(event, context.documents.get(event.slot));
        self.value(columns, context).unwrap_or(-(event.size as f64))
    }

    fn evicted(&mut self, key: f64) {
        // What was keyed before a hand-over, or is not a number, must not turn the clock back or stop it.
        if key > self.aging && key.is_finite() {
            self.aging = key;
        }
    }

    fn is_fit(&self) -> bool {
        !self.is_silenced.load(Relaxed)
    }
}

impl ScorePolicy for Scripted {
    /// Without an answer the longest unused scores lowest, as for the engine's own fallback.
    fn score(&self, context: &Context<'_>, _slot: Slot, document: &Document) -> f64 {
        self.value(*document, context).unwrap_or_else(|| -(context.now.since(document.last_used) as f64))
    }

    fn is_fit(&self) -> bool {
        !self.is_silenced.load(Relaxed)
    }
}
