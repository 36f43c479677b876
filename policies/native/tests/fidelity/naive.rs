//! The policies once more, as plainly as their papers put them: objects in vectors, searched from one end to the
//! other. Slow, and written without looking at the policies themselves, whose every decision must be the same.

use crate::driver::{Cache, fetch_us};
use crate::traces::Object;

/// The plain cache that goes by this name.
pub(crate) fn cache(policy: &str, capacity: u64) -> Box<dyn Cache> {
    let scored = |aging, touch, worth| -> Box<dyn Cache> {
        Box::new(Scored {
            aging,
            touch,
            worth,
            residents: vec![],
            clock: 0.0,
            costs: vec![],
            now: 0,
            capacity,
        })
    };
    let queued = |moves_on_hit| Box::new(Queued { moves_on_hit, queue: vec![], capacity });
    match policy {
        "lru" => queued(true),
        "fifo" => queued(false),
        "sieve" => Box::new(Sieve { queue: vec![], hand: None, capacity }),
        "s3-fifo" => Box::new(S3Fifo::new(capacity)),
        "lfu-da" => scored(true, true, |it, _| it.uses),
        "size" => scored(false, false, |it, _| -it.size),
        "gds" => scored(true, true, |it, _| 1.0 / it.size),
        "gds-packets" => scored(true, true, |it, _| (2.0 + it.size / 536.0) / it.size),
        "gds-latency" => scored(true, true, |it, cost| cost / it.size),
        "gdsf" => scored(true, true, |it, _| it.uses / it.size),
        _ => panic!("no plain form of {policy}: write one"),
    }
}

/// LRU and FIFO: the front of the vector goes.
struct Queued {
    moves_on_hit: bool,
    queue: Vec<(Object, u64)>,
    capacity: u64,
}

impl Cache for Queued {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(at) = self.queue.iter().position(|&(other, _)| other == object) {
            if self.moves_on_hit {
                let it = self.queue.remove(at);
                self.queue.push(it);
            }
            return true;
        }
        if size <= self.capacity {
            while self.queue.iter().map(|it| it.1).sum::<u64>() + size > self.capacity {
                self.queue.remove(0);
            }
            self.queue.push((object, size));
        }
        false
    }

    fn purge(&mut self, object: Object) {
        self.queue.retain(|&(other, _)| other != object);
    }
}

/// An object as the scoring policies see it.
struct Scorable {
    object: Object,
    size: f64,
    uses: f64,
    score: f64,
    scored: u64,
}

/// The policies that give objects a number: the lowest goes, of equals the one that got its number first.
struct Scored {
    aging: bool,
    touch: bool,
    worth: fn(&Scorable, f64) -> f64,
    residents: Vec<Scorable>,
    clock: f64,
    costs: Vec<f64>,
    now: u64,
    capacity: u64,
}

impl Scored {
    fn score(&mut self, mut it: Scorable) -> Scorable {
        let mut cost = f64::from(fetch_us(it.object));
        if cost > 0.0 {
            self.costs.push(cost);
        } else if self.costs.is_empty() {
            cost = 1.0;
        } else {
            cost = self.costs.iter().sum::<f64>() / self.costs.len() as f64;
        }
        self.now += 1;
        it.score = self.clock + (self.worth)(&it, cost);
        it.scored = self.now;
        it
    }

    fn evict(&mut self) {
        let mut lowest = 0;
        for (at, it) in self.residents.iter().enumerate() {
            let best = &self.residents[lowest];
            if it.score < best.score || it.score == best.score && it.scored < best.scored {
                lowest = at;
            }
        }
        let gone = self.residents.remove(lowest);
        if self.aging {
            self.clock = gone.score;
        }
    }
}

