//! W-TinyLFU (`WTinyLFU.c`, `minimalIncrementCBF.c`): a window, a main part of two segments, and counters.

use super::lists::Lists;
use super::slru::Segments;
use super::{FILLS_PROTECTED, HITS_EVICT, LARGE_COUNTERS, Setting, USES_OF_MAIN, Variant, WINNER_TAKES_ROOM};
use crate::sketch::Sketch;
use crate::traces::Object;

const WINDOW: usize = 0;
const PROBATION: usize = 1;
const PROTECTED: usize = 2;

/// How often something was asked for.
enum Counts {
    /// The paper's sketch, by the objects' numbers.
    Small(Sketch),
    Large(Large),
}

/// Ten counters of each object in a table that is theirs down to the hash.
struct Large {
    counters: Vec<u32>,
    ids: Vec<u64>,
}

impl Large {
    fn new(units: u64, ids: &[u64]) -> Self {
        let counters = (-(0.001_f64.ln()) / 0.480_453_013_918_201 * units as f64).ceil() as usize;
        Self { counters: vec![0; counters.clamp(20, i32::MAX as usize)], ids: ids.to_vec() }
    }

    fn places(&self, object: Object) -> impl Iterator<Item = usize> + use<> {
        let id = self.ids[object as usize];
        let (first, step) = (xxh64(id, 0x1234_5678) as u32, xxh64(id, 0x1234_4321) as u32);
        let counters = self.counters.len() as u32;
        (0..10_u32).map(move |at| (first.wrapping_add(at.wrapping_mul(step)) % counters) as usize)
    }

    fn count(&self, object: Object) -> u32 {
        self.places(object).map(|place| self.counters[place]).min().unwrap_or(0)
    }

    fn add(&mut self, object: Object) {
        for place in self.places(object) {
            self.counters[place] += 1;
        }
    }
}

/// xxHash64 of eight bytes.
fn xxh64(value: u64, seed: u64) -> u64 {
    const PRIMES: [u64; 5] = [
        0x9E37_79B1_85EB_CA87,
        0xC2B2_AE3D_27D4_EB4F,
        0x1656_67B1_9E37_79F9,
        0x85EB_CA77_C2B2_AE63,
        0x27D4_EB2F_1656_67C5,
    ];
    let round = value.wrapping_mul(PRIMES[1]).rotate_left(31).wrapping_mul(PRIMES[0]);
    let hash = (seed.wrapping_add(PRIMES[4]).wrapping_add(8) ^ round).rotate_left(27);
    let hash = hash.wrapping_mul(PRIMES[0]).wrapping_add(PRIMES[3]);
    let hash = (hash ^ hash >> 33).wrapping_mul(PRIMES[1]);
    let hash = (hash ^ hash >> 29).wrapping_mul(PRIMES[2]);
    hash ^ hash >> 32
}

struct WTinyLfu {
    lists: Lists,
    main: Segments,
    counts: Counts,
    main_max: u64,
    /// Hits in the main part since the counters were halved.
    uses: u64,
    documents_max: usize,
    fills_protected: bool,
    winner_takes_room: bool,
    uses_of_main: bool,
}

impl WTinyLfu {
    fn add(&mut self, object: Object) {
        match &mut self.counts {
            Counts::Small(sketch) => sketch.add(object.into()),
            Counts::Large(large) => large.add(object),
        }
    }

    fn count(&self, object: Object) -> u32 {
        match &self.counts {
            Counts::Small(sketch) => sketch.count(object.into()).into(),
            Counts::Large(large) => large.count(object),
        }
    }

    fn hit(&mut self, object: Object, list: usize) {
        if list == WINDOW {
            self.lists.move_to(WINDOW, object);
        } else {
            self.main.hit(&mut self.lists, object, list, PROTECTED);
        }
        if !self.uses_of_main || list != WINDOW {
            self.add(object);
        }
        self.uses += u64::from(list != WINDOW);
        if let Counts::Large(large) = &mut self.counts
            && self.uses >= 32 * self.main_max
        {
            self.uses = 0;
            large.counters.iter_mut().for_each(|count| *count >>= 1);
        }
    }

    fn enter_main(&mut self, object: Object, size: u64) {
        self.lists.remove(object);
        let with_room = self.main.with_room(&self.lists, size).filter(|_| self.fills_protected);
        if with_room.is_none() && self.winner_takes_room {
            while self.main.bytes(&self.lists) + size > self.main_max {
                self.main.evict(&mut self.lists);
            }
        }
        self.lists.push(with_room.unwrap_or(PROBATION), object, size);
    }

    /// Moves candidates into the main part while there is room, and evicts once.
    fn evict(&mut self) {
        while let Some(candidate) = self.lists.oldest(WINDOW) {
            let size = self.lists.size(candidate);
            let fits = |it: &Self| it.main.bytes(&it.lists) + size <= it.main_max;
            let was_full = !fits(self);
            if was_full {
                let victim = self.lists.oldest(PROBATION).or_else(|| self.lists.oldest(PROTECTED));
                if victim.is_some_and(|victim| self.count(candidate) > self.count(victim)) {
                    self.main.evict(&mut self.lists);
                    if self.winner_takes_room || fits(self) {
                        self.enter_main(candidate, size);
                    }
                } else {
                    self.lists.remove(candidate);
                }
            } else {
                self.enter_main(candidate, size);
            }
            if self.uses_of_main {
                self.add(candidate);
            }
            if was_full {
                return;
            }
        }
        self.main.evict(&mut self.lists);
    }
}

pub(crate) fn make(setting: &Setting<'_>) -> Variant {
    let (capacity, admitted_max) = (setting.capacity, setting.admitted_max);
    let main_max = capacity - (capacity as f64 * 0.01) as u64;
    let share = |share: f64| (share * main_max as f64) as u64;
    let counts = match setting.rules.has(LARGE_COUNTERS) {
        true => Counts::Large(Large::new(main_max, &setting.trace.ids)),
        false => Counts::Small(Sketch::new()),
    };
    let hits_evict = setting.rules.has(HITS_EVICT);
    let mut it = WTinyLfu {
        lists: Lists::new(3, setting.trace.objects),
        main: Segments { first: PROBATION, sizes: vec![share(1.0 / 5.0), share(4.0 / 5.0)], hits_evict },
        counts,
        main_max,
        uses: 0,
        documents_max: 0,
        fills_protected: setting.rules.has(FILLS_PROTECTED),
        winner_takes_room: setting.rules.has(WINNER_TAKES_ROOM),
        uses_of_main: setting.rules.has(USES_OF_MAIN),
    };
    Box::new(move |object, size| {
        if let Some(list) = it.lists.list_of(object) {
            it.hit(object, list);
            return true;
        }
        if size <= admitted_max {
            while it.lists.bytes(WINDOW) + it.main.bytes(&it.lists) + size > capacity {
                it.evict();
            }
            it.lists.push(WINDOW, object, size);
            let documents = (WINDOW..=PROTECTED).map(|list| it.lists.len(list)).sum();
            it.documents_max = it.documents_max.max(documents);
            if let Counts::Small(sketch) = &mut it.counts {
                sketch.fit(it.documents_max);
            }
            it.add(object);
        }
        false
    })
}
