//! Admission policies as rhai scripts: an expression or `fn admit(doc, ...)` that says whether to store a document,
//! `fn hit(doc, ...)` that is told of hits, `fn bypass(origin, ...)` that says which origins to pass by.
//!
//! ```text
//!   //! role: admission
//!   if seen.insert(doc) { true } else { "first-seen" }
//! ```
//!
//! What lasts from call to call is kept by the host, bounded and the same in every run: `seen` (two Bloom filters),
//! `sketch` (a count-min sketch that ages), `origins` (requests and mean time to the first byte of the origins seen
//! lately). A function takes what it wants of these by name.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use cnn_core::policy::{Admission, Candidate, Document, Mime, Refusal, Verdict};
use cnn_core::time::Tick;
use cnn_policies::{Seen, Sketch};
use rhai::{AST, Dynamic, Engine, ImmutableString, Position, Scope};

use super::engine::Fault;
use super::error::Source;
use super::filter::{self, Caller, Entry};
use super::{Body, Script, ScriptError};
use crate::Health;
use crate::limits::{FILTER_ORIGINS_MAX, FILTER_SEEN, FILTER_SKETCHED, TRIALS};

/// Making one takes 150 microseconds, so there is one.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = filter::base();
    register(&mut engine);
    engine
});

/// What `admit` and `hit` may take by name, and `bypass`.
const OF_DOCUMENT: [&str; 4] = ["doc", "seen", "sketch", "origins"];
const OF_ORIGIN: [&str; 4] = ["origin", "seen", "sketch", "origins"];

/// What is run.
#[derive(Debug)]
pub(super) struct Program {
    ast: Arc<AST>,
    admit: Option<Entry>,
    hit: Option<Entry>,
    bypass: Option<Entry>,
}

impl Program {
    /// Whether it is to be told of hits.
    pub(super) const fn wants_hits(&self) -> bool {
        self.hit.is_some()
    }

    /// Whether it names origins to pass by.
    pub(super) const fn bypasses(&self) -> bool {
        self.bypass.is_some()
    }
}

/// A document as a script sees it.
#[derive(Clone)]
struct Doc {
    columns: Document,
    host: ImmutableString,
    path: ImmutableString,
}

/// An origin as a script sees it.
#[derive(Clone)]
struct Origin {
    host: ImmutableString,
    seen: Measured,
}

/// What was measured of an origin.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    requests: u64,
    ttfb_ms: f64,
    /// The candidate it was last seen with.
    last: u64,
}

/// The weight of the last request in an origin's mean time to the first byte.
const WEIGHT: f64 = 0.2;

/// The origins seen lately.
#[derive(Debug, Default)]
struct Origins {
    seen: BTreeMap<u32, Measured>,
    candidates: u64,
}

impl Origins {
    fn note(&mut self, document: &Document) {
        self.candidates += 1;
        if self.seen.len() >= FILTER_ORIGINS_MAX && !self.seen.contains_key(&document.origin) {
            // The half that was seen longest ago goes at once, so that this is seldom done.
            let mut last: Vec<_> = self.seen.values().map(|measured| measured.last).collect();
            let (_, &mut median, _) = last.select_nth_unstable(FILTER_ORIGINS_MAX / 2);
            self.seen.retain(|_, measured| measured.last > median);
        }
        let ttfb_ms = f64::from(document.ttfb_us) / 1e3;
        let measured = self.seen.entry(document.origin).or_default();
        let weight = if measured.requests == 0 { 1.0 } else { WEIGHT };
        measured.ttfb_ms += weight * (ttfb_ms - measured.ttfb_ms);
        measured.requests += 1;
        measured.last = self.candidates;
    }

    fn of(&self, origin: u32) -> Measured {
        self.seen.get(&origin).copied().unwrap_or_default()
    }
}

/// What the host keeps for a script. Each is made when it is first used, and only the thread that asks locks it.
#[derive(Clone, Default)]
struct Kept {
    seen: Arc<Mutex<Option<Seen>>>,
    sketch: Arc<Mutex<Option<Sketch>>>,
    origins: Arc<Mutex<Origins>>,
}

#[derive(Clone)]
struct SeenByScript(Arc<Mutex<Option<Seen>>>);
#[derive(Clone)]
struct SketchOfScript(Arc<Mutex<Option<Sketch>>>);
#[derive(Clone)]
struct OriginsOfScript(Arc<Mutex<Origins>>);

impl Kept {
    /// The names a script knows them by, beside `first`.
    fn names(&self, first: (&'static str, Dynamic)) -> [(&'static str, Dynamic); 4] {
        [
            first,
            ("seen", Dynamic::from(SeenByScript(Arc::clone(&self.seen)))),
            ("sketch", Dynamic::from(SketchOfScript(Arc::clone(&self.sketch)))),
            ("origins", Dynamic::from(OriginsOfScript(Arc::clone(&self.origins)))),
        ]
    }

