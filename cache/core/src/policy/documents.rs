//! The policy-neutral columns: what is true of each document whatever the policy. Written by the request path with
//! relaxed stores, read by the executor. No policy's own encoding is ever stored here, so that any policy can be
//! started from it at any time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

use cnn_abi::{Event, EventKind};

use crate::time::Tick;

/// The number of a stored response: dense, reused after removal.
pub type Slot = u32;

/// A slot together with the generation that tells its successive documents apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotId {
    /// The slot.
    pub slot: Slot,
    /// Raised each time the slot is freed.
    pub generation: u32,
}

/// Content-type classes: coarse, stable numbers that policies and scripts can branch on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mime {
    /// None given, or none of the others.
    #[default]
    Other = 0,
    /// `text/html`, `application/xhtml+xml`
    Html = 1,
    /// Other `text/*`, JSON, XML, scripts and style sheets.
    Text = 2,
    /// `image/*`
    Image = 3,
    /// `audio/*` and `video/*`
    Media = 4,
    /// `font/*`
    Font = 5,
    /// Archives, packages and other binary downloads.
    Binary = 6,
}

impl Mime {
    /// The class of a Content-Type value; parameters are ignored.
    pub fn of(content_type: &[u8]) -> Self {
        let essence = content_type.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        let essence = essence.to_ascii_lowercase();
        match essence.as_slice() {
            b"text/html" | b"application/xhtml+xml" => Self::Html,
            b"application/json" | b"application/xml" | b"application/javascript" => Self::Text,
            t if t.ends_with(b"+json") || t.ends_with(b"+xml") && !t.starts_with(b"image/") => Self::Text,
            t if t.starts_with(b"text/") => Self::Text,
            t if t.starts_with(b"image/") => Self::Image,
            t if t.starts_with(b"audio/") || t.starts_with(b"video/") => Self::Media,
            t if t.starts_with(b"font/") => Self::Font,
            t if t.starts_with(b"application/") => Self::Binary,
            _ => Self::Other,
        }
    }

    /// The word for it in replies and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Html => "html",
            Self::Text => "text",
            Self::Image => "image",
            Self::Media => "media",
            Self::Font => "font",
            Self::Binary => "binary",
        }
    }

    /// The class with this number; unknown numbers are [`Mime::Other`].
    pub const fn from_u8(number: u8) -> Self {
        match number {
            1 => Self::Html,
            2 => Self::Text,
            3 => Self::Image,
            4 => Self::Media,
            5 => Self::Font,
            6 => Self::Binary,
            _ => Self::Other,
        }
    }
}

/// The columns of one document, read at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Stable keyed hash of the document's key.
    pub hash: u64,
    /// Bytes charged: body and metadata.
    pub size: u64,
    /// When it was stored.
    pub created: Tick,
    /// When it was last used (stored counts as a use).
    pub last_used: Tick,
    /// Until when it is fresh; [`Tick::default`] when it was stale from the start.
    pub fresh_until: Tick,
    /// Times used since it was stored; the fetch that stored it counts as 1.
    pub uses: u32,
    /// Microseconds to the first byte when it was fetched; 0 when unknown.
    pub ttfb_us: u32,
    /// Microseconds its fetch took; 0 when unknown.
    pub fetch_us: u32,
    /// Number of the origin it came from.
    pub origin: u32,
    /// Class of its path; 0 when unclassified.
    pub path_class: u16,
    /// Status code of the response.
    pub status: u16,
    /// Content-type class.
    pub mime: Mime,
}

/// Rows are allocated in chunks of this many, so that the table grows without moving what workers are stamping.
const CHUNK_ROWS: usize = 4096;

/// One document's row: a cache line.
#[derive(Default)]
#[repr(align(64))]
struct Row {
    hash: AtomicU64,
    size: AtomicU64,
    created: AtomicU64,
    last_used: AtomicU64,
    fresh_until_secs: AtomicU32,
    uses: AtomicU32,
    ttfb_us: AtomicU32,
    fetch_us: AtomicU32,
    origin: AtomicU32,
    generation: AtomicU32,
    path_class: AtomicU16,
    status: AtomicU16,
    mime: AtomicU8,
    is_resident: AtomicU8,
}

impl Row {
    #[inline]
    fn event(&self, slot: Slot, kind: EventKind, flags: u8) -> Event {
        Event {
            mime: self.mime.load(Relaxed),
            hash: self.hash.load(Relaxed),
            size: self.size.load(Relaxed),
            fetch_us: self.fetch_us.load(Relaxed),
            uses: self.uses.load(Relaxed),
            ..blank(slot, kind, flags)
        }
    }
}

