//! S4LRU, quadruply segmented LRU: new documents start in the lowest of four segments, a use lifts them one up. Q. Huang,
//! K. Birman, R. van Renesse, W. Lloyd, S. Kumar, H. C. Li, "An analysis of Facebook photo caching", SOSP 2013.
//!
//! The paper drops what overflows the lowest segment; here the host asks for victims when the whole cache is full, so
//! the lowest segment takes what the others do not use yet.

use std::borrow::Cow;

use cnn_core::policy::{Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::queues::Queued;
use crate::slru::{Newcomers, PARAMETERS, Slru};

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| {
        Replacement::Hooks(Box::new(Queued(Slru::new(capacity, settings, Newcomers::Lowest))))
    },
};

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("s4lru"),
        summary: Cow::Borrowed("as slru, newcomers always lowest; for photos and other steady web traffic"),
        paper: Cow::Borrowed(
            "Huang, Birman, van Renesse, Lloyd, Kumar, Li, \"An analysis of Facebook photo caching\", SOSP 2013",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_go_to_the_lowest_segment_however_empty_the_others_are() {
        crate::script::check(&FACTORY, 8, "+1 +2 +3 +4 h1 h1 v", &[2], &[3, 4, 1]);
    }
}
