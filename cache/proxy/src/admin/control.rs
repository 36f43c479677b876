//! What the admin socket asks of the proxy it stands in. One trait, so that the socket is tested without a proxy and
//! knows nothing of workers, engine and repository. Every answer may be a refusal: a proxy may be on its way down.

use std::path::Path;

use cnn_core::policy::Reevaluate;

use super::audit::Peer;
use super::reply::{
    Explanation, FilterList, FilterRole, FilterShown, FilterUsed, History, Module, ModuleChanged, ModuleList,
    MonitorList, MonitorStatus, MonitorValues, Policy, PolicyList, Purged, Refusal, ScriptRun, Status,
    Switch, Switched, Top, Worst,
};
use super::script::ScriptAsked;

/// The running proxy, seen from the admin socket. Calls may block for a while: they are made on threads kept for it.
pub trait Control: Send + Sync + 'static {
    /// `GET /status`
    fn status(&self) -> Result<Status, Refusal>;

    /// `GET /top`
    fn top(&self) -> Result<Top, Refusal>;

    /// `GET /policies`
    fn policies(&self) -> Result<PolicyList, Refusal>;

    /// `GET /policies/{name}`; refused when there is no such policy.
    fn policy(&self, name: &str) -> Result<Policy, Refusal> {
        let list = self.policies()?;
        let known: Vec<&str> = list.policies.iter().map(|policy| policy.name.as_str()).collect();
        let found = list.policies.iter().find(|policy| policy.name == name).cloned();
        found.ok_or_else(|| Refusal::unknown("policy", "name", name, known))
    }

    /// Switches to the policy that is written so, after it has been made sure that there is one of this name.
    fn use_policy(&self, spec: &str, reevaluate: Reevaluate, by: Peer) -> Result<Switched, Refusal>;

    /// Lets a module be used again that was stopped; what was not stopped stays as it is.
    fn release_module(&self, _spec: &str) -> Result<(), Refusal> {
        Ok(())
    }

    /// Goes back to the policy before; refused when there was none.
    fn rollback(&self, reevaluate: Reevaluate, by: Peer) -> Result<Switched, Refusal>;

    /// `GET /policy/history`
    fn history(&self) -> Result<History, Refusal>;

    /// `GET /switch/{token}`; refused when the token names no switch that is remembered.
    fn switch(&self, token: &str) -> Result<Switch, Refusal> {
        let found = self.history()?.switches.into_iter().find(|switch| switch.switched.token == token);
        found.ok_or_else(|| Refusal::unknown("switch", "token", token, []))
    }

    /// `GET /modules`
    fn modules(&self) -> Result<ModuleList, Refusal>;

    /// `GET /modules/{name}`, with its source; refused when there is no such module.
    fn module(&self, name: &str) -> Result<Module, Refusal>;

    /// Loads the module of a file.
    fn load_module(&self, path: &Path, name: Option<&str>, by: Peer) -> Result<Module, Refusal>;

    /// Forgets a module; refused while it is in use.
    fn unload_module(&self, name: &str) -> Result<Module, Refusal>;

    /// Reads a module's file anew.
    fn reload_module(&self, name: &str, reevaluate: Reevaluate, by: Peer) -> Result<ModuleChanged, Refusal>;

    /// Gives a module other numbers: `small=0.2,ghosts=2`.
    fn set_module(
        &self,
        name: &str,
        values: &str,
        reevaluate: Reevaluate,
        by: Peer,
    ) -> Result<ModuleChanged, Refusal>;

    /// The `limit` documents that would be evicted next.
    fn worst(&self, limit: usize) -> Result<Worst, Refusal>;

    /// The filters of a role there are.
    fn filters(&self, role: FilterRole) -> Result<FilterList, Refusal>;

    /// The filter of a role that is asked, and what it answered.
    fn filter(&self, role: FilterRole) -> Result<FilterShown, Refusal>;

    /// Asks the filter that is written so from now on, or nobody for `none`.
    fn use_filter(&self, role: FilterRole, spec: &str, by: Peer) -> Result<FilterUsed, Refusal>;

    /// Runs a script and does what it wants; refused when it is wrong, and nothing has changed then.
    fn run_script(&self, script: ScriptAsked<'_>, by: Peer) -> Result<ScriptRun, Refusal>;

    /// Forgets every variant of a document; refused when the URL is none the cache could hold.
    fn purge(&self, url: &str) -> Result<Purged, Refusal>;

    /// Explains a document; refused when the URL is none the cache could hold.
    fn explain(&self, url: &str) -> Result<Explanation, Refusal>;

    /// `GET /monitors`
    fn monitors(&self) -> Result<MonitorList, Refusal>;

    /// `GET /monitors/{name}`; refused when none of this name is attached.
    fn monitor(&self, name: &str) -> Result<MonitorValues, Refusal>;

    /// Attaches the monitor that is written so.
    fn attach_monitor(&self, spec: &str, by: Peer) -> Result<MonitorStatus, Refusal>;

    /// Detaches one, and says what it had come to; refused when none of this name is attached.
    fn detach_monitor(&self, name: &str) -> Result<MonitorStatus, Refusal>;
}