/// An event about a slot of which nothing is known.
const fn blank(slot: Slot, kind: EventKind, flags: u8) -> Event {
    Event { slot, kind: kind as u8, flags, mime: 0, reserved: 0, hash: 0, size: 0, fetch_us: 0, uses: 0 }
}

/// The table of columns, indexed by slot. Grows by chunks up to a fixed number of slots and never shrinks.
pub struct Documents {
    chunks: Box<[OnceLock<Box<[Row]>>]>,
}

impl Documents {
    /// A table with room for at least `slots_max` documents; memory is taken as slots are first used.
    pub fn new(slots_max: usize) -> Self {
        Self { chunks: (0..slots_max.div_ceil(CHUNK_ROWS).max(1)).map(|_| OnceLock::new()).collect() }
    }

    /// Slots there can ever be.
    pub fn slots_max(&self) -> usize {
        self.chunks.len() * CHUNK_ROWS
    }

    /// Bytes the table takes now.
    pub fn table_bytes(&self) -> usize {
        let chunks = self.chunks.iter().filter(|chunk| chunk.get().is_some()).count();
        chunks * CHUNK_ROWS * size_of::<Row>() + size_of_val(&*self.chunks)
    }

    /// The columns of a slot as they are now; all zero for a slot never used.
    pub fn get(&self, slot: Slot) -> Document {
        let Some(row) = self.row(slot) else { return Document::default() };
        Document {
            hash: row.hash.load(Relaxed),
            size: row.size.load(Relaxed),
            created: Tick(row.created.load(Relaxed)),
            last_used: Tick(row.last_used.load(Relaxed)),
            fresh_until: Tick::from_secs(row.fresh_until_secs.load(Relaxed).into()),
            uses: row.uses.load(Relaxed),
            ttfb_us: row.ttfb_us.load(Relaxed),
            fetch_us: row.fetch_us.load(Relaxed),
            origin: row.origin.load(Relaxed),
            path_class: row.path_class.load(Relaxed),
            status: row.status.load(Relaxed),
            mime: Mime::from_u8(row.mime.load(Relaxed)),
        }
    }

    /// Writes every column of a slot and marks it resident.
    ///
    /// # Panics
    /// When the slot is beyond [`Documents::slots_max`].
    pub fn set(&self, slot: Slot, document: &Document) {
        let row = self.row_or_new(slot);
        row.hash.store(document.hash, Relaxed);
        row.size.store(document.size, Relaxed);
        row.created.store(document.created.0, Relaxed);
        row.last_used.store(document.last_used.0, Relaxed);
        row.fresh_until_secs.store(whole_secs(document.fresh_until), Relaxed);
        row.uses.store(document.uses, Relaxed);
        row.ttfb_us.store(document.ttfb_us, Relaxed);
        row.fetch_us.store(document.fetch_us, Relaxed);
        row.origin.store(document.origin, Relaxed);
        row.path_class.store(document.path_class, Relaxed);
        row.status.store(document.status, Relaxed);
        row.mime.store(document.mime as u8, Relaxed);
        row.is_resident.store(1, Relaxed);
    }

    /// The document was used: stamps the tick and counts, two relaxed stores. Two workers at the same moment may
    /// count one use; the columns are statistics, not accounts.
    pub fn touch(&self, slot: Slot, now: Tick) -> u32 {
        let Some(row) = self.row(slot) else { return 0 };
        let uses = row.uses.load(Relaxed).saturating_add(1);
        row.uses.store(uses, Relaxed);
        row.last_used.store(now.0, Relaxed);
        uses
    }

    /// The same for one document: false, and nothing is written, when the slot has another one by now.
    #[inline]
    pub fn touch_document(&self, id: SlotId, now: Tick) -> bool {
        let Some(row) = self.row(id.slot) else { return false };
        if row.generation.load(Relaxed) != id.generation {
            return false;
        }
        row.uses.store(row.uses.load(Relaxed).saturating_add(1), Relaxed);
        row.last_used.store(now.0, Relaxed);
        true
    }

    /// Stamps a use and tells of it, in one go: for a caller that is alone with the columns and knows the document.
    #[inline]
    pub(super) fn touch_event(&self, slot: Slot, now: Tick) -> Event {
        let Some(row) = self.row(slot) else { return blank(slot, EventKind::Hit, 0) };
        row.uses.store(row.uses.load(Relaxed).saturating_add(1), Relaxed);
        row.last_used.store(now.0, Relaxed);
        row.event(slot, EventKind::Hit, 0)
    }

