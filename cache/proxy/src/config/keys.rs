//! The one table of keys: what each is called, takes, means, and whether a reload changes it. The default file and the
//! README's table are made from it; a test compares it with the fields of [`Config`].

use std::fmt::Write;

use toml::Value;

use super::Config;
use super::reload::{table, value};

/// A key of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name, with its section: `deadlines.header`.
    pub name: &'static str,
    /// What it takes, in a word or two.
    pub takes: &'static str,
    /// For a key that has no default of its own: an example as TOML, and the words for what happens without it.
    pub unset: Option<(&'static str, &'static str)>,
    /// When a change takes effect.
    pub reload: Reloaded,
    /// What it does, in sentences.
    pub doc: &'static str,
}

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// At a reload of the file (SIGHUP).
    Live,
    /// At the next start.
    Restart,
}

impl Key {
    /// The section the key is in, if it is in one.
    pub fn section(&self) -> Option<&'static str> {
        self.name.split_once('.').map(|(section, _)| section)
    }

    /// What holds where the key is not given: the value as TOML, or words for what happens without one.
    pub fn default(&self) -> String {
        match (value(&table(&Config::default()), self.name), self.unset) {
            (Some(value), _) => spelled(value),
            (None, Some((_, without))) => without.to_owned(),
            (None, None) => String::new(),
        }
    }

    fn leaf(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, leaf)| leaf)
    }
}

use Reloaded::{Live, Restart};

const fn key(name: &'static str, takes: &'static str, reload: Reloaded, doc: &'static str) -> Key {
    Key { name, takes, unset: None, reload, doc }
}

const fn unset(
    name: &'static str,
    takes: &'static str,
    (example, without): (&'static str, &'static str),
    reload: Reloaded,
    doc: &'static str,
) -> Key {
    Key { name, takes, unset: Some((example, without)), reload, doc }
}

