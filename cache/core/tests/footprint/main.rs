//! What documents cost by the allocator's own count, next to what the budget charges for them. The limit on memory is
//! only as good as these agree.

mod documents;

use std::sync::Arc;

use cnn_core::fields::Fields;
use cnn_core::policy::{Board, Budget, Executor};
use cnn_core::repository::{Config, Fetched, Join, Repository};
use cnn_core::time::Tick;

use documents::{allocated, executor, fetched, key, response, store};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// An eighth of a million, so that the tables of the index are as full as with a million.
const DOCUMENTS: usize = 125_000;

/// What does not grow with what is stored, and so is not charged: the allocator's own caches, an empty block of the
/// board's queue, what was learned about heads.
const BASE_BYTES: usize = 128 * 1024;

struct Counted {
    repository: Arc<Repository>,
    executor: Executor,
    empty: usize,
}

impl Counted {
    fn new() -> Self {
        let config = Config { limit_bytes: 1 << 40, object_bytes_max: 1 << 30, hash_seeds: [1, 2, 3, 4] };
        let board = Arc::new(Board::new(1, DOCUMENTS, 256));
        let executor = executor(&board);
        let repository = Arc::new(Repository::new(&config, board));
        Self { repository, executor, empty: allocated() }
    }

    fn settle(&mut self) {
        self.executor.turn(Tick(1), Budget::UNBOUNDED);
    }

    /// Bytes allocated since it was empty, and bytes charged.
    fn count(&mut self) -> (usize, usize) {
        self.settle();
        (allocated().saturating_sub(self.empty), self.repository.budget().used() as usize)
    }

    /// Checks that what is charged covers what is allocated, and by how much it is too careful at most, in percent.
    fn check(&mut self, what: &str, percent_over: usize) {
        let (allocated, charged) = self.count();
        assert!(charged + BASE_BYTES >= allocated, "{what}: {allocated} bytes allocated, {charged} charged");
        let most = allocated + allocated * percent_over / 100;
        assert!(charged <= most, "{what}: {allocated} bytes allocated, {charged} charged");
    }
}

/// One test, because the allocator counts for all threads.
#[test]
fn documents_cost_what_is_charged_for_them() {
    a_document_of_a_kilobyte_costs_at_most_400_bytes_above_its_body();
    documents_of_all_sizes_are_charged_in_full();
    heads_that_nobody_else_has_are_charged_in_full();
    fetches_in_progress_are_charged_in_full();
}

fn a_document_of_a_kilobyte_costs_at_most_400_bytes_above_its_body() {
    let mut counted = Counted::new();
    let body = [7; 1024];
    for n in 0..DOCUMENTS {
        store(&counted.repository, &key(n), fetched(n, body.len()), &body);
        if n % 1000 == 0 {
            counted.settle();
        }
    }
    let (allocated, charged) = counted.count();
    let above = |bytes: usize| bytes as f64 / DOCUMENTS as f64 - body.len() as f64;
    println!("{:.0} bytes allocated above each body, {:.0} charged", above(allocated), above(charged));
    assert!(above(charged) <= 400.0, "{:.1} bytes charged above each body", above(charged));
    counted.check("documents of a kilobyte", 2);
}

fn documents_of_all_sizes_are_charged_in_full() {
    let mut counted = Counted::new();
    let body = vec![7; 300_000];
    for n in 0..4096 {
        let length = [0, 1, 100, 3000, 5000, 17_000, 100_000, 300_000][n % 8];
        store(&counted.repository, &key(n), fetched(n, length), &body[..length]);
    }
    counted.check("sizes", 2);
}

fn heads_that_nobody_else_has_are_charged_in_full() {
    let mut counted = Counted::new();
    for n in 0..16_384 {
        let number = n.to_string();
        let request = [("Cookie", number.as_str())].into_iter().collect();
        let fields = [("Vary", "Cookie"), ("Server", "x")].into_iter().collect();
        let odd = Fetched { reason: number.clone().into(), ..response(fields, &request, None) };
        store(&counted.repository, &key(n), odd, &[7; 1000]);
    }
    counted.check("heads", 5);
}

fn fetches_in_progress_are_charged_in_full() {
    let mut counted = Counted::new();
    let mut open = Vec::new();
    for n in 0..2000 {
        let Join::Lead(mut lead, mut reader) = counted.repository.join(&key(n), &Fields::new(), None) else {
            panic!("nobody else fetches");
        };
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        lead.head(response(Fields::new(), &Fields::new(), None)).expect("it is to be stored");
        for _ in 0..n % 200 * 40 {
            lead.append(b"x");
            let _ = reader.poll_part(&mut context, 1000);
        }
        open.push((lead, reader));
    }
    // Too careful: a real head has more lines than this one.
    counted.check("byte by byte", 30);
    drop(open);
    assert_eq!(counted.repository.budget().used(), 0);
}
