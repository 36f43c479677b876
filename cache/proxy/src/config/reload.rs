//! What a reload of the file can change while the proxy serves, and what waits for a restart.

use toml::{Table, Value};

use super::Config;
use super::keys::{KEYS, Reloaded};

/// The keys that differ between two configurations, by what happens to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reload {
    /// Take effect now.
    pub applied: Vec<&'static str>,
    /// Are read, but take effect only when the proxy starts again.
    pub needs_restart: Vec<&'static str>,
}

impl Reload {
    /// Whether the key changed and takes effect now.
    pub fn applies(&self, key: &str) -> bool {
        self.applied.contains(&key)
    }
}

/// Compares what runs with what the file says now. Both passed the checks of [`super::load()`].
pub fn diff(old: &Config, new: &Config) -> Reload {
    let (old, new) = (table(old), table(new));
    let mut reload = Reload::default();
    for key in KEYS.iter().filter(|key| value(&old, key.name) != value(&new, key.name)) {
        match key.reload {
            Reloaded::Live => reload.applied.push(key.name),
            Reloaded::Restart => reload.needs_restart.push(key.name),
        }
    }
    reload
}

/// What runs after a reload: the new configuration, but for the keys that take a restart, which stay as they are.
pub fn merged(old: &Config, new: &Config) -> Config {
    let (old, mut merged) = (table(old), table(new));
    for key in KEYS.iter().filter(|key| key.reload == Reloaded::Restart) {
        set(&mut merged, key.name, value(&old, key.name).cloned());
    }
    merged.try_into().expect("every value comes from a checked configuration")
}

fn set(table: &mut Table, key: &str, value: Option<Value>) {
    match (key.split_once('.'), value) {
        (Some((section, rest)), value) => {
            if let Some(Value::Table(section)) = table.get_mut(section) {
                set(section, rest, value);
            }
        }
        (None, Some(value)) => drop(table.insert(key.to_owned(), value)),
        (None, None) => drop(table.remove(key)),
    }
}

/// The configuration as TOML values.
pub(super) fn table(config: &Config) -> Table {
    Table::try_from(config).expect("every value of a checked configuration has a TOML form")
}

/// The value of a key with its section; none when it is not set.
pub(super) fn value<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((section, rest)) => table.get(section)?.as_table().and_then(|table| value(table, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ByteSize, Period};

    /// A change must be told like this.
    fn check(change: impl Fn(&mut Config), applied: &[&str], needs_restart: &[&str]) {
        let old = Config::default();
        let mut new = old.clone();
        change(&mut new);
        let reload = diff(&old, &new);
        assert_eq!((reload.applied.as_slice(), reload.needs_restart.as_slice()), (applied, needs_restart));
    }

    #[test]
    fn what_did_not_change_is_not_told() {
        check(|_| {}, &[], &[]);
    }

    #[test]
    fn changes_are_told_by_when_they_take_effect() {
        check(|new| new.memory = ByteSize::mib(1), &["memory"], &[]);
        check(|new| new.deadlines.idle = Period::secs(1), &["deadlines.idle"], &[]);
        check(|new| new.listen.clear(), &[], &["listen"]);
        let several = |new: &mut Config| {
            new.workers = 3.try_into().ok();
            new.clients.clear();
            new.metrics = Some(([127, 0, 0, 1], 9301).into());
            new.policy = "lru".to_owned();
        };
        check(several, &["policy", "clients"], &["metrics", "workers"]);
    }

    #[test]
    fn what_takes_a_restart_stays_as_it_is() {
        let reverse = "http://192.0.2.7:8080".parse().ok();
        let old = Config { reverse, ..Config::default() };
        let mut new = Config { memory: ByteSize::mib(1), ..Config::default() };
        new.limits.connections += 1;
        new.metrics = Some(([127, 0, 0, 1], 9301).into());
        new.deadlines.idle = Period::secs(1);
        let merged = merged(&old, &new);
        let mut expected = old.clone();
        (expected.memory, expected.deadlines.idle) = (new.memory, new.deadlines.idle);
        assert_eq!(merged, expected);
        assert_eq!(super::merged(&old, &old), old);
        assert_eq!(diff(&old, &merged).needs_restart, Vec::<&str>::new());
    }
}
