//! A proxy for the tests of the socket: it knows three policies, remembers what it was told, and can be held.

use std::path::Path;
use std::sync::{Condvar, Mutex};

use cnn_core::policy::Reevaluate;

use super::audit::Peer;
use super::control::Control;
use super::reply::*;
use super::script::{Effort, ScriptAsked};

#[derive(Default)]
pub(super) struct Fake {
    used: Mutex<Vec<(String, Reevaluate, Peer)>>,
    held: Mutex<bool>,
    released: Condvar,
}

impl Fake {
    /// Switches so far.
    pub(super) fn used(&self) -> Vec<(String, Reevaluate, Peer)> {
        self.used.lock().expect("no test panics with it").clone()
    }

    /// From now on `worst` does not come back...
    pub(super) fn hold(&self) {
        *self.held.lock().expect("no test panics with it") = true;
    }

    /// ... until now.
    pub(super) fn release(&self) {
        *self.held.lock().expect("no test panics with it") = false;
        self.released.notify_all();
    }
}

impl Control for Fake {
    fn status(&self) -> Result<Status, Refusal> {
        let policy = self.used().last().map_or("lru".to_owned(), |(name, ..)| name.clone());
        Ok(Status { policy, requests: 4, hits: 3, hit_ratio: 0.75, ..Status::default() })
    }

    fn top(&self) -> Result<Top, Refusal> {
        Ok(Top { status: self.status()?, ..Top::default() })
    }

    fn policies(&self) -> Result<PolicyList, Refusal> {
        let policy =
            |name: &str| Policy { name: name.to_owned(), kind: "key".to_owned(), ..Policy::default() };
        let policies = ["gdsf", "lfu-da", "lru"].map(policy).into();
        Ok(PolicyList { policy: self.status()?.policy, previous_policy: None, policies })
    }

    fn use_policy(&self, name: &str, reevaluate: Reevaluate, by: Peer) -> Result<Switched, Refusal> {
        let previous_policy = self.status()?.policy;
        self.used.lock().expect("no test panics with it").push((name.to_owned(), reevaluate, by));
        let token = self.used().len().to_string();
        let previous_policy = Some(previous_policy);
        Ok(Switched { token, policy: name.to_owned(), previous_policy, carried: 10, ..Switched::default() })
    }

    fn rollback(&self, _reevaluate: Reevaluate, _by: Peer) -> Result<Switched, Refusal> {
        Err(Refusal::new(Fault::Failed, "there was no switch yet"))
    }

    fn history(&self) -> Result<History, Refusal> {
        Ok(History::default())
    }

    fn modules(&self) -> Result<ModuleList, Refusal> {
        Ok(ModuleList { modules: vec![Module { name: "mine".to_owned(), ..Module::default() }] })
    }

    fn module(&self, name: &str) -> Result<Module, Refusal> {
        Err(Refusal::unknown("module", "name", name, ["mine"]))
    }

    fn load_module(&self, path: &Path, name: Option<&str>, _by: Peer) -> Result<Module, Refusal> {
        let (name, path) = (name.unwrap_or("mine").to_owned(), path.display().to_string());
        Ok(Module { name, path, ..Module::default() })
    }

    fn unload_module(&self, name: &str) -> Result<Module, Refusal> {
        self.module(name)
    }

    fn reload_module(&self, name: &str, _: Reevaluate, _: Peer) -> Result<ModuleChanged, Refusal> {
        Ok(ModuleChanged { name: name.to_owned(), unchanged: true, ..ModuleChanged::default() })
    }

    fn set_module(&self, _: &str, values: &str, _: Reevaluate, _: Peer) -> Result<ModuleChanged, Refusal> {
        Ok(ModuleChanged { name: values.to_owned(), ..ModuleChanged::default() })
    }

    fn worst(&self, limit: usize) -> Result<Worst, Refusal> {
        let held = self.held.lock().expect("no test panics with it");
        let _released = self.released.wait_while(held, |held| *held).expect("no test panics with it");
        Ok(Worst { policy: limit.to_string(), documents: Vec::new() })
    }

    fn filters(&self, role: FilterRole) -> Result<FilterList, Refusal> {
        Ok(FilterList { role, asked: "none".to_owned(), ..FilterList::default() })
    }

    fn filter(&self, role: FilterRole) -> Result<FilterShown, Refusal> {
        Ok(FilterShown { role, name: "none".to_owned(), ..FilterShown::default() })
    }

    fn use_filter(&self, role: FilterRole, spec: &str, _by: Peer) -> Result<FilterUsed, Refusal> {
        Ok(FilterUsed { role, name: spec.to_owned(), previous: "none".to_owned() })
    }

    fn run_script(&self, script: ScriptAsked<'_>, _by: Peer) -> Result<ScriptRun, Refusal> {
        let dry_run = script.effort == Effort::DryRun;
        Ok(ScriptRun { output: script.text.to_owned(), dry_run, ..ScriptRun::default() })
    }

    fn purge(&self, url: &str) -> Result<Purged, Refusal> {
        Ok(Purged { url: url.to_owned(), variants: 1, bytes: 100 })
    }

    fn explain(&self, url: &str) -> Result<Explanation, Refusal> {
        Ok(Explanation { url: url.to_owned(), ..Explanation::default() })
    }

    fn monitors(&self) -> Result<MonitorList, Refusal> {
        Ok(MonitorList::default())
    }

    fn monitor(&self, name: &str) -> Result<MonitorValues, Refusal> {
        Err(Refusal::unknown("attached monitor", "name", name, []))
    }

    fn attach_monitor(&self, spec: &str, by: Peer) -> Result<MonitorStatus, Refusal> {
        Ok(MonitorStatus { name: spec.to_owned(), by: by.to_string(), ..MonitorStatus::default() })
    }

    fn detach_monitor(&self, name: &str) -> Result<MonitorStatus, Refusal> {
        Ok(MonitorStatus { name: name.to_owned(), ..MonitorStatus::default() })
    }
}
