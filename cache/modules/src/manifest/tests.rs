//! What manifests are taken, and what is said of the others.

use super::*;

const LEAST: &str = "abi: 1\nname: mine\nrole: replacement\nkind: hooks\ngoals: hits\n";

#[track_caller]
fn check(lines: &str, expected: &str) {
    let said = match ModuleManifest::parse(format!("{LEAST}{lines}").as_bytes()) {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(said.contains(expected), "{lines:?}: {said}");
}

#[test]
fn the_least_a_manifest_must_say_is_enough() {
    let manifest = ModuleManifest::parse(LEAST.as_bytes()).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.role), ("mine", Role::Replacement));
    let said = Replacing { kind: Kind::Hooks, hit_events: HitEvents::Needed, event_time: EventTime::Batch };
    assert_eq!(manifest.replacement, Some(said));
    assert_eq!(manifest.policy().unwrap().name, "mine");
    for key in ["abi", "name", "role", "kind", "goals"] {
        let without: String = LEAST
            .lines()
            .filter(|line| !line.starts_with(key))
            .fold(String::new(), |text, line| text + line + "\n");
        let error = ModuleManifest::parse(without.as_bytes()).unwrap_err();
        assert_eq!(error, ManifestError::NoLine(key));
    }
}

#[test]
fn everything_that_can_be_said_is_understood() {
    let text = "# mine\nabi: 1\nname: s3-like\nversion: 1.2\nrole: replacement\nkind: key\nhits: unneeded\n\
                goals: bytes, latency\nsummary: what: it does\npaper: A, B, 2024\ntime: exact\n\n\
                parameter: small real 0.1 0 1 share of  the queue\nparameter: rounds whole 3 1 9\n";
    let manifest = ModuleManifest::parse(text.as_bytes()).unwrap();
    assert_eq!(manifest.goals, [Goal::Bytes, Goal::Latency]);
    assert_eq!(manifest.summary, "what: it does");
    assert_eq!(manifest.version, "1.2");
    assert_eq!(manifest.replacement.unwrap().event_time, EventTime::Exact);
    let [small, rounds] = &*manifest.parameters else { panic!("two parameters") };
    assert_eq!((&*small.name, small.default, small.max), ("small", 0.1, 1.0));
    assert_eq!(small.summary, "share of the queue");
    assert_eq!((rounds.grain, rounds.min), (Grain::Whole, 1.0));
}

#[test]
fn a_wrong_line_is_named_with_what_was_expected() {
    check("hits: needed", "taken");
    check("colour", "line 6 of the manifest, \"colour\": expected key: value");
    check("colour: red", "expected one of the keys");
    check("name: other", "every key once");
    check("hits: perhaps", "needed or unneeded");
    check("summary: a\u{7}b", "control characters");
    check("parameter: p real 2 0 1", "a default from MIN to MAX");
    check("parameter: p real 0 0 inf", "NAME real|whole");
    check("parameter: p whole 0.5 0 1", "a default");
    check("parameter: p real 0 0 1\nparameter: p real 0 0 1", "every parameter once");
}

#[test]
fn a_name_is_never_a_path_an_option_or_a_number() {
    for name in ["", "A", "-x", "1", "a/b", "a.wasm", "a b", "ä", &"a".repeat(41)] {
        let text = LEAST.replace("mine", name);
        let error = ModuleManifest::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("a name of lower case letters"), "{name}: {error}");
    }
}

#[test]
fn what_only_a_replacement_policy_says_is_refused_elsewhere() {
    for role in [Role::Admission, Role::Freshness, Role::Monitor] {
        let role = role.as_str();
        let metric = if role == "monitor" { "metric: n counter Requests\n" } else { "" };
        let least = format!("abi: 1\nname: mine\nrole: {role}\n{metric}");
        let manifest = ModuleManifest::parse(least.as_bytes()).unwrap();
        assert_eq!((manifest.role.as_str(), manifest.policy()), (role, None));
        for (key, value) in [("kind", "hooks"), ("hits", "needed"), ("time", "exact")] {
            let error = ModuleManifest::parse(format!("{least}{key}: {value}\n").as_bytes()).unwrap_err();
            let expected =
                format!("a module of role {role} takes no line {key:?}; that is for role replacement");
            assert_eq!(error.to_string(), expected);
        }
        let more = format!("{least}goals: bytes\nparameter: p real 0 0 1\n");
        assert_eq!(ModuleManifest::parse(more.as_bytes()).unwrap().goals, [Goal::Bytes]);
    }
    check("role: admission", "every key once");
    let other = LEAST.replace("role: replacement", "role: oracle");
    let error = ModuleManifest::parse(other.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("expected replacement, admission, freshness or monitor"), "{error}");
}

#[test]
fn only_a_monitor_declares_metrics_and_every_monitor_does() {
    check("metric: n counter Requests", "takes no line \"metric\"; that is for role monitor");
    let monitor = "abi: 1\nname: mine\nrole: monitor\n";
    let said = |lines: &str| {
        let parsed = ModuleManifest::parse(format!("{monitor}{lines}").as_bytes());
        parsed.map(|it| it.metrics.len()).map_err(|error| error.to_string())
    };
    assert_eq!(said("metric: n{host} counter Requests\nmetric: g gauge A number\n"), Ok(2));
    let check = |lines: &str, expected: &str| {
        let said = said(lines);
        assert!(said.clone().is_err_and(|said| said.contains(expected)), "{lines}: {said:?}");
    };
    check("", "no line \"metric\"");
    check("metric: n counter A\nmetric: n gauge B\n", "every metric once");
    check("metric: n_total counter A\n", "not ending in _total");
    let many: String = (0..17).map(|number| format!("metric: n{number} counter A\n")).collect();
    check(&many, "at most 16 metrics");
}

#[test]
fn the_role_of_a_script_is_what_its_head_says() {
    let check = |text: &str, role: Role| assert_eq!(script_role(text), role, "{text}");
    check("1", Role::Replacement);
    check("//! name: a\n//!  role : admission \n1", Role::Admission);
    check("// role: admission\n1", Role::Replacement);
    let said = |text: &str| ModuleManifest::of_script(text, "mine", Some(Kind::Key));
    assert_eq!(said("//! role: freshness").unwrap().replacement, None);
    assert_eq!(said("1").unwrap().goals, [Goal::Hits]);
    assert!(said("\n//! role: oracle").unwrap_err().to_string().starts_with("line 2 of the manifest"));
}

#[test]
fn goals_are_named_once_each() {
    for goals in ["", "speed", "hits, hits", "hits bytes"] {
        let text = LEAST.replace("goals: hits", &format!("goals: {goals}"));
        assert!(ModuleManifest::parse(text.as_bytes()).is_err(), "{goals}");
    }
    assert!(GOALS.iter().enumerate().all(|(at, one)| !GOALS[..at].contains(one)), "each order once");
}

#[test]
fn a_manifest_for_another_version_is_refused_with_both() {
    let error = ModuleManifest::parse(LEAST.replace("abi: 1", "abi: 2").as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "made for version 2 of the module contract; this is version 1");
}
