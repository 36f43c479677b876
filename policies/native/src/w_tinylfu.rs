//! W-TinyLFU: new documents live in a small LRU window; what falls out of it enters the main part, a segmented LRU, only
//! if it was asked for more often lately than what would have to go there. G. Einziger, R. Friedman, B. Manes, "TinyLFU: A
//! highly efficient cache admission policy", ACM Transactions on Storage 13(4), 2017. The window's share climbs the hill
//! of the hit ratio: G. Einziger, O. Eytan, R. Friedman, B. Manes, "Adaptive software cache management", Middleware 2018.
//!
//! ```text
//!   insert --> [ window, 1 % ] --more often asked for than the victim--> [ probation ] --used--> [ protected, 80 % ]
//!                     `--less often--> gone                 gone <--'        ^---- full: the oldest ----'
//! ```
//!
//! `adapt=0` keeps the window as it is. Victims are asked for by the host when the whole is full, not when a part is; a
//! document larger than the window waits there until it is compared.

use std::borrow::Cow;

use cnn_core::policy::{
    Event, Factory, Goal, HitEvents, Kind, Manifest, Paged, Parameter, Replacement, Settings, Slot,
};

use crate::list::PAGE_SLOTS;
use crate::queues::{Discipline, Queued, Queues, share};
use crate::sketch::Sketch;

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| Replacement::Hooks(Box::new(Queued(WTinyLfu::new(capacity, settings)))),
};

const PARAMETERS: &[Parameter] = &[
    Parameter::real("window", 0.01, 0.0, 0.99, "share of the capacity of the window, to begin with"),
    Parameter::real("protected", 0.8, 0.0, 1.0, "share of the main part that is protected"),
    Parameter::whole("adapt", 1, 0, 1, "whether the window's share is adapted"),
];

const WINDOW: usize = 0;
const PROBATION: usize = 1;
const PROTECTED: usize = 2;

/// A step of the climb begins with this share of the capacity.
const STEP: f64 = 0.0625;
/// And shrinks by this factor while the hit ratio is steady.
const STEP_DECAY: f64 = 0.98;
/// A change of the hit ratio by this much begins the climb anew.
const RESTART: f64 = 0.05;
/// A step is judged after this many times as many requests as there are documents.
const PERIOD_FACTOR: u64 = 10;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("w-tinylfu"),
        summary: Cow::Borrowed(
            "seldom asked for lately first; where popularity is skewed, and for loops and scans",
        ),
        paper: Cow::Borrowed(
            "Einziger, Friedman, Manes, \"TinyLFU: A highly efficient cache admission policy\", ACM TOS 13(4), \
             2017; Einziger, Eytan, Friedman, Manes, \"Adaptive software cache management\", Middleware 2018",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits, Goal::Bytes],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct WTinyLfu {
    queues: Queues,
    /// By slot: the sketch knows hashes.
    hashes: Paged<u64, PAGE_SLOTS>,
    sketch: Sketch,
    climber: Option<Climber>,
    capacity: u64,
    window_max: u64,
    protected: f64,
}

/// Where the climb is.
struct Climber {
    hits: u64,
    misses: u64,
    /// The hit ratio of the last period; not a number before the first.
    ratio: f64,
    /// The next step, as a share of the capacity, up or down.
    step: f64,
}

impl Climber {
    const fn new() -> Self {
        Self { hits: 0, misses: 0, ratio: f64::NAN, step: STEP }
    }

    /// Judges the last step when the period is over, and says what the next one is.
    fn step(&mut self, documents: usize) -> Option<f64> {
        let requests = self.hits + self.misses;
        if requests < PERIOD_FACTOR * (documents as u64).max(1) {
            return None;
        }
        let ratio = self.hits as f64 / requests as f64;
        let change = if self.ratio.is_nan() { 0.0 } else { ratio - self.ratio };
        let step = if change >= 0.0 { self.step } else { -self.step };
        self.step = if change.abs() >= RESTART { STEP.copysign(step) } else { STEP_DECAY * step };
        (self.hits, self.misses, self.ratio) = (0, 0, ratio);
        Some(step)
    }
}

