//! Monitors as rhai scripts: `fn on_request(r)` is called for every request, `fn on_tick(clock)` about once a second,
//! `fn on_start()` before anything; `this` is a map that lasts from call to call.
//!
//! ```text
//!   //! role: monitor
//!   //! metric: requests{host} counter Requests by host
//!   fn on_request(r) { count("requests", #{host: r.host}) }
//! ```
//!
//! What a call does wrong costs that call; after some faults the script is not called any more. `scripts/README.md` is
//! the page for authors.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use cnn_core::limits::MONITOR_LABELS_MAX;
use cnn_core::monitor::{
    Declared, Metrics, Moment, Monitor, PublishError, Records, Request, RequestFlags, Reuse, ReuseSketch,
    Seen, Served, Value, Verb,
};
use cnn_core::policy::Mime;
use cnn_core::time::Tick;
use rhai::{
    AST, ASTNode, CallFnOptions, Dynamic, Engine, EvalAltResult, Expr, FuncArgs, ImmutableString, Map,
    NativeCallContext, Position, Scope,
};

use super::engine::{self, Fault};
use super::error::Source;
use super::{Body, Script, ScriptError};
use crate::limits::TRAPS_MAX;
use crate::{FaultKind, Health};

/// Making one takes 150 microseconds, so there is one.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = engine::base();
    register_types(&mut engine);
    register_publishing(&mut engine);
    engine
});

/// What a request has.
const FIELDS: [&str; 19] = [
    "time",
    "key",
    "host",
    "path",
    "method",
    "status",
    "served",
    "hit",
    "mime",
    "bytes",
    "origin_bytes",
    "total_ms",
    "ttfb_ms",
    "origin_ms",
    "origin_ttfb_ms",
    "origin",
    "collapsed",
    "aborted",
    "timed_out",
];

/// What the clock of a tick has.
const CLOCK_FIELDS: [&str; 2] = ["now", "elapsed"];

const ON_START: &str = "on_start";
const ON_REQUEST: &str = "on_request";
const ON_TICK: &str = "on_tick";

/// What is run.
#[derive(Debug)]
pub(super) struct Program {
    ast: AST,
    has_start: bool,
    has_tick: bool,
    /// Whether any path is looked at: only then are they made strings of the script's.
    reads_path: bool,
}

/// A request as a script sees it.
#[derive(Clone)]
struct Told {
    request: Request,
    host: ImmutableString,
    path: ImmutableString,
}

/// The time as a script sees it.
#[derive(Clone, Copy)]
struct Clock(Moment);

/// What the functions of a script act on, handed to every call.
#[derive(Clone)]
struct Tag(Arc<Mutex<Board>>);

/// Guarded by its lock, which only the thread of the monitor takes.
struct Board {
    metrics: Metrics,
    reuse: Option<Box<ReuseSketch>>,
}

/// Compiles a script and tries it on made-up requests.
pub(super) fn compile(source: &Source<'_>) -> Result<Script, ScriptError> {
    let ast = ENGINE
        .compile(source.text)
        .map_err(|error| source.error(error.position(), error.err_type().to_string()))?;
    let manifest = source.manifest(None)?;
    let function = |name: &str, count: usize| {
        ast.iter_functions().find(|it| it.name == name && it.params.len() == count)
    };
    let Some(on_request) = function(ON_REQUEST, 1) else {
        return Err(source.error(Position::NONE, "a monitor needs `fn on_request(r)`".to_owned()));
    };
    let on_tick = function(ON_TICK, 1);
    let clock = on_tick.as_ref().and_then(|it| it.params.first().copied()).unwrap_or_default();
    let reads_path = check_fields(&ast, on_request.params[0], clock, source)?;
    let (has_start, has_tick) = (function(ON_START, 0).is_some(), on_tick.is_some());
    let program = Arc::new(Program { ast, has_start, has_tick, reads_path });
    let mut watcher =
        Watcher::new(Arc::clone(&program), Metrics::new(manifest.metrics.clone()), Arc::default());
    watcher.try_out().map_err(|fault| source.error(fault.position, fault.message))?;
    Ok(Script::of(source, manifest, Body::Monitor(program)))
}

