//! Numbers for names: of objects, of origins, of what is said of responses. A name is hashed once and not kept, but for
//! origins and facts, of which there are few; where there are too many of them the rest is one.

use std::collections::HashMap;
use std::hint::black_box;

use hashbrown::HashTable;
use twox_hash::{XxHash3_64, XxHash3_128};

use super::TOGETHER;
use crate::record::{Name, Record};
use crate::trace::{Facts, TraceBuilder};

/// Origins that are told apart.
const ORIGINS_MAX: usize = 1 << 20;
/// Facts that are told apart.
const FACTS_MAX: usize = 1 << 16;

/// The key of a name: the same on every machine and in every run.
pub(super) fn key(name: Name<'_>) -> u128 {
    match name {
        Name::Url(url) => XxHash3_128::oneshot(url),
        // Mixed so that both halves are good hashes, and still one to one.
        Name::Number(number) => u128::from(mixed(number)) << 64 | u128::from(number),
    }
}

/// splitmix64's finisher: a permutation.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// The objects there are, with a word for each of them.
///
/// The table has only half of a hash and a number, so that it grows without a look at the keys, which lie elsewhere; a key
/// and its word lie together, as both are wanted at once.
#[derive(Default)]
pub(super) struct Keys {
    table: HashTable<(u32, u32)>,
    slots: Vec<Slot>,
}

/// 24 bytes: as a `u128` the key would make it 32.
struct Slot {
    key: [u64; 2],
    word: u64,
}

impl Keys {
    /// The number of the object with this key.
    pub(super) fn find(&self, key: u128) -> Option<u32> {
        let (key, tag) = (halves(key), tag(key));
        let is_it = |(its, number): &(u32, u32)| *its == tag && self.slots[*number as usize].key == key;
        self.table.find(spread(tag), is_it).map(|(_, number)| *number)
    }

    /// Brings what is known of some keys nearer: look-ups that do not wait for each other, in the table first and then in
    /// the slots that it names. Nothing comes of it but that those after it are quick. At most `TOGETHER` of them.
    pub(super) fn fetch(&self, keys: impl Iterator<Item = u128>) {
        let mut found = [0_usize; TOGETHER];
        let mut count = 0;
        for (key, place) in keys.zip(&mut found) {
            let tag = tag(key);
            let number = self.table.find(spread(tag), |(its, _)| *its == tag).map(|(_, number)| *number);
            *place = number.unwrap_or_default() as usize;
            count += 1;
        }
        let slots = found[..count].iter().filter_map(|&number| self.slots.get(number));
        black_box(slots.fold(0, |all, slot| all ^ slot.key[0]));
    }

    /// The number of the object with this key, a new one if need be, and whether it is new; none when there are too many.
    pub(super) fn number(&mut self, key: u128) -> Option<(u32, bool)> {
        if let Some(number) = self.find(key) {
            return Some((number, false));
        }
        let number = u32::try_from(self.slots.len()).ok()?;
        self.slots.push(Slot { key: halves(key), word: 0 });
        let tag = tag(key);
        self.table.insert_unique(spread(tag), (tag, number), |(tag, _)| spread(*tag));
        Some((number, true))
    }

    /// The word of the object with this number, 0 when it is new.
    pub(super) fn word(&mut self, number: u32) -> &mut u64 {
        &mut self.slots[number as usize].word
    }
}

fn halves(key: u128) -> [u64; 2] {
    [(key >> 64) as u64, key as u64]
}

/// A quarter of the key.
fn tag(key: u128) -> u32 {
    (key >> 96) as u32
}

/// The hash of a tag: the table takes its highest bits and its lowest ones.
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

/// The origins there are. Number 0 is that of names without one.
#[derive(Default)]
pub(super) struct Origins {
    numbers: HashMap<Box<[u8]>, u32>,
}

impl Origins {
    /// The number of an origin.
    pub(super) fn number(&mut self, origin: &[u8], builder: &mut TraceBuilder) -> u32 {
        if self.numbers.is_empty() {
            self.numbers.insert(Box::default(), builder.add_origin(String::new()));
        }
        if origin.is_empty() {
            return 0;
        }
        match self.numbers.get(origin) {
            Some(number) => *number,
            None if self.numbers.len() >= ORIGINS_MAX => 0,
            None => {
                let number = builder.add_origin(String::from_utf8_lossy(origin).into_owned());
                self.numbers.insert(origin.into(), number);
                number
            }
        }
    }
}

