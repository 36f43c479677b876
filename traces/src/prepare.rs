//! From files to a [`Trace`]: the records of many files, one after the other, judged by the rules, with objects, origins
//! and facts numbered and sizes made out.
//!
//! Memory per object while it is made: 16 bytes of key (a hash of 128 bits, so that two of a billion names are alike once
//! in some 10^20 traces; numbers are their own key), 8 of size, 16 of [`Object`], in vectors that may be half empty, and 10
//! to 20 of hash table: 50 to 100 bytes, of which 16 to 32 stay. Rows are kept by [`TraceBuilder`].
//!
//! Sizes, by [`Sizes::Versions`]: a document has the size of its last whole transfer. One that is more than the tolerance
//! away is a new version, which no cache has. Shorter ones are taken for transfers that were cut short where the log is
//! one of HTTP and its cache does not say otherwise: logs mark only some of them. A 304 and a transfer known to be cut
//! short tell no size; the request counts with the size of the document, if need be that of its next whole transfer.

mod intern;

use std::collections::HashMap;
use std::mem::take;
use std::path::{Path, PathBuf};

use cnn_core::policy::Mime;

use self::intern::{FactsTable, Keys, Origins, key, origin};
use crate::error::TraceError;
use crate::file::{FileReport, Progress, ReadOptions, read_all};
use crate::reader::{Format, SizeMeans};
use crate::record::{Name, Record};
use crate::rules::{Ignored, RuleSet, Sent, Verdict};
use crate::trace::{Flags, Object, Row, Trace, TraceBuilder};

/// What the sizes of a trace are made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sizes {
    /// A document keeps its size until it changes by more than this share, which makes it another one.
    Versions {
        /// From 0.
        tolerance: f64,
    },
    /// Every request has the size it was logged with, and no document ever changes.
    Logged,
    /// Every request for a document has the largest size it was ever logged with, and no document ever changes.
    Largest,
}

impl Sizes {
    /// With the tolerance that the literature uses.
    pub const DEFAULT: Self = Self::Versions { tolerance: 0.05 };
}

/// Bytes by which the headers of two responses with the same document may differ: `Age`, `Via`, `X-Cache`.
const HEADER_SLACK_BYTES: u64 = 64;

/// Rows that are kept in memory: 1 GiB.
pub const ROWS_IN_MEMORY_MAX: usize = 1 << 25;

/// Microseconds between two requests of a trace without times.
const STEP_US: u64 = 1000;

/// How a trace is made.
#[derive(Clone, Debug, PartialEq)]
pub struct PrepareOptions {
    /// How the files are read.
    pub read: ReadOptions,
    /// What counts as a request.
    pub rules: RuleSet,
    /// What its sizes are; by the rules when there is nothing.
    pub sizes: Option<Sizes>,
    /// Rows kept in memory; more go to a temporary file.
    pub rows_in_memory_max: usize,
}

impl Default for PrepareOptions {
    fn default() -> Self {
        Self {
            read: ReadOptions::default(),
            rules: RuleSet::Http,
            sizes: None,
            rows_in_memory_max: ROWS_IN_MEMORY_MAX,
        }
    }
}

/// A trace and what was left out of it.
pub struct Prepared {
    /// The trace.
    pub trace: Trace,
    /// The files it is made of.
    pub files: Vec<FileReport>,
    /// Records that were none, by reason, those that occurred.
    pub ignored: Vec<(Ignored, u64)>,
}

