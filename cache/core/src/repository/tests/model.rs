//! Seeded runs of everything a worker does, checked against plain maps: what is found is what was stored last, readers
//! get exactly the bytes of one fetch, and with room enough nothing is ever missing.

use std::collections::HashMap;

use crate::repository::testing::*;
use crate::repository::*;
use crate::time::UnixSecs;

const KEYS: usize = 6;
const VARIANTS: usize = 3;

/// The bytes of the fetch with this number: the number first, so that they tell where they come from.
fn content(fetch: u64, length: usize) -> Vec<u8> {
    let pattern = (0..).map(|at: usize| (at as u64).wrapping_mul(0x9e37_79b9).wrapping_add(fetch) as u8);
    fetch.to_le_bytes().into_iter().chain(pattern).take(length).collect()
}

/// Checks that bytes are the beginning of one fetch's.
fn check_content(bytes: &[u8]) {
    if let Some(fetch) = bytes.first_chunk() {
        let fetch = u64::from_le_bytes(*fetch);
        assert!(*bytes == content(fetch, bytes.len()), "bytes of fetch {fetch} are mixed up");
    }
}

/// The fetch a stored response comes from, by its header.
fn fetch_of(stored: &Stored) -> u64 {
    String::from_utf8_lossy(&stored.head().first("x-fetch").unwrap()).parse().unwrap()
}

/// A fetch in progress.
struct Open {
    fetch: u64,
    key: usize,
    variant: usize,
    lead: FillLead,
    sent: usize,
    has_head: bool,
    is_private: bool,
    is_purged: bool,
}

/// A response that was stored.
struct Known {
    fetch: u64,
    length: usize,
    date: i64,
}

struct Reading {
    reader: FillReader,
    got: Vec<u8>,
}

struct Run {
    rng: fastrand::Rng,
    repository: Arc<Repository>,
    has_room: bool,
    step: i64,
    /// By key and variant.
    stored: HashMap<(usize, usize), Known>,
    open: Vec<Open>,
    reading: Vec<Reading>,
    fetches: u64,
}

fn key_of(key: usize) -> String {
    format!("http://example.com/{key}")
}

/// Variant 0 answers every request.
fn request_of(variant: usize) -> Fields {
    fields(&[("X-Variant", &format!("{variant}"))])
}

