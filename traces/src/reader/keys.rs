//! Traces of bare keys, most significant byte first: of 4 bytes as in cache2k's, of 8 as in Corda's. Such a file says
//! nothing of itself. What it is shows in how often keys come again: read at twice the length of its keys a trace hardly
//! repeats itself, and read at half of it no more often than at their length.

use std::collections::HashSet;

use super::{Likeness, Reader};
use crate::damage::Damage;
use crate::record::{Name, Record};

/// Keys looked at to tell their length.
const LOOKED_AT: usize = 8192;
/// The least share of keys that come again for it to be a trace of keys.
const REPEATED_MIN: f64 = 0.05;

/// Reads keys of whatever length up to eight bytes its pieces have.
pub(super) struct Keys;

impl Reader for Keys {
    #[inline]
    fn read(&mut self, key: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        let number = key.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        each(&Record::of(Name::Number(number)));
        Ok(())
    }
}

/// How likely a file that begins with `head` has keys of so many bytes. Never sure: any other format goes first.
pub(super) fn likeness(head: &[u8], bytes: usize) -> Likeness {
    // Text is none, whatever repeats itself in it.
    if head.len() < 64 || !head.contains(&0) {
        return 0.0;
    }
    let (by_4, by_8) = (repeated(head, 4), repeated(head, 8));
    // A key of eight bytes that comes again does so with both its halves, so by halves it is at least as often.
    let are_8 = by_8 >= REPEATED_MIN && by_8 >= 0.8 * by_4;
    let are_4 = by_4 >= REPEATED_MIN && !are_8;
    if (bytes == 8 && are_8) || (bytes == 4 && are_4) { 0.5 } else { 0.0 }
}

/// The share of keys of so many bytes that came before.
fn repeated(head: &[u8], bytes: usize) -> f64 {
    let head = &head[..head.len().min(LOOKED_AT * 4)];
    let keys = head.chunks_exact(bytes);
    let all = keys.len();
    let distinct = keys.collect::<HashSet<_>>().len();
    if all == 0 { 0.0 } else { 1.0 - distinct as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: usize) {
        for length in [4, 8] {
            assert_eq!(likeness(bytes, length) > 0.0, length == expected, "{length}");
        }
    }

    #[test]
    fn the_length_of_keys_shows_in_how_often_they_come_again() {
        let mut rng = fastrand::Rng::with_seed(1);
        let popular: Vec<u64> = (0..500).map(|_| rng.u64(..)).collect();
        let eight: Vec<u8> = (0..5000).flat_map(|_| popular[rng.usize(..500)].to_be_bytes()).collect();
        check(&eight, 8);
        let four: Vec<u8> = (0..5000).flat_map(|_| (rng.u32(..2000)).to_be_bytes()).collect();
        check(&four, 4);
        let noise: Vec<u8> = (0..40_000).map(|_| rng.u8(..)).collect();
        check(&noise, 0);
        check(&b"text without a zero ".repeat(500), 0);
    }

    #[test]
    fn keys_are_read_with_their_most_significant_byte_first() {
        let check = |key: &[u8], expected| {
            Keys.read(key, &mut |record| assert_eq!(record.name, Name::Number(expected))).unwrap();
        };
        check(&[0, 0, 1, 2], 258);
        check(&[0xff; 8], u64::MAX);
    }
}
