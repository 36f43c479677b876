//! The orders against models: a sorted list for the heap, averages for samples.

use super::*;
use crate::policy::{Document, Documents, EventKind, HookPolicy, KeyPolicy, ScorePolicy};
use crate::time::Tick;

/// Keys and scores are the size column, read as a float's bits.
struct BySize;

fn value_of(size: u64) -> f64 {
    f64::from_bits(size)
}

impl KeyPolicy for BySize {
    fn key(&mut self, _context: &Context<'_>, event: &Event) -> f64 {
        value_of(event.size)
    }
}

impl ScorePolicy for BySize {
    fn score(&self, _context: &Context<'_>, _slot: Slot, document: &Document) -> f64 {
        value_of(document.size)
    }
}

struct Table {
    documents: Documents,
}

impl Table {
    fn new() -> Self {
        Self { documents: Documents::new(100_000) }
    }

    fn context(&self) -> Context<'_> {
        Context { documents: &self.documents, now: Tick(1) }
    }

    fn place(&self, order: &mut dyn Order, slot: Slot, value: f64) {
        self.documents.set(slot, &Document { size: value.to_bits(), ..Document::default() });
        order.place(&self.context(), &self.documents.event(slot, EventKind::Insert, 0));
    }

    fn touch(&self, order: &mut dyn Order, slot: Slot, value: f64) {
        self.documents.set(slot, &Document { size: value.to_bits(), ..Document::default() });
        order.touch(&self.context(), &self.documents.event(slot, EventKind::Hit, 0));
    }

    fn remove(&self, order: &mut dyn Order, slot: Slot) {
        order.remove(&self.context(), &self.documents.event(slot, EventKind::Remove, 0));
    }

    fn drain(&self, order: &mut dyn Order) -> Vec<Slot> {
        std::iter::from_fn(|| order.victim(&self.context())).map(|victim| victim.slot).collect()
    }

    fn line(&self, order: &dyn Order) -> Vec<Slot> {
        let mut line = Vec::new();
        order.line(&self.context(), &mut |victim| {
            line.push(victim.slot);
            true
        });
        line
    }
}

#[test]
fn bits_order_like_floats_with_nan_lowest() {
    let keys =
        [f64::NAN, f64::NEG_INFINITY, -2.5, -f64::MIN_POSITIVE, 0.0, 1e-300, 1.0, 1e300, f64::INFINITY];
    for pair in keys.windows(2) {
        assert!(ordered_bits(pair[0]) < ordered_bits(pair[1]), "{pair:?}");
        assert_eq!(from_ordered_bits(ordered_bits(pair[1])), pair[1]);
    }
    assert_eq!(ordered_bits(-0.0), ordered_bits(0.0));
    assert_eq!(ordered_bits(-f64::NAN), 0);
    assert!(ordered_bits(f64::INFINITY) < u64::MAX);
}

#[test]
fn equal_keys_go_in_the_order_they_were_given_and_nan_goes_first() {
    let (table, mut heap) = (Table::new(), Heap::new(Box::new(BySize), 100_000));
    for (slot, key) in [(5, 1.0), (4, 1.0), (3, f64::NAN), (2, 0.5), (1, 1.0)] {
        table.place(&mut heap, slot, key);
    }
    // Given again, the same key is the youngest of its equals.
    table.touch(&mut heap, 5, 1.0);
    assert_eq!(table.line(&heap), [3, 2, 4, 1, 5]);
    assert_eq!(heap.rank(&table.context(), 1), Some(exact(3, &[3, 2, 4])));
    assert_eq!(heap.rank(&table.context(), 9), None);
    assert_eq!(table.drain(&mut heap), [3, 2, 4, 1, 5]);
}

