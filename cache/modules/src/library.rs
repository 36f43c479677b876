//! The modules a running process has loaded, by name: what each says of itself, where it came from, who loaded it, the
//! numbers it is given and what its instances did.
//!
//! It decides nothing: whoever uses a module asks for it by name, makes an instance and hands it to where it decides. A
//! load, a reload or a change of numbers prepares everything first and is one pointer stored last, so one that fails
//! changes nothing. It knows no clock and no socket: when and by whom is an argument.

mod instances;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use cnn_core::policy::{Settings, Spec, SpecError};
use cnn_core::time::UnixSecs;
use thiserror::Error;

pub use self::instances::{Instance, Instances};

use crate::limits::{LOADED_MAX, WAITING_MAX};
use crate::manifest::module_name;
use crate::{Code, Host, Source, SourceError};

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

/// Who asks for a change, and when.
#[derive(Clone, Debug)]
pub struct Loading {
    /// Who.
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
    host: Host,
    /// Guards the names; held to look one up or to store one.
    shelf: RwLock<BTreeMap<String, Arc<Loaded>>>,
    /// Held while something is changed, so that changes are made one after the other.
    changing: Mutex<()>,
    /// Who waits to change something, or does.
    waiting: AtomicUsize,
}

impl Library {
    /// An empty one, whose modules are made ready by this host.
    pub fn new(host: Host) -> Self {
        let (shelf, changing) = (RwLock::default(), Mutex::default());
        Self { host, shelf, changing, waiting: Default::default() }
    }

    /// The host.
    pub const fn host(&self) -> &Host {
        &self.host
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
        let code = Arc::new(self.host.code(path)?);
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
        let settings = Settings::defaults(&code.manifest().parameters);
        let Loading { by, at } = loading;
        let instances = Arc::default();
        self.store(Loaded { name, path: path.to_owned(), by, at, code, settings, instances })
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
        let loaded = Arc::new(loaded);
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        if shelf.len() >= LOADED_MAX && !shelf.contains_key(&loaded.name) {
            return Err(LibraryError::Full);
        }
        shelf.insert(loaded.name.clone(), Arc::clone(&loaded));
        Ok(loaded)
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

    /// The policy of a spec: of a module that is loaded, of a built-in one, or of a file, which is then not loaded.
    ///
    /// # Errors
    /// When there is none, it decides something else, or it does not take what it is given.
    pub fn source(&self, spec: &str) -> Result<Source, SourceError> {
        let parsed = Spec::parse(spec)?;
        match self.get(parsed.name) {
            None => self.host.source(spec),
            Some(loaded) => Source::of_loaded(&loaded, &parsed),
        }
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
        Ok(source.of_library(spec.to_string(), &loaded.instances))
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
    !matches!(cnn_policies::choose(name), Err(SpecError::NoPolicy(_)))
}

#[cfg(test)]
mod tests;
