//! The index: which responses are stored under a key, and which fetches of it are in progress. Sharded by a keyed hash,
//! so that workers rarely meet and nobody can choose keys that meet. A key's variants are entries of their own with the
//! same hash, so the usual single variant costs a pointer and a byte.
//!
//! Only short, pure work is done under a shard's lock: comparing keys, matching variants, telling the board. Nothing is
//! dropped under it that could take another lock or free much memory; what is taken out is returned.

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashTable;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::fill::Fill;
use super::stored::Stored;
use crate::fields::Fields;
use crate::limits::{INDEX_SHARDS, VARIANTS_MAX};
use crate::policy::SlotId;

/// All shards, and the hash that spreads keys over them.
pub(super) struct Index {
    shards: Box<[Padded]>,
    hasher: RandomState,
}

/// Two cache lines apart, because processors fetch lines in pairs.
#[repr(align(128))]
#[derive(Default)]
struct Padded(RwLock<Shard>);

/// Guarded by its lock: the share of the keys that hash to it.
#[derive(Default)]
pub(super) struct Shard {
    // Invariant: at most `VARIANTS_MAX` entries of one key, no two of the same variant.
    entries: HashTable<Arc<Stored>>,
    fills: HashTable<Arc<Fill>>,
    pub(super) totals: Totals,
}

/// Sums over stored responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) documents: u64,
    /// Charged for bodies.
    pub(super) bodies: u64,
    /// Charged for keys and for what heads do not share.
    pub(super) texts: u64,
    /// Charged for everything else.
    pub(super) metadata: u64,
}

impl Index {
    pub(super) fn new(hash_seeds: [u64; 4]) -> Self {
        let [a, b, c, d] = hash_seeds;
        Self {
            shards: (0..INDEX_SHARDS).map(|_| Padded::default()).collect(),
            hasher: RandomState::with_seeds(a, b, c, d),
        }
    }

    #[inline]
    pub(super) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key.as_bytes())
    }

    #[inline]
    pub(super) fn read(&self, hash: u64) -> RwLockReadGuard<'_, Shard> {
        self.shard(hash).read()
    }

    pub(super) fn write(&self, hash: u64) -> RwLockWriteGuard<'_, Shard> {
        self.shard(hash).write()
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = &RwLock<Shard>> {
        self.shards.iter().map(|padded| &padded.0)
    }

    /// By bits the tables within do not use: those take the lowest ones for the place and the top seven for the tag.
    #[inline]
    fn shard(&self, hash: u64) -> &RwLock<Shard> {
        &self.shards[(hash >> 40) as usize % INDEX_SHARDS].0
    }
}

