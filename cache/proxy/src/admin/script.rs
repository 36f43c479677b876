//! Scripts on the running cache: what they see of it, and how what they want is carried out, all of it or nothing.
//!
//! One script runs at a time, on the thread of its command. It reads the repository and asks the engine as any other
//! command does; its plan is one order to the engine when it has come to its end.

use std::path::Path;
use std::sync::Arc;

use cnn_core::policy::{Line, SlotId, Updated};
use cnn_core::repository::Repository;
use cnn_core::time::Tick;
use cnn_modules::{Chosen, Digest, Figures, LiveCache, Plan, PlannedSwitch, Ready, Run};
use parking_lot::Mutex;

use super::audit::Peer;
use super::live::{Counted, switched};
use super::reply::{Fault, Refusal, ScriptRun, ScriptUpdates};
use crate::clock::Clock;
use crate::engine::{Engine, UseError};

/// Digits of a script's digest in the history.
const DIGEST_DIGITS: usize = 12;

/// What runs scripts.
pub struct Scripts {
    engine: Engine,
    cache: Arc<Cache>,
    /// Held while a script runs: there is one at a time.
    scripts: Mutex<cnn_modules::Live>,
}

/// A script to be run.
#[derive(Clone, Copy, Debug)]
pub struct ScriptAsked<'a> {
    /// What it is called in errors; beside it are the files it names.
    pub file: &'a str,
    /// The script.
    pub text: &'a str,
    /// Whether what it wants is done.
    pub effort: Effort,
}

/// Whether what a script wants is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// It is.
    Do,
    /// It is only said.
    DryRun,
}

/// The cache as a script sees it.
struct Cache {
    engine: Engine,
    repository: Arc<Repository>,
    clock: Clock,
    counted: Box<dyn Fn() -> Counted + Send + Sync>,
}

impl Scripts {
    /// What runs scripts on this cache.
    pub fn new(
        engine: Engine,
        repository: Arc<Repository>,
        clock: Clock,
        counted: impl Fn() -> Counted + Send + Sync + 'static,
    ) -> Self {
        let cache = Cache { engine: engine.clone(), repository, clock, counted: Box::new(counted) };
        let cache = Arc::new(cache);
        let scripts = Mutex::new(cnn_modules::Live::new(Arc::clone(&cache) as Arc<dyn LiveCache>));
        Self { engine, cache, scripts }
    }

    /// Runs a script and does what it wants.
    ///
    /// # Errors
    /// When another one is running, when this one is wrong, or when what it wants is refused. Nothing has changed then.
    pub(super) fn run(&self, asked: ScriptAsked<'_>, by: Peer) -> Result<ScriptRun, Refusal> {
        let Some(scripts) = self.scripts.try_lock() else {
            return Err(Refusal::new(Fault::Busy, "another script is running"));
        };
        let digest = Digest::of(asked.text.as_bytes());
        let ran = scripts.run(Path::new(asked.file), asked.text).map_err(|failed| Refusal {
            output: (!failed.output.is_empty()).then(|| failed.output.into()),
            ..Refusal::bad_request(failed.error.to_string())
        });
        let Run { plan, output, value } = ran?;
        let switch = plan.switch.as_ref();
        let mut run = ScriptRun {
            digest: digest.to_string(),
            dry_run: asked.effort == Effort::DryRun,
            output,
            value,
            policy: switch.map(|switch| switch.policy.clone()),
            reevaluate: switch.map(|switch| switch.reevaluate.of(self.cache.documents()) as u64),
            update: plan.update.len() as u64,
            ..ScriptRun::default()
        };
        if asked.effort == Effort::Do {
            let file = Path::new(asked.file).file_name().unwrap_or_default().display();
            let name = super::audit::clipped(&file.to_string()).to_string();
            self.carry_out(plan, format!("{by} script {name} {digest:.DIGEST_DIGITS$}"), &mut run)?;
        }
        Ok(run)
    }

    fn carry_out(&self, plan: Plan, by: String, run: &mut ScriptRun) -> Result<(), Refusal> {
        let Plan { switch, update } = plan;
        let updated = if let Some(PlannedSwitch { ready, reevaluate, .. }) = switch {
            let (switch, updated) = self.engine.use_ready(ready, reevaluate, update, by)?;
            run.switched = Some(switched(&switch));
            updated
        } else if update.is_empty() {
            return Ok(());
        } else {
            self.engine.update(update)?
        };
        if run.update > 0 {
            let Updated { carried, revalued, passed_over } = updated;
            let [carried, revalued, passed_over] = [carried, revalued, passed_over].map(|count| count as u64);
            run.updated = Some(ScriptUpdates { carried, revalued, passed_over });
        }
        Ok(())
    }
}

impl Cache {
    fn documents(&self) -> usize {
        usize::try_from(self.repository.usage().documents).unwrap_or(usize::MAX)
    }
}

impl LiveCache for Cache {
    fn now(&self) -> Tick {
        self.clock.now()
    }

    fn figures(&self) -> Figures {
        let (usage, counted) = (self.repository.usage(), (self.counted)());
        Figures {
            documents: usage.documents,
            bytes: usage.used,
            capacity: usage.limit,
            requests: counted.requests,
            hits: counted.hits,
            sent_bytes: counted.sent_bytes,
            hit_bytes: counted.hit_bytes,
            evictions: self.repository.board().counts().evictions,
        }
    }

    fn policy(&self) -> Result<String, String> {
        let status = self.engine.status().map_err(|error| error.to_string())?;
        Ok(super::live::name(&status.policy))
    }

    fn worst(&self, count: usize) -> Result<Vec<Line>, String> {
        self.engine.worst(count).map_err(|error| error.to_string())
    }

    fn url(&self, id: SlotId) -> Option<String> {
        let stored = self.repository.by_slot(id.slot)?;
        (stored.id() == id).then(|| stored.key().to_owned())
    }

    fn prepare(&self, policy: Chosen<'_>) -> Result<Ready, String> {
        self.engine.ready(policy).map_err(|error: UseError| error.to_string())
    }
}

/// What an operator wrote for `--dry-run`.
pub(super) fn effort(text: Option<&str>) -> Result<Effort, Refusal> {
    match text {
        None | Some("no") => Ok(Effort::Do),
        Some("yes") => Ok(Effort::DryRun),
        Some(_) => Err(Refusal::argument("dry-run", "is neither yes nor no")),
    }
}

/// What the audit log says of a run.
pub(super) fn outcome(run: &ScriptRun) -> String {
    let ScriptRun { dry_run, policy, reevaluate, update, switched, updated, .. } = run;
    let policy = policy.as_deref().unwrap_or("none");
    let reevaluate = reevaluate.unwrap_or(0);
    if *dry_run {
        return format!("dry run, would switch to {policy}, reevaluate {reevaluate}, update {update}");
    }
    let token = switched.as_ref().map_or("none", |switched| &switched.token);
    let updates = updated.unwrap_or_default();
    let ScriptUpdates { carried, revalued, passed_over } = updates;
    format!(
        "switched to {policy}, token {token}, reevaluate {reevaluate}, update {update}: carried {carried}, revalued \
         {revalued}, passed over {passed_over}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_line_says_what_was_done() {
        let run = ScriptRun { policy: Some("f".to_owned()), reevaluate: Some(20), ..ScriptRun::default() };
        let dry = ScriptRun { dry_run: true, ..run.clone() };
        assert_eq!(outcome(&dry), "dry run, would switch to f, reevaluate 20, update 0");
        assert!(outcome(&run).starts_with("switched to f, token none, reevaluate 20, update 0: carried 0"));
    }
}
