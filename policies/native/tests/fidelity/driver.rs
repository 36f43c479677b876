//! A cache around one policy that does what libCacheSim's do on a request: a hit is told; a miss makes room and inserts
//! the object; an object larger than the cache is not admitted. The order of key policies is a plain ordered set here,
//! ties to what was keyed first. One thread, no batches, no victims picked ahead: what is compared is the policy.

use std::collections::BTreeSet;

use cnn_core::policy::{Context, Documents, Event, EventKind, Factory, Flags, HitEvents, Replacement, Slot};
use cnn_core::time::Tick;

use crate::traces::Object;

/// A cache that can be asked for objects; the policies' and the naive ones.
pub(crate) trait Cache {
    /// Whether the object was there; it is now, when it fits.
    fn request(&mut self, object: Object, size: u64) -> bool;

    /// Takes the object out, if it is there.
    fn purge(&mut self, object: Object);
}

/// When room is made for an object that is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Room {
    /// Before it is inserted, as in Cao and Irani's paper, in most caches of libCacheSim and in this proxy.
    Before,
    /// After it is inserted, so that it competes, and may be its own victim: libCacheSim's GDSF.
    After,
}

/// Which of two documents with the same key goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ties {
    /// The one keyed first: what the host promises.
    OldestFirst,
    /// The one keyed last.
    NewestFirst,
}

/// A key with its order: all numbers, lowest first.
#[derive(Clone, Copy, PartialEq)]
struct Key(f64);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[derive(Clone, Copy, Default)]
struct Resident {
    object: Object,
    size: u64,
    uses: u32,
    key: f64,
    keyed: i64,
}

/// The cache.
pub(crate) struct Host {
    policy: Replacement,
    hit_events: HitEvents,
    room: Room,
    ties: Ties,
    documents: Documents,
    residents: Vec<Resident>,
    free: Vec<Slot>,
    slot_of: Vec<Option<Slot>>,
    order: BTreeSet<(Key, i64, Slot)>,
    keyed: i64,
    used: u64,
    capacity: u64,
    admitted_max: u64,
}

impl Host {
    /// An empty cache for objects numbered below `objects`.
    pub(crate) fn new(factory: &Factory, capacity: u64, objects: usize) -> Self {
        Self {
            policy: (factory.build)(capacity),
            hit_events: (factory.manifest)().hit_events,
            room: Room::Before,
            ties: Ties::OldestFirst,
            documents: Documents::new(objects),
            residents: Vec::new(),
            free: Vec::new(),
            slot_of: vec![None; objects],
            order: BTreeSet::new(),
            keyed: 0,
            used: 0,
            capacity,
            admitted_max: capacity,
        }
    }

    /// Objects above this are not admitted (libCacheSim's S3-FIFO refuses what its small queue cannot hold).
    pub(crate) fn admit_up_to(self, size: u64) -> Self {
        Self { admitted_max: size.min(self.capacity), ..self }
    }

    /// Room is made at this moment.
    pub(crate) fn make_room(self, room: Room) -> Self {
        Self { room, ..self }
    }

    /// Ties are broken this way.
    pub(crate) fn break_ties(self, ties: Ties) -> Self {
        Self { ties, ..self }
    }

    fn tell(&mut self, kind: EventKind, slot: Slot, flags: u8) {
        let context = Context { documents: &self.documents, now: Tick(0) };
        let resident = &mut self.residents[slot as usize];
        let event = Event {
            slot,
            kind: kind as u8,
            flags,
            mime: 0,
            reserved: 0,
            hash: resident.object.into(),
            size: resident.size,
            fetch_us: fetch_us(resident.object),
            uses: resident.uses,
        };
        match &mut self.policy {
            Replacement::Hooks(policy) => policy.on_event(&context, &event),
            Replacement::Key(policy) => {
                self.order.remove(&(Key(resident.key), resident.keyed, slot));
                if kind != EventKind::Remove {
                    self.keyed += 1;
                    resident.key = policy.key(&context, &event);
                    resident.keyed = if self.ties == Ties::OldestFirst { self.keyed } else { -self.keyed };
                    self.order.insert((Key(resident.key), resident.keyed, slot));
                }
            }
            Replacement::Score(_) => unreachable!("no score policy is built in"),
        }
    }

    fn evict(&mut self) {
        let context = Context { documents: &self.documents, now: Tick(0) };
        let slot = match &mut self.policy {
            Replacement::Hooks(policy) => policy.victim(&context),
            Replacement::Key(policy) => self.order.pop_first().map(|(Key(key), _, slot)| {
                policy.evicted(key);
                slot
            }),
            Replacement::Score(_) => None,
        };
        self.remove(slot.expect("a full cache has a victim"), Flags::EVICTED);
    }

    fn remove(&mut self, slot: Slot, flags: u8) {
        self.tell(EventKind::Remove, slot, flags);
        let resident = &self.residents[slot as usize];
        self.used -= resident.size;
        self.slot_of[resident.object as usize] = None;
        self.free.push(slot);
    }
}

impl Cache for Host {
    fn request(&mut self, object: Object, size: u64) -> bool {
        if let Some(slot) = self.slot_of[object as usize] {
            self.residents[slot as usize].uses += 1;
            if self.hit_events == HitEvents::Needed {
                self.tell(EventKind::Hit, slot, 0);
            }
            return true;
        }
        if size <= self.admitted_max {
            while self.room == Room::Before && self.used + size > self.capacity {
                self.evict();
            }
            let slot = self.free.pop().unwrap_or_else(|| {
                self.residents.push(Resident::default());
                Slot::try_from(self.residents.len() - 1).unwrap()
            });
            self.residents[slot as usize] = Resident { object, size, uses: 1, ..Resident::default() };
            self.slot_of[object as usize] = Some(slot);
            self.used += size;
            self.tell(EventKind::Insert, slot, 0);
            while self.used > self.capacity {
                self.evict();
            }
        }
        false
    }

    fn purge(&mut self, object: Object) {
        if let Some(slot) = self.slot_of[object as usize] {
            self.remove(slot, 0);
        }
    }
}

/// What fetching the object takes: made up, but always the same; unknown for some.
pub(crate) fn fetch_us(object: Object) -> u32 {
    if object.is_multiple_of(7) { 0 } else { 1_000 + object.wrapping_mul(2_654_435_761) % 200_000 }
}
