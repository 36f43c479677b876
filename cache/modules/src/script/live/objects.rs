//! What a live script can name: `repository`, `stats`, `switch_to`, and the documents and their costs as a policy sees
//! them. `scripts/README.md` has the page for authors.

use std::path::Path;
use std::sync::Arc;

use cnn_core::policy::Reevaluate;
use rhai::{
    AST, Array, Dynamic, Engine, EvalAltResult, FnPtr, Module, NativeCallContext, ParseError, Position, Scope,
};

use super::{Chosen, Figures, PlannedSwitch, Session};
use crate::limits::{LIVE_OPERATIONS_MAX, LIVE_STRING_MAX, LIVE_TIME_MAX, LIVE_UPDATES_MAX, LIVE_WORST_MAX};
use crate::script::ScriptError;
use crate::script::document::{self, Clock, Doc, Place};
use crate::script::engine::{base, talking};

type Done<T> = Result<T, Box<EvalAltResult>>;

/// `repository`
#[derive(Clone)]
struct Repository(Arc<Session>);

/// `stats`
#[derive(Clone)]
struct Stats(Arc<Session>);

/// Every how many steps the time is looked at.
const LOOK_EVERY: u64 = 64;

/// An engine with the objects of a session.
pub(super) fn engine(session: &Arc<Session>) -> Engine {
    let mut engine = talking();
    // No file, clock or random source; printing and a longer breath are what it may do beyond a policy.
    engine
        .set_max_operations(LIVE_OPERATIONS_MAX)
        .set_max_string_size(LIVE_STRING_MAX)
        .set_max_array_size(LIVE_WORST_MAX)
        .set_fast_operators(true);
    let printing = Arc::clone(session);
    engine.on_print(move |text| printing.print(text));
    let watching = Arc::clone(session);
    engine.on_progress(move |steps| {
        let is_over = steps.is_multiple_of(LOOK_EVERY) && watching.cache.now() >= watching.state().until;
        is_over.then(|| Dynamic::from(format!("takes more than {} s", LIVE_TIME_MAX.as_secs())))
    });
    document::register(&mut engine);
    register_document(&mut engine, session);
    register_repository(&mut engine);
    register_stats(&mut engine);
    register_switch(&mut engine, session);
    let mut names = Module::new();
    names.set_var("repository", Dynamic::from(Repository(Arc::clone(session))));
    names.set_var("stats", Dynamic::from(Stats(Arc::clone(session))));
    engine.register_global_module(names.into());
    engine
}

/// Compiles a script that may name the objects anywhere, and its functions before they are written.
pub(super) fn compile(engine: &Engine, text: &str) -> Result<AST, ParseError> {
    let mut scope = Scope::new();
    scope.push("repository", ()).push("stats", ());
    let functions = |ast: AST| ast.iter_functions().map(|it| it.name.to_owned()).collect::<Vec<_>>();
    // The first reading is for the names of the functions: a name is refused that is nobody's.
    let names = base().set_strict_variables(false).compile(text).map(functions).unwrap_or_default();
    for name in names {
        scope.push(name, ());
    }
    engine.compile_with_scope(&scope, text)
}

fn register_document(engine: &mut Engine, session: &Arc<Session>) {
    let session = Arc::clone(session);
    engine
        .register_get("value", |doc: &mut Doc| doc.place.map_or(0.0, |place| place.value))
        .register_get("url", move |doc: &mut Doc| {
            doc.place.and_then(|place| session.cache.url(place.id)).unwrap_or_default()
        });
}

fn register_repository(engine: &mut Engine) {
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    engine
        .register_type_with_name::<Repository>("repository")
        .register_fn("size", move |repository: &mut Repository| whole(repository.figures().documents))
        .register_fn("bytes", move |repository: &mut Repository| whole(repository.figures().bytes))
        .register_fn("capacity", move |repository: &mut Repository| whole(repository.figures().capacity))
        .register_fn("policy", |repository: &mut Repository| repository.policy())
        .register_fn("worst", |repository: &mut Repository, count: Dynamic| repository.worst(&count))
        .register_fn("update", |repository: &mut Repository, doc: Doc| repository.update(&doc))
        .register_fn(
            "use_policy",
            |context: NativeCallContext<'_>, repository: &mut Repository, policy: Dynamic| {
                repository.0.switch_to(&policy, Reevaluate::Count(0), context.call_position())
            },
        );
}

fn register_stats(engine: &mut Engine) {
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    engine
        .register_type_with_name::<Stats>("stats")
        .register_get("requests", move |stats: &mut Stats| whole(stats.figures().requests))
        .register_get("hits", move |stats: &mut Stats| whole(stats.figures().hits))
        .register_get("hit_ratio", |stats: &mut Stats| {
            let figures = stats.figures();
            ratio(figures.hits, figures.requests)
        })
        .register_get("sent_bytes", move |stats: &mut Stats| whole(stats.figures().sent_bytes))
        .register_get("hit_bytes", move |stats: &mut Stats| whole(stats.figures().hit_bytes))
        .register_get("byte_hit_ratio", |stats: &mut Stats| {
            let figures = stats.figures();
            ratio(figures.hit_bytes, figures.sent_bytes)
        })
        .register_get("evictions", move |stats: &mut Stats| whole(stats.figures().evictions));
}

