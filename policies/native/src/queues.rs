//! Queues: the frame of policies that keep documents in a few lists and take victims from their ends. It knows in which
//! list a document is and how many bytes each list holds, and it answers events as every such policy must: what is not
//! there is not hit, what comes twice is taken out first, a slot that cannot be is ignored. What remains to a policy is
//! its [`Discipline`]: where documents go and who leaves.
//!
//! A document costs 8 bytes of links and 16 of state.

use cnn_core::policy::{Context, Event, EventKind, HookPolicy, Paged, Slot};

use crate::list::{self, Links, List, PAGE_SLOTS};

/// In no list.
const NOWHERE: u8 = 0;
/// With the number of the list it was in: put forward as a victim, not yet answered.
const OFFERED: u8 = 0x80;

#[derive(Clone, Copy)]
struct Entry {
    size: u64,
    count: u32,
    /// A list's number from 1, with or without `OFFERED`; or `NOWHERE`.
    place: u8,
}

/// One list and its bytes.
struct Queue {
    list: List,
    // Invariant: the sizes of the documents in the list, wrapping.
    bytes: u64,
}

/// Lists of documents, numbered from 0, with a counter per document that is the policy's.
pub(crate) struct Queues {
    links: Links,
    entries: Paged<Entry, PAGE_SLOTS>,
    queues: Box<[Queue]>,
    /// Slots seen are below this.
    slots: usize,
}

impl Queues {
    /// So many empty lists, at most 127.
    pub(crate) fn new(lists: usize) -> Self {
        debug_assert!(lists < usize::from(OFFERED));
        Self {
            links: Links::new(),
            entries: Paged::new(Entry { size: 0, count: 0, place: NOWHERE }, 0),
            queues: (0..lists).map(|_| Queue { list: List::new(), bytes: 0 }).collect(),
            slots: 0,
        }
    }

    /// The list the document is in.
    #[inline]
    pub(crate) fn list_of(&self, slot: Slot) -> Option<usize> {
        let place = self.entries.get(slot as usize).place;
        (place != NOWHERE && place & OFFERED == 0).then(|| usize::from(place) - 1)
    }

    /// Bytes charged for the document when it was last heard of.
    pub(crate) fn size(&self, slot: Slot) -> u64 {
        self.entries.get(slot as usize).size
    }

    /// The document's counter; 0 when it came.
    #[inline]
    pub(crate) fn count(&self, slot: Slot) -> u32 {
        self.entries.get(slot as usize).count
    }

    /// Sets the counter of a document in a list.
    #[inline]
    pub(crate) fn set_count(&mut self, slot: Slot, count: u32) {
        self.entries.at(slot as usize).count = count;
    }

    /// Counts one up, at most to `most`.
    #[inline]
    pub(crate) fn count_up(&mut self, slot: Slot, most: u32) {
        let entry = self.entries.get(slot as usize);
        if entry.count < most {
            self.entries.at(slot as usize).count = entry.count + 1;
        }
    }

    /// Bytes of the documents in a list.
    #[inline]
    pub(crate) fn bytes(&self, list: usize) -> u64 {
        self.queues[list].bytes
    }

    /// Documents in a list.
    pub(crate) fn len(&self, list: usize) -> usize {
        self.queues[list].list.len()
    }

    /// Documents in all lists.
    pub(crate) fn len_of_all(&self) -> usize {
        self.queues.iter().map(|queue| queue.list.len()).sum()
    }

    /// Slots that were ever used: a bound for what may be remembered of documents that went.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// The oldest document of a list.
    #[inline]
    pub(crate) fn oldest(&self, list: usize) -> Option<Slot> {
        let slot = self.queues[list].list.oldest();
        (slot != list::NONE).then_some(slot)
    }

