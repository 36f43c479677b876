//! What a running proxy does with the modules it has loaded: changes of them reach what decides, as switches, or nothing
//! has changed.
//!
//! Called from the threads of commands and of the watcher, never by a worker: reading, compiling and preparing a module
//! takes milliseconds. What is loaded is the library's to know (`cnn_modules::Library`), what decides is the engine's.

mod watch;

use std::path::Path;
use std::sync::Arc;

use cnn_core::policy::{Reevaluate, Status, Switch};
use cnn_modules::{Change, Inherited, Instance, Library, LibraryError, Loaded, Loading, Role};
use thiserror::Error;

use crate::clock::Clock;
use crate::engine::{Engine, Found, Stopped, UseError};

pub use self::watch::Folder;
pub(crate) use self::watch::Watcher;

/// The modules of a running proxy.
#[derive(Clone)]
pub struct Modules {
    engine: Engine,
    clock: Clock,
}

/// Why a module is not loaded, changed or unloaded. Nothing has changed.
#[derive(Debug, Error)]
pub enum ModuleError {
    /// The library says no.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// It cannot decide here.
    #[error(transparent)]
    Use(#[from] UseError),
    /// It decides.
    #[error("{0} is deciding; `cnn policy use` another policy first")]
    Deciding(String),
    /// A rollback would make it decide.
    #[error("{0} is kept for `cnn policy rollback`, until there was one more switch")]
    Kept(String),
    /// Documents are ordered by it.
    #[error("{0} still orders documents; `cnn policy watch` the last switch")]
    Draining(String),
}

impl From<Stopped> for ModuleError {
    fn from(error: Stopped) -> Self {
        Self::Use(error.into())
    }
}

/// What an instance of a module is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It decides.
    Deciding,
    /// It decided before the last switch, and a rollback makes it decide again.
    Kept,
    /// It orders documents that the deciding one has not taken over yet.
    Draining,
    /// It is used by something else than the policy engine, or is being made or dropped.
    Used,
}

impl Part {
    /// The word for it in replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deciding => "deciding",
            Self::Kept => "kept for rollback",
            Self::Draining => "draining",
            Self::Used => "in use",
        }
    }

    /// What an instance is for.
    pub fn of(instance: &Instance, status: &Status) -> Self {
        let Some(manifest) = &instance.manifest else { return Self::Used };
        let is = |other: &Arc<_>| Arc::ptr_eq(other, manifest);
        if is(&status.policy) {
            Self::Deciding
        } else if status.previous.as_ref().is_some_and(is) {
            Self::Kept
        } else if status.draining.iter().any(|draining| is(&draining.policy)) {
            Self::Draining
        } else {
            Self::Used
        }
    }
}

/// A change made.
#[derive(Debug)]
pub struct Changed {
    /// The module as it is now.
    pub name: String,
    /// The switch, where it is what decides.
    pub switch: Option<Switch>,
    /// What became of what the version before had learned.
    pub inherited: Inherited,
    /// Whether it was so already.
    pub is_unchanged: bool,
}

impl Modules {
    /// The modules by which this engine decides.
    pub fn new(engine: Engine, clock: Clock) -> Self {
        Self { engine, clock }
    }

    /// What is loaded.
    pub fn library(&self) -> &Arc<Library> {
        self.engine.library()
    }

    /// Loads the module of a file. Nothing decides by it yet.
    ///
    /// # Errors
    /// When it is no module, cannot decide here, or its name is taken.
    pub fn load(&self, path: &Path, name: Option<&str>, by: &str) -> Result<Arc<Loaded>, ModuleError> {
        let loaded = self.library().load(path, name, self.loading(by))?;
        match self.try_out(&loaded) {
            Ok(()) => Ok(loaded),
            Err(error) => {
                // Whoever has begun to use it in between found that it can be.
                let _ = self.library().unload(&loaded.name);
                Err(error)
            }
        }
    }

    /// Reads the file of a module anew; where it decides, what is in the file now decides.
    ///
    /// # Errors
    /// When there is no such module, or its file cannot decide here.
    pub fn reload(&self, name: &str, reevaluate: Reevaluate, by: &str) -> Result<Changed, ModuleError> {
        let change = self.library().reload(name, self.loading(by))?;
        self.apply(change, reevaluate, by)
    }

    /// Gives a module other numbers; where it decides, one with these decides.
    ///
    /// # Errors
    /// When there is no such module, or it does not take them.
    pub fn set(
        &self,
        name: &str,
        values: &str,
        reevaluate: Reevaluate,
        by: &str,
    ) -> Result<Changed, ModuleError> {
        let change = self.library().set(name, values)?;
        self.apply(change, reevaluate, by)
    }

    /// Forgets a module that nothing decides by.
    ///
    /// # Errors
    /// When there is none of this name, or it is in use.
    pub fn unload(&self, name: &str) -> Result<Arc<Loaded>, ModuleError> {
        let status = self.engine.status()?;
        if let Some(loaded) = self.library().get(name) {
            let parts: Vec<_> = loaded.instances.live().iter().map(|it| Part::of(it, &status)).collect();
            let name = || name.to_owned();
            if parts.contains(&Part::Deciding) {
                return Err(ModuleError::Deciding(name()));
            } else if parts.contains(&Part::Draining) {
                return Err(ModuleError::Draining(name()));
            } else if parts.contains(&Part::Kept) {
                return Err(ModuleError::Kept(name()));
            }
        }
        Ok(self.library().unload(name)?)
    }

    fn loading(&self, by: &str) -> Loading {
        Loading { by: by.to_owned(), at: self.clock.wall() }
    }

    /// Whether a module could do here what it is for.
    fn try_out(&self, loaded: &Loaded) -> Result<(), ModuleError> {
        match loaded.code.manifest().role {
            Role::Replacement => Ok(self.engine.try_source(&loaded.source().map_err(UseError::Source)?)?),
            // Whoever uses it instantiates it.
            Role::Admission | Role::Freshness | Role::Monitor => Ok(()),
        }
    }

    fn apply(&self, change: Change<'_>, reevaluate: Reevaluate, by: &str) -> Result<Changed, ModuleError> {
        let name = change.next().name.clone();
        let status = self.engine.status()?;
        let deciding = change.before().instance_of(&status.policy);
        let is_given = |instance: &Instance| {
            instance.digest == change.next().code.digest() && instance.settings == change.next().settings
        };
        // One that was given other numbers by whoever switched to it is brought in line with the others.
        if change.is_none() && deciding.as_ref().is_none_or(is_given) {
            return Ok(Changed { name, switch: None, inherited: Inherited::Nothing, is_unchanged: true });
        }
        if deciding.is_none() {
            self.try_out(change.next())?;
            change.commit();
            return Ok(Changed { name, switch: None, inherited: Inherited::Nothing, is_unchanged: false });
        }
        let begin = self.clock.now();
        let found = Found::changed(change).map_err(UseError::Source)?;
        let (switch, inherited) = self.engine.use_found(found, begin, reevaluate, by.to_owned())?;
        Ok(Changed { name, switch: Some(switch), inherited, is_unchanged: false })
    }
}