    /// Writes what validation changes: size and freshness.
    pub fn renew(&self, slot: Slot, size: u64, fresh_until: Tick) {
        if let Some(row) = self.row(slot) {
            row.size.store(size, Relaxed);
            row.fresh_until_secs.store(whole_secs(fresh_until), Relaxed);
        }
    }

    /// An event about the document of a slot, from its columns as they are now.
    pub fn event(&self, slot: Slot, kind: EventKind, flags: u8) -> Event {
        self.row(slot).map_or_else(|| blank(slot, kind, flags), |row| row.event(slot, kind, flags))
    }

    /// Bytes the document is charged.
    pub fn size(&self, slot: Slot) -> u64 {
        self.row(slot).map_or(0, |row| row.size.load(Relaxed))
    }

    /// Times the document was used.
    pub fn uses(&self, slot: Slot) -> u32 {
        self.row(slot).map_or(0, |row| row.uses.load(Relaxed))
    }

    /// When the document was last used.
    pub fn last_used(&self, slot: Slot) -> Tick {
        self.row(slot).map_or(Tick(0), |row| Tick(row.last_used.load(Relaxed)))
    }

    /// The generation of a slot: raised each time its document is removed.
    pub fn generation(&self, slot: Slot) -> u32 {
        self.row(slot).map_or(0, |row| row.generation.load(Relaxed))
    }

    /// Whether a document lives in the slot.
    pub fn is_resident(&self, slot: Slot) -> bool {
        self.row(slot).is_some_and(|row| row.is_resident.load(Relaxed) == 1)
    }

    /// The document of a slot is gone: raises the generation, so that whoever still names the old one is noticed.
    ///
    /// # Panics
    /// When the slot is beyond [`Documents::slots_max`].
    pub fn remove(&self, slot: Slot) {
        let row = self.row_or_new(slot);
        row.is_resident.store(0, Relaxed);
        row.generation.store(row.generation.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// What the slot allocator noted in a free row.
    pub(super) fn free_link(&self, slot: Slot) -> Slot {
        self.row(slot).map_or(0, |row| row.hash.load(Relaxed) as Slot)
    }

    /// Notes a number in the row of a free slot.
    pub(super) fn set_free_link(&self, slot: Slot, link: Slot) {
        self.row_or_new(slot).hash.store(link.into(), Relaxed);
    }

    #[inline]
    fn row(&self, slot: Slot) -> Option<&Row> {
        let slot = slot as usize;
        self.chunks.get(slot / CHUNK_ROWS)?.get()?.get(slot % CHUNK_ROWS)
    }

    fn row_or_new(&self, slot: Slot) -> &Row {
        let slot = slot as usize;
        assert!(slot < self.slots_max(), "slot beyond the table");
        let chunk = &self.chunks[slot / CHUNK_ROWS];
        &chunk.get_or_init(|| (0..CHUNK_ROWS).map(|_| Row::default()).collect())[slot % CHUNK_ROWS]
    }
}

/// The column holds whole seconds; what is beyond it is as good as for ever.
fn whole_secs(tick: Tick) -> u32 {
    u32::try_from(tick.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_cache_line() {
        assert_eq!(size_of::<Row>(), 64);
    }

    #[test]
    fn columns_come_back_as_written_and_uses_are_counted() {
        let documents = Documents::new(10_000);
        let written = Document {
            hash: 7,
            size: 1 << 40,
            created: Tick(1),
            last_used: Tick(2),
            fresh_until: Tick::from_secs(60),
            uses: 1,
            ttfb_us: 3,
            fetch_us: 4,
            origin: 5,
            path_class: 6,
            status: 200,
            mime: Mime::Image,
        };
        documents.set(9_999, &written);
        assert_eq!(documents.get(9_999), written);
        assert_eq!(documents.touch(9_999, Tick(50)), 2);
        assert_eq!(documents.get(9_999).last_used, Tick(50));
        let generation = documents.generation(9_999);
        documents.remove(9_999);
        assert_eq!(documents.generation(9_999), generation + 1);
        assert!(!documents.is_resident(9_999));
        assert_eq!(documents.get(1_234_567), Document::default());
    }

    #[test]
    fn content_types_fall_into_classes() {
        let check = |value: &str, class| assert_eq!(Mime::of(value.as_bytes()), class, "{value}");
        check("Text/HTML; charset=utf-8", Mime::Html);
        check("text/css", Mime::Text);
        check("application/problem+json", Mime::Text);
        check("image/svg+xml", Mime::Image);
        check("video/mp4", Mime::Media);
        check("application/vnd.debian.binary-package", Mime::Binary);
        check("", Mime::Other);
    }
}
