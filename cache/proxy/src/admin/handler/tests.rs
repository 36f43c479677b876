//! Tests of what requests to the admin socket are answered with, and what is audited.

use cnn_core::policy::Reevaluate;
use serde_json::Value;

use super::super::fake::Fake;
use super::*;

const PEER: Peer = Peer { uid: 7, pid: Some(8) };

fn ask(control: &Fake, method: Method, target: &str, body: &str) -> (u16, Value, Option<String>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let answer = answer(control, &Asked { method, path, query, body: body.into(), peer: PEER });
    (answer.status.as_u16(), serde_json::from_slice(&answer.json).unwrap(), answer.audit)
}

#[test]
fn a_switch_may_be_asked_for_in_the_query_or_in_the_body() {
    let check = |target: &str, body: &str, expected: Reevaluate| {
        let fake = Fake::default();
        let (status, reply, _) = ask(&fake, Method::POST, target, body);
        assert_eq!((status, &reply["policy"]), (200, &Value::from("gdsf")), "{target} {body}: {reply}");
        assert_eq!(fake.used(), [("gdsf".to_owned(), expected, PEER)]);
    };
    check("/policy/use?name=gdsf", "", Reevaluate::default());
    check("/policy/use?name=gdsf&reevaluate=20%25", "", Reevaluate::Percent(20.0));
    check("/policy/use", r#"{"name": "gdsf", "reevaluate": "all"}"#, Reevaluate::All);
    check("/policy/use?name=gdsf", r#"{"reevaluate": 500}"#, Reevaluate::Count(500));
    check("/policy/use", r#" {"name": "gdsf", "reevaluate": null} "#, Reevaluate::default());
}

#[test]
fn a_switch_answers_with_the_promised_keys() {
    let (_, reply, _) = ask(&Fake::default(), Method::POST, "/policy/use?name=gdsf", "");
    for key in ["token", "policy", "carried", "reevaluated", "pending", "prepare_us", "handover_us"] {
        assert!(reply.get(key).is_some(), "{key} is missing in {reply}");
    }
}

#[test]
fn status_answers_with_the_promised_keys() {
    let (_, reply, _) = ask(&Fake::default(), Method::GET, "/status", "");
    for key in ["policy", "documents", "bytes", "requests", "hits", "hit_ratio", "byte_hit_ratio"] {
        assert!(reply.get(key).is_some(), "{key} is missing in {reply}");
    }
}

#[test]
fn what_cannot_be_understood_is_refused_and_named() {
    let check = |method: Method, target: &str, body: &str, status: u16, argument: Option<&str>| {
        let fake = Fake::default();
        let (got, reply, _) = ask(&fake, method, target, body);
        assert_eq!((got, reply["argument"].as_str()), (status, argument), "{target} {body}: {reply}");
        assert!(reply["error"].is_string());
        assert_eq!(fake.used(), []);
    };
    check(Method::GET, "/nothing", "", 404, Some("path"));
    check(Method::GET, "/policy/use?name=gdsf", "", 405, None);
    check(Method::DELETE, "/", "", 404, Some("path"));
    check(Method::POST, "/policy/use", "", 400, Some("name"));
    check(Method::POST, "/policy/use?name=lur", "", 404, Some("name"));
    check(Method::POST, "/policy/use?name=gdsf&name=lru", "", 400, Some("name"));
    check(Method::POST, "/policy/use?name=gdsf", r#"{"name": "lru"}"#, 400, Some("name"));
    check(Method::POST, "/policy/use?name=gdsf&reevalute=2", "", 400, Some("reevalute"));
    for share in ["-1", "1.5", "101%25", "-1%25", "nan%25", "inf%25", "%25", "most", ""] {
        check(
            Method::POST,
            &format!("/policy/use?name=gdsf&reevaluate={share}"),
            "",
            400,
            Some("reevaluate"),
        );
    }
    check(Method::POST, "/policy/use", "name=gdsf", 400, None);
    check(Method::POST, "/policy/use", r#"["gdsf"]"#, 400, None);
    check(Method::POST, "/policy/use", r#"{"name": ["gdsf"]}"#, 400, Some("name"));
    check(Method::GET, "/policies/%ff", "", 400, Some("name"));
    check(Method::GET, "/policy/worst?limit=1001", "", 400, Some("limit"));
    check(Method::GET, "/policy/worst?limit=-1", "", 400, Some("limit"));
    check(Method::GET, "/switch/9", "", 404, Some("token"));
    check(Method::POST, "/purge", "", 400, Some("url"));
}

#[test]
fn a_misspelt_argument_is_answered_with_the_nearest() {
    let (_, reply, _) = ask(&Fake::default(), Method::POST, "/policy/use?name=gdsf&reevalute=2", "");
    assert_eq!(reply["nearest"], "reevaluate");
}

#[test]
fn changing_commands_are_audited_whether_done_or_refused_and_looking_is_not() {
    let check = |method: Method, target: &str, expected: Option<&str>| {
        let (.., audit) = ask(&Fake::default(), method, target, "");
        assert_eq!(audit.as_deref(), expected, "{target}");
    };
    check(Method::GET, "/status", None);
    check(
        Method::POST,
        "/policy/use?name=gdsf",
        Some(
            "admin: uid=7 pid=8: policy use name=gdsf: done, lru -> gdsf, token 1, carried 10, \
             reevaluated 0, pending 0, prepared in 0 us, handed over in 0 us",
        ),
    );
    check(
        Method::POST,
        "/policy/rollback",
        Some("admin: uid=7 pid=8: policy rollback: refused, there was no switch yet"),
    );
    check(
        Method::POST,
        "/purge?url=http://a.test/%0acnn:%20admin:%20forged",
        Some(
            "admin: uid=7 pid=8: purge url=http://a.test/\\ncnn: admin: forged: done, \
             1 variants, 100 bytes",
        ),
    );
}

#[test]
fn the_table_is_told_to_whoever_asks_for_the_root() {
    let (status, reply, _) = ask(&Fake::default(), Method::GET, "/", "");
    assert_eq!(status, 200);
    assert_eq!(reply["commands"].as_array().map(Vec::len), Some(COMMANDS.len()));
    assert_eq!(reply["commands"][0]["request"], "GET /status");
}

#[test]
fn a_script_is_audited_by_its_digest_and_a_refusal_stays_on_one_line() {
    let (status, reply, audit) =
        ask(&Fake::default(), Method::POST, "/script/run", r#"{"text": "1 +\n2", "dry-run": "yes"}"#);
    assert_eq!(
        (status, &reply["dry_run"], &reply["output"]),
        (200, &Value::from(true), &Value::from("1 +\n2"))
    );
    let digest = Digest::of(b"1 +\n2");
    let expected = format!(
        "admin: uid=7 pid=8: script run dry-run=yes digest={digest}: done, dry run, would switch to none"
    );
    assert!(audit.clone().unwrap().starts_with(&expected), "{audit:?}");
    let (status, reply, _) =
        ask(&Fake::default(), Method::POST, "/script/run", r#"{"text": "1", "dry-run": "maybe"}"#);
    assert_eq!((status, &reply["argument"]), (400, &Value::from("dry-run")));
    let (status, reply, _) = ask(&Fake::default(), Method::POST, "/script/run", "");
    assert_eq!((status, &reply["argument"]), (400, &Value::from("text")));
    let long = format!("{{\"text\": \"{}\"}}", " ".repeat(64 * 1024 + 1));
    assert_eq!(ask(&Fake::default(), Method::POST, "/script/run", &long).0, 400);
}
