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
}
