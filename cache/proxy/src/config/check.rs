//! What values must hold together, and the limits of each. A check names the key it is about; where that key was set is
//! for the reader to know.

use cnn_core::policy::{Choice, Factory, Spec, SpecError};
use std::collections::HashSet;

use super::{Config, Modules, Period};
use crate::filters::NONE;
use crate::log::LogTarget;
use crate::monitor::limits::MONITORS_MAX;

/// Bounds of what may be configured.
pub mod limits {
    /// Bytes of a configuration file; a larger one is a mistake (a log, a disk image).
    pub const FILE_BYTES_MAX: u64 = 1 << 20;
    /// Bytes of the cache below which bookkeeping would take it all.
    pub const MEMORY_BYTES_MIN: u64 = 1 << 20;
    /// Worker threads; more than any machine has cores.
    pub const WORKERS_MAX: u16 = 1024;
    /// Bytes of a Unix socket's path: `sun_path` without its final NUL.
    pub const SOCKET_PATH_BYTES_MAX: usize = 107;
    /// Bytes of a header section: below, ordinary browsers are refused; above, a connection costs more than it should.
    pub const HEADER_BYTES: std::ops::RangeInclusive<u64> = 1 << 10..=1 << 20;
    /// Field lines of a header section: browsers send about 20; the parser has room for no more than the upper bound.
    pub const HEADER_COUNT: std::ops::RangeInclusive<u16> = 16..=crate::limits::FIELDS_MAX as u16;
}

/// Something that does not hold.
pub(super) struct Finding {
    pub(super) key: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Everything that does not hold, in the order of the table of keys.
pub(super) fn check(config: &Config, policies: &[Factory]) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    listeners(config, &mut findings);
    paths(config, &mut findings);
    host_name(config, &mut findings);
    storage(config, policies, &mut findings);
    monitors(config, &mut findings);
    findings.require(!config.clients.is_empty(), "clients", || {
        "an empty list refuses every client; name at least one network".to_owned()
    });
    deadlines(config, &mut findings);
    bounds(config, &mut findings);
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn require(&mut self, holds: bool, key: &'static str, message: impl FnOnce() -> String) {
        if !holds {
            self.0.push(Finding { key, message: message(), help: None });
        }
    }
}

fn listeners(config: &Config, findings: &mut Findings) {
    findings
        .require(!config.listen.is_empty(), "listen", || "there must be an address to listen on".to_owned());
    let mut seen = HashSet::new();
    for listen in config.listen.iter().filter(|listen| listen.0.port() != 0) {
        findings.require(seen.insert(listen.0), "listen", || format!("{listen} is listed twice"));
    }
    if let Some(metrics) = config.metrics.filter(|metrics| metrics.port() != 0) {
        findings.require(!seen.contains(&metrics), "metrics", || {
            format!("{metrics} is already an address of the proxy itself")
        });
    }
    let workers = config.workers.map_or(1, |count| count.get());
    findings.require(workers <= limits::WORKERS_MAX, "workers", || {
        format!("{workers} is not a number of threads from 1 to {}", limits::WORKERS_MAX)
    });
}

/// That they are written as monitors are; whether there are such files is seen when they are attached.
fn monitors(config: &Config, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for spec in &config.monitors {
        match Spec::parse(spec) {
            Err(error) => findings.require(false, "monitors", || error.to_string()),
            Ok(_) => findings.require(seen.insert(spec), "monitors", || format!("{spec} is listed twice")),
        }
    }
    findings.require(config.monitors.len() <= MONITORS_MAX, "monitors", || {
        format!("{} are more than the {MONITORS_MAX} that may be attached", config.monitors.len())
    });
}

fn paths(config: &Config, findings: &mut Findings) {
    if let LogTarget::File(path) = &config.access_log {
        findings.require(path.to_str().is_some(), "access_log", || "the path is not UTF-8".to_owned());
    }
    let Modules { directory, code_cache, reproducers } = &config.modules;
    let paths = [
        ("modules.directory", directory),
        ("modules.code_cache", code_cache),
        ("modules.reproducers", reproducers),
    ];
    for (key, path) in paths {
        let Some(path) = path else { continue };
        findings.require(path.to_str().is_some(), key, || "the path is not UTF-8".to_owned());
        findings.require(!path.as_os_str().is_empty(), key, || "the path is empty".to_owned());
    }
    findings.require(directory.is_none() || directory != code_cache, "modules.code_cache", || {
        "compiled code cannot be kept in the directory of the modules".to_owned()
    });
    let Some(path) = &config.admin_socket else { return };
    findings.require(path.to_str().is_some(), "admin_socket", || "the path is not UTF-8".to_owned());
    let bytes = path.as_os_str().len();
    findings.require(bytes > 0, "admin_socket", || "the path is empty".to_owned());
    findings.require(bytes <= limits::SOCKET_PATH_BYTES_MAX, "admin_socket", || {
        format!("the path has {bytes} bytes; a socket's path has at most {}", limits::SOCKET_PATH_BYTES_MAX)
    });
}

