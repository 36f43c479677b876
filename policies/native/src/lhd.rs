//! LHD, least hit density: a document is worth the hits it may still get per byte and time it will take up, estimated from
//! what became of documents like it. N. Beckmann, H. Chen, A. Cidon, "LHD: Improving cache hit rate by maximizing hit
//! density", NSDI 2018.
//!
//! Documents fall into sixteen classes by the ages at their last two hits. For each class and age, counted in requests,
//! it is known how many were hit and how many evicted; from time to time the densities are computed anew and the past is
//! given less weight. Victims are the lowest of a sample and of the newcomers that looked poor at once; some newcomers are
//! kept whatever they look like while there is little experience, to learn from them. Constants are those of the authors'
//! simulator, as is what it does before it has learnt anything.

use std::borrow::Cow;
use std::collections::HashMap;

use cnn_core::policy::{
    Context, Event, EventKind, Factory, Goal, HitEvents, HookPolicy, Kind, Manifest, Paged, Parameter,
    Replacement, Settings, Slot,
};

use crate::list::{self, NONE, PAGE_SLOTS};
use crate::sketch::spread;

pub(crate) const FACTORY: Factory = Factory {
    manifest,
    build: |capacity, settings| Replacement::Hooks(Box::new(Lhd::new(capacity, settings))),
};

const PARAMETERS: &[Parameter] = &[
    Parameter::whole("sample", 32, 1, 255, "documents compared for one eviction"),
    Parameter::whole(
        "every",
        1 << 20,
        1_000,
        1 << 30,
        "requests after which the densities are computed anew",
    ),
];

const CLASSES: usize = 16;
/// Ages are counted in steps of requests up to this. What gets older goes first.
const AGES: usize = 20_000;
/// Steps of 2^10 requests to begin with, and later such that the ages of a document's life span a hundredth of them.
const STEP_BITS: u32 = 10;
const AGE_ERROR: f64 = 0.01;
/// The authors number applications, and theirs is the first: densities nobody has measured begin there.
const FIRST_CLASS: usize = 16;
/// The weight of the past when the densities are computed anew.
const DECAY: f32 = 0.9;
/// Newcomers that looked poor, and are looked at with every sample.
const POOR: usize = 8;
/// One newcomer in this many is kept to learn from, if it fits into this share of the capacity.
const EXPLORE_ONE_IN: u64 = 32;
const EXPLORE_SHARE: f64 = 0.01;
/// After so many computations there is experience enough.
const EXPLORE_ROUNDS: u32 = 50;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("lhd"),
        summary: Cow::Borrowed(
            "fewest hits expected per byte and time first, of a sample; learns, best on steady traffic",
        ),
        paper: Cow::Borrowed(
            "Beckmann, Chen, Cidon, \"LHD: Improving cache hit rate by maximizing hit density\", NSDI 2018",
        ),
        kind: Kind::Hooks,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

/// What is known of a document; 32 bytes.
#[derive(Clone, Copy)]
struct Tag {
    size: u64,
    /// The number of the request that touched it last.
    touched: u64,
    /// Ages at the last two hits.
    hit_age: u32,
    hit_age_before: u32,
    /// Its place among the held plus 1; 0 when it is not held.
    place: u32,
    is_explorer: bool,
    /// Offered as a victim, and not answered yet.
    is_offered: bool,
}

const NOTHING: Tag = Tag {
    size: 0,
    touched: 0,
    hit_age: 0,
    hit_age_before: 0,
    place: 0,
    is_explorer: false,
    is_offered: false,
};

/// What became of the documents of a class, by age.
struct Class {
    hits: Box<[f32]>,
    evictions: Box<[f32]>,
    densities: Box<[f32]>,
}

// Invariant: tags[held[i]].place == i + 1, and 0 for slots that are not held.
struct Lhd {
    tags: Paged<Tag, PAGE_SLOTS>,
    held: Vec<Slot>,
    classes: Vec<Class>,
    requests: u64,
    step_bits: u32,
    every: u64,
    rounds: u32,
    /// Smoothed number of documents, and the weight it has.
    documents: (f64, f64),
    /// Smoothed density of victims.
    victim_density: f32,
    /// By hash, so that one that comes back is looked at again, and the slot it is in.
    poor: [(u64, Slot); POOR],
    poor_next: usize,
    /// Bytes that explorers may still take.
    explore_bytes: f64,
    sample: u64,
    draws: u64,
}

