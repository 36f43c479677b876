//! The readers: one per format, each in a file of its own, all in one table. A reader turns a line, or a record of fixed
//! length, into what it says ([`Record`]); it reads nothing itself, keeps nothing from line to line but its columns, and
//! never panics.
//!
//! To add one: a file in `reader/`, a line in [`FORMATS`], a sample in `traces/data/` and its line in the tests.

mod apache;
mod blocks;
mod csv;
mod detect;
mod json;
mod keys;
mod logformat;
mod oracle_general;
pub(crate) mod scan;
mod squid;
mod vscsi;

use std::path::Path;

use crate::damage::Damage;
use crate::error::TraceError;
use crate::pieces::Framing;
use crate::record::Record;

pub use self::csv::COLUMNS;
pub(crate) use self::oracle_general::NEVER;

/// What reads one format.
pub trait Reader: Send {
    /// Hands what `piece` says to `each`: one record mostly, none for comments and empty lines, several where a line
    /// stands for a run of requests.
    ///
    /// # Errors
    /// When the piece is none of the format; nothing was handed out then.
    fn read(&mut self, piece: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage>;
}

/// What of a record's size the format tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeMeans {
    /// What was sent, with the header of the response: varies a little from one response to the next.
    SentWithHeader,
    /// What was sent, without the header.
    Sent,
    /// The size of the object, whatever was sent.
    Object,
}

/// One format.
pub struct Format {
    /// Its name, as `--format` takes it.
    pub name: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
    /// Endings of file names that hint at it, without those of archives.
    pub extensions: &'static [&'static str],
    /// What its sizes are.
    pub size_means: SizeMeans,
    /// A reader for a file that begins so.
    make: fn(&ReaderOptions, &[u8]) -> Result<Made, String>,
    /// How sure one may be, from its beginning, that a file is of this format.
    detect: fn(&[u8]) -> Likeness,
}

/// A reader and what it is to be given.
pub struct Made {
    /// The reader.
    pub reader: Box<dyn Reader>,
    /// What it reads at once.
    pub framing: Framing,
}

impl Made {
    fn lines(reader: impl Reader + 'static) -> Self {
        Self { reader: Box::new(reader), framing: Framing::Lines }
    }

    fn records(bytes: usize, reader: impl Reader + 'static) -> Self {
        Self { reader: Box::new(reader), framing: Framing::Records(bytes) }
    }
}

/// What a reader may have to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReaderOptions {
    /// A Squid `logformat`, or the name of one of Squid's own.
    pub logformat: Option<String>,
    /// The names of the columns of a CSV file, in order.
    pub columns: Option<Vec<String>>,
}

/// How much a file looks like a format: the share of its first lines that can be read, from 0 to 1.
type Likeness = f64;

