//! Templates of stored heads: status line and header lines that repeat between documents, held once and shared. A
//! template has holes where a line differs from document to document; what goes into them is the document's own
//! ([`super::head`]). Which lines are holes is known for some names and learned for the others: a line whose value
//! was seen to differ often among heads of one shape (same status and names in the same order) becomes a hole.
//!
//! A template is in the table as long as a stored head uses it. The table is never consulted to serve a hit.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use ahash::RandomState;
use hashbrown::HashTable;
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::budget::{Budget, Charge, allocated_bytes};
use crate::fields::Fields;
use crate::limits::{SHAPE_DISTINCT_MAX, SHAPES_MAX, TEMPLATE_SHARDS};

/// What heads have in common.
#[derive(Debug)]
pub(super) struct Template {
    /// Status line and lines as they go over the wire, values of holes left out.
    literal: Box<[u8]>,
    lines: Box<[Line]>,
    /// Where in `literal` values are filled in, ascending.
    holes: Box<[u32]>,
    /// Where in `literal` the reason phrase ends.
    reason_end: u32,
    status: u16,
    hash: u64,
    table: Weak<Table>,
    charge: Charge,
}

/// Where a line lies in the literal. Without the colon, space and line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    name_start: u32,
    name_end: u32,
    /// Where the value ends; it starts two bytes after the name. `None` for a hole.
    value_end: Option<u32>,
}

/// Where the reason phrase starts: after `HTTP/1.1 200 `.
const REASON_START: usize = 13;

/// A line of a template.
pub(super) enum Value<'a> {
    /// The same for every document of this template.
    Same(&'a [u8]),
    /// The next of the document's own values.
    Hole,
}

impl Template {
    /// Status code.
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// Reason phrase.
    pub(super) fn reason(&self) -> &[u8] {
        &self.literal[REASON_START..self.reason_end as usize]
    }

    /// Name and value of each line.
    pub(super) fn lines(&self) -> impl ExactSizeIterator<Item = (&[u8], Value<'_>)> {
        self.lines.iter().map(|line| {
            let name = &self.literal[line.name_start as usize..line.name_end as usize];
            let value = match line.value_end {
                Some(end) => Value::Same(&self.literal[line.name_end as usize + 2..end as usize]),
                None => Value::Hole,
            };
            (name, value)
        })
    }

    /// The stretches of bytes before each hole, and the one after the last.
    #[inline]
    pub(super) fn stretches(&self) -> (impl Iterator<Item = &[u8]>, &[u8]) {
        let mut start = 0;
        let before = self.holes.iter().map(move |&hole| {
            let stretch = &self.literal[start..hole as usize];
            start = hole as usize;
            stretch
        });
        (before, &self.literal[self.holes.last().map_or(0, |&hole| hole as usize)..])
    }

    /// Bytes of the status line and lines without what goes into the holes.
    pub(super) fn literal_bytes(&self) -> usize {
        self.literal.len()
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        let Some(table) = self.table.upgrade() else { return };
        let this: *const Self = self;
        table.bytes.fetch_sub(self.charge.bytes(), Relaxed);
        let mut shard = table.shard(self.hash).lock();
        if let Ok(entry) = shard.templates.find_entry(self.hash, |entry| entry.template.as_ptr() == this) {
            // The memory itself lives until the entry, the last weak reference, goes.
            entry.remove();
        }
    }
}

/// The table of all templates in use.
pub(super) struct Templates {
    table: Arc<Table>,
    hasher: RandomState,
    budget: Arc<Budget>,
}

/// The shards; templates refer back to them weakly, to leave when they are dropped.
struct Table {
    shards: Box<[Mutex<Shard>]>,
    /// Charged for the templates in use.
    bytes: AtomicU64,
}

impl Table {
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[(hash >> 32) as usize % self.shards.len()]
    }
}

/// Guarded by its lock: a share of the templates by hash of their content, and of the shapes by hash of the names.
#[derive(Default)]
struct Shard {
    templates: HashTable<Entry>,
    shapes: HashTable<Shape>,
}

struct Entry {
    hash: u64,
    template: Weak<Template>,
}

/// What was learned about heads of one shape: per line a bitmap with a bit for each hash of a value seen, so that the
/// number of bits set tells about how many different values there were (linear counting, Whang et al. 1990).
struct Shape {
    hash: u64,
    seen: Box<[u64]>,
}

