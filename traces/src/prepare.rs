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
use std::path::{Path, PathBuf};

use cnn_core::policy::Mime;

use self::intern::{FactsTable, Keys, Origins, key};
use crate::error::TraceError;
use crate::file::{FileReport, Progress, ReadOptions, read_all};
use crate::reader::{Format, SizeMeans};
use crate::record::Record;
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
            ignored: [0; Ignored::ALL.len()],
            began_us: None,
            now_us: 0,
        }
    }

    pub(crate) fn take(&mut self, record: &Record<'_>, format: &Format) -> Result<(), TraceError> {
        match self.rules.judge(record) {
            Verdict::Request { flags, sent } => self.request(record, format, flags, sent),
            Verdict::Ignored(reason) => {
                self.ignored[reason as usize] += 1;
                if reason == Ignored::Invalidation
                    && let Some(object) = self.keys.find(key(record.name))
                {
                    *self.keys.word(object) |= Known::INVALIDATED;
                }
                Ok(())
            }
        }
    }

    fn request(
        &mut self,
        record: &Record<'_>,
        format: &Format,
        flags: u32,
        sent: Sent,
    ) -> Result<(), TraceError> {
        let key = key(record.name);
        let (object, is_new) = self.keys.number(key).ok_or(TraceError::TooMany {
            path: PathBuf::from("the trace"),
            what: "objects",
            max: u32::MAX.into(),
        })?;
        let bytes = record.size.unwrap_or(1).clamp(1, Known::INVALIDATED - 1);
        let (size, changed) = match self.sizes {
            Sizes::Versions { tolerance } => {
                self.version(object, bytes, (flags, sent), (record, format), tolerance)
            }
            Sizes::Logged => (bytes, 0),
            Sizes::Largest => {
                let largest = self.keys.word(object);
                *largest = bytes.max(*largest);
                (bytes, 0)
            }
        };
        if is_new {
            let origin = self.origins.number(record.name, &mut self.builder);
            let mime = record.mime.map_or(Mime::Other, Mime::of);
            self.builder.add_object(Object { hash: (key >> 64) as u64 ^ key as u64, origin, mime }, size);
        }
        // What is requested first has not changed since.
        let flags = if is_new { flags & !Flags::CHANGED } else { flags | changed };
        let row = Row {
            time_us: self.time(record.time_us),
            size,
            object,
            elapsed_us: record
                .elapsed_us
                .map_or(Row::UNKNOWN, |elapsed| elapsed.min(u64::from(Row::UNKNOWN) - 1) as u32),
            facts: self.facts.number(record, &mut self.builder),
            flags,
        };
        self.builder.push(row).map_err(TraceError::Keep)
    }

    /// The size of an object at a request, 0 when only later requests tell, and whether it is another one.
    fn version(
        &mut self,
        object: u32,
        bytes: u64,
        (flags, sent): (u32, Sent),
        (record, format): (&Record<'_>, &Format),
        tolerance: f64,
    ) -> (u64, u32) {
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
        let slack = if format.size_means == SizeMeans::SentWithHeader { HEADER_SLACK_BYTES } else { 0 };
        let allowed = ((size.max(bytes) as f64 * tolerance) as u64).max(slack);
        let is_log = record.status.is_some();
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
