//! What a module says of itself: lines of `key: value`, in the custom section of a wasm or the comments a script
//! begins with. The keys are said in `policies/abi`.
//!
//! Everything is checked here, so that nothing behind it has to: names that could be taken for something else, text
//! with control characters, ranges that hold no number.

use std::borrow::Cow;

use cnn_core::limits::MONITOR_METRICS_MAX;
use cnn_core::monitor::Declared;
use cnn_core::policy::{Goal, Grain, HitEvents, Kind, Manifest, Parameter};
use thiserror::Error;

use crate::limits::{MANIFEST_BYTES_MAX, NAME_BYTES_MAX, PARAMETERS_MAX, TEXT_BYTES_MAX};

/// What a module decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// What goes when room is needed.
    Replacement,
    /// What is stored at all.
    Admission,
    /// How long what is stored stays fresh.
    Freshness,
    /// Nothing: it watches, and publishes what it counted.
    Monitor,
}

impl Role {
    /// Every role, in the order they are shown.
    pub const ALL: [Self; 4] = [Self::Replacement, Self::Admission, Self::Freshness, Self::Monitor];

    /// The word for it in manifests and replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replacement => "replacement",
            Self::Admission => "admission",
            Self::Freshness => "freshness",
            Self::Monitor => "monitor",
        }
    }

    /// The role of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }

    /// What begins the sentence "... takes no line kind".
    const fn of_module(self) -> &'static str {
        match self {
            Self::Replacement => "a module of role replacement",
            Self::Admission => "a module of role admission",
            Self::Freshness => "a module of role freshness",
            Self::Monitor => "a module of role monitor",
        }
    }
}

/// Which events may share a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTime {
    /// Any.
    Batch,
    /// Those of one time.
    Exact,
}

/// The manifest of a module, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleManifest {
    /// The name it gives itself: lower case, words joined by `-`.
    pub name: String,
    /// One line on what it does; may be empty.
    pub summary: String,
    /// Where it was published; may be empty.
    pub paper: String,
    /// Its own version; may be empty.
    pub version: String,
    /// What it decides.
    pub role: Role,
    /// What it is good for, best first; never empty for a replacement policy.
    pub goals: &'static [Goal],
    /// The numbers it can be given.
    pub parameters: Vec<Parameter>,
    /// What only a replacement policy says, and every one of them does.
    pub replacement: Option<Replacing>,
    /// What a monitor publishes; never empty for one, and always for every other role.
    pub metrics: Vec<Declared>,
}

/// What the manifest of a replacement policy says besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacing {
    /// How it orders documents.
    pub kind: Kind,
    /// Whether it is told of hits.
    pub hit_events: HitEvents,
    /// How it is told the time.
    pub event_time: EventTime,
}

impl ModuleManifest {
    /// What it says to the policy engine, if it is a replacement policy.
    pub fn policy(&self) -> Option<Manifest> {
        let Replacing { kind, hit_events, .. } = self.replacement?;
        Some(Manifest {
            name: Cow::Owned(self.name.clone()),
            summary: Cow::Owned(self.summary.clone()),
            paper: Cow::Owned(self.paper.clone()),
            kind,
            hit_events,
            goals: self.goals,
            parameters: Cow::Owned(self.parameters.clone()),
        })
    }
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// It is missing.
    #[error("no manifest: a module needs a custom section named cnn")]
    Missing,
    /// There are two.
    #[error("two manifests: a module has one custom section named cnn")]
    Twice,
    /// It is too long.
    #[error("the manifest has {0} bytes, more than {MANIFEST_BYTES_MAX}")]
    TooLong(usize),
    /// It is not UTF-8.
    #[error("the manifest is not UTF-8")]
    NotText,
    /// A line is wrong.
    #[error("line {line} of the manifest, {text:?}: expected {expected}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The line.
        text: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// A key that must be there is not.
    #[error("the manifest has no line {0:?}")]
    NoLine(&'static str),
    /// A key that its role has no use for.
    #[error("{role} takes no line {key:?}; that is for role {of}", role = .role.of_module(), of = .of.as_str())]
    NotForRole {
        /// What the module decides.
        role: Role,
        /// The key.
        key: &'static str,
        /// The role that has a use for it.
        of: Role,
    },
    /// It was made for another version of the contract.
    #[error("made for version {0} of the module contract; this is version {version}", version = cnn_abi::ABI_VERSION)]
    OtherVersion(u32),
}

/// What the lines said so far.
#[derive(Default)]
struct Draft {
    abi: Option<u32>,
    name: Option<String>,
    role: Option<Role>,
    kind: Option<Kind>,
    goals: Option<&'static [Goal]>,
    version: Option<String>,
    summary: Option<String>,
    paper: Option<String>,
    hits: Option<HitEvents>,
    time: Option<EventTime>,
    parameters: Vec<Parameter>,
    metrics: Vec<Declared>,
}

impl ModuleManifest {
    /// Reads the text of a custom section.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(section: &[u8]) -> Result<Self, ManifestError> {
        if section.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLong(section.len()));
        }
        let text = std::str::from_utf8(section).map_err(|_| ManifestError::NotText)?;
        let mut draft = Draft::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            draft.take(line).map_err(|expected| ManifestError::Line {
                line: number + 1,
                text: line.chars().take(80).collect(),
                expected,
            })?;
        }
        draft.finish()
    }
}

