//! Where what is made goes: a file or standard output, packed as the file's ending says. A file has its name only once it
//! is complete: until then what is written lies beside it, and what had the name before stays.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempPath;

use crate::error::TraceError;
use crate::input::Packing;

/// Bytes written to a file at once.
const WRITE_BYTES: usize = 256 << 10;

/// A file that is being written, or standard output.
pub struct Output {
    path: PathBuf,
    sink: Sink,
    beside: Option<Beside>,
}

/// What is written until it is complete, and the name it then has.
struct Beside {
    /// Taken when it gets its name.
    file: Option<TempPath>,
    name: PathBuf,
}

/// Guards the names of all files that are not complete; held to change or remove them.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes all files that are not complete: for a process that is ended before it can.
pub fn discard_unfinished() {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.drain(..).for_each(|path| {
        // One that is gone already is as it should be.
        let _ = fs::remove_file(path);
    });
}

enum Sink {
    Plain(BufWriter<Box<dyn Write>>),
    Gzip(flate2::write::GzEncoder<Box<dyn Write>>),
    Xz(liblzma::write::XzEncoder<Box<dyn Write>>),
    Zstd(zstd::Encoder<'static, Box<dyn Write>>),
}

impl Output {
    /// Creates a file, packed when it ends in `.gz`, `.xz` or `.zst`; `-` is standard output. Until
    /// [`Output::finish`] nothing has the name but what had it before. Devices and pipes are written as they are.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> Result<Self, TraceError> {
        let fail = |source| TraceError::Write { path: path.to_owned(), source };
        if path == Path::new("-") {
            let name = Path::new("standard output");
            return Self::new(name, Box::new(io::stdout()), Packing::Plain, None).map_err(fail);
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let (packing, _) = Packing::by_ending(&name);
        let (file, beside) = create(path).map_err(fail)?;
        Self::new(path, Box::new(file), packing, beside).map_err(fail)
    }

    fn new(path: &Path, sink: Box<dyn Write>, packing: Packing, beside: Option<Beside>) -> io::Result<Self> {
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
        Ok(Self { path: path.to_owned(), sink, beside })
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

    /// Writes what is still held back and gives the file its name; without it there is no such file.
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
        let named = done.and_then(|()| match self.beside {
            Some(beside) => beside.complete(),
            None => Ok(()),
        });
        named.map_err(|source| TraceError::Write { path: self.path, source })
    }
}

impl Beside {
    fn new(file: TempPath, name: PathBuf) -> Self {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(file.to_path_buf());
        Self { file: Some(file), name }
    }

    /// Gives it its name.
    fn complete(mut self) -> io::Result<()> {
        // Held while it is renamed, so that it is not removed in between.
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = self.file.take() else { return Ok(()) };
        unfinished.retain(|path| path.as_path() != &*file);
        file.persist(&self.name).map_err(|error| error.error)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| path.as_path() != &*file);
        }
    }
}

/// Where `path` is written, and what is to be renamed then.
fn create(path: &Path) -> io::Result<(File, Option<Beside>)> {
    let (target, permissions) = match fs::metadata(path) {
        Ok(known) if !known.is_file() => return Ok((File::create(path)?, None)),
        // The file behind a link is replaced, not the link; one that may not be written is not got round.
        Ok(known) => {
            File::options().append(true).open(path)?;
            (fs::canonicalize(path)?, known.permissions())
        }
        // As for any new file, the process's mask takes some away.
        Err(_) => (path.to_owned(), Permissions::from_mode(0o666)),
    };
    let (file, temporary) = tempfile::Builder::new()
        .prefix(".cnn-")
        .permissions(permissions)
        .tempfile_in(folder(&target))?
        .into_parts();
    Ok((file, Some(Beside::new(temporary, target))))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// That no output is one of the inputs, and no two outputs are one file.
///
/// # Errors
/// Which one is.
pub fn check_distinct(inputs: &[PathBuf], outputs: &[&Path]) -> Result<(), TraceError> {
    for (number, output) in outputs.iter().enumerate() {
        if outputs[..number].iter().any(|other| is_same(other, output)) {
            return Err(TraceError::WrittenTwice { path: output.to_path_buf() });
        }
        if *output != Path::new("-") && inputs.iter().any(|input| is_same(input, output)) {
            return Err(TraceError::ReadAndWritten { path: output.to_path_buf() });
        }
    }
    Ok(())
}

/// Whether both are one file, or will be. Devices can be both.
fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        (Err(_), Err(_)) => {
            a.file_name() == b.file_name()
                && fs::canonicalize(folder(a)).ok() == fs::canonicalize(folder(b)).ok()
        }
        _ => false,
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

    #[test]
    fn a_file_stays_what_it_was_until_the_new_one_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let mut output = Output::create(&path).unwrap();
        output.write(b"new").unwrap();
        drop(output);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let mut output = Output::create(&path).unwrap();
        output.write(b"new").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn an_output_is_no_input_and_no_other_output() {
        let folder = tempfile::tempdir().unwrap();
        let [known, link, new] = ["known", "link", "new"].map(|name| folder.path().join(name));
        fs::write(&known, "").unwrap();
        std::os::unix::fs::symlink(&known, &link).unwrap();
        let check = |inputs: &[&PathBuf], outputs: &[&Path], expected: &str| {
            let inputs: Vec<PathBuf> = inputs.iter().map(|path| path.to_path_buf()).collect();
            let seen =
                check_distinct(&inputs, outputs).map_or_else(|error| error.to_string(), |()| String::new());
            assert!(seen.contains(expected) && seen.is_empty() == expected.is_empty(), "{seen}");
        };
        let dash = PathBuf::from("-");
        check(&[&known], &[&new, &dash], "");
        check(&[&dash], &[&dash], "");
        check(&[&known], &[Path::new("/dev/null"), Path::new("/dev/null")], "");
        check(&[&known], &[&link], "is to be read and to be written");
        check(&[&dash], &[&new, &folder.path().join("./new")], "is to be written twice");
        check(&[&known], &[&dash, &dash], "standard output is to be written twice");
    }
}
