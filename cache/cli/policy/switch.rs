//! `cnn policy use`, `cnn policy rollback` and `cnn policy watch`: a switch, and how far it has come.

use std::thread;
use std::time::Duration;

use clap::Args;
use cnn_proxy::admin::command::{Argument, Verb};
use cnn_proxy::admin::reply::{Switch, Switched};

use crate::cli::admin::{Admin, one_line};
use crate::cli::table::pairs;
use crate::cli::units::{count, micros};
use crate::cli::{Failure, argument, print, whole};

/// How often `watch` looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cnn policy use gdsf --reevaluate 20%\n  cnn policy use 's3-fifo(small=0.2)'\n  cnn policy use ./mine.rhai\n  cnn policy use lru --reevaluate all"
)]
pub(crate) struct Use {
    #[arg(value_name = "NAME", help = argument(Verb::PolicyUse, "name"))]
    name: String,
    #[arg(long, value_name = "N|P%|all", help = argument(Verb::PolicyUse, "reevaluate"))]
    reevaluate: Option<String>,
    #[arg(long, help = argument(Verb::PolicyUse, "force"))]
    force: bool,
    #[command(flatten)]
    admin: Admin,
}

impl Use {
    pub(super) fn run(self) -> Result<(), Failure> {
        let reevaluate = self.reevaluate.as_deref().map(|reevaluate| ("reevaluate", reevaluate));
        let name = whole(&self.name);
        let force = self.force.then_some(("force", Argument::SET));
        let arguments: Vec<_> = [("name", &*name)].into_iter().chain(reevaluate).chain(force).collect();
        self.admin.show(Verb::PolicyUse, &arguments, render)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[arg(long, value_name = "N|P%|all", help = argument(Verb::PolicyRollback, "reevaluate"))]
    reevaluate: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

impl Rollback {
    pub(super) fn run(self) -> Result<(), Failure> {
        let reevaluate = self.reevaluate.as_deref().map(|reevaluate| ("reevaluate", reevaluate));
        self.admin.show(Verb::PolicyRollback, reevaluate.as_slice(), render)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn policy watch 7")]
pub(crate) struct Watch {
    #[arg(value_name = "TOKEN", help = argument(Verb::PolicyWatch, "token"))]
    token: String,
    #[command(flatten)]
    admin: Admin,
}

impl Watch {
    /// Prints a line each time the number of pending documents has changed, until it is 0.
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = self.admin.client()?;
        let mut told = None;
        loop {
            let json = client.ask(Verb::PolicyWatch.command(), &[("token", &self.token)])?;
            let Switch { switched, .. } =
                serde_json::from_str(&json).map_err(|error| Failure::Ask(error.into()))?;
            if told.replace(switched.pending) != Some(switched.pending) {
                print(&if self.admin.json { one_line(&json) } else { progress(&switched) })?;
            }
            if switched.pending == 0 {
                return Ok(());
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn progress(switched: &Switched) -> String {
    let Switched { policy, carried, pending, .. } = switched;
    format!("{policy}: {} of {} documents pending\n", count(*pending), count(*carried))
}

pub(crate) fn render(switched: &Switched) -> String {
    let Switched { token, policy, previous_policy, .. } = switched;
    if switched.unchanged {
        return format!("{policy} is deciding already; nothing was changed\n");
    }
    let times = format!(
        "prepared in {}, handed over in {}",
        micros(switched.prepare_us),
        micros(switched.handover_us)
    );
    let previous = previous_policy.as_deref().unwrap_or("none");
    pairs([
        ("policy", Some(format!("{policy}, before it {previous}"))),
        ("carried over", Some(format!("{} documents", count(switched.carried)))),
        ("re-evaluated", Some(count(switched.reevaluated))),
        ("pending", Some(count(switched.pending))),
        ("took", Some(times)),
        ("token", Some(token.clone())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Switched {
        serde_json::from_str(
            r#"{"token": "7", "policy": "gdsf", "previous_policy": "lru", "carried": 102334, "reevaluated": 20467,
                "pending": 81867, "prepare_us": 1240, "handover_us": 18}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_switch_tells_what_was_carried_over_and_what_it_took() {
        let expected = "\
policy        gdsf, before it lru
carried over  102,334 documents
re-evaluated  20,467
pending       81,867
took          prepared in 1.2 ms, handed over in 18 us
token         7
";
        assert_eq!(render(&sample()), expected);
        assert_eq!(progress(&sample()), "gdsf: 81,867 of 102,334 documents pending\n");
    }
}
