//! Small formats of numbers in columns, as the cache literature's traces come: ARC's, LIRS', webcachesim's, memory
//! references.

use super::scan::{after_blanks, field, number};
use super::{Likeness, Reader, detect};
use crate::damage::Damage;
use crate::record::{Name, Record};

/// Blocks that one line of an ARC trace may stand for: 32 MiB of 512 bytes, a hundred times what traces have.
const RUN_MAX: u64 = 1 << 16;

/// The traces of "ARC: A Self-Tuning, Low Overhead Replacement Cache" (FAST 2003): `start count ignored number`, each line a
/// run of blocks.
pub(super) struct Arc;

impl Reader for Arc {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        const NOT: Damage = Damage("not four numbers");
        let line = after_blanks(line);
        if line.is_empty() {
            return Ok(());
        }
        let (start, rest) = field(line).ok_or(NOT)?;
        let (count, rest) = field(rest).ok_or(NOT)?;
        let (ignored, rest) = field(rest).ok_or(NOT)?;
        let (sequence, _) = field(rest).ok_or(NOT)?;
        let (start, count) = (number(start).ok_or(NOT)?, number(count).ok_or(NOT)?);
        if number(ignored).is_none() || number(sequence).is_none() {
            return Err(NOT);
        }
        let end = start
            .checked_add(count)
            .filter(|_| count <= RUN_MAX)
            .ok_or(Damage("too long a run of blocks"))?;
        for block in start..end {
            each(&Record::of(Name::Number(block)));
        }
        Ok(())
    }
}

/// How likely a file that begins with `head` is one of ARC's: others have four columns of numbers as well, but in these the
/// third is 0, or the fourth counts the lines.
pub(super) fn arc_likeness(head: &[u8]) -> Likeness {
    let mut last = None;
    let mut is_likely = |line: &[u8]| {
        let columns: Vec<_> = line.split(|&byte| byte == b' ').map(number).collect();
        let [Some(_), Some(count), Some(ignored), Some(sequence)] = columns[..] else { return false };
        let counts = last.is_none_or(|last| sequence == last + 1);
        last = Some(sequence.min(u64::MAX - 1));
        count <= RUN_MAX && (ignored == 0 || counts)
    };
    let (likely, all) = detect::complete_lines(head)
        .take(1000)
        .fold((0_u32, 0_u32), |(likely, all), line| (likely + u32::from(is_likely(line)), all + 1));
    if all == 0 { 0.0 } else { f64::from(likely) / f64::from(all) }
}

/// The traces of "LIRS: An Efficient Low Inter-reference Recency Set Replacement Policy" (SIGMETRICS 2002): a block per
/// line; a `*` marks where the programs that were traced together took turns.
pub(super) struct Lirs;

impl Reader for Lirs {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        match line.trim_ascii() {
            b"" | b"*" => Ok(()),
            block => {
                each(&Record::of(Name::Number(number(block).ok_or(Damage("not a number"))?)));
                Ok(())
            }
        }
    }
}

/// The text of webcachesim and its kin: `time object size`, time in seconds or any other count; more columns are passed
/// over.
pub(super) struct WebCacheSim;

impl Reader for WebCacheSim {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        const NOT: Damage = Damage("not three numbers");
        let line = after_blanks(line);
        if line.is_empty() {
            return Ok(());
        }
        let (time, rest) = field(line).ok_or(NOT)?;
        let (object, rest) = field(rest).ok_or(NOT)?;
        let (size, _) = field(rest).ok_or(NOT)?;
        let time_us = number(time).and_then(|secs| secs.checked_mul(1_000_000)).ok_or(NOT)?;
        let object = Name::Number(number(object).ok_or(NOT)?);
        each(&Record { size: Some(number(size).ok_or(NOT)?), time_us: Some(time_us), ..Record::of(object) });
        Ok(())
    }
}

/// Memory references: `l 0x1fffff50 1`, an address in hexadecimal after some letter; what follows is passed over.
pub(super) struct Address;

impl Reader for Address {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        const NOT: Damage = Damage("no address with 0x in the second column");
        let line = after_blanks(line);
        if line.is_empty() {
            return Ok(());
        }
        let (_, rest) = field(line).ok_or(NOT)?;
        let digits = field(rest).and_then(|(address, _)| address.strip_prefix(b"0x")).ok_or(NOT)?;
        // Of the standard library's parser also a sign would be a number.
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+')).ok_or(NOT)?;
        each(&Record::of(Name::Number(u64::from_str_radix(digits, 16).map_err(|_| NOT)?)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reader: &mut dyn Reader, line: &str, expected: Option<&[u64]>) {
        let mut blocks = Vec::new();
        let done = reader.read(line.as_bytes(), &mut |record| match record.name {
            Name::Number(block) => blocks.push(block),
            Name::Url(_) => panic!("numbers only"),
        });
        assert_eq!(done.is_ok().then_some(&blocks[..]), expected, "{line}");
    }

    #[test]
    fn a_line_of_arc_is_a_run_of_blocks() {
        check(&mut Arc, "230027 3 0 0", Some(&[230_027, 230_028, 230_029]));
        check(&mut Arc, "1 2 17 7", Some(&[1, 2]));
        check(&mut Arc, "1 0 0 7", Some(&[]));
        check(&mut Arc, "", Some(&[]));
        for line in ["1 2 3", "1 2 0 4x", "a 1 0 0", "1 65537 0 0", "18446744073709551615 2 0 0", "1 1 0 x"] {
            check(&mut Arc, line, None);
        }
    }

    #[test]
    fn a_line_of_lirs_is_a_block_or_a_marker() {
        check(&mut Lirs, "2819", Some(&[2819]));
        check(&mut Lirs, " 7 ", Some(&[7]));
        check(&mut Lirs, "*", Some(&[]));
        check(&mut Lirs, "-1", None);
    }

    #[test]
    fn a_line_of_webcachesim_has_time_object_and_size() {
        let mut seen = 0;
        let line = b"3 2 40773 17 4";
        let done = WebCacheSim.read(line, &mut |record| {
            assert_eq!(
                (record.time_us, record.name, record.size),
                (Some(3_000_000), Name::Number(2), Some(40_773))
            );
            seen += 1;
        });
        assert_eq!((done, seen), (Ok(()), 1));
        for line in ["1 2", "1 2 x", "-1 2 3", "18446744073709551615 2 3"] {
            check(&mut WebCacheSim, line, None);
        }
    }

    #[test]
    fn a_memory_reference_has_its_address_in_the_second_column() {
        check(&mut Address, "l 0x1fffff50 1", Some(&[0x1fff_ff50]));
        for line in ["l 1fffff50 1", "0x1f", "s 0x+1 1", "s 0x 1", "s 0x11112222333344445 1"] {
            check(&mut Address, line, None);
        }
    }
}
