//! Scripts that look at a running cache and change it: what `cnn script run` does.
//!
//! ```text
//!   fn filter_policy(doc) {
//!       if doc.mime == "text" { size_cost(doc) } else { gds_cost(doc) }
//!   }
//!   switch_to(filter_policy, repository.size() / 5);
//! ```
//!
//! ```text
//!   text --> compile --> run, looking at the cache --> plan --> [whoever has the cache] carry the plan out
//!                |                  |
//!                +----- an error: nothing has been changed
//! ```
//!
//! A script reads the cache as it is at that moment and changes nothing while it runs: what it wants done is prepared
//! (a policy is compiled, tried and built) and noted in a [`Plan`], and the plan is carried out when the script has come
//! to its end. So one that fails half way has done nothing, one that only looks costs nothing, and a dry run is the same
//! run with the plan thrown away. A rule or a prompt on a live cache is given the same objects and gives the same plan.
//!
//! Knows the cache by the trait [`LiveCache`] alone; who may run one, and one at a time, is the proxy's to decide.

mod function;
mod objects;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cnn_core::policy::{Line, Prepared, Reevaluate, SlotId};
use cnn_core::time::Tick;
use rhai::{AST, Dynamic, Engine, EvalAltResult, Position, Scope};

use super::error::Source;
use super::{Script, ScriptError, engine};
use crate::Digest;
use crate::limits::{LIVE_OUTPUT_BYTES_MAX, LIVE_TIME_MAX, LIVE_VALUE_BYTES_MAX, SCRIPT_BYTES_MAX};

/// A running cache as a script sees it. Calls may wait for the cache's own threads, and none changes it.
pub trait LiveCache: Send + Sync {
    /// Now; what ends a script that takes too long, too.
    fn now(&self) -> Tick;

    /// What it holds and how well it does.
    fn figures(&self) -> Figures;

    /// The name of the policy that decides.
    ///
    /// # Errors
    /// When the cache is on its way down.
    fn policy(&self) -> Result<String, String>;

    /// The documents that go next, at most `count`, the first to go first.
    ///
    /// # Errors
    /// When the cache is on its way down.
    fn worst(&self, count: usize) -> Result<Vec<Line>, String>;

    /// The URL of a document, while it is there.
    fn url(&self, id: SlotId) -> Option<String>;

    /// Makes a policy ready to decide in this cache.
    ///
    /// # Errors
    /// When there is none of this name, or it cannot be prepared: why, for the author of the script.
    fn prepare(&self, policy: Chosen<'_>) -> Result<Ready, String>;
}

/// The policy a script wants.
#[derive(Clone, Copy, Debug)]
pub enum Chosen<'a> {
    /// The name of one, or the whole path of a file, with parameters if any.
    Spec(&'a str),
    /// A function of the script.
    Script(&'a Script),
}

/// A policy made ready.
pub struct Ready {
    /// The instance.
    pub prepared: Prepared,
    /// Microseconds that took.
    pub prepare_us: u64,
}

/// What a cache holds and how well it does, counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Documents stored.
    pub documents: u64,
    /// Bytes charged for them.
    pub bytes: u64,
    /// Bytes they may take.
    pub capacity: u64,
    /// Requests answered.
    pub requests: u64,
    /// Of these, from the cache.
    pub hits: u64,
    /// Bytes sent to clients.
    pub sent_bytes: u64,
    /// Of these, from the cache.
    pub hit_bytes: u64,
    /// Documents evicted to make room.
    pub evictions: u64,
}

/// What a script wants done, all of it or nothing: first the switch, then the documents named.
#[derive(Default)]
pub struct Plan {
    /// The policy that is to decide.
    pub switch: Option<PlannedSwitch>,
    /// Documents to be re-evaluated by the policy that decides then, in this order.
    pub update: Vec<SlotId>,
}

/// A switch to be made.
pub struct PlannedSwitch {
    /// The policy's name.
    pub policy: String,
    /// The policy.
    pub ready: Ready,
    /// How many of the documents that go next are re-evaluated at once.
    pub reevaluate: Reevaluate,
}

/// A script that came to its end.
pub struct Run {
    /// What it wants done.
    pub plan: Plan,
    /// What it printed, line by line.
    pub output: String,
    /// The value of its last expression, if it has one.
    pub value: Option<String>,
}

/// A script that did not come to its end, and of which nothing is done.
#[derive(Debug)]
pub struct LiveError {
    /// What was wrong, and where.
    pub error: ScriptError,
    /// What it had printed by then.
    pub output: String,
}

/// What a script can do to one cache: an engine with the cache's objects in it.
pub struct Live {
    engine: Engine,
    session: Arc<Session>,
}

/// What the objects of a script share while it runs.
struct Session {
    cache: Arc<dyn LiveCache>,
    /// Guards what the script came to so far; held for a moment by each call.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    program: Option<Arc<Program>>,
    plan: Plan,
    output: String,
    /// When the script has to be over.
    until: Tick,
}

/// The script that runs: its functions can become policies.
struct Program {
    path: PathBuf,
    text: String,
    ast: AST,
}

impl Session {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print(&self, text: &str) {
        let mut state = self.state();
        if state.output.len() + text.len() < LIVE_OUTPUT_BYTES_MAX {
            state.output.push_str(text);
            state.output.push('\n');
        }
    }
}

impl Live {
    /// An engine for scripts on this cache.
    pub fn new(cache: Arc<dyn LiveCache>) -> Self {
        let session = Arc::new(Session { cache, state: Mutex::default() });
        let engine = objects::engine(&session);
        Self { engine, session }
    }

