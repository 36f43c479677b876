//! The directory of reproducers. They hold what clients asked for, as hashes and sizes, and the module itself; so the
//! directory belongs to us and nobody else may enter it. One file per module, kind of fault and function; the number of
//! files and their bytes are bounded, and the oldest go first.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Reproducer;
use crate::limits::{REPRODUCER_BYTES_MAX, REPRODUCER_FILES_MAX, REPRODUCERS_BYTES_MAX};
use crate::wasm::cache::{CacheError, own};

const ENDING: &str = "json";

/// The directory.
#[derive(Debug)]
pub struct Reproducers {
    folder: PathBuf,
}

impl Reproducers {
    /// Opens the directory, and makes it when there is none.
    ///
    /// # Errors
    /// When it cannot be made, or is not ours alone.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        own(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Saves a reproducer, in place of an earlier one of the same fault of the same module; returns its path.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, reproducer: &Reproducer) -> io::Result<PathBuf> {
        let text = serde_json::to_vec_pretty(reproducer)?;
        if text.len() > REPRODUCER_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than a reproducer may have"));
        }
        let Reproducer { module, sha256, fault, .. } = reproducer;
        let function = if fault.function.is_empty() { "script" } else { &fault.function };
        let name = format!("{module}-{}-{}-{function}.{ENDING}", &sha256[..12.min(sha256.len())], fault.kind);
        let path = self.folder.join(name);
        let partial = path.with_extension("partial");
        // Left over from a run that ended in the middle of it.
        let _ = fs::remove_file(&partial);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
        let done = file.and_then(|mut file| file.write_all(&text)).and_then(|()| fs::rename(&partial, &path));
        if let Err(error) = done {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        self.make_room();
        Ok(path)
    }

    /// Removes the oldest files when there are too many, or too many bytes of them.
    fn make_room(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|it| it == ENDING))
            .filter_map(|entry| {
                let found = entry.metadata().ok()?;
                Some((found.modified().ok()?, found.len(), entry.path()))
            })
            .collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        let mut bytes = 0;
        for (number, (_, length, path)) in files.iter().enumerate() {
            bytes += length;
            if number >= REPRODUCER_FILES_MAX || bytes > REPRODUCERS_BYTES_MAX {
                let _ = fs::remove_file(path);
            }
        }
    }
}
