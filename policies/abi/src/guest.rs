//! What a wasm module exports and the records it is handed: the numbers behind the page this crate opens with.

/// Name of the custom section that holds what a module says of itself.
pub const MANIFEST_SECTION: &str = "cnn";

/// Most events handed over at once: room for so many is at the address the guest's `events` returns.
pub const BATCH_EVENTS_MAX: usize = 256;

/// Most slots asked for at once: room for so many 32-bit numbers is at the address the guest's `picks` returns.
pub const PICKS_MAX: usize = 256;

/// Most documents scored at once: room for so many [`Columns`] is at the address the guest's `documents` returns, and
/// for as many 64-bit floats where `values` does.
pub const SCORES_MAX: usize = 64;

/// Size of [`Columns`] in bytes.
pub const COLUMNS_BYTES: usize = core::mem::size_of::<Columns>();

/// What is known of one document, as a guest that scores sees it: little-endian, no padding but `reserved`.
///
/// Times are microseconds since the host's beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Columns {
    /// The document's slot.
    pub slot: u32,
    /// Content-type class, as in an event.
    pub mime: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// Stable keyed hash of the document's key.
    pub hash: u64,
    /// Bytes charged, body and metadata.
    pub size: u64,
    /// When it was stored.
    pub created: u64,
    /// When it was last used; storing it counts.
    pub last_used: u64,
    /// Until when it is fresh, in whole seconds' worth of microseconds; 0 when it was stale from the start.
    pub fresh_until: u64,
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
    /// Zero.
    pub reserved_too: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_72_bytes_laid_out_as_the_page_says() {
        assert_eq!(COLUMNS_BYTES, 72);
        assert_eq!(core::mem::offset_of!(Columns, mime), 4);
        assert_eq!(core::mem::offset_of!(Columns, hash), 8);
        assert_eq!(core::mem::offset_of!(Columns, size), 16);
        assert_eq!(core::mem::offset_of!(Columns, created), 24);
        assert_eq!(core::mem::offset_of!(Columns, last_used), 32);
        assert_eq!(core::mem::offset_of!(Columns, fresh_until), 40);
        assert_eq!(core::mem::offset_of!(Columns, uses), 48);
        assert_eq!(core::mem::offset_of!(Columns, ttfb_us), 52);
        assert_eq!(core::mem::offset_of!(Columns, fetch_us), 56);
        assert_eq!(core::mem::offset_of!(Columns, origin), 60);
        assert_eq!(core::mem::offset_of!(Columns, path_class), 64);
        assert_eq!(core::mem::offset_of!(Columns, status), 66);
    }
}
