//! What `cnn admission` and `cnn freshness` print.

use cnn_proxy::admin::reply::{FilterList, FilterShown, FilterUsed};

use super::table::{Table, pairs};
use super::units::{bytes, count, secs};

pub(super) fn render_list(list: &FilterList) -> String {
    let mut table = Table::new(["name", "", "what it does"]);
    let bare = |spec: &str| spec.split('(').next().unwrap_or_default().to_owned();
    for filter in &list.filters {
        let mark = if bare(&list.asked) == filter.name { "asked" } else { "" };
        table.row([filter.name.clone(), mark.to_owned(), filter.summary.clone()]);
    }
    let known = list.filters.iter().any(|filter| bare(&list.asked) == filter.name);
    match list.asked.as_str() {
        "none" => table.row(["none".to_owned(), "asked".to_owned(), "nobody is asked".to_owned()]),
        file if !known => table.row([file.to_owned(), "asked".to_owned(), String::new()]),
        _ => table.row(["none".to_owned(), String::new(), "nobody is asked".to_owned()]),
    }
    table.render()
}

pub(super) fn render_shown(shown: &FilterShown) -> String {
    let answers: Vec<_> =
        shown.answers.iter().map(|answer| format!("{} {}", count(answer.count), answer.answer)).collect();
    let answers = (!answers.is_empty()).then(|| answers.join(", "));
    let Some(filter) = &shown.filter else {
        return pairs([("asked", Some("nobody".to_owned())), ("answers", answers)]);
    };
    let parameters =
        filter.parameters.iter().map(|it| format!("{} = {} ({})", it.name, it.default, it.summary));
    let parameters: Vec<_> = parameters.collect();
    let some = |text: String| (!text.is_empty()).then_some(text);
    let unanswered =
        format!("{} because others asked, {} because it failed", count(shown.busy), count(shown.failed));
    pairs([
        ("name", Some(shown.name.clone())),
        (
            "quarantined",
            shown.quarantined.then(|| "it failed too often and is not asked any more".to_owned()),
        ),
        ("what it does", some(filter.summary.clone())),
        ("paper", some(filter.paper.clone())),
        ("parameters", some(parameters.join("; "))),
        ("chosen", Some(format!("{} ago by {}", secs(shown.ago_secs), shown.by))),
        ("asked", Some(count(shown.asked))),
        ("unanswered", Some(unanswered)),
        ("last fault", shown.last_fault.clone()),
        ("memory", Some(bytes(shown.state_bytes))),
        ("answers", answers),
        ("passed by", some(shown.passed_by.join(", "))),
    ])
}

pub(super) fn render_used(used: &FilterUsed) -> String {
    format!("asked from now on: {}, before it {}\n", used.name, used.previous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_is_asked_is_marked() {
        let check = |asked: &str, expected: &str| {
            let list = format!(
                r#"{{"role": "admission", "asked": "{asked}", "filters": [{{"name": "second-hit", "summary": "asked twice"}}]}}"#
            );
            assert_eq!(render_list(&serde_json::from_str(&list).unwrap()), expected);
        };
        check(
            "none",
            "name               what it does\nsecond-hit         asked twice\nnone        asked  nobody is asked\n",
        );
        check(
            "second-hit(memory=9)",
            "name               what it does\nsecond-hit  asked  asked twice\nnone               nobody is asked\n",
        );
    }

    #[test]
    fn what_was_answered_is_shown() {
        let shown: FilterShown = serde_json::from_str(
            r#"{"name": "mine.rhai", "by": "uid=0", "ago_secs": 61, "asked": 1234, "failed": 8, "quarantined": true,
                "last_fault": "line 1: too long", "filter": {"name": "mine"}, "passed_by": ["a.test"],
                "answers": [{"answer": "admitted", "count": 7}, {"answer": "rule", "count": 3}]}"#,
        )
        .unwrap();
        let text = render_shown(&shown);
        for part in
            ["mine.rhai", "failed too often", "1,234", "line 1: too long", "7 admitted, 3 rule", "a.test"]
        {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert_eq!(render_shown(&FilterShown::default()), "asked  nobody\n");
    }
}