fn host_name(config: &Config, findings: &mut Findings) {
    let Some(name) = &config.visible_hostname else { return };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    findings.require(
        !name.is_empty() && name.len() <= 253 && name.chars().all(allowed),
        "visible_hostname",
        || format!("`{}` is not a host name", name.escape_default()),
    );
}

fn storage(config: &Config, policies: &[Factory], findings: &mut Findings) {
    findings.require(config.memory.0 >= limits::MEMORY_BYTES_MIN, "memory", || {
        format!("{} is too little; at least 1MiB is needed", config.memory)
    });
    filters(config, findings);
    match Choice::parse(policies, &config.policy) {
        Ok(_) => {}
        // Whether it is one is known when it is loaded.
        Err(SpecError::NoPolicy(name))
            if cnn_modules::is_file(&name) || config.modules.directory.is_some() => {}
        Err(SpecError::NoPolicy(name)) => {
            let names: Vec<_> = policies.iter().map(|factory| (factory.manifest)().name).collect();
            findings.0.push(Finding {
                key: "policy",
                message: format!("there is no policy `{}`", name.escape_default()),
                help: Some(format!("the policies are: {}", names.join(", "))),
            });
        }
        Err(error) => {
            findings.0.push(Finding { key: "policy", message: error.to_string(), help: None });
        }
    }
}

/// Admission policy and freshness rules: names are looked up here, files are read when the proxy starts.
fn filters(config: &Config, findings: &mut Findings) {
    // Whether a name is that of a module in the directory is known when that is loaded.
    let has_modules = config.modules.directory.is_some();
    let is_name = |spec: &str| spec.trim() != NONE && !cnn_modules::is_file(spec) && !has_modules;
    let known = |names: Vec<String>| Some(format!("there are: {NONE}, {}", names.join(", ")));
    let admission = &config.admission;
    if let Some(Err(error)) = is_name(admission).then(|| cnn_policies::admission::choose(admission)) {
        let names = cnn_policies::admission::registry().iter().map(|it| (it.manifest)().name.into_owned());
        let help = known(names.collect());
        findings.0.push(Finding { key: "admission", message: error.to_string(), help });
    }
    let rules = &config.freshness.rules;
    if let Some(Err(error)) = is_name(rules).then(|| cnn_policies::freshness::choose(rules)) {
        let names = cnn_policies::freshness::registry().iter().map(|it| (it.manifest)().name.into_owned());
        let help = known(names.collect());
        findings.0.push(Finding { key: "freshness.rules", message: error.to_string(), help });
    }
}

fn deadlines(config: &Config, findings: &mut Findings) {
    let d = &config.deadlines;
    let list = [
        ("deadlines.header", d.header),
        ("deadlines.body", d.body),
        ("deadlines.send", d.send),
        ("deadlines.idle", d.idle),
        ("deadlines.dns", d.dns),
        ("deadlines.connect", d.connect),
        ("deadlines.origin_response", d.origin_response),
        ("deadlines.origin_body", d.origin_body),
        ("deadlines.origin_idle", d.origin_idle),
        ("deadlines.tunnel_idle", d.tunnel_idle),
    ];
    for (key, deadline) in list {
        findings.require(deadline > Period::default(), key, || {
            "0 would end everything at once; there is no deadline that never comes, take a long one"
                .to_owned()
        });
    }
}

fn bounds(config: &Config, findings: &mut Findings) {
    let l = &config.limits;
    findings.require(limits::HEADER_BYTES.contains(&l.header_bytes.0), "limits.header_bytes", || {
        format!("{} is not a size from 1KiB to 1MiB", l.header_bytes)
    });
    findings.require(limits::HEADER_COUNT.contains(&l.header_count), "limits.header_count", || {
        let (least, most) = (limits::HEADER_COUNT.start(), limits::HEADER_COUNT.end());
        format!("{} is not a number from {least} to {most}", l.header_count)
    });
    findings.require(l.connections > 0, "limits.connections", || "0 refuses every connection".to_owned());
    let percent = config.freshness.heuristic_percent;
    findings.require(percent <= 100, "freshness.heuristic_percent", || {
        format!("{percent} is not a percentage from 0 to 100")
    });
}
