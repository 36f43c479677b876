//! The origins that are passed by, as a table that every request may look at: one atomic load. An origin whose place is
//! taken by another is looked at again, which costs it a question.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cnn_core::policy::BYPASS_FOR;
use cnn_core::time::Tick;
use parking_lot::Mutex;

use crate::limits::BYPASSED_ORIGINS_MAX;

/// The table.
pub(super) struct Bypass {
    /// By the origin's number: the number in the upper half, in the lower the second until which it is passed by; 0 for
    /// none.
    places: Box<[AtomicU64]>,
    /// Guards the hosts of the places, for those who ask; held to write or copy one.
    hosts: Mutex<Vec<Box<str>>>,
}

impl Default for Bypass {
    fn default() -> Self {
        let places = (0..BYPASSED_ORIGINS_MAX).map(|_| AtomicU64::new(0)).collect();
        Self { places, hosts: Mutex::new(vec![Box::default(); BYPASSED_ORIGINS_MAX]) }
    }
}

impl Bypass {
    /// Whether this origin is passed by now.
    pub(super) fn has(&self, origin: u32, now: Tick) -> bool {
        let place = self.places[index(origin)].load(Relaxed);
        (place >> 32) as u32 == origin && now.as_secs() < place & u64::from(u32::MAX)
    }

    /// The origin is passed by from now on for a while, or is not any more.
    pub(super) fn set(&self, origin: u32, host: &str, now: Tick, is_bypassed: bool) {
        let place = &self.places[index(origin)];
        if is_bypassed {
            let until = now.as_secs().saturating_add(BYPASS_FOR.as_secs()).min(u32::MAX.into());
            self.hosts.lock()[index(origin)] = host.into();
            place.store(u64::from(origin) << 32 | until, Relaxed);
        } else if (place.load(Relaxed) >> 32) as u32 == origin {
            place.store(0, Relaxed);
        }
    }

    /// The hosts that are passed by now.
    pub(super) fn hosts(&self, now: Tick) -> Vec<String> {
        let hosts = self.hosts.lock();
        let places = self.places.iter().zip(hosts.iter());
        let is_now = |place: &AtomicU64| now.as_secs() < place.load(Relaxed) & u64::from(u32::MAX);
        places.filter(|(place, _)| is_now(place)).map(|(_, host)| host.to_string()).collect()
    }
}

const fn index(origin: u32) -> usize {
    origin as usize % BYPASSED_ORIGINS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_passed_by_for_a_while() {
        let (bypass, now) = (Bypass::default(), Tick::from_secs(7));
        assert!(!bypass.has(3, now) && !bypass.has(0, now));
        bypass.set(3, "slow.test", now, true);
        let end = Tick(now.0 + BYPASS_FOR.0);
        assert!(bypass.has(3, now) && bypass.has(3, Tick(end.0 - 1)) && !bypass.has(3, end));
        assert_eq!(bypass.hosts(now), ["slow.test"]);
        assert!(bypass.hosts(end).is_empty());
        // Another one of the same place is told apart, and an answer about it says nothing of this one.
        let other = 3 + BYPASSED_ORIGINS_MAX as u32;
        bypass.set(other, "other.test", now, false);
        assert!(bypass.has(3, now) && !bypass.has(other, now));
        bypass.set(3, "slow.test", now, false);
        assert!(!bypass.has(3, now));
    }
}