    /// The documents of a list from the oldest to the newest.
    pub(crate) fn iter(&self, list: usize) -> impl Iterator<Item = Slot> + '_ {
        self.links.from(self.queues[list].list.oldest())
    }

    /// Puts a document that is in no list at the newest end of one, its counter at 0.
    pub(crate) fn push(&mut self, list: usize, slot: Slot, size: u64) {
        self.enter(list, slot, size, Links::push_newest);
    }

    /// Puts a document that is in no list above earlier imports of one and below the rest.
    pub(crate) fn push_import(&mut self, list: usize, slot: Slot, size: u64) {
        self.enter(list, slot, size, Links::push_import);
    }

    fn enter(&mut self, list: usize, slot: Slot, size: u64, push: fn(&mut Links, &mut List, Slot)) {
        let queue = &mut self.queues[list];
        push(&mut self.links, &mut queue.list, slot);
        queue.bytes = queue.bytes.wrapping_add(size);
        self.entries.set(slot as usize, Entry { size, count: 0, place: list as u8 + 1 });
        self.slots = self.slots.max(slot as usize + 1);
    }

    /// Moves a document that is in a list to the newest end of one, the same or another. The counter stays.
    pub(crate) fn move_to(&mut self, list: usize, slot: Slot) {
        let entry = self.entries.get(slot as usize);
        let from = usize::from(entry.place) - 1;
        if from == list {
            return self.links.move_to_newest(&mut self.queues[list].list, slot);
        }
        let queue = &mut self.queues[from];
        self.links.unlink(&mut queue.list, slot);
        queue.bytes = queue.bytes.wrapping_sub(entry.size);
        let queue = &mut self.queues[list];
        self.links.push_newest(&mut queue.list, slot);
        queue.bytes = queue.bytes.wrapping_add(entry.size);
        self.entries.at(slot as usize).place = list as u8 + 1;
    }

    /// Takes a document out of its list as a victim.
    pub(crate) fn offer(&mut self, slot: Slot) -> Slot {
        if let Some(list) = self.unlink(slot) {
            self.entries.at(slot as usize).place = OFFERED | (list as u8 + 1);
        }
        slot
    }

    /// Takes out the oldest document of a list as a victim.
    pub(crate) fn offer_oldest(&mut self, list: usize) -> Option<Slot> {
        self.oldest(list).map(|slot| self.offer(slot))
    }

    /// Takes out the oldest of the first list while it holds more than `limit` bytes, of the second otherwise, and of
    /// whichever has one when the other has none.
    pub(crate) fn offer_of_two(&mut self, first: usize, limit: u64, second: usize) -> Option<Slot> {
        let is_first = self.bytes(first) > limit || self.len(second) == 0;
        let (from, or) = if is_first { (first, second) } else { (second, first) };
        self.offer_oldest(from).or_else(|| self.offer_oldest(or))
    }

    /// The order in which [`Queues::offer_of_two`] takes them.
    pub(crate) fn rank_of_two(
        &self,
        first: usize,
        limit: u64,
        second: usize,
        visit: &mut dyn FnMut(Slot) -> bool,
    ) {
        let (mut of_first, mut of_second) = (self.iter(first).peekable(), self.iter(second).peekable());
        let mut bytes = self.bytes(first);
        loop {
            let is_first = bytes > limit && of_first.peek().is_some() || of_second.peek().is_none();
            let Some(slot) = (if is_first { of_first.next() } else { of_second.next() }) else { return };
            if is_first {
                bytes = bytes.wrapping_sub(self.size(slot));
            }
            if !visit(slot) {
                return;
            }
        }
    }

    /// Forgets a document. The list it was in, or was offered from.
    pub(crate) fn forget(&mut self, slot: Slot) -> Option<usize> {
        let place = self.entries.get(slot as usize).place;
        if place == NOWHERE {
            return None;
        }
        self.unlink(slot);
        self.entries.at(slot as usize).place = NOWHERE;
        Some(usize::from(place & !OFFERED) - 1)
    }

    /// The list a victim was offered from.
    fn offered_from(&self, slot: Slot) -> Option<usize> {
        let place = self.entries.get(slot as usize).place;
        (place & OFFERED != 0).then(|| usize::from(place & !OFFERED) - 1)
    }

    fn unlink(&mut self, slot: Slot) -> Option<usize> {
        let list = self.list_of(slot)?;
        let queue = &mut self.queues[list];
        self.links.unlink(&mut queue.list, slot);
        queue.bytes = queue.bytes.wrapping_sub(self.entries.get(slot as usize).size);
        Some(list)
    }

    fn resize(&mut self, slot: Slot, size: u64) {
        if let Some(list) = self.list_of(slot) {
            let old = std::mem::replace(&mut self.entries.at(slot as usize).size, size);
            let queue = &mut self.queues[list];
            queue.bytes = queue.bytes.wrapping_sub(old).wrapping_add(size);
        }
    }

    pub(crate) fn state_bytes(&self) -> usize {
        self.links.state_bytes() + self.entries.bytes() + size_of_val(&*self.queues)
    }
}

