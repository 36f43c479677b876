//! The modules a running process has loaded, by name: what each says of itself, where it came from, who loaded it, the
//! numbers it is given and what its instances did.
//!
//! It decides nothing: whoever uses a module asks for it by name, makes an instance and hands it to where it decides. A
//! load, a reload or a change of numbers prepares everything first and is one pointer stored last, so one that fails
//! changes nothing. It knows no clock and no socket: when and by whom is an argument.

mod change;
mod instances;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use cnn_core::policy::{Manifest, Settings, Spec, SpecError};
use cnn_core::time::UnixSecs;
use thiserror::Error;

pub use self::change::Change;
pub use self::instances::{Instance, Instances};

use crate::code::Code;
use crate::limits::{LOADED_MAX, WAITING_MAX};
use crate::manifest::module_name;
use crate::sources::is_file;
use crate::{CodeCache, Host, Ledger, LoadError, Metering, Notice, Role, Source, SourceError};

/// A module that is loaded, as it was at one moment: a reload or new numbers make another of the same name.
#[derive(Clone)]
pub struct Loaded {
    /// The name it goes by here.
    pub name: String,
    /// The file it is made of, as it was read.
    pub path: PathBuf,
    /// Who loaded it, or loaded it anew.
    pub by: String,
    /// When.
    pub at: UnixSecs,
    /// What it is, ready to be instantiated.
    pub code: Arc<Code>,
    /// The numbers the next instance is given.
    pub settings: Settings,
    /// The instances there are, of this and of earlier versions of it.
    pub instances: Arc<Instances>,
}

/// Who asks for a module, and when.
#[derive(Clone, Debug)]
pub struct Loading {
    /// Who: `uid=1000 pid=4242`, or which part of the proxy.
    pub by: String,
    /// When.
    pub at: UnixSecs,
}

