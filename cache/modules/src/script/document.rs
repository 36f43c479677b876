//! What a script sees: `doc` and `clock`. All numbers are floats, so that `doc.uses / doc.size` is a division as on paper.

use cnn_core::policy::{Document, Event, Mime, SlotId};
use cnn_core::time::Tick;
use rhai::{Engine, ImmutableString};

/// Fields of `doc` that change only when the document is used or renewed.
pub(super) const FIELDS: &[&str] =
    &["size", "uses", "fetch_ms", "ttfb_ms", "mime", "origin", "path_class", "status", "hash"];

/// Fields of `doc` and `clock` that change with time.
pub(super) const DRIFTS: &[&str] = &["age", "idle", "ttl", "now"];

/// A document at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doc {
    pub(super) columns: Document,
    pub(super) clock: Clock,
    /// Where it stands in a running cache, for a script that looks at one.
    pub(super) place: Option<Place>,
}

/// Where a document stands in a running cache.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: SlotId,
    /// The key or score it is ordered by; 0 for policies with queues.
    pub(super) value: f64,
}

/// The two clocks there are: time, and the aging of GreedyDual, the highest key evicted so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) now: Tick,
    pub(super) aging: f64,
}

const MICROS: f64 = 1e6;

impl Doc {
    /// A document of no cache in particular.
    pub(super) const fn new(columns: Document, clock: Clock) -> Self {
        Self { columns, clock, place: None }
    }

    fn size(&self) -> f64 {
        self.columns.size.max(1) as f64
    }

    fn uses(&self) -> f64 {
        self.columns.uses.max(1).into()
    }

    fn fetch_ms(&self) -> f64 {
        f64::from(self.columns.fetch_us) / 1e3
    }

    /// Seconds from then to now.
    fn since(&self, then: Tick) -> f64 {
        self.clock.now.since(then) as f64 / MICROS
    }

    fn ttl(&self) -> f64 {
        let (until, now) = (self.columns.fresh_until, self.clock.now);
        if until >= now { until.since(now) as f64 / MICROS } else { -(now.since(until) as f64) / MICROS }
    }
}

/// The columns as an event brings them, and the rest from the table.
pub(super) fn columns(event: &Event, columns: Document) -> Document {
    Document {
        size: event.size,
        uses: event.uses,
        fetch_us: event.fetch_us,
        mime: Mime::from_u8(event.mime),
        hash: event.hash,
        ..columns
    }
}

/// Makes `doc`, `clock` and the functions over them known.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Doc>("document")
        .register_get("size", |doc: &mut Doc| doc.size())
        .register_get("uses", |doc: &mut Doc| doc.uses())
        .register_get("fetch_ms", |doc: &mut Doc| doc.fetch_ms())
        .register_get("ttfb_ms", |doc: &mut Doc| f64::from(doc.columns.ttfb_us) / 1e3)
        .register_get("mime", |doc: &mut Doc| -> ImmutableString { doc.columns.mime.as_str().into() })
        .register_get("origin", |doc: &mut Doc| f64::from(doc.columns.origin))
        .register_get("path_class", |doc: &mut Doc| f64::from(doc.columns.path_class))
        .register_get("status", |doc: &mut Doc| f64::from(doc.columns.status))
        // 53 bits fit into a float.
        .register_get("hash", |doc: &mut Doc| (doc.columns.hash >> 11) as f64)
        .register_get("age", |doc: &mut Doc| doc.since(doc.columns.created))
        .register_get("idle", |doc: &mut Doc| doc.since(doc.columns.last_used))
        .register_get("ttl", |doc: &mut Doc| doc.ttl());
    engine
        .register_type_with_name::<Clock>("clock")
        .register_get("now", |clock: &mut Clock| clock.now.0 as f64 / MICROS)
        .register_get("aging", |clock: &mut Clock| clock.aging);
    // The costs of the paper, and the keys of the built-in policies that are a formula.
    engine
        .register_fn("size_cost", |doc: Doc| -doc.size())
        .register_fn("gds_cost", |doc: Doc| doc.clock.aging + 1.0 / doc.size())
        .register_fn("gdsf_cost", |doc: Doc| doc.clock.aging + doc.uses() / doc.size())
        .register_fn("lfu_da_cost", |doc: Doc| doc.clock.aging + doc.uses());
}

/// A made-up document of a class, to try a script on.
pub(super) fn trial((mime, size, uses): (Mime, u64, u32)) -> Doc {
    let columns = Document {
        hash: 0x9e37_79b9_7f4a_7c15,
        size,
        created: Tick::from_secs(10),
        last_used: Tick::from_secs(60),
        fresh_until: Tick::from_secs(90),
        uses,
        ttfb_us: 20_000,
        fetch_us: 50_000,
        origin: 3,
        path_class: 1,
        status: 200,
        mime,
    };
    Doc::new(columns, Clock { now: Tick::from_secs(100), aging: 0.5 })
}
