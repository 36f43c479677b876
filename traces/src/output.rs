//! Where a trace that is made goes: a file or standard output, packed as the file's ending says.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::TraceError;
use crate::input::Packing;

/// Bytes written to a file at once.
const WRITE_BYTES: usize = 256 << 10;

/// A file that is being written, or standard output.
pub struct Output {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Plain(BufWriter<Box<dyn Write>>),
    Gzip(flate2::write::GzEncoder<Box<dyn Write>>),
    Xz(liblzma::write::XzEncoder<Box<dyn Write>>),
    Zstd(zstd::Encoder<'static, Box<dyn Write>>),
}

impl Output {
    /// Creates a file, packed when it ends in `.gz`, `.xz` or `.zst`; `-` is standard output.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> Result<Self, TraceError> {
        let fail = |source| TraceError::Write { path: path.to_owned(), source };
        if path == Path::new("-") {
            return Self::new(Path::new("standard output"), Box::new(io::stdout()), Packing::Plain)
                .map_err(fail);
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (packing, _) = Packing::by_ending(&name);
        let file = File::create(path).map_err(fail)?;
        Self::new(path, Box::new(file), packing).map_err(fail)
    }

    fn new(path: &Path, sink: Box<dyn Write>, packing: Packing) -> io::Result<Self> {
        let sink = match packing {
            Packing::Plain => Sink::Plain(BufWriter::with_capacity(WRITE_BYTES, sink)),
            Packing::Gzip => Sink::Gzip(flate2::write::GzEncoder::new(sink, flate2::Compression::default())),
            Packing::Xz => Sink::Xz(liblzma::write::XzEncoder::new(sink, 6)),
            Packing::Zstd => {
                let mut packer = zstd::Encoder::new(sink, 3)?;
                packer.include_checksum(true)?;
                Sink::Zstd(packer)
            }
        };
        Ok(Self { path: path.to_owned(), sink })
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// When it cannot.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), TraceError> {
        let done = match &mut self.sink {
            Sink::Plain(sink) => sink.write_all(bytes),
            Sink::Gzip(sink) => sink.write_all(bytes),
            Sink::Xz(sink) => sink.write_all(bytes),
            Sink::Zstd(sink) => sink.write_all(bytes),
        };
        done.map_err(|source| TraceError::Write { path: self.path.clone(), source })
    }

    /// Writes what is still held back; without it the end is missing.
    ///
    /// # Errors
    /// When it cannot.
    pub fn finish(self) -> Result<(), TraceError> {
        let done = match self.sink {
            Sink::Plain(mut sink) => sink.flush(),
            Sink::Gzip(sink) => sink.finish().and_then(|mut sink| sink.flush()),
            Sink::Xz(sink) => sink.finish().and_then(|mut sink| sink.flush()),
            Sink::Zstd(sink) => sink.finish().and_then(|mut sink| sink.flush()),
        };
        done.map_err(|source| TraceError::Write { path: self.path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;

    #[test]
    fn a_file_is_packed_as_its_ending_says_and_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        for (name, packing) in [
            ("a.log", Packing::Plain),
            ("a.log.gz", Packing::Gzip),
            ("a.xz", Packing::Xz),
            ("a.zst", Packing::Zstd),
        ] {
            let path = folder.path().join(name);
            let mut output = Output::create(&path).unwrap();
            output.write(b"one ").unwrap();
            output.write(b"two").unwrap();
            output.finish().unwrap();
            let mut input = Input::open(&path).unwrap();
            let mut bytes = [0; 100];
            let read = input.read(&mut bytes).unwrap();
            assert_eq!((input.packing(), &bytes[..read]), (packing, &b"one two"[..]), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let error = Output::create(Path::new("/no/such/folder/a")).err().unwrap().to_string();
        assert!(error.starts_with("cannot write /no/such/folder/a: "), "{error}");
    }
}
