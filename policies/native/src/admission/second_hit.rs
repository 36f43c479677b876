//! Second hit: a document is stored when it is asked for the second time, so what is asked for once never takes room. B.
//! M. Maggs, R. K. Sitaraman, "Algorithmic nuggets in content delivery", ACM SIGCOMM CCR 45(3), 2015 ("cache on second
//! hit", with Bloom filters).
//!
//! What was asked for is remembered in two Bloom filters ([`Seen`]): between `memory` and twice as many documents.

use std::borrow::Cow;

use cnn_core::policy::{
    Admission, AdmissionFactory, AdmissionManifest, Candidate, HitEvents, Parameter, Refusal, Verdict,
};

use crate::Seen;

pub(super) const FACTORY: AdmissionFactory = AdmissionFactory {
    manifest,
    build: |_, settings| Box::new(SecondHit { seen: Seen::new(settings.get("memory") as usize) }),
};

const PARAMETERS: &[Parameter] = &[Parameter::whole(
    "memory",
    1_000_000,
    1,
    10_000_000,
    "documents that are remembered at least; three bytes each",
)];

fn manifest() -> AdmissionManifest {
    AdmissionManifest {
        name: Cow::Borrowed("second-hit"),
        summary: Cow::Borrowed("what was asked for before; keeps out what is asked for only once"),
        paper: Cow::Borrowed(
            "Maggs, Sitaraman, \"Algorithmic nuggets in content delivery\", ACM SIGCOMM CCR 45(3), 2015",
        ),
        hit_events: HitEvents::Unneeded,
        bypasses: false,
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct SecondHit {
    seen: Seen,
}

impl Admission for SecondHit {
    fn admit(&mut self, candidate: &Candidate<'_>) -> Verdict {
        let is_known = self.seen.insert(candidate.document.hash);
        if is_known { Verdict::Admit } else { Verdict::Refuse(Refusal::FirstSeen) }
    }

    fn state_bytes(&self) -> usize {
        self.seen.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use crate::admission::tests::answers;

    #[test]
    fn the_second_request_is_stored_and_every_later_one() {
        assert_eq!(answers("second-hit", 0, &[(1, 9), (2, 9), (1, 9), (3, 9), (1, 9), (2, 9)]), "--+-++");
    }

    #[test]
    fn what_was_long_ago_is_forgotten_and_what_was_just_before_is_not() {
        let mut candidates: Vec<_> = (0..1_000).map(|hash| (hash, 1)).collect();
        candidates.extend([(999, 1), (0, 1)]);
        let answers = answers("second-hit(memory=100)", 0, &candidates);
        assert_eq!(&answers[1_000..], "+-");
    }

    #[test]
    fn few_are_mistaken_for_others() {
        let candidates: Vec<_> = (0..100_000_u64).map(|hash| (hash << 20, 1)).collect();
        let passed = answers("second-hit(memory=20000)", 0, &candidates).matches('+').count();
        assert!(passed < 2_000, "{passed}");
    }
}
