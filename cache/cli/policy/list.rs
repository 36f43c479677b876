//! `cnn policy list`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::PolicyList;

use crate::cli::Failure;
use crate::cli::admin::Admin;
use crate::cli::table::Table;

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    admin: Admin,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::PolicyList, &[], render)
    }
}

fn render(list: &PolicyList) -> String {
    let mut table = Table::new(["policy", "", "good for", "what it does"]);
    for policy in &list.policies {
        let role = policy.role.clone().unwrap_or_default();
        let role = match &policy.module {
            Some(form) => format!("{role} ({form})").trim_start().to_owned(),
            None => role,
        };
        table.row([policy.name.clone(), role, policy.goals.join(", "), policy.summary.clone()]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deciding_policy_is_marked() {
        let list: PolicyList = serde_json::from_str(
            r#"{"policy": "gdsf", "policies": [
                {"name": "lru", "summary": "Least recently used goes first", "goals": ["bytes"], "role": "previous"},
                {"name": "gdsf", "summary": "Small and popular stays", "goals": ["hits", "latency"], "role": "deciding"},
                {"name": "fifo", "summary": "Oldest goes first", "goals": ["bytes"], "role": null}]}"#,
        )
        .unwrap();
        let expected = "\
policy            good for       what it does
lru     previous  bytes          Least recently used goes first
gdsf    deciding  hits, latency  Small and popular stays
fifo              bytes          Oldest goes first
";
        assert_eq!(render(&list), expected);
    }
}
