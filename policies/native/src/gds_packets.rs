//! GreedyDual-Size with the number of packets as the cost: a document's key is `L + (2 + size / 536) / size`, as a
//! request and its answer take two packets and the body one for each 536 bytes, TCP's default segment. P. Cao and
//! S. Irani, "Cost-aware WWW proxy caching algorithms", USITS 1997, where it is GD-Size(packets).
//!
//! The worth of a byte is nearly the same in all documents above some kilobytes, so it spares large ones more than
//! cost 1 does: the variant that saves network traffic.

use std::borrow::Cow;

use cnn_core::policy::{Event, Factory, Goal, HitEvents, Kind, Manifest, Replacement};

use crate::greedy_dual::{GreedyDual, bytes};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, _| Replacement::Key(Box::new(GreedyDual::new(worth))) };

/// Packets a fetch takes beside those of the body.
const PACKETS_FIXED: f64 = 2.0;
/// Bytes of body in a packet (RFC 879's default maximum segment size).
const PACKET_BYTES: f64 = 536.0;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("gds-packets"),
        summary: Cow::Borrowed(
            "least traffic saved per byte first; to save bytes and still favour small documents",
        ),
        paper: Cow::Borrowed(
            "Cao, Irani, \"Cost-aware WWW proxy caching algorithms\", USITS 1997: GD-Size(packets)",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Bytes, Goal::Hits],
        parameters: Cow::Borrowed(&[]),
    }
}

fn worth(event: &Event) -> f64 {
    let size = bytes(event);
    (PACKETS_FIXED + size / PACKET_BYTES) / size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy_dual::tests::{event, keys};

    #[test]
    fn a_key_is_the_packets_over_the_size() {
        assert_eq!(keys(&FACTORY, &[event(536, 1, 0), event(5_360, 9, 0)]), [3.0 / 536.0, 12.0 / 5_360.0]);
    }
}
