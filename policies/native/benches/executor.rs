//! What replacement costs beside the path of a request: nanoseconds per event of the executor under every built-in
//! policy, bytes per document, and microseconds of every kind of switch, with a million documents.
//!
//! Not here: requests, sockets, and threads that compete; `cargo bench --bench switch` has those.
//! `cargo bench -p cnn-policies --bench executor [-- DOCUMENTS]`, a few minutes for a million.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::sync::Arc;
use std::time::Instant;

use cnn_core::policy::{Board, Budget, Document, Executor, Moment, Prepared, Reevaluate, Removal, SlotId};
use cnn_core::time::{Tick, UnixSecs};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Events between two turns: what a loaded worker tells in some milliseconds.
const BATCH: usize = 1000;
const HITS: usize = 2_000_000;
const EVICTIONS: usize = 300_000;

/// Events and picks, no carrying over.
const TURN: Budget = Budget { events: usize::MAX, picks: usize::MAX, reevaluate: 0, background: 0 };

fn main() {
    let documents = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    println!("{documents} documents; nanoseconds, medians over batches of {BATCH}\n");
    println!(
        "| policy | insert | hit, popular | hit, any | evict and insert | a hit's request | bytes each |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    names().for_each(|name| println!("{}", costs(&name, documents)));
    switches(documents);
}

fn names() -> impl Iterator<Item = String> {
    cnn_policies::registry().iter().map(|factory| (factory.manifest)().name.into_owned())
}

/// A full cache.
struct Cache {
    board: Arc<Board>,
    executor: Executor,
    ids: Vec<SlotId>,
    rng: fastrand::Rng,
    now: u64,
}

impl Cache {
    fn new(policy: &str, documents: usize) -> Self {
        let board = Arc::new(Board::new(1, documents + 10_000, 256));
        let executor = Executor::new(Arc::clone(&board), prepared(policy, &board), UnixSecs(0));
        Self { board, executor, ids: Vec::new(), rng: fastrand::Rng::with_seed(1), now: 0 }
    }

    fn insert(&mut self) -> SlotId {
        self.now += 1;
        let id = self.board.alloc_slot().expect("there are slots for all");
        let document = Document {
            hash: self.rng.u64(..),
            size: 500 + self.rng.u64(..20_000),
            last_used: Tick(self.now),
            uses: 1,
            fetch_us: self.rng.u32(100..100_000),
            ..Document::default()
        };
        self.board.inserted(id, &document);
        id
    }

    fn evict(&self) {
        let offer = self.board.take_victim().expect("the cache is full");
        self.board.removed(offer.id, Removal::Evicted);
    }

    /// The nanoseconds of a turn.
    fn turn(&mut self) -> f64 {
        let begin = Instant::now();
        self.executor.turn(Tick(self.now), TURN);
        begin.elapsed().as_nanos() as f64
    }

    fn hit(&mut self, at: usize) {
        self.now += 1;
        self.board.hit(0, self.ids[at], Tick(self.now));
    }
}

fn prepared(policy: &str, board: &Board) -> Prepared {
    let factory = cnn_policies::find(policy).expect("a built-in policy");
    Prepared::new(factory, 10 << 30, board.documents().slots_max()).expect("built-in policies are in order")
}

fn costs(policy: &str, documents: usize) -> String {
    let mut cache = Cache::new(policy, documents);
    let mut inserts = Vec::new();
    while cache.ids.len() < documents {
        let ids: Vec<_> = (0..BATCH).map(|_| cache.insert()).collect();
        cache.ids.extend(ids);
        inserts.push(cache.turn() / BATCH as f64);
    }
    let skewed: Vec<usize> = (0..HITS).map(|_| popular(&mut cache.rng, documents)).collect();
    let even: Vec<usize> = (0..HITS).map(|_| cache.rng.usize(..documents)).collect();
    let (popular, told) = hits(&mut cache, &skewed);
    let (any, _) = hits(&mut cache, &even);
    let mut evictions = Vec::new();
    for _ in 0..EVICTIONS / BATCH {
        let mut spent = 0.0;
        // The pool holds some hundred.
        for _ in 0..BATCH / 100 {
            (0..100).for_each(|_| {
                cache.evict();
                cache.insert();
            });
            spent += cache.turn();
        }
        evictions.push(spent / BATCH as f64);
    }
    let bytes = cache.executor.state_bytes() as f64 / documents as f64;
    let [insert, popular, any, told, evict] = [inserts, popular, any, told, evictions].map(median);
    format!("| {policy} | {insert:.0} | {popular:.0} | {any:.0} | {evict:.0} | {told:.0} | {bytes:.1} |")
}

/// A rank by Zipf's law with exponent 0.85, by inversion of its continuous form.
fn popular(rng: &mut fastrand::Rng, documents: usize) -> usize {
    let rank = ((documents as f64).powf(0.15) * rng.f64()).powf(1.0 / 0.15);
    (rank as usize).min(documents - 1)
}

/// Nanoseconds per hit for the executor and for the request, in batches.
fn hits(cache: &mut Cache, stream: &[usize]) -> (Vec<f64>, Vec<f64>) {
    stream
        .chunks(BATCH)
        .map(|chunk| {
            let begin = Instant::now();
            chunk.iter().for_each(|&at| cache.hit(at));
            let told = begin.elapsed().as_nanos() as f64;
            (cache.turn() / BATCH as f64, told / BATCH as f64)
        })
        .unzip()
}

/// Every pair of policies, with none, a fifth and all of the documents re-evaluated; the pool full.
fn switches(documents: usize) {
    let mut cache = Cache::new("lru", documents);
    for _ in 0..documents {
        cache.insert();
        if cache.now.is_multiple_of(BATCH as u64) {
            cache.turn();
        }
    }
    let (mut prepare, mut hand_over, mut each) = (Vec::new(), Vec::new(), Vec::new());
    for from in names() {
        for to in names() {
            for share in [Reevaluate::Count(0), Reevaluate::Percent(20.0), Reevaluate::All] {
                switch(&mut cache, &from, Reevaluate::All);
                cache.executor.turn(Tick(cache.now), Budget::UNBOUNDED);
                fill_pool(&mut cache);
                let [prepared_us, handed_us] = switch(&mut cache, &to, share);
                prepare.push(prepared_us);
                hand_over.push(handed_us);
                let begin = Instant::now();
                cache.executor.turn(Tick(cache.now), Budget::UNBOUNDED);
                let spent = begin.elapsed().as_nanos() as f64;
                let carried = cache.executor.last_switch().reevaluated;
                if carried > documents / 10 {
                    each.push(spent / carried as f64);
                }
            }
        }
    }
    let count = hand_over.len();
    println!("\n{count} switches between all pairs with 0, 20 % and all re-evaluated\n");
    println!("| | median | 99 % | most |\n| --- | --- | --- | --- |");
    for (what, values) in
        [("prepare, us", prepare), ("hand over, us", hand_over), ("re-evaluate, ns per document", each)]
    {
        let [median, high, most] = [0.5, 0.99, 1.0].map(|share| quantile(&values, share));
        println!("| {what} | {median:.1} | {high:.1} | {most:.1} |");
    }
}

/// Microseconds to prepare and to hand over.
fn switch(cache: &mut Cache, to: &str, share: Reevaluate) -> [f64; 2] {
    let begin = Instant::now();
    let next = prepared(to, &cache.board);
    let prepared = begin.elapsed();
    let begin = Instant::now();
    let handed = cache.executor.hand_over(next, share, Moment::default());
    let took = begin.elapsed();
    assert!(handed.is_ok(), "everything was carried over before");
    [prepared, took].map(|time| time.as_nanos() as f64 / 1000.0)
}

/// Evicts until the executor keeps the largest pool there is.
fn fill_pool(cache: &mut Cache) {
    for _ in 0..12 {
        for _ in 0..300 {
            cache.evict();
            cache.insert();
        }
        cache.turn();
    }
}

fn median(values: Vec<f64>) -> f64 {
    quantile(&values, 0.5)
}

fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}