/// Refuses fields that a request or the clock does not have; whether a path is read.
fn check_fields(ast: &AST, request: &str, clock: &str, source: &Source<'_>) -> Result<bool, ScriptError> {
    let (mut unknown, mut reads_path) = (None, false);
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Dot(pair, ..))) = path.last()
            && let (Expr::Variable(of, ..), Some((field, position))) = (&pair.lhs, field(&pair.rhs))
        {
            reads_path |= field == "path";
            let of = of.1.as_str();
            let known: &[&str] = match of {
                _ if of == request => &FIELDS,
                _ if of == clock => &CLOCK_FIELDS,
                _ => return true,
            };
            if !known.contains(&field) {
                unknown
                    .get_or_insert((format!("no field {field:?}; {of} has {}", known.join(", ")), position));
            }
        }
        true
    });
    match unknown {
        Some((message, position)) => Err(source.error(position, message)),
        None => Ok(reads_path),
    }
}

/// The field that is read first of what stands after a dot.
fn field(expr: &Expr) -> Option<(&str, Position)> {
    match expr {
        Expr::Property(names, position) => Some((names.2.as_str(), *position)),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => field(&pair.lhs),
        _ => None,
    }
}

/// The monitor.
pub(super) struct Watcher {
    program: Arc<Program>,
    board: Arc<Mutex<Board>>,
    /// What the script keeps from call to call.
    this: Dynamic,
    health: Arc<Health>,
    is_silenced: bool,
    has_started: bool,
    /// The time of the call being made.
    now: Tick,
    /// The host of the request before: mostly that of the next.
    host: ImmutableString,
}

impl Watcher {
    pub(super) fn new(program: Arc<Program>, metrics: Metrics, health: Arc<Health>) -> Self {
        let board = Arc::new(Mutex::new(Board { metrics, reuse: None }));
        let (this, host) = (Dynamic::from(Map::new()), ImmutableString::new());
        Self {
            program,
            board,
            this,
            health,
            is_silenced: false,
            has_started: false,
            now: Tick::default(),
            host,
        }
    }

