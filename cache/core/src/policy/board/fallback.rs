//! The built-in fallback: the least recently used of a small sample of the columns. It needs no order, no policy and
//! no executor, so room can always be made.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::policy::limits::{FALLBACK_PROBES, FALLBACK_SAMPLE, FALLBACK_WALK};
use crate::policy::{Documents, Slot};

/// Picks victims without anybody's help; any thread may call it.
#[derive(Default)]
pub(in crate::policy) struct Fallback {
    /// Numbers the picks: the sample is a function of this alone, so a replay picks alike.
    picks: AtomicU64,
    /// Where the walk through a thinly filled table goes on.
    walk_from: AtomicU32,
}

impl Fallback {
    /// The least recently used of up to [`FALLBACK_SAMPLE`] documents below `slots` that pass `is_candidate`; `None`
    /// when none was found within a bounded search.
    pub(in crate::policy) fn pick(
        &self,
        documents: &Documents,
        slots: u32,
        is_candidate: impl Fn(Slot) -> bool,
    ) -> Option<Slot> {
        if slots == 0 {
            return None;
        }
        let pick = self.picks.fetch_add(1, Relaxed);
        let probes = (0..FALLBACK_PROBES as u64).map(|i| random_below(pick << 8 | i, slots));
        let sample = probes.filter(|&slot| is_candidate(slot)).take(FALLBACK_SAMPLE);
        let oldest = sample.min_by_key(|&slot| documents.last_used(slot));
        oldest.or_else(|| self.walk(slots, is_candidate))
    }

    /// The first candidate of the next stretch of the table.
    fn walk(&self, slots: u32, is_candidate: impl Fn(Slot) -> bool) -> Option<Slot> {
        let from = self.walk_from.load(Relaxed);
        let stretch = (slots as usize).min(FALLBACK_WALK) as u32;
        let found = (0..stretch).map(|i| ((u64::from(from) + u64::from(i)) % u64::from(slots)) as Slot);
        let found = found.into_iter().find(|&slot| is_candidate(slot));
        self.walk_from.store(found.unwrap_or((from % slots).wrapping_add(stretch) % slots), Relaxed);
        found
    }
}

/// The `number`-th value of a fixed random sequence (SplitMix64, Steele, Lea & Flood, OOPSLA 2014), scaled to
/// `0..below` by multiplication.
pub(in crate::policy) const fn random_below(number: u64, below: u32) -> u32 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (((z >> 32) * below as u64) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Document;
    use crate::time::Tick;

    fn table(residents: &[Slot]) -> Documents {
        let documents = Documents::new(20_000);
        for &slot in residents {
            documents.set(slot, &Document { last_used: Tick(slot.into()), ..Document::default() });
        }
        documents
    }

    #[test]
    fn the_only_resident_of_a_thin_table_is_found_within_a_few_calls() {
        let (documents, fallback) = (table(&[15_000]), Fallback::default());
        let picks: Vec<_> =
            (0..10).map(|_| fallback.pick(&documents, 16_000, |slot| documents.is_resident(slot))).collect();
        assert!(picks.contains(&Some(15_000)), "{picks:?}");
        assert_eq!(fallback.pick(&documents, 0, |_| true), None);
        assert_eq!(fallback.pick(&documents, 10, |_| false), None);
    }

    #[test]
    fn picks_are_old_documents() {
        let documents = table(&(0..10_000).collect::<Vec<_>>());
        let fallback = Fallback::default();
        let sum: u64 =
            (0..1000).map(|_| u64::from(fallback.pick(&documents, 10_000, |_| true).unwrap())).sum();
        // The expected minimum of eight uniform values is a ninth of the range.
        assert!((900..1350).contains(&(sum / 1000)), "mean age rank {}", sum / 1000);
    }
}