impl Cache for Scored {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(at) = self.residents.iter().position(|it| it.object == object) {
            if self.touch {
                let mut it = self.residents.remove(at);
                it.uses += 1.0;
                let it = self.score(it);
                self.residents.push(it);
            }
            return true;
        }
        if size <= self.capacity {
            while self.residents.iter().map(|it| it.size as u64).sum::<u64>() + size > self.capacity {
                self.evict();
            }
            let it = self.score(Scorable { object, size: size as f64, uses: 1.0, score: 0.0, scored: 0 });
            self.residents.push(it);
        }
        false
    }

    fn purge(&mut self, object: Object) {
        self.residents.retain(|it| it.object != object);
    }
}

/// SIEVE, the newest at the back.
struct Sieve {
    queue: Vec<(Object, u64, bool)>,
    hand: Option<usize>,
    capacity: u64,
}

impl Sieve {
    fn evict(&mut self) {
        let mut at = self.hand.unwrap_or(0);
        while self.queue[at].2 {
            self.queue[at].2 = false;
            at = (at + 1) % self.queue.len();
        }
        self.queue.remove(at);
        self.hand = (at < self.queue.len()).then_some(at);
    }
}

impl Cache for Sieve {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(it) = self.queue.iter_mut().find(|it| it.0 == object) {
            it.2 = true;
            return true;
        }
        if size <= self.capacity {
            while self.queue.iter().map(|it| it.1).sum::<u64>() + size > self.capacity {
                self.evict();
            }
            self.queue.push((object, size, false));
        }
        false
    }

    fn purge(&mut self, object: Object) {
        let Some(at) = self.queue.iter().position(|it| it.0 == object) else { return };
        self.queue.remove(at);
        self.hand = match self.hand {
            Some(hand) if hand > at => Some(hand - 1),
            Some(hand) if hand == self.queue.len() => None,
            hand => hand,
        };
    }
}

/// S3-FIFO, the newest at the back of each queue.
struct S3Fifo {
    small: Vec<(Object, u64, u32)>,
    main: Vec<(Object, u64, u32)>,
    ghosts: Vec<(Object, u64)>,
    has_evicted: bool,
    capacity: u64,
}

fn bytes<T>(queue: &[(Object, u64, T)]) -> u64 {
    queue.iter().map(|it| it.1).sum()
}

impl S3Fifo {
    fn new(capacity: u64) -> Self {
        Self { small: vec![], main: vec![], ghosts: vec![], has_evicted: false, capacity }
    }

    fn small_max(&self) -> u64 {
        (self.capacity as f64 * 0.1) as u64
    }

    fn evict(&mut self) {
        self.has_evicted = true;
        if bytes(&self.main) <= self.capacity - self.small_max() {
            while !self.small.is_empty() {
                let (object, size, uses) = self.small.remove(0);
                if uses < 2 {
                    self.remember(object, size);
                    return;
                }
                self.main.push((object, size, 0));
            }
        }
        while !self.main.is_empty() {
            let (object, size, uses) = self.main.remove(0);
            if uses == 0 {
                return;
            }
            self.main.push((object, size, uses.min(3) - 1));
        }
    }

    fn remember(&mut self, object: Object, size: u64) {
        let ghosts_max = (self.capacity as f64 * 0.9) as u64;
        if size <= ghosts_max {
            while self.ghosts.iter().map(|it| it.1).sum::<u64>() + size > ghosts_max {
                self.ghosts.remove(0);
            }
            self.ghosts.push((object, size));
        }
    }
}

impl Cache for S3Fifo {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(it) = self.small.iter_mut().chain(&mut self.main).find(|it| it.0 == object) {
            it.2 += 1;
            return true;
        }
        if size > self.capacity {
            return false;
        }
        let ghosts = self.ghosts.len();
        self.ghosts.retain(|it| it.0 != object);
        let was_ghost = self.ghosts.len() < ghosts;
        while bytes(&self.small) + bytes(&self.main) + size > self.capacity {
            self.evict();
        }
        let fills_up = !self.has_evicted && bytes(&self.small) >= self.small_max();
        let queue = if was_ghost || fills_up { &mut self.main } else { &mut self.small };
        queue.push((object, size, 0));
        false
    }

    fn purge(&mut self, object: Object) {
        self.small.retain(|it| it.0 != object);
        self.main.retain(|it| it.0 != object);
    }
}
