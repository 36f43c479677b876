//! `cnn policy worst`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply;

use crate::cli::admin::Admin;
use crate::cli::table::Table;
use crate::cli::units::{bytes, count, secs};
use crate::cli::{Failure, argument};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn policy worst 20")]
pub(crate) struct Worst {
    #[arg(value_name = "N", help = argument(Verb::PolicyWorst, "limit"))]
    limit: Option<usize>,
    #[command(flatten)]
    admin: Admin,
}

impl Worst {
    pub(super) fn run(self) -> Result<(), Failure> {
        let limit = self.limit.map(|limit| limit.to_string());
        let arguments: Vec<_> = limit.as_deref().map(|limit| ("limit", limit)).into_iter().collect();
        self.admin.show(Verb::PolicyWorst, &arguments, render)
    }
}

fn render(worst: &reply::Worst) -> String {
    if worst.documents.is_empty() {
        return "nothing is stored\n".to_owned();
    }
    let mut table = Table::new([">rank", ">size", ">uses", ">idle", "ordered by", ">by", "document"]);
    for document in &worst.documents {
        table.row([
            count(document.rank),
            bytes(document.bytes),
            count(document.uses.into()),
            secs(document.idle_secs),
            document.ordered_by.clone(),
            value(document.value),
            document.url.clone().unwrap_or_else(|| "(gone meanwhile)".to_owned()),
        ]);
    }
    table.render()
}

/// A key or score in as few digits as tell documents apart; policies with queues have none.
fn value(value: f64) -> String {
    match value {
        0.0 => "-".to_owned(),
        value if (0.001..1e9).contains(&value.abs()) => format!("{value:.3}"),
        value => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_whatever_its_size() {
        let check = |number: f64, expected: &str| assert_eq!(value(number), expected);
        check(0.0, "-");
        check(12.3456, "12.346");
        check(0.000_012_5, "1.250e-5");
        check(-1e12, "-1.000e12");
    }

    #[test]
    fn the_first_to_go_is_listed_first_with_its_order() {
        let worst: reply::Worst = serde_json::from_str(
            r#"{"policy": "gdsf", "documents": [
                {"rank": 1, "url": "http://a.test/big", "bytes": 1048576, "uses": 1, "idle_secs": 62, "ordered_by": "gds", "value": 1.25},
                {"rank": 2, "url": null, "bytes": 512, "uses": 3, "idle_secs": 0, "ordered_by": "sieve"}]}"#,
        )
        .unwrap();
        let expected = "\
rank     size  uses       idle  ordered by     by  document
   1  1.0 MiB     1  1 min 2 s  gds         1.250  http://a.test/big
   2    512 B     3        0 s  sieve           -  (gone meanwhile)
";
        assert_eq!(render(&worst), expected);
    }
}
