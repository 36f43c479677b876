//! The policies that learn, once more, as plainly as in `naive.rs`: what they learnt is counted anew from a list of all that
//! happened where that is possible. Draws and the sketch are the policies' own, which are not what is compared.

use crate::driver::Cache;
use crate::sketch::{Sketch, spread};
use crate::traces::Object;

/// The plain cache of this policy.
pub(crate) fn cache(policy: &str, capacity: u64) -> Option<Box<dyn Cache>> {
    Some(match policy {
        "lecar" => Box::new(LeCaR::new(capacity)),
        "cacheus" => Box::new(Cacheus::new(capacity)),
        "lrv" => Box::new(Lrv { residents: vec![], history: vec![], known: 0, next: 1, capacity }),
        "tiny-ufo" => Box::new(TinyUfo {
            small: vec![],
            main: vec![],
            newcomer: None,
            sketch: Sketch::new(),
            documents_max: 0,
            capacity,
        }),
        _ => return None,
    })
}

/// Which of two experts is asked for the victim of this number.
fn is_recency(weight: f64, draws: u64) -> bool {
    ((spread(draws + 1) >> 11) as f64 / (1_u64 << 53) as f64) < weight
}

/// The weight of the first expert after one of them was wrong.
fn blame(weight: f64, is_recency: bool, exponent: f64) -> f64 {
    let (mut first, mut second) = (weight, 1.0 - weight);
    let wrong = if is_recency { &mut first } else { &mut second };
    *wrong *= (-exponent).exp();
    (first / (first + second)).clamp(0.01, 0.99)
}

/// A document of LeCaR's or CACHEUS's, resident or remembered.
#[derive(Clone, Copy)]
struct Document {
    object: Object,
    size: u64,
    uses: u32,
    /// The request that used or evicted it.
    at: u64,
    /// Came to a full CACHEUS and was not missed before.
    is_new: bool,
    /// Fell out of CACHEUS's S.
    is_demoted: bool,
}

fn bytes(documents: &[Document]) -> u64 {
    documents.iter().map(|it| it.size).sum()
}

fn take(documents: &mut Vec<Document>, object: Object) -> Option<Document> {
    let at = documents.iter().position(|it| it.object == object)?;
    Some(documents.remove(at))
}

/// LeCaR, the least recently used first.
struct LeCaR {
    residents: Vec<Document>,
    by_recency: Vec<Document>,
    by_frequency: Vec<Document>,
    weight: f64,
    draws: u64,
    now: u64,
    capacity: u64,
}

impl LeCaR {
    fn new(capacity: u64) -> Self {
        let (residents, by_recency, by_frequency) = (vec![], vec![], vec![]);
        Self { residents, by_recency, by_frequency, weight: 0.5, draws: 0, now: 0, capacity }
    }

    fn evict(&mut self) {
        let recent = self.residents[0].object;
        let least = self.residents.iter().min_by_key(|it| (it.uses, it.at)).unwrap().object;
        if recent == least {
            take(&mut self.residents, recent);
            return;
        }
        let is_recency = is_recency(self.weight, self.draws);
        self.draws += 1;
        let gone = take(&mut self.residents, if is_recency { recent } else { least }).unwrap();
        let ghosts = if is_recency { &mut self.by_recency } else { &mut self.by_frequency };
        if gone.size <= self.capacity / 2 {
            ghosts.push(Document { at: self.now, ..gone });
        }
    }

    /// Uses of a ghost, and whose it was.
    fn recall(&mut self, object: Object) -> Option<(Document, bool)> {
        let of_recency = take(&mut self.by_recency, object).map(|it| (it, true));
        of_recency.or_else(|| take(&mut self.by_frequency, object).map(|it| (it, false)))
    }
}

impl Cache for LeCaR {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(it) = take(&mut self.residents, object) {
            self.now += 1;
            self.residents.push(Document { uses: it.uses + 1, at: self.now, ..it });
            return true;
        }
        if size > self.capacity {
            return false;
        }
        while bytes(&self.residents) + size > self.capacity {
            self.evict();
        }
        self.now += 1;
        let mut uses = 1;
        if let Some((ghost, is_recency)) = self.recall(object) {
            uses += ghost.uses;
            let documents = self.residents.len().max(1) as f64;
            let regret = 0.005_f64.powf((self.now - ghost.at) as f64 / documents);
            self.weight = blame(self.weight, is_recency, 0.45 * regret);
        }
        let at = self.now;
        self.residents.push(Document { object, size, uses, at, is_new: false, is_demoted: false });
        for ghosts in [&mut self.by_recency, &mut self.by_frequency] {
            while bytes(ghosts) > self.capacity / 2 {
                ghosts.remove(0);
            }
        }
        false
    }

    fn purge(&mut self, object: Object) {
        take(&mut self.residents, object);
    }
}

