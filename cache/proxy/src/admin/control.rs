//! What the admin socket asks of the proxy it stands in. One trait, so that the socket is tested without a proxy and
//! knows nothing of workers, engine and repository.

use cnn_core::policy::Reevaluate;

use super::audit::Peer;
use super::reply::{
    Explanation, History, Policy, PolicyList, Purged, Refusal, Status, Switch, Switched, Top, Worst,
};

/// The running proxy, seen from the admin socket. Calls may block for a while: they are made on threads kept for it.
pub trait Control: Send + Sync + 'static {
    /// `GET /status`
    fn status(&self) -> Status;

    /// `GET /top`
    fn top(&self) -> Top;

    /// `GET /policies`
    fn policies(&self) -> PolicyList;

    /// `GET /policies/{name}`; refused when there is no such policy.
    fn policy(&self, name: &str) -> Result<Policy, Refusal> {
        let list = self.policies();
        let known: Vec<&str> = list.policies.iter().map(|policy| policy.name.as_str()).collect();
        let found = list.policies.iter().find(|policy| policy.name == name).cloned();
        found.ok_or_else(|| Refusal::unknown("policy", "name", name, known))
    }

    /// Switches to the policy `name`, after it has been made sure that there is one.
    fn use_policy(&self, name: &str, reevaluate: Reevaluate, by: Peer) -> Result<Switched, Refusal>;

    /// Goes back to the policy before; refused when there was none.
    fn rollback(&self, reevaluate: Reevaluate, by: Peer) -> Result<Switched, Refusal>;

    /// `GET /policy/history`
    fn history(&self) -> History;

    /// `GET /switch/{token}`; refused when the token names no switch that is remembered.
    fn switch(&self, token: &str) -> Result<Switch, Refusal>;

    /// The `limit` documents that would be evicted next.
    fn worst(&self, limit: usize) -> Worst;

    /// Forgets every variant of a document; refused when the URL is none the cache could hold.
    fn purge(&self, url: &str) -> Result<Purged, Refusal>;

    /// Explains a document; refused when the URL is none the cache could hold.
    fn explain(&self, url: &str) -> Result<Explanation, Refusal>;
}
