//! What must hold of a repository at any moment when nobody is changing it. For tests and simulations: it locks the
//! whole index and looks at every document.

use std::collections::{HashMap, HashSet};

use super::Repository;
use super::index::Totals;
use crate::limits::VARIANTS_MAX;

impl Repository {
    /// Checks that index, columns, slots and budget agree.
    ///
    /// # Panics
    /// When they do not; says about what.
    pub fn check_invariants(&self) {
        let shards: Vec<_> = self.index.shards().map(|shard| shard.read()).collect();
        let documents = self.board.documents();
        let (mut slots, mut variants) = (HashSet::new(), HashMap::<_, Vec<_>>::new());
        let mut totals = Totals::default();
        for shard in &shards {
            let mut sum = Totals::default();
            for stored in shard.entries() {
                let (key, id) = (stored.key(), stored.id());
                assert_eq!(stored.hash(), self.index.hash(key), "the hash of {key}");
                assert!(documents.is_resident(id.slot), "{key} has columns");
                assert_eq!(documents.generation(id.slot), id.generation, "the generation of {key}");
                let document = documents.get(id.slot);
                assert_eq!(document.hash, stored.hash(), "the columns' hash of {key}");
                assert_eq!(document.size, stored.charged_bytes(), "the columns' size of {key}");
                assert!(slots.insert(id.slot), "the slot of {key} is its own");
                let known = variants.entry(key).or_default();
                assert!(!known.contains(&stored.variant_bytes()), "{key} has each variant once");
                known.push(stored.variant_bytes());
                assert!(known.len() <= VARIANTS_MAX, "{key} has too many variants");
                sum.add(stored);
            }
            assert_eq!(sum, shard.totals, "the totals of a shard");
            totals = totals.plus(sum);
        }
        let residents = (0..self.board.slots_ever_used()).filter(|&slot| documents.is_resident(slot)).count();
        assert_eq!(residents, slots.len(), "every resident slot is in the index");
        let held = totals.bodies + totals.texts + totals.metadata + self.templates.bytes();
        assert!(self.budget.used() >= held, "{} bytes charged, {held} held", self.budget.used());
    }
}
