//! Why responses seen lately were not stored, so that an operator who asks about a URL is told the rule and not only
//! "no". A note is written where a response passes unstored, never on a hit; a few thousand are kept, each newer one in
//! the place of an older with the same hash.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use cnn_core::policy::Refusal;
use cnn_core::time::UnixSecs;
use parking_lot::Mutex;

/// Notes kept: some minutes of misses of a busy proxy, in about 220 KiB.
const NOTES: usize = 4096;

/// Why the response to a key was not stored, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Keyed hash of the key.
    hash: u64,
    /// The reason, as metrics label it.
    pub reason: &'static str,
    /// The admission policy that gave the reason, where it was one.
    pub by: Option<Arc<str>>,
    /// When.
    pub at: UnixSecs,
}

/// The notes, shared by all workers.
#[derive(Debug)]
pub struct NotStored {
    /// Seeded anew in each process, so that nobody can choose keys that push out others' notes.
    hasher: RandomState,
    /// Each guards one note; nobody holds one while doing anything else.
    notes: Box<[Mutex<Option<Note>>]>,
}

impl Default for NotStored {
    fn default() -> Self {
        Self { hasher: RandomState::new(), notes: (0..NOTES).map(|_| Mutex::new(None)).collect() }
    }
}

impl NotStored {
    /// The response to this key was not stored.
    pub fn note(&self, key: &str, reason: &'static str, at: UnixSecs) {
        self.put(key, reason, None, at);
    }

    /// The response to this key was not admitted by this policy.
    pub fn note_refused(&self, key: &str, by: &Arc<str>, why: Refusal, at: UnixSecs) {
        self.put(key, why.as_str(), Some(by.clone()), at);
    }

    fn put(&self, key: &str, reason: &'static str, by: Option<Arc<str>>, at: UnixSecs) {
        let hash = self.hasher.hash_one(key);
        *self.place(hash).lock() = Some(Note { hash, reason, by, at });
    }

    /// The last note of this key, if it is still there.
    pub fn find(&self, key: &str) -> Option<Note> {
        let hash = self.hasher.hash_one(key);
        self.place(hash).lock().as_ref().filter(|note| note.hash == hash).cloned()
    }

    fn place(&self, hash: u64) -> &Mutex<Option<Note>> {
        &self.notes[hash as usize % NOTES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reason_of_a_key_is_found_and_of_no_other() {
        let notes = NotStored::default();
        notes.note("http://a.test/", "private", UnixSecs(1));
        notes.note("http://a.test/", "no-store", UnixSecs(2));
        let note = notes.find("http://a.test/").unwrap();
        assert_eq!((note.reason, note.at), ("no-store", UnixSecs(2)));
        assert_eq!(notes.find("http://b.test/"), None);
    }

    #[test]
    fn notes_never_take_more_room() {
        let notes = NotStored::default();
        for number in 0..3 * NOTES {
            notes.note(&format!("http://a.test/{number}"), "no-store", UnixSecs(0));
        }
        assert_eq!(notes.notes.len(), NOTES);
        assert!(size_of::<Mutex<Option<Note>>>() <= 56);
    }
}
