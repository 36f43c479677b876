//! A cache around one policy that does what libCacheSim's do on a request: a hit is told; a miss makes room and inserts
//! the object; an object larger than the cache is not admitted. Board and executor are the engine's, run in line and
//! exactly: each victim is picked when it is needed and after everything before it has been heard.

use std::sync::Arc;

use cnn_core::policy::{Board, Document, Executor, Factory, Inline, Picker, Prepared, Removal, SlotId};
use cnn_core::time::{Tick, UnixSecs};

use crate::traces::Object;

/// A cache that can be asked for objects; the engine's and the naive ones.
pub(crate) trait Cache {
    /// Whether the object was there; it is now, when it fits.
    fn request(&mut self, object: Object, size: u64) -> bool;

    /// Takes the object out, if it is there.
    fn purge(&mut self, object: Object);
}

/// The cache.
pub(crate) struct Host {
    engine: Arc<Inline>,
    ids: Vec<Option<SlotId>>,
    used: u64,
    capacity: u64,
}

impl Host {
    /// An empty cache for objects numbered below `objects`.
    pub(crate) fn new(factory: &Factory, capacity: u64, objects: usize) -> Self {
        Self::around(|slots_max| Prepared::new(factory, capacity, slots_max).unwrap(), capacity, objects)
    }

    /// The same around a policy made in another way, for slots below the number it is made with.
    pub(crate) fn around(make: impl FnOnce(usize) -> Prepared, capacity: u64, objects: usize) -> Self {
        let board = Arc::new(Board::new(1, objects, 1));
        let policy = make(board.documents().slots_max());
        Self {
            engine: Inline::new(Executor::exact(board, policy, UnixSecs(0))),
            ids: vec![None; objects],
            used: 0,
            capacity,
        }
    }

    fn insert(&mut self, object: Object, size: u64) {
        let board = self.engine.board();
        let id = board.alloc_slot().expect("there are as many slots as objects");
        let document = Document {
            hash: object.into(),
            size,
            uses: 1,
            fetch_us: fetch_us(object),
            ..Document::default()
        };
        board.inserted(id, &document);
        self.ids[object as usize] = Some(id);
        self.used += size;
    }

    fn evict(&mut self) {
        let offer = self.engine.board().take_victim().expect("a full cache has a victim");
        assert_eq!(offer.picker, Picker::Policy, "the policy picks, not the fallback");
        self.remove(offer.id, Removal::Evicted);
    }

    fn remove(&mut self, id: SlotId, why: Removal) {
        let board = self.engine.board();
        let document = board.documents().get(id.slot);
        board.removed(id, why);
        self.ids[document.hash as usize] = None;
        self.used -= document.size;
    }
}

impl Cache for Host {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(id) = self.ids[object as usize] {
            self.engine.board().hit(0, id, Tick(0));
            return true;
        }
        if size <= self.capacity {
            while self.used + size > self.capacity {
                self.evict();
            }
            self.insert(object, size);
        }
        false
    }

    fn purge(&mut self, object: Object) {
        if let Some(id) = self.ids[object as usize] {
            self.remove(id, Removal::Gone);
        }
    }
}

/// What fetching the object takes: made up, but always the same; unknown for some.
pub(crate) fn fetch_us(object: Object) -> u32 {
    if object.is_multiple_of(7) { 0 } else { 1_000 + object.wrapping_mul(2_654_435_761) % 200_000 }
}
