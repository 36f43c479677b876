//! Facts about scripts that say how long responses stay fresh.

use std::path::Path;

use super::*;

fn compiled(text: &str) -> Result<Script, ScriptError> {
    Script::compile(Path::new("mine.rhai"), &format!("//! role: freshness\n{text}"))
}

/// The rule a script gives for a response to `http://a.test/x?y`.
#[track_caller]
fn check(text: &str, expected: Option<Refresh>) {
    let (mut rules, health) = compiled(text).unwrap_or_else(|error| panic!("{error}")).rule().unwrap();
    let response = Described { path: "/x?y", ..trials()[0] };
    assert_eq!(rules.refresh(&response), expected, "{text}");
    assert_eq!(health.report().traps, 0, "{text}");
}

#[test]
fn a_script_gives_nothing_a_number_or_a_line_of_squids() {
    check("()", None);
    check("if doc.lifetime >= 0 { 5 }", None);
    check("60", Some(Refresh::lifetime_of(60)));
    check("fn lifetime(doc) { doc.status / 2.0 }", Some(Refresh::lifetime_of(100)));
    check("refresh(1440, 20, 10080)", Some(Refresh::new(86_400, 20, 604_800)));
    check(
        "refresh(1, 2, 3).override_expire().ignore_reload().max_stale(4)",
        Some(Refresh {
            override_expire: true,
            ignore_reload: true,
            max_stale: Some(240),
            ..Refresh::new(60, 2, 180)
        }),
    );
    check(
        "refresh(0, 0, 0).override_lastmod().ignore_no_store().ignore_private()",
        Some(Refresh {
            override_lastmod: true,
            ignore_no_store: true,
            ignore_private: true,
            ..Refresh::new(0, 0, 0)
        }),
    );
    // Out of range is all or nothing, never a fault.
    check("refresh(-1, 1e300, 1e300)", Some(Refresh::new(0, u32::MAX, u32::MAX)));
}

#[test]
fn what_is_none_of_these_is_told_with_the_script() {
    let check = |text: &str, expected: &str| {
        let error = compiled(text).expect_err(text);
        assert!(error.message().contains(expected), "{text}: {error}");
    };
    check("true", "expected (), a number of seconds");
    check("-1", "expected (), a number of seconds");
    check("fn lifetime(page) { 1 }", "cannot take \"page\"");
    check("loop { }", "operations");
}

#[test]
fn a_path_of_any_length_harms_no_script() {
    let text = "if doc.path.to_lower().contains(\"/cgi-bin/\") { 1 } else { 2 }";
    let (mut rules, health) = compiled(text).unwrap().rule().unwrap();
    let path = "/\u{e9}".repeat(50_000);
    let response = Described { path: &path, ..trials()[0] };
    assert_eq!(rules.refresh(&response), Some(Refresh::lifetime_of(2)));
    assert_eq!(health.report().traps, 0);
}
