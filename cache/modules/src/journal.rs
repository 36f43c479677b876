//! What an instance was called with since it was made, so that a fault can be done again: a copy of each call's input, in
//! the order of the calls.
//!
//! A record is a byte that tells which function, four bytes of length, and the input as it went into the guest. When
//! there is more than fits, the older half goes, and the journal no longer begins with the instance.

use std::mem;

use crate::limits::JOURNAL_BYTES_MAX;

/// The function that was called; what follows it in the record is listed here. All numbers are little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Called {
    /// `on_events`: time of 8 bytes, events of 32 bytes.
    OnEvents = 1,
    /// `victims`: how many, 4 bytes.
    Victims = 2,
    /// `len`
    Len = 3,
    /// `rank`: from which place, and how many, 4 bytes each.
    Rank = 4,
    /// `key`: time of 8 bytes, one event.
    Key = 5,
    /// `evicted`: a float of 8 bytes.
    Evicted = 6,
    /// `scores`: time of 8 bytes, documents of 72 bytes.
    Scores = 7,
}

impl Called {
    const ALL: [Self; 7] =
        [Self::OnEvents, Self::Victims, Self::Len, Self::Rank, Self::Key, Self::Evicted, Self::Scores];
}

/// The journal of one instance.
// Invariant: neither half is longer than half of `JOURNAL_BYTES_MAX`.
#[derive(Debug)]
pub(crate) struct Journal {
    older: Vec<u8>,
    newer: Vec<u8>,
    is_whole: bool,
}

impl Default for Journal {
    fn default() -> Self {
        Self { older: Vec::new(), newer: Vec::new(), is_whole: true }
    }
}

impl Journal {
    /// Adds a call with the parts of its input.
    #[inline]
    pub(crate) fn add(&mut self, called: Called, parts: [&[u8]; 2]) {
        let length = parts[0].len() + parts[1].len();
        if self.newer.len() + HEAD_BYTES + length > JOURNAL_BYTES_MAX / 2 {
            self.turn_over();
        }
        self.newer.push(called as u8);
        self.newer.extend_from_slice(&(length as u32).to_le_bytes());
        self.newer.extend_from_slice(parts[0]);
        self.newer.extend_from_slice(parts[1]);
    }

    #[cold]
    fn turn_over(&mut self) {
        self.is_whole &= self.older.is_empty();
        mem::swap(&mut self.older, &mut self.newer);
        self.newer.clear();
    }

    /// All of it in one piece, and whether it begins with the instance.
    pub(crate) fn copied(&self) -> (Vec<u8>, bool) {
        ([self.older.as_slice(), self.newer.as_slice()].concat(), self.is_whole)
    }
}

/// Bytes before the input.
const HEAD_BYTES: usize = 5;

/// The records of a copied journal; what cannot be one ends it.
pub(crate) fn records(mut bytes: &[u8]) -> impl Iterator<Item = (Called, &[u8])> {
    std::iter::from_fn(move || {
        let (&[kind, ref length @ ..], rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let called = Called::ALL.into_iter().find(|&called| called as u8 == kind)?;
        let (input, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some((called, input))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_read_back_in_order() {
        let mut journal = Journal::default();
        journal.add(Called::OnEvents, [&[1; 8], &[2; 64]]);
        journal.add(Called::Len, [&[], &[]]);
        journal.add(Called::Victims, [&[4, 0, 0, 0], &[]]);
        let (bytes, is_whole) = journal.copied();
        assert!(is_whole);
        let records: Vec<_> = records(&bytes).map(|(called, input)| (called, input.len())).collect();
        assert_eq!(records, [(Called::OnEvents, 72), (Called::Len, 0), (Called::Victims, 4)]);
    }

    #[test]
    fn the_last_calls_are_kept_when_there_are_too_many() {
        let mut journal = Journal::default();
        let calls = 3 * JOURNAL_BYTES_MAX / 1000;
        for number in 0..calls as u64 {
            journal.add(Called::OnEvents, [&number.to_le_bytes(), &[0; 987]]);
        }
        let (bytes, is_whole) = journal.copied();
        assert!(!is_whole && bytes.len() <= JOURNAL_BYTES_MAX && bytes.len() >= JOURNAL_BYTES_MAX / 2);
        let numbers: Vec<_> =
            records(&bytes).map(|(_, input)| u64::from_le_bytes(*input.first_chunk().unwrap())).collect();
        assert!(numbers.is_sorted() && numbers.last() == Some(&(calls as u64 - 1)));
    }

    #[test]
    fn nonsense_ends_a_journal() {
        let check = |bytes: &[u8]| assert_eq!(records(bytes).count(), 0, "{bytes:?}");
        check(&[]);
        check(&[2, 4, 0, 0]);
        check(&[9, 0, 0, 0, 0]);
        check(&[2, 255, 255, 255, 255, 0]);
    }
}