/// A head being taken apart.
struct Draft {
    literal: Vec<u8>,
    lines: SmallVec<[Line; 16]>,
    holes: SmallVec<[u32; 8]>,
    reason_end: u32,
}

impl Templates {
    /// An empty table; what it holds is charged to `budget`.
    pub(super) fn new(hasher: RandomState, budget: Arc<Budget>) -> Self {
        let shards = (0..TEMPLATE_SHARDS).map(|_| Mutex::default()).collect();
        Self { table: Arc::new(Table { shards, bytes: AtomicU64::new(0) }), hasher, budget }
    }

    /// Templates in use.
    pub(super) fn len(&self) -> usize {
        self.table.shards.iter().map(|shard| shard.lock().templates.len()).sum()
    }

    /// Bytes charged for them.
    pub(super) fn bytes(&self) -> u64 {
        self.table.bytes.load(Relaxed)
    }

    /// The template of a head. The document's own values go to `fill` in the order of the holes.
    pub(super) fn intern<'a>(
        &self,
        status: u16,
        reason: &[u8],
        fields: &'a Fields,
        mut fill: impl FnMut(&'a [u8]),
    ) -> Arc<Template> {
        let varying = self.varying_lines(status, fields);
        let mut draft = Draft::new(status, reason);
        for ((name, value), is_hole) in fields.iter().zip(varying) {
            draft.push(name, value, is_hole);
            if is_hole {
                fill(value);
            }
        }
        self.find_or_add(status, draft)
    }

    /// For each line whether its value is the document's own.
    fn varying_lines(&self, status: u16, fields: &Fields) -> SmallVec<[bool; 32]> {
        let mut varying: SmallVec<[bool; 32]> =
            fields.iter().map(|(name, _)| is_known_to_vary(name)).collect();
        if varying.iter().all(|&is_known| is_known) {
            return varying;
        }
        let hash = self.shape_hash(status, fields);
        let mut shard = self.table.shard(hash).lock();
        let Some(shape) = shard.shape(hash, fields.len()) else { return varying };
        for (((_, value), varies), seen) in fields.iter().zip(&mut varying).zip(&mut shape.seen) {
            if *varies {
                continue;
            }
            if seen.count_ones() < SHAPE_DISTINCT_MAX {
                *seen |= 1 << (self.hasher.hash_one(value) & 63);
            }
            *varies = seen.count_ones() >= SHAPE_DISTINCT_MAX;
        }
        varying
    }

    fn shape_hash(&self, status: u16, fields: &Fields) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u16(status);
        for (name, _) in fields.iter() {
            hasher.write(name);
            hasher.write_u8(b':');
        }
        hasher.finish()
    }

    fn find_or_add(&self, status: u16, draft: Draft) -> Arc<Template> {
        let hash = draft.hash(&self.hasher);
        // Templates that only share the hash. Let go after the lock, because dropping one takes the lock.
        let mut others: SmallVec<[Arc<Template>; 1]> = SmallVec::new();
        let mut shard = self.table.shard(hash).lock();
        let mut found = None;
        for entry in shard.templates.iter_hash(hash).filter(|entry| entry.hash == hash) {
            match entry.template.upgrade() {
                Some(template) if draft.is_of(&template) => found = Some(template),
                Some(template) => others.push(template),
                None => {}
            }
        }
        let template = found.unwrap_or_else(|| {
            let template = Arc::new(draft.into_template(status, hash, self));
            let entry = Entry { hash, template: Arc::downgrade(&template) };
            shard.templates.insert_unique(hash, entry, |entry| entry.hash);
            template
        });
        drop(shard);
        template
    }
}

impl Shard {
    /// What is known about a shape; `None` when there are too many shapes to learn about more.
    fn shape(&mut self, hash: u64, lines: usize) -> Option<&mut Shape> {
        let is_full = self.shapes.len() >= SHAPES_MAX / TEMPLATE_SHARDS;
        let is_same = |shape: &Shape| shape.hash == hash && shape.seen.len() == lines;
        if is_full {
            return self.shapes.find_mut(hash, is_same);
        }
        let new = || Shape { hash, seen: vec![0; lines].into() };
        Some(self.shapes.entry(hash, is_same, |shape| shape.hash).or_insert_with(new).into_mut())
    }
}

