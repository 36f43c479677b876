//! LHD, least hit density: a document is worth the hits it may still get per byte and time it will take up, estimated from
//! what became of documents like it. N. Beckmann, H. Chen, A. Cidon, "LHD: Improving cache hit rate by maximizing hit
//! density", NSDI 2018.
//!
//! Documents fall into sixteen classes by the ages at their last two hits. For each class and age, counted in requests,
//! it is known how many were hit and how many evicted; from time to time the densities are computed anew and the past is
//! given less weight. Victims are the lowest of a sample and of the newcomers that looked poor at once; some newcomers are
//! kept whatever they look like while there is little experience, to learn from them.
//!
//! Constants and order of events are those of the authors' simulator, as is what it does while it has learnt little: a
//! smaller sample, so that it gets somewhere soon. Given the same random numbers the two decide alike, which the
//! comparison with libCacheSim, whose LHD that simulator is, checks.

use std::borrow::Cow;

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
    Parameter::whole("early", 8, 1, 255, "the same until the densities were computed 50 times"),
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
const STEP_BITS_MAX: u32 = 31;
const AGE_ERROR: f32 = 0.01;
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
const EARLY_ROUNDS: u32 = 50;

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

/// What is known of a document; 32 bytes. Those of the documents held lie side by side, in no order: a sample is drawn
/// from them, and looks at nothing else.
#[derive(Clone, Copy)]
struct Tag {
    size: u64,
    /// The number of the request that touched it last.
    touched: u64,
    /// The age at the last hit.
    hit_age: u32,
    slot: Slot,
    /// By the ages at the last two.
    class: u8,
    is_explorer: bool,
}

impl Tag {
    const NOTHING: Self =
        Self { size: 0, touched: 0, hit_age: 0, slot: NONE, class: CLASSES as u8 - 1, is_explorer: false };

    /// One that was not hit yet, or long ago.
    fn new(slot: Slot, size: u64, touched: u64) -> Self {
        Self { slot, size, touched, class: class(0, AGES as u32), ..Self::NOTHING }
    }
}

/// Where a slot's tag is, in a number.
#[derive(Clone, Copy)]
struct Place(u32);

impl Place {
    const NOWHERE: Self = Self(0);
    const OFFERED: u32 = 1 << 31;

    const fn held(at: usize) -> Self {
        Self(at as u32 + 1)
    }

    const fn offered(at: usize) -> Self {
        Self(at as u32 | Self::OFFERED)
    }

    const fn as_held(self) -> Option<usize> {
        if self.0 == 0 || self.0 & Self::OFFERED != 0 { None } else { Some(self.0 as usize - 1) }
    }

    const fn as_offered(self) -> Option<usize> {
        if self.0 & Self::OFFERED == 0 { None } else { Some((self.0 & !Self::OFFERED) as usize) }
    }
}

/// What became of the documents of a class, by age.
struct Class {
    hits: Box<[f32]>,
    evictions: Box<[f32]>,
}

// Invariant: places of slots held and offered name their tags, and nothing else does.
struct Lhd {
    tags: Paged<Tag, PAGE_SLOTS>,
    held: usize,
    /// Victims that were offered and not answered yet.
    offered: Vec<Tag>,
    places: Paged<Place, PAGE_SLOTS>,
    classes: Vec<Class>,
    /// By class and age.
    densities: Box<[f32]>,
    requests: u64,
    until_learning: u64,
    step_bits: u32,
    every: u64,
    rounds: u32,
    /// Smoothed number of documents, and the weight it has.
    documents: (f32, f32),
    /// Smoothed density of victims.
    victim_density: f32,
    /// By hash, so that one that comes back is looked at again, and the slot it is in.
    poor: [(u64, Slot); POOR],
    poor_ever: usize,
    /// Bytes that explorers may still take.
    explore_bytes: i64,
    sample: u64,
    early: u64,
    draws: u64,
}

/// About the logarithm of what is left of the ages: the shorter the time between hits, the higher.
fn class(hit_age: u32, hit_age_before: u32) -> u8 {
    let mut age = u64::from(hit_age) + u64::from(hit_age_before);
    if age == 0 {
        return CLASSES as u8 - 1;
    }
    let mut class = 0;
    while age < AGES as u64 && class < CLASSES as u8 - 1 {
        age <<= 1;
        class += 1;
    }
    class
}

