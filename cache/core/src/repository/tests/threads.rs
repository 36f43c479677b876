//! Workers at the same keys at once: fetching, following, giving up, purging, updating and evicting. Whatever comes of
//! the races, bytes are never mixed up, nobody waits for ever, and index, columns and budget agree at the end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::repository::testing::{self, body_of, fetched, get, join, repository};
use crate::repository::*;

const KEY: &str = "http://example.com/";
const KEYS: usize = 12;
const THREADS: u64 = 4;

/// Wakes a thread that waits in [`wait`].
struct Unpark(Thread, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Relaxed);
        self.0.unpark();
    }
}

/// Polls until ready, sleeping in between; a lost wake-up never returns.
fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let unpark = Arc::new(Unpark(thread::current(), AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&unpark));
    loop {
        match poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => {
                while !unpark.1.swap(false, Relaxed) {
                    thread::park();
                }
            }
        }
    }
}

fn key_of(key: usize) -> String {
    format!("http://example.com/{key}")
}

/// A body whose every byte depends on the fetch.
fn content(fetch: u64, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u64 ^ fetch).wrapping_mul(0x9e37_79b9) as u8).collect()
}

fn header(fetch: u64, length: usize) -> Fetched {
    let (number, size) = (format!("{fetch}"), format!("{length}"));
    fetched(&[("X-Fetch", &number), ("X-Length", &size)], &Fields::new(), 0)
}

fn number(fields: &Fields, name: &str) -> u64 {
    String::from_utf8_lossy(fields.first(name).unwrap()).parse().unwrap()
}

fn check_stored(stored: &Stored) {
    let fields = stored.head().to_fields();
    let body = content(number(&fields, "x-fetch"), number(&fields, "x-length") as usize);
    assert!(body_of(stored) == body, "a stored body is not its own");
}

fn follow(mut reader: FillReader) {
    let fetched = match wait(|context| reader.poll_head(context, &Fields::new())) {
        FillHead::Fetched(fetched) => fetched,
        FillHead::Stored(stored) => return check_stored(&stored),
        FillHead::Failed(_) | FillHead::Unshared => return,
    };
    let body = content(number(&fetched.fields, "x-fetch"), number(&fetched.fields, "x-length") as usize);
    let mut at = 0;
    loop {
        match wait(|context| reader.poll_part(context, 10_000)) {
            FillPart::Bytes(bytes) => {
                assert!(body[at..].starts_with(&bytes), "a reader got other bytes");
                at += bytes.len();
            }
            FillPart::End(_) => return assert_eq!(at, body.len()),
            FillPart::Failed(_) => return,
        }
    }
}

fn fetch(rng: &mut fastrand::Rng, mut lead: FillLead, fetch: u64) {
    let length = [0, 10, 3000, 40_000, 300_000][rng.usize(..5)];
    let length_declared = rng.bool().then_some(length as u64);
    if rng.u32(..10) == 0 {
        return lead.abort(FillError::Unreachable);
    }
    let is_private = rng.u32(..10) == 0;
    let sharing = if is_private { Sharing::Private } else { Sharing::Stored };
    let _ = lead.head(Fetched { sharing, length: length_declared, ..header(fetch, length) });
    let body = content(fetch, length);
    for part in body.chunks(1 + rng.usize(..20_000)) {
        if wait(|context| lead.poll_demand(context)) == Demand::Nobody && rng.bool() || rng.u32(..100) == 0 {
            return;
        }
        lead.append(part);
    }
    if let Ok(stored) = lead.finish(Fields::new(), Tick(fetch), 1) {
        check_stored(&stored);
    }
}

#[test]
fn workers_at_the_same_keys_never_disagree() {
    let repository = repository(1_500_000);
    let (fetches, stored_seen) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let (repository, fetches, stored_seen) = (&repository, &fetches, &stored_seen);
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(seed);
                for step in 0..2500 {
                    let key = key_of(rng.usize(..KEYS));
                    match rng.u32(..20) {
                        0 => drop(repository.purge(&key)),
                        1 => repository.set_limit(rng.u64(200_000..2_000_000)),
                        2 => {
                            let Some(old) = get(repository, &key) else { continue };
                            let fields = old.head().to_fields();
                            let facts = *old.facts();
                            let renewal = Renewal { fields: &fields, facts, fresh_until: Tick(step) };
                            check_stored(&repository.update(&old, &renewal));
                        }
                        3 => drop(get(repository, &key).map(|stored| repository.remove(&stored))),
                        _ => match join(repository, &key) {
                            Join::Stored(stored) => {
                                stored_seen.fetch_add(1, Relaxed);
                                repository.touch(seed as usize, &stored, Tick(step));
                                check_stored(&stored);
                            }
                            Join::Follow(reader) => follow(reader),
                            Join::Lead(lead, reader) => {
                                let number = fetches.fetch_add(1, Relaxed) as u64;
                                thread::scope(|scope| {
                                    let mut rng = rng.fork();
                                    scope.spawn(move || fetch(&mut rng, lead, number));
                                    follow(reader);
                                });
                            }
                        },
                    }
                }
            });
        }
    });
    repository.check_invariants();
    assert!(fetches.into_inner() > 100 && stored_seen.into_inner() > 100);
    assert_eq!((repository.usage().in_flight, repository.usage().fills), (0, 0));
    for key in 0..KEYS {
        repository.purge(&key_of(key));
    }
    assert_eq!(repository.budget().used(), 0);
}

#[test]
fn many_readers_on_many_threads_get_one_fetch_whole() {
    let repository = repository(64 << 20);
    let (mut lead, first) = testing::lead(&repository, KEY);
    let readers: Vec<_> = (0..50).map(|_| testing::follow(&repository, KEY)).collect();
    let body = content(7, 700_000);
    thread::scope(|scope| {
        scope.spawn(|| follow(first));
        for reader in readers {
            scope.spawn(move || follow(reader));
        }
        let _ = lead.head(header(7, body.len()));
        body.chunks(7000).for_each(|part| lead.append(part));
        assert!(lead.finish(Fields::new(), Tick(1), 1).is_ok());
    });
    assert_eq!(repository.usage().in_flight, 0);
}
