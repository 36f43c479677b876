//! A script that scores, as it is run: rhai's tree, where its value comes from, and its machine code once that is made.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rhai::AST;

use super::execution::Execution;
use super::machine::{Machine, Outside};

/// What is run.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) ast: AST,
    pub(super) entry: Entry,
    /// Whether somebody has it compiled.
    is_wanted: AtomicBool,
    /// The outcome of that.
    machine: OnceLock<Result<Machine, Outside>>,
}

/// Where the value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The last expression.
    Body,
    /// `fn score(doc)`
    OfDocument,
    /// `fn score(doc, clock)`
    OfDocumentAndClock,
}

impl Program {
    pub(super) fn new(ast: AST) -> Self {
        let entry = Entry::of(&ast);
        Self { ast, entry, is_wanted: AtomicBool::new(false), machine: OnceLock::new() }
    }

    /// Whether it is to be compiled: true for the first who asks.
    pub(super) fn is_wanted(&self) -> bool {
        !self.is_wanted.swap(true, Relaxed)
    }

    pub(super) fn compile(&self) {
        self.machine.get_or_init(|| Machine::compile(self));
    }

    /// Its machine code, if there is any by now.
    #[inline]
    pub(super) fn machine(&self) -> Option<&Machine> {
        self.machine.get()?.as_ref().ok()
    }

    /// How it is run at this moment.
    pub(super) fn execution(&self) -> Execution {
        match self.machine.get() {
            None => Execution::Pending,
            Some(Ok(machine)) => Execution::Compiled { bytes: machine.bytes() },
            Some(Err(Outside { why, position })) => {
                let place = position.line().map(|line| (line, position.position().unwrap_or(1)));
                Execution::Interpreted { why: why.clone(), place }
            }
        }
    }
}

impl Entry {
    fn of(ast: &AST) -> Self {
        let has = |count| ast.iter_functions().any(|it| it.name == "score" && it.params.len() == count);
        match (has(1), has(2)) {
            (true, _) => Self::OfDocument,
            (false, true) => Self::OfDocumentAndClock,
            (false, false) => Self::Body,
        }
    }
}
