//! `cnn policy show`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::{Parameter, Policy};

use crate::cli::admin::Admin;
use crate::cli::table::pairs;
use crate::cli::{Failure, argument};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn policy show gdsf")]
pub(crate) struct Show {
    #[arg(value_name = "NAME", help = argument(Verb::PolicyShow, "name"))]
    name: String,
    #[command(flatten)]
    admin: Admin,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::PolicyShow, &[("name", &self.name)], render)
    }
}

fn render(policy: &Policy) -> String {
    let orders = match policy.kind.as_str() {
        "key" => "by a key that changes when a document is touched (exact, in a heap)",
        "score" => "by a score that drifts with time (of a sample, the lowest goes)",
        "hooks" => "in queues of its own",
        other => other,
    };
    let told = if policy.hit_events { "of every use" } else { "of nothing but what comes and goes" };
    pairs([
        ("policy", Some(policy.name.clone())),
        ("role", policy.role.clone()),
        ("does", Some(policy.summary.clone())),
        ("orders", Some(orders.to_owned())),
        ("is told", Some(told.to_owned())),
        ("good for", Some(policy.goals.join(", "))),
        ("paper", Some(policy.paper.clone())),
        ("takes", (!policy.parameters.is_empty()).then(|| parameters(policy))),
    ])
}

/// `small=0.1 (0 to 1), share of the small queue; ...`
fn parameters(policy: &Policy) -> String {
    let words = policy.parameters.iter().map(|parameter| {
        let Parameter { name, summary, default, min, max } = parameter;
        format!("{name}={default} ({min} to {max}), {summary}")
    });
    words.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_tells_how_it_orders_and_where_it_comes_from() {
        let policy: Policy = serde_json::from_str(
            r#"{"name": "size", "summary": "Largest goes first", "kind": "key", "hit_events": false,
                "goals": ["hits"], "paper": "Williams et al., SIGCOMM 1996", "role": null}"#,
        )
        .unwrap();
        let expected = "\
policy    size
does      Largest goes first
orders    by a key that changes when a document is touched (exact, in a heap)
is told   of nothing but what comes and goes
good for  hits
paper     Williams et al., SIGCOMM 1996
";
        assert_eq!(render(&policy), expected);
    }
}