impl WTinyLfu {
    fn new(capacity: u64, settings: &Settings) -> Self {
        Self {
            queues: Queues::new(3),
            hashes: Paged::new(0, 0),
            sketch: Sketch::new(),
            climber: (settings.get("adapt") > 0.0).then(Climber::new),
            capacity,
            window_max: share(capacity, settings.get("window")),
            protected: settings.get("protected"),
        }
    }

    fn main_max(&self) -> u64 {
        self.capacity - self.window_max
    }

    fn count(&self, slot: Slot) -> u8 {
        self.sketch.count(self.hashes.get(slot as usize))
    }

    fn is_main_full(&self, size: u64) -> bool {
        let main = self.queues.bytes(PROBATION).saturating_add(self.queues.bytes(PROTECTED));
        main.saturating_add(size) > self.main_max()
    }

    /// The next of the main part.
    fn oldest_of_main(&self) -> Option<Slot> {
        self.queues.oldest(PROBATION).or_else(|| self.queues.oldest(PROTECTED))
    }

    /// Lets what is not protected any more fall back on probation.
    fn demote(&mut self) {
        let protected_max = share(self.main_max(), self.protected);
        while self.queues.bytes(PROTECTED) > protected_max
            && let Some(slot) = self.queues.oldest(PROTECTED)
        {
            self.queues.move_to(PROBATION, slot);
        }
    }

    fn climb(&mut self) {
        let documents = self.queues.len_of_all();
        let Some(step) = self.climber.as_mut().and_then(|it| it.step(documents)) else { return };
        let window = (self.window_max as f64 + step * self.capacity as f64) as u64;
        self.window_max = window.min(share(self.capacity, 0.99)).max(1.min(self.capacity));
        self.demote();
        // A window that grew takes from the main part at once, or it would have to be filled by misses.
        while let Some(slot) = self.oldest_of_main()
            && self.queues.bytes(WINDOW).saturating_add(self.queues.size(slot)) <= self.window_max
        {
            self.queues.move_to(WINDOW, slot);
        }
        while self.queues.bytes(WINDOW) > self.window_max
            && let Some(slot) = self.queues.oldest(WINDOW)
        {
            self.queues.move_to(PROBATION, slot);
        }
    }

    fn came(&mut self, event: &Event) {
        self.hashes.set(event.slot as usize, event.hash);
        self.sketch.fit(self.queues.slots());
    }
}

impl Discipline for WTinyLfu {
    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn queues_mut(&mut self) -> &mut Queues {
        &mut self.queues
    }

    fn insert(&mut self, event: &Event) {
        self.queues.push(WINDOW, event.slot, event.size);
        self.came(event);
        self.sketch.add(event.hash);
        if let Some(climber) = &mut self.climber {
            climber.misses += 1;
            self.climb();
        }
    }

    fn hit(&mut self, slot: Slot, _event: &Event) {
        self.sketch.add(self.hashes.get(slot as usize));
        let is_new = self.queues.list_of(slot) == Some(WINDOW);
        self.queues.move_to(if is_new { WINDOW } else { PROTECTED }, slot);
        self.demote();
        if let Some(climber) = &mut self.climber {
            climber.hits += 1;
            self.climb();
        }
    }

    /// The sketch learns what the previous policy knew.
    fn import(&mut self, event: &Event) {
        self.queues.push_import(PROBATION, event.slot, event.size);
        self.came(event);
        (0..event.uses.min(3)).for_each(|_| self.sketch.add(event.hash));
    }

    fn put_back(&mut self, event: &Event, from: usize) {
        self.queues.push(from, event.slot, event.size);
        self.came(event);
        self.hit(event.slot, event);
    }

