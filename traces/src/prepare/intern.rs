//! Numbers for names: of objects, of origins, of what is said of responses. A name is hashed once and not kept, but for
//! origins and facts, of which there are few; where there are too many of them the rest is one.

use std::collections::HashMap;

use hashbrown::HashTable;
use twox_hash::{XxHash3_64, XxHash3_128};

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

/// The objects there are.
#[derive(Default)]
pub(super) struct Keys {
    table: HashTable<u32>,
    keys: Vec<u128>,
}

impl Keys {
    /// The number of the object with this key.
    pub(super) fn find(&self, key: u128) -> Option<u32> {
        self.table.find(hash(key), |number| self.keys[*number as usize] == key).copied()
    }

    /// The number of the object with this key, a new one if need be, and whether it is new; none when there are too many.
    pub(super) fn number(&mut self, key: u128) -> Option<(u32, bool)> {
        if let Some(number) = self.find(key) {
            return Some((number, false));
        }
        let number = u32::try_from(self.keys.len()).ok()?;
        self.keys.push(key);
        let keys = &self.keys;
        self.table.insert_unique(hash(key), number, |number| hash(keys[*number as usize]));
        Some((number, true))
    }
}

fn hash(key: u128) -> u64 {
    (key >> 64) as u64
}

/// The origins there are. Number 0 is that of names without one.
#[derive(Default)]
pub(super) struct Origins {
    numbers: HashMap<Box<[u8]>, u32>,
}

impl Origins {
    /// The number of the origin of `name`.
    pub(super) fn number(&mut self, name: Name<'_>, builder: &mut TraceBuilder) -> u32 {
        if self.numbers.is_empty() {
            self.numbers.insert(Box::default(), builder.add_origin(String::new()));
        }
        let Name::Url(url) = name else { return 0 };
        let origin = origin(url);
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
