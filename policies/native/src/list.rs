//! Doubly linked lists threaded through slots: what every policy with queues is made of. One array of links holds all
//! lists of a policy, so moving a document from one queue to another allocates nothing, and taking a document out of
//! the middle is a matter of two neighbours. Which list a slot is in is for the policy to know.
//!
//! Each list runs from its oldest end, where victims are taken, to its newest. Documents imported from the order of
//! a previous policy form its oldest stretch: they arrive worst first and each goes above the earlier ones, but below
//! everything that came or was moved up since.

use cnn_core::policy::{Context, Paged, Slot};

/// No slot: the end of a list.
pub(crate) const NONE: Slot = Slot::MAX;

/// In the place of a neighbour: the slot is in no list.
const UNLINKED: Slot = Slot::MAX - 1;

/// Slots per page of links or other state: a page is made in microseconds, and a million documents are 244 pages.
pub(crate) const PAGE_SLOTS: usize = 4096;

#[derive(Clone, Copy)]
struct Node {
    older: Slot,
    newer: Slot,
}

const OUTSIDE: Node = Node { older: UNLINKED, newer: UNLINKED };

/// The links of every slot, in whichever list it is.
pub(crate) struct Links {
    nodes: Paged<Node, PAGE_SLOTS>,
}

/// Whether the host can ever give out this slot. An event that names another is nonsense and must be ignored, or memory
/// would not be bounded by the documents.
pub(crate) fn is_possible(context: &Context<'_>, slot: Slot) -> bool {
    slot < UNLINKED && (slot as usize) < context.documents.slots_max()
}

/// The ends of one list.
pub(crate) struct List {
    oldest: Slot,
    newest: Slot,
    // Invariant: everything from here to the oldest end is an import that was not moved since.
    imported: Slot,
    len: usize,
}

impl List {
    pub(crate) const fn new() -> Self {
        Self { oldest: NONE, newest: NONE, imported: NONE, len: 0 }
    }

    pub(crate) const fn oldest(&self) -> Slot {
        self.oldest
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Links {
    pub(crate) fn new() -> Self {
        Self { nodes: Paged::new(OUTSIDE, 0) }
    }

    /// Whether the slot is in one of the lists.
    pub(crate) fn is_linked(&self, slot: Slot) -> bool {
        self.newer(slot) != UNLINKED
    }

    /// The neighbour on the newer side, [`NONE`] at the end.
    pub(crate) fn newer(&self, slot: Slot) -> Slot {
        self.nodes.get(slot as usize).newer
    }

    /// Puts an unlinked slot at the newest end.
    pub(crate) fn push_newest(&mut self, list: &mut List, slot: Slot) {
        self.link(list, list.newest, slot, NONE);
    }

    /// Puts an unlinked slot next to another one of the list, on its older side.
    pub(crate) fn push_older_than(&mut self, list: &mut List, newer: Slot, slot: Slot) {
        self.link(list, self.nodes.get(newer as usize).older, slot, newer);
    }

    /// Puts an unlinked slot above what was imported before and below the rest.
    pub(crate) fn push_import(&mut self, list: &mut List, slot: Slot) {
        let newer = if list.imported == NONE { list.oldest } else { self.newer(list.imported) };
        self.link(list, list.imported, slot, newer);
        list.imported = slot;
    }

    /// Takes the oldest slot out of the list.
    pub(crate) fn pop_oldest(&mut self, list: &mut List) -> Option<Slot> {
        let slot = list.oldest;
        (slot != NONE).then(|| {
            self.unlink(list, slot);
            slot
        })
    }

    /// Moves a slot of the list to its newest end.
    pub(crate) fn move_to_newest(&mut self, list: &mut List, slot: Slot) {
        if list.newest != slot || list.imported == slot {
            self.unlink(list, slot);
            self.push_newest(list, slot);
        }
    }

    /// Takes a slot of the list out of it.
    pub(crate) fn unlink(&mut self, list: &mut List, slot: Slot) {
        let Node { older, newer } = std::mem::replace(self.nodes.at(slot as usize), OUTSIDE);
        debug_assert!(newer != UNLINKED, "slot in no list");
        if older == NONE {
            list.oldest = newer;
        } else {
            self.nodes.at(older as usize).newer = newer;
        }
        if newer == NONE {
            list.newest = older;
        } else {
            self.nodes.at(newer as usize).older = older;
        }
        if list.imported == slot {
            list.imported = older;
        }
        list.len -= 1;
    }

    /// The slots of the list from this one to the newest.
    pub(crate) fn from(&self, slot: Slot) -> impl Iterator<Item = Slot> + '_ {
        std::iter::successors((slot != NONE).then_some(slot), |&at| {
            Some(self.newer(at)).filter(|&next| next != NONE)
        })
    }

    /// Bytes the links take.
    pub(crate) fn state_bytes(&self) -> usize {
        self.nodes.bytes()
    }

    fn link(&mut self, list: &mut List, older: Slot, slot: Slot, newer: Slot) {
        debug_assert!(!self.is_linked(slot), "slot in a list already");
        self.nodes.set(slot as usize, Node { older, newer });
        if older == NONE {
            list.oldest = slot;
        } else {
            self.nodes.at(older as usize).newer = slot;
        }
        if newer == NONE {
            list.newest = slot;
        } else {
            self.nodes.at(newer as usize).older = slot;
        }
        list.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use cnn_core::policy::Documents;
    use cnn_core::time::Tick;

    use super::*;

    /// Plays a line of moves (`+n` newest, `in` import, `^n` move to newest, `-n` unlink) and compares what is left.
    fn check(moves: &str, expected: &[Slot]) {
        let (mut links, mut list) = (Links::new(), List::new());
        for one in moves.split_whitespace() {
            let slot = one[1..].parse().unwrap();
            match &one[..1] {
                "+" => links.push_newest(&mut list, slot),
                "i" => links.push_import(&mut list, slot),
                "^" => links.move_to_newest(&mut list, slot),
                _ => links.unlink(&mut list, slot),
            }
        }
        assert_eq!(links.from(list.oldest()).collect::<Vec<_>>(), expected, "{moves}");
        assert_eq!(list.len(), expected.len());
        assert_eq!(list.newest, expected.last().copied().unwrap_or(NONE));
    }

    #[test]
    fn slots_are_kept_in_the_order_they_came_and_leave_from_anywhere() {
        check("+1 +2 +3", &[1, 2, 3]);
        check("+1 +2 +3 -2", &[1, 3]);
        check("+1 +2 +3 -3 -1", &[2]);
        check("+1 -1", &[]);
        check("+1 +2 +3 ^1 ^3", &[2, 1, 3]);
    }

    #[test]
    fn imports_lie_above_earlier_ones_and_below_everything_touched_since() {
        check("+1 i2 i3 +4 i5", &[2, 3, 5, 1, 4]);
        check("i1 i2 i3 ^3 i4", &[1, 2, 4, 3]);
        check("i1 i2 ^1 ^2 i3", &[3, 1, 2]);
        check("i1 i2 -2 i3 -1 -3 i4 +5 i6", &[4, 6, 5]);
    }

    #[test]
    fn a_slot_beyond_the_table_is_impossible() {
        let documents = Documents::new(16);
        let context = Context { documents: &documents, now: Tick(0) };
        assert!(is_possible(&context, documents.slots_max() as Slot - 1));
        assert!(!is_possible(&context, documents.slots_max() as Slot));
        assert!(!is_possible(&context, Slot::MAX));
    }
}