/// Every format, the more particular ones first: where two are as likely, the first is taken.
pub const FORMATS: &[Format] = &[
    Format {
        name: "squid",
        summary: "Squid's native access.log, also with a prefix or more fields, amid lines of other formats of it",
        extensions: &[],
        size_means: SizeMeans::SentWithHeader,
        make: |_, _| Ok(Made::lines(squid::Native)),
        detect: |head| detect::lines(head, &mut squid::Native),
    },
    Format {
        name: "apache",
        summary: "common and combined log format of Apache, nginx and Squid, also with more fields at the end",
        extensions: &[],
        size_means: SizeMeans::Sent,
        make: |_, _| Ok(Made::lines(apache::Apache)),
        detect: |head| detect::lines(head, &mut apache::Apache),
    },
    Format {
        name: "json",
        summary: "the JSON access log of this proxy: an object per line",
        extensions: &["json", "jsonl", "ndjson"],
        size_means: SizeMeans::SentWithHeader,
        make: |_, _| Ok(Made::lines(json::Json)),
        detect: |head| detect::lines(head, &mut json::Json),
    },
    Format {
        name: "logformat",
        summary: "any Squid access log, read by the format string it was written with (`--logformat`)",
        extensions: &[],
        size_means: SizeMeans::SentWithHeader,
        make: |options, _| {
            let format = options.logformat.as_deref().ok_or("needs its format string: --logformat")?;
            Ok(Made::lines(logformat::LogFormat::parse(format)?))
        },
        detect: |_| 0.0,
    },
    Format {
        name: "csv",
        summary: "comma, semicolon or tab separated values with a header of known names, or with `--columns`",
        extensions: &["csv", "tsv"],
        size_means: SizeMeans::Object,
        make: |options, head| csv::Csv::new(options.columns.as_deref(), head).map(Made::lines),
        detect: csv::likeness,
    },
    Format {
        name: "arc",
        summary: "the ARC paper's block traces: first block, count, a number, line",
        extensions: &["lis"],
        size_means: SizeMeans::Object,
        make: |_, _| Ok(Made::lines(blocks::Arc)),
        detect: blocks::arc_likeness,
    },
    Format {
        name: "webcachesim",
        summary: "webcachesim's text: time, object, size, in blank separated columns",
        extensions: &["tr"],
        size_means: SizeMeans::Object,
        make: |_, _| Ok(Made::lines(blocks::WebCacheSim)),
        detect: |head| detect::lines(head, &mut blocks::WebCacheSim),
    },
    Format {
        name: "address",
        summary: "memory references: a kind, an address in hexadecimal with 0x, and more",
        extensions: &[],
        size_means: SizeMeans::Object,
        make: |_, _| Ok(Made::lines(blocks::Address)),
        detect: |head| detect::lines(head, &mut blocks::Address),
    },
    Format {
        name: "lirs",
        summary: "the LIRS paper's traces: a block per line, lines of `*` aside",
        extensions: &["lirs", "trc"],
        size_means: SizeMeans::Object,
        make: |_, _| Ok(Made::lines(blocks::Lirs)),
        detect: |head| detect::lines(head, &mut blocks::Lirs),
    },
    Format {
        name: "vscsi",
        summary: "libCacheSim's VSCSI block traces, versions 1 and 2",
        extensions: &["vscsi"],
        size_means: SizeMeans::Object,
        make: |_, head| vscsi::Version::of(head).map(|version| Made::records(version.bytes(), version)),
        detect: vscsi::likeness,
    },
    Format {
        name: "oracleGeneral",
        summary: "libCacheSim's binary: records of time, object, size, next access",
        extensions: &["oracleGeneral"],
        size_means: SizeMeans::Object,
        make: |_, _| Ok(Made::records(oracle_general::BYTES, oracle_general::OracleGeneral)),
        detect: oracle_general::likeness,
    },
    Format {
        name: "cache2k",
        summary: "keys of 4 bytes, most significant first, as in cache2k's traces",
        extensions: &[],
        size_means: SizeMeans::Object,
        make: |_, _| Ok(Made::records(4, keys::Keys)),
        detect: |head| keys::likeness(head, 4),
    },
    Format {
        name: "corda",
        summary: "keys of 8 bytes, most significant first, as in Corda's traces",
        extensions: &[],
        size_means: SizeMeans::Object,
        make: |_, _| Ok(Made::records(8, keys::Keys)),
        detect: |head| keys::likeness(head, 8),
    },
];

/// The names of all formats, as messages list them.
pub fn known() -> String {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
}

/// The format of this name, in whatever case.
///
/// # Errors
/// When there is none.
pub fn by_name(name: &str) -> Result<&'static Format, TraceError> {
    FORMATS
        .iter()
        .find(|format| format.name.eq_ignore_ascii_case(name))
        .ok_or_else(|| TraceError::NoSuchFormat { name: name.to_owned(), known: known() })
}

impl Format {
    /// The format that a file called `path` which begins with `head` has.
    ///
    /// # Errors
    /// When it looks like none.
    pub fn detect(path: &Path, head: &[u8]) -> Result<&'static Self, TraceError> {
        detect::format(path, head)
    }

    /// A reader for a file that begins with `head`.
    ///
    /// # Errors
    /// When `options` or the head leave it at a loss.
    pub fn reader(&self, options: &ReaderOptions, head: &[u8]) -> Result<Made, TraceError> {
        (self.make)(options, head).map_err(|reason| TraceError::Unreadable { format: self.name, reason })
    }
}

#[cfg(test)]
mod tests;
