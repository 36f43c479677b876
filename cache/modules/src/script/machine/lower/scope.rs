//! The variables that are visible at one place of a script.

use rhai::ImmutableString;

use super::Kind;
use crate::limits::SCRIPT_VARIABLES_MAX;
use crate::script::machine::ir::Local;

/// A variable as it is at this place; where its type changes, it is another [`Local`] from there on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Variable {
    pub(super) name: ImmutableString,
    pub(super) kind: Kind,
    /// Where its value is, if it has one when it runs.
    pub(super) local: Option<Local>,
    pub(super) is_constant: bool,
}

impl Variable {
    /// One that is known without running.
    pub(super) const fn bare(name: ImmutableString, kind: Kind) -> Self {
        Self { name, kind, local: None, is_constant: false }
    }
}

/// All of them, the innermost last.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope(Vec<Variable>);

impl Scope {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the interpreter might refuse another.
    pub(super) const fn is_full(&self) -> bool {
        self.0.len() + 2 >= SCRIPT_VARIABLES_MAX
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    pub(super) fn declare(&mut self, variable: Variable) {
        self.0.push(variable);
    }

    pub(super) fn find(&self, name: &str) -> Option<&Variable> {
        self.0.iter().rev().find(|variable| variable.name == name)
    }

    /// Another state of the innermost variable of this name.
    pub(super) fn replace(&mut self, variable: Variable) {
        if let Some(old) = self.0.iter_mut().rev().find(|old| old.name == variable.name) {
            *old = variable;
        }
    }

    /// A variable that is not the same in both.
    pub(super) fn difference(&self, other: &Self) -> Option<&str> {
        self.0.iter().zip(&other.0).find(|(one, other)| one != other).map(|(one, _)| one.name.as_str())
    }
}
