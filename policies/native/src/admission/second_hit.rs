//! Second hit: a document is stored when it is asked for the second time, so what is asked for once never takes room. B.
//! M. Maggs, R. K. Sitaraman, "Algorithmic nuggets in content delivery", ACM SIGCOMM CCR 45(3), 2015 ("cache on second
//! hit", with Bloom filters).
//!
//! What was asked for is remembered in two Bloom filters, one being filled and the one before it: when the younger is
//! full it becomes the older, and the older is forgotten. So between `memory` and twice as many documents are
//! remembered, in ten bits each; of documents never asked for, about one in a hundred passes nevertheless (B. H. Bloom,
//! "Space/time trade-offs in hash coding with allowable errors", CACM 13(7), 1970).

use std::borrow::Cow;

use cnn_core::policy::{
    Admission, AdmissionFactory, AdmissionManifest, Candidate, HitEvents, Parameter, Refusal, Verdict,
};

use crate::sketch::spread;

pub(super) const FACTORY: AdmissionFactory = AdmissionFactory {
    manifest,
    build: |_, settings| Box::new(SecondHit::new(settings.get("memory") as usize)),
};

const PARAMETERS: &[Parameter] = &[Parameter::whole(
    "memory",
    1_000_000,
    1,
    10_000_000,
    "documents that are remembered at least; three bytes each",
)];

/// Bits per document and filter, and bits set for each: a document in a hundred is mistaken for another.
const BITS_EACH: usize = 10;
const PROBES: u64 = 7;
/// So that no document spreads to nought.
const SALT: u64 = 0x9E37_79B9_7F4A_7C15;

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
    younger: Vec<u64>,
    older: Vec<u64>,
    /// Documents in the younger filter.
    remembered: usize,
    remembered_max: usize,
}

impl SecondHit {
    fn new(documents: usize) -> Self {
        let words = (documents * BITS_EACH).div_ceil(64);
        Self { younger: vec![0; words], older: vec![0; words], remembered: 0, remembered_max: documents }
    }

    /// The bits of a document: word, and mask within it.
    fn bits(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        // Two hashes make the others (Kirsch, Mitzenmacher, "Less hashing, same performance", ESA 2006).
        let first = spread(hash ^ SALT);
        let step = spread(first) | 1;
        let bits = self.younger.len() as u64 * 64;
        (0..PROBES).map(move |probe| {
            // The upper half of a product spreads over any range.
            let at = (u128::from(first.wrapping_add(probe.wrapping_mul(step))) * u128::from(bits)) >> 64;
            (at as usize / 64, 1 << (at as u64 % 64))
        })
    }
}

impl Admission for SecondHit {
    fn admit(&mut self, candidate: &Candidate<'_>) -> Verdict {
        let bits = self.bits(candidate.document.hash);
        let (mut in_younger, mut in_older) = (true, true);
        for (word, mask) in bits {
            in_younger &= self.younger[word] & mask != 0;
            in_older &= self.older[word] & mask != 0;
            self.younger[word] |= mask;
        }
        self.remembered += usize::from(!in_younger);
        if self.remembered >= self.remembered_max {
            std::mem::swap(&mut self.younger, &mut self.older);
            self.younger.fill(0);
            self.remembered = 0;
        }
        if in_younger || in_older { Verdict::Admit } else { Verdict::Refuse(Refusal::FirstSeen) }
    }

    fn state_bytes(&self) -> usize {
        size_of_val(&*self.younger) + size_of_val(&*self.older)
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
