//! From a request's parts to a reply: route, gather arguments, ask the proxy, audit. No sockets here; `server.rs`
//! brings the bytes and the deadlines.

use std::path::Path;

use cnn_modules::Digest;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::arguments::Arguments;
use super::audit::{self, Peer};
use super::command::{self, COMMANDS, Command, Effect, Route, SCRIPT_TEXT, Verb};
use super::control::Control;
use super::reply::{Fault, FilterRole, Module, ModuleChanged, Refusal, Switched};
use super::script::{self, ScriptAsked};

/// Documents `policy worst` lists at most, and when not told how many.
const WORST_MAX: usize = 1000;
const WORST_DEFAULT: usize = 10;

/// A request to the admin socket, read whole.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Vec<u8>,
    pub(super) peer: Peer,
}

/// A reply, ready to be sent: JSON, ended by a line feed.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) json: Vec<u8>,
    /// The one method this path knows, where another was used.
    pub(super) allow: Option<Method>,
    /// What the audit log says of it.
    pub(super) audit: Option<String>,
}

/// Carries out one request. May block as long as [`Control`] does.
pub(super) fn answer(control: &dyn Control, asked: &Asked) -> Answer {
    if asked.path == "/" && asked.method == Method::GET {
        return Answer::new(&commands());
    }
    let Some(route) = command::route(&asked.path) else {
        let paths = COMMANDS.iter().map(|command| command.path);
        return Answer::refused(&Refusal::unknown("command at", "path", &asked.path, paths));
    };
    let method = route.command.effect.method();
    if asked.method != method {
        let error = format!("{} is asked for with {method}", route.command.path);
        let refused = Answer::refused(&Refusal::new(Fault::WrongMethod, error));
        return Answer { allow: Some(method), ..refused };
    }
    carry_out(control, &route, asked)
}

fn carry_out(control: &dyn Control, route: &Route<'_>, asked: &Asked) -> Answer {
    let command = route.command;
    let arguments = match Arguments::gather(route, &asked.query, &asked.body) {
        Ok(arguments) => arguments,
        Err(refusal) => return Answer::refused(&refusal),
    };
    let done = perform(control, command, &arguments, asked.peer);
    let audit = (command.effect == Effect::Changes).then(|| {
        let outcome = match &done {
            Ok(done) => format!("done, {}", done.outcome),
            Err(refusal) => format!("refused, {}", audit::clipped(&refusal.error)),
        };
        let digest = arguments.text(SCRIPT_TEXT).map(|text| Digest::of(text.as_bytes()).to_string());
        let given = arguments.given().map(|(name, value)| match (name, &digest) {
            (SCRIPT_TEXT, Some(digest)) => ("digest", digest.as_str()),
            _ => (name, value),
        });
        audit::line(asked.peer, command.words, given, &outcome)
    });
    let answer = match done {
        Ok(done) => Answer { status: StatusCode::OK, json: done.json, allow: None, audit: None },
        Err(refusal) => Answer::refused(&refusal),
    };
    Answer { audit, ..answer }
}

/// A reply, and what the audit log says of it.
struct Done {
    json: Vec<u8>,
    outcome: String,
}

impl Done {
    fn read(reply: &impl Serialize) -> Self {
        Self::changed(reply, String::new())
    }

    fn changed(reply: &impl Serialize, outcome: String) -> Self {
        Self { json: to_json(reply), outcome }
    }

    fn switched(reply: &Switched) -> Self {
        let Switched {
            token,
            policy,
            previous_policy,
            carried,
            reevaluated,
            pending,
            prepare_us,
            handover_us,
            unchanged,
        } = reply;
        if *unchanged {
            return Self::changed(reply, format!("{policy} is deciding already"));
        }
        let previous = previous_policy.as_deref().unwrap_or("none");
        let outcome = format!(
            "{previous} -> {policy}, token {token}, carried {carried}, reevaluated {reevaluated}, \
             pending {pending}, prepared in {prepare_us} us, handed over in {handover_us} us"
        );
        Self::changed(reply, outcome)
    }

    fn module(reply: &ModuleChanged) -> Self {
        let ModuleChanged { name, switched, state, unchanged } = reply;
        let state =
            state.as_deref().map(|state| format!(", what it had learned was {state}")).unwrap_or_default();
        let outcome = match switched {
            _ if *unchanged => format!("{name} is so already"),
            None => format!("{name}, which does not decide"),
            Some(switched) => format!("{name}, {}{state}", Self::switched(switched).outcome),
        };
        Self::changed(reply, outcome)
    }
}