impl Draft {
    fn new(status: u16, reason: &[u8]) -> Self {
        let mut literal = Vec::with_capacity(512);
        literal.extend_from_slice(b"HTTP/1.1 ");
        literal.extend([status / 100, status / 10 % 10, status % 10].map(|digit| b'0' + (digit % 10) as u8));
        literal.push(b' ');
        literal.extend_from_slice(reason);
        let reason_end = literal.len() as u32;
        literal.extend_from_slice(b"\r\n");
        Self { literal, lines: SmallVec::new(), holes: SmallVec::new(), reason_end }
    }

    fn push(&mut self, name: &[u8], value: &[u8], is_hole: bool) {
        let name_start = self.literal.len() as u32;
        self.literal.extend_from_slice(name);
        let name_end = self.literal.len() as u32;
        self.literal.extend_from_slice(b": ");
        if !is_hole {
            self.literal.extend_from_slice(value);
        }
        let end = self.literal.len() as u32;
        self.literal.extend_from_slice(b"\r\n");
        if is_hole {
            self.holes.push(end);
        }
        self.lines.push(Line { name_start, name_end, value_end: (!is_hole).then_some(end) });
    }

    fn hash(&self, hasher: &RandomState) -> u64 {
        let mut hasher = hasher.build_hasher();
        hasher.write(&self.literal);
        for &hole in &self.holes {
            hasher.write_u32(hole);
        }
        hasher.finish()
    }

    fn is_of(&self, template: &Template) -> bool {
        self.literal[..] == *template.literal
            && self.holes[..] == *template.holes
            && self.lines[..] == *template.lines
            && self.reason_end == template.reason_end
    }

    fn into_template(self, status: u16, hash: u64, templates: &Templates) -> Template {
        let literal: Box<[u8]> = self.literal.into();
        let lines: Box<[Line]> = self.lines.into_vec().into();
        let holes: Box<[u32]> = self.holes.into_vec().into();
        let allocations = [
            size_of::<Template>() + 2 * size_of::<usize>(),
            literal.len(),
            size_of_val(&*lines),
            size_of_val(&*holes),
        ];
        let bytes: u64 = allocations.into_iter().map(|bytes| allocated_bytes(bytes as u64)).sum();
        let charge = templates.budget.charge_forced(bytes + ENTRY_BYTES);
        templates.table.bytes.fetch_add(charge.bytes(), Relaxed);
        Template {
            literal,
            lines,
            holes,
            reason_end: self.reason_end,
            status,
            hash,
            table: Arc::downgrade(&templates.table),
            charge,
        }
    }
}

/// What a template's place in the table costs: entries of 16 bytes and a control byte at a load of 7/16 at worst.
const ENTRY_BYTES: u64 = 40;

