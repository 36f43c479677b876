//! VSCSI block traces as libCacheSim reads them. Version 1 has records of 32 bytes, least significant byte first: `u32`
//! number, `u32` bytes, `u32` segments, `u16` command, `u16` version, `u64` block, `u64` microseconds. Version 2 has 40:
//! `u16` command, `u16` version, `u32` number, `u32` bytes, `u32` segments, `u64` block, `u64` microseconds, `u64`
//! microseconds the command took. The version is in the upper byte of its field.
//!
//! Reads and writes both count as requests, and an access is one request for its first block with its length as size.

use super::{Likeness, Reader};
use crate::damage::Damage;
use crate::record::{Name, Record};

/// A version of the format, and its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Version {
    /// The version of a file that begins with `head`.
    pub(super) fn of(head: &[u8]) -> Result<Self, String> {
        [Self::One, Self::Two]
            .into_iter()
            .find(|version| version.likeness(head) > 0.5)
            .ok_or_else(|| "no version 1 or 2 in its first records".to_owned())
    }

    /// Bytes of a record.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::One => 32,
            Self::Two => 40,
        }
    }

    /// The share of the first records that say to be of this version.
    fn likeness(self, head: &[u8]) -> Likeness {
        let (at, number) = match self {
            Self::One => (14, 1),
            Self::Two => (2, 2),
        };
        let records = head.chunks_exact(self.bytes()).take(1000);
        let all = records.len();
        let of_this = records.filter(|record| record[at + 1] == number && record[at] == 0).count();
        if all == 0 { 0.0 } else { of_this as f64 / all as f64 }
    }
}

impl Reader for Version {
    fn read(&mut self, record: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        if record.len() != self.bytes() {
            return Err(Damage("not a whole record"));
        }
        let number = |at: usize, bytes: usize| {
            record[at..at + bytes].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
        };
        let (size_at, elapsed_us) = match self {
            Self::One => (4, None),
            Self::Two => (8, Some(number(32, 8))),
        };
        each(&Record {
            size: Some(number(size_at, 4)),
            time_us: Some(number(24, 8)),
            elapsed_us,
            ..Record::of(Name::Number(number(16, 8)))
        });
        Ok(())
    }
}

/// How likely a file that begins with `head` is of one of the versions.
pub(super) fn likeness(head: &[u8]) -> Likeness {
    Version::One.likeness(head).max(Version::Two.likeness(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, record: &[u8], elapsed_us: Option<u64>) {
        assert_eq!(Version::of(&record.repeat(3)), Ok(version));
        let mut seen = 0;
        let mut reader = version;
        reader
            .read(record, &mut |record| {
                assert_eq!((record.name, record.size), (Name::Number(42_932_745), Some(512)));
                assert_eq!((record.time_us, record.elapsed_us), (Some(5_633_898_368_802), elapsed_us));
                seen += 1;
            })
            .unwrap();
        assert_eq!(seen, 1);
        assert!(reader.read(&record[1..], &mut |_| {}).is_err());
    }

    #[test]
    fn both_versions_are_told_apart_and_read() {
        let tail = [42_932_745_u64.to_le_bytes(), 5_633_898_368_802_u64.to_le_bytes()].concat();
        let one = [&244_u32.to_le_bytes()[..], &512_u32.to_le_bytes(), &[1, 0, 0, 0, 0x2a, 0, 0, 1], &tail]
            .concat();
        check(Version::One, &one, None);
        let two = [
            &[0x2a, 0, 0, 2][..],
            &244_u32.to_le_bytes(),
            &512_u32.to_le_bytes(),
            &[1, 0, 0, 0],
            &tail,
            &77_u64.to_le_bytes(),
        ]
        .concat();
        check(Version::Two, &two, Some(77));
        assert!(Version::of(&[0; 4000]).is_err());
    }
}
