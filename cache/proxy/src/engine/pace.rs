//! How long the executor's thread sleeps between turns, and how much a slice holds. An idle proxy wakes ten times a
//! second, a loaded one up to a thousand times; a slice is as many documents as fit into its time.

use std::time::Duration;

use cnn_core::policy::Turn;

use super::limits::{
    BUSY_EVENTS, CALM_EVENTS, EVENT_SLOW, REST_ASKED, REST_BACKGROUND, SLEEP_MAX, SLEEP_MIN, SLICE,
    SLICE_DOCUMENTS, SLOW_TURNS_MAX, TURN_EVENTS, TURN_LONG, TURN_SLOW,
};

/// The sleep that fits the last turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    sleep: Duration,
    slice: usize,
    events: usize,
    slow_turns: u32,
}

/// What is going on besides events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrying {
    /// Nothing is left to carry over.
    Nothing,
    /// Somebody waits for documents to be carried over.
    Asked,
    /// Documents are carried over in the background.
    Background,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { sleep: SLEEP_MIN, slice: 64, events: *TURN_EVENTS.end(), slow_turns: 0 }
    }

    /// Another policy decides from here on, and nothing is known of its speed.
    pub(super) const fn begin_anew(&mut self) {
        (self.events, self.slow_turns) = (*TURN_EVENTS.start(), 0);
    }

    /// Events of the next turn.
    pub(super) const fn events(&self) -> usize {
        self.events
    }

    /// Victims picked in the next turn: fewer of a policy that is slow.
    pub(super) fn picks(&self) -> usize {
        (self.events / 64).max(4)
    }

    /// Learns from a turn that did so many things in such a time.
    pub(super) fn turned(&mut self, turn: Turn, took: Duration) {
        let done = (turn.events + turn.picks).max(1);
        if took > TURN_LONG {
            self.events = (self.events / 4).max(*TURN_EVENTS.start());
        } else if turn.events >= self.events {
            self.events = (self.events * 2).min(*TURN_EVENTS.end());
        }
        let is_slow = took > TURN_SLOW && took > EVENT_SLOW * u32::try_from(done).unwrap_or(u32::MAX);
        self.slow_turns = if is_slow { self.slow_turns + 1 } else { 0 };
    }

    /// Whether the deciding policy takes so long, again and again, that it should not decide.
    pub(super) const fn is_too_slow(&self) -> bool {
        self.slow_turns >= SLOW_TURNS_MAX
    }

    /// Documents of the next slice.
    pub(super) const fn slice(&self) -> usize {
        self.slice
    }

    /// Learns from a slice that carried so many documents in such a time.
    pub(super) fn sliced(&mut self, carried: usize, took: Duration) {
        if carried < *SLICE_DOCUMENTS.start() {
            return;
        }
        let fits = carried as f64 * SLICE.as_secs_f64() / took.max(Duration::from_nanos(1)).as_secs_f64();
        // Half old, half new: one slice that was interrupted does not count for much.
        let slice = (self.slice + fits as usize) / 2;
        self.slice = slice.clamp(*SLICE_DOCUMENTS.start(), *SLICE_DOCUMENTS.end());
    }

    /// How long to sleep after a turn; `None` when there is more to do at once.
    pub(super) fn after(&mut self, turn: Turn, carrying: Carrying) -> Option<Duration> {
        if turn.events < CALM_EVENTS {
            self.sleep = (2 * self.sleep).min(SLEEP_MAX);
        } else if turn.events > BUSY_EVENTS {
            self.sleep = (self.sleep / 2).max(SLEEP_MIN);
        }
        match carrying {
            _ if turn.is_pressed => None,
            Carrying::Asked => Some(REST_ASKED),
            Carrying::Background => Some(self.sleep.min(REST_BACKGROUND)),
            Carrying::Nothing => Some(self.sleep),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleep_after(pace: &mut Pace, events: usize, turns: usize) -> Duration {
        let turn = Turn { events, ..Turn::default() };
        (0..turns).filter_map(|_| pace.after(turn, Carrying::Nothing)).last().expect("not pressed")
    }

    #[test]
    fn an_idle_proxy_sleeps_long_and_a_loaded_one_briefly() {
        let mut pace = Pace::new();
        assert_eq!(sleep_after(&mut pace, 0, 10), SLEEP_MAX);
        assert_eq!(sleep_after(&mut pace, 4096, 10), SLEEP_MIN);
        let steady = sleep_after(&mut pace, 500, 10);
        assert_eq!(sleep_after(&mut pace, 500, 10), steady);
    }

    #[test]
    fn work_that_presses_is_done_at_once_and_slices_leave_room() {
        let mut pace = Pace::new();
        let pressed = Turn { is_pressed: true, ..Turn::default() };
        assert_eq!(pace.after(pressed, Carrying::Nothing), None);
        assert_eq!(pace.after(Turn::default(), Carrying::Asked), Some(REST_ASKED));
        sleep_after(&mut pace, 0, 10);
        assert_eq!(pace.after(Turn::default(), Carrying::Background), Some(REST_BACKGROUND));
    }

    #[test]
    fn a_slow_policy_gets_fewer_events_and_is_given_up_when_it_stays_so() {
        let mut pace = Pace::new();
        let turn = |events| Turn { events, picks: 4, ..Turn::default() };
        (0..20).for_each(|_| pace.turned(turn(pace.events()), Duration::from_millis(2)));
        assert_eq!((pace.events(), pace.picks()), (4096, 64));
        // A machine that is busy with something else, but not with this.
        (0..20).for_each(|_| pace.turned(turn(4096), Duration::from_millis(300)));
        assert_eq!((pace.events(), pace.picks(), pace.is_too_slow()), (64, 4, false));
        (0..SLOW_TURNS_MAX).for_each(|_| pace.turned(turn(64), Duration::from_millis(300)));
        assert!(pace.is_too_slow());
        pace.begin_anew();
        assert!(!pace.is_too_slow());
        (0..6).for_each(|_| pace.turned(turn(pace.events()), Duration::from_millis(2)));
        assert_eq!(pace.events(), 4096);
    }

    #[test]
    fn a_slice_grows_into_its_time_within_bounds() {
        let mut pace = Pace::new();
        (0..20).for_each(|_| pace.sliced(pace.slice(), Duration::from_nanos(500) * pace.slice() as u32));
        assert!(pace.slice().abs_diff(200) < 5, "{}", pace.slice());
        (0..20).for_each(|_| pace.sliced(pace.slice(), Duration::ZERO));
        assert_eq!(pace.slice(), *SLICE_DOCUMENTS.end());
        (0..30).for_each(|_| pace.sliced(pace.slice(), Duration::from_secs(1)));
        assert_eq!(pace.slice(), *SLICE_DOCUMENTS.start());
        pace.sliced(0, Duration::ZERO);
        assert_eq!(pace.slice(), *SLICE_DOCUMENTS.start());
    }
}
