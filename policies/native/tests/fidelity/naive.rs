//! The policies once more, as plainly as their papers put them: objects in vectors, searched from one end to the
//! other. Slow, and written without looking at the policies themselves, whose every decision must be the same.

use crate::driver::{Cache, fetch_us};
use crate::traces::Object;

/// The plain cache that goes by this name, if there is one.
pub(crate) fn cache(policy: &str, capacity: u64) -> Option<Box<dyn Cache>> {
    let scored = |aging, touch, worth| -> Box<dyn Cache> {
        Box::new(Scored {
            aging,
            touch,
            worth,
            residents: vec![],
            clock: 0.0,
            tie: if policy == "squid-gdsf" { 1e-9 } else { 0.0 },
            costs: vec![],
            now: 0,
            capacity,
        })
    };
    let queued = |moves_on_hit| Box::new(Queued { moves_on_hit, queue: vec![], capacity });
    Some(match policy {
        "lru" => queued(true),
        "fifo" => queued(false),
        "sieve" => Box::new(Sieve { queue: vec![], hand: None, capacity }),
        "s3-fifo" => Box::new(S3Fifo::new(capacity)),
        "clock" => Box::new(Clock { uses_max: 1, queue: vec![], capacity }),
        "slru" => Box::new(Slru { fills: true, segments: vec![vec![]; 4], capacity }),
        "s4lru" => Box::new(Slru { fills: false, segments: vec![vec![]; 4], capacity }),
        "arc" => {
            Box::new(Arc { lists: Default::default(), ghosts: Default::default(), target: 0.0, capacity })
        }
        "lirs" => Box::new(Lirs { stack: vec![], queue: vec![], ghosts: vec![], capacity }),
        "lru-k" => Box::new(LruK { residents: vec![], history: vec![], now: 0, capacity }),
        "2q" => Box::new(TwoQ { newcomers: vec![], main: vec![], out: vec![], capacity }),
        "qd-lp" => Box::new(QdLp { probation: vec![], main: vec![], ghosts: vec![], capacity }),
        // The clock of the comparison stands still: no ties are broken by time.
        "squid-lru" => queued(true),
        "squid-gdsf" => scored(Aging::Last, true, |it, _| it.uses / it.size),
        "squid-lfuda" => scored(Aging::Last, true, |it, _| it.uses),
        "lfu" => scored(Aging::None, true, |it, _| it.uses),
        "lfu-da" => scored(Aging::Highest, true, |it, _| it.uses),
        // The strength of correlation is measured when the tests have long ended.
        "gd-star" => scored(Aging::Highest, true, |it, _| (it.uses / it.size).powf(1.0 / 0.5)),
        "size" => scored(Aging::None, false, |it, _| -it.size),
        "gds" => scored(Aging::Highest, true, |it, _| 1.0 / it.size),
        "gds-packets" => scored(Aging::Highest, true, |it, _| (2.0 + it.size / 536.0) / it.size),
        "gds-latency" => scored(Aging::Highest, true, |it, cost| cost / it.size),
        "gdsf" => scored(Aging::Highest, true, |it, _| it.uses / it.size),
        _ => return None,
    })
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

/// What the clock becomes when an object goes.
#[derive(Clone, Copy, PartialEq)]
enum Aging {
    /// Nothing.
    None,
    /// Its score, which in GreedyDual is never lower than the clock.
    Highest,
    /// Its score when that is above nought, as in Squid.
    Last,
}

/// The policies that give objects a number: the lowest goes, of equals the one that got its number first.
struct Scored {
    aging: Aging,
    touch: bool,
    worth: fn(&Scorable, f64) -> f64,
    residents: Vec<Scorable>,
    clock: f64,
    tie: f64,
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
        it.score = self.clock + (self.worth)(&it, cost) - self.tie;
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
        if self.aging == Aging::Highest || self.aging == Aging::Last && gone.score > 0.0 {
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

/// CLOCK, the newest at the back.
struct Clock {
    uses_max: u32,
    queue: Vec<(Object, u64, u32)>,
    capacity: u64,
}

impl Cache for Clock {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(it) = self.queue.iter_mut().find(|it| it.0 == object) {
            it.2 = (it.2 + 1).min(self.uses_max);
            return true;
        }
        if size <= self.capacity {
            while bytes(&self.queue) + size > self.capacity {
                turn(&mut self.queue);
            }
            self.queue.push((object, size, 0));
        }
        false
    }

    fn purge(&mut self, object: Object) {
        self.queue.retain(|it| it.0 != object);
    }
}

/// One step of CLOCK's hand; what it evicted, if it did.
fn turn(queue: &mut Vec<(Object, u64, u32)>) -> bool {
    let (object, size, uses) = queue.remove(0);
    if uses > 0 {
        queue.push((object, size, uses - 1));
    }
    uses == 0
}

/// SLRU, the most recently used at the back of each segment.
struct Slru {
    fills: bool,
    segments: Vec<Vec<(Object, u64, ())>>,
    capacity: u64,
}

impl Slru {
    fn segment_max(&self) -> u64 {
        self.capacity / 4
    }

    fn evict(&mut self) {
        let lowest = self.segments.iter_mut().find(|segment| !segment.is_empty());
        lowest.unwrap().remove(0);
    }
}

impl Cache for Slru {
    fn request(&mut self, object: Object, size: u64) -> bool {
        for at in 0..4 {
            let Some(i) = self.segments[at].iter().position(|it| it.0 == object) else { continue };
            let it = self.segments[at].remove(i);
            let mut to = (at + 1).min(3);
            self.segments[to].push(it);
            while to > 0 {
                while bytes(&self.segments[to]) > self.segment_max() {
                    let it = self.segments[to].remove(0);
                    self.segments[to - 1].push(it);
                }
                to -= 1;
            }
            return true;
        }
        if size <= self.capacity {
            while self.segments.iter().map(|segment| bytes(segment)).sum::<u64>() + size > self.capacity {
                self.evict();
            }
            let max = self.segment_max();
            let has_room = |segment: &Vec<_>| bytes(segment) + size <= max;
            let lowest = self.segments.iter().position(has_room).filter(|_| self.fills);
            self.segments[lowest.unwrap_or(0)].push((object, size, ()));
        }
        false
    }

    fn purge(&mut self, object: Object) {
        self.segments.iter_mut().for_each(|segment| segment.retain(|it| it.0 != object));
    }
}

/// Remembers an object among so many bytes of ghosts, the newest at the back.
fn remember(ghosts: &mut Vec<(Object, u64)>, object: Object, size: u64, bytes_max: u64) {
    if size <= bytes_max {
        while ghosts.iter().map(|it| it.1).sum::<u64>() + size > bytes_max {
            ghosts.remove(0);
        }
        ghosts.push((object, size));
    }
}

/// Forgets a ghost; whether there was one.
fn recall(ghosts: &mut Vec<(Object, u64)>, object: Object) -> bool {
    let before = ghosts.len();
    ghosts.retain(|it| it.0 != object);
    ghosts.len() < before
}

/// 2Q, the newest at the back of each queue.
struct TwoQ {
    newcomers: Vec<(Object, u64, ())>,
    main: Vec<(Object, u64, ())>,
    out: Vec<(Object, u64)>,
    capacity: u64,
}

impl Cache for TwoQ {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if self.newcomers.iter().any(|it| it.0 == object) {
            return true;
        }
        if let Some(at) = self.main.iter().position(|it| it.0 == object) {
            let it = self.main.remove(at);
            self.main.push(it);
            return true;
        }
        if size > self.capacity {
            return false;
        }
        let was_ghost = recall(&mut self.out, object);
        while bytes(&self.newcomers) + bytes(&self.main) + size > self.capacity {
            if bytes(&self.newcomers) > self.capacity / 4 || self.main.is_empty() {
                let (gone, size, ()) = self.newcomers.remove(0);
                remember(&mut self.out, gone, size, self.capacity / 2);
            } else {
                self.main.remove(0);
            }
        }
        let queue = if was_ghost { &mut self.main } else { &mut self.newcomers };
        queue.push((object, size, ()));
        false
    }

    fn purge(&mut self, object: Object) {
        self.newcomers.retain(|it| it.0 != object);
        self.main.retain(|it| it.0 != object);
    }
}

/// QD-LP-FIFO, the newest at the back of each queue.
struct QdLp {
    probation: Vec<(Object, u64, u32)>,
    main: Vec<(Object, u64, u32)>,
    ghosts: Vec<(Object, u64)>,
    capacity: u64,
}

impl QdLp {
    fn evict(&mut self) {
        let main_max = self.capacity - (self.capacity as f64 * 0.1) as u64;
        while let Some(&(object, size, uses)) = self.probation.first() {
            if uses == 0 {
                self.probation.remove(0);
                let ghosts_max = (self.capacity as f64 * 0.9) as u64;
                return remember(&mut self.ghosts, object, size, ghosts_max);
            }
            let mut has_evicted = false;
            if bytes(&self.main) + size > main_max && !self.main.is_empty() {
                while !turn(&mut self.main) {}
                has_evicted = true;
            }
            if bytes(&self.main) + size <= main_max || !has_evicted {
                self.probation.remove(0);
                self.main.push((object, size, 0));
            }
            if has_evicted {
                return;
            }
        }
        while !turn(&mut self.main) {}
    }
}

impl Cache for QdLp {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(it) = self.probation.iter_mut().chain(&mut self.main).find(|it| it.0 == object) {
            it.2 = (it.2 + 1).min(3);
            return true;
        }
        if size > self.capacity {
            return false;
        }
        let was_ghost = recall(&mut self.ghosts, object);
        while bytes(&self.probation) + bytes(&self.main) + size > self.capacity {
            self.evict();
        }
        let queue = if was_ghost { &mut self.main } else { &mut self.probation };
        queue.push((object, size, 0));
        false
    }

    fn purge(&mut self, object: Object) {
        self.probation.retain(|it| it.0 != object);
        self.main.retain(|it| it.0 != object);
    }
}

