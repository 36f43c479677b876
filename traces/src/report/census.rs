//! What a trace is like, as far as pictures need it: how sizes and popularity are spread.

use std::io;

use crate::trace::Trace;

/// How a trace's sizes and popularity are spread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Census {
    /// The trace.
    pub trace: String,
    /// Requests.
    pub requests: u64,
    /// Documents.
    pub documents: u64,
    /// Documents that were asked for once.
    pub asked_once: u64,
    /// Bytes of all requests.
    pub bytes: u64,
    /// Bytes of all documents, at their first request.
    pub unique_bytes: u64,
    /// Microseconds from the first request to the last.
    pub span_us: u64,
    /// Sizes in bytes, the share of the documents that are no larger, of the requests that are for such, and of the bytes
    /// that these carry.
    pub sizes: Vec<(u64, [f64; 3])>,
    /// Ranks by popularity, from 1, and how often the document of that rank was asked for.
    pub popularity: Vec<(u64, u64)>,
}

/// Points of a spread: enough for a smooth line.
const POINTS: usize = 120;

impl Census {
    /// Counts a trace.
    ///
    /// # Errors
    /// When the trace's temporary file cannot be read.
    pub fn of(trace: &Trace) -> io::Result<Self> {
        let mut counts = vec![0_u32; trace.objects().len()];
        let mut sizes = vec![0_u64; trace.objects().len()];
        // By the length of a size in binary and its next two digits: fine enough for a picture.
        let mut by_size = vec![[0_u64; 3]; 64 * 4];
        let mut span_us = 0;
        trace.for_each_chunk(0, |rows| {
            for row in rows {
                let (count, size) = (&mut counts[row.object as usize], &mut sizes[row.object as usize]);
                if *count == 0 {
                    *size = row.size;
                }
                *count = count.saturating_add(1);
                let class = &mut by_size[class_of(row.size)];
                class[1] += 1;
                class[2] = class[2].saturating_add(row.size);
                span_us = row.time_us;
            }
            true
        })?;
        for (size, _) in sizes.iter().zip(&counts).filter(|(_, count)| **count > 0) {
            by_size[class_of(*size)][0] += 1;
        }
        counts.retain(|count| *count > 0);
        counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        Ok(Self {
            trace: trace.name().to_owned(),
            requests: trace.len(),
            documents: counts.len() as u64,
            asked_once: counts.iter().filter(|count| **count == 1).count() as u64,
            bytes: trace.bytes(),
            unique_bytes: trace.unique_bytes(),
            span_us,
            sizes: cumulated(&by_size),
            popularity: ranks(counts.len()).map(|rank| (rank as u64, counts[rank - 1].into())).collect(),
        })
    }
}

/// Four classes to a doubling.
fn class_of(size: u64) -> usize {
    let size = size.max(1);
    let doublings = size.ilog2() as usize;
    let next_digits =
        if doublings >= 2 { size >> (doublings - 2) & 3 } else { (size << (2 - doublings)) & 3 };
    doublings * 4 + next_digits as usize
}

/// The largest size of a class.
fn largest(class: usize) -> u64 {
    let (doublings, part) = ((class / 4) as f64, (class % 4) as f64);
    (doublings.exp2() * (1.0 + (part + 1.0) / 4.0)).ceil() as u64 - 1
}

fn cumulated(by_size: &[[u64; 3]]) -> Vec<(u64, [f64; 3])> {
    let mut all = [0_u64; 3];
    by_size.iter().for_each(|class| (0..3).for_each(|at| all[at] = all[at].saturating_add(class[at])));
    let mut below = [0_u64; 3];
    let mut points = Vec::new();
    for (number, class) in by_size.iter().enumerate().filter(|(_, class)| class[0] + class[1] > 0) {
        (0..3).for_each(|at| below[at] = below[at].saturating_add(class[at]));
        points.push((largest(number).max(1), [0, 1, 2].map(|at| below[at] as f64 / all[at].max(1) as f64)));
    }
    points
}

/// Ranks from 1 to `last` in about even steps of their logarithm.
fn ranks(last: usize) -> impl Iterator<Item = usize> {
    let step = (last.max(1) as f64).powf(1.0 / POINTS as f64).max(1.0);
    let mut rank = 0;
    std::iter::from_fn(move || {
        if rank >= last {
            return None;
        }
        rank = ((rank as f64 * step) as usize).max(rank + 1).min(last);
        Some(rank)
    })
}

#[cfg(test)]
mod tests {
    use cnn_core::policy::Mime;

    use super::*;
    use crate::trace::{Facts, Object, Row, TraceBuilder};

    /// Requests as object and size.
    fn census(requests: &[(u32, u64)]) -> Census {
        let mut builder = TraceBuilder::new("t", 1 << 20);
        builder.add_origin(String::new());
        builder.add_facts(Facts::default());
        for hash in 0..4 {
            builder.add_object(Object { hash, origin: 0, mime: Mime::Other }, 1);
        }
        for (number, &(object, size)) in requests.iter().enumerate() {
            let time_us = number as u64;
            builder
                .push(Row { time_us, size, object, elapsed_us: Row::UNKNOWN, facts: 0, flags: 0 })
                .unwrap();
        }
        Census::of(&builder.build().unwrap()).unwrap()
    }

    #[test]
    fn sizes_and_popularity_are_counted() {
        let census = census(&[(0, 100), (1, 1000), (0, 100), (2, 3), (0, 100)]);
        assert_eq!((census.documents, census.asked_once, census.span_us), (3, 2, 4));
        assert_eq!(census.popularity, [(1, 3), (2, 1), (3, 1)]);
        let shares: Vec<_> =
            census.sizes.iter().map(|(size, shares)| (*size, shares[0], shares[1])).collect();
        assert_eq!(shares, [(3, 1.0 / 3.0, 0.2), (111, 2.0 / 3.0, 0.8), (1023, 1.0, 1.0)]);
        assert!((census.sizes[1].1[2] - 303.0 / 1303.0).abs() < 1e-12);
    }

    #[test]
    fn an_empty_trace_has_nothing_to_draw() {
        let census = census(&[]);
        assert_eq!((census.sizes.len(), census.popularity.len()), (0, 0));
    }

    #[test]
    fn every_size_is_in_a_class_that_ends_at_most_a_quarter_above_it() {
        for size in (1..5000).chain([1 << 40, (1 << 40) + 1]) {
            let end = largest(class_of(size));
            assert!(end >= size && end <= size + size / 4, "{size}: {end}");
        }
    }

    #[test]
    fn ranks_reach_the_last_in_few_steps() {
        let seen: Vec<_> = ranks(1_000_000).collect();
        assert!(seen.len() < 200 && seen[0] == 1 && seen.last() == Some(&1_000_000));
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