impl Shard {
    /// Every variant of a key.
    pub(super) fn variants<'a>(&'a self, hash: u64, key: &str) -> impl Iterator<Item = &'a Arc<Stored>> {
        self.entries
            .iter_hash(hash)
            .filter(move |stored| stored.hash() == hash && stored.key_bytes() == key.as_bytes())
    }

    /// The variant for a request: of those that match, the one with the most recent Date (RFC 9111 section 4).
    #[inline]
    pub(super) fn select(&self, hash: u64, key: &str, request: &Fields) -> Option<&Arc<Stored>> {
        let mut matching = self.variants(hash, key).filter(|stored| stored.is_selected_by(request));
        let first = matching.next()?;
        Some(matching.fold(first, |best, next| if next.age_order() > best.age_order() { next } else { best }))
    }

    /// The document of a slot.
    pub(super) fn by_id(&self, hash: u64, id: SlotId) -> Option<&Arc<Stored>> {
        self.entries.find(hash, |stored| stored.id() == id)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.entries.iter()
    }

    /// Adds a response; takes out the same variant of its key, or else the oldest one if there are too many.
    pub(super) fn insert(&mut self, stored: Arc<Stored>) -> Option<Arc<Stored>> {
        let hash = stored.hash();
        let (mut former, mut oldest, mut count) = (None, None::<&Arc<Stored>>, 0);
        for other in self.variants(hash, stored.key()) {
            count += 1;
            if other.is_same_variant(&stored) {
                former = Some(other.id());
            }
            if oldest.is_none_or(|oldest| other.age_order() < oldest.age_order()) {
                oldest = Some(other);
            }
        }
        let surplus = oldest.filter(|_| count >= VARIANTS_MAX).map(|oldest| oldest.id());
        let removed = former.or(surplus).and_then(|id| self.remove(hash, id));
        self.totals.add(&stored);
        self.entries.insert_unique(hash, stored, |stored| stored.hash());
        removed
    }

    /// Puts `new` where `old` is, and takes that out; nothing when it is not there any more.
    pub(super) fn replace(&mut self, old: &Arc<Stored>, new: Arc<Stored>) -> Option<Arc<Stored>> {
        let entry = self.entries.find_mut(old.hash(), |stored| Arc::ptr_eq(stored, old))?;
        self.totals.subtract(entry);
        self.totals.add(&new);
        Some(std::mem::replace(entry, new))
    }

    /// Takes out the document of a slot.
    pub(super) fn remove(&mut self, hash: u64, id: SlotId) -> Option<Arc<Stored>> {
        self.remove_if(hash, |stored| stored.id() == id)
    }

    /// Takes out one response of a key.
    pub(super) fn remove_key(&mut self, hash: u64, key: &str) -> Option<Arc<Stored>> {
        self.remove_if(hash, |stored| stored.key_bytes() == key.as_bytes())
    }

    fn remove_if(&mut self, hash: u64, is_it: impl Fn(&Stored) -> bool) -> Option<Arc<Stored>> {
        let entry = self.entries.find_entry(hash, |stored| stored.hash() == hash && is_it(stored)).ok()?;
        let (stored, _) = entry.remove();
        self.totals.subtract(&stored);
        Some(stored)
    }

    /// Fetches of a key in progress.
    pub(super) fn fills<'a>(&'a self, hash: u64, key: &str) -> impl Iterator<Item = &'a Arc<Fill>> {
        self.fills.iter_hash(hash).filter(move |fill| fill.key() == key)
    }

    pub(super) fn add_fill(&mut self, fill: Arc<Fill>) {
        self.fills.insert_unique(fill.hash(), fill, |fill| fill.hash());
    }

    pub(super) fn remove_fill(&mut self, fill: &Arc<Fill>) -> Option<Arc<Fill>> {
        let entry = self.fills.find_entry(fill.hash(), |other| Arc::ptr_eq(other, fill)).ok()?;
        Some(entry.remove().0)
    }

    /// Takes out one fetch of a key.
    pub(super) fn remove_fill_of(&mut self, hash: u64, key: &str) -> Option<Arc<Fill>> {
        let entry = self.fills.find_entry(hash, |fill| fill.key() == key).ok()?;
        Some(entry.remove().0)
    }

    pub(super) fn fills_in_progress(&self) -> usize {
        self.fills.len()
    }
}

impl Totals {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            documents: self.documents + other.documents,
            bodies: self.bodies + other.bodies,
            texts: self.texts + other.texts,
            metadata: self.metadata + other.metadata,
        }
    }

    fn of(stored: &Stored) -> Self {
        let (bodies, texts) = (stored.body().charged_bytes(), stored.text_bytes());
        Self { documents: 1, bodies, texts, metadata: stored.charged_bytes() - bodies - texts }
    }

    pub(super) fn add(&mut self, stored: &Stored) {
        *self = self.plus(Self::of(stored));
    }

    fn subtract(&mut self, stored: &Stored) {
        let of = Self::of(stored);
        self.documents -= of.documents;
        self.bodies -= of.bodies;
        self.texts -= of.texts;
        self.metadata -= of.metadata;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys chosen to fall into one shard and one place of its table under some seeds.
    fn colliding(seeds: [u64; 4]) -> Vec<String> {
        let index = Index::new(seeds);
        let place = |hash: u64| ((hash >> 40) % 8, hash % 64);
        let keys = (0..200_000).map(|n| format!("http://example.com/{n}"));
        keys.filter(|key| place(index.hash(key)) == (0, 0)).collect()
    }

    #[test]
    fn keys_that_collide_under_one_seed_do_not_under_another() {
        let keys = colliding([1, 2, 3, 4]);
        assert!(keys.len() > 200);
        let index = Index::new([5, 2, 3, 4]);
        let mut most = [0; 64];
        keys.iter().for_each(|key| most[(index.hash(key) % 64) as usize] += 1);
        assert!(most.iter().all(|&keys_there| keys_there < keys.len() / 10), "{most:?}");
    }

    #[test]
    fn the_hash_of_a_key_follows_from_the_seeds() {
        let hash = |seeds| Index::new(seeds).hash("http://example.com/");
        assert_eq!(hash([1, 2, 3, 4]), hash([1, 2, 3, 4]));
        assert_ne!(hash([1, 2, 3, 4]), hash([1, 2, 3, 5]));
    }
}