impl Lhd {
    fn new(capacity: u64, settings: &Settings) -> Self {
        let zeros = || vec![0.0; AGES].into_boxed_slice();
        let unlearnt = |at: usize| (FIRST_CLASS + at / AGES + 1) as f32 / (at % AGES + 1) as f32;
        let every = settings.get("every") as u64;
        Self {
            tags: Paged::new(Tag::NOTHING, 0),
            held: 0,
            offered: Vec::new(),
            places: Paged::new(Place::NOWHERE, 0),
            classes: (0..CLASSES).map(|_| Class { hits: zeros(), evictions: zeros() }).collect(),
            densities: (0..CLASSES * AGES).map(unlearnt).collect(),
            requests: 0,
            until_learning: every,
            step_bits: STEP_BITS,
            every,
            rounds: 0,
            documents: (0.0, 0.0),
            victim_density: 0.0,
            poor: [(0, NONE); POOR],
            poor_ever: 0,
            // Whole bytes: in a cache of less than a hundred documents there is nothing to spare.
            explore_bytes: (capacity as f64 * EXPLORE_SHARE) as i64,
            sample: settings.get("sample") as u64,
            early: settings.get("early") as u64,
            draws: 0,
        }
    }

    #[inline]
    fn age(&self, tag: &Tag) -> usize {
        let steps = self.requests.saturating_sub(tag.touched) >> self.step_bits;
        steps.min(AGES as u64 - 1) as usize
    }

    #[inline]
    fn density(&self, tag: &Tag) -> f32 {
        let age = self.age(tag);
        if age == AGES - 1 {
            return f32::MIN;
        }
        let density = self.densities[usize::from(tag.class) * AGES + age] / tag.size.max(1) as f32;
        if tag.is_explorer { density + 1.0 } else { density }
    }

    fn held_at(&self, slot: Slot) -> Option<usize> {
        self.places.get(slot as usize).as_held()
    }

    fn hold(&mut self, tag: Tag) {
        self.tags.set(self.held, tag);
        self.places.set(tag.slot as usize, Place::held(self.held));
        self.held += 1;
    }

    /// Takes out a tag that is held; the last takes its place.
    fn let_go(&mut self, at: usize) -> Tag {
        let tag = self.tags.get(at);
        self.held -= 1;
        if at < self.held {
            let last = self.tags.get(self.held);
            self.tags.set(at, last);
            self.places.set(last.slot as usize, Place::held(at));
        }
        self.places.set(tag.slot as usize, Place::NOWHERE);
        tag
    }

    /// Takes out a tag that was offered.
    fn take_back(&mut self, at: usize) -> Tag {
        let tag = self.offered.swap_remove(at);
        if let Some(moved) = self.offered.get(at) {
            self.places.set(moved.slot as usize, Place::offered(at));
        }
        self.places.set(tag.slot as usize, Place::NOWHERE);
        tag
    }

    /// Forgets the slot; what was known of it.
    fn forget(&mut self, slot: Slot) -> Option<Tag> {
        let place = self.places.get(slot as usize);
        let held = place.as_held().map(|at| self.let_go(at));
        held.or_else(|| place.as_offered().map(|at| self.take_back(at)))
    }

    fn stop_exploring(&mut self, tag: &Tag) {
        if tag.is_explorer {
            self.explore_bytes = self.explore_bytes.saturating_add(bytes(tag));
        }
    }

    fn draw(draws: &mut u64) -> u64 {
        *draws += 1;
        spread(*draws)
    }

    fn insert(&mut self, event: &Event) {
        let poor = self.poor_ever.min(POOR);
        let was_poor = |it: &&mut (u64, Slot)| it.0 == event.hash && it.1 == NONE;
        self.poor[..poor].iter_mut().filter(was_poor).for_each(|it| it.1 = event.slot);
        let mut tag = Tag::new(event.slot, event.size, self.requests);
        let explores = self.explore(&mut tag);
        if !explores && self.density(&tag) < self.victim_density {
            self.poor[self.poor_ever % POOR] = (event.hash, event.slot);
            self.poor_ever += 1;
        }
        self.hold(tag);
        self.requested();
    }

    fn hit(&mut self, at: usize) {
        let mut tag = self.tags.get(at);
        let age = self.age(&tag);
        self.classes[usize::from(tag.class)].hits[age] += 1.0;
        self.stop_exploring(&tag);
        tag.touched = self.requests;
        tag.class = class(age as u32, tag.hit_age);
        tag.hit_age = age as u32;
        self.explore(&mut tag);
        self.tags.set(at, tag);
        self.requested();
    }

