//! How often something was asked for lately, in a byte or so per document: a count-min sketch of four-bit counters that
//! are halved from time to time. G. Einziger, R. Friedman, B. Manes, "TinyLFU: A highly efficient cache admission policy",
//! ACM Transactions on Storage 13(4), 2017; the four counters of a document lie in one cache line, as in Caffeine.
//!
//! It never counts too little, and seldom too much. It grows with the number of documents and keeps what it knows.

/// Words of sixteen counters in a block, a cache line.
const BLOCK_WORDS: usize = 8;
/// Counters per document: each row has its own word of the pair it chooses from.
const ROWS: usize = 4;
/// The highest count.
pub(crate) const COUNT_MAX: u8 = 15;
/// Counts are halved after this many times as many uses as there are documents.
const SAMPLE_FACTOR: usize = 10;
const ONE_OF_EACH: u64 = 0x1111_1111_1111_1111;
const SEVEN_OF_EACH: u64 = 0x7777_7777_7777_7777;

/// How often documents were asked for lately: eight bytes for a document, rounded up to a power of two.
// Invariant: words.len() is a power of two and at least a block.
pub struct Sketch {
    words: Vec<u64>,
    uses: usize,
    documents: usize,
}

impl Default for Sketch {
    fn default() -> Self {
        Self::new()
    }
}

impl Sketch {
    /// For hardly any document: see [`Sketch::fit`].
    pub fn new() -> Self {
        Self { words: vec![0; BLOCK_WORDS], uses: 0, documents: 0 }
    }

    /// There are as many documents: it is made large enough for them.
    pub fn fit(&mut self, documents: usize) {
        self.documents = self.documents.max(documents);
        while self.words.len() < self.documents {
            // A block's index gets one more bit: both blocks it may have come from know as much.
            self.words.extend_from_within(..);
        }
    }

    /// Counts a use.
    pub fn add(&mut self, hash: u64) {
        let spread = spread(hash);
        let mut is_added = false;
        for row in 0..ROWS {
            let (word, shift) = self.counter(spread, row);
            if self.words[word] >> shift & 15 < COUNT_MAX.into() {
                self.words[word] += 1 << shift;
                is_added = true;
            }
        }
        self.uses += usize::from(is_added);
        if self.uses >= SAMPLE_FACTOR * self.documents.max(BLOCK_WORDS) {
            self.halve();
        }
    }

    /// Uses lately, at most 15.
    pub fn count(&self, hash: u64) -> u8 {
        let spread = spread(hash);
        let counts = (0..ROWS).map(|row| {
            let (word, shift) = self.counter(spread, row);
            (self.words[word] >> shift & 15) as u8
        });
        counts.min().unwrap_or(0)
    }

    /// Bytes of the counters.
    pub fn state_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    /// A row's word, and where in it the counter is.
    fn counter(&self, spread: u64, row: usize) -> (usize, u32) {
        let block = spread as usize & (self.words.len() / BLOCK_WORDS - 1);
        let choice = spread >> (40 + 5 * row);
        (block * BLOCK_WORDS + 2 * row + (choice & 1) as usize, (choice >> 1 & 15) as u32 * 4)
    }

    fn halve(&mut self) {
        let mut odd = 0;
        for word in &mut self.words {
            odd += (*word & ONE_OF_EACH).count_ones() as usize;
            *word = *word >> 1 & SEVEN_OF_EACH;
        }
        self.uses = (self.uses - odd / ROWS) / 2;
    }
}

/// Spreads the hash over all bits, for whoever numbers documents one after the other.
pub(crate) const fn spread(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let hash = (hash ^ hash >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash ^ hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_never_too_low_and_seldom_too_high() {
        let mut sketch = Sketch::new();
        sketch.fit(1_000);
        for hash in 0..1_000_u64 {
            (0..hash % 4).for_each(|_| sketch.add(hash));
        }
        let over = (0..1_000).filter(|&hash| {
            let (count, expected) = (sketch.count(hash), (hash % 4) as u8);
            assert!(count >= expected, "{hash}");
            count > expected
        });
        assert!(over.count() < 50);
    }

    #[test]
    fn counts_stop_at_fifteen_and_are_halved_in_time() {
        let mut sketch = Sketch::new();
        sketch.fit(100);
        (0..100).for_each(|_| sketch.add(7));
        assert_eq!(sketch.count(7), COUNT_MAX);
        (0..1_000).for_each(|hash| sketch.add(1_000 + hash));
        assert!(sketch.count(7) < COUNT_MAX);
    }

    #[test]
    fn growing_keeps_what_is_known() {
        let mut sketch = Sketch::new();
        (0..3).for_each(|_| sketch.add(7));
        sketch.fit(10_000);
        assert_eq!(sketch.count(7), 3);
        assert!(sketch.state_bytes() <= 16 * 8 * 1024 * 2);
    }
}
