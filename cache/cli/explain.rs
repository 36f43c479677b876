//! `cnn explain`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::{Explanation, Variant};

use super::admin::Admin;
use super::table::pairs;
use super::units::{bytes, plural, secs};
use super::{Failure, argument, help};

#[derive(Debug, Args)]
#[command(about = help(Verb::Explain))]
#[command(after_help = "Example:\n  cnn explain http://www.example.com/index.html")]
pub(super) struct Explain {
    #[arg(value_name = "URL", help = argument(Verb::Explain, "url"))]
    url: String,
    #[command(flatten)]
    admin: Admin,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::Explain, &[("url", &self.url)], render)
    }
}

fn render(explanation: &Explanation) -> String {
    let Explanation { url, stored, rule, variants, fetches, policy } = explanation;
    let stored =
        if *stored { format!("yes, {}", plural(variants.len() as u64, "variant")) } else { "no".to_owned() };
    let mut text = pairs([
        ("document", Some(url.clone())),
        ("stored", Some(stored)),
        ("because", (!rule.is_empty()).then(|| rule.clone())),
        ("fetched", (*fetches > 0).then(|| "now".to_owned())),
    ]);
    for variant in variants {
        text.push('\n');
        text.push_str(&render_variant(variant, policy));
    }
    text
}

fn render_variant(variant: &Variant, policy: &str) -> String {
    let age = format!(
        "{}: age {} of {} ({})",
        variant.state,
        secs(variant.age_secs),
        secs(variant.lifetime_secs),
        variant.lifetime_from
    );
    let size = format!("{} of body, {} charged", bytes(variant.body_bytes), bytes(variant.bytes));
    let used = format!("{}, last {} ago", plural(variant.uses.into(), "time"), secs(variant.idle_secs));
    let order = match variant.ordered_by == policy {
        true => policy.to_owned(),
        false => format!("{}, not yet re-evaluated by {policy}", variant.ordered_by),
    };
    let rank = variant.before.map(|before| match (before, variant.precision.as_str()) {
        (0, _) => "the next to go".to_owned(),
        (before, "exact") => format!("{} before it", goes(before)),
        (before, "at-least") => format!("{} before it, or more", goes(before)),
        (before, _) => format!("about {} before it", goes(before)),
    });
    let list = |items: &[String]| (!items.is_empty()).then(|| items.join(", "));
    let mut lines = vec![
        ("variant", Some(format!("status {}", variant.status))),
        ("for", list(&variant.selected_by)),
        ("freshness", Some(age)),
        ("validators", list(&variant.validators)),
        ("size", Some(size)),
        ("used", Some(used)),
        ("order", Some(order)),
        ("rank", rank),
    ];
    let names = std::iter::once("after").chain(std::iter::repeat(""));
    lines.extend(names.zip(variant.evicted_before.iter().cloned().map(Some)));
    pairs(lines)
}

fn goes(before: u64) -> String {
    let verb = if before == 1 { "goes" } else { "go" };
    format!("{} {verb}", plural(before, "document"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_document_is_explained_down_to_who_goes_before_it() {
        let explanation: Explanation = serde_json::from_str(
            r#"{"url": "http://a.test/x", "stored": true, "rule": "max-age in the response (RFC 9111 section 3)",
                "policy": "gdsf", "variants": [{"selected_by": ["accept-encoding: gzip"], "status": 200,
                "state": "fresh", "age_secs": 30, "lifetime_secs": 600, "lifetime_from": "max-age",
                "validators": ["etag"], "body_bytes": 1000, "bytes": 1300, "uses": 4, "idle_secs": 3, "before": 2, "precision": "exact",
                "ordered_by": "lru", "evicted_before": ["http://a.test/1", "http://a.test/2"]}]}"#,
        )
        .unwrap();
        let expected = "\
document  http://a.test/x
stored    yes, 1 variant
because   max-age in the response (RFC 9111 section 3)

variant     status 200
for         accept-encoding: gzip
freshness   fresh: age 30 s of 10 min (max-age)
validators  etag
size        1000 B of body, 1.3 KiB charged
used        4 times, last 3 s ago
order       lru, not yet re-evaluated by gdsf
rank        2 documents go before it
after       http://a.test/1
            http://a.test/2
";
        assert_eq!(render(&explanation), expected);
    }

    #[test]
    fn a_document_that_is_not_stored_is_explained_by_the_rule() {
        let explanation = Explanation {
            url: "http://a.test/".into(),
            rule: "no-store in the response, 12 s ago".into(),
            ..Explanation::default()
        };
        let expected =
            "document  http://a.test/\nstored    no\nbecause   no-store in the response, 12 s ago\n";
        assert_eq!(render(&explanation), expected);
    }
}
