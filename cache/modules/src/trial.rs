//! A dry run: a policy decides for a small cache with made-up traffic, through the engine, before anybody relies on it.
//! What it takes is measured by the caller, who has a clock.

use std::sync::Arc;

use cnn_core::policy::{Board, Document, Executor, Inline, Mime, Picker, PrepareError, Removal};
use cnn_core::time::{Tick, UnixSecs};

use crate::{Report, Source};

/// Documents there are room for, at the mean size.
const DOCUMENTS: u64 = 2_000;
/// Different documents that are asked for, of which the first are asked for most.
const OBJECTS: u64 = 10_000;
const MEAN_BYTES: u64 = 20_000;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Requests made.
    pub requests: u64,
    /// Of these, found in the cache.
    pub hits: u64,
    /// Evictions.
    pub evictions: u64,
    /// Of these, those the engine had to decide itself, because the policy named nobody or somebody it does not have.
    pub wrong: u64,
    /// What a module did.
    pub report: Option<Report>,
}

impl Source {
    /// Plays so many requests, the same each time.
    ///
    /// # Errors
    /// When the policy cannot be prepared.
    pub fn try_out(&self, requests: u64) -> Result<Trial, PrepareError> {
        let board = Arc::new(Board::new(1, OBJECTS as usize, 1));
        let capacity = DOCUMENTS * MEAN_BYTES;
        let (prepared, health) = self.prepare(capacity, board.documents().slots_max())?;
        let inline = Inline::new(Executor::exact(board, prepared, UnixSecs(0)));
        let board = inline.board();
        let mut ids = vec![None; OBJECTS as usize];
        let (mut trial, mut used) = (Trial { requests, ..Trial::default() }, 0);
        for step in 0..requests {
            let now = Tick(step * 1_000);
            inline.set_now(now);
            // The square of a number drawn evenly asks for the first documents most.
            let drawn = mixed(step) % OBJECTS;
            let object = drawn * drawn / OBJECTS;
            if let Some(id) = ids[object as usize] {
                trial.hits += 1;
                board.hit(0, id, now);
                continue;
            }
            let size = mixed(object) % (2 * MEAN_BYTES);
            while used + size > capacity {
                let Some(offer) = board.take_victim() else { break };
                trial.evictions += 1;
                trial.wrong += u64::from(offer.picker != Picker::Policy);
                let gone = board.documents().get(offer.id.slot);
                used -= gone.size;
                ids[gone.hash as usize] = None;
                board.removed(offer.id, Removal::Evicted);
            }
            let Some(id) = board.alloc_slot() else { continue };
            let document = Document {
                hash: object,
                size,
                created: now,
                last_used: now,
                uses: 1,
                fetch_us: 1_000 + (mixed(object) >> 48) as u32,
                status: 200,
                mime: Mime::from_u8((object % 7) as u8),
                ..Document::default()
            };
            board.inserted(id, &document);
            ids[object as usize] = Some(id);
            used += size;
        }
        inline.settle();
        trial.wrong += inline.with(|executor| executor.faults());
        trial.report = health.map(|health| health.report());
        Ok(trial)
    }
}

/// Spreads a number over all bits: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
const fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use crate::{Host, Metering};

    #[test]
    fn a_module_and_its_twin_do_the_same_in_a_dry_run() {
        let host = Host::new(Metering::Fuel, None).unwrap();
        let guests = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/guests/wasm");
        let native = host.source("sieve").unwrap().try_out(20_000).unwrap();
        let guest = host.source(&format!("{guests}/sieve.wasm")).unwrap().try_out(20_000).unwrap();
        assert_eq!((guest.hits, guest.evictions, guest.wrong), (native.hits, native.evictions, 0));
        assert!(native.hits > 5_000 && native.evictions > 1_000, "{native:?}");
        assert_eq!(guest.report.map(|report| report.traps), Some(0));
    }
}
