//! The event record: what happened to one document, in 32 bytes that are the same in native code and in a guest's
//! memory (little-endian, no padding).

/// Size of one [`Event`] in bytes; a batch is an array of them.
pub const EVENT_BYTES: usize = core::mem::size_of::<Event>();

/// What happened to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EventKind {
    /// A stored response was used again. Lossy: under overload some are dropped, and the columns still count them.
    Hit = 0,
    /// A response was stored in a slot that was free.
    Insert = 1,
    /// A stored response got new metadata or a new size (validation by 304); it stays where it is.
    Update = 2,
    /// The document is gone. [`Flags::EVICTED`] tells an eviction from a removal for any other reason.
    Remove = 3,
    /// The document was here before the policy was: place it by its history (`uses`, last use), below whatever has
    /// been touched since. Imports come worst first in the order of the previous policy.
    Import = 4,
    /// The policy offered this document as a victim and the host did not take it (it was used again, or is pinned):
    /// place it as after a hit.
    Return = 5,
}

impl EventKind {
    /// The kind with this number, or `None` for a number no version of the contract has used.
    pub const fn from_u8(kind: u8) -> Option<Self> {
        Some(match kind {
            0 => Self::Hit,
            1 => Self::Insert,
            2 => Self::Update,
            3 => Self::Remove,
            4 => Self::Import,
            5 => Self::Return,
            _ => return None,
        })
    }
}

/// Bits of [`Event::flags`].
pub struct Flags;

impl Flags {
    /// On [`EventKind::Remove`]: the document was evicted to make room (not purged, expired or replaced).
    pub const EVICTED: u8 = 1;
}

/// One event. The slot names the document; the rest saves a policy from looking it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Event {
    /// The document's slot: dense, from 0, reused after [`EventKind::Remove`].
    pub slot: u32,
    /// An [`EventKind`] as its number.
    pub kind: u8,
    /// Bits of [`Flags`].
    pub flags: u8,
    /// Content-type class (`cnn_core::policy::Mime` as its number).
    pub mime: u8,
    /// Zero.
    pub reserved: u8,
    /// Stable keyed hash of the document's key; ghosts and sketches use it, because slots are reused.
    pub hash: u64,
    /// Bytes charged for the document, body and metadata.
    pub size: u64,
    /// What it took to fetch the document, in microseconds; 0 when unknown.
    pub fetch_us: u32,
    /// Times the document was used since it was stored, this event included; saturating.
    pub uses: u32,
}

impl Event {
    /// The kind of this event, or `None` when the number is none of ours.
    pub const fn kind(&self) -> Option<EventKind> {
        EventKind::from_u8(self.kind)
    }

    /// Whether this removal was an eviction.
    pub const fn is_evicted(&self) -> bool {
        self.flags & Flags::EVICTED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_32_bytes_without_padding() {
        assert_eq!(EVENT_BYTES, 32);
        assert_eq!(core::mem::offset_of!(Event, hash), 8);
        assert_eq!(core::mem::offset_of!(Event, size), 16);
        assert_eq!(core::mem::offset_of!(Event, fetch_us), 24);
        assert_eq!(core::mem::offset_of!(Event, uses), 28);
    }

    #[test]
    fn every_kind_survives_its_number() {
        for number in 0..=5 {
            assert_eq!(EventKind::from_u8(number).map(|kind| kind as u8), Some(number));
        }
        assert_eq!(EventKind::from_u8(6), None);
    }
}