/// ARC: T1 and T2, B1 and B2, the most recently used at the back of each.
struct Arc {
    lists: [Vec<(Object, u64, ())>; 2],
    ghosts: [Vec<(Object, u64)>; 2],
    target: f64,
    capacity: u64,
}

fn ghost_bytes(ghosts: &[(Object, u64)]) -> u64 {
    ghosts.iter().map(|it| it.1).sum()
}

impl Cache for Arc {
    fn request(&mut self, object: Object, size: u64) -> bool {
        for list in 0..2 {
            if let Some(at) = self.lists[list].iter().position(|it| it.0 == object) {
                let it = self.lists[list].remove(at);
                self.lists[1].push(it);
                return true;
            }
        }
        if size > self.capacity {
            return false;
        }
        while bytes(&self.lists[0]) + bytes(&self.lists[1]) + size > self.capacity {
            let is_first = bytes(&self.lists[0]) > self.target as u64 && !self.lists[0].is_empty();
            let from = usize::from(!is_first && !self.lists[1].is_empty());
            let (gone, size, ()) = self.lists[from].remove(0);
            self.ghosts[from].push((gone, size));
        }
        let ghosts = [ghost_bytes(&self.ghosts[0]) as f64, ghost_bytes(&self.ghosts[1]) as f64];
        let (b1, b2) = (recall(&mut self.ghosts[0], object), recall(&mut self.ghosts[1], object));
        if b1 {
            self.target += size as f64 * (ghosts[1] / ghosts[0]).max(1.0);
            self.target = self.target.min(self.capacity as f64);
        } else if b2 {
            self.target -= size as f64 * (ghosts[0] / ghosts[1]).max(1.0);
            self.target = self.target.max(0.0);
        }
        self.lists[usize::from(b1 || b2)].push((object, size, ()));
        for ghosts in &mut self.ghosts {
            while ghost_bytes(ghosts) > self.capacity {
                ghosts.remove(0);
            }
        }
        while bytes(&self.lists[0]) + ghost_bytes(&self.ghosts[0]) > self.capacity
            && !self.ghosts[0].is_empty()
        {
            self.ghosts[0].remove(0);
        }
        let resident = bytes(&self.lists[0]) + bytes(&self.lists[1]);
        while resident + ghost_bytes(&self.ghosts[0]) + ghost_bytes(&self.ghosts[1]) > 2 * self.capacity
            && !self.ghosts[1].is_empty()
        {
            self.ghosts[1].remove(0);
        }
        false
    }

