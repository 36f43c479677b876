//! What the admin socket answers about admission policies and freshness rules.

use serde::{Deserialize, Serialize};

use super::Parameter;

/// What a filter decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterRole {
    /// Whether a response is stored.
    #[default]
    Admission,
    /// How long it stays fresh.
    Freshness,
}

/// `GET /admissions` and `GET /freshnesses`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterList {
    /// What they decide.
    pub role: FilterRole,
    /// The one that is really asked, as it was written; `none` for nobody.
    pub asked: String,
    /// Every one that can be used by name.
    pub filters: Vec<Filter>,
}

/// What a filter says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Its name.
    pub name: String,
    /// What it does, in one line.
    pub summary: String,
    /// Where it was published or is described.
    pub paper: String,
    /// The numbers it can be given.
    pub parameters: Vec<Parameter>,
    /// Whether it is told of hits.
    pub hit_events: bool,
    /// Whether it names origins that are passed by.
    pub bypasses: bool,
}

/// `GET /admission` and `GET /freshness`: the filter in use, and what came of asking it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterShown {
    /// What it decides.
    pub role: FilterRole,
    /// The filter as it was written; `none` for nobody.
    pub name: String,
    /// Whether it failed so often that it is not asked any more.
    pub quarantined: bool,
    /// What it says of itself.
    pub filter: Option<Filter>,
    /// Who chose it: `uid=1000 pid=4242`, `start`, `reload`.
    pub by: String,
    /// When, in seconds before now.
    pub ago_secs: u64,
    /// Questions it was asked.
    pub asked: u64,
    /// Of these, not answered because others were asking.
    pub busy: u64,
    /// Of these, not answered because the module failed.
    pub failed: u64,
    /// What was wrong the last time.
    pub last_fault: Option<String>,
    /// Bytes of its state.
    pub state_bytes: u64,
    /// Answers of all filters of its role since the start, and why there was none.
    pub answers: Vec<Answer>,
    /// Hosts that are passed by at the moment.
    pub passed_by: Vec<String>,
}

/// How often something was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The answer: `admitted`, `first-seen`, `ruled`, `kept`, `busy`, ...
    pub answer: String,
    /// How often.
    pub count: u64,
}

/// `POST /admission/use` and `POST /freshness/use`: who is asked from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterUsed {
    /// What is decided.
    pub role: FilterRole,
    /// Who is asked now; `none` for nobody.
    pub name: String,
    /// Who was asked before.
    pub previous: String,
}
