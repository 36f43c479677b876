//! What is answered about modules.

use serde::{Deserialize, Serialize};

use super::{ModuleFaults, Switched};

/// `GET /modules`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleList {
    /// The modules that are loaded, by name.
    pub modules: Vec<Module>,
}

/// `GET /modules/{name}`, `POST /module/load` and `POST /module/unload`: all that is known of a module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Module {
    /// The name it goes by.
    pub name: String,
    /// What it decides: `replacement`, `admission`, `freshness`, `monitor`.
    pub role: String,
    /// What it is written in: `wasm`, `rhai`.
    pub form: String,
    /// How a script is run: compiled, or interpreted and for which reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// How a replacement policy orders documents: `key`, `score`, `hooks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it does, in one line, as it says.
    pub summary: String,
    /// Where it was published, as it says.
    pub paper: String,
    /// Its own version, as it says.
    pub version: String,
    /// What it is good for, best first: `hits`, `bytes`, `latency`.
    pub goals: Vec<String>,
    /// The numbers it takes, with those in force.
    pub parameters: Vec<Setting>,
    /// `loaded`, `deciding`, `kept for rollback`, `draining`, `in use`, or `quarantined`: not asked any more.
    pub state: String,
    /// Its file.
    pub path: String,
    /// Whether the file still is what was loaded: `same`, `changed`, `gone`.
    pub file: String,
    /// The SHA-256 of what was loaded.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Who loaded it.
    pub by: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The same, in seconds before now.
    pub ago_secs: u64,
    /// What it did wrong; none when it did nothing wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<ModuleFaults>,
    /// Its instances, oldest first.
    pub instances: Vec<ModuleInstance>,
    /// The text of a script, or of a wasm as WebAssembly text; only where one module is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A number that a module takes, with the one it has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// What it does, with its unit.
    pub summary: String,
    /// The value in force: that of the instance that decides, else the one the next instance is given.
    pub value: f64,
    /// Its value when nobody says otherwise.
    pub default: f64,
    /// The lowest value it takes.
    pub min: f64,
    /// The highest value it takes.
    pub max: f64,
}

/// An instance of a module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleInstance {
    /// `deciding`, `kept for rollback`, `draining`, `in use`, `quarantined`.
    pub state: String,
    /// The SHA-256 of its file: another than the module's, where that was reloaded since.
    pub sha256: String,
    /// Calls so far.
    pub calls: u64,
    /// Calls that trapped, took too long or gave what cannot be.
    pub faults: u64,
    /// What was wrong the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_fault: Option<String>,
    /// Memory of its own; 0 for a script.
    pub memory_bytes: u64,
    /// Time spent in it, from a sample of its calls; none where it was not called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_us: Option<u64>,
}

/// `POST /module/reload` and `POST /module/set`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleChanged {
    /// The module.
    pub name: String,
    /// The switch by which what is new decides; none where the module does not decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switched: Option<Switched>,
    /// What became of what the version before had learned beside the documents; none where it had nothing to hand over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether it was so already, so that nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
}
