//! `cnn script run`: hands a script to the live cache.

use std::borrow::Cow;
use std::fs;
use std::path::{self, PathBuf};

use clap::{Args, Subcommand};
use cnn_proxy::admin::client::AskError;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::{ScriptRun, ScriptUpdates, Switched};

use super::admin::Admin;
use super::table::pairs;
use super::units::{count, micros};
use super::{Failure, argument, help, print};

/// Look at the live cache and change it by a script
#[derive(Debug, Subcommand)]
pub(super) enum Script {
    #[command(about = help(Verb::ScriptRun))]
    Run(Run),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cnn script run scripts/live/figure-2.rhai\n  cnn script run mine.rhai --dry-run\n  cnn script run --text 'repository.worst(3).map(|doc| doc.url)'"
)]
pub(super) struct Run {
    #[arg(value_name = "FILE", help = argument(Verb::ScriptRun, "file"), required_unless_present = "text")]
    file: Option<PathBuf>,
    #[arg(long, value_name = "TEXT", help = argument(Verb::ScriptRun, "text"))]
    text: Option<String>,
    #[arg(
        long,
        value_name = "yes|no",
        help = argument(Verb::ScriptRun, "dry-run"),
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "yes"
    )]
    dry_run: Option<String>,
    #[command(flatten)]
    admin: Admin,
}

impl Script {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Run(run) => run.run(),
        }
    }
}

impl Run {
    fn run(self) -> Result<(), Failure> {
        let file = match &self.file {
            // The proxy may run in another folder.
            Some(file) => path::absolute(file)?.to_string_lossy().into_owned(),
            None => "the text".to_owned(),
        };
        let text = match (&self.text, &self.file) {
            (Some(text), _) => Cow::Borrowed(text),
            (None, Some(path)) => Cow::Owned(
                fs::read_to_string(path)
                    .map_err(|error| Failure::Said(format!("{}: {error}", path.display())))?,
            ),
            (None, None) => return Err(Failure::Said("expected a file or a text".to_owned())),
        };
        let mut arguments = vec![("file", file.as_str()), ("text", text.as_str())];
        arguments.extend(self.dry_run.as_deref().map(|dry_run| ("dry-run", dry_run)));
        let shown = self.admin.show(Verb::ScriptRun, &arguments, render);
        if let Err(Failure::Ask(AskError::Refused(refusal))) = &shown
            && let Some(output) = &refusal.output
        {
            // What it said before it failed.
            print(output)?;
        }
        shown
    }
}

fn render(run: &ScriptRun) -> String {
    let ScriptRun { output, value, policy, reevaluate, update, switched, updated, dry_run, .. } = run;
    let value = value.as_ref().map(|value| format!("{value}\n")).unwrap_or_default();
    let table = match (switched, dry_run) {
        (Some(switched), _) => done(switched, *updated),
        (None, false) => pairs(named(*updated)),
        (None, true) => pairs([
            ("would switch to", policy.clone()),
            ("re-evaluating", reevaluate.map(|documents| format!("{} documents", count(documents)))),
            ("updating", Some(*update).filter(|&update| update > 0).map(count)),
        ]),
    };
    format!("{output}{value}{table}")
}

fn done(switched: &Switched, updated: Option<ScriptUpdates>) -> String {
    let Switched { token, policy, previous_policy, .. } = switched;
    let previous = previous_policy.as_deref().unwrap_or("none");
    let rows = [
        ("policy", Some(format!("{policy}, before it {previous}"))),
        ("carried over", Some(format!("{} documents", count(switched.carried)))),
        ("re-evaluated", Some(count(switched.reevaluated))),
        ("pending", Some(count(switched.pending))),
        (
            "took",
            Some(format!(
                "prepared in {}, handed over in {}",
                micros(switched.prepare_us),
                micros(switched.handover_us)
            )),
        ),
        ("token", Some(token.clone())),
    ];
    pairs(rows.into_iter().chain(named(updated)))
}

fn named(updated: Option<ScriptUpdates>) -> [(&'static str, Option<String>); 1] {
    let updated = updated.map(|ScriptUpdates { carried, revalued, passed_over }| {
        let [carried, revalued, passed_over] = [carried, revalued, passed_over].map(count);
        format!("{carried} carried over, {revalued} valued anew, {passed_over} passed over")
    });
    [("by name", updated)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let run: ScriptRun = serde_json::from_str(json).unwrap();
        assert_eq!(render(&run), expected);
    }

    #[test]
    fn a_run_tells_what_was_printed_and_what_was_done() {
        check(r#"{"output": "hello\n", "value": "7"}"#, "hello\n7\n");
        check(
            r#"{"dry_run": true, "policy": "filter-policy", "reevaluate": 20, "update": 3}"#,
            "would switch to  filter-policy\nre-evaluating    20 documents\nupdating         3\n",
        );
        check(
            r#"{"update": 3, "updated": {"carried": 1, "revalued": 2, "passed_over": 0}}"#,
            "by name  1 carried over, 2 valued anew, 0 passed over\n",
        );
        check(
            r#"{"switched": {"token": "2", "policy": "filter-policy", "previous_policy": "lru", "carried": 100,
                "reevaluated": 20, "pending": 80, "prepare_us": 120, "handover_us": 3}}"#,
            "policy        filter-policy, before it lru\ncarried over  100 documents\nre-evaluated  20\npending       80\n\
             took          prepared in 120 us, handed over in 3 us\ntoken         2\n",
        );
    }
}
