//! `POST /script/run`: what a script said, and what was done.

use serde::{Deserialize, Serialize};

use super::Switched;

/// A script that came to its end, and whose wishes were carried out unless it was a dry run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScriptRun {
    /// The SHA-256 of its text, by which audit log and history name it.
    pub digest: String,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// What it printed, line by line.
    pub output: String,
    /// The value of its last expression, if it has one.
    pub value: Option<String>,
    /// The policy it switches to, if it does.
    pub policy: Option<String>,
    /// Documents re-evaluated at once by that switch, the worst first.
    pub reevaluate: Option<u64>,
    /// Documents it named to be re-evaluated.
    pub update: u64,
    /// The switch made.
    pub switched: Option<Switched>,
    /// What became of the documents it named.
    pub updated: Option<ScriptUpdates>,
}

/// What became of documents named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScriptUpdates {
    /// Ordered by an earlier policy before, and by the deciding one now.
    pub carried: u64,
    /// Ordered by the deciding policy before, and valued anew.
    pub revalued: u64,
    /// Gone by then, or already on their way out.
    pub passed_over: u64,
}