impl Lhd {
    fn new(capacity: u64, settings: &Settings) -> Self {
        let zeros = || vec![0.0; AGES].into_boxed_slice();
        let class = |class: usize| Class {
            hits: zeros(),
            evictions: zeros(),
            densities: (0..AGES).map(|age| (FIRST_CLASS + class + 1) as f32 / (age + 1) as f32).collect(),
        };
        Self {
            tags: Paged::new(NOTHING, 0),
            held: Vec::new(),
            classes: (0..CLASSES).map(class).collect(),
            requests: 0,
            step_bits: STEP_BITS,
            every: settings.get("every") as u64,
            rounds: 0,
            documents: (0.0, 0.0),
            victim_density: 0.0,
            poor: [(0, NONE); POOR],
            poor_next: 0,
            // Whole bytes: in a cache of less than a hundred documents there is nothing to spare.
            explore_bytes: (capacity as f64 * EXPLORE_SHARE).floor(),
            sample: settings.get("sample") as u64,
            draws: 0,
        }
    }

    fn age(&self, tag: &Tag) -> usize {
        ((self.requests.saturating_sub(tag.touched) >> self.step_bits) as usize).min(AGES - 1)
    }

    fn class(tag: &Tag) -> usize {
        // About the logarithm of what is left of the ages: the shorter the time between hits, the higher.
        let mut age = u64::from(tag.hit_age) + u64::from(tag.hit_age_before);
        if age == 0 {
            return CLASSES - 1;
        }
        let mut class = 0;
        while age < AGES as u64 && class < CLASSES - 1 {
            age <<= 1;
            class += 1;
        }
        class
    }

    fn density(&self, slot: Slot) -> f32 {
        let tag = self.tags.get(slot as usize);
        let age = self.age(&tag);
        if age == AGES - 1 {
            return f32::MIN;
        }
        let density = self.classes[Self::class(&tag)].densities[age] / tag.size.max(1) as f32;
        if tag.is_explorer { density + 1.0 } else { density }
    }

    fn is_held(&self, slot: Slot) -> bool {
        self.tags.get(slot as usize).place != 0
    }

    fn hold(&mut self, slot: Slot, tag: Tag) {
        self.held.push(slot);
        self.tags.set(slot as usize, Tag { place: self.held.len() as u32, is_offered: false, ..tag });
    }

    fn let_go(&mut self, slot: Slot) {
        let place = std::mem::take(&mut self.tags.at(slot as usize).place) as usize;
        if place > 0 {
            self.held.swap_remove(place - 1);
            if let Some(&moved) = self.held.get(place - 1) {
                self.tags.at(moved as usize).place = place as u32;
            }
        }
    }

    fn end_exploring(&mut self, slot: Slot) {
        let tag = self.tags.at(slot as usize);
        if std::mem::take(&mut tag.is_explorer) {
            self.explore_bytes += tag.size as f64;
        }
    }

    fn draw(draws: &mut u64) -> u64 {
        *draws += 1;
        spread(*draws)
    }

    fn insert(&mut self, event: &Event) {
        let (size, touched) = (event.size, self.requests);
        self.hold(event.slot, Tag { size, touched, hit_age_before: AGES as u32, ..NOTHING });
        self.poor.iter_mut().filter(|it| it.0 == event.hash && it.1 == NONE).for_each(|it| it.1 = event.slot);
        let explores = self.explore(event.slot);
        if !explores && self.density(event.slot) < self.victim_density {
            self.poor[self.poor_next % POOR] = (event.hash, event.slot);
            self.poor_next += 1;
        }
        self.requested();
    }

    fn hit(&mut self, slot: Slot) {
        let tag = self.tags.get(slot as usize);
        let age = self.age(&tag);
        self.classes[Self::class(&tag)].hits[age] += 1.0;
        self.end_exploring(slot);
        let touched = self.requests;
        let tag = self.tags.at(slot as usize);
        (tag.hit_age_before, tag.hit_age, tag.touched) = (tag.hit_age, age as u32, touched);
        self.explore(slot);
        self.requested();
    }