    /// Calls it for some made-up requests and a tick.
    fn try_out(&mut self) -> Result<(), Fault> {
        let mut records = Records::default();
        trials().for_each(|(request, host, path)| records.push(request, host, path));
        if self.program.has_start {
            self.start()?;
        }
        for seen in records.iter() {
            let told = self.told(&seen);
            self.call(ON_REQUEST, (told,))?;
        }
        if self.program.has_tick {
            self.tick_now(Moment { now: Tick::from_secs(100), elapsed_us: 1_000_000 })?;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Fault> {
        self.has_started = true;
        self.call(ON_START, ())
    }

    fn tick_now(&mut self, moment: Moment) -> Result<(), Fault> {
        self.call(ON_TICK, (Clock(moment),))
    }

    fn told(&mut self, seen: &Seen<'_>) -> Told {
        if self.host != seen.host {
            self.host = seen.host.into();
        }
        let path = if self.program.reads_path { seen.path.into() } else { ImmutableString::new() };
        Told { request: *seen.request, host: self.host.clone(), path }
    }

    fn call(&mut self, name: &str, arguments: impl FuncArgs) -> Result<(), Fault> {
        let options = CallFnOptions::new()
            .eval_ast(false)
            .bind_this_ptr(&mut self.this)
            .with_tag(Tag(Arc::clone(&self.board)));
        let (ast, scope) = (&self.program.ast, &mut Scope::new());
        let done = ENGINE.call_fn_with_options::<Dynamic>(options, scope, ast, name, arguments);
        done.map(drop).map_err(|error| engine::fault(&error))
    }

    /// Makes a call, unless it has failed too often, and notes when it fails.
    fn attempt(&mut self, call: impl FnOnce(&mut Self) -> Result<(), Fault>) {
        if self.is_silenced {
            return;
        }
        self.health.called();
        if let Err(fault) = call(self) {
            let place = fault.position.line().map(|line| format!("line {line}: ")).unwrap_or_default();
            let fault = crate::Fault::new(FaultKind::Script, "", format!("{place}{}", fault.message));
            self.is_silenced = !self.health.fault(fault, self.now, TRAPS_MAX, || None);
        }
    }
}

impl Monitor for Watcher {
    fn observe(&mut self, records: &Records) {
        if self.program.has_start && !self.has_started {
            self.attempt(Self::start);
        }
        for seen in records.iter() {
            self.now = Tick(seen.request.time);
            self.attempt(|own| {
                let told = own.told(&seen);
                own.call(ON_REQUEST, (told,))
            });
        }
    }

    fn tick(&mut self, moment: Moment) {
        if self.program.has_start && !self.has_started {
            self.attempt(Self::start);
        }
        self.now = moment.now;
        if self.program.has_tick {
            self.attempt(|own| own.tick_now(moment));
        }
    }

    fn metrics(&self) -> Metrics {
        locked(&self.board).metrics.clone()
    }

    fn is_fit(&self) -> bool {
        !self.is_silenced
    }
}

fn locked(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

fn register_types(engine: &mut Engine) {
    let millis = |us: u32| f64::from(us) / 1e3;
    let has = |told: &Told, flag: u8| told.request.flags & flag != 0;
    engine
        .register_type_with_name::<Told>("request")
        .register_get("time", |told: &mut Told| told.request.time as f64 / 1e6)
        .register_get("key", |told: &mut Told| told.request.key.cast_signed())
        .register_get("host", |told: &mut Told| told.host.clone())
        .register_get("path", |told: &mut Told| told.path.clone())
        .register_get("method", |told: &mut Told| ImmutableString::from(told.request.verb().as_str()))
        .register_get("status", |told: &mut Told| i64::from(told.request.status))
        .register_get("served", |told: &mut Told| ImmutableString::from(told.request.served().as_str()))
        .register_get("hit", |told: &mut Told| told.request.is_hit())
        .register_get("mime", |told: &mut Told| {
            ImmutableString::from(Mime::from_u8(told.request.mime).as_str())
        })
        .register_get("bytes", |told: &mut Told| told.request.sent_bytes as f64)
        .register_get("origin_bytes", |told: &mut Told| told.request.origin_bytes as f64)
        .register_get("total_ms", move |told: &mut Told| millis(told.request.total_us))
        .register_get("ttfb_ms", move |told: &mut Told| millis(told.request.ttfb_us))
        .register_get("origin_ms", move |told: &mut Told| millis(told.request.origin_us))
        .register_get("origin_ttfb_ms", move |told: &mut Told| millis(told.request.origin_ttfb_us))
        .register_get("origin", |told: &mut Told| i64::from(told.request.origin))
        .register_get("collapsed", move |told: &mut Told| has(told, RequestFlags::COLLAPSED))
        .register_get("aborted", move |told: &mut Told| has(told, RequestFlags::ABORTED))
        .register_get("timed_out", move |told: &mut Told| has(told, RequestFlags::TIMED_OUT));
    engine
        .register_type_with_name::<Clock>("clock")
        .register_get("now", |clock: &mut Clock| clock.0.now.0 as f64 / 1e6)
        .register_get("elapsed", |clock: &mut Clock| clock.0.elapsed_us as f64 / 1e6);
    engine
        .register_type_with_name::<Reuse>("reuse")
        .register_get("sampled", |reuse: &mut Reuse| *reuse != Reuse::Unsampled)
        .register_get("first", |reuse: &mut Reuse| matches!(reuse, Reuse::First { .. }))
        .register_get("distance", |reuse: &mut Reuse| match reuse {
            Reuse::Again { distance, .. } => *distance,
            Reuse::First { .. } | Reuse::Unsampled => -1.0,
        })
        .register_get("weight", |reuse: &mut Reuse| match reuse {
            Reuse::Again { weight, .. } | Reuse::First { weight } => *weight as f64,
            Reuse::Unsampled => 0.0,
        });
}

type Said<T> = Result<T, Box<EvalAltResult>>;

/// What a publishing function was given beside a metric's name: `(labels, value, times)` without what is left out.
struct Given {
    labels: Option<Map>,
    numbers: Vec<f64>,
}

impl Given {
    fn of(context: &NativeCallContext<'_>, arguments: Vec<Dynamic>) -> Said<Self> {
        let mut given = Self { labels: None, numbers: Vec::new() };
        for (place, argument) in arguments.into_iter().enumerate() {
            if place == 0 && argument.is_map() {
                given.labels = argument.try_cast();
            } else if let Some(number) = number(&argument) {
                given.numbers.push(number);
            } else {
                let found = argument.type_name();
                return Err(said(context, format!("expected labels, then numbers, and not a {found}")));
            }
        }
        Ok(given)
    }
}

/// `count`, `gauge` and `observe`, with labels or without, with numbers of either kind; `reuse`.
fn register_publishing(engine: &mut Engine) {
    type Publish = fn(&NativeCallContext<'_>, &str, Vec<Dynamic>) -> Said<()>;
    let functions: [(&str, Publish); 3] = [("count", count), ("gauge", gauge), ("observe", observe)];
    for (name, publish) in functions {
        engine
            .register_fn(name, move |context: NativeCallContext<'_>, metric: &str| {
                publish(&context, metric, Vec::new())
            })
            .register_fn(name, move |context: NativeCallContext<'_>, metric: &str, a: Dynamic| {
                publish(&context, metric, vec![a])
            })
            .register_fn(name, move |context: NativeCallContext<'_>, metric: &str, a: Dynamic, b: Dynamic| {
                publish(&context, metric, vec![a, b])
            })
            .register_fn(
                name,
                move |context: NativeCallContext<'_>, metric: &str, a: Dynamic, b: Dynamic, c: Dynamic| {
                    publish(&context, metric, vec![a, b, c])
                },
            );
    }
    engine
        .register_fn("value", |context: NativeCallContext<'_>, metric: &str| value(&context, metric, None))
        .register_fn("value", |context: NativeCallContext<'_>, metric: &str, labels: Map| {
            value(&context, metric, Some(labels))
        });
    engine.register_fn("reuse", |context: NativeCallContext<'_>, key: i64| -> Said<Reuse> {
        with_board(&context, |board| Ok(board.reuse.get_or_insert_default().request(key.cast_unsigned())))
    });
}