/// CACHEUS: S and Q, the least recently used first in each.
struct Cacheus {
    reused: Vec<Document>,
    queue: Vec<Document>,
    by_recency: Vec<Document>,
    by_frequency: Vec<Document>,
    weight: f64,
    rate: Rate,
    draws: u64,
    now: u64,
    reused_max: u64,
    is_filled: bool,
    capacity: u64,
}

impl Cacheus {
    fn new(capacity: u64) -> Self {
        let (reused, queue, by_recency, by_frequency) = (vec![], vec![], vec![], vec![]);
        let reused_max = capacity - (capacity / 100).max(1);
        let rate = Rate { rate: 1.0, first: None, change: 1.0, ratio: 0.0, period: 0, ..Rate::default() };
        Self {
            reused,
            queue,
            by_recency,
            by_frequency,
            weight: 0.5,
            rate,
            draws: 0,
            now: 0,
            reused_max,
            is_filled: false,
            capacity,
        }
    }

    /// Documents the size of this one by which a border moves: as many as there are more of the others.
    fn step(more: usize, fewer: usize, size: u64) -> u64 {
        let ratio = (more as f64 / fewer.max(1) as f64).round();
        (ratio as u64).max(1).saturating_mul(size)
    }

    fn demoted(&self) -> usize {
        self.queue.iter().chain(&self.reused).filter(|it| it.is_demoted).count()
    }

    fn new_ghosts(&self) -> usize {
        self.by_recency.iter().filter(|it| it.is_new).count()
    }

    fn demote(&mut self, room_for: u64) {
        while bytes(&self.reused) + room_for > self.reused_max && !self.reused.is_empty() {
            let oldest = self.reused.remove(0);
            self.queue.push(Document { is_demoted: true, ..oldest });
        }
    }

    fn requested(&mut self, is_hit: bool) {
        self.now += 1;
        self.rate.requested(is_hit, (self.reused.len() + self.queue.len()) as u64);
    }

    fn evict(&mut self) {
        self.is_filled = true;
        let recent = self.queue.first().or(self.reused.first()).unwrap().object;
        let residents = self.queue.iter().chain(&self.reused);
        let least = residents.min_by_key(|it| (it.uses, u64::MAX - it.at)).unwrap().object;
        let by = (recent != least).then(|| is_recency(self.weight, self.draws));
        self.draws += u64::from(by.is_some());
        let victim = if by == Some(false) { least } else { recent };
        let gone = take(&mut self.queue, victim).or_else(|| take(&mut self.reused, victim)).unwrap();
        if gone.size <= self.capacity / 2 {
            match by {
                Some(true) => self.by_recency.push(gone),
                Some(false) => self.by_frequency.push(gone),
                None => {}
            }
        }
    }

    fn hit(&mut self, object: Object) -> bool {
        let is_queued = self.queue.iter().any(|it| it.object == object);
        if !is_queued && !self.reused.iter().any(|it| it.object == object) {
            return false;
        }
        self.requested(true);
        let (uses, at) = (1, self.now);
        let used = |it: Document| Document { uses: it.uses + uses, at, is_demoted: false, ..it };
        if is_queued {
            let (demoted, new) = (self.demoted(), self.new_ghosts());
            let it = take(&mut self.queue, object).unwrap();
            if it.is_demoted {
                let step = Self::step(new, demoted, it.size);
                self.reused_max = self.reused_max.saturating_add(step).min(self.capacity - 1);
            }
            self.demote(it.size);
            self.reused.push(used(it));
        } else {
            let it = take(&mut self.reused, object).unwrap();
            self.reused.push(Document { is_demoted: it.is_demoted, ..used(it) });
        }
        true
    }

    /// A ghost; the border and the weights have moved.
    fn recall(&mut self, object: Object, size: u64) -> Option<Document> {
        if let Some(ghost) = take(&mut self.by_recency, object) {
            if ghost.is_new {
                let step = Self::step(self.demoted(), self.new_ghosts(), size);
                let queue = (self.capacity - self.reused_max).saturating_add(step);
                self.reused_max = self.capacity - queue.min(self.capacity - 1);
            }
            self.weight = blame(self.weight, true, self.rate.rate);
            return Some(ghost);
        }
        let ghost = take(&mut self.by_frequency, object)?;
        self.weight = blame(self.weight, false, self.rate.rate);
        Some(ghost)
    }
}

