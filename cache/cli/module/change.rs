//! `cnn module reload` and `cnn module set`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::ModuleChanged;

use crate::cli::admin::Admin;
use crate::cli::policy::switched;
use crate::cli::{Failure, argument};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn module reload small-and-often --reevaluate all")]
pub(crate) struct Reload {
    #[arg(value_name = "NAME", help = argument(Verb::ModuleReload, "name"))]
    name: String,
    #[arg(long, value_name = "N|P%|all", help = argument(Verb::ModuleReload, "reevaluate"))]
    reevaluate: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

impl Reload {
    pub(super) fn run(self) -> Result<(), Failure> {
        let arguments: Vec<_> =
            [("name", self.name.as_str())].into_iter().chain(given(&self.reevaluate)).collect();
        self.admin.show(Verb::ModuleReload, &arguments, |changed| render(changed, "reloaded"))
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn module set s3 small=0.2 ghosts=2")]
pub(crate) struct Set {
    #[arg(value_name = "NAME", help = argument(Verb::ModuleSet, "name"))]
    name: String,
    #[arg(value_name = "KEY=VALUE", required = true, help = argument(Verb::ModuleSet, "values"))]
    values: Vec<String>,
    #[arg(long, value_name = "N|P%|all", help = argument(Verb::ModuleSet, "reevaluate"))]
    reevaluate: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

impl Set {
    pub(super) fn run(self) -> Result<(), Failure> {
        let values = self.values.join(",");
        let fixed = [("name", self.name.as_str()), ("values", values.as_str())];
        let arguments: Vec<_> = fixed.into_iter().chain(given(&self.reevaluate)).collect();
        self.admin.show(Verb::ModuleSet, &arguments, |changed| render(changed, "set"))
    }
}

fn given(reevaluate: &Option<String>) -> Option<(&'static str, &str)> {
    reevaluate.as_deref().map(|reevaluate| ("reevaluate", reevaluate))
}

fn render(changed: &ModuleChanged, what: &str) -> String {
    match &changed.switched {
        _ if changed.unchanged => format!("{} is so already; nothing was changed\n", changed.name),
        Some(switch) => match &changed.state {
            Some(state) => format!("{}what it had learned was {state}\n", switched(switch)),
            None => switched(switch),
        },
        None => format!("{} is {what}; it does not decide\n", changed.name),
    }
}
