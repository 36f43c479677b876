//! A trace file that is being read: input, pieces and reader put together, with damaged lines counted.

use std::path::{Path, PathBuf};

use crate::damage::{BadLines, Damage, DamageReport};
use crate::error::TraceError;
use crate::input::{Input, Packing};
use crate::pieces::{Piece, Pieces};
use crate::reader::{self, Format, Made, ReaderOptions};
use crate::record::Record;

/// How trace files are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// The name of their format; to be told from their content when there is none.
    pub format: Option<String>,
    /// What the reader is told.
    pub reader: ReaderOptions,
    /// How many damaged lines are borne with.
    pub bad_lines: BadLines,
}

/// What can be said of a file once it is read.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Its format's name.
    pub format: &'static str,
    /// How it is packed.
    pub packing: Packing,
    /// Its lines, and the damaged ones.
    pub damage: DamageReport,
}

/// How far reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read of the files as they are, packed or not.
    pub bytes_read: u64,
    /// Bytes of all files, unless one of them has no known length.
    pub bytes_total: Option<u64>,
}

/// A trace file.
pub struct TraceFile {
    pieces: Pieces,
    format: &'static Format,
    made: Made,
    damage: DamageReport,
    bad_lines: BadLines,
}

impl TraceFile {
    /// Opens a file, or standard input for `-`, and tells its format.
    ///
    /// # Errors
    /// When it cannot be opened, is an archive that cannot be unpacked, or is of no format that is known.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, TraceError> {
        Self::new(Input::open(path)?, options)
    }

    /// Reads from an input that is open.
    ///
    /// # Errors
    /// When its beginning cannot be read or is of no format that is known.
    pub fn new(input: Input, options: &ReadOptions) -> Result<Self, TraceError> {
        let path = input.path().to_owned();
        let mut pieces = Pieces::new(input);
        let head = pieces.head()?;
        let format = match &options.format {
            Some(name) => reader::by_name(name)?,
            None if options.reader.logformat.is_some() => reader::by_name("logformat")?,
            None if options.reader.columns.is_some() => reader::by_name("csv")?,
            None => Format::detect(&path, head)?,
        };
        let made = format.reader(&options.reader, head)?;
        Ok(Self { pieces, format, made, damage: DamageReport::default(), bad_lines: options.bad_lines })
    }

    /// Its format.
    pub fn format(&self) -> &'static Format {
        self.format
    }

    /// Bytes of the file read so far, packed as it is, and bytes there are.
    pub fn progress(&self) -> Progress {
        let input = self.pieces.input();
        Progress { bytes_read: input.bytes_read(), bytes_total: input.bytes_total() }
    }

    /// Reads the next line, or record of a binary format, and hands what it says to `each`. False at the end of the file.
    ///
    /// # Errors
    /// When the file cannot be read on, or has more damaged lines than allowed.
    #[inline]
    pub fn read_next(&mut self, each: &mut dyn FnMut(&Record<'_>)) -> Result<bool, TraceError> {
        let Some(piece) = self.pieces.next(self.made.framing)? else {
            if self.damage.exceeds(self.bad_lines, true) {
                return Err(self.too_damaged());
            }
            return Ok(false);
        };
        self.damage.lines += 1;
        let (done, piece) = match piece {
            Piece::Whole(piece) => (self.made.reader.read(piece, each), piece),
            Piece::Broken(piece) => (Err(Damage("too long a line, or a record that is cut off")), piece),
        };
        if let Err(damage) = done {
            let is_text = self.made.framing == crate::Framing::Lines;
            self.damage.note(damage, if is_text { piece } else { &[] });
            if self.damage.exceeds(self.bad_lines, false) {
                return Err(self.too_damaged());
            }
        }
        Ok(true)
    }

    fn too_damaged(&self) -> TraceError {
        let path = self.pieces.input().path().to_owned();
        TraceError::TooDamaged { path, allowed: self.bad_lines, report: self.damage.clone() }
    }

    /// What can be said of the part read.
    pub fn report(&self) -> FileReport {
        let input = self.pieces.input();
        FileReport {
            path: input.path().to_owned(),
            format: self.format.name,
            packing: input.packing(),
            damage: self.damage.clone(),
        }
    }
}

/// Lines read between two calls of the callback that is told how far reading has come.
const LINES_PER_PROGRESS: u64 = 1 << 14;

/// Reads the files one after the other and hands every record to `each`, with the format it comes from.
///
/// # Errors
/// When one of the files cannot be read, or `each` says no.
pub fn read_all(
    paths: &[PathBuf],
    options: &ReadOptions,
    progress: &mut dyn FnMut(Progress),
    each: &mut dyn FnMut(&Record<'_>, &'static Format) -> Result<(), TraceError>,
) -> Result<Vec<FileReport>, TraceError> {
    let lengths =
        paths.iter().map(|path| std::fs::metadata(path).ok().filter(|of| of.is_file()).map(|of| of.len()));
    let bytes_total = lengths.collect::<Option<Vec<u64>>>().map(|lengths| lengths.iter().sum());
    let mut bytes_before = 0;
    let mut reports = Vec::new();
    for path in paths {
        let mut file = TraceFile::open(path, options)?;
        let format = file.format();
        let mut done = Ok(());
        while file.read_next(&mut |record| {
            if done.is_ok() {
                done = each(record, format);
            }
        })? {
            std::mem::replace(&mut done, Ok(()))?;
            if file.damage.lines.is_multiple_of(LINES_PER_PROGRESS) {
                progress(Progress { bytes_read: bytes_before + file.progress().bytes_read, bytes_total });
            }
        }
        bytes_before += file.progress().bytes_read;
        progress(Progress { bytes_read: bytes_before, bytes_total });
        reports.push(file.report());
    }
    Ok(reports)
}
