//! How the admin socket says no: one JSON object for every error, with the argument it is about where there is one.

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// Whose fault it is, and with that the HTTP status and the exit code of the executable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The request cannot be understood.
    #[default]
    BadRequest,
    /// What it names does not exist.
    NotFound,
    /// The path is right, the method is not.
    WrongMethod,
    /// More bytes than any command needs.
    TooLarge,
    /// Understood, but there is nothing it could be done to.
    Conflict,
    /// Not now: another command is being carried out, or it took too long.
    Busy,
    /// It was tried and failed.
    Failed,
}

impl Fault {
    /// The HTTP status it is answered with.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the same request may do later.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Busy)
    }
}

/// An error reply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error}")]
pub struct Refusal {
    /// What is wrong, in one sentence without a full stop.
    pub error: String,
    /// Whose fault it is.
    pub fault: Fault,
    /// The argument it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// What a script had printed before it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Box<str>>,
    /// What would have been understood in its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
    /// The one of these that was probably meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

impl Refusal {
    /// A refusal of this kind.
    pub fn new(fault: Fault, error: impl Into<String>) -> Self {
        Self { error: error.into(), fault, ..Self::default() }
    }

    /// The request cannot be understood.
    pub fn bad_request(error: impl Into<String>) -> Self {
        Self::new(Fault::BadRequest, error)
    }

    /// An argument is wrong: `what` follows its name, as in "is missing".
    pub fn argument(name: &str, what: impl std::fmt::Display) -> Self {
        let shown = super::super::audit::clipped(name);
        Self { argument: Some(shown.to_string()), ..Self::bad_request(format!("argument `{shown}` {what}")) }
    }

    /// There is no `what` called `name`.
    pub fn unknown<'a>(
        what: &str,
        argument: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let shown = super::super::audit::clipped(name);
        let refusal = Self::new(Fault::NotFound, format!("there is no {what} `{shown}`"));
        Self { argument: Some(argument.to_owned()), ..refusal }.with_known_for(name, known)
    }

    /// Adds what would have been understood, for an argument name.
    pub(in super::super) fn with_known<'a>(self, known: impl IntoIterator<Item = &'a str>) -> Self {
        let name = self.argument.clone().unwrap_or_default();
        self.with_known_for(&name, known)
    }

    fn with_known_for<'a>(mut self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        self.known = known.into_iter().map(str::to_owned).collect();
        self.nearest = nearest(name, &self.known).map(str::to_owned);
        self
    }
}

/// The word a typing error was probably meant to be: at most a third of its letters are wrong.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let wrong = |word: &str| strsim::damerau_levenshtein(&name, word);
    // Of two words as near as each other, the one as long as what was typed: letters are swapped more than forgotten.
    let candidates = known.iter().map(|word| (wrong(word), word.len().abs_diff(name.len()), word.as_str()));
    candidates.filter(|(wrong, _, word)| *wrong <= word.len().div_ceil(3)).min().map(|(_, _, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_one() {
        let known = ["lru", "fifo", "lfu-da", "gds", "gds-packets", "gdsf", "sieve", "s3-fifo"];
        let check = |name: &str, nearest: Option<&str>| {
            let refusal = Refusal::unknown("policy", "name", name, known);
            assert_eq!(refusal.nearest.as_deref(), nearest, "{name}");
            assert_eq!(refusal.known, known);
            assert_eq!(refusal.fault.status(), 404);
        };
        check("lur", Some("lru"));
        check("GDSF", Some("gdsf"));
        check("gdfs", Some("gdsf"));
        check("sive", Some("sieve"));
        check("s3fifo", Some("s3-fifo"));
        check("clock-pro", None);
    }

    #[test]
    fn a_refusal_names_the_argument_in_its_json() {
        let json =
            serde_json::to_value(Refusal::argument("reevaluate", "is given twice")).expect("plain data");
        let expected = serde_json::json!({
            "error": "argument `reevaluate` is given twice", "fault": "bad-request", "argument": "reevaluate",
        });
        assert_eq!(json, expected);
    }
}
