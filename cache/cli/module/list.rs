//! `cnn module list`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::{Module, ModuleList, Setting};

use crate::cli::Failure;
use crate::cli::admin::Admin;
use crate::cli::table::Table;
use crate::cli::units::count;

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    admin: Admin,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::ModuleList, &[], render)
    }
}

fn render(list: &ModuleList) -> String {
    let mut table = Table::new(["module", "role", "form", "state", ">faults", "given", "file"]);
    for module in &list.modules {
        let faults = module.instances.iter().map(|instance| instance.faults).sum();
        let file = match module.file.as_str() {
            "same" => module.path.clone(),
            how => format!("{} ({how})", module.path),
        };
        let Module { name, role, form, state, .. } = module.clone();
        table.row([name, role, form, state, count(faults), given(&module.parameters), file]);
    }
    table.render()
}

/// The numbers in force that are not those of the manifest.
fn given(settings: &[Setting]) -> String {
    let other = settings.iter().filter(|setting| setting.value != setting.default);
    other.map(|Setting { name, value, .. }| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_listed_with_what_it_does_and_what_it_was_given() {
        let list: ModuleList = serde_json::from_str(
            r#"{"modules": [
                {"name": "mine", "role": "replacement", "form": "wasm", "state": "deciding", "file": "same",
                 "path": "/m/mine.wasm", "instances": [{"faults": 2}, {"faults": 1}],
                 "parameters": [{"name": "small", "value": 0.2, "default": 0.1}, {"name": "rest", "value": 1, "default": 1}]},
                {"name": "old", "role": "monitor", "form": "rhai", "state": "loaded", "file": "gone", "path": "/m/old.rhai"}]}"#,
        )
        .unwrap();
        let expected = "\
module  role         form  state     faults  given      file
mine    replacement  wasm  deciding       3  small=0.2  /m/mine.wasm
old     monitor      rhai  loaded         0             /m/old.rhai (gone)
";
        assert_eq!(render(&list), expected);
    }
}