    /// Draws whether a document is kept to learn from; whether the draw fell on it.
    fn explore(&mut self, tag: &mut Tag) -> bool {
        let is_drawn = Self::draw(&mut self.draws).is_multiple_of(EXPLORE_ONE_IN);
        tag.is_explorer = is_drawn && self.explore_bytes > 0 && self.rounds < EARLY_ROUNDS;
        if tag.is_explorer {
            self.explore_bytes = self.explore_bytes.saturating_sub(bytes(tag));
        }
        is_drawn
    }

    fn requested(&mut self) {
        self.requests += 1;
        self.until_learning -= 1;
        if self.until_learning == 0 {
            self.until_learning = self.every;
            self.learn();
        }
    }

    fn removed(&mut self, event: &Event) {
        let Some(tag) = self.forget(event.slot) else { return };
        if event.is_evicted() {
            let age = self.age(&tag);
            self.classes[usize::from(tag.class)].evictions[age] += 1.0;
        }
        self.stop_exploring(&tag);
        // Whoever gets the slot next must not be taken for it.
        self.poor.iter_mut().filter(|it| it.1 == event.slot).for_each(|it| it.1 = NONE);
    }

    /// Gives the past less weight, and computes the densities anew.
    fn learn(&mut self) {
        for class in &mut self.classes {
            class.hits.iter_mut().chain(&mut class.evictions).for_each(|count| *count *= DECAY);
        }
        self.adapt_step();
        for (class, densities) in self.classes.iter().zip(self.densities.chunks_exact_mut(AGES)) {
            class.model(densities);
        }
        self.rounds += 1;
    }

    /// Twice in its life it is looked how long the ages should be; between, it matters little.
    fn adapt_step(&mut self) {
        let (sum, weight) = self.documents;
        self.documents = (sum * DECAY + self.held as f32, weight * DECAY + 1.0);
        if !matches!(self.rounds, 5 | 25) {
            return;
        }
        let (sum, weight) = self.documents;
        let wanted = sum / weight / (AGE_ERROR * AGES as f32);
        let is_enough = |bits: &u32| (1_u64 << bits) as f32 >= wanted;
        let bits = (1..STEP_BITS_MAX).find(is_enough).unwrap_or(STEP_BITS_MAX);
        self.documents = (sum * 8.0, weight * 8.0);
        let from = std::mem::replace(&mut self.step_bits, bits);
        for class in &mut self.classes {
            rescale(&mut class.hits, from, bits);
            rescale(&mut class.evictions, from, bits);
        }
    }

    /// The place of the lowest density of the sample and the poor newcomers: of `held` places, the one drawn is at
    /// `place_of`, and the poor count that are there still.
    #[inline]
    fn lowest(
        &self,
        held: usize,
        draws: &mut u64,
        place_of: impl Fn(usize) -> usize,
        is_there: impl Fn(usize) -> bool,
    ) -> Option<(usize, f32)> {
        if held == 0 {
            return None;
        }
        let mut lowest: Option<(usize, f32)> = None;
        let mut consider = |at: usize| {
            let density = self.density(&self.tags.get(at));
            if lowest.is_none_or(|(_, least)| density < least) {
                lowest = Some((at, density));
            }
        };
        let sample = if self.rounds > EARLY_ROUNDS { self.sample } else { self.early };
        for _ in 0..sample {
            consider(place_of((Self::draw(draws) % held as u64) as usize));
        }
        for &(_, slot) in self.poor.iter().filter(|it| it.1 != NONE) {
            if let Some(at) = self.held_at(slot).filter(|&at| is_there(at)) {
                consider(at);
            }
        }
        lowest
    }
}

/// What an explorer takes.
fn bytes(tag: &Tag) -> i64 {
    i64::try_from(tag.size).unwrap_or(i64::MAX)
}

impl Class {
    /// Hits to come per time to come, for each age, summed up from the oldest.
    fn model(&self, densities: &mut [f32]) {
        let last = AGES - 1;
        let mut hits = self.hits[last];
        let mut events = hits + self.evictions[last];
        let mut lifetime = events;
        for age in (0..last).rev() {
            hits += self.hits[age];
            events += self.hits[age] + self.evictions[age];
            lifetime += events;
            densities[age] = if events > 1e-5 { hits / lifetime } else { 0.0 };
        }
    }
}