fn register_switch(engine: &mut Engine, session: &Arc<Session>) {
    let (all, some) = (Arc::clone(session), Arc::clone(session));
    engine
        .register_fn("switch_to", move |context: NativeCallContext<'_>, policy: Dynamic| {
            all.switch_to(&policy, Reevaluate::default(), context.call_position())
        })
        .register_fn("switch_to", move |context: NativeCallContext<'_>, policy: Dynamic, count: Dynamic| {
            some.switch_to(&policy, reevaluate(&count)?, context.call_position())
        });
}

impl Repository {
    fn figures(&self) -> Figures {
        self.0.cache.figures()
    }

    /// The policy that decides, or will when the script has come to its end.
    fn policy(&self) -> Done<String> {
        let planned = self.0.state().plan.switch.as_ref().map(|switch| switch.policy.clone());
        planned.map_or_else(|| self.0.cache.policy().map_err(Into::into), Ok)
    }

    fn worst(&self, count: &Dynamic) -> Done<Array> {
        let count = number(count, "worst takes a number of documents")?;
        if count > LIVE_WORST_MAX {
            return Err(format!("worst({count}): at most {LIVE_WORST_MAX} documents at once").into());
        }
        let clock = Clock { now: self.0.cache.now(), aging: 0.0 };
        let line = self.0.cache.worst(count)?;
        let doc = |line: cnn_core::policy::Line| {
            let place = Some(Place { id: line.id, value: line.value });
            Dynamic::from(Doc { columns: line.document, clock, place })
        };
        Ok(line.into_iter().map(doc).collect())
    }

    fn update(&self, doc: &Doc) -> Done<()> {
        let place = doc.place.ok_or("update takes a document that repository.worst gave")?;
        let update = &mut self.0.state().plan.update;
        if update.len() >= LIVE_UPDATES_MAX {
            return Err(format!("updates more than {LIVE_UPDATES_MAX} documents").into());
        }
        update.push(place.id);
        Ok(())
    }
}

impl Stats {
    fn figures(&self) -> Figures {
        self.0.cache.figures()
    }
}

impl Session {
    /// Prepares a policy and notes the switch to it.
    fn switch_to(&self, policy: &Dynamic, reevaluate: Reevaluate, at: Position) -> Done<()> {
        if let Some(switch) = &self.state().plan.switch {
            let said = format!(
                "switches to {} already; a script switches once, when it has come to its end",
                switch.policy
            );
            return Err(said.into());
        }
        let ready = if let Some(function) = policy.read_lock::<FnPtr>() {
            self.function(&function, at)?
        } else if let Ok(spec) = policy.clone().into_immutable_string() {
            self.cache.prepare(Chosen::Spec(&self.whole(&spec)?))?
        } else {
            let found = policy.type_name();
            return Err(format!("switch_to takes a function or the name of a policy, not a {found}").into());
        };
        let policy = ready.prepared.manifest().name.clone().into_owned();
        self.state().plan.switch = Some(PlannedSwitch { policy, ready, reevaluate });
        Ok(())
    }

    fn function(&self, function: &FnPtr, at: Position) -> Done<super::Ready> {
        if function.is_curried() {
            return Err("a policy knows the document and the clock, and no variables from around it".into());
        }
        let program = self.state().program.clone().ok_or("no script is running")?;
        let script = program.policy(function.fn_name()).map_err(|error| match error.place() {
            // What is wrong inside the function is told with its place there.
            Some(_) => Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(error), at)),
            None => error.message().into(),
        })?;
        Ok(self.cache.prepare(Chosen::Script(&script))?)
    }

    /// A name as it is, the path of a file from the folder of the script.
    fn whole(&self, spec: &str) -> Done<String> {
        if !crate::is_file(spec) {
            return Ok(spec.to_owned());
        }
        let program = self.state().program.clone();
        let folder = program.as_ref().and_then(|program| program.path.parent()).unwrap_or(Path::new(""));
        let path = folder.join(spec.trim_start_matches("./"));
        match path.is_absolute() {
            true => Ok(path.to_string_lossy().into_owned()),
            false => Err(format!("{spec}: expected the whole path of the file").into()),
        }
    }
}

/// The error of a function that was to become a policy, if that is what ended the script.
pub(super) fn policy_error(error: &EvalAltResult) -> Option<ScriptError> {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => policy_error(inner),
        EvalAltResult::ErrorRuntime(value, _) => value.clone().try_cast(),
        _ => None,
    }
}

/// How much a switch re-evaluates at once: a number, or text as on the command line.
fn reevaluate(count: &Dynamic) -> Done<Reevaluate> {
    match count.clone().into_immutable_string() {
        Ok(text) => text.parse().map_err(|error: cnn_core::policy::BadReevaluate| error.to_string().into()),
        Err(_) => number(count, "switch_to takes a number of documents").map(Reevaluate::Count),
    }
}

/// A number of documents.
fn number(value: &Dynamic, what: &str) -> Done<usize> {
    let refused = || -> Box<EvalAltResult> { format!("{what}, not {value}").into() };
    if let Ok(float) = value.as_float() {
        return if float >= 0.0 { Ok(float as usize) } else { Err(refused()) };
    }
    value.as_int().ok().and_then(|int| usize::try_from(int).ok()).ok_or_else(refused)
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
