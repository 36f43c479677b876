//! Hyperbolic caching: a document is worth its uses per time since it was stored, so what is new gets its chance and what
//! was popular once fades. A. Blankstein, S. Sen, M. J. Freedman, "Hyperbolic caching: flexible caching for web
//! applications", USENIX ATC 2017.
//!
//! The worth of two documents changes places with time, so no queue can hold it: of a sample, the lowest goes. It is
//! computed from the columns, and the policy keeps nothing. `by-size` divides by the size, the paper's extension for
//! documents of different sizes.

use std::borrow::Cow;

use cnn_core::policy::{
    Context, Document, Factory, Goal, HitEvents, Kind, Manifest, Parameter, Replacement, ScorePolicy,
    Settings, Slot,
};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, settings| Replacement::Score(Box::new(Hyperbolic::new(settings))) };

const PARAMETERS: &[Parameter] = &[
    Parameter::whole("sample", 64, 1, 255, "documents compared for one eviction"),
    Parameter::whole("by-size", 0, 0, 1, "whether the worth is that of a byte"),
];

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("hyperbolic"),
        summary: Cow::Borrowed(
            "fewest uses per time in the cache first, of a sample; where popularity fades",
        ),
        paper: Cow::Borrowed(
            "Blankstein, Sen, Freedman, \"Hyperbolic caching: flexible caching for web applications\", USENIX ATC 2017",
        ),
        kind: Kind::Score,
        hit_events: HitEvents::Unneeded,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct Hyperbolic {
    sample: u8,
    by_size: bool,
}

impl Hyperbolic {
    fn new(settings: &Settings) -> Self {
        Self { sample: settings.get("sample") as u8, by_size: settings.get("by-size") > 0.0 }
    }
}

impl ScorePolicy for Hyperbolic {
    fn score(&self, context: &Context<'_>, _slot: Slot, document: &Document) -> f64 {
        let age = context.now.since(document.created).max(1) as f64;
        let bytes = if self.by_size { document.size.max(1) as f64 } else { 1.0 };
        f64::from(document.uses.max(1)) / (age * bytes)
    }

    fn sample(&self) -> u8 {
        self.sample
    }
}

#[cfg(test)]
mod tests {
    use cnn_core::policy::Documents;
    use cnn_core::time::Tick;

    use super::*;

    #[test]
    fn a_score_is_the_uses_per_time_since_the_document_was_stored() {
        let documents = Documents::new(1);
        let context = Context { documents: &documents, now: Tick(110) };
        let check = |spec: &str, uses, created, expected: f64| {
            let Replacement::Score(policy) = crate::choose(spec).expect("a policy").build(1) else {
                panic!("no score")
            };
            let document = Document { uses, created: Tick(created), size: 4, ..Document::default() };
            assert_eq!(policy.score(&context, 0, &document), expected, "{uses} since {created}");
        };
        check("hyperbolic", 5, 10, 0.05);
        check("hyperbolic", 0, 109, 1.0);
        check("hyperbolic", 2, 110, 2.0);
        check("hyperbolic(by-size=1)", 2, 110, 0.5);
    }
}
