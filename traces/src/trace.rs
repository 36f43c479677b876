//! A trace ready to be replayed: requests as rows of 32 bytes, objects numbered densely.
//!
//! Rows stay in memory up to a bound and go to an unnamed temporary file beyond it, so that a trace of any length can be
//! replayed; per object some tens of bytes stay in memory. Names are not kept: an object is known by a hash of its name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem::take;
use std::sync::Mutex;

use bytemuck::{Pod, Zeroable};
use cnn_core::policy::Mime;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Row {
    /// Microseconds since the first request; never decreasing.
    pub time_us: u64,
    /// Bytes of the object at this request, at least 1.
    pub size: u64,
    /// The object: an index into [`Trace::objects`].
    pub object: u32,
    /// Microseconds the log says it took; [`Row::UNKNOWN`] when it says nothing.
    pub elapsed_us: u32,
    /// What the log says of the response: an index into [`Trace::facts`].
    pub facts: u32,
    /// What the request means to a cache: see [`Flags`].
    pub flags: u32,
}

impl Row {
    /// [`Row::elapsed_us`] of a log that has none.
    pub const UNKNOWN: u32 = u32::MAX;
}

/// The bits of [`Row::flags`].
pub struct Flags;

impl Flags {
    /// The client would not have it from a cache (`no-cache`): a miss, whose response is stored.
    pub const RELOAD: u32 = 1;
    /// The response must not be stored.
    pub const UNSTORABLE: u32 = 2;
    /// The object is another one than at its last request: a stored one is of no use.
    pub const CHANGED: u32 = 4;
    /// The cache that wrote the log answered from what it had stored.
    pub const LOGGED_HIT: u32 = 8;
    /// The log says whether its cache hit.
    pub const HAS_LOGGED: u32 = 16;
}

/// What the log says of a response, once for all responses of which it says the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// The result code of the cache that wrote the log, or empty.
    pub outcome: String,
    /// The status code, or 0.
    pub status: u16,
    /// The media type without parameters, or empty.
    pub mime: String,
}

/// What is known of an object besides its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// A hash of its name.
    pub hash: u64,
    /// Its origin: an index into [`Trace::origins`].
    pub origin: u32,
    /// The class of its content type, by its first response.
    pub mime: Mime,
}

/// The requests.
enum Rows {
    /// Chunks of [`CHUNK_ROWS`], the last one shorter.
    Memory(Vec<Vec<Row>>),
    /// Guards the file's position; held while a chunk is read.
    File(Mutex<File>),
}

/// A trace ready to be replayed.
// Invariant: every row's `object` is below `objects.len()` and its `facts` below `facts.len()`.
pub struct Trace {
    name: String,
    rows: Rows,
    len: u64,
    objects: Vec<Object>,
    facts: Vec<Facts>,
    origins: Vec<String>,
    unique_bytes: u64,
    bytes: u64,
    has_logged: bool,
    span_us: u64,
}

/// Rows that lie together: those read from a file at once, and in memory pieces of a quarter of a mebibyte, so that a trace
/// that grows is never copied.
const CHUNK_ROWS: usize = 8192;

impl Trace {
    /// What reports call it: its file's name without folders and endings.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives it another name.
    pub fn rename(&mut self, name: String) {
        self.name = name;
    }

    /// Requests.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The objects, by number.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// What responses are said to be, by number.
    pub fn facts(&self) -> &[Facts] {
        &self.facts
    }

    /// Scheme and authority of the origins, by number; one empty name where the trace has numbers for names.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The sum of the objects' sizes at their first request.
    pub fn unique_bytes(&self) -> u64 {
        self.unique_bytes
    }

    /// The sum of the requests' sizes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether any request says what the cache that wrote the log did ([`Flags::HAS_LOGGED`]).
    pub fn has_logged(&self) -> bool {
        self.has_logged
    }

    /// Microseconds from the first request to the last.
    pub fn span_us(&self) -> u64 {
        self.span_us
    }

