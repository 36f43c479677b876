//! `cnn module load` and `cnn module unload`

use std::path::PathBuf;

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::Module;

use crate::cli::admin::Admin;
use crate::cli::{Failure, argument};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cnn module load mine.wasm\n  cnn module load scripts/replacement/gdsf.rhai --name gdsf-script"
)]
pub(crate) struct Load {
    #[arg(value_name = "FILE", help = argument(Verb::ModuleLoad, "file"))]
    file: PathBuf,
    #[arg(long, value_name = "NAME", help = argument(Verb::ModuleLoad, "name"))]
    name: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

impl Load {
    pub(super) fn run(self) -> Result<(), Failure> {
        // The proxy may run in another folder.
        let file = std::path::absolute(&self.file)?.to_string_lossy().into_owned();
        let name = self.name.as_deref().map(|name| ("name", name));
        let arguments: Vec<_> = [("file", &*file)].into_iter().chain(name).collect();
        self.admin.show(Verb::ModuleLoad, &arguments, |module| format!("loaded {}\n", told(module)))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Unload {
    #[arg(value_name = "NAME", help = argument(Verb::ModuleUnload, "name"))]
    name: String,
    #[command(flatten)]
    admin: Admin,
}

impl Unload {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::ModuleUnload, &[("name", &self.name)], |module| {
            format!("unloaded {}\n", told(module))
        })
    }
}

/// `mine, replacement, rhai, sha256 0123456789ab`
fn told(module: &Module) -> String {
    let Module { name, role, form, sha256, .. } = module;
    format!("{name}, {role}, {form}, sha256 {}", sha256.get(..12).unwrap_or_default())
}