fn perform(
    control: &dyn Control,
    command: &Command,
    arguments: &Arguments,
    peer: Peer,
) -> Result<Done, Refusal> {
    Ok(match command.verb {
        Verb::Status => Done::read(&control.status()?),
        Verb::Top => Done::read(&control.top()?),
        Verb::PolicyList => Done::read(&control.policies()?),
        Verb::PolicyShow => Done::read(&control.policy(arguments.required("name")?)?),
        Verb::PolicyUse => {
            let spec = arguments.required("name")?;
            // What it is given is for whoever builds it to judge; a wrong name is told with the nearest one.
            if !cnn_modules::is_file(spec) {
                control.policy(bare(spec))?;
            } else {
                whole("name", bare(spec))?;
            }
            let reevaluate = arguments.reevaluate("reevaluate")?;
            if arguments.is_set("force")? {
                control.release_module(spec)?;
            }
            Done::switched(&control.use_policy(spec, reevaluate, peer)?)
        }
        Verb::PolicyRollback => Done::switched(&control.rollback(arguments.reevaluate("reevaluate")?, peer)?),
        Verb::PolicyHistory => Done::read(&control.history()?),
        Verb::PolicyWatch => Done::read(&control.switch(arguments.required("token")?)?),
        Verb::PolicyWorst => {
            Done::read(&control.worst(arguments.count("limit", WORST_DEFAULT, WORST_MAX)?)?)
        }
        Verb::AdmissionList => Done::read(&control.filters(FilterRole::Admission)?),
        Verb::AdmissionShow => Done::read(&control.filter(FilterRole::Admission)?),
        Verb::AdmissionUse => use_filter(control, FilterRole::Admission, arguments, peer)?,
        Verb::FreshnessList => Done::read(&control.filters(FilterRole::Freshness)?),
        Verb::FreshnessShow => Done::read(&control.filter(FilterRole::Freshness)?),
        Verb::FreshnessUse => use_filter(control, FilterRole::Freshness, arguments, peer)?,
        Verb::ModuleLoad => {
            let path = whole("file", arguments.required("file")?)?;
            let module = control.load_module(path, arguments.text("name"), peer)?;
            let Module { name, role, form, sha256, .. } = &module;
            let digest = sha256.get(..12).unwrap_or_default();
            Done::changed(&module, format!("{name}, {role}, {form}, sha256 {digest}"))
        }
        Verb::ModuleList => Done::read(&control.modules()?),
        Verb::ModuleShow => Done::read(&control.module(arguments.required("name")?)?),
        Verb::ModuleUnload => {
            let module = control.unload_module(arguments.required("name")?)?;
            Done::changed(&module, format!("{} unloaded", module.name))
        }
        Verb::ModuleReload => {
            let reevaluate = arguments.reevaluate("reevaluate")?;
            Done::module(&control.reload_module(arguments.required("name")?, reevaluate, peer)?)
        }
        Verb::ModuleSet => {
            let (name, values) = (arguments.required("name")?, arguments.required("values")?);
            let reevaluate = arguments.reevaluate("reevaluate")?;
            Done::module(&control.set_module(name, values, reevaluate, peer)?)
        }
        Verb::ScriptRun => {
            let script = ScriptAsked {
                file: arguments.text("file").unwrap_or("the text"),
                text: arguments.required(SCRIPT_TEXT)?,
                effort: script::effort(arguments.text("dry-run"))?,
            };
            let run = control.run_script(script, peer)?;
            Done::changed(&run, script::outcome(&run))
        }
        Verb::Purge => {
            let purged = control.purge(arguments.required("url")?)?;
            Done::changed(&purged, format!("{} variants, {} bytes", purged.variants, purged.bytes))
        }
        Verb::Explain => Done::read(&control.explain(arguments.required("url")?)?),
        Verb::MonitorList => Done::read(&control.monitors()?),
        Verb::MonitorShow => Done::read(&control.monitor(arguments.required("name")?)?),
        Verb::MonitorAttach => {
            let spec = arguments.required("spec")?;
            if cnn_modules::is_file(spec) && !Path::new(bare(spec)).is_absolute() {
                return Err(Refusal::argument("spec", "expected the whole path of the file"));
            }
            let attached = control.attach_monitor(spec, peer)?;
            Done::changed(&attached, format!("{} is attached", attached.name))
        }
        Verb::MonitorDetach => {
            let detached = control.detach_monitor(arguments.required("name")?)?;
            let (seen, lost) = (detached.requests_seen, detached.requests_lost);
            Done::changed(&detached, format!("{seen} requests seen, {lost} lost"))
        }
    })
}

fn use_filter(
    control: &dyn Control,
    role: FilterRole,
    arguments: &Arguments,
    peer: Peer,
) -> Result<Done, Refusal> {
    let spec = arguments.required("name")?;
    if cnn_modules::is_file(spec) {
        whole("name", bare(spec))?;
    }
    let used = control.use_filter(role, spec, peer)?;
    let outcome = format!("{} -> {}", used.previous, used.name);
    Ok(Done::changed(&used, outcome))
}

/// The path of a file, which the proxy may have another folder for.
fn whole<'a>(argument: &'static str, path: &'a str) -> Result<&'a Path, Refusal> {
    let path = Path::new(path);
    match path.is_absolute() {
        true => Ok(path),
        false => Err(Refusal::argument(argument, "expected the whole path of the file")),
    }
}

/// The name of a policy without what it is given: `s3-fifo` of `s3-fifo(small=0.2)`.
pub(super) fn bare(spec: &str) -> &str {
    spec.split('(').next().unwrap_or_default().trim()
}

/// The table itself, for whoever has only curl at hand.
fn commands() -> serde_json::Value {
    let rows = COMMANDS.iter().map(|command| {
        json!({
            "command": command.usage(), "request": command.request(), "effect": command.effect,
            "help": command.help, "arguments": command.arguments,
        })
    });
    json!({ "commands": rows.collect::<Vec<_>>() })
}

impl Answer {
    fn new(reply: &impl Serialize) -> Self {
        Self { status: StatusCode::OK, json: to_json(reply), allow: None, audit: None }
    }

    pub(super) fn refused(refusal: &Refusal) -> Self {
        Self { status: refusal.fault.status(), ..Self::new(refusal) }
    }
}

fn to_json(reply: &impl Serialize) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(reply).expect("replies are plain data with text keys");
    json.push(b'\n');
    json
}

#[cfg(test)]
mod tests;
