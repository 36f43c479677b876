//! A module that is to become another of the same name: everything about it is ready, and nothing has changed until it
//! is committed. Dropped, it was never there.

use std::sync::Arc;

use cnn_core::policy::{Settings, Spec};

use super::{Library, LibraryError, Loaded, Loading, Turn};
use crate::SourceError;
use crate::code::Code;

/// A change of a module, prepared. Nothing else is changed while one is held.
pub struct Change<'a> {
    library: &'a Library,
    #[expect(dead_code, reason = "held")]
    turn: Turn<'a>,
    before: Arc<Loaded>,
    next: Loaded,
}

impl Library {
    /// Reads the file of a module anew. What it was set to holds on, where the file still has a parameter that takes it.
    ///
    /// # Errors
    /// When there is no such module, or its file is none any more.
    pub fn reload(&self, name: &str, loading: Loading) -> Result<Change<'_>, LibraryError> {
        let turn = self.turn()?;
        let before = self.known(name)?;
        let code = Arc::new(self.code(&before.path)?);
        Change::reloaded(self, turn, before, code, loading)
    }

    /// Gives a module other numbers, written as in a spec: `small=0.2,ghosts=2`. What is not said stays as it is.
    ///
    /// # Errors
    /// When there is no such module, or it does not take what it is given.
    pub fn set(&self, name: &str, values: &str) -> Result<Change<'_>, LibraryError> {
        let turn = self.turn()?;
        let before = self.known(name)?;
        let spec = format!("{name}({values})");
        let spec = Spec::parse(&spec).map_err(SourceError::Spec)?;
        let parameters = &before.code.manifest().parameters;
        let settings = spec.settings_over(before.settings.clone(), parameters).map_err(SourceError::Spec)?;
        let next = Loaded { settings, ..Loaded::clone(&before) };
        Ok(Change { library: self, turn, before, next })
    }
}

impl<'a> Change<'a> {
    pub(super) fn reloaded(
        library: &'a Library,
        turn: Turn<'a>,
        before: Arc<Loaded>,
        code: Arc<Code>,
        Loading { by, at }: Loading,
    ) -> Result<Self, LibraryError> {
        let (was, is) = (before.code.manifest().role, code.manifest().role);
        if was != is {
            return Err(LibraryError::OtherRole { name: before.name.clone(), was, is });
        }
        let settings = kept(&before.settings, &code);
        let next = Loaded { by, at, code, settings, ..Loaded::clone(&before) };
        Ok(Self { library, turn, before, next })
    }

    /// The module as it is.
    pub fn before(&self) -> &Arc<Loaded> {
        &self.before
    }

    /// The module as it will be.
    pub const fn next(&self) -> &Loaded {
        &self.next
    }

    /// Whether it is made of the same file and given the same numbers.
    pub fn is_none(&self) -> bool {
        self.before.code.digest() == self.next.code.digest() && self.before.settings == self.next.settings
    }

    /// Makes it so.
    pub fn commit(self) -> Arc<Loaded> {
        // The name is there, so there is room for it.
        self.library.put(Arc::new(self.next))
    }
}

/// The settings of another version of a module: those it was set to, where they are still taken.
fn kept(settings: &Settings, code: &Code) -> Settings {
    let parameters = &code.manifest().parameters;
    let fits = |(name, value): &(&str, f64)| {
        parameters.iter().any(|parameter| parameter.name == *name && parameter.takes(*value))
    };
    Settings::defaults(parameters).with(settings.values().filter(fits))
}
