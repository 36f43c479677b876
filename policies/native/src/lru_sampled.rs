//! LRU by sampling: of a few documents drawn at random, the one not used for longest goes. K. Psounis, B. Prabhakar, "A
//! randomized Web-cache replacement scheme", INFOCOM 2001; the way of Redis. Nothing is kept and no hit is told: the
//! columns know the last use. With 16 documents it comes within 0.1 points of hit ratio of the exact order on web
//! traffic, and it is better on loops, where the exact order is worst.

use std::borrow::Cow;

use cnn_core::policy::{
    Context, Document, Factory, Goal, HitEvents, Kind, Manifest, Parameter, Replacement, ScorePolicy, Slot,
};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |_, settings| Replacement::Score(Box::new(LruSampled { sample: settings.get("sample") as u8 })),
};

const PARAMETERS: &[Parameter] =
    &[Parameter::whole("sample", 16, 1, 255, "documents compared for one eviction")];

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lru-sampled"),
        summary: Cow::Borrowed("least recently used of a sample first; as lru, and hits cost nothing"),
        paper: Cow::Borrowed(
            "Psounis, Prabhakar, \"A randomized Web-cache replacement scheme\", INFOCOM 2001",
        ),
        kind: Kind::Score,
        hit_events: HitEvents::Unneeded,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct LruSampled {
    sample: u8,
}

impl ScorePolicy for LruSampled {
    fn score(&self, _context: &Context<'_>, _slot: Slot, document: &Document) -> f64 {
        document.last_used.0 as f64
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
    fn a_score_is_the_time_of_the_last_use() {
        let Replacement::Score(policy) = FACTORY.with_defaults(1) else { panic!("no score") };
        let documents = Documents::new(1);
        let context = Context { documents: &documents, now: Tick(9) };
        let document = Document { last_used: Tick(7), created: Tick(3), ..Document::default() };
        assert_eq!((policy.score(&context, 0, &document), policy.sample()), (7.0, 16));
    }
}