    fn purge(&mut self, object: Object) {
        self.lists.iter_mut().for_each(|list| list.retain(|it| it.0 != object));
    }
}

/// What an object in LIRS's stack is.
#[derive(Clone, Copy, PartialEq)]
enum Recency {
    Lir,
    Hir,
    Ghost,
}

/// LIRS with the paper's stack, its top at the back, and queue, its end at the back.
struct Lirs {
    stack: Vec<(Object, u64, Recency)>,
    queue: Vec<(Object, u64)>,
    /// In the order they went.
    ghosts: Vec<(Object, u64)>,
    capacity: u64,
}

impl Lirs {
    fn lir_max(&self) -> u64 {
        self.capacity - ((self.capacity as f64 * 0.01) as u64).max(1)
    }

    fn lir_bytes(&self) -> u64 {
        self.stack.iter().filter(|it| it.2 == Recency::Lir).map(|it| it.1).sum()
    }

    /// What this object is in the stack; it is not there any more.
    fn take(&mut self, object: Object) -> Option<Recency> {
        let at = self.stack.iter().position(|it| it.0 == object)?;
        Some(self.stack.remove(at).2)
    }

    /// Removes from the bottom of the stack what is not LIR.
    fn prune(&mut self) {
        while self.stack.first().is_some_and(|it| it.2 != Recency::Lir) {
            let (object, ..) = self.stack.remove(0);
            recall(&mut self.ghosts, object);
        }
    }