fn count(context: &NativeCallContext<'_>, metric: &str, arguments: Vec<Dynamic>) -> Said<()> {
    let given = Given::of(context, arguments)?;
    let value = match given.numbers[..] {
        [] => 1.0,
        [value] => value,
        _ => return Err(said(context, "count takes one number".to_owned())),
    };
    publish(context, metric, &given, |metrics, number, labels| metrics.count(number, labels, value))
}

fn gauge(context: &NativeCallContext<'_>, metric: &str, arguments: Vec<Dynamic>) -> Said<()> {
    let given = Given::of(context, arguments)?;
    let [value] = given.numbers[..] else {
        return Err(said(context, "gauge takes one number".to_owned()));
    };
    publish(context, metric, &given, |metrics, number, labels| metrics.gauge(number, labels, value))
}

fn observe(context: &NativeCallContext<'_>, metric: &str, arguments: Vec<Dynamic>) -> Said<()> {
    let given = Given::of(context, arguments)?;
    let (value, times) = match given.numbers[..] {
        [value] => (value, 1.0),
        [value, times] if times >= 0.0 => (value, times),
        _ => {
            let why = "observe takes a number, and another, not below 0, for how often".to_owned();
            return Err(said(context, why));
        }
    };
    // Saturates.
    let times = times as u64;
    publish(context, metric, &given, |metrics, number, labels| metrics.observe(number, labels, value, times))
}

fn publish(
    context: &NativeCallContext<'_>,
    metric: &str,
    given: &Given,
    publish: impl FnOnce(&mut Metrics, usize, &[&str]) -> Result<(), PublishError>,
) -> Said<()> {
    with_board(context, |board| {
        let number = board.metrics.number(metric).map_err(|error| error.to_string())?;
        let labels = Labels::of(board.metrics.families()[number].declared(), given.labels.as_ref())?;
        publish(&mut board.metrics, number, &labels.texts()).map_err(|error| error.to_string())
    })
}