/// Scheme and authority of a URL, without user name and password; empty for a path.
pub(crate) fn origin(url: &[u8]) -> &[u8] {
    let Some(at) = memchr::memmem::find(url, b"://") else { return &[] };
    // A path may have a URL in it.
    if url[..at].iter().any(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'-' | b'.')) {
        return &[];
    }
    let authority = &url[at + 3..];
    let end = authority.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    &url[..at + 3 + end.unwrap_or(authority.len())]
}

/// The facts there are. Number 0 is that of records that say nothing.
#[derive(Default)]
pub(super) struct FactsTable {
    table: HashTable<u32>,
    all: Vec<(u64, Facts)>,
    /// The last one asked for: most requests are like the one before.
    last: u32,
}

impl FactsTable {
    /// The number of what `record` says of the response.
    pub(super) fn number(&mut self, record: &Record<'_>, builder: &mut TraceBuilder) -> u32 {
        if self.all.is_empty() {
            self.add(Facts::default(), builder);
        }
        if is_of(&self.all[self.last as usize].1, record) {
            return self.last;
        }
        let hash = facts_hash(record);
        let found = self.table.find(hash, |number| is_of(&self.all[*number as usize].1, record));
        let number = match found {
            Some(number) => *number,
            None if self.all.len() >= FACTS_MAX => 0,
            None => {
                let text =
                    |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                let facts = Facts {
                    outcome: text(record.outcome),
                    status: record.status.unwrap_or(0),
                    mime: text(record.mime),
                };
                self.add(facts, builder)
            }
        };
        self.last = number;
        number
    }

    fn add(&mut self, facts: Facts, builder: &mut TraceBuilder) -> u32 {
        let number = builder.add_facts(facts.clone());
        let hash = facts_hash(&Record {
            outcome: Some(facts.outcome.as_bytes()),
            status: Some(facts.status),
            mime: Some(facts.mime.as_bytes()),
            ..Record::of(Name::Number(0))
        });
        self.all.push((hash, facts));
        let all = &self.all;
        self.table.insert_unique(hash, number, |number| all[*number as usize].0);
        number
    }
}

fn is_of(facts: &Facts, record: &Record<'_>) -> bool {
    facts.status == record.status.unwrap_or(0)
        && facts.outcome.as_bytes() == record.outcome.unwrap_or_default()
        && facts.mime.as_bytes() == record.mime.unwrap_or_default()
}

fn facts_hash(record: &Record<'_>) -> u64 {
    let outcome = XxHash3_64::oneshot(record.outcome.unwrap_or_default());
    let seeded = outcome ^ u64::from(record.status.unwrap_or(0)) << 48;
    XxHash3_64::oneshot_with_seed(seeded, record.mime.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_number_and_its_own_word() {
        let mut keys = Keys::default();
        for round in 0..2 {
            for name in 0..50_000 {
                let (number, is_new) = keys.number(key(Name::Number(name))).unwrap();
                assert_eq!((number, is_new), (name as u32, round == 0));
                *keys.word(number) += name;
            }
        }
        assert_eq!((*keys.word(7), *keys.word(49_999)), (14, 99_998));
        assert_eq!(keys.find(key(Name::Number(50_000))), None);
    }

    #[test]
    fn keys_that_share_their_tag_are_told_apart() {
        let mut keys = Keys::default();
        let alike: Vec<u128> = (0..100).map(|n| 5 << 96 | n << 64 | n).collect();
        for (at, key) in alike.iter().enumerate() {
            assert_eq!(keys.number(*key), Some((at as u32, true)));
        }
        assert!(alike.iter().enumerate().all(|(at, key)| keys.find(*key) == Some(at as u32)));
    }

    #[test]
    fn names_have_the_same_keys_in_every_run() {
        // XXH3, 128 bits, without a seed.
        assert_eq!(key(Name::Url(b"http://a.test/")), 0xd452f67801f98504b3f0334bb2a5c123);
        assert_eq!(key(Name::Number(7)) as u64, 7);
        assert_ne!(key(Name::Number(7)), key(Name::Url(b"7")));
    }

    #[test]
    fn an_origin_is_scheme_and_authority() {
        let check =
            |url: &str, expected: &str| assert_eq!(origin(url.as_bytes()), expected.as_bytes(), "{url}");
        check("http://a.test/x", "http://a.test");
        check("https://a.test:8443?x", "https://a.test:8443");
        check("http://a.test", "http://a.test");
        check("/x?http://b.test/", "");
        check("a.test:443", "");
        check("", "");
    }
}