/// Why the library does not do what was asked. Nothing has changed.
#[derive(Debug, Error)]
pub enum LibraryError {
    /// The file is no module.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is none of this name.
    #[error("no module called {0:?} is loaded")]
    Unknown(String),
    /// The name means another one.
    #[error("a module called {0:?} is loaded already; reload it, or give this one another name")]
    Taken(String),
    /// The name means a policy that is built in.
    #[error("{0:?} is the name of a built-in policy; give the module another name")]
    BuiltIn(String),
    /// It is none a module may have.
    #[error("{name:?} cannot be the name of a module; expected {expected}")]
    Name {
        /// What was given.
        name: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// It would become something else.
    #[error("{name} is of role {was}, and its file now of role {is}; load it under another name", was = .was.as_str(), is = .is.as_str())]
    OtherRole {
        /// The module.
        name: String,
        /// What it decides.
        was: Role,
        /// What its file says now.
        is: Role,
    },
    /// It decides, or is kept.
    #[error("{name} is in use: there {} of it", if *.instances == 1 { "is an instance".to_owned() } else { format!("are {} instances", .instances) })]
    InUse {
        /// The module.
        name: String,
        /// Instances of it.
        instances: usize,
    },
    /// There are too many.
    #[error("{LOADED_MAX} modules are loaded, and no more may be; unload one")]
    Full,
    /// Others are being loaded.
    #[error("{WAITING_MAX} modules are waiting to be loaded; try again later")]
    Busy,
}

/// The modules that are loaded.
pub struct Library {
    /// Made when the first module is loaded: most caches never have one.
    host: OnceLock<Result<Host, LoadError>>,
    metering: Metering,
    /// By which the calls of instances are timed; gives nanoseconds.
    clock: Option<fn() -> u64>,
    /// Guards where the host is to keep compiled code, until it takes it.
    code: Mutex<Option<CodeCache>>,
    /// Guards the names; held to look one up or to store one.
    shelf: RwLock<BTreeMap<String, Arc<Loaded>>>,
    /// Held while something is changed, so that changes are made one after the other.
    changing: Mutex<()>,
    /// Who waits to change something, or does.
    waiting: AtomicUsize,
    ledger: Arc<Ledger>,
    /// Guards the ledger's news until somebody takes them.
    news: Mutex<Option<Receiver<Notice>>>,
}

impl Library {
    /// An empty one, whose host keeps compiled code in this directory, if any is given.
    pub fn new(metering: Metering, code: Option<CodeCache>) -> Self {
        let (ledger, news) = Ledger::new();
        Self {
            ledger,
            news: Mutex::new(Some(news)),
            host: OnceLock::new(),
            metering,
            clock: None,
            code: Mutex::new(code),
            shelf: RwLock::default(),
            changing: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// The same, with the calls of instances timed by a clock that gives nanoseconds.
    #[must_use]
    pub fn timed_by(self, clock: fn() -> u64) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// The host that makes modules ready.
    ///
    /// # Errors
    /// When the compiler does not support this machine.
    pub fn host(&self) -> Result<&Host, LoadError> {
        let make = || {
            let code = self.code.lock().unwrap_or_else(PoisonError::into_inner).take();
            Host::new(self.metering, code)
        };
        self.host.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// What modules did wrong.
    pub const fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The news of the ledger, for the one who tells them; nothing the second time.
    pub fn take_news(&self) -> Option<Receiver<Notice>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The module of a name.
    pub fn get(&self, name: &str) -> Option<Arc<Loaded>> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every module, by name.
    pub fn list(&self) -> Vec<Arc<Loaded>> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Loads the module of a file under this name, or under the one it gives itself.
    ///
    /// # Errors
    /// When the file is no module, or the name is taken.
    pub fn load(
        &self,
        path: &Path,
        name: Option<&str>,
        loading: Loading,
    ) -> Result<Arc<Loaded>, LibraryError> {
        let _turn = self.turn()?;
        let code = Arc::new(self.code(path)?);
        let name = name.unwrap_or(&code.manifest().name).to_owned();
        if let Err(expected) = module_name(&name) {
            return Err(LibraryError::Name { name, expected });
        }
        if is_built_in(&name) {
            return Err(LibraryError::BuiltIn(name));
        }
        if self.get(&name).is_some() {
            return Err(LibraryError::Taken(name));
        }
        self.store(self.first(name, path, code, loading))
    }

    /// The module of a file, for whoever is given a file where a name could be: loaded already and the same, or loaded
    /// now under the name it gives itself or, where that is taken, one that tells what it is written in
    /// (`gdsf-rhai`). One that was loaded from this path and has changed since is not touched: the change is given back.
    ///
    /// # Errors
    /// When the file is no module, or there are too many.
    pub fn file(&self, path: &Path, loading: Loading) -> Result<Filed<'_>, LibraryError> {
        let turn = self.turn()?;
        let code = Arc::new(self.code(path)?);
        let known = self.list().into_iter().find(|loaded| loaded.path == path);
        match known {
            Some(loaded) if loaded.code.digest() == code.digest() => Ok(Filed::Known(loaded)),
            Some(before) => Ok(Filed::Changed(Change::reloaded(self, turn, before, code, loading)?)),
            None => {
                let name = self.free_name(&code);
                self.store(self.first(name, path, code, loading)).map(Filed::New)
            }
        }
    }

    fn code(&self, path: &Path) -> Result<Code, SourceError> {
        self.host()?.code(path)
    }

    fn first(&self, name: String, path: &Path, code: Arc<Code>, loading: Loading) -> Loaded {
        let Loading { by, at } = loading;
        let settings = Settings::defaults(&code.manifest().parameters);
        let instances = Arc::new(Instances::timed_by(self.clock));
        Loaded { name, path: path.to_owned(), by, at, code, settings, instances }
    }

    /// The name a module gives itself, or the first like it that is free.
    fn free_name(&self, code: &Code) -> String {
        let said = &code.manifest().name;
        let numbered = (1..).map(|number| match number {
            1 => format!("{said}-{}", code.form()),
            number => format!("{said}-{}-{number}", code.form()),
        });
        let is_free = |name: &String| !is_built_in(name) && self.get(name).is_none();
        [said.clone()].into_iter().chain(numbered).find(is_free).expect("there are more numbers than modules")
    }

    /// Forgets a module.
    ///
    /// # Errors
    /// When there is none of this name, or instances of it exist.
    pub fn unload(&self, name: &str) -> Result<Arc<Loaded>, LibraryError> {
        let _turn = self.turn()?;
        let loaded = self.known(name)?;
        match loaded.instances.live().len() {
            0 => {
                self.shelf.write().unwrap_or_else(PoisonError::into_inner).remove(name);
                Ok(loaded)
            }
            instances => Err(LibraryError::InUse { name: name.to_owned(), instances }),
        }
    }

    fn known(&self, name: &str) -> Result<Arc<Loaded>, LibraryError> {
        self.get(name).ok_or_else(|| LibraryError::Unknown(name.chars().take(40).collect()))
    }

    fn store(&self, loaded: Loaded) -> Result<Arc<Loaded>, LibraryError> {
        let is_full = self.shelf.read().unwrap_or_else(PoisonError::into_inner).len() >= LOADED_MAX;
        // Whoever stores has the turn, so it does not fill up in between.
        if is_full { Err(LibraryError::Full) } else { Ok(self.put(Arc::new(loaded))) }
    }

    fn put(&self, loaded: Arc<Loaded>) -> Arc<Loaded> {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        shelf.insert(loaded.name.clone(), Arc::clone(&loaded));
        loaded
    }

    /// Waits until nobody else changes anything; not in a line of any length.
    fn turn(&self) -> Result<Turn<'_>, LibraryError> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Relaxed) > WAITING_MAX {
            return Err(LibraryError::Busy);
        }
        let turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Turn(turn, waiting))
    }

