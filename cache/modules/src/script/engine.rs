//! The one rhai engine of the process, with everything a script may not do taken away, and what it takes to ask a script.

use std::sync::LazyLock;

use cnn_core::policy::Settings;
use rhai::{
    AST, CallFnOptions, Dynamic, Engine, EvalAltResult, OptimizationLevel, ParseError, Position, Scope,
};

use super::document::{self, Doc};
use super::parameters;
use super::program::{Entry, Program};
use crate::limits::{
    SCRIPT_ARRAY_MAX, SCRIPT_CALLS_MAX, SCRIPT_DEPTH_MAX, SCRIPT_OPERATIONS_MAX, SCRIPT_STRING_MAX,
    SCRIPT_VARIABLES_MAX,
};

/// Making one takes 150 microseconds, so there is one.
static ENGINE: LazyLock<Engine> = LazyLock::new(engine);

/// The same, but it leaves a script as it is written.
static PARSER: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = engine();
    engine.set_optimization_level(OptimizationLevel::None);
    engine
});

fn engine() -> Engine {
    let mut engine = base();
    document::register(&mut engine);
    engine
}

/// An engine that knows nothing of ours yet, and in which a script may do nothing but compute within bounds.
pub(super) fn base() -> Engine {
    let mut engine = talking();
    engine.disable_symbol("print").disable_symbol("debug");
    engine
}

/// The same for a script that may also print.
pub(super) fn talking() -> Engine {
    let mut engine = Engine::new();
    engine
        .set_max_operations(SCRIPT_OPERATIONS_MAX)
        .set_max_call_levels(SCRIPT_CALLS_MAX)
        .set_max_expr_depths(SCRIPT_DEPTH_MAX, SCRIPT_DEPTH_MAX)
        .set_max_string_size(SCRIPT_STRING_MAX)
        .set_max_array_size(SCRIPT_ARRAY_MAX)
        .set_max_map_size(SCRIPT_ARRAY_MAX)
        .set_max_variables(SCRIPT_VARIABLES_MAX)
        .set_strict_variables(true)
        .disable_symbol("eval")
        .on_print(|_| {})
        .on_debug(|_, _, _| {});
    engine
}

/// What was wrong with one run.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) position: Position,
}

/// Compiles a script that may name `doc` and `clock`, and the numbers it is given.
pub(super) fn compile(text: &str, settings: &Settings) -> Result<AST, ParseError> {
    ENGINE.compile_with_scope(&scope(settings), text)
}

/// The same as it is written, with nothing put in place of anything.
pub(super) fn parse(text: &str, settings: &Settings) -> Result<AST, ParseError> {
    PARSER.compile_with_scope(&scope(settings), text)
}

fn scope(settings: &Settings) -> Scope<'static> {
    let sample = document::trial((Default::default(), 1, 1));
    let mut scope = Scope::new();
    scope.push("doc", sample).push("clock", sample.clock);
    if settings.values().next().is_some() {
        scope.push_constant_dynamic(parameters::OBJECT, parameters::object(settings));
    }
    scope
}

/// Runs a script for one document.
pub(super) fn value(program: &Program, doc: &Doc) -> Result<f64, Fault> {
    let mut scope = Scope::new();
    let options = || CallFnOptions::new().eval_ast(false);
    let result = match program.entry {
        Entry::Body => {
            scope.push("doc", *doc).push("clock", doc.clock);
            ENGINE.eval_ast_with_scope::<Dynamic>(&mut scope, &program.ast)
        }
        Entry::OfDocument => {
            ENGINE.call_fn_with_options(options(), &mut scope, &program.ast, "score", (*doc,))
        }
        Entry::OfDocumentAndClock => {
            ENGINE.call_fn_with_options(options(), &mut scope, &program.ast, "score", (*doc, doc.clock))
        }
    };
    number(result.map_err(|error| fault(&error))?)
}

fn number(value: Dynamic) -> Result<f64, Fault> {
    if let Ok(float) = value.as_float() {
        return Ok(float);
    }
    match value.as_int() {
        Ok(int) => Ok(int as f64),
        Err(found) => {
            Err(Fault { message: format!("gives a {found}, expected a number"), position: Position::NONE })
        }
    }
}

/// The innermost error and its place: that a function failed says less than what failed in it.
pub(super) fn fault(error: &EvalAltResult) -> Fault {
    let mut inner = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, next, _) = inner {
        inner = next;
    }
    let position = inner.position();
    if let EvalAltResult::ErrorRuntime(said, _) | EvalAltResult::ErrorTerminated(said, _) = inner
        && let Ok(message) = said.clone().into_string()
    {
        return Fault { message, position };
    }
    let mut bare = inner.to_string();
    // The text repeats the place at its end.
    if let Some(at) = bare.rfind(" (line ") {
        bare.truncate(at);
    }
    // What a script throws, and what our own functions refuse, is said as it is.
    let message = bare.strip_prefix("Runtime error: ").map_or(bare.clone(), str::to_owned);
    Fault { message, position }
}
