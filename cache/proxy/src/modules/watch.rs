//! The directory of modules: loaded at the start, and looked at for what is new or has changed since.
//!
//! It is looked at every [`LOOK_EVERY`] rather than watched by the system's means: that is the same on every file system,
//! and a file is taken only when it was the same twice in a row, so one that is being written is not taken by halves. A
//! file that is broken changes nothing and is told of once; one that is gone leaves its module loaded.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use cnn_core::policy::Reevaluate;
use cnn_core::time::UnixSecs;
use cnn_modules::{Library, Loading};

use super::{Changed, Modules};
use crate::report;

/// Between two looks: soon enough for whoever has just saved a file, and a few microseconds' work.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Files that are looked at; the library holds no more.
const FILES_MAX: usize = cnn_modules::limits::LOADED_MAX;

/// Who loads, in lists and in the history.
const BY: &str = "the module directory";

/// A directory of modules.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The files as they were when they were taken, or found wrong.
    taken: BTreeMap<PathBuf, Mark>,
    /// The files as they were at the last look.
    seen: BTreeMap<PathBuf, Mark>,
}

/// What tells a file from what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Mark {
    fn of(found: &Metadata) -> Self {
        Self { inode: found.ino(), bytes: found.len(), changed: (found.mtime(), found.mtime_nsec()) }
    }
}

impl Folder {
    /// The directory of this path, of which nothing is known.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), taken: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// Loads what is there, before anything decides. What is broken is told of and left out.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn load(&mut self, library: &Library, at: UnixSecs) -> io::Result<()> {
        self.seen = self.look()?;
        for (path, mark) in self.seen.clone() {
            let loading = Loading { by: BY.to_owned(), at };
            if let Err(error) = library.load(&path, None, loading) {
                report::warning(format_args!("{BY}: not loaded: {error}"));
            }
            self.taken.insert(path, mark);
        }
        Ok(())
    }

    /// The files that are modules by their names, in the order of these.
    fn look(&self) -> io::Result<BTreeMap<PathBuf, Mark>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let is_module = path.extension().is_some_and(|ending| ending == "wasm" || ending == "rhai");
            // What is gone by now is not there.
            if let (true, Ok(found)) = (is_module, fs::metadata(&path))
                && found.is_file()
            {
                files.insert(path, Mark::of(&found));
            }
        }
        while files.len() > FILES_MAX {
            files.pop_last();
        }
        Ok(files)
    }

    /// The files that are new or other than they were taken, and stayed the same since the last look.
    fn ready(&mut self) -> Vec<PathBuf> {
        // A directory that cannot be read now may be there again at the next look.
        let Ok(found) = self.look() else { return Vec::new() };
        let is_ready = |(path, mark): &(&PathBuf, &Mark)| {
            self.taken.get(*path) != Some(mark) && self.seen.get(*path) == Some(mark)
        };
        let ready: Vec<_> = found.iter().filter(is_ready).map(|(path, mark)| (path.clone(), *mark)).collect();
        self.taken.retain(|path, _| found.contains_key(path));
        self.taken.extend(ready.iter().cloned());
        self.seen = found;
        ready.into_iter().map(|(path, _)| path).collect()
    }
}

/// The thread that looks; ended when it is dropped.
pub(crate) struct Watcher {
    /// Closed to end the thread.
    _end: SyncSender<()>,
    _thread: JoinHandle<()>,
}

impl Watcher {
    pub(crate) fn start(mut folder: Folder, modules: Modules) -> io::Result<Self> {
        let (end, ended) = sync_channel::<()>(0);
        let look = move || {
            while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                for path in folder.ready() {
                    take(&modules, &path);
                }
            }
        };
        let thread = thread::Builder::new().name("cnn-modules".to_owned()).spawn(look)?;
        Ok(Self { _end: end, _thread: thread })
    }
}

/// Loads or reloads the module of a file, and says what came of it.
fn take(modules: &Modules, path: &Path) {
    let known = modules.library().list().into_iter().find(|loaded| loaded.path == path);
    let outcome = match known {
        Some(loaded) => {
            modules.reload(&loaded.name, Reevaluate::default(), BY).map(|changed| match changed {
                Changed { is_unchanged: true, .. } => None,
                Changed { name, switch: Some(switch), .. } => {
                    Some(format!("{name} reloaded and deciding, token {}", switch.token))
                }
                Changed { name, switch: None, .. } => Some(format!("{name} reloaded")),
            })
        }
        None => modules.load(path, None, BY).map(|loaded| Some(format!("{} loaded", loaded.name))),
    };
    match outcome {
        Ok(Some(said)) => report::info(format_args!("{BY}: {said}")),
        Ok(None) => {}
        Err(error) => report::warning(format_args!("{BY}: nothing has changed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_ready_when_it_is_other_than_it_was_and_the_same_twice() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(place.path().join(name), text).unwrap();
        let mut folder = Folder::new(place.path());
        let mut ready = || {
            let names = folder.ready().into_iter().map(|path| path.file_name().unwrap().to_owned());
            names.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
        };
        write("a.rhai", "1");
        write("notes.txt", "1");
        assert!(ready().is_empty(), "it may be being written");
        assert_eq!(ready(), ["a.rhai"]);
        assert!(ready().is_empty());
        write("a.rhai", "1 + 1");
        write("b.wasm", "");
        assert!(ready().is_empty());
        write("a.rhai", "1 + 1 + 1");
        assert_eq!(ready(), ["b.wasm"]);
        assert_eq!(ready(), ["a.rhai"]);
        fs::remove_file(place.path().join("a.rhai")).unwrap();
        assert!(ready().is_empty());
        write("a.rhai", "1 + 1 + 1");
        assert!(ready().is_empty());
        assert_eq!(ready(), ["a.rhai"], "one that comes back is looked at again");
    }
}