/// Whether lines of that name usually differ from document to document.
fn is_known_to_vary(name: &[u8]) -> bool {
    let mut lower = [0; 32];
    let Some(lower) = lower.get_mut(..name.len()) else { return false };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    matches!(
        &*lower,
        b"date"
            | b"last-modified"
            | b"expires"
            | b"etag"
            | b"set-cookie"
            | b"location"
            | b"content-location"
            | b"content-disposition"
            | b"content-range"
            | b"content-md5"
            | b"digest"
            | b"content-digest"
            | b"repr-digest"
            | b"link"
            | b"server-timing"
            | b"request-id"
            | b"traceparent"
            | b"x-request-id"
            | b"x-correlation-id"
            | b"x-trace-id"
            | b"x-runtime"
            | b"x-timer"
            | b"x-varnish"
            | b"x-served-by"
            | b"x-cache-hits"
            | b"x-amz-request-id"
            | b"x-amz-id-2"
            | b"x-amz-cf-id"
            | b"x-amz-version-id"
            | b"x-ms-request-id"
            | b"x-azure-ref"
            | b"x-goog-hash"
            | b"x-goog-generation"
            | b"x-goog-stored-content-length"
            | b"x-guploader-uploadid"
            | b"x-github-request-id"
            | b"x-fastly-request-id"
            | b"x-checksum-sha1"
            | b"x-checksum-md5"
            | b"cf-ray"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates() -> Templates {
        Templates::new(RandomState::with_seeds(1, 2, 3, 4), Arc::new(Budget::new(u64::MAX)))
    }

    fn head(lines: &[(&str, &str)]) -> Fields {
        lines.iter().copied().collect()
    }

    #[test]
    fn heads_that_differ_in_varying_lines_only_share_a_template() {
        let templates = templates();
        let mut own = Vec::new();
        let fields = [
            head(&[("Server", "a"), ("ETag", "\"1\""), ("X-Empty", "")]),
            head(&[("Server", "a"), ("ETag", "\"2\""), ("X-Empty", "")]),
        ];
        let interned = fields.each_ref().map(|f| templates.intern(200, b"OK", f, |value| own.push(value)));
        assert!(Arc::ptr_eq(&interned[0], &interned[1]));
        assert_eq!(own, [b"\"1\"", b"\"2\""]);
        assert_eq!((interned[0].status(), interned[0].reason()), (200, &b"OK"[..]));
        let (before, after) = interned[0].stretches();
        assert_eq!(before.collect::<Vec<_>>(), [b"HTTP/1.1 200 OK\r\nServer: a\r\nETag: "]);
        assert_eq!(after, b"\r\nX-Empty: \r\n");
    }

    #[test]
    fn status_reason_names_case_and_order_tell_templates_apart() {
        let templates = templates();
        let mut kept = Vec::new();
        let mut check = |status, reason: &str, lines: &[(&str, &str)]| {
            let fields = head(lines);
            kept.push(templates.intern(status, reason.as_bytes(), &fields, |_| {}));
            assert_eq!(templates.len(), kept.len(), "{status} {reason} {lines:?}");
        };
        check(200, "OK", &[("A", "1"), ("B", "2")]);
        check(404, "OK", &[("A", "1"), ("B", "2")]);
        check(200, "", &[("A", "1"), ("B", "2")]);
        check(200, "OK", &[("B", "2"), ("A", "1")]);
        check(200, "OK", &[("a", "1"), ("B", "2")]);
        check(200, "OK", &[("A", "1: B"), ("2", "")]);
        check(200, "OK", &[("A: 1", "B"), ("2", "")]);
        check(200, "OK", &[("ETag", "1")]);
        check(200, "OK", &[]);
    }

    #[test]
    fn a_template_leaves_the_table_with_its_last_user_and_gives_its_bytes_back() {
        let templates = templates();
        let fields = head(&[("Server", "a")]);
        let one = templates.intern(200, b"OK", &fields, |_| {});
        let two = templates.intern(200, b"OK", &fields, |_| {});
        let used = templates.budget.used();
        assert!(used > 0);
        drop(one);
        assert_eq!((templates.len(), templates.budget.used()), (1, used));
        drop(two);
        assert_eq!((templates.len(), templates.budget.used()), (0, 0));
    }

    #[test]
    fn a_line_that_keeps_changing_becomes_a_hole_and_a_steady_one_does_not() {
        let templates = templates();
        let mut kept = Vec::new();
        for n in 0..2000 {
            let (id, class) = (format!("{n}"), format!("text/{}", n % 10));
            let fields = head(&[("X-Odd-Id", &id), ("Content-Type", &class)]);
            kept.push(templates.intern(200, b"OK", &fields, |_| {}));
        }
        assert!(templates.len() < 100, "{} templates", templates.len());
        assert_eq!(kept[1999].holes.len(), 1);
        assert!(Arc::ptr_eq(&kept[1999], &kept[1989]) && !Arc::ptr_eq(&kept[1999], &kept[1998]));
    }

    #[test]
    fn threads_that_intern_and_drop_the_same_heads_leave_an_empty_table() {
        let templates = templates();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let templates = &templates;
                scope.spawn(move || {
                    let mut held: [Option<Arc<Template>>; 4] = Default::default();
                    for n in 0..4000 {
                        let value = format!("{}", (n * (thread + 1)) % 3);
                        let fields = head(&[("Server", &value)]);
                        held[n % 4] = Some(templates.intern(200, b"OK", &fields, |_| {}));
                    }
                });
            }
        });
        assert_eq!((templates.len(), templates.budget.used()), (0, 0));
    }
}