    fn state_bytes(&self) -> usize {
        let seen = locked(&self.seen).as_ref().map_or(0, Seen::state_bytes);
        let sketch = locked(&self.sketch).as_ref().map_or(0, Sketch::state_bytes);
        seen + sketch + 2 * locked(&self.origins).seen.len() * size_of::<(u32, Measured)>()
    }
}

fn locked<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compiles a script and tries it on made-up documents.
pub(super) fn compile(source: &Source<'_>) -> Result<Script, ScriptError> {
    let mut scope = Scope::new();
    for (name, value) in Kept::default().names(("doc", Dynamic::from(Doc::of(Document::default())))) {
        scope.push_dynamic(name, value);
    }
    let ast = ENGINE
        .compile_with_scope(&scope, source.text)
        .map_err(|error| source.error(error.position(), error.err_type().to_string()))?;
    let manifest = source.manifest(None)?;
    let admit = Entry::function(&ast, "admit", &OF_DOCUMENT, source)?;
    let hit = Entry::function(&ast, "hit", &OF_DOCUMENT, source)?;
    let bypass = Entry::function(&ast, "bypass", &OF_ORIGIN, source)?;
    // A script that only names origins admits the rest.
    let has_body = !ast.statements().is_empty();
    let admit = admit.or_else(|| has_body.then_some(Entry::Body));
    if admit.is_none() && bypass.is_none() {
        let message = "an admission policy needs an expression, `fn admit(doc)` or `fn bypass(origin)`";
        return Err(source.error(Position::NONE, message.to_owned()));
    }
    let program = Program { ast: Arc::new(ast), admit, hit, bypass };
    program.try_out().map_err(|fault| source.error(fault.position, fault.message))?;
    Ok(Script::of(source, manifest, Body::Admission(Arc::new(program))))
}

impl Program {
    fn try_out(&self) -> Result<(), Fault> {
        let kept = Kept::default();
        for (mime, size, uses) in TRIALS {
            let columns = Document { mime, size, uses, status: 200, ttfb_us: 20_000, ..Document::default() };
            locked(&kept.origins).note(&columns);
            let doc = Dynamic::from(Doc::of(columns));
            if let Some(admit) = &self.admit {
                verdict(filter::value(&ENGINE, &self.ast, admit, &kept.names(("doc", doc.clone())))?)?;
            }
            if let Some(hit) = &self.hit {
                filter::value(&ENGINE, &self.ast, hit, &kept.names(("doc", doc))).map(drop)?;
            }
            if let Some(bypass) = &self.bypass {
                let origin = Origin { host: "a.test".into(), seen: locked(&kept.origins).of(0) };
                let names = kept.names(("origin", Dynamic::from(origin)));
                yes_or_no(filter::value(&ENGINE, &self.ast, bypass, &names)?)?;
            }
        }
        Ok(())
    }
}

/// The policy.
pub(super) struct Admitting {
    program: Arc<Program>,
    caller: Caller,
    kept: Kept,
    /// When it was last asked about a candidate.
    now: Tick,
}

impl Admitting {
    pub(super) fn new(program: Arc<Program>, health: Arc<Health>) -> Self {
        let caller = Caller::new(Arc::clone(&program.ast), health);
        Self { program, caller, kept: Kept::default(), now: Tick::default() }
    }
}

impl Admission for Admitting {
    /// Without an answer a document is stored.
    fn admit(&mut self, candidate: &Candidate<'_>) -> Verdict {
        self.now = candidate.document.created;
        locked(&self.kept.origins).note(&candidate.document);
        let Some(admit) = &self.program.admit else { return Verdict::Admit };
        let doc = Doc {
            columns: candidate.document,
            host: candidate.host.into(),
            path: filter::shown(candidate.path),
        };
        let names = self.kept.names(("doc", Dynamic::from(doc)));
        self.caller.ask(&ENGINE, admit, &names, candidate.document.created, verdict).unwrap_or(Verdict::Admit)
    }

    fn hit(&mut self, document: &Document) {
        if let Some(hit) = &self.program.hit {
            let names = self.kept.names(("doc", Dynamic::from(Doc::of(*document))));
            self.caller.ask(&ENGINE, hit, &names, document.last_used, |_| Ok(()));
        }
    }

    /// Without an answer an origin is not passed by.
    fn bypass(&mut self, origin: u32, host: &str) -> bool {
        let Some(bypass) = &self.program.bypass else { return false };
        let origin = Origin { host: host.into(), seen: locked(&self.kept.origins).of(origin) };
        let names = self.kept.names(("origin", Dynamic::from(origin)));
        self.caller.ask(&ENGINE, bypass, &names, self.now, yes_or_no).unwrap_or(false)
    }

