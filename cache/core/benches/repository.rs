//! What the repository costs: bytes per document above its body by the allocator's own count, next to what the budget
//! charges; nanoseconds to look a document up and to write its head, with a million documents; nanoseconds to store one
//! with and without room. An executor keeps the documents in order of their last use.
//!
//! Not here: sockets and HTTP's rules.
//! `cargo bench -p cnn-core --bench repository [-- DOCUMENTS]`, half a minute and 1.5 GB for a million.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "../tests/footprint/documents.rs"]
mod documents;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use cnn_core::fields::Fields;
use cnn_core::policy::{Board, Budget};
use cnn_core::repository::{Config, Repository};
use cnn_core::time::Tick;
use tikv_jemalloc_ctl::{epoch, stats};

use documents::{allocated, executor, fetched, key, store};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const BODY_BYTES: usize = 1024;
const LOOKUPS: usize = 2_000_000;
const BATCH: usize = 100;

fn resident() -> usize {
    epoch::advance().expect("jemalloc has statistics");
    stats::resident::read().expect("jemalloc has statistics")
}

/// The median over short batches, so that what else runs on the machine counts little.
fn ns_each(count: usize, mut run: impl FnMut(usize)) -> f64 {
    let mut batches: Vec<f64> = (0..count / BATCH)
        .map(|batch| {
            let start = Instant::now();
            (batch * BATCH..(batch + 1) * BATCH).for_each(&mut run);
            start.elapsed().as_nanos() as f64 / BATCH as f64
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches.get(batches.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let documents = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let body = vec![7; BODY_BYTES];
    let before = allocated();
    let config = Config { limit_bytes: 1 << 40, object_bytes_max: 1 << 30, hash_seeds: [1, 2, 3, 4] };
    let board = Arc::new(Board::new(1, documents + 100_000, 256));
    let mut executor = executor(&board);
    let repository = Arc::new(Repository::new(&config, board));
    let empty = allocated();
    let making = ns_each(documents / 10, |n| drop(black_box((key(n), fetched(n, BODY_BYTES)))));
    let storing = ns_each(documents, |n| {
        drop(store(&repository, &key(n), fetched(n, BODY_BYTES), &body));
        if n % 100_000 == 0 {
            executor.turn(Tick(1), Budget::UNBOUNDED);
        }
    });
    executor.turn(Tick(1), Budget::UNBOUNDED);
    let usage = repository.usage();
    let each = |bytes: u64| bytes as f64 / documents as f64;
    let above = |bytes: usize| each(bytes as u64) - BODY_BYTES as f64;
    println!("{documents} documents of {BODY_BYTES} bytes ({} bytes when empty)", empty - before);
    println!("bytes above the body, each: {:.1} allocated", above(allocated() - empty));
    println!("    {:.1} of them by the policy's order", each(executor.state_bytes() as u64));
    println!("    {:.1} charged, {:.1} resident", above(usage.used as usize), above(resident()));
    println!("{usage:?}");
    println!("ns to store one: {:.0}", storing - making);

    let mut rng = fastrand::Rng::with_seed(1);
    let keys: Vec<String> = (0..LOOKUPS).map(|_| key(rng.usize(..documents))).collect();
    let request = Fields::new();
    let lookup = ns_each(LOOKUPS, |n| {
        black_box(repository.get(&keys[n], &request));
    });
    let touched = ns_each(LOOKUPS, |n| {
        if let Some(stored) = repository.get(&keys[n], &request) {
            repository.touch(0, &stored, Tick(n as u64));
        }
    });
    println!("ns to look one of {documents} up: {lookup:.0}; and to stamp it: {touched:.0}");
    let hot = repository.get(&key(1), &request).expect("it was stored");
    let mut wire = Vec::with_capacity(4096);
    let render = ns_each(LOOKUPS, |_| {
        wire.clear();
        black_box(&hot).head().render(&mut wire);
        black_box(&wire);
    });
    println!("ns to write a head of ten lines ({} bytes): {render:.0}", wire.len());
    let first_hot = ns_each(LOOKUPS, |_| {
        black_box(repository.get(&keys[0], &request));
    });
    println!("ns to look a hot one up: {first_hot:.0}");
    drop(hot);

    repository.set_limit(repository.budget().used());
    let replacing = ns_each(200_000, |n| {
        drop(store(&repository, &key(documents + n), fetched(documents + n, BODY_BYTES), &body));
        if n % BATCH == 0 {
            executor.turn(Tick(2), Budget::UNBOUNDED);
        }
    });
    println!("ns to store one when full: {:.0}", replacing - making);
    println!("{:?}", repository.usage());
}