    /// The policy of a spec whose name is that of a module that is loaded; none when it is that of no such module.
    ///
    /// # Errors
    /// When the module decides something else, or does not take what it is given.
    pub fn source(&self, spec: &str) -> Result<Option<Source>, SourceError> {
        let parsed = Spec::parse(spec)?;
        match self.get(parsed.name) {
            Some(loaded) if !is_file(parsed.name) => Source::of_loaded(&loaded, &parsed).map(Some),
            _ => Ok(None),
        }
    }
}

/// What became of a file that was to be a module.
pub enum Filed<'a> {
    /// It was loaded now.
    New(Arc<Loaded>),
    /// It was loaded before, and is the same.
    Known(Arc<Loaded>),
    /// It is loaded as it was before it changed.
    Changed(Change<'a>),
}

impl Loaded {
    /// The policy it is, with the numbers it is set to.
    ///
    /// # Errors
    /// When it decides something else.
    pub fn source(&self) -> Result<Source, SourceError> {
        Source::of_loaded(self, &Spec { name: &self.name, assignments: Vec::new() })
    }

    /// The instance that says this of itself: the one the policy engine has.
    pub fn instance_of(&self, manifest: &Arc<Manifest>) -> Option<Instance> {
        let is_it =
            |instance: &Instance| instance.manifest.as_ref().is_some_and(|it| Arc::ptr_eq(it, manifest));
        self.instances.live().into_iter().find(is_it)
    }
}

impl Source {
    /// The policy a loaded module is: its numbers are those it was set to, but for those the spec gives.
    ///
    /// # Errors
    /// When it decides something else, or does not take what it is given.
    pub fn of_loaded(loaded: &Loaded, spec: &Spec<'_>) -> Result<Self, SourceError> {
        let settings = spec.settings_over(loaded.settings.clone(), &loaded.code.manifest().parameters)?;
        let source = Self::of(spec.to_string(), Arc::clone(&loaded.code), settings)?;
        Ok(source.of_library(loaded))
    }
}

/// Held while one changes something.
struct Turn<'a>(
    #[expect(dead_code, reason = "held")] MutexGuard<'a, ()>,
    #[expect(dead_code, reason = "held")] Waiting<'a>,
);

/// One of those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Whether a policy of any role that is built in has this name.
fn is_built_in(name: &str) -> bool {
    let is_known = |error: Option<SpecError>| !matches!(error, Some(SpecError::NoPolicy(_)));
    is_known(cnn_policies::choose(name).err())
        || is_known(cnn_policies::admission::choose(name).err())
        || is_known(cnn_policies::freshness::choose(name).err())
}

#[cfg(test)]
mod tests;
