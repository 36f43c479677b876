//! `cnn module show`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::{Module, ModuleFaults, ModuleInstance, Setting};

use crate::cli::admin::Admin;
use crate::cli::table::pairs;
use crate::cli::units::{bytes, count, micros};
use crate::cli::{Failure, argument};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn module show small-and-often")]
pub(crate) struct Show {
    #[arg(value_name = "NAME", help = argument(Verb::ModuleShow, "name"))]
    name: String,
    #[command(flatten)]
    admin: Admin,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::ModuleShow, &[("name", &self.name)], render)
    }
}

fn render(module: &Module) -> String {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let kind = module.kind.as_deref().map(|kind| format!(", {kind}")).unwrap_or_default();
    let file = match module.file.as_str() {
        "same" => module.path.clone(),
        how => format!("{}, which is {how} since", module.path),
    };
    let lines = [
        ("module", Some(module.name.clone())),
        ("role", Some(format!("{}{kind}", module.role))),
        ("state", Some(module.state.clone())),
        ("run", module.execution.clone()),
        ("does", some(&module.summary)),
        ("good for", some(&module.goals.join(", "))),
        ("version", some(&module.version)),
        ("paper", some(&module.paper)),
        ("loaded", Some(format!("{} s ago by {}", count(module.ago_secs), module.by))),
        ("file", Some(format!("{file}, {} bytes", count(module.bytes)))),
        ("sha256", Some(module.sha256.clone())),
    ];
    let parameters = module.parameters.iter().map(|it| ("parameter", Some(parameter(it))));
    let instances = module.instances.iter().map(|it| ("instance", Some(instance(it, &module.sha256))));
    let faults = module.instances.iter().map(|it| ("last fault", it.last_fault.clone()));
    let all = module
        .faults
        .iter()
        .flat_map(|it| [("faults", Some(by_kind(it))), ("reproducer", it.reproducer.clone())]);
    let text = pairs(lines.into_iter().chain(parameters).chain(instances).chain(faults).chain(all));
    match &module.source {
        Some(source) => format!("{text}\n{}", shown(source)),
        None => text,
    }
}

/// `small = 0.2 (0 to 1, 0.1 if not set), share of the small queue`
fn parameter(setting: &Setting) -> String {
    let Setting { name, summary, value, default, min, max } = setting;
    format!("{name} = {value} ({min} to {max}, {default} if not set), {summary}")
}

/// `deciding, 1,024 calls in 3.1 ms, 0 faults, 64.0 KiB`
fn instance(instance: &ModuleInstance, sha256: &str) -> String {
    let ModuleInstance { state, calls, faults, memory_bytes, time_us, .. } = instance;
    let mut text = format!("{state}, {} calls", count(*calls));
    if let Some(time) = time_us {
        text.push_str(&format!(" in {}", micros(*time)));
    }
    text.push_str(&format!(", {} faults", count(*faults)));
    if *memory_bytes > 0 {
        text.push_str(&format!(", {}", bytes(*memory_bytes)));
    }
    if instance.sha256 != sha256 {
        text.push_str(&format!(", of another file: {}", instance.sha256.get(..12).unwrap_or_default()));
    }
    text
}

/// `8: 7 trap, 1 time; victims: ...`
fn by_kind(module: &ModuleFaults) -> String {
    let kinds: Vec<_> =
        module.faults_by_kind.iter().map(|(kind, times)| format!("{} {kind}", count(*times))).collect();
    format!("{}: {}; {}", count(module.faults), kinds.join(", "), module.last_fault)
}

/// A source as it is, but for what a terminal would obey.
fn shown(source: &str) -> String {
    let is_plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
    let mut text: String = source.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_shown_with_its_numbers_its_instances_and_its_source() {
        let module: Module = serde_json::from_str(
            r#"{"name": "mine", "role": "replacement", "form": "rhai", "kind": "key", "summary": "smallest last",
                "state": "deciding", "path": "/m/mine.rhai", "file": "changed", "sha256": "abcdefabcdefabcd", "bytes": 1200,
                "by": "uid=7 pid=8", "ago_secs": 75, "goals": ["hits"],
                "parameters": [{"name": "small", "summary": "a share", "value": 0.2, "default": 0.1, "min": 0, "max": 1}],
                "instances": [
                  {"state": "kept for rollback", "sha256": "0123456789abcdef", "calls": 3, "faults": 1, "last_fault": "line 2: oh"},
                  {"state": "deciding", "sha256": "abcdefabcdefabcd", "calls": 1024, "time_us": 3100, "memory_bytes": 65536}],
                "source": "doc.size\u001b"}"#,
        )
        .unwrap();
        let expected = "\
module      mine
role        replacement, key
state       deciding
does        smallest last
good for    hits
loaded      75 s ago by uid=7 pid=8
file        /m/mine.rhai, which is changed since, 1,200 bytes
sha256      abcdefabcdefabcd
parameter   small = 0.2 (0 to 1, 0.1 if not set), a share
instance    kept for rollback, 3 calls, 1 faults, of another file: 0123456789ab
instance    deciding, 1,024 calls in 3.1 ms, 0 faults, 64.0 KiB
last fault  line 2: oh

doc.size\u{fffd}
";
        assert_eq!(render(&module), expected);
    }
}
