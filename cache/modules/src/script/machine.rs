//! Scripts at native speed: the part of rhai that scores are written in is compiled to machine code.
//!
//! ```text
//!   rhai's tree --> lower: types, no names, functions put in place --> emit: Cranelift --> code
//!                     |                                                                     |
//!                   outside: why, where (it stays interpreted)            a fault: this one value is interpreted
//! ```
//!
//! Compiled are numbers, truths, `let`, assignment, `if`, `&&`, `||`, `!`, the operators, the mathematical functions, `return`, the
//! script's own functions unless they call themselves, the fields of `doc` and `clock`, the costs of the paper, and tests of
//! strings against a string in the script. Whatever else there is keeps a script interpreted, and it can say what that was. There are
//! no loops, so code needs no meter; its size is bounded ([`crate::limits`]).
//!
//! The meaning is rhai's, to the bit: whole and real numbers, overflow and division by zero (a fault, which the interpreter
//! then finds again and reports with its place), comparison of real numbers up to the last digit. `machine/tests.rs` plays
//! programs made at random against the interpreter.

mod code;
mod emit;
mod ir;
mod lower;
mod natives;
mod predicates;

use std::panic::{AssertUnwindSafe, catch_unwind};

use rhai::Position;

use self::code::Code;
use self::predicates::Predicates;
use super::document::Doc;
use super::program::Program;

/// A script as machine code.
pub(super) struct Machine {
    code: Code,
    predicates: Predicates,
}

/// Why a script stays interpreted, and where that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outside {
    pub(super) why: String,
    pub(super) position: Position,
}

impl Machine {
    /// Compiles a script: a fraction of a millisecond.
    pub(super) fn compile(program: &Program) -> Result<Self, Outside> {
        let (tree, predicates) = lower::lower(&program.ast, program.entry)?;
        let refused = |why| Outside { why, position: Position::NONE };
        // A mistake of the compiler must cost nothing but speed.
        let emitted = catch_unwind(AssertUnwindSafe(|| emit::emit(&tree)));
        let code = emitted.unwrap_or_else(|_| Err("the compiler failed".to_owned())).map_err(refused)?;
        Ok(Self { code, predicates: Predicates::new(&predicates) })
    }

    /// The value for a document; none where the script is at fault, which is the interpreter's to say.
    #[inline]
    pub(super) fn value(&self, doc: &Doc) -> Option<f64> {
        self.code.run(doc, self.predicates.bits(doc.columns.mime))
    }

    /// Bytes of machine code.
    pub(super) const fn bytes(&self) -> usize {
        self.code.bytes()
    }
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
