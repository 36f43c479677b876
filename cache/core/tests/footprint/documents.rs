//! Documents as a proxy meets them, and an executor that keeps them in order, for counting what they cost.

use std::sync::Arc;

use bytes::Bytes;
use cnn_core::fields::Fields;
use cnn_core::policy::{Board, Context, Event, Executor, HitEvents, KeyPolicy, Kind, Manifest};
use cnn_core::policy::{Prepared, Replacement};
use cnn_core::repository::{Fetched, FillReader, Join, Repository, Sharing};
use cnn_core::rfc9111::{Facts, ResponseFacts, Times, Unsaid, VariantKey, date};
use cnn_core::time::{Tick, UnixSecs};
use tikv_jemalloc_ctl::{epoch, stats};

/// Bytes the allocator has handed out, its rounding included.
pub(crate) fn allocated() -> usize {
    epoch::advance().expect("jemalloc has statistics");
    stats::allocated::read().expect("jemalloc has statistics")
}

/// About 50 bytes, as URLs of images and modules are.
pub(crate) fn key(n: usize) -> String {
    format!("http://www{}.example.com/assets/2024/{n:08x}.png", n % 10)
}

/// Ten lines, three of them the document's own.
pub(crate) fn fetched(n: usize, length: usize) -> Fetched {
    let at = 1_700_000_000 + n as i64;
    let date = |at: i64| String::from_utf8_lossy(&date::format(UnixSecs(at))).into_owned();
    let fields = [
        ("Server", "nginx/1.24.0"),
        ("Date", &date(at)),
        ("Content-Type", ["image/png", "text/css", "application/javascript"][n % 3]),
        ("Last-Modified", &date(at - n as i64 * 37 % 100_000_000)),
        ("ETag", &format!("\"{:x}-{:x}\"", 0x6553_1234_0000 + n, 0x1_0000 + n)),
        ("Cache-Control", "public, max-age=86400"),
        ("Accept-Ranges", "bytes"),
        ("Access-Control-Allow-Origin", "*"),
        ("X-Content-Type-Options", "nosniff"),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
    ];
    response(fields.into_iter().collect(), &Fields::new(), Some(length))
}

/// A response with these lines to a request with those.
pub(crate) fn response(fields: Fields, request: &Fields, length: Option<usize>) -> Fetched {
    let times = Times::at(UnixSecs(1_700_000_000));
    let facts = Facts::of(&ResponseFacts::of(200, &fields, times.response), times, &Unsaid::default());
    Fetched {
        status: 200,
        reason: Bytes::from_static(b"OK"),
        facts,
        variant: VariantKey::of(&fields, request).expect("it varies by little"),
        fields,
        sharing: Sharing::Stored,
        length: length.map(|length| length as u64),
        fresh_until: Tick::from_secs(86_400),
        ttfb_us: 500,
        origin: 1,
        path_class: 0,
    }
}

/// Fetches and stores one document, as a worker does on a miss; returns its client's end.
pub(crate) fn store(
    repository: &Arc<Repository>,
    key: &str,
    fetched: Fetched,
    body: &[u8],
) -> Option<FillReader> {
    let Join::Lead(mut lead, reader) = repository.join(key, &Fields::new(), None) else { return None };
    lead.head(fetched).expect("it is to be stored");
    lead.append(body);
    lead.finish(Fields::new(), Tick(1), 1000).expect("there is room");
    Some(reader)
}

/// Least recently used first.
struct LastUse;

impl KeyPolicy for LastUse {
    fn key(&mut self, context: &Context<'_>, event: &Event) -> f64 {
        context.documents.last_used(event.slot).0 as f64
    }
}

/// An executor on a board, with that policy.
pub(crate) fn executor(board: &Arc<Board>) -> Executor {
    let manifest = Manifest {
        name: "last-use".into(),
        summary: "".into(),
        paper: "".into(),
        kind: Kind::Key,
        hit_events: HitEvents::Unneeded,
        goals: &[],
        parameters: [].as_slice().into(),
    };
    let built = Replacement::Key(Box::new(LastUse));
    let slots_max = board.documents().slots_max();
    let first = Prepared::from_parts(manifest, built, slots_max).expect("it is of its kind");
    Executor::new(Arc::clone(board), first, UnixSecs(0))
}