/// Every key, in the order of the default file.
pub const KEYS: &[Key] = &[
    key(
        "listen",
        "addresses",
        Restart,
        "Where clients connect. As in Squid's http_port, a bare port means every address of this machine.",
    ),
    unset(
        "reverse",
        "URL",
        ("\"http://192.0.2.7:8080\"", "a forward proxy"),
        Restart,
        "Stand in front of this origin instead of being a forward proxy.",
    ),
    unset(
        "admin_socket",
        "path",
        ("\"/run/cnn/admin.sock\"", "under the runtime directory"),
        Restart,
        "The Unix socket for `cnn status`, `cnn policy` and the other verbs; only its owner may open it.",
    ),
    unset(
        "metrics",
        "address",
        ("\"127.0.0.1:9301\"", "off"),
        Restart,
        "Where Prometheus finds /metrics; /livez and /readyz are there too.",
    ),
    unset("workers", "number", ("4", "one per core"), Restart, "Threads that serve requests."),
    unset(
        "visible_hostname",
        "name",
        ("\"proxy.example.net\"", "this machine's name and the first port of `listen`"),
        Restart,
        "The name in Via, Cache-Status and error pages. Proxies in a chain need different names, or the second takes \
         the first's requests for a loop.",
    ),
    key(
        "memory",
        "size",
        Live,
        "The cache's memory, with metadata and fetches in progress. MiB is 1024 x 1024 bytes, MB is 1000 x 1000.",
    ),
    key(
        "object_size_max",
        "size",
        Live,
        "A larger response is passed on without being stored. One response never takes more than half of `memory`.",
    ),
    key(
        "policy",
        "name",
        Live,
        "The replacement policy at the start: one that `cnn policy list` names, a .wasm or a .rhai. While the proxy serves, `cnn policy use` \
         changes it; a reload does only if this key was changed.",
    ),
    key(
        "admission",
        "name, file or none",
        Live,
        "The admission policy at the start: who is asked before a response is stored; `cnn admission list` names them. \
         While the proxy serves, `cnn admission use` changes it; a reload does only if this key was changed.",
    ),
    key(
        "monitors",
        "files or names",
        Live,
        "What watches requests from the start, as `cnn monitor attach` takes it; what they count is at /metrics. A reload \
         attaches those that are new here, and detaches those that are gone from here.",
    ),
    key(
        "access_log",
        "path, - or none",
        Live,
        "The log of requests; `-` is standard output. A reload opens it anew.",
    ),
    key(
        "access_log_format",
        "squid, combined or json",
        Live,
        "Squid's native format, the combined format of web servers, or a JSON object per line.",
    ),
    key(
        "strip_query_terms",
        "true or false",
        Live,
        "Log URLs without what follows the question mark. Squid does so by default; here the log is complete, so that \
         it can be replayed.",
    ),
    key("clients", "networks", Live, "Who may use the proxy: by default this machine and private networks."),
    key("safe_ports", "ports", Live, "Ports that may be asked for: Squid's Safe_ports."),
    key("connect_ports", "ports", Live, "Ports that CONNECT may tunnel to: Squid's SSL_ports."),
    key(
        "allow_destination",
        "networks",
        Live,
        "Destinations that are allowed although they are loopback, link-local, metadata or this machine's own addresses.",
    ),
    key("deadlines.header", "time", Live, "To receive a whole request header, once its first byte has come."),
    key(
        "deadlines.body",
        "time",
        Live,
        "For `limits.body_bytes_min` of a request body, or all that is left of it.",
    ),
    key("deadlines.send", "time", Live, "For a client to take more of a response that waits for it."),
    key("deadlines.idle", "time", Live, "For the next request on a client's connection."),
    key("deadlines.dns", "time", Live, "To look up a name."),
    key("deadlines.connect", "time", Live, "To connect to one address of an origin."),
    key("deadlines.origin_response", "time", Live, "For an origin to begin its response."),
    key("deadlines.origin_body", "time", Live, "Between two pieces of an origin's response body."),
    key("deadlines.origin_idle", "time", Live, "A connection to an origin is kept for reuse."),
    key("deadlines.tunnel_idle", "time", Live, "A tunnel stays open while nothing moves in it."),
    key("deadlines.drain", "time", Live, "Requests in progress may take after SIGTERM."),
    key("limits.header_bytes", "size", Live, "Bytes of a header section, of a request or a response."),
    key("limits.header_count", "number", Live, "Lines of a header section."),
    key(
        "limits.body_bytes_min",
        "size",
        Live,
        "Bytes of a request body that have to come within each `deadlines.body`; 0 asks for no more than one.",
    ),
    key("limits.connections", "number", Restart, "Client connections open at once."),
    key(
        "limits.origin_idle_connections",
        "number",
        Live,
        "Connections kept for reuse, per origin and worker.",
    ),
    key(
        "freshness.rules",
        "name, file or none",
        Live,
        "The freshness rules at the start, which say how long responses stay fresh; `cnn freshness list` names them. \
         While the proxy serves, `cnn freshness use` changes them; a reload does only if this key was changed.",
    ),
    key(
        "freshness.heuristic_percent",
        "percentage",
        Live,
        "A response without an explicit lifetime is fresh for this share of the time since its last modification.",
    ),
    key("freshness.heuristic_max", "time", Live, "The longest such lifetime."),
    key(
        "freshness.stale_if_error",
        "time",
        Live,
        "How stale a response may be served when the origin fails, where the response does not say (RFC 5861).",
    ),
    key(
        "freshness.stale_while_revalidate",
        "time",
        Live,
        "How stale a response may be served while it is validated, where the response does not say (RFC 5861).",
    ),
    unset(
        "modules.directory",
        "path",
        ("\"/etc/cnn/modules\"", "modules are loaded by command only"),
        Restart,
        "A directory whose .wasm and .rhai are loaded at the start and again when they change, under the names they give \
         themselves. A broken one changes nothing and is told of; one that is removed stays loaded.",
    ),
    unset(
        "modules.code_cache",
        "path",
        ("\"/var/cache/cnn/code\"", "modules are compiled at each start"),
        Restart,
        "A directory for the compiled code of modules, so that a known one is ready at once. It is made if it is not \
         there; nobody but the proxy's user may enter it.",
    ),
    unset(
        "modules.reproducers",
        "path",
        ("\"/var/lib/cnn/reproducers\"", "in the state directory of the proxy's user"),
        Restart,
        "A directory for what it takes to do a module's fault again, for `cnn module reproduce`: at most 64 files and \
         64 MiB. It is made if it is not there; nobody but the proxy's user may enter it.",
    ),
];

/// What is said of a section above its keys.
const SECTIONS: [(&str, &str); 4] = [
    ("deadlines", "How long each step may take."),
    ("limits", "How much one client or origin may ask for."),
    ("freshness", "For responses that do not say how long they may be used."),
    ("modules", "Policies and other modules as files: `cnn module list` says what is loaded."),
];

