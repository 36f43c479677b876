//! What was asked for before, in a few bytes per document: two Bloom filters, one being filled and the one before it.
//! When the younger is full it becomes the older, and the older is forgotten. So between so many and twice as many
//! documents are remembered, in ten bits each; of documents never asked for, about one in a hundred is taken for one that
//! was (B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13(7), 1970).

use crate::sketch::spread;

/// Bits per document and filter, and bits set for each: a document in a hundred is mistaken for another.
const BITS_EACH: usize = 10;
const PROBES: u64 = 7;
/// So that no document spreads to nought.
const SALT: u64 = 0x9E37_79B9_7F4A_7C15;

/// The filters.
#[derive(Clone, Debug)]
pub struct Seen {
    younger: Vec<u64>,
    older: Vec<u64>,
    /// Documents in the younger filter.
    remembered: usize,
    remembered_max: usize,
}

impl Seen {
    /// Remembers at least so many documents.
    pub fn new(documents: usize) -> Self {
        let words = (documents.max(1) * BITS_EACH).div_ceil(64);
        Self { younger: vec![0; words], older: vec![0; words], remembered: 0, remembered_max: documents }
    }

    /// Remembers a document; whether it was remembered already.
    pub fn insert(&mut self, hash: u64) -> bool {
        let (mut in_younger, mut in_older) = (true, true);
        for (word, mask) in self.bits(hash) {
            in_younger &= self.younger[word] & mask != 0;
            in_older &= self.older[word] & mask != 0;
            self.younger[word] |= mask;
        }
        self.remembered += usize::from(!in_younger);
        if self.remembered >= self.remembered_max {
            std::mem::swap(&mut self.younger, &mut self.older);
            self.younger.fill(0);
            self.remembered = 0;
        }
        in_younger || in_older
    }

    /// Whether a document is remembered.
    pub fn has(&self, hash: u64) -> bool {
        let is_in = |filter: &[u64]| self.bits(hash).all(|(word, mask)| filter[word] & mask != 0);
        is_in(&self.younger) || is_in(&self.older)
    }

    /// Bytes of the filters.
    pub fn state_bytes(&self) -> usize {
        size_of_val(&*self.younger) + size_of_val(&*self.older)
    }

    /// The bits of a document: word, and mask within it.
    fn bits(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        // Two hashes make the others (Kirsch, Mitzenmacher, "Less hashing, same performance", ESA 2006).
        let first = spread(hash ^ SALT);
        let step = spread(first) | 1;
        let bits = self.younger.len() as u64 * 64;
        (0..PROBES).map(move |probe| {
            // The upper half of a product spreads over any range.
            let at = (u128::from(first.wrapping_add(probe.wrapping_mul(step))) * u128::from(bits)) >> 64;
            (at as usize / 64, 1 << (at as u64 % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_there_and_hardly_anything_else() {
        let mut seen = Seen::new(1_000);
        assert!((0..900_u64).filter(|&hash| seen.insert(hash)).count() < 20);
        assert!((0..900).all(|hash| seen.has(hash)));
        assert!((10_000..20_000).filter(|&hash| seen.has(hash)).count() < 200);
    }
}
