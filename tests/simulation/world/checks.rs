//! What must hold after every step.

use super::*;

impl World {
    /// Checks everything that must hold after every step.
    pub(crate) fn check(&mut self) {
        self.repository.check_invariants();
        self.check_model();
        let usage = self.repository.usage();
        let stored = usage.bodies + usage.heads + usage.metadata;
        assert!(stored <= usage.limit, "{stored} bytes stored of {}", usage.limit);
        if self.kind == Kind::Inline {
            let counts = self.board().counts();
            assert_eq!(counts.fallback_victims, 0, "the policy was not asked");
        }
        if self.is_settled {
            self.check_executor();
        }
    }

    /// The documents in the columns are those of the model less what was evicted in this step, and less what the step
    /// removed for a reason of its own.
    pub(super) fn check_model(&mut self) {
        let documents = self.board().documents();
        let residents: HashSet<_> = (0..documents.slots_max() as u32)
            .filter(|&slot| documents.is_resident(slot))
            .map(|slot| SlotId { slot, generation: documents.generation(slot) })
            .collect();
        let unknown: Vec<_> = residents.iter().filter(|id| !self.model.contains_key(id)).collect();
        assert!(unknown.is_empty(), "stored from nowhere: {unknown:?}");
        let mut gone: Vec<_> = self.model.keys().copied().filter(|id| !residents.contains(id)).collect();
        gone.sort_unstable_by_key(|id| (id.slot, id.generation));
        let counts = self.board().counts();
        let evicted = counts.evictions - self.counts.evictions;
        assert_eq!(gone.len() as u64, counts.removals - self.counts.removals, "documents lost: {gone:?}");
        let unexplained = gone.iter().filter(|id| !self.explained.contains(id)).count() as u64;
        assert!(unexplained <= evicted, "{unexplained} documents are gone, {evicted} were evicted: {gone:?}");
        assert!(evicted <= gone.len() as u64);
        for id in gone {
            self.model.remove(&id);
            self.digest = self.digest.rotate_left(7) ^ u64::from(id.slot) ^ u64::from(id.generation) << 32;
        }
        assert_eq!(self.repository.usage().documents, self.model.len() as u64);
    }

    /// The executor's books are in order, and what it says of itself is so.
    fn check_executor(&mut self) {
        let audit = if self.kind == Kind::Hostile { Audit::Books } else { Audit::WithOrders };
        let (expected, documents) =
            ((self.deciding.clone(), self.previous.clone(), self.token), self.model.len());
        let ids: Vec<_> = self.model.keys().copied().collect();
        let probe = self.rng.usize(..documents.max(1));
        let is_hostile = self.kind == Kind::Hostile;
        self.with(|executor| {
            executor.audit(audit).expect("the books are in order");
            let status = executor.status();
            let previous = status.previous.map(|manifest| manifest.name.clone().into_owned());
            assert_eq!((status.policy.name.clone().into_owned(), previous, status.token), expected);
            assert_eq!(status.documents, documents);
            assert!(status.draining.len() <= 17, "{} orders", status.draining.len());
            let history = executor.history(Default::default());
            assert_eq!(history.last().map(|switch| switch.to.as_ref()), Some(expected.0.as_str()));
            assert!(ids.iter().all(|&id| is_hostile || executor.rank_of(id).is_some()));
            let line = executor.worst(documents);
            let listed: HashSet<_> = line.iter().map(|line| line.id).collect();
            assert!(listed.iter().all(|id| ids.contains(id)));
            if let Some(line) = line.get(probe)
                && !is_hostile
                && line.policy.name != "idle"
                && let Some(rank) = executor.rank_of(line.id)
                && rank.precision == Precision::Exact
            {
                assert_eq!(rank.before, probe, "{line:?}");
            }
            assert!(is_hostile || listed.len() == documents, "the line has {} of {documents}", listed.len());
        });
    }
}
