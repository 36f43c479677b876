//! Size threshold: what is larger is not stored. The oldest filter of all, in every proxy as a maximum object size; M.
//! Abrams, C. R. Standridge, G. Abdulla, S. Williams, E. A. Fox, "Caching proxies: limitations and potentials", WWW4,
//! 1995, with the threshold as LRU-THOLD.

use std::borrow::Cow;

use cnn_core::policy::{
    Admission, AdmissionFactory, AdmissionManifest, Candidate, HitEvents, Parameter, Refusal, Verdict,
};

pub(super) const FACTORY: AdmissionFactory = AdmissionFactory {
    manifest,
    build: |_, settings| Box::new(SizeThreshold { bytes_max: settings.get("max") as u64 }),
};

const PARAMETERS: &[Parameter] =
    &[Parameter::real("max", 65_536.0, 0.0, 1e15, "bytes of the largest document that is stored")];

fn manifest() -> AdmissionManifest {
    AdmissionManifest {
        name: Cow::Borrowed("size-threshold"),
        summary: Cow::Borrowed("nothing larger than so many bytes; leaves small memory to small documents"),
        paper: Cow::Borrowed(
            "Abrams, Standridge, Abdulla, Williams, Fox, \"Caching proxies: limitations and potentials\", WWW4, 1995",
        ),
        hit_events: HitEvents::Unneeded,
        bypasses: false,
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct SizeThreshold {
    bytes_max: u64,
}

impl Admission for SizeThreshold {
    fn admit(&mut self, candidate: &Candidate<'_>) -> Verdict {
        if candidate.document.size <= self.bytes_max { Verdict::Admit } else { Verdict::Refuse(Refusal::TooLarge) }
    }

    fn state_bytes(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use crate::admission::tests::answers;

    #[test]
    fn what_is_larger_is_refused() {
        assert_eq!(answers("size-threshold(max=4KiB)", 0, &[(1, 4_096), (2, 4_097), (2, 0)]), "+-+");
        assert_eq!(answers("size-threshold", 0, &[(1, 65_536), (1, 65_537)]), "+-");
    }
}