/// What a policy decides: everything about its queues that is not the same for all.
pub(crate) trait Discipline: Send {
    fn queues(&self) -> &Queues;
    fn queues_mut(&mut self) -> &mut Queues;

    /// A document came; it is in no list.
    fn insert(&mut self, event: &Event);

    /// A document in a list was used.
    fn hit(&mut self, slot: Slot, event: &Event);

    /// A document of a previous policy comes; it is in no list and goes below what is there.
    fn import(&mut self, event: &Event) {
        self.queues_mut().push_import(0, event.slot, event.size);
    }

    /// A victim from this list comes back, to be placed as after a hit; it is in no list.
    fn put_back(&mut self, event: &Event, from: usize) {
        self.queues_mut().push(from, event.slot, event.size);
        self.hit(event.slot, event);
    }

    /// A document went that was in this list, or was offered from it.
    fn gone(&mut self, _event: &Event, _from: usize) {}

    /// Takes the next victim out of its list with [`Queues::offer`].
    fn victim(&mut self) -> Option<Slot>;

    /// The order of the victims, as [`HookPolicy::rank`].
    fn rank(&self, visit: &mut dyn FnMut(Slot) -> bool);

    /// Bytes of state beyond the queues.
    fn extra_bytes(&self) -> usize {
        0
    }
}

/// A discipline as a policy.
pub(crate) struct Queued<D>(pub(crate) D);

impl<D: Discipline> HookPolicy for Queued<D> {
    fn on_event(&mut self, context: &Context<'_>, event: &Event) {
        let Some(kind) = event.kind() else { return };
        let slot = event.slot;
        let is_queued = self.0.queues().list_of(slot).is_some();
        match kind {
            EventKind::Hit | EventKind::Return if is_queued => self.0.hit(slot, event),
            EventKind::Hit => {}
            EventKind::Update => self.0.queues_mut().resize(slot, event.size),
            EventKind::Remove => {
                if let Some(from) = self.0.queues_mut().forget(slot) {
                    self.0.gone(event, from);
                }
            }
            EventKind::Import if is_queued => {}
            EventKind::Insert | EventKind::Return | EventKind::Import
                if !list::is_possible(context, slot) => {}
            EventKind::Insert => {
                self.0.queues_mut().forget(slot);
                self.0.insert(event);
            }
            EventKind::Return => {
                let from = self.0.queues().offered_from(slot).unwrap_or(0);
                self.0.put_back(event, from);
            }
            EventKind::Import => self.0.import(event),
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        self.0.victim()
    }

    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        self.0.rank(visit);
    }

    fn len(&self) -> usize {
        self.0.queues().len_of_all()
    }

    fn state_bytes(&self) -> usize {
        self.0.queues().state_bytes() + self.0.extra_bytes()
    }
}

/// The share of a capacity, rounded down.
pub(crate) fn share(capacity: u64, share: f64) -> u64 {
    // Casts from floats saturate; more than all is for ghosts.
    (capacity as f64 * share) as u64
}