impl Cache for Cacheus {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if self.hit(object) {
            return true;
        }
        if size > self.capacity {
            return false;
        }
        while bytes(&self.queue) + bytes(&self.reused) + size > self.capacity {
            self.evict();
        }
        self.requested(false);
        let mut it = Document { object, size, uses: 1, at: self.now, is_new: false, is_demoted: false };
        let rate = self.rate.rate;
        let ghost = self.recall(object, size);
        debug_assert!(rate >= 0.001);
        let fills = !self.is_filled && self.queue.is_empty() && bytes(&self.reused) + size <= self.reused_max;
        if ghost.is_some() || fills {
            it.uses += ghost.map_or(0, |it| it.uses);
            self.reused.push(it);
            self.demote(0);
        } else {
            it.is_new = self.is_filled;
            self.queue.push(it);
        }
        for ghosts in [&mut self.by_recency, &mut self.by_frequency] {
            while bytes(ghosts) > self.capacity / 2 {
                ghosts.remove(0);
            }
        }
        false
    }

    fn purge(&mut self, object: Object) {
        take(&mut self.queue, object);
        take(&mut self.reused, object);
    }
}

/// CACHEUS's learning rate.
#[derive(Default)]
struct Rate {
    rate: f64,
    /// What it begins with, by the length of the first period.
    first: Option<f64>,
    change: f64,
    ratio: f64,
    period: u64,
    requests: u64,
    hits: u64,
    unlucky: u32,
    worse: u32,
    shakes: u64,
}

impl Rate {
    fn requested(&mut self, is_hit: bool, documents: u64) {
        // It begins anew with every period as long as nothing was ever hit.
        if self.requests == 0 && self.ratio == 0.0 && self.shakes == 0 {
            self.period = documents.max(1);
            let first = (2.0 * 2_f64.ln() / self.period as f64).sqrt().clamp(0.001, 1.0);
            if self.change == 1.0 {
                self.rate = first;
            }
            self.first = Some(first);
        }
        self.requests += 1;
        self.hits += u64::from(is_hit);
        if self.requests < self.period {
            return;
        }
        let round = |number: f64| (number * 1000.0).round() / 1000.0;
        let ratio = round(self.hits as f64 / self.requests as f64);
        let (better, change) = (round(ratio - self.ratio), round(self.change));
        let before = self.rate;
        if better != 0.0 && change != 0.0 {
            let step = (self.rate * change).abs();
            let step = if (better > 0.0) == (change > 0.0) { step } else { -step };
            self.rate = (self.rate + step).clamp(0.001, 1.0);
            (self.worse, self.unlucky) = (0, 0);
        } else if better <= 0.0 {
            self.unlucky += u32::from(better < 0.0 || ratio == 0.0);
            self.worse += u32::from(better < 0.0);
            if self.unlucky >= 10 {
                (self.rate, self.unlucky) = (self.first.unwrap(), 0);
            } else if better < 0.0 && self.worse >= 10 {
                (self.rate, self.worse) = (self.first.unwrap(), 0);
            } else if better < 0.0 {
                self.shakes += 1;
                self.rate = match self.rate {
                    1.0.. => 0.9,
                    ..=0.001 => 0.005,
                    rate if spread(self.shakes).is_multiple_of(2) => (rate * 1.25).min(1.0),
                    rate => (rate * 0.75).max(0.001),
                };
            }
        }
        self.change = self.rate - before;
        (self.ratio, self.requests, self.hits) = (ratio, 0, 0);
        self.period = documents.max(1);
    }
}

/// What happened to LRV's documents.
#[derive(Clone, Copy)]
enum Happened {
    /// One came to this list.
    Came(usize),
    /// One of this list was asked for again after so many requests.
    Again(usize, u64),
}

/// LRV, with everything that ever happened; times are halved long after the tests end.
struct Lrv {
    /// Object, size, list, number of the last request.
    residents: Vec<(Object, u64, usize, u64)>,
    history: Vec<Happened>,
    /// How much of the history the times are from, and the request after which it is more.
    known: usize,
    next: u64,
    capacity: u64,
}

impl Lrv {
    fn requests(&self) -> u64 {
        self.history.iter().filter(|it| matches!(it, Happened::Came(0..24) | Happened::Again(..))).count()
            as u64
    }

    /// Quarters of a power of two.
    fn time(requests: u64) -> u64 {
        let bits = requests.max(1).ilog2();
        u64::from(4 * bits) + ((requests.max(1) * 4) >> bits) % 4
    }

    /// A request is about to happen.
    fn requested(&mut self) -> u64 {
        let now = self.requests() + 1;
        if now >= self.next {
            self.known = self.history.len();
            self.next = now + 1 + now.min(65_536) / 64;
        }
        now
    }

