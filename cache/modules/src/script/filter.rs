//! What scripts of the roles admission and freshness have in common: a function, or the whole script, that is called with
//! what it names among what there is to know, bounded in steps, and not called any more when it fails too often.

use std::sync::Arc;

use cnn_core::time::Tick;
use rhai::{AST, CallFnOptions, Dynamic, Engine, ImmutableString, Position, Scope};

use super::ScriptError;
use super::engine::{self, Fault};
use super::error::Source;
use crate::limits::{FILTER_OPERATIONS_MAX, FILTER_PATH_BYTES_MAX, TRAPS_MAX};
use crate::{FaultKind, Health};

/// An engine for filters: everything bounded, and a call at a tenth of a millisecond or so.
pub(super) fn base() -> Engine {
    let mut engine = engine::base();
    engine.set_max_operations(FILTER_OPERATIONS_MAX);
    engine
}

/// Where an answer comes from, and what it is given by name.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// The last expression.
    Body,
    /// A function with parameters of these names.
    Function(&'static str, Vec<String>),
}

impl Entry {
    /// The function of this name, if there is one.
    ///
    /// # Errors
    /// When it takes what there is not.
    pub(super) fn function(
        ast: &AST,
        name: &'static str,
        known: &[&str],
        source: &Source<'_>,
    ) -> Result<Option<Self>, ScriptError> {
        let Some(found) = ast.iter_functions().find(|it| it.name == name) else { return Ok(None) };
        let parameters: Vec<_> = found.params.iter().map(|&parameter| parameter.to_owned()).collect();
        match parameters.iter().find(|parameter| !known.contains(&parameter.as_str())) {
            None => Ok(Some(Self::Function(name, parameters))),
            Some(unknown) => {
                let known = known.join(", ");
                let message = format!("{name} cannot take {unknown:?}; what there is by name: {known}");
                Err(source.error(line_of_function(source, name), message))
            }
        }
    }
}

/// Where a function is defined.
fn line_of_function(source: &Source<'_>, name: &str) -> Position {
    let begins = |line: &str| {
        let rest = line.trim_start().strip_prefix("fn ")?.trim_start();
        rest.strip_prefix(name).map(|rest| rest.trim_start().starts_with('('))
    };
    let line = source.text.lines().position(|line| begins(line) == Some(true));
    line.and_then(|line| u16::try_from(line + 1).ok()).map_or(Position::NONE, |line| Position::new(line, 1))
}

/// A script that is called, and how it fared.
pub(super) struct Caller {
    ast: Arc<AST>,
    health: Arc<Health>,
    is_silenced: bool,
}

impl Caller {
    pub(super) fn new(ast: Arc<AST>, health: Arc<Health>) -> Self {
        Self { ast, health, is_silenced: false }
    }

    /// Asks, and notes when it fails; `None` then, and when it is not asked any more. `now` is when, for its faults.
    pub(super) fn ask<T>(
        &mut self,
        engine: &Engine,
        entry: &Entry,
        names: &[(&str, Dynamic)],
        now: Tick,
        read: impl FnOnce(Dynamic) -> Result<T, Fault>,
    ) -> Option<T> {
        if self.is_silenced {
            return None;
        }
        self.health.called();
        match value(engine, &self.ast, entry, names).and_then(read) {
            Ok(value) => Some(value),
            Err(fault) => {
                let place = fault.position.line().map(|line| format!("line {line}: ")).unwrap_or_default();
                let name = if let Entry::Function(name, _) = entry { name } else { "" };
                let fault = crate::Fault::new(FaultKind::Script, name, format!("{place}{}", fault.message));
                self.is_silenced = !self.health.fault(fault, now, TRAPS_MAX, || None);
                None
            }
        }
    }
}

/// Runs an entry with what there is by name.
pub(super) fn value(
    engine: &Engine,
    ast: &AST,
    entry: &Entry,
    names: &[(&str, Dynamic)],
) -> Result<Dynamic, Fault> {
    let mut scope = Scope::new();
    let result = match entry {
        Entry::Body => {
            for (name, value) in names {
                scope.push_dynamic(*name, value.clone());
            }
            engine.eval_ast_with_scope::<Dynamic>(&mut scope, ast)
        }
        Entry::Function(name, parameters) => {
            let of_name = |parameter: &String| {
                let found = names.iter().find(|(name, _)| name == parameter);
                found.map_or(Dynamic::UNIT, |(_, value)| value.clone())
            };
            let arguments: Vec<Dynamic> = parameters.iter().map(of_name).collect();
            let options = CallFnOptions::new().eval_ast(false);
            engine.call_fn_with_options(options, &mut scope, ast, name, arguments)
        }
    };
    result.map_err(|error| engine::fault(&error))
}

/// A path as scripts see it: not longer than what they may make of it.
pub(super) fn shown(path: &str) -> ImmutableString {
    let end = (0..=path.len().min(FILTER_PATH_BYTES_MAX)).rev().find(|&end| path.is_char_boundary(end));
    path[..end.unwrap_or(0)].into()
}
