//! Wasm freshness rules: one response at a time in the guest's memory, and room for the rule it gives.

use std::sync::Arc;

use cnn_abi::{FILTER_TEXT_BYTES, RESPONSE_BYTES, RULE_BYTES, RuleOptions};
use cnn_core::policy::Freshness;
use cnn_core::rfc9111::target::Scheme;
use cnn_core::rfc9111::{Described, Refresh};

use super::filter::text_of;
use super::guest::{Function, Guest, InstantiateError, Room};
use crate::{Fault, FaultKind, Health};

/// The rules.
pub(crate) struct Ruling {
    guest: Guest,
    response: Room,
    rule: Room,
    text: Option<Room>,
    refresh: Function<(), u32>,
}

impl Ruling {
    /// What it has done so far.
    pub(crate) fn health(&self) -> Arc<Health> {
        Arc::clone(self.guest.health())
    }

    pub(crate) fn new(mut guest: Guest) -> Result<Self, InstantiateError> {
        let has_text = guest.function_if_any::<(), u32>("text").is_some();
        Ok(Self {
            response: guest.room("response", 8, RESPONSE_BYTES)?,
            rule: guest.room("rule", 4, RULE_BYTES)?,
            text: has_text.then(|| guest.room("text", 1, FILTER_TEXT_BYTES)).transpose()?,
            refresh: guest.function("refresh")?,
            guest,
        })
    }

    fn put(&mut self, response: &Described<'_>) {
        let (text, host_bytes, path_bytes) = match self.text {
            Some(_) => text_of(response.host, response.path),
            None => text_of("", ""),
        };
        self.guest.write(self.response, &response_bytes(response, host_bytes, path_bytes));
        if let Some(room) = self.text {
            self.guest.write(room, &text);
        }
    }
}

impl Freshness for Ruling {
    fn refresh(&mut self, response: &Described<'_>) -> Option<Refresh> {
        self.put(response);
        match self.guest.call(&self.refresh, ())? {
            0 => None,
            1 => {
                let rule = self.guest.read(self.rule, RULE_BYTES).try_into().ok().and_then(rule_of);
                if rule.is_none() {
                    self.guest.fault(Fault::new(
                        FaultKind::Count,
                        "refresh",
                        "gives a rule with options there are not",
                    ));
                }
                rule
            }
            other => {
                self.guest.fault(Fault::new(
                    FaultKind::Count,
                    "refresh",
                    format!("returns {other}; expected 0 or 1"),
                ));
                None
            }
        }
    }

    fn state_bytes(&self) -> usize {
        self.guest.memory_bytes()
    }
}

/// A response as the contract lays it out.
fn response_bytes(response: &Described<'_>, host_bytes: u16, path_bytes: u16) -> [u8; RESPONSE_BYTES] {
    let or_none = |number: Option<u64>| number.and_then(|number| i64::try_from(number).ok()).unwrap_or(-1);
    let mut bytes = [0; RESPONSE_BYTES];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, &or_none(response.length).to_le_bytes());
    put(8, &or_none(response.lifetime.map(u64::from)).to_le_bytes());
    put(16, &or_none(response.since_modified.map(u64::from)).to_le_bytes());
    put(24, &response.age.to_le_bytes());
    put(28, &response.status.to_le_bytes());
    put(30, &[response.mime as u8, u8::from(response.scheme == Scheme::Https)]);
    put(32, &host_bytes.to_le_bytes());
    put(34, &path_bytes.to_le_bytes());
    bytes
}

/// The rule a guest wrote; none with options there are not.
fn rule_of(bytes: [u8; RULE_BYTES]) -> Option<Refresh> {
    let word = |at: usize| bytes[at..at + 4].try_into().map(u32::from_le_bytes).unwrap_or_default();
    let options = word(16);
    let has = |option: u32| options & option != 0;
    (options & !RuleOptions::ALL == 0).then(|| Refresh {
        override_expire: has(RuleOptions::OVERRIDE_EXPIRE),
        override_lastmod: has(RuleOptions::OVERRIDE_LASTMOD),
        ignore_no_store: has(RuleOptions::IGNORE_NO_STORE),
        ignore_private: has(RuleOptions::IGNORE_PRIVATE),
        ignore_reload: has(RuleOptions::IGNORE_RELOAD),
        max_stale: Some(word(12)).filter(|&seconds| seconds != u32::MAX),
        ..Refresh::new(word(0), word(4), word(8))
    })
}
