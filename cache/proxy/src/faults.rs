//! What modules did wrong, told to the operator: a line on standard error for the first fault of each kind and for the
//! end of a module, and a file from which the fault can be done again.
//!
//! On a thread of its own, because a disk and a terminal can be slow: whoever runs the modules puts news into a bounded
//! queue and goes on (`cnn_modules::Ledger`).

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::{env, io, thread};

use cnn_modules::{CacheError, Ledger, Notice, Reproducers};

use crate::report;

/// Where reproducers are saved: in the directory that an operator has named, or in one that is made when it is first
/// needed.
#[derive(Debug)]
pub(crate) struct Folder(Option<Reproducers>);

impl Folder {
    /// The directory an operator has named, or the default.
    ///
    /// # Errors
    /// When the one that was named cannot be used.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self, CacheError> {
        named.map(Reproducers::open).transpose().map(Self)
    }

    fn get(&mut self) -> Result<&Reproducers, CacheError> {
        Ok(match &mut self.0 {
            Some(folder) => folder,
            none => none.insert(open_default()?),
        })
    }
}

fn open_default() -> Result<Reproducers, CacheError> {
    let path = default_folder();
    if let Some(parent) = path.parent() {
        // What is wrong with it is said by the next call.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(parent);
    }
    Reproducers::open(&path)
}

/// The directory of reproducers when none is configured.
fn default_folder() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    place(env::var_os("XDG_STATE_HOME").map(PathBuf::from), env::var_os("HOME").map(PathBuf::from), uid)
}

fn place(state: Option<PathBuf>, home: Option<PathBuf>, uid: u32) -> PathBuf {
    let is_absolute = |path: &PathBuf| path.is_absolute();
    let state = match (state.filter(is_absolute), home.filter(is_absolute)) {
        (Some(state), _) => state.join("cnn"),
        (None, _) if uid == 0 => PathBuf::from("/var/lib/cnn"),
        (None, Some(home)) => home.join(".local/state/cnn"),
        (None, None) => PathBuf::from(format!("/tmp/cnn-{uid}")),
    };
    state.join("reproducers")
}

/// Starts the thread; it ends with the ledger.
///
/// # Errors
/// When there is no thread.
pub(crate) fn watch(ledger: &Arc<Ledger>, news: Receiver<Notice>, mut folder: Folder) -> io::Result<()> {
    let ledger = Arc::downgrade(ledger);
    let tell = move || {
        for notice in news {
            let saved = save(&notice, &mut folder, &ledger);
            report::warning(format_args!("{}", line(&notice, saved.as_deref())));
        }
    };
    thread::Builder::new().name("cnn-faults".to_owned()).spawn(tell).map(drop)
}

fn save(notice: &Notice, folder: &mut Folder, ledger: &Weak<Ledger>) -> Option<PathBuf> {
    let reproducer = notice.reproducer.as_ref()?;
    let saved = folder.get().map_err(|error| error.to_string()).and_then(|folder| {
        folder.save(reproducer).map_err(|error| format!("the reproducer cannot be saved: {error}"))
    });
    match saved {
        Ok(path) => {
            if let Some(ledger) = ledger.upgrade() {
                ledger.saved(notice.digest, &path);
            }
            Some(path)
        }
        Err(why) => {
            report::warning(format_args!("{why}"));
            None
        }
    }
}

/// `module mine (0f3a51c2d4e6): victims: ...; decided without it; cnn module reproduce FILE`
fn line(notice: &Notice, saved: Option<&Path>) -> String {
    let Notice { name, digest, fault, faults, is_last, .. } = notice;
    let mut line = format!("module {name} ({digest:.12}): {fault}; decided without it");
    if *is_last {
        let _ = write!(line, "; stopped after {faults} faults");
    }
    if let Some(path) = saved {
        let _ = write!(line, "; see `cnn module reproduce {}`", path.display());
    }
    line
}

#[cfg(test)]
mod tests {
    use cnn_modules::{Digest, Fault, FaultKind};

    use super::*;

    #[test]
    fn the_directory_is_where_state_is_kept() {
        let check = |state: Option<&str>, home: Option<&str>, uid: u32, expected: &str| {
            let found = place(state.map(PathBuf::from), home.map(PathBuf::from), uid);
            assert_eq!(found, Path::new(expected).join("reproducers"));
        };
        check(Some("/state"), Some("/users/a"), 1000, "/state/cnn");
        check(Some("relative"), Some("/users/a"), 1000, "/users/a/.local/state/cnn");
        check(None, Some("/root"), 0, "/var/lib/cnn");
        check(None, None, 1000, "/tmp/cnn-1000");
    }

    #[test]
    fn a_line_names_the_module_what_it_did_and_what_became_of_it() {
        let notice = |is_last| Notice {
            name: "mine".to_owned(),
            digest: Digest::of(b""),
            fault: Fault::new(FaultKind::Trap, "victims", "unreachable"),
            faults: 8,
            is_last,
            reproducer: None,
        };
        assert_eq!(
            line(&notice(false), Some(Path::new("/r/a.json"))),
            "module mine (e3b0c44298fc): victims: unreachable; decided without it; see `cnn module reproduce /r/a.json`"
        );
        assert!(line(&notice(true), None).ends_with("; decided without it; stopped after 8 faults"));
    }
}