    fn state_bytes(&self) -> usize {
        self.kept.state_bytes()
    }
}

/// `true` admits; `false`, or a reason as a word, refuses.
fn verdict(value: Dynamic) -> Result<Verdict, Fault> {
    if let Ok(is_admitted) = value.as_bool() {
        return Ok(if is_admitted { Verdict::Admit } else { Verdict::Refuse(Refusal::Rule) });
    }
    let word = value.clone().into_immutable_string().ok();
    let refusal = word.and_then(|word| Refusal::ALL.into_iter().find(|refusal| refusal.as_str() == word));
    refusal.map(Verdict::Refuse).ok_or_else(|| {
        let words = Refusal::ALL.map(Refusal::as_str).join(", ");
        let message = format!("gives {value:?}, expected true, false, or why not as one of {words}");
        Fault { message, position: Position::NONE }
    })
}

fn yes_or_no(value: Dynamic) -> Result<bool, Fault> {
    value.as_bool().map_err(|found| {
        let message = format!("gives a {found}, expected true or false");
        Fault { message, position: Position::NONE }
    })
}

impl Doc {
    fn of(columns: Document) -> Self {
        Self { columns, host: ImmutableString::new(), path: ImmutableString::new() }
    }

    fn ttl(&self) -> f64 {
        let (until, now) = (self.columns.fresh_until, self.columns.created);
        if until >= now { until.since(now) as f64 / 1e6 } else { -(now.since(until) as f64) / 1e6 }
    }
}

/// Makes `doc`, `origin` and what the host keeps known.
fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Doc>("document")
        .register_get("size", |doc: &mut Doc| doc.columns.size as f64)
        .register_get("uses", |doc: &mut Doc| f64::from(doc.columns.uses))
        .register_get("mime", |doc: &mut Doc| ImmutableString::from(Mime::as_str(doc.columns.mime)))
        .register_get("host", |doc: &mut Doc| doc.host.clone())
        .register_get("path", |doc: &mut Doc| doc.path.clone())
        .register_get("path_class", |doc: &mut Doc| f64::from(doc.columns.path_class))
        .register_get("status", |doc: &mut Doc| f64::from(doc.columns.status))
        .register_get("ttfb_ms", |doc: &mut Doc| f64::from(doc.columns.ttfb_us) / 1e3)
        .register_get("fetch_ms", |doc: &mut Doc| f64::from(doc.columns.fetch_us) / 1e3)
        .register_get("origin", |doc: &mut Doc| f64::from(doc.columns.origin))
        .register_get("ttl", |doc: &mut Doc| doc.ttl())
        // 53 bits fit into a float.
        .register_get("hash", |doc: &mut Doc| (doc.columns.hash >> 11) as f64);
    engine
        .register_type_with_name::<Origin>("origin")
        .register_get("host", |origin: &mut Origin| origin.host.clone())
        .register_get("requests", |origin: &mut Origin| origin.seen.requests as f64)
        .register_get("ttfb_ms", |origin: &mut Origin| origin.seen.ttfb_ms);
    engine
        .register_type_with_name::<SeenByScript>("seen")
        .register_fn("insert", |seen: &mut SeenByScript, doc: Doc| {
            locked(&seen.0).get_or_insert_with(|| Seen::new(FILTER_SEEN)).insert(doc.columns.hash)
        })
        .register_fn("has", |seen: &mut SeenByScript, doc: Doc| {
            locked(&seen.0).as_ref().is_some_and(|seen| seen.has(doc.columns.hash))
        });
    engine
        .register_type_with_name::<SketchOfScript>("sketch")
        .register_fn("add", |sketch: &mut SketchOfScript, doc: Doc| {
            let mut kept = locked(&sketch.0);
            let sketch = kept.get_or_insert_with(|| {
                let mut sketch = Sketch::new();
                sketch.fit(FILTER_SKETCHED);
                sketch
            });
            sketch.add(doc.columns.hash);
            i64::from(sketch.count(doc.columns.hash))
        })
        .register_fn("count", |sketch: &mut SketchOfScript, doc: Doc| {
            locked(&sketch.0).as_ref().map_or(0, |sketch| i64::from(sketch.count(doc.columns.hash)))
        });
    engine
        .register_type_with_name::<OriginsOfScript>("origins")
        .register_fn("requests", |origins: &mut OriginsOfScript, doc: Doc| {
            locked(&origins.0).of(doc.columns.origin).requests as f64
        })
        .register_fn("ttfb_ms", |origins: &mut OriginsOfScript, doc: Doc| {
            locked(&origins.0).of(doc.columns.origin).ttfb_ms
        });
}

#[cfg(test)]
mod tests;
