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
    let mut table = Table::new([">rank", ">size", ">uses", ">idle", "ordered by", "document"]);
    for document in &worst.documents {
        table.row([
            count(document.rank),
            bytes(document.bytes),
            count(document.uses.into()),
            secs(document.idle_secs),
            document.ordered_by.clone(),
            document.url.clone().unwrap_or_else(|| "(gone meanwhile)".to_owned()),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_go_is_listed_first_with_its_order() {
        let worst: reply::Worst = serde_json::from_str(
            r#"{"policy": "gdsf", "documents": [
                {"rank": 1, "url": "http://a.test/big", "bytes": 1048576, "uses": 1, "idle_secs": 62, "ordered_by": "lru"},
                {"rank": 2, "url": null, "bytes": 512, "uses": 3, "idle_secs": 0, "ordered_by": "gdsf"}]}"#,
        )
        .unwrap();
        let expected = "\
rank     size  uses       idle  ordered by  document
   1  1.0 MiB     1  1 min 2 s  lru         http://a.test/big
   2    512 B     3        0 s  gdsf        (gone meanwhile)
";
        assert_eq!(render(&worst), expected);
    }
}