    /// Puts a LIR object on top, and turns the lowest into HIR until the others fit.
    fn push_lir(&mut self, object: Object, size: u64) {
        self.stack.push((object, size, Recency::Lir));
        self.prune();
        while self.lir_bytes() > self.lir_max() {
            let (lowest, size, _) = self.stack.remove(0);
            self.queue.push((lowest, size));
            self.prune();
        }
    }

    fn push_hir(&mut self, object: Object, size: u64) {
        self.stack.push((object, size, Recency::Hir));
        self.queue.push((object, size));
        self.prune();
    }

    fn evict(&mut self) {
        if self.queue.is_empty() {
            self.stack.remove(0);
            return self.prune();
        }
        let (object, size) = self.queue.remove(0);
        if let Some(it) = self.stack.iter_mut().find(|it| it.0 == object) {
            it.2 = Recency::Ghost;
            self.ghosts.push((object, size));
        }
    }
}

impl Cache for Lirs {
    fn request(&mut self, object: Object, size: u64) -> bool {
        let is_queued = recall(&mut self.queue, object);
        let was = match self.stack.iter().find(|it| it.0 == object).map(|it| it.2) {
            Some(Recency::Ghost) | None if !is_queued => {
                if size > self.capacity {
                    return false;
                }
                while self.lir_bytes() + ghost_bytes(&self.queue) + size > self.capacity {
                    self.evict();
                }
                let was = self.take(object);
                recall(&mut self.ghosts, object);
                if was.is_some() || self.lir_bytes() + size <= self.lir_max() {
                    self.push_lir(object, size);
                } else {
                    self.push_hir(object, size);
                }
                while ghost_bytes(&self.ghosts) > self.capacity {
                    let (oldest, _) = self.ghosts.remove(0);
                    self.take(oldest);
                }
                return false;
            }
            was => was,
        };
        self.take(object);
        if was.is_some() {
            self.push_lir(object, size)
        } else {
            self.push_hir(object, size)
        }
        true
    }

    fn purge(&mut self, object: Object) {
        let is_queued = recall(&mut self.queue, object);
        if is_queued || self.stack.iter().any(|it| it.0 == object && it.2 == Recency::Lir) {
            self.take(object);
            self.prune();
        }
    }
}

/// LRU-2: object, size, last use, last use but one.
struct LruK {
    residents: Vec<(Object, u64, u64, Option<u64>)>,
    /// Object, size and last use of what was evicted, the newest at the back.
    history: Vec<(Object, u64, u64)>,
    now: u64,
    capacity: u64,
}

impl Cache for LruK {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(it) = self.residents.iter_mut().find(|it| it.0 == object) {
            self.now += 1;
            (it.2, it.3) = (self.now, Some(it.2));
            return true;
        }
        if size > self.capacity {
            return false;
        }
        while self.residents.iter().map(|it| it.1).sum::<u64>() + size > self.capacity {
            // Never used twice is used twice longest ago.
            let (at, _) = self.residents.iter().enumerate().min_by_key(|(_, it)| (it.3, it.2)).unwrap();
            let (gone, size, last, _) = self.residents.remove(at);
            self.history.push((gone, size, last));
        }
        let known = self.history.iter().position(|it| it.0 == object);
        let before = known.map(|at| self.history.remove(at).2);
        while self.history.iter().map(|it| it.1).sum::<u64>() > self.capacity {
            self.history.remove(0);
        }
        self.now += 1;
        self.residents.push((object, size, self.now, before));
        false
    }

    fn purge(&mut self, object: Object) {
        self.residents.retain(|it| it.0 != object);
    }
}