    fn victim(&mut self) -> Option<Slot> {
        while let Some(candidate) = self.queues.oldest(WINDOW) {
            let is_full = self.is_main_full(self.queues.size(candidate));
            let Some(victim) = self.oldest_of_main().filter(|_| is_full) else {
                if is_full {
                    return Some(self.queues.offer(candidate));
                }
                self.queues.move_to(PROBATION, candidate);
                continue;
            };
            if self.count(candidate) <= self.count(victim) {
                return Some(self.queues.offer(candidate));
            }
            self.queues.offer(victim);
            if !self.is_main_full(self.queues.size(candidate)) {
                self.queues.move_to(PROBATION, candidate);
            }
            return Some(victim);
        }
        self.oldest_of_main().map(|slot| self.queues.offer(slot))
    }

    /// Plays the comparisons through on the side.
    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool) {
        let mut window = self.queues.iter(WINDOW).peekable();
        let mut probation = self.queues.iter(PROBATION).peekable();
        let mut entered = std::collections::VecDeque::new();
        let mut protected = self.queues.iter(PROTECTED).peekable();
        let mut main_bytes = self.queues.bytes(PROBATION).saturating_add(self.queues.bytes(PROTECTED));
        loop {
            let next = probation.peek().or_else(|| entered.front()).or_else(|| protected.peek()).copied();
            let Some(&candidate) = window.peek() else {
                let Some(victim) = next else { return };
                if !visit(victim) {
                    return;
                }
                let _ = probation.next().or_else(|| entered.pop_front()).or_else(|| protected.next());
                continue;
            };
            let size = self.queues.size(candidate);
            let is_full = main_bytes.saturating_add(size) > self.main_max();
            let Some(victim) = next.filter(|_| is_full) else {
                window.next();
                if !is_full {
                    entered.push_back(candidate);
                    main_bytes = main_bytes.saturating_add(size);
                } else if !visit(candidate) {
                    return;
                }
                continue;
            };
            if self.count(candidate) <= self.count(victim) {
                window.next();
                if !visit(candidate) {
                    return;
                }
                continue;
            }
            let _ = probation.next().or_else(|| entered.pop_front()).or_else(|| protected.next());
            main_bytes = main_bytes.wrapping_sub(self.queues.size(victim));
            if main_bytes.saturating_add(size) <= self.main_max() {
                window.next();
                entered.push_back(candidate);
                main_bytes = main_bytes.saturating_add(size);
            }
            if !visit(victim) {
                return;
            }
        }
    }

    fn extra_bytes(&self) -> usize {
        self.hashes.bytes() + self.sketch.state_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With room for 10: two in the window, eight in main, four of them protected.
    #[track_caller]
    fn check(moves: &str, offered: &[Slot], left: &[Slot]) {
        crate::script::check_spec("w-tinylfu(window=20%,protected=50%,adapt=0)", 10, moves, offered, left);
    }

    #[test]
    fn what_leaves_the_window_enters_main_while_there_is_room() {
        check("+1 +2 +3 +4", &[], &[1, 2, 3, 4]);
    }

    #[test]
    fn of_candidate_and_victim_the_less_often_asked_for_goes() {
        const FULL: &str = "+0 +1 +2 +3 +4 +5 +6 +7 +8 +9";
        check(&format!("{FULL} v"), &[8], &[9, 0, 1, 2, 3, 4, 5, 6, 7]);
        check(&format!("{FULL} h9 h8 v"), &[0], &[1, 2, 3, 4, 5, 6, 7, 9, 8]);
    }

    #[test]
    fn a_climb_turns_round_when_the_hit_ratio_falls() {
        let mut climber = Climber::new();
        let mut period = |hits, misses| {
            (climber.hits, climber.misses) = (hits, misses);
            climber.step(10)
        };
        assert_eq!(period(40, 59), None);
        assert_eq!(period(40, 60), Some(STEP));
        assert_eq!(period(42, 58), Some(STEP_DECAY * STEP));
        assert_eq!(period(41, 59), Some(-STEP_DECAY * STEP_DECAY * STEP));
        assert_eq!(period(10, 90), Some(STEP_DECAY * STEP_DECAY * STEP_DECAY * STEP));
        assert_eq!(period(10, 90), Some(STEP));
    }
}
