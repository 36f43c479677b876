//! What a document takes of a cache, and how large a cache is.

use std::num::NonZeroU64;
use std::str::FromStr;

use cnn_core::byte_size;
use thiserror::Error;

use super::cell::Unit;
use crate::Trace;

/// Bytes of metadata that a store in blocks keeps with each document: about what Squid writes before the reply (its
/// swap metadata: key, times, reference count, URL) with a URL of common length.
pub const METADATA_BYTES: u64 = 100;

/// When room is made for a document that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// Before it is stored, as in this proxy and in most papers.
    #[default]
    Before,
    /// After it is stored, so that it competes and may be its own victim: libCacheSim's GDSF.
    After,
}

/// A word that is no [`Room`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("expected before or after, not {0:?}")]
pub struct BadRoom(String);

impl FromStr for Room {
    type Err = BadRoom;

    fn from_str(word: &str) -> Result<Self, BadRoom> {
        match word {
            "before" => Ok(Self::Before),
            "after" => Ok(Self::After),
            _ => Err(BadRoom(word.chars().take(40).collect())),
        }
    }
}

/// What a document is charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounting {
    /// What sizes are counted in.
    pub unit: Unit,
    /// Bytes are charged in whole blocks of so many, [`METADATA_BYTES`] included; `None`: as they are.
    pub block: Option<NonZeroU64>,
    /// When room is made.
    pub room: Room,
    /// Documents charged more than one part in so many of the cache are not stored; 1 is the cache itself.
    pub largest: Option<NonZeroU64>,
}

impl Accounting {
    /// Units that a document of `bytes` takes: at least 1.
    #[inline]
    pub fn charge(&self, bytes: u64) -> u64 {
        match (self.unit, self.block) {
            (Unit::Documents, _) => 1,
            (Unit::Bytes, None) => bytes.max(1),
            (Unit::Bytes, Some(block)) => {
                bytes.saturating_add(METADATA_BYTES).div_ceil(block.get()).saturating_mul(block.get())
            }
        }
    }

    /// The largest charge a cache of `capacity` takes.
    pub fn largest(&self, capacity: u64) -> u64 {
        match self.largest {
            // Strictly less than the part: the small queue that the document would fill is libCacheSim's bound.
            Some(part) if part.get() > 1 => (capacity / part).saturating_sub(1),
            _ => capacity,
        }
    }
}

/// How large a cache is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// So many units.
    Units(u64),
    /// So many in a hundred of the trace's unique bytes, or of its documents.
    Percent(f64),
}

impl Size {
    /// The size in units for this trace, rounded down and at least 1.
    pub fn of(self, trace: &Trace, unit: Unit) -> u64 {
        let all = working_set(trace, unit);
        match self {
            Self::Units(units) => units.max(1),
            Self::Percent(percent) => ((percent * all as f64 / 100.0) as u64).max(1),
        }
    }
}

/// All there is to be stored: the unique bytes of a trace, or its documents.
pub fn working_set(trace: &Trace, unit: Unit) -> u64 {
    match unit {
        Unit::Bytes => trace.unique_bytes(),
        Unit::Documents => trace.objects().len() as u64,
    }
}

/// A word that is no [`Size`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("expected a number of bytes or documents like 64MiB or 5000, or a percentage like 10%, not {0:?}")]
pub struct BadSize(String);

impl FromStr for Size {
    type Err = BadSize;

    fn from_str(word: &str) -> Result<Self, BadSize> {
        let bad = || BadSize(word.chars().take(40).collect());
        if let Some(number) = word.strip_suffix('%') {
            let percent = number.parse::<f64>().ok().filter(|percent| *percent > 0.0 && *percent <= 1e6);
            return percent.map(Self::Percent).ok_or_else(bad);
        }
        // What counts documents has no parts, and nobody means a part of a byte.
        let is_part = word.contains('.') && word.trim_end().ends_with(|c: char| c.is_ascii_digit());
        let units = byte_size::parse(word).ok().filter(|&units| units > 0 && !is_part);
        units.map(Self::Units).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Option<Size>) {
        assert_eq!(word.parse::<Size>().ok(), expected, "{word}");
    }

    #[test]
    fn a_size_is_a_percentage_or_a_number_with_a_unit() {
        check("1%", Some(Size::Percent(1.0)));
        check("0.1%", Some(Size::Percent(0.1)));
        check("64MiB", Some(Size::Units(64 << 20)));
        check("64M", Some(Size::Units(64 << 20)));
        check("2GB", Some(Size::Units(2_000_000_000)));
        check("5000", Some(Size::Units(5000)));
        check("1.5MiB", Some(Size::Units(3 << 19)));
        check("10mb", Some(Size::Units(10_000_000)));
        check(" 10 MiB", Some(Size::Units(10 << 20)));
        for bad in
            ["", "%", "0", "0%", "-1%", "NaN%", "12Q", "MiB", "1.5", "1.2.3MiB", ".MiB", "99999999999TiB"]
        {
            check(bad, None);
        }
    }

    #[test]
    fn blocks_are_charged_whole_with_their_metadata() {
        let block = NonZeroU64::new(4096);
        let charge = |bytes| Accounting { block, ..Accounting::default() }.charge(bytes);
        assert_eq!([1, 3996, 3997, 8092, 8093].map(charge), [4096, 4096, 8192, 8192, 12288]);
        assert_eq!(charge(u64::MAX), u64::MAX);
        let documents = Accounting { unit: Unit::Documents, block, ..Accounting::default() };
        assert_eq!(documents.charge(1 << 40), 1);
        assert_eq!([0, 7].map(|bytes| Accounting::default().charge(bytes)), [1, 7]);
    }

    #[test]
    fn a_document_may_be_as_large_as_the_cache_or_less_than_a_part_of_it() {
        let part =
            |part| Accounting { largest: NonZeroU64::new(part), ..Accounting::default() }.largest(1000);
        assert_eq!([part(0), part(1), part(10)], [1000, 1000, 99]);
    }
}
