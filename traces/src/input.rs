//! Where the bytes of a trace come from: a file or standard input, unpacked on the fly when it is an archive by gzip, xz
//! or zstd. What it is shows in its first bytes, not in its name. Several members or frames one after the other are one
//! stream, as with `zcat`.
//!
//! Deliberately not here: archives inside archives, tar, and what the bytes mean.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::TraceError;

/// Bytes read from a file at once.
const READ_BYTES: usize = 128 << 10;

/// The largest window of a zstd frame, as a power of two: what `zstd --long=31` writes. Only such frames take as much memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 31;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// The .xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Packing {
    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }

    /// What the first bytes say. A zstd file may begin with a skippable frame (RFC 8878, 3.1.2).
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// What an ending says: `.gz`, `.xz`, `.zst`.
    pub fn by_ending(name: &str) -> (Self, &str) {
        for (ending, packing) in [(".gz", Self::Gzip), (".xz", Self::Xz), (".zst", Self::Zstd)] {
            if let Some(stem) = name.strip_suffix(ending) {
                return (packing, stem);
            }
        }
        (Self::Plain, name)
    }
}

/// The bytes of a trace, unpacked.
pub struct Input {
    path: PathBuf,
    packing: Packing,
    reader: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
    bytes_total: Option<u64>,
    unpacked: u64,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// When it cannot be opened or its first bytes cannot be read.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        if path == Path::new("-") {
            return Self::new(Path::new("standard input"), io::stdin(), None);
        }
        let open = || {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            Ok((file, metadata.is_file().then_some(metadata.len())))
        };
        match open() {
            Ok((file, bytes)) => Self::new(path, file, bytes),
            Err(source) => Err(TraceError::Open { path: path.to_owned(), source }),
        }
    }

    /// Reads from `source`, which messages call `path`.
    ///
    /// # Errors
    /// When its first bytes cannot be read.
    pub fn new(
        path: &Path,
        source: impl Read + Send + 'static,
        bytes_total: Option<u64>,
    ) -> Result<Self, TraceError> {
        let consumed = Arc::new(AtomicU64::new(0));
        let counted = Counted { source, consumed: Arc::clone(&consumed) };
        let mut buffered = BufReader::with_capacity(READ_BYTES, counted);
        let fail = |source| TraceError::Read { path: path.to_owned(), source };
        let packing = Packing::of(buffered.fill_buf().map_err(fail)?);
        let reader: Box<dyn Read + Send> = match packing {
            Packing::Plain => Box::new(buffered),
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
            Packing::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(buffered)),
            Packing::Zstd => {
                let mut unpacker = zstd::Decoder::with_buffer(buffered).map_err(fail)?;
                unpacker.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(fail)?;
                Box::new(unpacker)
            }
        };
        Ok(Self { path: path.to_owned(), packing, reader, consumed, bytes_total, unpacked: 0 })
    }

    /// What messages call it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How the file is packed.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Bytes of the file, packed as it is, that have been read so far.
    pub fn bytes_read(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    /// Bytes of the file, when it has a known length.
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }

    /// Reads some of the unpacked bytes; 0 at the end.
    ///
    /// # Errors
    /// When the file cannot be read, is truncated, or is not what its first bytes promised.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, TraceError> {
        loop {
            match self.reader.read(into) {
                Ok(read) => {
                    self.unpacked += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
    }

    fn failure(&self, source: io::Error) -> TraceError {
        let (path, archive, bytes) = (self.path.clone(), self.packing.as_str(), self.unpacked);
        match source.kind() {
            _ if self.packing == Packing::Plain => TraceError::Read { path, source },
            io::ErrorKind::UnexpectedEof => TraceError::Truncated { path, archive, bytes },
            // Errors of the system carry its number; those of the decompressors do not.
            _ if source.raw_os_error().is_some() => TraceError::Read { path, source },
            _ => TraceError::Corrupt { path, archive, bytes, source },
        }
    }
}

/// Counts what is read.
struct Counted<R> {
    source: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn text() -> Vec<u8> {
        (0..20_000)
            .flat_map(|n: u32| format!("{} line {n}\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    fn packed(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Plain => bytes.to_vec(),
            Packing::Gzip => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(bytes).unwrap();
                packer.finish().unwrap()
            }
            Packing::Xz => {
                let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
                packer.write_all(bytes).unwrap();
                packer.finish().unwrap()
            }
            Packing::Zstd => {
                let mut packer = zstd::Encoder::new(Vec::new(), 1).unwrap();
                packer.include_checksum(true).unwrap();
                packer.write_all(bytes).unwrap();
                packer.finish().unwrap()
            }
        }
    }

    fn read(bytes: Vec<u8>) -> (Vec<u8>, Option<TraceError>) {
        let mut input = Input::new(Path::new("t.log"), io::Cursor::new(bytes), None).unwrap();
        let (mut all, mut chunk) = (Vec::new(), vec![0; 10_000]);
        loop {
            match input.read(&mut chunk) {
                Ok(0) => return (all, None),
                Ok(read) => all.extend_from_slice(&chunk[..read]),
                Err(error) => return (all, Some(error)),
            }
        }
    }

    const ALL: [Packing; 4] = [Packing::Plain, Packing::Gzip, Packing::Xz, Packing::Zstd];

    #[test]
    fn archives_are_unpacked_whatever_they_are_called() {
        for packing in ALL {
            let (bytes, error) = read(packed(packing, &text()));
            assert!(error.is_none() && bytes == text(), "{packing:?}: {error:?}");
        }
    }

    #[test]
    fn several_members_are_one_stream() {
        let text = text();
        let (first, second) = text.split_at(5_000);
        for packing in ALL {
            let (bytes, error) = read([packed(packing, first), packed(packing, second)].concat());
            assert!(error.is_none() && bytes == text, "{packing:?}: {error:?}");
        }
    }

    #[test]
    fn frames_of_zstd_may_have_long_windows() {
        let mut packer = zstd::Encoder::new(Vec::new(), 1).unwrap();
        // One more than decompressors accept without being told.
        packer.window_log(28).unwrap();
        packer.write_all(&text()).unwrap();
        let (bytes, error) = read(packer.finish().unwrap());
        assert!(error.is_none() && bytes == text(), "{error:?}");
    }

    #[test]
    fn a_truncated_archive_says_so_wherever_it_was_cut() {
        for packing in &ALL[1..] {
            let whole = packed(*packing, &text());
            for cut in [12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
                let (bytes, error) = read(whole[..cut].to_vec());
                assert!(text().starts_with(&bytes));
                assert!(
                    matches!(error, Some(TraceError::Truncated { .. })),
                    "{packing:?} cut at {cut} of {}: {error:?}",
                    whole.len()
                );
            }
        }
    }

    #[test]
    fn a_damaged_archive_says_so() {
        for packing in &ALL[1..] {
            let mut whole = packed(*packing, &text());
            let middle = whole.len() / 2;
            whole[middle..middle + 64].fill(0xff);
            let (_, error) = read(whole);
            assert!(matches!(error, Some(TraceError::Corrupt { .. })), "{packing:?}: {error:?}");
        }
    }

    #[test]
    fn what_is_not_there_cannot_be_opened() {
        let error = Input::open(Path::new("/no/such/file")).err().unwrap().to_string();
        assert!(error.starts_with("cannot open /no/such/file: "), "{error}");
        let error = Input::open(Path::new("/")).err().unwrap().to_string();
        assert!(error.starts_with("cannot open /: "), "{error}");
    }
}
