//! From a file and flags to a checked configuration, or to every problem at once.
//!
//! The text is parsed to a table that knows where each key and value stood; keys are compared with [`KEYS`] (`-` and `_`
//! are the same); values are read by serde, and one that cannot be read is noted, taken out, and reading goes on.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use cnn_core::policy::Factory;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::check::{Finding, check, limits};
use super::problem::{FilePlace, Place};
use super::{Config, ConfigError, KEYS, Overrides, Problem};

/// The configuration from the file, if one is given, and the flags, which win. `policies` are those that may stand in
/// `policy`.
pub fn load(path: Option<&Path>, flags: &Overrides, policies: &[Factory]) -> Result<Config, ConfigError> {
    let Some(path) = path else { return read("", "", flags, policies) };
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let bytes = read_bounded(path).map_err(unreadable)?;
    let name = path.display().to_string();
    match std::str::from_utf8(&bytes) {
        Ok(text) => read(&name, text, flags, policies),
        Err(error) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let place = FilePlace::new(&name, &valid, valid.len()..valid.len());
            Err(ConfigError::Invalid(vec![Problem {
                key: String::new(),
                message: "the file is not UTF-8 text from here on".to_owned(),
                help: None,
                place: Place::File(place),
            }]))
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limits::FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limits::FILE_BYTES_MAX {
        return Err(io::Error::other("the file is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// The same from the text of a file called `name`.
pub fn read(name: &str, text: &str, flags: &Overrides, policies: &[Factory]) -> Result<Config, ConfigError> {
    let mut reader = Reader { name, text, spans: HashMap::new(), problems: Vec::new() };
    let mut config = match DeTable::parse(text) {
        Ok(table) => reader.config(table),
        Err(error) => {
            reader.note("", error.message().trim_end().to_owned(), None, error.span());
            Config::default()
        }
    };
    if reader.problems.is_empty() {
        flags.apply(&mut config);
        reader.check(&config, flags, policies);
    }
    if reader.problems.is_empty() { Ok(config) } else { Err(ConfigError::Invalid(reader.problems)) }
}

struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    /// Where the value of each key stands.
    spans: HashMap<String, Range<usize>>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn config(&mut self, table: Spanned<DeTable<'a>>) -> Config {
        let whole = table.span();
        let mut known = self.known_keys("", table.into_inner());
        // Each turn that fails takes one value out, so this ends.
        let config = loop {
            let from = Deserializer::from(Spanned::new(whole.clone(), known.clone()));
            match Config::deserialize(from) {
                Ok(config) => break config,
                Err(error) => {
                    let key = error.span().and_then(|span| self.key_around(&span));
                    self.note(key.as_deref().unwrap_or(""), error.message().to_owned(), None, error.span());
                    if !key.is_some_and(|key| remove(&mut known, &key)) {
                        break Config::default();
                    }
                }
            }
        };
        self.problems.sort_by_key(|problem| match &problem.place {
            Place::File(place) => (place.line, place.column),
            _ => (0, 0),
        });
        config
    }

    /// The table without the keys that do not exist; names are brought to their one spelling.
    fn known_keys(&mut self, section: &str, table: DeTable<'a>) -> DeTable<'a> {
        let mut known = DeTable::new();
        for (name, value) in table {
            let spelled = name.get_ref().replace('-', "_");
            let key = if section.is_empty() { spelled.clone() } else { format!("{section}.{spelled}") };
            let is_section = KEYS.iter().any(|k| k.section() == Some(&key));
            if !is_section && !KEYS.iter().any(|k| k.name == key) {
                let place = if section.is_empty() { String::new() } else { format!(" in [{section}]") };
                self.note(&key, format!("there is no such key{place}"), closest(&key), Some(name.span()));
                continue;
            }
            if known.contains_key(spelled.as_str()) {
                self.note(&key, "this key was already given".to_owned(), None, Some(name.span()));
                continue;
            }
            self.spans.insert(key.clone(), value.span());
            let span = value.span();
            let value = match value.into_inner() {
                DeValue::Table(inner) if is_section => DeValue::Table(self.known_keys(&key, inner)),
                other => other,
            };
            known.insert(Spanned::new(name.span(), spelled.into()), Spanned::new(span, value));
        }
        known
    }

    /// The innermost key whose value contains the span.
    fn key_around(&self, span: &Range<usize>) -> Option<String> {
        let around = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
        let keys = self.spans.iter().filter(|(_, range)| around(range));
        keys.max_by_key(|(key, range)| (key.contains('.'), usize::MAX - range.len()))
            .map(|(key, _)| key.clone())
    }

    fn note(&mut self, key: &str, message: String, help: Option<String>, span: Option<Range<usize>>) {
        let place = match span {
            Some(span) => Place::File(FilePlace::new(self.name, self.text, span)),
            None => Place::Default,
        };
        self.problems.push(Problem { key: key.to_owned(), message, help, place });
    }

    /// Checks that involve several keys or the machine's limits, each placed where the value came from.
    fn check(&mut self, config: &Config, flags: &Overrides, policies: &[Factory]) {
        for Finding { key, message, help } in check(config, policies) {
            if let Some(flag) = flags.flag_for(key) {
                self.problems.push(Problem { key: key.to_owned(), message, help, place: Place::Flag(flag) });
            } else {
                self.note(key, message, help, self.spans.get(key).cloned());
            }
        }
    }
}

/// Takes the key out of the table; whether it was there.
fn remove(table: &mut DeTable<'_>, key: &str) -> bool {
    match key.split_once('.') {
        None => table.remove(key).is_some(),
        Some((section, rest)) => match table.get_mut(section).map(Spanned::get_mut) {
            Some(DeValue::Table(inner)) => remove(inner, rest),
            _ => false,
        },
    }
}

/// The key an unknown one was probably meant to be, as a piece of help.
fn closest(key: &str) -> Option<String> {
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let wanted = leaf(key);
    let (distance, found) = KEYS
        .iter()
        .map(|k| (distance(&wanted, &leaf(k.name)), k.name))
        .min_by_key(|&(distance, _)| distance)?;
    let near = distance <= wanted.len().max(3) / 3;
    near.then(|| format!("did you mean `{found}`?"))
}

/// Letters to insert, delete or replace to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
