//! Traces for tests.

use cnn_core::policy::Mime;

use crate::{Facts, Object, Row, Trace, TraceBuilder};

/// A trace of these rows, with as many objects as they need.
pub(crate) fn trace_of(rows: &[Row]) -> Trace {
    let mut builder = TraceBuilder::new("t", usize::MAX);
    builder.add_origin("http://a".to_owned());
    builder.add_facts(Facts { outcome: "TCP_MISS".to_owned(), status: 200, mime: "text/html".to_owned() });
    let objects = rows.iter().map(|row| row.object + 1).max().unwrap_or(0);
    for object in 0..objects {
        let size = rows.iter().find(|row| row.object == object).map_or(1, |row| row.size);
        let hash = u64::from(object).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        builder.add_object(Object { hash, origin: 0, mime: Mime::Other }, size);
    }
    rows.iter().for_each(|&row| builder.push(row).unwrap());
    builder.build().unwrap()
}

/// A request a millisecond after the one before it.
pub(crate) fn row(number: u64, object: u32, size: u64) -> Row {
    Row { time_us: 1000 * number, size, object, elapsed_us: Row::UNKNOWN, facts: 0, flags: 0 }
}

/// Requests `object:size`, a millisecond apart; `!` after it marks a changed one, `r` a reload, `u` one not storable.
pub(crate) fn trace(requests: &str) -> Trace {
    let rows = requests.split_whitespace().enumerate().map(|(number, word)| {
        let flags = match word.chars().last() {
            Some('!') => crate::Flags::CHANGED,
            Some('r') => crate::Flags::RELOAD,
            Some('u') => crate::Flags::UNSTORABLE,
            _ => 0,
        };
        let (object, size) = word.trim_end_matches(['!', 'r', 'u']).split_once(':').unwrap();
        Row { flags, ..row(number as u64, object.parse().unwrap(), size.parse().unwrap()) }
    });
    trace_of(&rows.collect::<Vec<_>>())
}

/// A trace with popular and unpopular objects of many sizes, the same for a seed.
pub(crate) fn synthetic(seed: u64, requests: u64) -> Trace {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut numbers = std::collections::HashMap::new();
    let rows: Vec<_> = (0..requests)
        .map(|number| {
            // A power law over 2000 objects that drift slowly.
            let rank = (2000.0 * rng.f64().powi(3)) as u64 + number / 50;
            let next = numbers.len() as u32;
            let object = *numbers.entry(rank).or_insert(next);
            row(number, object, 1 + rank.wrapping_mul(2_654_435_761) % 5_000)
        })
        .collect();
    trace_of(&rows)
}
