//! A wasm admission policy: one candidate at a time in the guest's memory, and a number that says what becomes of it.

use std::sync::Arc;

use cnn_abi::{CANDIDATE_BYTES, FILTER_TEXT_BYTES};
use cnn_core::policy::{Admission, Candidate, Document, Refusal, Verdict};

use super::filter::text_of;
use super::guest::{Function, Guest, InstantiateError, Room};
use super::score::columns_bytes;
use crate::{Fault, FaultKind, Health};

/// The policy.
pub(crate) struct Admitting {
    guest: Guest,
    candidate: Room,
    text: Option<Room>,
    admit: Function<(), u32>,
    hit: Option<Function<(), ()>>,
    bypass: Option<Function<u32, u32>>,
}

impl Admitting {
    /// What it has done so far.
    pub(crate) fn health(&self) -> Arc<Health> {
        Arc::clone(self.guest.health())
    }

    /// Whether it is to be told of hits.
    pub(crate) const fn wants_hits(&self) -> bool {
        self.hit.is_some()
    }

    /// Whether it names origins to pass by.
    pub(crate) const fn bypasses(&self) -> bool {
        self.bypass.is_some()
    }

    pub(crate) fn new(mut guest: Guest) -> Result<Self, InstantiateError> {
        let has_text = guest.function_if_any::<(), u32>("text").is_some();
        Ok(Self {
            candidate: guest.room("candidate", 8, CANDIDATE_BYTES)?,
            text: has_text.then(|| guest.room("text", 1, FILTER_TEXT_BYTES)).transpose()?,
            admit: guest.function("admit")?,
            hit: guest.function_if_any("hit"),
            bypass: guest.function_if_any("bypass"),
            guest,
        })
    }

    /// Puts a document, and its texts if the guest wants them, into the guest's memory.
    fn put(&mut self, document: &Document, host: &str, path: &str) {
        let (text, host_bytes, path_bytes) = match self.text {
            Some(_) => text_of(host, path),
            None => text_of("", ""),
        };
        self.guest.set_now(document.created);
        let mut record = [0; CANDIDATE_BYTES];
        record[..72].copy_from_slice(&columns_bytes(0, document));
        record[72..74].copy_from_slice(&host_bytes.to_le_bytes());
        record[74..76].copy_from_slice(&path_bytes.to_le_bytes());
        self.guest.write(self.candidate, &record);
        if let Some(room) = self.text {
            self.guest.write(room, &text);
        }
    }
}

impl Admission for Admitting {
    /// Without an answer a document is stored.
    fn admit(&mut self, candidate: &Candidate<'_>) -> Verdict {
        self.put(&candidate.document, candidate.host, candidate.path);
        match self.guest.call(&self.admit, ()) {
            Some(0) => Verdict::Refuse(Refusal::Rule),
            Some(1) | None => Verdict::Admit,
            Some(2) => Verdict::Refuse(Refusal::TooLarge),
            Some(3) => Verdict::Refuse(Refusal::FirstSeen),
            Some(4) => Verdict::Refuse(Refusal::Unlucky),
            Some(other) => {
                self.guest.fault(Fault::new(
                    FaultKind::Count,
                    "admit",
                    format!("returns {other}; expected 0 to 4"),
                ));
                Verdict::Admit
            }
        }
    }

    fn hit(&mut self, document: &Document) {
        self.put(document, "", "");
        if let Some(hit) = &self.hit {
            self.guest.call(hit, ());
        }
    }

    /// Without an answer an origin is not passed by.
    fn bypass(&mut self, origin: u32, _host: &str) -> bool {
        let Some(bypass) = &self.bypass else { return false };
        match self.guest.call(bypass, origin) {
            None | Some(0) => false,
            Some(1) => true,
            Some(other) => {
                self.guest.fault(Fault::new(
                    FaultKind::Count,
                    "bypass",
                    format!("returns {other}; expected 0 or 1"),
                ));
                false
            }
        }
    }

    fn state_bytes(&self) -> usize {
        self.guest.memory_bytes()
    }
}