    fn evict(&mut self) {
        let now = self.requests();
        let mut came = [1.0; 33];
        let mut again = [0.5; 33];
        for happened in &self.history {
            match *happened {
                Happened::Came(list) => came[list] += 1.0,
                Happened::Again(list, _) => again[list] += 1.0,
            }
        }
        let times: Vec<_> = self.history[..self.known]
            .iter()
            .filter_map(|it| if let Happened::Again(_, time) = *it { Some(Self::time(time)) } else { None })
            .collect();
        let mut lowest: Option<(f64, usize)> = None;
        for list in 0..33 {
            let of_list = self.residents.iter().enumerate().filter(|(_, it)| it.2 == list);
            let Some((at, it)) = of_list.min_by_key(|(_, it)| it.3) else { continue };
            let age = Self::time(now - it.3);
            let longer = times.iter().filter(|&&time| time >= age).count() as f64;
            let value = again[list] / came[list] * ((longer + 1.0) / (times.len() as f64 + 1.0));
            if lowest.is_none_or(|(least, _)| value < least) {
                lowest = Some((value, at));
            }
        }
        self.residents.remove(lowest.unwrap().1);
    }
}

impl Cache for Lrv {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(at) = self.residents.iter().position(|it| it.0 == object) {
            let now = self.requested();
            let (.., list, used) = self.residents[at];
            let above = if list < 24 { 24 } else { (list + 1).min(32) };
            self.history.push(Happened::Again(list, now - used));
            self.history.push(Happened::Came(above));
            (self.residents[at].2, self.residents[at].3) = (above, now);
            return true;
        }
        if size <= self.capacity {
            while self.residents.iter().map(|it| it.1).sum::<u64>() + size > self.capacity {
                self.evict();
            }
            let now = self.requested();
            let bits = if size == 0 { 0 } else { size.ilog2() + 1 };
            let list = bits.saturating_sub(6).min(23) as usize;
            self.history.push(Happened::Came(list));
            self.residents.push((object, size, list, now));
        }
        false
    }

    fn purge(&mut self, object: Object) {
        self.residents.retain(|it| it.0 != object);
    }
}

/// TinyUFO, the oldest first in each queue: object, size, uses.
struct TinyUfo {
    small: Vec<(Object, u64, u32)>,
    main: Vec<(Object, u64, u32)>,
    newcomer: Option<Object>,
    sketch: Sketch,
    documents_max: usize,
    capacity: u64,
}

impl TinyUfo {
    fn bytes(queue: &[(Object, u64, u32)]) -> u64 {
        queue.iter().map(|it| it.1).sum()
    }

    /// The next victim, taken out.
    fn next(&mut self) -> (Object, u64, u32) {
        if Self::bytes(&self.small) > self.capacity / 10 || self.main.is_empty() {
            while !self.small.is_empty() {
                let it = self.small.remove(0);
                if it.2 < 2 {
                    return it;
                }
                self.main.push(it);
            }
        }
        while !self.main.is_empty() {
            let (object, size, uses) = self.main.remove(0);
            if uses == 0 {
                return (object, size, uses);
            }
            self.main.push((object, size, uses - 1));
        }
        self.small.remove(0)
    }

    fn evict(&mut self) {
        let victim = self.next();
        let Some(newcomer) = self.newcomer.take() else { return };
        let unused = |it: &(Object, u64, u32)| it.0 == newcomer && it.2 == 0;
        let Some(at) = self.small.iter().position(unused) else { return };
        if self.sketch.count(victim.0.into()) > self.sketch.count(newcomer.into()) {
            self.small.remove(at);
            self.small.push((victim.0, victim.1, 0));
        }
    }
}

impl Cache for TinyUfo {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(it) = self.small.iter_mut().chain(&mut self.main).find(|it| it.0 == object) {
            it.2 = (it.2 + 1).min(3);
            return true;
        }
        if size <= self.capacity {
            while Self::bytes(&self.small) + Self::bytes(&self.main) + size > self.capacity {
                self.evict();
            }
            self.small.push((object, size, 0));
            self.documents_max = self.documents_max.max(self.small.len() + self.main.len());
            self.sketch.fit(self.documents_max);
            self.sketch.add(object.into());
            self.newcomer = Some(object);
        }
        false
    }

    fn purge(&mut self, object: Object) {
        self.small.retain(|it| it.0 != object);
        self.main.retain(|it| it.0 != object);
        self.newcomer = self.newcomer.filter(|&it| it != object);
    }
}