/// What a counter or a gauge stands at; 0 before the first time.
fn value(context: &NativeCallContext<'_>, metric: &str, labels: Option<Map>) -> Said<f64> {
    with_board(context, |board| {
        let number = board.metrics.number(metric).map_err(|error| error.to_string())?;
        let labels = Labels::of(board.metrics.families()[number].declared(), labels.as_ref())?;
        match board.metrics.value(metric, &labels.texts()) {
            None => Ok(0.0),
            Some(Value::Number(number)) => Ok(*number),
            Some(Value::Spread(_)) => Err(format!("{metric} is a histogram, which has no one value")),
        }
    })
}

/// Values of labels in the order in which their metric declares them.
struct Labels {
    values: [ImmutableString; MONITOR_LABELS_MAX],
    count: usize,
}

impl Labels {
    fn of(declared: &Declared, given: Option<&Map>) -> Result<Self, String> {
        let (count, none) = (declared.labels.len(), Map::new());
        let given = given.unwrap_or(&none);
        let others = || PublishError::Labels(declared.clone()).to_string();
        if given.len() != count {
            return Err(others());
        }
        let mut values: [ImmutableString; MONITOR_LABELS_MAX] = Default::default();
        for (value, name) in values.iter_mut().zip(&declared.labels) {
            let found = given.get(name.as_str()).ok_or_else(others)?;
            *value =
                label(found).ok_or_else(|| format!("the label {name} cannot be a {}", found.type_name()))?;
        }
        Ok(Self { values, count })
    }

    fn texts(&self) -> Vec<&str> {
        self.values[..self.count].iter().map(|value| value.as_str()).collect()
    }
}

fn with_board<T>(
    context: &NativeCallContext<'_>,
    act: impl FnOnce(&mut Board) -> Result<T, String>,
) -> Said<T> {
    let tag = context.tag().and_then(|tag| tag.read_lock::<Tag>().map(|tag| tag.clone()));
    let Some(Tag(board)) = tag else {
        return Err(said(context, "can be called by a monitor only".to_owned()));
    };
    let done = act(&mut locked(&board));
    done.map_err(|why| said(context, why))
}

fn said(context: &NativeCallContext<'_>, why: String) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(why.into(), context.call_position()))
}

fn number(value: &Dynamic) -> Option<f64> {
    value.as_float().or_else(|_| value.as_int().map(|int| int as f64)).ok()
}

/// The value of a label: texts as they are, numbers and truth values as they are written.
fn label(value: &Dynamic) -> Option<ImmutableString> {
    if value.is_string() {
        return value.clone().into_immutable_string().ok();
    }
    match (value.as_int(), value.as_float(), value.as_bool()) {
        (Ok(int), ..) => Some(int.to_string().into()),
        (_, Ok(float), _) => Some(float.to_string().into()),
        (.., Ok(truth)) => Some(truth.to_string().into()),
        _ => None,
    }
}

/// Made-up requests to try a script on: one of each way of being served.
fn trials() -> impl Iterator<Item = (Request, &'static str, &'static str)> {
    (0_u8..).zip(Served::ALL).map(|(number, &served)| {
        let is_hit = matches!(served, Served::Hit | Served::Validated | Served::Stale);
        let from_origin = matches!(served, Served::Miss | Served::Changed);
        let request = Request {
            time: 90_000_000 + u64::from(number),
            key: 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(number % 5) + 1),
            sent_bytes: 1000 << number,
            origin_bytes: if from_origin { 1000 << number } else { 0 },
            total_us: 250 << number,
            ttfb_us: 200,
            origin_us: if from_origin { 40_000 } else { 0 },
            origin_ttfb_us: if from_origin { 20_000 } else { 0 },
            origin: 7,
            status: if number % 3 == 2 { 0 } else { 200 },
            served: served as u8,
            verb: Verb::Get as u8,
            mime: number,
            flags: u8::from(is_hit),
            ..Request::default()
        };
        if number % 4 == 3 { (request, "", "") } else { (request, "example.test", "/a/path") }
    })
}

#[cfg(test)]
mod tests;
