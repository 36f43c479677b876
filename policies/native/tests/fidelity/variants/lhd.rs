//! LHD (`lhd.cpp`, the authors' simulator). The random numbers are theirs or those of the policy here, both reproducible,
//! so that the two can be told apart from what is drawn.

use super::{SIZES_FOLLOW, Setting, THEIR_DRAWS, Variant};
use crate::sketch;
use crate::traces::Object;

const CLASSES: usize = 16;
const AGES: usize = 20_000;
const EVERY: u64 = 1 << 20;
const DECAY: f32 = 0.9;
const ADMISSIONS: usize = 8;
const SAMPLE: usize = 8;

/// Where random numbers come from.
pub(crate) enum Draws {
    /// A counter, spread.
    Ours(u64),
    /// Lehmer's generator: its state is their seed.
    Theirs(u128),
}

impl Draws {
    /// What they begin with in a process that sets no seed.
    pub(crate) const THEIR_FIRST: u128 = 0xdead_beef;

    fn draw(&mut self) -> u64 {
        match self {
            Self::Ours(count) => {
                *count += 1;
                sketch::spread(*count)
            }
            Self::Theirs(state) => {
                *state = state.wrapping_mul(0xda94_2042_e4dd_58b5);
                (*state >> 64) as u64
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Tag {
    object: Object,
    /// When it was touched last.
    touched: u64,
    hit_age: usize,
    hit_age_before: usize,
    size: f32,
    is_explorer: bool,
}

#[derive(Clone)]
struct Class {
    hits: Vec<f32>,
    evictions: Vec<f32>,
    densities: Vec<f32>,
}

/// The cache.
pub(crate) struct Lhd {
    tags: Vec<Tag>,
    /// By object: its place among the tags.
    places: Vec<Option<u32>>,
    /// What is charged, by object.
    sizes: Vec<u64>,
    used: u64,
    capacity: u64,
    classes: Vec<Class>,
    requests: u64,
    until_learning: u64,
    rounds: u32,
    shift: u32,
    documents: (f32, f32),
    poor: [Option<Object>; ADMISSIONS],
    poor_count: usize,
    victim_density: f32,
    explore_bytes: i64,
    sizes_follow: bool,
    pub(crate) draws: Draws,
}

impl Lhd {
    pub(crate) fn new(capacity: u64, objects: usize, sizes_follow: bool, draws: Draws) -> Self {
        let class = |class: usize| Class {
            hits: vec![0.0; AGES],
            evictions: vec![0.0; AGES],
            densities: (0..AGES).map(|age| (class + 17) as f32 / (age + 1) as f32).collect(),
        };
        Self {
            tags: vec![],
            places: vec![None; objects],
            sizes: vec![0; objects],
            used: 0,
            capacity,
            classes: (0..CLASSES).map(class).collect(),
            requests: 0,
            until_learning: EVERY,
            rounds: 0,
            shift: 10,
            documents: (0.0, 0.0),
            poor: [None; ADMISSIONS],
            poor_count: 0,
            victim_density: 0.0,
            explore_bytes: (capacity as f32 * 0.01) as i64,
            sizes_follow,
            draws,
        }
    }

    pub(crate) fn request(&mut self, object: Object, size: u64) -> bool {
        let is_hit = self.places[object as usize].is_some();
        if is_hit {
            let old = &mut self.sizes[object as usize];
            let new = if self.sizes_follow { size } else { *old };
            self.used = self.used - std::mem::replace(old, new) + new;
            self.update(object, new);
        } else if size <= self.capacity {
            while self.used + size > self.capacity {
                self.evict();
            }
            self.sizes[object as usize] = size;
            self.used += size;
            self.update(object, size);
        }
        is_hit
    }

    fn age(&self, tag: &Tag) -> usize {
        (((self.requests - tag.touched) >> self.shift) as usize).min(AGES - 1)
    }

    fn class(tag: &Tag) -> usize {
        let (mut age, mut class) = (tag.hit_age + tag.hit_age_before, 0);
        if age == 0 {
            return CLASSES - 1;
        }
        while age < AGES && class < CLASSES - 1 {
            (age, class) = (age << 1, class + 1);
        }
        class
    }

    fn density(&self, tag: &Tag) -> f32 {
        let age = self.age(tag);
        if age == AGES - 1 {
            return f32::MIN;
        }
        let density = self.classes[Self::class(tag)].densities[age] / tag.size;
        if tag.is_explorer { density + 1.0 } else { density }
    }

    fn evict(&mut self) {
        let mut victim = None;
        let mut least = f32::MAX;
        for _ in 0..SAMPLE {
            let at = (self.draws.draw() % self.tags.len() as u64) as usize;
            let density = self.density(&self.tags[at]);
            if density < least {
                (victim, least) = (Some(at), density);
            }
        }
        for object in self.poor.into_iter().flatten() {
            let Some(at) = self.places[object as usize] else { continue };
            let density = self.density(&self.tags[at as usize]);
            if density < least {
                (victim, least) = (Some(at as usize), density);
            }
        }
        self.victim_density = DECAY * self.victim_density + (1.0 - DECAY) * least;
        let at = victim.expect("a full cache has a victim");
        let tag = self.tags[at];
        let age = self.age(&tag);
        self.classes[Self::class(&tag)].evictions[age] += 1.0;
        if tag.is_explorer {
            self.explore_bytes = (self.explore_bytes as f32 + tag.size) as i64;
        }
        self.tags.swap_remove(at);
        self.places[tag.object as usize] = None;
        if let Some(moved) = self.tags.get(at) {
            self.places[moved.object as usize] = Some(at as u32);
        }
        self.used -= self.sizes[tag.object as usize];
    }

    fn update(&mut self, object: Object, size: u64) {
        let place = self.places[object as usize];
        let mut tag = match place {
            Some(at) => {
                let mut tag = self.tags[at as usize];
                let age = self.age(&tag);
                self.classes[Self::class(&tag)].hits[age] += 1.0;
                if tag.is_explorer {
                    self.explore_bytes = (self.explore_bytes as f32 + tag.size) as i64;
                }
                (tag.hit_age_before, tag.hit_age) = (tag.hit_age, age);
                tag
            }
            None => {
                self.places[object as usize] = Some(self.tags.len() as u32);
                Tag { object, touched: 0, hit_age: 0, hit_age_before: AGES, size: 0.0, is_explorer: false }
            }
        };
        tag.touched = self.requests;
        tag.size = size as f32;
        let explores = self.draws.draw().is_multiple_of(32);
        tag.is_explorer = explores && self.explore_bytes > 0 && self.rounds < 50;
        if tag.is_explorer {
            self.explore_bytes = (self.explore_bytes as f32 - tag.size) as i64;
        }
        if place.is_none() && !explores && self.density(&tag) < self.victim_density {
            self.poor[self.poor_count % ADMISSIONS] = Some(object);
            self.poor_count += 1;
        }
        match place {
            Some(at) => self.tags[at as usize] = tag,
            None => self.tags.push(tag),
        }
        self.requests += 1;
        self.until_learning -= 1;
        if self.until_learning == 0 {
            self.learn();
            self.until_learning = EVERY;
            self.rounds += 1;
        }
    }

    fn learn(&mut self) {
        for class in &mut self.classes {
            class.hits.iter_mut().chain(&mut class.evictions).for_each(|count| *count *= DECAY);
        }
        self.documents.0 = self.documents.0 * DECAY + self.tags.len() as f32;
        self.documents.1 = self.documents.1 * DECAY + 1.0;
        if matches!(self.rounds, 5 | 25) {
            let wanted = self.documents.0 / self.documents.1 / (0.01 * AGES as f32);
            let mut shift = 1;
            while ((1_u64 << shift) as f32) < wanted {
                shift += 1;
            }
            self.documents = (self.documents.0 * 8.0, self.documents.1 * 8.0);
            let from = std::mem::replace(&mut self.shift, shift);
            for class in &mut self.classes {
                rescale(&mut class.hits, from, shift);
                rescale(&mut class.evictions, from, shift);
            }
        }
        for class in &mut self.classes {
            let mut hits = class.hits[AGES - 1];
            let mut events = hits + class.evictions[AGES - 1];
            let mut lifetime = events;
            for age in (0..AGES - 1).rev() {
                hits += class.hits[age];
                events += class.hits[age] + class.evictions[age];
                lifetime += events;
                class.densities[age] = if events > 1e-5 { hits / lifetime } else { 0.0 };
            }
        }
    }
}

/// Brings what was counted by ages of one length to another length.
fn rescale(counts: &mut [f32], from: u32, to: u32) {
    let last = AGES - 1;
    if to < from {
        let shift = from - to;
        for age in AGES >> shift..last {
            counts[last] += counts[age];
        }
        for age in (0..last).rev() {
            counts[age] = counts[age >> shift] / (1_u32 << shift) as f32;
        }
    } else if to > from {
        let shift = to - from;
        for age in 0..AGES >> shift {
            counts[age] = (age << shift..(age + 1) << shift).map(|at| counts[at]).sum();
        }
        counts[AGES >> shift..last].fill(0.0);
    }
}

pub(crate) fn make(setting: &Setting<'_>) -> Variant {
    let draws = match setting.rules.has(THEIR_DRAWS) {
        true => Draws::Theirs(Draws::THEIR_FIRST),
        false => Draws::Ours(0),
    };
    let follows = setting.rules.has(SIZES_FOLLOW);
    let mut lhd = Lhd::new(setting.capacity, setting.trace.objects, follows, draws);
    Box::new(move |object, size| lhd.request(object, size))
}