    /// The digest by which a script is named in audit and history.
    pub fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    /// Runs a script. `path` names it in errors, and files it names are looked for beside it.
    ///
    /// # Errors
    /// What is wrong with it, with its place and the line. Nothing is to be done then.
    pub fn run(&self, path: &Path, text: &str) -> Result<Run, LiveError> {
        let source = Source { path, text };
        let ran = self.compile(&source).and_then(|ast| self.evaluate(ast, &source));
        let state = std::mem::take(&mut *self.session.state());
        match ran {
            Ok(value) => Ok(Run { plan: state.plan, output: state.output, value: shown(&value) }),
            Err(error) => Err(LiveError { error, output: state.output }),
        }
    }

    fn compile(&self, source: &Source<'_>) -> Result<AST, ScriptError> {
        let text = source.text;
        if text.len() > SCRIPT_BYTES_MAX {
            let message = format!("{} bytes, more than {SCRIPT_BYTES_MAX}", text.len());
            return Err(source.error(Position::NONE, message));
        }
        objects::compile(&self.engine, text)
            .map_err(|error| source.error(error.position(), error.err_type().to_string()))
    }

    fn evaluate(&self, ast: AST, source: &Source<'_>) -> Result<Dynamic, ScriptError> {
        let until = Tick(self.session.cache.now().0 + LIVE_TIME_MAX.as_micros() as u64);
        let program =
            Program { path: source.path.to_owned(), text: source.text.to_owned(), ast: ast.clone() };
        *self.session.state() = State { program: Some(Arc::new(program)), until, ..State::default() };
        let value = self.engine.eval_ast_with_scope::<Dynamic>(&mut Scope::new(), &ast);
        value.map_err(|error| objects::policy_error(&error).unwrap_or_else(|| failed(&error, source)))
    }
}

fn failed(error: &EvalAltResult, source: &Source<'_>) -> ScriptError {
    let fault = engine::fault(error);
    source.error(fault.position, fault.message)
}

/// The value of the last expression as text, cut where it is long.
fn shown(value: &Dynamic) -> Option<String> {
    if value.is_unit() {
        return None;
    }
    let mut text = value.to_string();
    if text.len() > LIVE_VALUE_BYTES_MAX {
        let end = (0..=LIVE_VALUE_BYTES_MAX).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    Some(text)
}

#[cfg(test)]
mod tests;
