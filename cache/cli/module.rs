//! `cnn module`: wasm modules and rhai scripts, looked at without a proxy, and those a running one has loaded.

mod change;
mod check;
mod list;
mod load;
mod new;
mod reproduce;
mod show;

use clap::Subcommand;
use cnn_proxy::admin::command::Verb;

use super::{Failure, help, print};

/// Check, begin, load, show and change modules: policies that are wasm or rhai
#[derive(Debug, Subcommand)]
pub(super) enum Module {
    Check(check::Check),
    New(new::New),
    Reproduce(reproduce::Reproduce),
    #[command(about = help(Verb::ModuleLoad))]
    Load(load::Load),
    #[command(about = help(Verb::ModuleList))]
    List(list::List),
    #[command(about = help(Verb::ModuleShow))]
    Show(show::Show),
    #[command(about = help(Verb::ModuleUnload))]
    Unload(load::Unload),
    #[command(about = help(Verb::ModuleReload))]
    Reload(change::Reload),
    #[command(about = help(Verb::ModuleSet))]
    Set(change::Set),
}

impl Module {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(),
            Self::New(new) => new.run(),
            Self::Reproduce(reproduce) => reproduce.run(),
            Self::Load(load) => load.run(),
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Unload(unload) => unload.run(),
            Self::Reload(reload) => reload.run(),
            Self::Set(set) => set.run(),
        }
    }
}