/// The parts of a script's manifest are comments of this form.
const SCRIPT_LINE: &str = "//!";

impl ModuleManifest {
    /// Reads the lines that begin with `//!` of a script. Its name, if it says none, is that of its file; its role
    /// replacement. `kind` is what a replacement policy was found to be by what it reads.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(crate) fn of_script(text: &str, stem: &str, kind: Option<Kind>) -> Result<Self, ManifestError> {
        let mut draft = Draft { abi: Some(cnn_abi::ABI_VERSION), ..Draft::default() };
        for (number, line) in script_lines(text) {
            let taken = match line.split_once(':').map(|(key, _)| key.trim_end()) {
                Some("parameter") if script_role(text) != Role::Replacement => {
                    Err("parameters in scripts of role replacement only")
                }
                Some("time" | "abi" | "kind") => Err(
                    "a key that scripts have: name, role, goals, version, summary, paper, hits, parameter, metric",
                ),
                _ => draft.take(line),
            };
            taken.map_err(|expected| ManifestError::Line {
                line: number,
                text: line.chars().take(80).collect(),
                expected,
            })?;
        }
        if draft.name.is_none() {
            draft.name = module_name(stem).ok().map(str::to_owned);
        }
        if *draft.role.get_or_insert(Role::Replacement) == Role::Replacement {
            draft.kind = kind;
            draft.goals.get_or_insert(GOALS[0]);
            // A score is computed from the columns, which are stamped on a hit anyway.
            let hits = if kind == Some(Kind::Score) { HitEvents::Unneeded } else { HitEvents::Needed };
            draft.hits.get_or_insert(hits);
        }
        draft.finish()
    }
}

/// What the head of a script says it decides: replacement where it says nothing. The line is checked when the whole head
/// is read; this is for choosing who compiles the script.
pub(crate) fn script_role(text: &str) -> Role {
    let said = script_lines(text).find_map(|(_, line)| {
        let (key, value) = line.split_once(':')?;
        (key.trim_end() == "role").then_some(value.trim())
    });
    said.and_then(Role::from_word).unwrap_or(Role::Replacement)
}

/// The lines of a script's manifest that say something, with their numbers from 1.
fn script_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines());
    let said =
        lines.filter_map(|(number, line)| Some((number, line.trim().strip_prefix(SCRIPT_LINE)?.trim())));
    said.filter(|(_, line)| !line.is_empty())
}

impl Draft {
    /// Takes one line in; what was expected if it is wrong.
    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        let (key, value) = line.split_once(':').ok_or("key: value")?;
        let value = value.trim();
        match key.trim_end() {
            "abi" => once(&mut self.abi, value.parse().map_err(|_| "a number")?),
            "name" => once(&mut self.name, module_name(value)?.to_owned()),
            "role" => once(
                &mut self.role,
                Role::from_word(value).ok_or("replacement, admission, freshness or monitor")?,
            ),
            "kind" => once(&mut self.kind, word(value, &Kind::ALL, Kind::as_str, "hooks, key or score")?),
            "goals" => once(&mut self.goals, goals(value)?),
            "version" => once(&mut self.version, text(value)?),
            "summary" => once(&mut self.summary, text(value)?),
            "paper" => once(&mut self.paper, text(value)?),
            "hits" => once(
                &mut self.hits,
                match value {
                    "needed" => HitEvents::Needed,
                    "unneeded" => HitEvents::Unneeded,
                    _ => return Err("needed or unneeded"),
                },
            ),
            "time" => once(
                &mut self.time,
                match value {
                    "batch" => EventTime::Batch,
                    "exact" => EventTime::Exact,
                    _ => return Err("batch or exact"),
                },
            ),
            "parameter" => {
                let parameter = parameter(value)?;
                if self.parameters.iter().any(|other| other.name == parameter.name) {
                    return Err("every parameter once");
                }
                if self.parameters.len() == PARAMETERS_MAX {
                    return Err("at most 32 parameters");
                }
                self.parameters.push(parameter);
                Ok(())
            }
            "metric" => {
                let metric = Declared::parse(value)?;
                text(&metric.summary)?;
                if self.metrics.iter().any(|other| other.name == metric.name) {
                    return Err("every metric once");
                }
                if self.metrics.len() == MONITOR_METRICS_MAX {
                    return Err("at most 16 metrics");
                }
                self.metrics.push(metric);
                Ok(())
            }
            _ => Err(
                "one of the keys abi, name, role, kind, goals, version, summary, paper, hits, time, parameter, metric",
            ),
        }
    }

    fn finish(self) -> Result<ModuleManifest, ManifestError> {
        let abi = self.abi.ok_or(ManifestError::NoLine("abi"))?;
        if abi != cnn_abi::ABI_VERSION {
            return Err(ManifestError::OtherVersion(abi));
        }
        let name = self.name.ok_or(ManifestError::NoLine("name"))?;
        let role = self.role.ok_or(ManifestError::NoLine("role"))?;
        let replacement = match role {
            Role::Replacement => Some(Replacing {
                kind: self.kind.ok_or(ManifestError::NoLine("kind"))?,
                hit_events: self.hits.unwrap_or(HitEvents::Needed),
                event_time: self.time.unwrap_or(EventTime::Batch),
            }),
            Role::Admission | Role::Freshness | Role::Monitor => {
                let said = [
                    ("kind", self.kind.is_some()),
                    ("hits", self.hits.is_some()),
                    ("time", self.time.is_some()),
                ];
                match said.into_iter().find(|(_, is_said)| *is_said) {
                    Some((key, _)) => {
                        return Err(ManifestError::NotForRole { role, key, of: Role::Replacement });
                    }
                    None => None,
                }
            }
        };
        match (role, self.metrics.is_empty()) {
            (Role::Monitor, true) => return Err(ManifestError::NoLine("metric")),
            (Role::Monitor, false) | (_, true) => {}
            (_, false) => {
                return Err(ManifestError::NotForRole { role, key: "metric", of: Role::Monitor });
            }
        }
        let goals = match replacement {
            Some(_) => self.goals.ok_or(ManifestError::NoLine("goals"))?,
            None => self.goals.unwrap_or_default(),
        };
        Ok(ModuleManifest {
            name,
            summary: self.summary.unwrap_or_default(),
            paper: self.paper.unwrap_or_default(),
            version: self.version.unwrap_or_default(),
            role,
            goals,
            parameters: self.parameters,
            replacement,
            metrics: self.metrics,
        })
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err("every key once"),
    }
}