    /// Draws whether a document is kept to learn from; whether the draw fell on it.
    fn explore(&mut self, slot: Slot) -> bool {
        let is_drawn = Self::draw(&mut self.draws).is_multiple_of(EXPLORE_ONE_IN);
        if is_drawn && self.explore_bytes > 0.0 && self.rounds < EXPLORE_ROUNDS {
            let tag = self.tags.at(slot as usize);
            tag.is_explorer = true;
            self.explore_bytes -= tag.size as f64;
        }
        is_drawn
    }

    fn requested(&mut self) {
        self.requests += 1;
        if self.requests.is_multiple_of(self.every) {
            self.reconfigure();
        }
    }

    fn removed(&mut self, event: &Event) {
        let tag = self.tags.get(event.slot as usize);
        if tag.place == 0 && !tag.is_offered {
            return;
        }
        if event.is_evicted() {
            let age = self.age(&tag);
            self.classes[Self::class(&tag)].evictions[age] += 1.0;
        }
        self.end_exploring(event.slot);
        self.let_go(event.slot);
        self.tags.set(event.slot as usize, NOTHING);
        // Whoever gets the slot next must not be taken for it.
        self.poor.iter_mut().filter(|it| it.1 == event.slot).for_each(|it| it.1 = NONE);
    }

    /// Gives the past less weight, and computes the densities anew.
    fn reconfigure(&mut self) {
        for class in &mut self.classes {
            class.hits.iter_mut().chain(&mut class.evictions).for_each(|count| *count *= DECAY);
        }
        self.adapt_step();
        self.classes.iter_mut().for_each(Class::model);
        self.rounds += 1;
    }

    /// Twice in its life it is looked how long the ages should be; between, it matters little.
    fn adapt_step(&mut self) {
        let decay = f64::from(DECAY);
        let (sum, weight) = self.documents;
        self.documents = (sum * decay + self.held.len() as f64, weight * decay + 1.0);
        if !matches!(self.rounds, 5 | 25) {
            return;
        }
        let wanted = self.documents.0 / self.documents.1 / (AGE_ERROR * AGES as f64);
        let bits = (wanted.log2().ceil().max(1.0) as u32).min(40);
        let (sum, weight) = self.documents;
        self.documents = (sum * 8.0, weight * 8.0);
        let from = std::mem::replace(&mut self.step_bits, bits);
        for class in &mut self.classes {
            rescale(&mut class.hits, from, bits);
            rescale(&mut class.evictions, from, bits);
        }
    }

    /// The lowest density of the sample and the poor newcomers, among what `held` says is there.
    fn lowest(&self, held: &[Slot], draws: &mut u64, is_there: impl Fn(Slot) -> bool) -> Option<Slot> {
        let mut lowest: Option<(f32, Slot)> = None;
        let mut consider = |slot: Slot| {
            let density = self.density(slot);
            if lowest.is_none_or(|(least, _)| density < least) {
                lowest = Some((density, slot));
            }
        };
        if held.is_empty() {
            return None;
        }
        (0..self.sample).for_each(|_| consider(held[(Self::draw(draws) % held.len() as u64) as usize]));
        self.poor.iter().filter(|it| it.1 != NONE && is_there(it.1)).for_each(|it| consider(it.1));
        lowest.map(|(_, slot)| slot)
    }
}

impl Class {
    /// Hits to come per time to come, for each age, summed up from the oldest.
    fn model(&mut self) {
        let last = AGES - 1;
        let mut hits = self.hits[last];
        let mut events = hits + self.evictions[last];
        let mut lifetime = events;
        for age in (0..last).rev() {
            hits += self.hits[age];
            events += self.hits[age] + self.evictions[age];
            lifetime += events;
            self.densities[age] = if events > 1e-5 { hits / lifetime } else { 0.0 };
        }
    }
}

/// Moves counts by age to steps of another length.
fn rescale(counts: &mut [f32], from_bits: u32, to_bits: u32) {
    let old = counts.to_vec();
    counts.fill(0.0);
    for (age, count) in old.into_iter().enumerate() {
        if to_bits >= from_bits {
            counts[age >> (to_bits - from_bits).min(31)] += count;
        } else {
            let parts = 1_usize << (from_bits - to_bits).min(31);
            for part in 0..parts.min(AGES) {
                counts[(age * parts + part).min(AGES - 1)] += count / parts as f32;
            }
        }
    }
}