/// Moves counts by age to steps of another length. The last age is of all that is older, and stays.
fn rescale(counts: &mut [f32], from_bits: u32, to_bits: u32) {
    let last = counts.len() - 1;
    if to_bits < from_bits {
        let bits = from_bits - to_bits;
        counts[last] += counts[counts.len() >> bits..last].iter().sum::<f32>();
        for age in (0..last).rev() {
            counts[age] = counts[age >> bits] / (1_u64 << bits) as f32;
        }
    } else {
        let bits = to_bits - from_bits;
        let ages = counts.len() >> bits;
        for age in 0..ages {
            counts[age] = counts[age << bits..(age + 1) << bits].iter().sum();
        }
        if bits > 0 {
            counts[ages..last].fill(0.0);
        }
    }
}

impl HookPolicy for Lhd {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        let Some(kind) = event.kind() else { return };
        let slot = event.slot;
        let held_at = self.held_at(slot);
        match (kind, held_at) {
            (EventKind::Hit | EventKind::Return, Some(at)) => self.hit(at),
            (EventKind::Update, Some(at)) => {
                let tag = self.tags.get(at);
                self.stop_exploring(&tag);
                self.tags.set(at, Tag { size: event.size, is_explorer: false, ..tag });
            }
            (EventKind::Remove, _) => self.removed(event),
            (EventKind::Import, Some(_)) => {}
            (EventKind::Insert | EventKind::Return | EventKind::Import, _)
                if !list::is_possible(context, slot) => {}
            (EventKind::Insert, _) => {
                if let Some(tag) = self.forget(slot) {
                    self.stop_exploring(&tag);
                }
                self.insert(event);
            }
            (EventKind::Return, None) => {
                let tag = self.forget(slot).unwrap_or(Tag { slot, ..Tag::NOTHING });
                self.hold(Tag { size: event.size, ..tag });
                self.hit(self.held - 1);
            }
            // As one that was hit at its present age when it was used before.
            (EventKind::Import, None) => {
                if let Some(tag) = self.forget(slot) {
                    self.stop_exploring(&tag);
                }
                let tag = Tag::new(slot, event.size, self.requests);
                self.hold(if event.uses > 1 { Tag { class: class(0, 0), ..tag } } else { tag });
            }
            (EventKind::Hit | EventKind::Update, None) => {}
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        let mut draws = self.draws;
        let (at, density) = self.lowest(self.held, &mut draws, |at| at, |_| true)?;
        self.draws = draws;
        self.victim_density = DECAY * self.victim_density + (1.0 - DECAY) * density;
        let tag = self.let_go(at);
        self.places.set(tag.slot as usize, Place::offered(self.offered.len()));
        self.offered.push(tag);
        Some(tag.slot)
    }

    /// Draws on the side: what is left are places, and where each of them is among the left.
    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        let mut left: Vec<u32> = (0..self.held as u32).collect();
        let mut among_left: Vec<Option<u32>> = left.iter().copied().map(Some).collect();
        let mut draws = self.draws;
        while let Some((at, _)) =
            self.lowest(left.len(), &mut draws, |drawn| left[drawn] as usize, |at| among_left[at].is_some())
        {
            if let Some(gone) = among_left[at].take() {
                left.swap_remove(gone as usize);
                if let Some(&moved) = left.get(gone as usize) {
                    among_left[moved as usize] = Some(gone);
                }
            }
            if !visit(self.tags.get(at).slot) {
                return;
            }
        }
    }

    fn len(&self) -> usize {
        self.held
    }

    fn state_bytes(&self) -> usize {
        let classes = CLASSES * 3 * AGES * size_of::<f32>();
        self.tags.bytes() + self.places.bytes() + self.offered.capacity() * size_of::<Tag>() + classes
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
        let mut class = Class { hits: zeros(), evictions: zeros() };
        (class.hits[2], class.evictions[4]) = (10.0, 10.0);
        let mut densities = zeros();
        class.model(&mut densities);
        // At age 0: one hit for two documents that stay 3 and 5 steps.
        assert_eq!(densities[0], 10.0 / 80.0);
        assert_eq!(densities[2], 10.0 / 40.0);
        assert_eq!(densities[3], 0.0);
        assert_eq!(densities[5], 0.0);
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
