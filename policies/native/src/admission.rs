//! The built-in admission policies, one per file, and the registry that names them: whether a document is worth its room
//! is asked before it is stored (`cnn_core::policy::Admission`). A file names its paper and ends in a `FACTORY`; the list
//! below is all that ties it in.

use cnn_core::policy::{AdmissionChoice, AdmissionFactory, SpecError};

/// Declares the policies' files and builds the registry from their factories.
macro_rules! admissions {
    ($($file:ident),* $(,)?) => {
        $(mod $file;)*
        static ADMISSIONS: &[AdmissionFactory] = &[$($file::FACTORY),*];
    };
}

// One line per policy, in the order they are listed to operators.
admissions! {
    size_threshold,
    second_hit,
    adapt_size,
}

/// Every built-in admission policy, in the order they are listed to operators.
pub fn registry() -> &'static [AdmissionFactory] {
    ADMISSIONS
}

/// The built-in admission policy that is written so, with the numbers it is to be built with: `second-hit` or
/// `size-threshold(max=64KiB)`.
///
/// # Errors
/// When there is none of this name, or it does not take what it was given.
pub fn choose(spec: &str) -> Result<AdmissionChoice, SpecError> {
    AdmissionChoice::parse(ADMISSIONS, spec)
}

#[cfg(test)]
mod tests {
    use cnn_core::policy::{Candidate, Document, Verdict};

    use super::*;

    /// What the policy says to documents of these hashes and sizes, one after the other: `+` or `-`.
    #[track_caller]
    pub(super) fn answers(spec: &str, capacity: u64, candidates: &[(u64, u64)]) -> String {
        let mut policy = choose(spec).expect("a policy").build(capacity);
        let answer = |&(hash, size): &(u64, u64)| match policy.admit(&Candidate::of(Document {
            hash,
            size,
            uses: 1,
            ..Document::default()
        })) {
            Verdict::Admit => '+',
            Verdict::Refuse(_) => '-',
        };
        candidates.iter().map(answer).collect()
    }

    #[test]
    fn the_names_operators_rely_on_are_all_there() {
        let names: Vec<_> = registry().iter().map(|factory| (factory.manifest)().name).collect();
        assert_eq!(names.join(" "), "size-threshold second-hit adapt-size");
        assert!(choose("third-hit").is_err());
    }

    #[test]
    fn whatever_is_asked_memory_is_bounded_and_answers_repeat() {
        for factory in registry() {
            let name = (factory.manifest)().name;
            for capacity in [0, 1, 1 << 20, u64::MAX] {
                let run = || {
                    let mut policy = choose(&name).expect("a policy").build(capacity);
                    let mut rng = fastrand::Rng::with_seed(7);
                    let mut admitted = Vec::new();
                    for _ in 0..60_000 {
                        let size = rng.u64(..) >> rng.u32(0..64);
                        let document =
                            Document { hash: rng.u64(..) >> rng.u32(0..64), size, ..Document::default() };
                        admitted.push(policy.admit(&Candidate::of(document)) == Verdict::Admit);
                        policy.hit(&document);
                    }
                    (admitted, policy.state_bytes())
                };
                let (admitted, bytes) = run();
                assert!(bytes < 32 << 20, "{name}: {bytes}");
                assert_eq!(run().0, admitted, "{name}");
            }
        }
    }
}