    /// Calls `each` with the requests from number `from` on, in order, some thousands at a time, until it says false.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn for_each_chunk(&self, from: u64, mut each: impl FnMut(&[Row]) -> bool) -> io::Result<()> {
        match &self.rows {
            Rows::Memory(chunks) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX);
                let mut skipped = from % CHUNK_ROWS;
                for chunk in chunks.iter().skip(from / CHUNK_ROWS) {
                    let rows = &chunk[skipped.min(chunk.len())..];
                    if !rows.is_empty() && !each(rows) {
                        break;
                    }
                    skipped = 0;
                }
                Ok(())
            }
            Rows::File(file) => {
                let mut chunk = vec![Row::zeroed(); CHUNK_ROWS];
                let mut at = from.min(self.len);
                while at < self.len {
                    let rows = usize::try_from(self.len - at).unwrap_or(usize::MAX).min(CHUNK_ROWS);
                    {
                        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        file.seek(SeekFrom::Start(at * size_of::<Row>() as u64))?;
                        file.read_exact(bytemuck::cast_slice_mut(&mut chunk[..rows]))?;
                    }
                    if !each(&chunk[..rows]) {
                        break;
                    }
                    at += rows as u64;
                }
                Ok(())
            }
        }
    }
}

/// Puts a [`Trace`] together, row by row.
pub struct TraceBuilder {
    name: String,
    /// Whole chunks, and the one that is being filled.
    chunks: Vec<Vec<Row>>,
    waiting: Vec<Row>,
    rows_in_memory_max: usize,
    file: Option<File>,
    len: u64,
    objects: Vec<Object>,
    facts: Vec<Facts>,
    origins: Vec<String>,
    unique_bytes: u64,
    bytes: u64,
    has_logged: bool,
    span_us: u64,
}

impl TraceBuilder {
    /// An empty trace that keeps up to `rows_in_memory_max` rows in memory.
    pub fn new(name: impl Into<String>, rows_in_memory_max: usize) -> Self {
        Self {
            name: name.into(),
            chunks: Vec::new(),
            waiting: Vec::new(),
            rows_in_memory_max: rows_in_memory_max.max(CHUNK_ROWS),
            file: None,
            len: 0,
            objects: Vec::new(),
            facts: Vec::new(),
            origins: Vec::new(),
            unique_bytes: 0,
            bytes: 0,
            has_logged: false,
            span_us: 0,
        }
    }

    /// Adds an object and returns its number. `size` is that of its first request.
    pub fn add_object(&mut self, object: Object, size: u64) -> u32 {
        self.unique_bytes = self.unique_bytes.saturating_add(size);
        self.objects.push(object);
        (self.objects.len() - 1) as u32
    }

    /// Adds facts and returns their number.
    pub fn add_facts(&mut self, facts: Facts) -> u32 {
        self.facts.push(facts);
        (self.facts.len() - 1) as u32
    }

    /// Adds an origin and returns its number.
    pub fn add_origin(&mut self, origin: String) -> u32 {
        self.origins.push(origin);
        (self.origins.len() - 1) as u32
    }

    /// Adds a request.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    ///
    /// # Panics
    /// When the object or the facts were not added before.
    pub fn push(&mut self, row: Row) -> io::Result<()> {
        assert!((row.object as usize) < self.objects.len(), "an object is added before its requests");
        assert!((row.facts as usize) < self.facts.len(), "facts are added before their requests");
        self.waiting.push(row);
        self.len += 1;
        self.bytes = self.bytes.saturating_add(row.size);
        self.span_us = row.time_us;
        self.has_logged |= row.flags & Flags::HAS_LOGGED != 0;
        if self.waiting.len() == CHUNK_ROWS {
            self.chunks.push(std::mem::replace(&mut self.waiting, Vec::with_capacity(CHUNK_ROWS)));
            if self.chunks.len() * CHUNK_ROWS >= self.rows_in_memory_max {
                self.spill()?;
            }
        }
        Ok(())
    }

    /// Changes rows after all of them are known; of a row only size and flags may change.
    ///
    /// # Errors
    /// When the temporary file cannot be read or written.
    pub(crate) fn edit(&mut self, mut edit: impl FnMut(&mut Row)) -> io::Result<()> {
        let mut is_seen = vec![false; self.objects.len()];
        (self.bytes, self.unique_bytes) = (0, 0);
        let mut each = |row: &mut Row| {
            edit(row);
            self.bytes = self.bytes.saturating_add(row.size);
            if !std::mem::replace(&mut is_seen[row.object as usize], true) {
                self.unique_bytes = self.unique_bytes.saturating_add(row.size);
            }
        };
        if let Some(file) = &mut self.file {
            let mut chunk = vec![Row::zeroed(); CHUNK_ROWS];
            let mut at = 0;
            let rows_in_memory = self.chunks.len() * CHUNK_ROWS + self.waiting.len();
            let rows_in_file = self.len - rows_in_memory as u64;
            while at < rows_in_file {
                let rows = usize::try_from(rows_in_file - at).unwrap_or(usize::MAX).min(CHUNK_ROWS);
                let position = SeekFrom::Start(at * size_of::<Row>() as u64);
                file.seek(position)?;
                file.read_exact(bytemuck::cast_slice_mut(&mut chunk[..rows]))?;
                chunk[..rows].iter_mut().for_each(&mut each);
                file.seek(position)?;
                file.write_all(bytemuck::cast_slice(&chunk[..rows]))?;
                at += rows as u64;
            }
        }
        self.chunks.iter_mut().flatten().chain(&mut self.waiting).for_each(each);
        Ok(())
    }

