//! LFU-DA by sampling: the keys of `lfu-da`, `L + uses`, and of a few documents drawn at random the lowest goes. K.
//! Psounis, B. Prabhakar, "A randomized Web-cache replacement scheme", INFOCOM 2001.

use std::borrow::Cow;

use cnn_core::policy::{Factory, Goal, HitEvents, Kind, Manifest, Parameter, Replacement};

use crate::greedy_dual::{GreedyDual, uses};
use crate::sampled::Sampled;

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |_, settings| Replacement::Score(Box::new(Sampled::new(GreedyDual::new(uses), settings))),
};

const PARAMETERS: &[Parameter] =
    &[Parameter::whole("sample", 16, 1, 255, "documents compared for one eviction")];

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lfu-da-sampled"),
        summary: Cow::Borrowed("least used of a sample first, with aging; as lfu-da, at less cost per hit"),
        paper: Cow::Borrowed(
            "Psounis, Prabhakar, \"A randomized Web-cache replacement scheme\", INFOCOM 2001; keys as lfu-da",
        ),
        kind: Kind::Score,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Bytes, Goal::Hits],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

#[cfg(test)]
mod tests {
    use cnn_core::policy::{Context, Document, Documents, Event, EventKind, Flags};
    use cnn_core::time::Tick;

    use super::*;

    #[test]
    fn keys_are_kept_by_slot_and_the_clock_is_raised_by_the_evicted() {
        let Replacement::Score(mut policy) = FACTORY.with_defaults(1) else { panic!("no score") };
        let documents = Documents::new(10);
        let context = Context { documents: &documents, now: Tick(0) };
        let mut tell = |kind: EventKind, slot, uses, flags| {
            let kind = kind as u8;
            let event =
                Event { slot, kind, flags, mime: 0, reserved: 0, hash: 0, size: 4, fetch_us: 0, uses };
            policy.on_event(&context, &event);
            policy.score(&context, slot, &Document::default())
        };
        let first = tell(EventKind::Insert, 1, 1, 0);
        assert_eq!(tell(EventKind::Hit, 1, 3, 0), 3.0 * first);
        tell(EventKind::Remove, 1, 3, Flags::EVICTED);
        assert_eq!(tell(EventKind::Insert, 2, 1, 0), 4.0 * first);
    }
}
