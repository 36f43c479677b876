//! Why a trace could not be had. A damaged line is none of these as long as there are few: see [`crate::damage`].

use std::io;
use std::path::{Path, PathBuf};

use crate::damage::{BadLines, DamageReport};

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file was opened and cannot be read on.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The archive ends before its end.
    #[error("{} is truncated: its {archive} data end in the middle, after {bytes} unpacked bytes", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The kind of archive.
        archive: &'static str,
        /// Bytes that could be unpacked before.
        bytes: u64,
    },
    /// The archive holds what no compressor writes.
    #[error("{} is damaged: its {archive} data cannot be unpacked after {bytes} bytes: {source}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The kind of archive.
        archive: &'static str,
        /// Bytes that could be unpacked before.
        bytes: u64,
        /// What the decompressor says.
        source: io::Error,
    },
    /// There is nothing to tell a format by.
    #[error("{} is empty", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// No reader understands the beginning of the file.
    #[error("cannot tell the format of {}; name it: {known}", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The names there are.
        known: String,
    },
    /// No reader has this name.
    #[error("there is no trace format `{name}`; known: {known}")]
    NoSuchFormat {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The reader cannot make sense of what it was told, or of the file's header.
    #[error("{format}: {reason}")]
    Unreadable {
        /// The reader.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// More damaged lines than allowed.
    #[error("{}: {report}\nmore are damaged than the {allowed} allowed (--bad-lines)", .path.display())]
    TooDamaged {
        /// The file.
        path: PathBuf,
        /// How many may be.
        allowed: BadLines,
        /// What is damaged.
        report: DamageReport,
    },
    /// The trace has more objects, or more of anything else, than can be numbered.
    #[error("{} has more than {max} {what}", .path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// Of what.
        what: &'static str,
        /// How many there may be.
        max: u64,
    },
    /// The requests cannot be kept in, or read from, the temporary file.
    #[error("cannot keep the trace in a temporary file: {0}")]
    Keep(#[source] io::Error),
    /// What was made of it cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is to be written that is still to be read.
    #[error("{} is to be read and to be written; write to another file", .path.display())]
    ReadAndWritten {
        /// The file.
        path: PathBuf,
    },
    /// Two outputs are to go to one file.
    #[error("{} is to be written twice; write to different files", standard_output(.path))]
    WrittenTwice {
        /// The file.
        path: PathBuf,
    },
}

/// A path in words.
fn standard_output(path: &Path) -> String {
    if path == Path::new("-") { "standard output".to_owned() } else { path.display().to_string() }
}