    /// Moves the rows that are in memory to the file.
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        // From here on there is a file anyway, so memory is better used for something else.
        self.rows_in_memory_max = CHUNK_ROWS;
        for chunk in self.chunks.drain(..).chain([take(&mut self.waiting)]) {
            file.write_all(bytemuck::cast_slice(&chunk))?;
        }
        Ok(())
    }

    /// The trace.
    ///
    /// # Errors
    /// When the temporary file cannot be written.
    pub fn build(mut self) -> io::Result<Trace> {
        if self.file.is_some() {
            self.spill()?;
        }
        let rows = match self.file {
            Some(file) => Rows::File(Mutex::new(file)),
            None => {
                self.waiting.shrink_to_fit();
                self.chunks.push(self.waiting);
                Rows::Memory(self.chunks)
            }
        };
        Ok(Trace {
            name: self.name,
            rows,
            len: self.len,
            objects: self.objects,
            facts: self.facts,
            origins: self.origins,
            unique_bytes: self.unique_bytes,
            bytes: self.bytes,
            has_logged: self.has_logged,
            span_us: self.span_us,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64) -> Row {
        Row { time_us: number, size: 10, object: 0, elapsed_us: Row::UNKNOWN, facts: 0, flags: 0 }
    }

    fn check(rows: u64, in_memory: usize) {
        let mut builder = TraceBuilder::new("t", in_memory);
        builder.add_origin(String::new());
        builder.add_facts(Facts::default());
        builder.add_object(Object { hash: 1, origin: 0, mime: Mime::Other }, 10);
        for number in 0..rows {
            builder.push(row(number)).unwrap();
        }
        let trace = builder.build().unwrap();
        for from in [0, 1, rows / 2, rows, rows + 1] {
            let mut seen = Vec::new();
            trace
                .for_each_chunk(from, |chunk| {
                    seen.extend(chunk.iter().map(|row| row.time_us));
                    true
                })
                .unwrap();
            assert_eq!(seen, (from..rows).collect::<Vec<_>>(), "from {from} of {rows}");
        }
        assert_eq!((trace.len(), trace.bytes(), trace.unique_bytes()), (rows, 10 * rows, 10));
    }

    #[test]
    fn rows_come_back_in_order_from_memory_and_from_a_file() {
        check(0, 1 << 20);
        check(20_000, 1 << 20);
        check(20_000, 8192);
        check(20_001, 9_000);
    }

    #[test]
    fn rows_may_change_their_size_in_memory_and_in_a_file() {
        for in_memory in [1 << 20, 8192] {
            let mut builder = TraceBuilder::new("t", in_memory);
            builder.add_facts(Facts::default());
            builder.add_object(Object { hash: 1, origin: 0, mime: Mime::Other }, 10);
            for number in 0..20_000 {
                builder.push(row(number)).unwrap();
            }
            builder.edit(|row| row.size = 3 + row.time_us % 2).unwrap();
            builder.push(row(20_000)).unwrap();
            let trace = builder.build().unwrap();
            let mut bytes = 0;
            trace
                .for_each_chunk(0, |chunk| {
                    bytes += chunk.iter().map(|row| row.size).sum::<u64>();
                    true
                })
                .unwrap();
            assert_eq!(
                (trace.len(), bytes, trace.bytes(), trace.unique_bytes()),
                (20_001, 70_010, 70_010, 3)
            );
        }
    }

    #[test]
    fn reading_stops_when_told() {
        let mut builder = TraceBuilder::new("t", 8192);
        builder.add_facts(Facts::default());
        builder.add_object(Object { hash: 1, origin: 0, mime: Mime::Other }, 10);
        for number in 0..30_000 {
            builder.push(row(number)).unwrap();
        }
        let mut chunks = 0;
        builder
            .build()
            .unwrap()
            .for_each_chunk(0, |_| {
                chunks += 1;
                chunks < 2
            })
            .unwrap();
        assert_eq!(chunks, 2);
    }
}
