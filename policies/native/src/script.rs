//! For tests of policies with queues: plays a line of events and tells what was offered and what is left.

use cnn_core::policy::{Context, Documents, Event, EventKind, Factory, Flags, HookPolicy, Replacement, Slot};
use cnn_core::time::Tick;

/// Plays `moves` and compares what was offered on the way, and the order in which the rest would go.
///
/// A move is a letter and a slot, `:` and a size (1 when left out): `+` insert, `h` hit, `u` update, `-` remove, `i`
/// import a document used once, `I` one used twice, `r` return. `v` takes a victim that is then evicted, `o` one that
/// is not answered. A document's hash is its slot.
#[track_caller]
pub(crate) fn check(factory: &Factory, capacity: u64, moves: &str, offered: &[Slot], left: &[Slot]) {
    play(factory.with_defaults(capacity), moves, offered, left);
}

/// The same for a policy with parameters.
#[track_caller]
pub(crate) fn check_spec(spec: &str, capacity: u64, moves: &str, offered: &[Slot], left: &[Slot]) {
    play(crate::choose(spec).expect("a policy").build(capacity), moves, offered, left);
}

#[track_caller]
fn play(policy: Replacement, moves: &str, offered: &[Slot], left: &[Slot]) {
    let Replacement::Hooks(mut policy) = policy else { panic!("a policy without queues") };
    let documents = Documents::new(1);
    let context = Context { documents: &documents, now: Tick(0) };
    let mut victims = Vec::new();
    for one in moves.split_whitespace() {
        let (letter, rest) = one.split_at(1);
        if let "v" | "o" = letter {
            let slot = policy.victim(&context).expect("a victim");
            victims.push(slot);
            if letter == "v" {
                policy.on_event(&context, &event(EventKind::Remove, slot, 1, 1, Flags::EVICTED));
            }
            continue;
        }
        let (slot, size) = rest.split_once(':').unwrap_or((rest, "1"));
        let (kind, uses) = match letter {
            "+" => (EventKind::Insert, 1),
            "h" => (EventKind::Hit, 2),
            "u" => (EventKind::Update, 1),
            "-" => (EventKind::Remove, 1),
            "i" => (EventKind::Import, 1),
            "I" => (EventKind::Import, 2),
            "r" => (EventKind::Return, 2),
            _ => panic!("no such move: {one}"),
        };
        policy.on_event(&context, &event(kind, slot.parse().unwrap(), size.parse().unwrap(), uses, 0));
    }
    assert_eq!(victims, offered, "offered by {moves}");
    assert_eq!(ranked(&*policy, &context), left, "left by {moves}");
    assert_eq!(policy.len(), left.len());
    let drained: Vec<_> = std::iter::from_fn(|| policy.victim(&context)).collect();
    assert_eq!(drained, left, "the rank is the order of the victims after {moves}");
}

fn ranked(policy: &dyn HookPolicy, context: &Context<'_>) -> Vec<Slot> {
    let mut slots = Vec::new();
    policy.rank(context, &mut |slot| {
        slots.push(slot);
        true
    });
    slots
}

fn event(kind: EventKind, slot: Slot, size: u64, uses: u32, flags: u8) -> Event {
    let kind = kind as u8;
    Event { slot, kind, flags, mime: 0, reserved: 0, hash: slot.into(), size, fetch_us: 0, uses }
}
