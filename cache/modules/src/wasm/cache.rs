//! Compiled code on disk, so that a known module decides within a fraction of a millisecond after a restart.
//!
//! Machine code that is loaded is run, so what is read must be what was written here. The directory belongs to us and
//! nobody else may enter it; so does each file, which holds the digest of its code in front of it. Anything else, a
//! torn file or one of another compiler, is as if it were not there. Code never comes from anywhere else: no command
//! takes it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use thiserror::Error;

use crate::Digest;
use crate::limits::{CODE_BYTES_MAX, CODE_FILES_MAX};

const ENDING: &str = "code";

/// Permissions that let anybody but the owner do anything.
const OTHERS: u32 = 0o077;

/// Why a directory cannot be used.
#[derive(Debug, Error)]
pub enum CacheError {
    /// It cannot be made or looked at.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Somebody else could write into it.
    #[error("{path}: expected a directory that we own and nobody else may enter (mode 0700)", path = .0.display())]
    NotOurs(PathBuf),
}

/// A directory of compiled code.
#[derive(Debug)]
pub struct CodeCache {
    folder: PathBuf,
    /// Tells apart the files being written.
    writes: AtomicU64,
}

/// Code that this program has compiled, as far as can be known.
pub(crate) struct Code(Vec<u8>);

impl Code {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0[32..]
    }
}

impl CodeCache {
    /// Opens the directory, and makes it when there is none.
    ///
    /// # Errors
    /// When it cannot be made, or is not ours alone.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        own(folder)?;
        Ok(Self { folder: folder.to_owned(), writes: AtomicU64::new(0) })
    }

    /// The code of a module, compiled by what has this fingerprint.
    pub(crate) fn read(&self, module: Digest, fingerprint: &[u8; 32]) -> Option<Code> {
        let file = File::open(self.path(module, fingerprint)).ok()?;
        let found = file.metadata().ok()?;
        if !found.is_file()
            || found.uid() != us()
            || found.mode() & OTHERS != 0
            || found.len() > CODE_BYTES_MAX
        {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).ok()?);
        file.take(CODE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let (digest, code) = bytes.split_first_chunk::<32>()?;
        (Digest::of(code).as_bytes() == digest).then_some(Code(bytes))
    }

    /// Keeps the code of a module. What fails is not kept, which costs time and nothing else.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn write(&self, module: Digest, fingerprint: &[u8; 32], code: &[u8]) -> io::Result<()> {
        if code.len() as u64 + 32 > CODE_BYTES_MAX {
            return Ok(());
        }
        let number = self.writes.fetch_add(1, Relaxed);
        let partial = self.folder.join(format!("{}-{number}.partial", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
        let written = file.write_all(Digest::of(code).as_bytes()).and_then(|()| file.write_all(code));
        let done = written.and_then(|()| fs::rename(&partial, self.path(module, fingerprint)));
        if done.is_err() {
            let _ = fs::remove_file(&partial);
        }
        self.make_room();
        done
    }

    fn path(&self, module: Digest, fingerprint: &[u8; 32]) -> PathBuf {
        let mut key = module.as_bytes().to_vec();
        key.extend(fingerprint);
        self.folder.join(format!("{}.{ENDING}", Digest::of(&key)))
    }

    /// Removes the files written first when there are too many.
    fn make_room(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|it| it == ENDING))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        if files.len() > CODE_FILES_MAX {
            files.sort_unstable();
            for (_, path) in &files[..files.len() - CODE_FILES_MAX] {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Makes sure that there is a directory, that it is ours, and that nobody else may enter it.
pub(crate) fn own(folder: &Path) -> Result<(), CacheError> {
    let io = |error| CacheError::Io { path: folder.to_owned(), error };
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
        _ => {}
    }
    let found = fs::symlink_metadata(folder).map_err(io)?;
    if !found.is_dir() || found.uid() != us() || found.mode() & OTHERS != 0 {
        return Err(CacheError::NotOurs(folder.to_owned()));
    }
    Ok(())
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const PRINT: [u8; 32] = [7; 32];

    fn only_file(folder: &Path) -> PathBuf {
        fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    }

    #[test]
    fn code_comes_back_for_the_same_module_and_compiler_only() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CodeCache::open(&folder.path().join("code")).unwrap();
        let module = Digest::of(b"module");
        assert!(cache.read(module, &PRINT).is_none());
        cache.write(module, &PRINT, b"machine code").unwrap();
        assert_eq!(cache.read(module, &PRINT).unwrap().bytes(), b"machine code");
        assert!(cache.read(module, &[8; 32]).is_none());
        assert!(cache.read(Digest::of(b"other"), &PRINT).is_none());
    }

    #[test]
    fn a_file_that_was_changed_cut_or_opened_to_others_is_as_if_it_were_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code");
        let cache = CodeCache::open(&path).unwrap();
        let module = Digest::of(b"module");
        let check = |spoil: &dyn Fn(&Path)| {
            cache.write(module, &PRINT, b"machine code").unwrap();
            assert!(cache.read(module, &PRINT).is_some());
            spoil(&only_file(&path));
            assert!(cache.read(module, &PRINT).is_none());
        };
        check(&|file| fs::write(file, b"short").unwrap());
        check(&|file| fs::write(file, []).unwrap());
        check(&|file| {
            let mut bytes = fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(file, bytes).unwrap();
        });
        check(&|file| fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap());
    }

    #[test]
    fn a_directory_others_may_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let said = CodeCache::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains("nobody else may enter"), "{said}");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(CodeCache::open(&link).is_err());
        assert!(CodeCache::open(&folder.path().join("none/code")).is_err());
    }

    #[test]
    fn the_number_of_files_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code");
        let cache = CodeCache::open(&path).unwrap();
        for number in 0..CODE_FILES_MAX + 3 {
            cache.write(Digest::of(&number.to_le_bytes()), &PRINT, b"x").unwrap();
        }
        assert_eq!(fs::read_dir(&path).unwrap().count(), CODE_FILES_MAX);
    }
}