#[test]
fn the_heap_agrees_with_a_sorted_list() {
    let (table, mut heap) = (Table::new(), Heap::new(Box::new(BySize), 3000));
    let mut rng = fastrand::Rng::with_seed(7);
    let mut model: Vec<(f64, u64, Slot)> = Vec::new();
    for number in 0..30_000 {
        let (slot, key) = (rng.u32(0..3000), f64::from(rng.u32(0..500)));
        let held = model.iter().position(|&(_, _, s)| s == slot);
        if number == 20_000 {
            heap.exhaust_sequence();
        }
        match (held, rng.u32(0..10)) {
            (None, 0..8) => {
                table.place(&mut heap, slot, key);
                model.push((key, number, slot));
            }
            (Some(at), 0..6) => {
                table.touch(&mut heap, slot, key);
                model[at] = (key, number, slot);
            }
            (Some(at), 6..8) => {
                table.remove(&mut heap, slot);
                model.swap_remove(at);
            }
            _ => {
                let least = (0..model.len()).min_by(|&a, &b| model[a].partial_cmp(&model[b]).unwrap());
                let expected = least.map(|at| model.swap_remove(at).2);
                assert_eq!(heap.victim(&table.context()).map(|victim| victim.slot), expected);
            }
        }
        if number % 1000 == 0 {
            heap.check_invariants();
        }
    }
    model.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let expected: Vec<_> = model.iter().map(|&(_, _, slot)| slot).collect();
    assert!(expected.len() > 1000);
    assert_eq!(table.line(&heap), expected);
    assert_eq!(table.drain(&mut heap), expected);
}

#[test]
fn a_heap_gives_its_memory_back_as_it_drains() {
    let (table, mut heap) = (Table::new(), Heap::new(Box::new(BySize), 100_000));
    (0..100_000).for_each(|slot| table.place(&mut heap, slot, f64::from(slot ^ 0x5555)));
    let full = heap.state_bytes();
    assert!(full < 100_000 * 22, "{full}");
    table.drain(&mut heap);
    assert!(heap.state_bytes() < 100_000 * 4 + 250_000);
}

#[test]
fn a_sample_finds_low_scores_and_repeats_itself() {
    let drained = || {
        let (table, mut sampled) = (Table::new(), Sampled::new(Box::new(BySize), 10_000));
        (0..10_000).for_each(|slot| table.place(&mut sampled, slot, f64::from(slot)));
        table.remove(&mut sampled, 3);
        table.remove(&mut sampled, 3);
        table.drain(&mut sampled)
    };
    let order = drained();
    assert_eq!(order.len(), 9_999);
    assert!(!order.contains(&3));
    let early: u32 = order[..1000].iter().sum::<u32>() / 1000;
    assert!(early < 2000, "mean rank of the first tenth: {early}");
    assert_eq!(order, drained());
}

#[test]
fn ranks_of_a_sample_are_estimates() {
    let (table, mut sampled) = (Table::new(), Sampled::new(Box::new(BySize), 50_000));
    (0..50_000).for_each(|slot| table.place(&mut sampled, slot, f64::from(slot)));
    let rank = sampled.rank(&table.context(), 25_000).unwrap();
    assert_eq!(rank.precision, Precision::Estimate);
    assert!(rank.before.abs_diff(25_000) < 500, "{rank:?}");
    assert!(table.line(&sampled).is_sorted());
}

fn exact(before: usize, nearest: &[Slot]) -> Rank {
    Rank { before, precision: Precision::Exact, nearest: nearest.to_vec() }
}

/// A queue policy that evicts the newest.
struct Stack(Vec<Slot>);

impl HookPolicy for Stack {
    fn on_event(&mut self, _context: &Context<'_>, event: &Event) {
        match event.kind() {
            Some(EventKind::Remove) => self.0.retain(|&slot| slot != event.slot),
            Some(EventKind::Insert | EventKind::Import | EventKind::Return) => self.0.push(event.slot),
            _ => {}
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        self.0.pop()
    }

    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        self.0.iter().rev().all(|&slot| visit(slot));
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn state_bytes(&self) -> usize {
        self.0.capacity() * 4
    }
}

#[test]
fn queues_pass_on_what_happens() {
    let (table, mut queues) = (Table::new(), Queues::new(Box::new(Stack(Vec::new()))));
    (0..5).for_each(|slot| table.place(&mut queues, slot, 0.0));
    table.remove(&mut queues, 3);
    assert_eq!(table.line(&queues), [4, 2, 1, 0]);
    assert_eq!(queues.rank(&table.context(), 1), Some(exact(2, &[4, 2])));
    assert_eq!(table.drain(&mut queues), [4, 2, 1, 0]);
}
