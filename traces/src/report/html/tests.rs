//! The page holds what it was given, and nothing that could be more than text.

use super::super::census::Census;
use super::super::testing::{agreeing, curve, live, outcome, switched};
use super::*;

fn report() -> Report {
    Report {
        command: "cnn replay a.log --policy lru,gdsf --size '1%'".to_owned(),
        base: "cnn replay a.log".to_owned(),
        outcomes: vec![
            agreeing(outcome("lru", 1 << 20, 600)),
            outcome("lru", 4 << 20, 700),
            switched(outcome("<gdsf>", 1 << 20, 650)),
        ],
        curves: vec![curve("lru")],
        censuses: vec![Census {
            trace: "a<b".to_owned(),
            requests: 1000,
            documents: 10,
            sizes: vec![(100, [0.5, 0.5, 0.1]), (1000, [1.0, 1.0, 1.0])],
            popularity: vec![(1, 500), (10, 1)],
            ..Census::default()
        }],
        ..Report::default()
    }
}

#[track_caller]
fn check(page: &str, expected: &[&str]) {
    for text in expected {
        assert!(page.contains(text), "no {text:?} in\n{page}");
    }
}

#[test]
fn the_page_has_a_section_for_all_that_is_there() {
    let page = page(&report());
    check(
        &page,
        &["id=\"results\"", "id=\"curves\"", "id=\"timeline\"", "id=\"agreement\"", "id=\"traffic\""],
    );
    check(
        &page,
        &[
            "60.00 %",
            "to gdsf",
            "lru to gdsf at request 500, 20 % re-evaluated",
            "standard error 0.40 points",
        ],
    );
    // The command of the whole and of one row.
    check(&page, &["--policy lru,gdsf --size &#39;1%&#39;", "cnn replay a.log --policy lru --size 4194304"]);
    assert!(!page.contains("id=\"live\"") && !page.contains("id=\"switches\""));
}

#[test]
fn what_is_too_much_to_read_is_folded() {
    let many = |count: u64| Report {
        outcomes: (0..count).map(|number| agreeing(outcome("lru", 1 << (10 + number % 40), 600))).collect(),
        ..Report::default()
    };
    let few = page(&many(4));
    assert!(!few.contains("<summary>4 "));
    let page = page(&many(80));
    check(&page, &["<summary>80 rows<", "<summary>80 runs<", "<summary>40 charts, one for each size"]);
}

#[test]
fn a_policy_that_did_not_decide_itself_is_named_at_the_top() {
    let mut faulty = outcome("./a.wasm", 1 << 20, 600);
    faulty.faults.overruled = 3;
    let page = page(&Report { outcomes: vec![faulty], ..report() });
    let warning = page.find("class=\"warning\">./a.wasm did not decide alone: 3 evictions");
    assert!(warning.is_some_and(|at| at < page.find("</header>").unwrap()), "{page}");
}

#[test]
fn live_proxies_stand_side_by_side() {
    let page = page(&Report { live: Some(live()), ..report() });
    check(&page, &["id=\"live\"", "<th class=\"number\">no proxy</th>", "closed loop, 8 connections"]);
    check(&page, &["Mean response time by round", "answered `HTTP/1.1 503 No`"]);
}

#[test]
fn nothing_is_loaded_run_or_taken_for_markup() {
    let page = page(&report());
    for foreign in ["<script", "http://", "https://", "src=", "url(", "@import", "<gdsf>", "<b>", "a<b"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    check(&page, &["a&lt;b", "&lt;b&gt;&quot;&amp;", "&lt;gdsf&gt;"]);
    // What is no number draws nothing.
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn every_tag_is_closed_in_order() {
    let page = page(&report());
    let mut open = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') && !["!doctype", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn an_empty_report_is_still_a_page() {
    let page = page(&Report::default());
    check(&page, &["<title>Replay - C/NN replay</title>", "</html>"]);
    assert!(!page.contains("<section"));
}

#[test]
fn control_characters_do_not_reach_the_page() {
    assert_eq!(escape("a\u{0}\u{1b}[31mb"), "a\u{fffd}\u{fffd}[31mb");
    assert_eq!(escape("plain"), "plain");
}
