//! libCacheSim's oracleGeneral: packed records of 24 bytes, least significant byte first: `u32` time in seconds, `u64`
//! object, `u32` size, `i64` number of the next request for the object, or -1 or the largest there is when there is none.
//! The next access is not needed to read the trace: whoever wants it has to look at the requests kept, which may be fewer.

use super::{Likeness, Reader};
use crate::damage::Damage;
use crate::record::{Name, Record};

/// Bytes of a record.
pub(crate) const BYTES: usize = 24;
/// The next access of an object that is never asked for again, as newer versions of libCacheSim write it.
pub(crate) const NEVER: i64 = i64::MAX;

/// Reads oracleGeneral.
pub(super) struct OracleGeneral;

impl Reader for OracleGeneral {
    #[inline]
    fn read(&mut self, record: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        let fields = Fields::of(record).ok_or(Damage("not a whole record"))?;
        each(&Record {
            size: Some(fields.size.into()),
            time_us: Some(u64::from(fields.time) * 1_000_000),
            ..Record::of(Name::Number(fields.object))
        });
        Ok(())
    }
}

/// The fields of a record.
struct Fields {
    time: u32,
    object: u64,
    size: u32,
    next: i64,
}

impl Fields {
    #[inline]
    fn of(record: &[u8]) -> Option<Self> {
        let (time, rest) = record.split_first_chunk()?;
        let (object, rest) = rest.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let (next, _) = rest.split_first_chunk()?;
        Some(Self {
            time: u32::from_le_bytes(*time),
            object: u64::from_le_bytes(*object),
            size: u32::from_le_bytes(*size),
            next: i64::from_le_bytes(*next),
        })
    }
}

/// The share of the first records that can be such: the next access lies ahead, the time not behind nor years away.
/// Nothing when these are not nearly all: what a program wrote has no damage, and chance makes many records.
pub(super) fn likeness(head: &[u8]) -> Likeness {
    const YEARS: u32 = 5 * 366 * 86_400;
    let records = head.chunks_exact(BYTES).take(1000);
    let (mut likely, mut all, mut last_time) = (0_u32, 0_i64, None);
    for fields in records.filter_map(Fields::of) {
        let has_next = matches!(fields.next, -1 | NEVER) || (fields.next > all && fields.next < 1 << 40);
        let is_on_time =
            last_time.is_none_or(|last: u32| (last..=last.saturating_add(YEARS)).contains(&fields.time));
        if has_next && is_on_time {
            likely += 1;
        }
        last_time = Some(fields.time);
        all += 1;
    }
    let likeness = if all == 0 { 0.0 } else { f64::from(likely) / all as f64 };
    if likeness < 0.9 { 0.0 } else { likeness }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_time_object_and_size() {
        let record =
            [&7_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes(), &512_u32.to_le_bytes(), &[0xff; 8]].concat();
        let mut seen = 0;
        OracleGeneral
            .read(&record, &mut |record| {
                assert_eq!((record.time_us, record.size), (Some(7_000_000), Some(512)));
                assert_eq!(record.name, Name::Number(u64::MAX));
                seen += 1;
            })
            .unwrap();
        assert_eq!(seen, 1);
        assert!(OracleGeneral.read(&record[1..], &mut |_| {}).is_err());
        assert!(likeness(&record.repeat(3)) > 0.9);
        assert!(likeness(&[0x55; 240]) < 0.1);
        // A table of a program: small numbers, mostly, and now and then something else.
        let table: Vec<u8> = (0..1000_u64)
            .flat_map(|at| [at * 7, at % 3, at + 5 * (at % 4)].map(u64::to_le_bytes).concat())
            .collect();
        assert_eq!(likeness(&table), 0.0);
    }
}
