//! Policies that the built-in ones are not: one that scores, one that checks what it is told, and some that lie, repeat
//! themselves, forget, or give numbers that are none. They are as free as a module from outside would be; only hanging
//! is not simulated here.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use cnn_core::policy::{
    Context, Document, Event, EventKind, Factory, Goal, HitEvents, HookPolicy, KeyPolicy, Kind, Manifest,
    Replacement, ScorePolicy, Slot,
};

/// A policy in good order of the one kind that no built-in policy has: longest idle first.
pub(crate) const IDLE: Factory = Factory {
    manifest: || manifest("idle", Kind::Score, HitEvents::Unneeded),
    build: |_, _| Replacement::Score(Box::new(Idle)),
};

/// A policy in good order that holds the host to the contract.
pub(crate) const WITNESS: Factory = Factory {
    manifest: || manifest("witness", Kind::Hooks, HitEvents::Needed),
    build: |_, _| Replacement::Hooks(Box::<Witness>::default()),
};

/// Policies that lie.
pub(crate) const HOSTILE: &[Factory] = &[
    Factory {
        manifest: || manifest("liar", Kind::Hooks, HitEvents::Needed),
        build: |_, _| Replacement::Hooks(Box::new(Liar { held: Vec::new(), state: 1 })),
    },
    Factory {
        manifest: || manifest("deaf", Kind::Hooks, HitEvents::Unneeded),
        build: |_, _| Replacement::Hooks(Box::new(Deaf)),
    },
    Factory {
        manifest: || manifest("noise-key", Kind::Key, HitEvents::Needed),
        build: |_, _| Replacement::Key(Box::new(Noise(7))),
    },
    Factory {
        manifest: || manifest("noise-score", Kind::Score, HitEvents::Needed),
        build: |_, _| Replacement::Score(Box::new(Noise(9))),
    },
];

fn manifest(name: &'static str, kind: Kind, hit_events: HitEvents) -> Manifest {
    let (summary, paper) = (Cow::Borrowed("a policy of the simulation"), Cow::Borrowed("none"));
    let (name, goals, parameters) = (Cow::Borrowed(name), &[Goal::Hits], Cow::Borrowed(&[][..]));
    Manifest { name, summary, paper, kind, hit_events, goals, parameters }
}

struct Idle;

impl ScorePolicy for Idle {
    fn score(&self, context: &Context<'_>, _slot: Slot, document: &Document) -> f64 {
        -(context.now.since(document.last_used) as f64)
    }
}

/// First in, first out; panics when an event does not fit to those before it.
#[derive(Default)]
struct Witness {
    queue: VecDeque<Slot>,
    /// Hash of each document it was told of, and whether it is offered as a victim.
    known: HashMap<Slot, (u64, bool)>,
}

impl HookPolicy for Witness {
    fn on_event(&mut self, _context: &Context<'_>, event: &Event) {
        let known = self.known.get(&event.slot).copied();
        match (event.kind().expect("a kind of the contract"), known) {
            (EventKind::Insert | EventKind::Import, None) => {
                self.known.insert(event.slot, (event.hash, false));
                self.queue.push_back(event.slot);
            }
            (EventKind::Hit | EventKind::Update, Some((hash, false))) => {
                assert_eq!(event.hash, hash, "{event:?}")
            }
            (EventKind::Return, Some((hash, true))) => {
                assert_eq!(event.hash, hash, "{event:?}");
                self.known.insert(event.slot, (hash, false));
                self.queue.push_back(event.slot);
            }
            (EventKind::Remove, Some((hash, is_offered))) => {
                // A removal that was never heard and is made up for later has no hash.
                assert!(event.hash == hash || event.hash == 0, "{event:?}");
                assert_eq!(self.queue.contains(&event.slot), !is_offered);
                self.known.remove(&event.slot);
                self.queue.retain(|&slot| slot != event.slot);
            }
            (_, known) => panic!("told {event:?}, knew {known:?}"),
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        let slot = self.queue.pop_front()?;
        self.known.get_mut(&slot).expect("what is in the queue is known").1 = true;
        Some(slot)
    }

    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        self.queue.iter().all(|&slot| visit(slot));
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn state_bytes(&self) -> usize {
        0
    }
}

/// The next of a fixed sequence of odd numbers (a 64-bit linear congruence, Knuth's constants).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Keys and scores that mean nothing and are often no numbers.
struct Noise(u64);

fn odd_number(number: u64) -> f64 {
    match number % 8 {
        0 => f64::NAN,
        1 => -f64::NAN,
        2 => f64::INFINITY,
        3 => f64::NEG_INFINITY,
        4 => -0.0,
        5 => f64::MIN_POSITIVE / 2.0,
        _ => number as f64,
    }
}

impl KeyPolicy for Noise {
    fn key(&mut self, _context: &Context<'_>, _event: &Event) -> f64 {
        odd_number(next(&mut self.0))
    }
}

impl ScorePolicy for Noise {
    fn score(&self, _context: &Context<'_>, _slot: Slot, document: &Document) -> f64 {
        odd_number(document.hash ^ self.0)
    }
}

/// Remembers more or less what it is told, and offers something else.
struct Liar {
    held: Vec<Slot>,
    state: u64,
}

impl HookPolicy for Liar {
    fn on_event(&mut self, _context: &Context<'_>, event: &Event) {
        match event.kind() {
            // Some removals are missed.
            Some(EventKind::Remove) if !next(&mut self.state).is_multiple_of(4) => {
                self.held.retain(|&slot| slot != event.slot);
            }
            Some(EventKind::Insert | EventKind::Import | EventKind::Return) => self.held.push(event.slot),
            _ => {}
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        let number = next(&mut self.state);
        match number % 8 {
            0 => None,
            1 => Some(Slot::MAX),
            2 => Some(number as Slot % 64),
            // Without taking it out.
            3 => self.held.first().copied(),
            _ => self.held.pop(),
        }
    }

    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        let nonsense = [Slot::MAX, 0, 0, 0, 1_000_000];
        // For ever, as long as somebody listens.
        self.held.iter().copied().chain(nonsense).cycle().all(visit);
    }

    fn len(&self) -> usize {
        usize::MAX
    }

    fn state_bytes(&self) -> usize {
        0
    }
}

/// Hears nothing and knows nobody.
struct Deaf;

impl HookPolicy for Deaf {
    fn on_event(&mut self, _context: &Context<'_>, _event: &Event) {}

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        None
    }

    fn rank(&self, _context: &Context<'_>, _visit: &mut dyn FnMut(Slot) -> bool) {}

    fn len(&self) -> usize {
        0
    }

    fn state_bytes(&self) -> usize {
        0
    }
}
