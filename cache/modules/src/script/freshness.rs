//! Freshness rules as rhai scripts: an expression or `fn lifetime(doc)` that says how long a response stays fresh.
//!
//! ```text
//!   //! role: freshness
//!   if doc.path.contains("?") { refresh(0, 0, 0) } else { refresh(0, 20, 4320).ignore_reload() }
//! ```
//!
//! `()` leaves the response to HTTP, a number is a lifetime in seconds where the response gives none, and
//! `refresh(min, percent, max)` is a line of Squid's `refresh_pattern`, in minutes, with its options as methods.

use std::sync::{Arc, LazyLock};

use cnn_core::policy::{Freshness, Mime};
use cnn_core::rfc9111::target::Scheme;
use cnn_core::rfc9111::{Described, Refresh};
use cnn_core::time::Tick;
use rhai::{AST, Dynamic, Engine, ImmutableString, Position, Scope};

use super::engine::Fault;
use super::error::Source;
use super::filter::{self, Caller, Entry};
use super::{Body, Script, ScriptError};
use crate::Health;

/// Making one takes 150 microseconds, so there is one.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = filter::base();
    register(&mut engine);
    engine
});

/// What is run.
#[derive(Debug)]
pub(super) struct Program {
    ast: Arc<AST>,
    entry: Entry,
}

/// A response as a script sees it.
#[derive(Clone)]
struct Doc {
    scheme: &'static str,
    host: ImmutableString,
    path: ImmutableString,
    status: u16,
    mime: Mime,
    length: Option<u64>,
    lifetime: Option<u32>,
    since_modified: Option<u32>,
    age: u32,
}

impl Doc {
    fn of(response: &Described<'_>) -> Self {
        Self {
            scheme: match response.scheme {
                Scheme::Http => "http",
                Scheme::Https => "https",
            },
            host: response.host.into(),
            path: filter::shown(response.path),
            status: response.status,
            mime: response.mime,
            length: response.length,
            lifetime: response.lifetime,
            since_modified: response.since_modified,
            age: response.age,
        }
    }
}

/// Responses a script is tried on before it is taken.
fn trials() -> [Described<'static>; 3] {
    let plain = Described {
        scheme: Scheme::Http,
        host: "a.test",
        path: "/",
        status: 200,
        mime: Mime::Html,
        length: Some(700),
        lifetime: None,
        since_modified: None,
        age: 0,
    };
    let modified = Described { path: "/a.png?b=1", since_modified: Some(u32::MAX), age: 9, ..plain };
    [plain, modified, Described { status: 404, length: None, lifetime: Some(60), ..plain }]
}

/// Compiles a script and tries it on made-up responses.
pub(super) fn compile(source: &Source<'_>) -> Result<Script, ScriptError> {
    let mut scope = Scope::new();
    scope.push_dynamic("doc", Dynamic::from(Doc::of(&trials()[0])));
    let ast = ENGINE
        .compile_with_scope(&scope, source.text)
        .map_err(|error| source.error(error.position(), error.err_type().to_string()))?;
    let manifest = source.manifest(None)?;
    let entry = Entry::function(&ast, "lifetime", &["doc"], source)?.unwrap_or(Entry::Body);
    let program = Program { ast: Arc::new(ast), entry };
    for trial in trials() {
        let names = [("doc", Dynamic::from(Doc::of(&trial)))];
        let tried = filter::value(&ENGINE, &program.ast, &program.entry, &names).and_then(rule);
        tried.map_err(|fault| source.error(fault.position, fault.message))?;
    }
    Ok(Script::of(source, manifest, Body::Freshness(Arc::new(program))))
}

/// The rules.
pub(super) struct Ruling {
    program: Arc<Program>,
    caller: Caller,
}

impl Ruling {
    pub(super) fn new(program: Arc<Program>, health: Arc<Health>) -> Self {
        let caller = Caller::new(Arc::clone(&program.ast), health);
        Self { program, caller }
    }
}

impl Freshness for Ruling {
    fn refresh(&mut self, response: &Described<'_>) -> Option<Refresh> {
        let names = [("doc", Dynamic::from(Doc::of(response)))];
        self.caller.ask(&ENGINE, &self.program.entry, &names, Tick::default(), rule).flatten()
    }
}

fn rule(value: Dynamic) -> Result<Option<Refresh>, Fault> {
    if value.is_unit() {
        return Ok(None);
    }
    if let Some(rule) = value.clone().try_cast::<Refresh>() {
        return Ok(Some(rule));
    }
    let number = value.as_float().or_else(|_| value.as_int().map(|number| number as f64));
    match number {
        Ok(number) if number >= 0.0 => Ok(Some(Refresh::lifetime_of(number.min(f64::from(u32::MAX)) as u32))),
        _ => {
            let message =
                format!("gives {value:?}, expected (), a number of seconds, or refresh(min, percent, max)");
            Err(Fault { message, position: Position::NONE })
        }
    }
}

/// Whole numbers a script gives, from nothing to all there is.
fn whole(number: &Dynamic) -> u32 {
    let number = number.as_float().or_else(|_| number.as_int().map(|number| number as f64));
    // Not a number is nothing.
    number.unwrap_or(0.0).clamp(0.0, f64::from(u32::MAX)) as u32
}

fn minutes(number: &Dynamic) -> u32 {
    whole(number).saturating_mul(60)
}

/// Makes `doc` and `refresh` known.
fn register(engine: &mut Engine) {
    let or_none = |number: Option<u64>| number.map_or(-1.0, |number| number as f64);
    engine
        .register_type_with_name::<Doc>("response")
        .register_get("scheme", |doc: &mut Doc| ImmutableString::from(doc.scheme))
        .register_get("host", |doc: &mut Doc| doc.host.clone())
        .register_get("path", |doc: &mut Doc| doc.path.clone())
        .register_get("status", |doc: &mut Doc| f64::from(doc.status))
        .register_get("mime", |doc: &mut Doc| ImmutableString::from(doc.mime.as_str()))
        .register_get("size", move |doc: &mut Doc| or_none(doc.length))
        .register_get("lifetime", move |doc: &mut Doc| or_none(doc.lifetime.map(u64::from)))
        .register_get("since_modified", move |doc: &mut Doc| or_none(doc.since_modified.map(u64::from)))
        .register_get("age", |doc: &mut Doc| f64::from(doc.age));
    engine
        .register_type_with_name::<Refresh>("rule")
        .register_fn("refresh", |min: Dynamic, percent: Dynamic, max: Dynamic| {
            Refresh::new(minutes(&min), whole(&percent), minutes(&max))
        })
        .register_fn("override_expire", |rule: Refresh| Refresh { override_expire: true, ..rule })
        .register_fn("override_lastmod", |rule: Refresh| Refresh { override_lastmod: true, ..rule })
        .register_fn("ignore_no_store", |rule: Refresh| Refresh { ignore_no_store: true, ..rule })
        .register_fn("ignore_private", |rule: Refresh| Refresh { ignore_private: true, ..rule })
        .register_fn("ignore_reload", |rule: Refresh| Refresh { ignore_reload: true, ..rule })
        .register_fn("max_stale", |rule: Refresh, stale: Dynamic| Refresh {
            max_stale: Some(minutes(&stale)),
            ..rule
        });
}

#[cfg(test)]
mod tests;