/// The default file: every key with its meaning and default; those without a default are commented out.
pub fn default_toml() -> String {
    let defaults = table(&Config::default());
    let mut text = String::from(
        "# C/NN configuration. Every key is here with its default; a line that stands after `#key =` is an example.\n\
         # `cnn config check FILE` checks a file; SIGHUP reloads it (keys marked [restart] wait for the next start).\n",
    );
    let mut section = None;
    for key in KEYS {
        if key.section() != section {
            section = key.section();
            let name = section.unwrap_or_default();
            let doc = SECTIONS.iter().find(|(n, _)| *n == name).map_or("", |(_, doc)| doc);
            let _ = write!(text, "\n# {doc}\n[{name}]\n");
        }
        text.push('\n');
        let mark = if key.reload == Restart { " [restart]" } else { "" };
        comment(&mut text, &format!("{}{mark}", key.doc));
        let _ = match (value(&defaults, key.name), key.unset) {
            (Some(value), _) => writeln!(text, "{} = {}", key.leaf(), spelled(value)),
            (None, Some((example, without))) => {
                comment(&mut text, &format!("Without it: {without}."));
                writeln!(text, "#{} = {example}", key.leaf())
            }
            (None, None) => Ok(()),
        };
    }
    text
}

/// Writes a comment in lines of at most 100 characters.
fn comment(text: &mut String, words: &str) {
    let mut width = usize::MAX;
    for word in words.split(' ') {
        if width.saturating_add(1 + word.len()) > 100 {
            text.push_str(if width == usize::MAX { "#" } else { "\n#" });
            width = 1;
        }
        text.push(' ');
        text.push_str(word);
        width += 1 + word.len();
    }
    text.push('\n');
}

/// A value as TOML on one line.
fn spelled(value: &Value) -> String {
    value.to_string()
}

/// The table of keys for the README.
pub fn markdown_table() -> String {
    let mut text =
        String::from("| key | takes | default | reload | meaning |\n| --- | --- | --- | --- | --- |\n");
    for key in KEYS {
        let default = match key.unset {
            None => format!("`{}`", key.default()),
            Some(_) => key.default(),
        };
        let reload = if key.reload == Live { "yes" } else { "restart" };
        let _ = writeln!(text, "| `{}` | {} | {default} | {reload} | {} |", key.name, key.takes, key.doc);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Overrides, read};
    use super::*;

    /// Names of all values that are set, with their sections.
    fn names(table: &toml::Table, section: &str, into: &mut BTreeSet<String>) {
        for (name, value) in table {
            match value {
                Value::Table(inner) => names(inner, &format!("{name}."), into),
                _ => assert!(into.insert(format!("{section}{name}"))),
            }
        }
    }

    fn everything_set() -> Config {
        let mut text = default_toml();
        for key in KEYS.iter().filter(|key| key.unset.is_some()) {
            text = text.replace(&format!("\n#{} =", key.leaf()), &format!("\n{} =", key.leaf()));
        }
        read("default", &text, &Overrides::default(), cnn_policies::registry())
            .unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn the_table_has_exactly_the_fields_of_the_configuration() {
        let mut fields = BTreeSet::new();
        names(&table(&everything_set()), "", &mut fields);
        assert_eq!(fields, KEYS.iter().map(|key| key.name.to_owned()).collect());
    }

    #[test]
    fn only_keys_without_a_default_are_marked_so() {
        let defaults = table(&Config::default());
        for key in KEYS {
            assert_eq!(value(&defaults, key.name).is_none(), key.unset.is_some(), "{}", key.name);
        }
    }

    #[test]
    fn the_default_file_is_the_defaults() {
        let text = default_toml();
        let config = read("default", &text, &Overrides::default(), cnn_policies::registry());
        assert_eq!(config.unwrap_or_else(|e| panic!("{e}")), Config::default());
        assert!(text.lines().all(|line| line.chars().count() <= 160), "{text}");
    }

    #[test]
    fn the_readme_table_has_every_key() {
        let markdown = markdown_table();
        assert!(KEYS.iter().all(|key| markdown.contains(&format!("| `{}` |", key.name))));
        assert_eq!(markdown.lines().count(), KEYS.len() + 2);
    }
}