impl HookPolicy for Lhd {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        let Some(kind) = event.kind() else { return };
        let slot = event.slot;
        let is_held = self.is_held(slot);
        match kind {
            EventKind::Hit | EventKind::Return if is_held => self.hit(slot),
            EventKind::Update if is_held => {
                self.end_exploring(slot);
                self.tags.at(slot as usize).size = event.size;
            }
            EventKind::Remove => self.removed(event),
            EventKind::Import if is_held => {}
            EventKind::Insert | EventKind::Return | EventKind::Import
                if !list::is_possible(context, slot) => {}
            EventKind::Insert => {
                self.end_exploring(slot);
                self.let_go(slot);
                self.insert(event);
            }
            EventKind::Return => {
                let tag = self.tags.get(slot as usize);
                self.hold(slot, Tag { size: event.size, ..tag });
                self.hit(slot);
            }
            // As one that was hit at its present age when it was used before.
            EventKind::Import => {
                let touched = self.requests;
                let hit_age_before = if event.uses > 1 { 0 } else { AGES as u32 };
                self.hold(slot, Tag { size: event.size, touched, hit_age_before, ..NOTHING });
            }
            EventKind::Hit | EventKind::Update => {}
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        let mut draws = self.draws;
        let victim = self.lowest(&self.held, &mut draws, |slot| self.is_held(slot))?;
        self.draws = draws;
        self.victim_density = DECAY * self.victim_density + (1.0 - DECAY) * self.density(victim);
        self.let_go(victim);
        self.tags.at(victim as usize).is_offered = true;
        Some(victim)
    }

    /// Draws on the side, from a copy of what is held.
    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        let mut held = self.held.clone();
        let mut places: HashMap<_, _> = held.iter().enumerate().map(|(place, &slot)| (slot, place)).collect();
        let mut draws = self.draws;
        while let Some(victim) = self.lowest(&held, &mut draws, |slot| places.contains_key(&slot)) {
            let place = places.remove(&victim).unwrap_or(0);
            held.swap_remove(place);
            if let Some(&moved) = held.get(place) {
                places.insert(moved, place);
            }
            if !visit(victim) {
                return;
            }
        }
    }

    fn len(&self) -> usize {
        self.held.len()
    }

    fn state_bytes(&self) -> usize {
        let classes = CLASSES * 3 * AGES * size_of::<f32>();
        self.tags.bytes() + self.held.capacity() * size_of::<Slot>() + classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_small_cache_the_largest_and_oldest_goes_before_anything_is_learnt() {
        crate::script::check(&FACTORY, 100, "+1:5 +2:50 +3:5 h3 v", &[2], &[1, 3]);
    }

    #[test]
    fn a_returned_document_is_one_that_was_hit() {
        crate::script::check(&FACTORY, 100, "+1:5 +2:50 o r2 -2", &[2], &[1]);
    }

    /// Hits at age 2 only, as often as evictions at age 4.
    #[test]
    fn a_density_is_the_hits_to_come_per_time_to_come() {
        let zeros = || vec![0.0; AGES].into_boxed_slice();
        let mut class = Class { hits: zeros(), evictions: zeros(), densities: zeros() };
        (class.hits[2], class.evictions[4]) = (10.0, 10.0);
        class.model();
        // At age 0: one hit for two documents that stay 3 and 5 steps.
        assert_eq!(class.densities[0], 10.0 / 80.0);
        assert_eq!(class.densities[2], 10.0 / 40.0);
        assert_eq!(class.densities[3], 0.0);
        assert_eq!(class.densities[5], 0.0);
    }

    #[test]
    fn counts_survive_another_length_of_steps() {
        let mut counts = vec![0.0; AGES];
        (counts[3], counts[9]) = (4.0, 8.0);
        rescale(&mut counts, 10, 12);
        assert_eq!(counts[..4], [4.0, 0.0, 8.0, 0.0]);
        rescale(&mut counts, 12, 11);
        assert_eq!(counts[..6], [2.0, 2.0, 0.0, 0.0, 4.0, 4.0]);
    }
}