impl Run {
    fn new(seed: u64, limit_bytes: u64, has_room: bool) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            repository: repository(limit_bytes),
            has_room,
            step: 0,
            stored: HashMap::new(),
            open: Vec::new(),
            reading: Vec::new(),
            fetches: 0,
        }
    }

    fn step(&mut self) {
        self.step += 1;
        let (key, variant) = (self.rng.usize(..KEYS), self.rng.usize(..VARIANTS));
        match self.rng.u32(..20) {
            0..=3 => self.join(key, variant),
            4..=6 => self.head(),
            7..=10 => self.append(),
            11 | 12 => self.finish(),
            13 => self.give_up(),
            14 => self.read(),
            15 => self.leave(),
            16 => self.purge(key),
            17 => self.update(key, variant),
            18 => self.remove(key, variant),
            _ => drop(self.found(key, variant)),
        }
    }

    /// Looks a response up and checks that it is the most recent that answers the request.
    fn found(&self, key: usize, variant: usize) -> Option<Arc<Stored>> {
        let mut candidates: Vec<_> =
            [0, variant].iter().filter_map(|variant| self.stored.get(&(key, *variant))).collect();
        candidates.sort_by_key(|known| known.date);
        let found = self.repository.get(&key_of(key), &request_of(variant));
        if self.has_room {
            let latest = candidates.split_off(candidates.len().saturating_sub(1));
            candidates = latest;
            assert_eq!(found.is_some(), !candidates.is_empty(), "what is there of variant {variant}");
        }
        if let Some(stored) = &found {
            let fetch = fetch_of(stored);
            let known =
                candidates.iter().find(|known| known.fetch == fetch).expect("it was stored, and last");
            assert!(body_of(stored) == content(fetch, known.length), "another body than fetch {fetch}'s");
            self.repository.touch(0, stored, Tick(self.step as u64));
        }
        found
    }

    fn join(&mut self, key: usize, variant: usize) {
        let have = self.rng.bool().then(|| self.found(key, variant)).flatten();
        match self.repository.join(&key_of(key), &request_of(variant), have.as_ref()) {
            Join::Stored(stored) => check_content(&body_of(&stored)),
            Join::Follow(reader) => self.reading.push(Reading { reader, got: Vec::new() }),
            Join::Lead(lead, reader) => {
                self.fetches += 1;
                self.reading.push(Reading { reader, got: Vec::new() });
                self.open.push(Open {
                    fetch: self.fetches,
                    key,
                    variant,
                    lead,
                    sent: 0,
                    has_head: false,
                    is_private: self.rng.u32(..8) == 0,
                    is_purged: false,
                });
            }
        }
    }

    fn pick(&mut self) -> Option<usize> {
        (!self.open.is_empty()).then(|| self.rng.usize(..self.open.len()))
    }

    fn head(&mut self) {
        let Some(at) = self.pick() else { return };
        let open = &mut self.open[at];
        if std::mem::replace(&mut open.has_head, true) {
            return;
        }
        let (number, vary) =
            (format!("{}", open.fetch), ["X-Other", "X-Variant"][usize::from(open.variant > 0)]);
        let lines = [("X-Fetch", number.as_str()), ("Vary", vary)];
        let sharing = if open.is_private { Sharing::Private } else { Sharing::Stored };
        let response = Fetched { sharing, ..fetched(&lines, &request_of(open.variant), self.step) };
        assert_eq!(open.lead.head(response).is_ok(), !open.is_private);
    }

    fn append(&mut self) {
        let Some(at) = self.pick() else { return };
        let more = [1, 10, 1000, 5000, 70_000][self.rng.usize(..5)];
        let open = &mut self.open[at];
        if open.has_head {
            let bytes = content(open.fetch, open.sent + more);
            open.lead.append(&bytes[open.sent..]);
            open.sent += more;
        }
    }

    fn finish(&mut self) {
        let Some(at) = self.pick() else { return };
        let open = self.open.swap_remove(at);
        match open.lead.finish(Fields::new(), Tick(self.step as u64), 1) {
            Ok(stored) => {
                assert!(open.has_head && !open.is_private && !open.is_purged);
                assert!(body_of(&stored) == content(open.fetch, open.sent));
                let known = Known { fetch: open.fetch, length: open.sent, date: stored.facts().date().0 };
                self.stored.insert((open.key, open.variant), known);
            }
            Err(Unstored::Incomplete) => assert!(!open.has_head),
            Err(Unstored::Private) => assert!(open.is_private),
            Err(Unstored::NotAdmitted) => panic!("nobody was asked"),
            Err(Unstored::Purged) => assert!(open.is_purged),
            Err(Unstored::NoRoom) => assert!(!self.has_room),
            Err(Unstored::TooLarge) => assert!(open.sent as u64 > self.repository.object_bytes_max()),
        }
    }

    fn give_up(&mut self) {
        let Some(at) = self.pick() else { return };
        let lead = self.open.swap_remove(at).lead;
        if self.rng.bool() {
            lead.abort(FillError::Truncated);
        }
    }

    fn read(&mut self) {
        for reading in &mut self.reading {
            let (bytes, _) = read_on(&mut reading.reader);
            reading.got.extend(bytes);
            check_content(&reading.got);
        }
    }

    fn leave(&mut self) {
        if !self.reading.is_empty() {
            self.reading.swap_remove(self.rng.usize(..self.reading.len()));
        }
    }

    fn purge(&mut self, key: usize) {
        self.repository.purge(&key_of(key));
        self.stored.retain(|(other, _), _| *other != key);
        self.open.iter_mut().filter(|open| open.key == key).for_each(|open| open.is_purged = true);
    }

    fn update(&mut self, key: usize, variant: usize) {
        let Some(old) = self.found(key, variant) else { return };
        let mut fields = old.head().to_fields();
        fields.set("X-Step", format!("{}", self.step));
        let times = crate::rfc9111::Times::at(UnixSecs(self.step));
        let facts = Facts::of(
            &crate::rfc9111::ResponseFacts::of(200, &fields, times.response),
            times,
            &crate::rfc9111::Unsaid::default(),
        );
        let new = self.repository.update(&old, &Renewal { fields: &fields, facts, fresh_until: Tick(1) });
        assert!(body_of(&new) == body_of(&old));
        let fetch = fetch_of(&new);
        self.stored
            .values_mut()
            .filter(|known| known.fetch == fetch)
            .for_each(|known| known.date = self.step);
    }

    fn remove(&mut self, key: usize, variant: usize) {
        let Some(stored) = self.found(key, variant) else { return };
        assert!(self.repository.remove(&stored));
        let fetch = fetch_of(&stored);
        self.stored.retain(|_, known| known.fetch != fetch);
    }
}

fn run(seed: u64, limit_bytes: u64, has_room: bool) {
    let mut run = Run::new(seed, limit_bytes, has_room);
    for _ in 0..300 {
        run.step();
        run.repository.check_invariants();
    }
    run.open.clear();
    run.read();
    run.reading.clear();
    run.repository.check_invariants();
    let usage = run.repository.usage();
    assert_eq!((usage.in_flight, usage.fills), (0, 0));
    for key in 0..KEYS {
        run.repository.purge(&key_of(key));
    }
    assert_eq!(run.repository.budget().used(), 0);
}

/// Runs many seeds; says which one failed.
fn check(limit_bytes: u64, has_room: bool) {
    for seed in 0..150 {
        let outcome = std::panic::catch_unwind(|| run(seed, limit_bytes, has_room));
        assert!(outcome.is_ok(), "seed {seed} fails");
    }
}

#[test]
fn with_room_everything_is_there_as_it_was_stored_last() {
    check(1 << 30, true);
}

#[test]
fn without_room_what_is_there_is_as_it_was_stored_last() {
    check(300_000, false);
}