/// Reads the files, one after the other, as one trace.
///
/// # Errors
/// When a file cannot be read, has more damaged lines than allowed, or the temporary file cannot be written.
pub fn prepare(
    paths: &[PathBuf],
    options: &PrepareOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Prepared, TraceError> {
    let name = paths.first().map_or_else(String::new, |path| trace_name(path));
    let mut preparation = Preparation::new(name, options);
    let files =
        read_all(paths, &options.read, progress, &mut |record, format| preparation.take(record, format))?;
    preparation.finish(files)
}

/// What is known of the sizes of an object.
// Invariant: the top bit says that the object was invalidated since its last request; the rest is its size, 0 when no
// whole transfer of it was seen.
#[derive(Clone, Copy)]
struct Known(u64);

impl Known {
    const INVALIDATED: u64 = 1 << 63;

    fn size(self) -> u64 {
        self.0 & !Self::INVALIDATED
    }

    fn is_invalidated(self) -> bool {
        self.0 & Self::INVALIDATED != 0
    }
}

/// Requests whose objects are looked up together: what is known of them lies all over the memory, and is fetched for all of
/// them at once instead of being waited for one by one.
const TOGETHER: usize = 32;

/// A request but for its object.
struct Waiting {
    key: u128,
    /// The row it becomes; object and size are still to be found.
    row: Row,
    bytes: u64,
    sent: Sent,
    /// By how many bytes transfers of one document may differ, whatever its size.
    slack: u64,
    is_log: bool,
    mime: Mime,
    /// Bytes of its origin.
    origin: usize,
}

/// A trace that is being made.
pub(crate) struct Preparation {
    builder: TraceBuilder,
    rules: RuleSet,
    sizes: Sizes,
    keys: Keys,
    /// Sizes of the objects of which no whole transfer was seen at their first request: that of the first one after it, or
    /// the most that was sent.
    late: HashMap<u32, u64>,
    facts: FactsTable,
    origins: Origins,
    /// Requests whose objects are still to be looked up, and the origins of their names, one after the other.
    waiting: Vec<Waiting>,
    waiting_origins: Vec<u8>,
    ignored: [u64; Ignored::ALL.len()],
    /// The time of the first request, once it has come.
    began_us: Option<u64>,
    now_us: u64,
}

impl Preparation {
    pub(crate) fn new(name: String, options: &PrepareOptions) -> Self {
        let by_rules = match options.rules {
            RuleSet::Reference => Sizes::Largest,
            RuleSet::Http | RuleSet::Squid => Sizes::DEFAULT,
        };
        Self {
            builder: TraceBuilder::new(name, options.rows_in_memory_max),
            rules: options.rules,
            sizes: options.sizes.unwrap_or(by_rules),
            keys: Keys::default(),
            late: HashMap::new(),
            facts: FactsTable::default(),
            origins: Origins::default(),
            waiting: Vec::with_capacity(TOGETHER),
            waiting_origins: Vec::new(),
            ignored: [0; Ignored::ALL.len()],
            began_us: None,
            now_us: 0,
        }
    }

    pub(crate) fn take(&mut self, record: &Record<'_>, format: &Format) -> Result<(), TraceError> {
        match self.rules.judge(record) {
            Verdict::Request { flags, sent } => {
                self.wait(record, format, flags, sent);
                if self.waiting.len() < TOGETHER { Ok(()) } else { self.look_up() }
            }
            Verdict::Ignored(reason) => {
                self.ignored[reason as usize] += 1;
                if reason == Ignored::Invalidation {
                    self.look_up()?;
                    if let Some(object) = self.keys.find(key(record.name)) {
                        *self.keys.word(object) |= Known::INVALIDATED;
                    }
                }
                Ok(())
            }
        }
    }

    /// Keeps a request until its object is looked up.
    fn wait(&mut self, record: &Record<'_>, format: &Format, flags: u32, sent: Sent) {
        let origin = match record.name {
            Name::Url(url) => origin(url),
            Name::Number(_) => &[],
        };
        self.waiting_origins.extend_from_slice(origin);
        let has_header = format.size_means == SizeMeans::SentWithHeader;
        let elapsed_us = record.elapsed_us.map_or(Row::UNKNOWN, |elapsed| {
            // Never the word for what is not known.
            elapsed.min(u64::from(Row::UNKNOWN) - 1) as u32
        });
        let row = Row {
            time_us: self.time(record.time_us),
            size: 0,
            object: 0,
            elapsed_us,
            facts: self.facts.number(record, &mut self.builder),
            flags,
        };
        self.waiting.push(Waiting {
            key: key(record.name),
            row,
            bytes: record.size.unwrap_or(1).clamp(1, Known::INVALIDATED - 1),
            sent,
            slack: if has_header { HEADER_SLACK_BYTES } else { 0 },
            is_log: record.status.is_some(),
            mime: record.mime.map_or(Mime::Other, Mime::of),
            origin: origin.len(),
        });
    }

    /// Makes rows of the requests that wait.
    fn look_up(&mut self) -> Result<(), TraceError> {
        self.keys.fetch(self.waiting.iter().map(|waiting| waiting.key));
        let (mut waiting, origins) = (take(&mut self.waiting), take(&mut self.waiting_origins));
        let mut origins_left = &origins[..];
        let made = waiting.drain(..).try_for_each(|waiting| {
            let (origin, rest) = origins_left.split_at(waiting.origin);
            origins_left = rest;
            self.request(waiting, origin)
        });
        // Their room is used again.
        (self.waiting, self.waiting_origins) = (waiting, origins);
        self.waiting_origins.clear();
        made
    }

    fn request(&mut self, waiting: Waiting, origin: &[u8]) -> Result<(), TraceError> {
        let (object, is_new) = self.keys.number(waiting.key).ok_or(TraceError::TooMany {
            path: PathBuf::from("the trace"),
            what: "objects",
            max: u32::MAX.into(),
        })?;
        let bytes = waiting.bytes;
        let (size, changed) = match self.sizes {
            Sizes::Versions { tolerance } => self.version(object, &waiting, tolerance),
            Sizes::Logged => (bytes, 0),
            Sizes::Largest => {
                let largest = self.keys.word(object);
                *largest = bytes.max(*largest);
                (bytes, 0)
            }
        };
        if is_new {
            let origin = self.origins.number(origin, &mut self.builder);
            let hash = (waiting.key >> 64) as u64 ^ waiting.key as u64;
            self.builder.add_object(Object { hash, origin, mime: waiting.mime }, size);
        }
        // What is requested first has not changed since.
        let flags = waiting.row.flags;
        let flags = if is_new { flags & !Flags::CHANGED } else { flags | changed };
        self.builder.push(Row { size, object, flags, ..waiting.row }).map_err(TraceError::Keep)
    }

    /// The size of an object at a request, 0 when only later requests tell, and whether it is another one.
    fn version(&mut self, object: u32, waiting: &Waiting, tolerance: f64) -> (u64, u32) {
        let Waiting { bytes, sent, slack, is_log, row: Row { flags, .. }, .. } = *waiting;
        let word = self.keys.word(object);
        let known = Known(*word);
        let size = known.size();
        let said = flags & Flags::CHANGED != 0 || known.is_invalidated();
        if sent == Sent::Else {
            return (bytes, 0);
        }
        *word = size;
        let changed = if said { Flags::CHANGED } else { 0 };
        if sent == Sent::Less {
            if size == 0 {
                let late = self.late.entry(object).or_default();
                *late = bytes.max(*late);
            }
            return (size, changed);
        }
        if size == 0 {
            *word = bytes;
            if let Some(late) = self.late.get_mut(&object) {
                *late = bytes;
            }
            return (bytes, changed);
        }
        let allowed = ((size.max(bytes) as f64 * tolerance) as u64).max(slack);
        let is_hit = flags & Flags::LOGGED_HIT != 0;
        if said {
            *word = bytes;
            return (bytes, Flags::CHANGED);
        }
        // What a cache has stored is not another one, and a shorter transfer of a log was probably cut short.
        if is_hit || size.abs_diff(bytes) <= allowed || (is_log && bytes < size) {
            return (size, 0);
        }
        *word = bytes;
        (bytes, Flags::CHANGED)
    }

    /// Microseconds since the first request, never going back.
    fn time(&mut self, time_us: Option<u64>) -> u64 {
        let Some(began_us) = self.began_us else {
            self.began_us = Some(time_us.unwrap_or(0));
            return 0;
        };
        self.now_us = match time_us {
            Some(at) => self.now_us.max(at.saturating_sub(began_us)),
            None => self.now_us + STEP_US,
        };
        self.now_us
    }

    pub(crate) fn finish(mut self, files: Vec<FileReport>) -> Result<Prepared, TraceError> {
        self.look_up()?;
        match self.sizes {
            Sizes::Largest => {
                let keys = &mut self.keys;
                self.builder.edit(|row| row.size = *keys.word(row.object)).map_err(TraceError::Keep)?;
            }
            Sizes::Versions { .. } if !self.late.is_empty() => {
                let late = &self.late;
                let fill = |row: &mut Row| {
                    if row.size == 0 {
                        row.size = late.get(&row.object).copied().unwrap_or(1);
                    }
                };
                self.builder.edit(fill).map_err(TraceError::Keep)?;
            }
            Sizes::Versions { .. } | Sizes::Logged => {}
        }
        let ignored = Ignored::ALL.iter().map(|reason| (*reason, self.ignored[*reason as usize]));
        Ok(Prepared {
            ignored: ignored.filter(|(_, count)| *count > 0).collect(),
            trace: self.builder.build().map_err(TraceError::Keep)?,
            files,
        })
    }
}

/// What a trace is called after its file: `bu98-lru` for `/traces/bu98-lru.access.log.zst`.
pub fn trace_name(path: &Path) -> String {
    const ENDINGS: [&str; 19] = [
        "gz",
        "xz",
        "zst",
        "log",
        "access",
        "common",
        "combined",
        "csv",
        "tsv",
        "tr",
        "lis",
        "trace",
        "bin",
        "txt",
        "json",
        "jsonl",
        "vscsi",
        "oracleGeneral",
        "lirs",
    ];
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut stem = name.as_str();
    while let Some((before, ending)) = stem.rsplit_once('.') {
        if before.is_empty() || !ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)) {
            break;
        }
        stem = before;
    }
    stem.to_owned()
}

#[cfg(test)]
mod tests;
