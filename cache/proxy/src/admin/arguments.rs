//! The arguments of a command, gathered from path, query and JSON body and turned into types that cannot be wrong.
//! Every refusal names the argument.

use cnn_core::policy::{BadReevaluate, Reevaluate};
use cnn_modules::limits::SCRIPT_BYTES_MAX;
use serde_json::Value;

use super::command::{Argument, Command, Route, SCRIPT_TEXT};
use super::reply::Refusal;

/// Values are kept below this; a URL of a document is the longest there is.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// The arguments given, as text, each one the command has.
#[derive(Debug)]
pub(super) struct Arguments {
    command: &'static Command,
    given: Vec<(&'static Argument, String)>,
}

impl Arguments {
    /// Gathers what a request gives. An argument given twice is refused, wherever the two stand.
    pub(super) fn gather(route: &Route<'_>, query: &str, body: &[u8]) -> Result<Self, Refusal> {
        let mut arguments = Self { command: route.command, given: Vec::new() };
        if let Some((argument, value)) = route.in_path {
            let value = percent_encoding::percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| Refusal::argument(argument.name, "is not UTF-8"))?;
            arguments.add(argument.name, value.into_owned())?;
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            arguments.add(&name, value.into_owned())?;
        }
        arguments.add_body(body)?;
        match arguments.command.arguments.iter().find(|a| a.is_required && arguments.text(a.name).is_none()) {
            Some(missing) => Err(Refusal::argument(missing.name, "is missing")),
            None => Ok(arguments),
        }
    }

    fn add_body(&mut self, body: &[u8]) -> Result<(), Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(());
        }
        let fields: serde_json::Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| Refusal::bad_request(format!("the body is not a JSON object: {error}")))?;
        for (name, value) in fields {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                Value::Bool(is_set) => is_set.to_string(),
                Value::Null => continue,
                _ => return Err(Refusal::argument(&name, "is neither text nor a number")),
            };
            self.add(&name, text)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        let Some(argument) = self.command.argument(name) else {
            let known = self.command.arguments.iter().map(|argument| argument.name);
            return Err(Refusal::argument(name, "is no argument of this command").with_known(known));
        };
        if self.text(name).is_some() {
            return Err(Refusal::argument(name, "is given twice"));
        }
        let most = if name == SCRIPT_TEXT { SCRIPT_BYTES_MAX } else { VALUE_BYTES_MAX };
        if value.len() > most {
            return Err(Refusal::argument(name, "is too long"));
        }
        self.given.push((argument, value));
        Ok(())
    }

    /// What was given, in the order of the table: for the audit line.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.given.iter().map(|(argument, value)| (argument.name, value.as_str()))
    }

    /// The text of an argument that may be missing.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(argument, _)| argument.name == name).map(|(_, value)| value.as_str())
    }

    /// The text of an argument that the table says must be there.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::argument(name, "is missing"))
    }

    /// A whole number up to `max`, or `default` when not given.
    pub(super) fn count(&self, name: &'static str, default: usize, max: usize) -> Result<usize, Refusal> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let count = text.parse::<usize>().map_err(|_| Refusal::argument(name, "is not a whole number"))?;
        match count {
            0 => Err(Refusal::argument(name, "is 0; ask for 1 or more")),
            count if count <= max => Ok(count),
            _ => Err(Refusal::argument(name, format!("is above {max}"))),
        }
    }

    /// Whether a switch is set.
    pub(super) fn is_set(&self, name: &'static str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::argument(name, "is neither true nor false")),
        }
    }

    /// How much of the cache a switch re-evaluates at once.
    pub(super) fn reevaluate(&self, name: &'static str) -> Result<Reevaluate, Refusal> {
        let Some(text) = self.text(name) else { return Ok(Reevaluate::default()) };
        text.parse().map_err(|error: BadReevaluate| Refusal::argument(name, format!("is wrong: {error}")))
    }
}
