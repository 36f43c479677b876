//! Who holds each document, two bytes per slot.

use crate::policy::Slot;
use crate::policy::paged::Paged;

/// Holds nothing: the executor does not know of a document in the slot.
const NOBODY: u8 = 0;
/// The document was picked as a victim and waits in the pool, or in somebody's hands.
const OFFERED: u8 = u8::MAX;

/// Who holds a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// No document is known.
    Nobody,
    /// Put forward as a victim.
    Offered,
    /// In the order of the policy instance with this number.
    Instance(u8),
}

/// Numbers an instance may have.
pub(super) const INSTANCE_IDS: std::ops::Range<u8> = NOBODY + 1..OFFERED;

/// The owner of each slot with the low byte of its generation, which tells the document the executor was told of
/// from a later one in the same slot. An executor that is 256 documents of one slot behind may take one for the other
/// once; that costs a decision, no document.
pub(super) struct Owners(Paged<[u8; 2], 4096>);

impl Owners {
    pub(super) fn new(slots_max: usize) -> Self {
        Self(Paged::new([NOBODY, 0], slots_max))
    }

    #[inline]
    pub(super) fn of(&self, slot: Slot) -> Owner {
        match self.0.get(slot as usize)[0] {
            NOBODY => Owner::Nobody,
            OFFERED => Owner::Offered,
            id => Owner::Instance(id),
        }
    }

    /// Whether the slot's known document has this generation.
    #[inline]
    pub(super) fn is_generation(&self, slot: Slot, generation: u32) -> bool {
        self.0.get(slot as usize)[1] == generation as u8
    }

    /// Whether the slot's known document has this generation or a later one, of two that are not far apart.
    pub(super) fn is_not_older(&self, slot: Slot, generation: u32) -> bool {
        self.0.get(slot as usize)[1].wrapping_sub(generation as u8) < 128
    }

    /// A document not known before.
    pub(super) fn come(&mut self, slot: Slot, generation: u32, owner: Owner) {
        self.0.set(slot as usize, [number(owner), generation as u8]);
    }

    /// The known document changes hands.
    pub(super) fn pass(&mut self, slot: Slot, owner: Owner) {
        self.0.at(slot as usize)[0] = number(owner);
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

const fn number(owner: Owner) -> u8 {
    match owner {
        Owner::Nobody => NOBODY,
        Owner::Offered => OFFERED,
        Owner::Instance(id) => id,
    }
}