fn word<T: Copy>(
    value: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
    expected: &'static str,
) -> Result<T, &'static str> {
    all.iter().copied().find(|&one| as_str(one) == value).ok_or(expected)
}

/// A name that cannot be taken for a path, an option or a number.
pub(crate) fn module_name(value: &str) -> Result<&str, &'static str> {
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = value.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && value.len() <= NAME_BYTES_MAX && value.chars().all(is_fit) {
        Ok(value)
    } else {
        Err("a name of lower case letters, digits and -, beginning with a letter, of at most 40")
    }
}

/// Text that can be printed on a terminal as it is.
fn text(value: &str) -> Result<String, &'static str> {
    if value.len() <= TEXT_BYTES_MAX && !value.chars().any(char::is_control) {
        Ok(value.to_owned())
    } else {
        Err("at most 300 bytes without control characters")
    }
}

/// Every order of goals that can be said, so that a manifest can name one for good.
const GOALS: [&[Goal]; 15] = {
    use Goal::{Bytes, Hits, Latency};
    [
        &[Hits],
        &[Bytes],
        &[Latency],
        &[Hits, Bytes],
        &[Hits, Latency],
        &[Bytes, Hits],
        &[Bytes, Latency],
        &[Latency, Hits],
        &[Latency, Bytes],
        &[Hits, Bytes, Latency],
        &[Hits, Latency, Bytes],
        &[Bytes, Hits, Latency],
        &[Bytes, Latency, Hits],
        &[Latency, Hits, Bytes],
        &[Latency, Bytes, Hits],
    ]
};

fn goals(value: &str) -> Result<&'static [Goal], &'static str> {
    let words: Vec<_> = value.split(',').map(str::trim).collect();
    let is_it = |goals: &&[Goal]| goals.iter().map(|goal| goal.as_str()).eq(words.iter().copied());
    GOALS.into_iter().find(is_it).ok_or("some of hits, bytes, latency, each once, separated by commas")
}

/// `NAME real|whole DEFAULT MIN MAX WHAT IT DOES`
fn parameter(value: &str) -> Result<Parameter, &'static str> {
    const EXPECTED: &str = "NAME real|whole DEFAULT MIN MAX SUMMARY";
    let mut words = value.split_whitespace();
    let mut next = || words.next().ok_or(EXPECTED);
    let name = module_name(next()?)?.to_owned();
    let grain = match next()? {
        "real" => Grain::Real,
        "whole" => Grain::Whole,
        _ => return Err(EXPECTED),
    };
    let mut number = || next()?.parse::<f64>().ok().filter(|it| it.is_finite()).ok_or(EXPECTED);
    let (default, min, max) = (number()?, number()?, number()?);
    let summary = text(&words.collect::<Vec<_>>().join(" "))?;
    let parameter =
        Parameter { name: Cow::Owned(name), summary: Cow::Owned(summary), default, min, max, grain };
    if min <= max && parameter.takes(default) { Ok(parameter) } else { Err("a default from MIN to MAX") }
}

#[cfg(test)]
mod tests;
