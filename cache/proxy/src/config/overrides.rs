//! The command line flags of `cnn serve` that override the file. They are kept, so that a reload of the file applies
//! them again.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use super::{ByteSize, Cidr, Config, Listen, OriginUrl};
use crate::log::LogTarget;

/// What was set by flags; each field is the key of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table of keys documents them")]
pub struct Overrides {
    pub listen: Vec<Listen>,
    pub reverse: Option<OriginUrl>,
    pub admin_socket: Option<PathBuf>,
    pub memory: Option<ByteSize>,
    pub policy: Option<String>,
    pub admission: Option<String>,
    pub freshness: Option<String>,
    pub workers: Option<NonZeroU16>,
    pub access_log: Option<LogTarget>,
    pub metrics: Option<SocketAddr>,
    pub allow_destination: Vec<Cidr>,
}

impl Overrides {
    /// Puts the flags in place of what the file says. Networks of `--allow-destination` are added to those of the file,
    /// for that is how a list of exceptions is meant; `--listen` replaces them.
    pub fn apply(&self, config: &mut Config) {
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        replace(&mut config.memory, &self.memory);
        replace(&mut config.policy, &self.policy);
        replace(&mut config.admission, &self.admission);
        replace(&mut config.freshness.rules, &self.freshness);
        replace(&mut config.access_log, &self.access_log);
        replace_some(&mut config.reverse, &self.reverse);
        replace_some(&mut config.admin_socket, &self.admin_socket);
        replace_some(&mut config.workers, &self.workers);
        replace_some(&mut config.metrics, &self.metrics);
        config.allow_destination.extend(&self.allow_destination);
    }

    /// The flag that set this key, if one did.
    pub(super) fn flag_for(&self, key: &str) -> Option<String> {
        let given = match key {
            "listen" => !self.listen.is_empty(),
            "reverse" => self.reverse.is_some(),
            "admin_socket" => self.admin_socket.is_some(),
            "memory" => self.memory.is_some(),
            "policy" => self.policy.is_some(),
            "admission" => self.admission.is_some(),
            "freshness.rules" => self.freshness.is_some(),
            "workers" => self.workers.is_some(),
            "access_log" => self.access_log.is_some(),
            "metrics" => self.metrics.is_some(),
            "allow_destination" => !self.allow_destination.is_empty(),
            _ => false,
        };
        let name = key.strip_suffix(".rules").unwrap_or(key);
        given.then(|| format!("--{}", name.replace('_', "-")))
    }
}

fn replace<T: Clone>(value: &mut T, flag: &Option<T>) {
    if let Some(flag) = flag {
        value.clone_from(flag);
    }
}

fn replace_some<T: Clone>(value: &mut Option<T>, flag: &Option<T>) {
    if flag.is_some() {
        value.clone_from(flag);
    }
}
