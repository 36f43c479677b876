//! `cnn policy history`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply;

use crate::cli::Failure;
use crate::cli::admin::Admin;
use crate::cli::table::Table;
use crate::cli::units::{count, micros, percent_or_dash, secs};

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    admin: Admin,
}

impl History {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::PolicyHistory, &[], render)
    }
}

fn render(history: &reply::History) -> String {
    let mut table = Table::new([
        ">token",
        ">ago",
        "switch",
        ">carried",
        ">re-evaluated",
        ">pending",
        ">hand-over",
        "hits before, after",
        "bytes before, after",
        "by",
    ]);
    for switch in &history.switches {
        let switched = &switch.switched;
        let change = |before, after| format!("{} -> {}", percent_or_dash(before), percent_or_dash(after));
        table.row([
            switched.token.clone(),
            secs(switch.ago_secs),
            what(switched),
            count(switched.carried),
            count(switched.reevaluated),
            count(switched.pending),
            micros(switched.handover_us),
            change(switch.before.hit_ratio, switch.after.hit_ratio),
            change(switch.before.byte_hit_ratio, switch.after.byte_hit_ratio),
            switch.by.clone(),
        ]);
    }
    table.render()
}

/// `lru -> gdsf`, or the policy it started with.
pub(crate) fn what(switched: &reply::Switched) -> String {
    match &switched.previous_policy {
        Some(previous) => format!("{previous} -> {}", switched.policy),
        None => switched.policy.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_switch_is_a_line_with_ratios_before_and_after() {
        let history: reply::History = serde_json::from_str(
            r#"{"switches": [
                {"token": "1", "policy": "lru", "previous_policy": null, "ago_secs": 700, "cause": "start", "by": "configuration",
                 "after": {"requests": 100, "hit_ratio": 0.551, "byte_hit_ratio": 0.48}},
                {"token": "2", "policy": "gdsf", "previous_policy": "lru", "carried": 102334, "reevaluated": 20467,
                 "pending": 81867, "prepare_us": 1240, "handover_us": 18, "at": 1763663729, "ago_secs": 303,
                 "cause": "use", "by": "uid=0 pid=7",
                 "before": {"requests": 100, "hit_ratio": 0.551, "byte_hit_ratio": 0.48},
                 "after": {"requests": 100, "hit_ratio": 0.613, "byte_hit_ratio": 0.402}}]}"#,
        )
        .unwrap();
        let expected = "\
token          ago  switch       carried  re-evaluated  pending  hand-over  hits before, after  \
bytes before, after  by
    1  11 min 40 s  lru                0             0        0       0 us  - -> 55.1 %         \
- -> 48.0 %          configuration
    2    5 min 3 s  lru -> gdsf  102,334        20,467   81,867      18 us  55.1 % -> 61.3 %    \
48.0 % -> 40.2 %     uid=0 pid=7
";
        assert_eq!(render(&history), expected);
    }
}
