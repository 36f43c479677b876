//! A sketch of reuse distances: how many other documents were asked for between two requests for the same one. With a
//! distance below the number of documents a cache holds, LRU hits.
//!
//! After SHARDS: documents are sampled by their hash, and distances among the sample are scaled (Waldspurger, Park,
//! Garthwaite, Ahmad, "Efficient MRC construction with SHARDS", FAST 2015). When the sample is full its rate is halved,
//! so that memory is bounded whatever is asked for; what is returned has the weight that it stands for.

use ahash::RandomState;
use hashbrown::HashMap;

use crate::limits::REUSE_SAMPLE_MAX;

/// Positions in the order of last requests; when they are used up, the sample is numbered anew.
const POSITIONS: usize = REUSE_SAMPLE_MAX * 4;

/// What is known of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reuse {
    /// The document is not in the sample.
    Unsampled,
    /// It was not asked for before, as far as the sample remembers.
    First {
        /// Requests that this one stands for.
        weight: u64,
    },
    /// It was asked for before.
    Again {
        /// Other documents asked for since.
        distance: f64,
        /// Requests that this one stands for.
        weight: u64,
    },
}

/// The sample.
#[derive(Debug)]
pub struct ReuseSketch {
    /// Documents are sampled one in 2^this.
    shift: u32,
    /// The position of each document's last request.
    last: HashMap<u64, u32, RandomState>,
    /// A Fenwick tree over positions: 1 where a document's last request is.
    sums: Box<[u32]>,
    next: usize,
}

impl Default for ReuseSketch {
    fn default() -> Self {
        Self {
            shift: 0,
            // What is stored are hashes already.
            last: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
            sums: vec![0; POSITIONS + 1].into(),
            next: 0,
        }
    }
}

impl ReuseSketch {
    /// A document with this hash is asked for.
    pub fn request(&mut self, hash: u64) -> Reuse {
        // Keyed hashes are well spread, but the guest or script that hands one over need not be honest.
        let spread = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if self.shift > 0 && spread >> (64 - self.shift) != 0 {
            return Reuse::Unsampled;
        }
        let weight = 1 << self.shift;
        if self.next == POSITIONS {
            self.renumber();
        }
        let position = self.next;
        self.next += 1;
        let before = self.last.insert(spread, position as u32);
        let reuse = match before {
            Some(last) => {
                // All documents whose last request came after that one.
                let since = self.last.len() as u32 - self.up_to(last as usize);
                self.add(last as usize, -1);
                Reuse::Again { distance: f64::from(since) * weight as f64, weight }
            }
            None => Reuse::First { weight },
        };
        self.add(position, 1);
        if self.last.len() > REUSE_SAMPLE_MAX {
            self.shift += 1;
            let (shift, keep) = (self.shift, &mut self.last);
            keep.retain(|spread, _| *spread >> (64 - shift) == 0);
            self.renumber();
        }
        reuse
    }

    /// How many documents have their last request at a position up to this one.
    fn up_to(&self, position: usize) -> u32 {
        let mut index = position + 1;
        let mut sum = 0;
        while index > 0 {
            sum += self.sums[index];
            index &= index - 1;
        }
        sum
    }

    fn add(&mut self, position: usize, change: i32) {
        let mut index = position + 1;
        while index <= POSITIONS {
            self.sums[index] = self.sums[index].wrapping_add_signed(change);
            index += index & index.wrapping_neg();
        }
    }

    /// Gives the positions from 0 on to the documents there are, in their order.
    fn renumber(&mut self) {
        let mut order: Vec<_> = self.last.iter().map(|(spread, position)| (*position, *spread)).collect();
        order.sort_unstable();
        self.sums.fill(0);
        self.next = order.len();
        for (position, (_, spread)) in order.into_iter().enumerate() {
            self.last.insert(spread, position as u32);
            self.add(position, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance without a sketch: a list, the last document asked for first.
    fn exact(list: &mut Vec<u64>, document: u64) -> Option<f64> {
        let found = list.iter().position(|&other| other == document);
        if let Some(at) = found {
            list.remove(at);
        }
        list.insert(0, document);
        found.map(|at| at as f64)
    }

    #[test]
    fn distances_are_exact_while_the_sample_is_everything() {
        let (mut sketch, mut list) = (ReuseSketch::default(), Vec::new());
        let mut rng = fastrand::Rng::with_seed(7);
        for step in 0..60_000 {
            let document = rng.u64(..300) * rng.u64(1..4);
            let expected = match exact(&mut list, document) {
                Some(distance) => Reuse::Again { distance, weight: 1 },
                None => Reuse::First { weight: 1 },
            };
            assert_eq!(sketch.request(document), expected, "step {step}");
        }
    }

    #[test]
    fn a_sample_of_many_documents_is_bounded_and_stands_for_all() {
        let mut sketch = ReuseSketch::default();
        let documents = REUSE_SAMPLE_MAX as u64 * 20;
        // A loop over all documents: each comes again after all others.
        let (mut again, mut sum, mut requests) = (0, 0.0, 0);
        for round in 0..4 {
            for document in 0..documents {
                let reuse = sketch.request(RandomState::with_seeds(5, 6, 7, 8).hash_one(document));
                if let (Reuse::Again { distance, weight }, 1..) = (reuse, round) {
                    again += weight;
                    sum += distance * weight as f64;
                }
                requests += u64::from(round > 0);
            }
        }
        assert!(sketch.last.len() <= REUSE_SAMPLE_MAX && sketch.shift > 3);
        let (mean, share) = (sum / again as f64, again as f64 / requests as f64);
        assert!((mean / documents as f64 - 1.0).abs() < 0.05, "{mean} of {documents}");
        assert!((share - 1.0).abs() < 0.05, "{share}");
    }
}
