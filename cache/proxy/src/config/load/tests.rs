//! Every kind of mistake in a file, with its exact report.

use super::*;
use crate::config::{ByteSize, Listen, Period};
use crate::log::LogTarget;

/// Two of them, so that the list in an error is short.
fn policies() -> [Factory; 2] {
    ["lru", "s3-fifo"].map(|name| *cnn_policies::find(name).unwrap())
}

fn read_plain(text: &str) -> Result<Config, ConfigError> {
    read("cnn.toml", text, &Overrides::default(), &policies())
}

fn accepted(text: &str) -> Config {
    read_plain(text).unwrap_or_else(|error| panic!("{error}"))
}

/// The report for a wrong file must be exactly this.
fn check(text: &str, report: &str) {
    let error = read_plain(text).expect_err("a wrong file was accepted");
    assert_eq!(error.to_string(), report);
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(accepted(""), Config::default());
}

#[test]
fn keys_may_be_spelled_with_dashes_like_the_flags() {
    let config = accepted("admin-socket = \"/run/a.sock\"\n[deadlines]\norigin-response = \"5s\"\n");
    assert_eq!(config.admin_socket, Some("/run/a.sock".into()));
    assert_eq!(config.deadlines.origin_response, Period::secs(5));
}

#[test]
fn lists_may_be_written_as_one_value() {
    let config = accepted("listen = 3128\nclients = \"10.0.0.0/8\"\n");
    assert_eq!(config.listen, [Listen("[::]:3128".parse().unwrap())]);
    assert_eq!(config.clients.len(), 1);
}

#[test]
fn an_unknown_key_is_shown_with_the_one_that_was_meant() {
    check(
        "# comment\nmemory = \"1GiB\"\npolcy = \"lru\"\n",
        "error: `polcy`: there is no such key\n \
         --> cnn.toml:3:1\n  |\n3 | polcy = \"lru\"\n  | ^^^^^\n  help: did you mean `policy`?",
    );
}

#[test]
fn an_unknown_key_of_a_section_is_shown_with_the_section() {
    check(
        "[deadlines]\nheaders = \"1s\"\nfrobnicate = 1\n",
        "error: `deadlines.headers`: there is no such key in [deadlines]\n \
         --> cnn.toml:2:1\n  |\n2 | headers = \"1s\"\n  | ^^^^^^^\n  help: did you mean `deadlines.header`?\n\n\
         error: `deadlines.frobnicate`: there is no such key in [deadlines]\n \
         --> cnn.toml:3:1\n  |\n3 | frobnicate = 1\n  | ^^^^^^^^^^",
    );
}

#[test]
fn a_bad_value_is_shown_with_what_was_expected() {
    check(
        "memory = \"256 elephants\"\n",
        "error: `memory`: `256 elephants` is not a size such as `256MiB` or `10GB`: unknown unit\n \
         --> cnn.toml:1:10\n  |\n1 | memory = \"256 elephants\"\n  |          ^^^^^^^^^^^^^^^",
    );
    check(
        "strip_query_terms = \"yes\"\n",
        "error: `strip_query_terms`: invalid type: string \"yes\", expected a boolean\n \
         --> cnn.toml:1:21\n  |\n1 | strip_query_terms = \"yes\"\n  |                     ^^^^^",
    );
}

#[test]
fn the_faulty_element_of_a_list_is_shown() {
    check(
        "clients = [\"10.0.0.0/8\", \"intranet\"]\n",
        "error: `clients`: `intranet` is not a network such as `10.0.0.0/8` or `fc00::/7`\n \
         --> cnn.toml:1:26\n  |\n1 | clients = [\"10.0.0.0/8\", \"intranet\"]\n  |                          ^^^^^^^^^^",
    );
}

#[test]
fn every_problem_is_reported_at_once_in_the_order_of_the_file() {
    let error =
        read_plain("metrics = 5\nmemory = true\nwokers = 2\n[limits]\nheader_count = -1\n").unwrap_err();
    let found: Vec<_> = error.problems().iter().map(|p| p.key.as_str()).collect();
    assert_eq!(found, ["metrics", "memory", "wokers", "limits.header_count"]);
}

#[test]
fn text_that_is_not_toml_is_shown_where_it_breaks() {
    let error = read_plain("memory = \"1GiB\"\nlisten = [\n").unwrap_err();
    let Place::File(place) = &error.problems()[0].place else { panic!("no place: {error}") };
    assert!(place.line >= 2, "{error}");
}

#[test]
fn a_key_given_twice_is_refused_however_it_is_spelled() {
    let error = read_plain("admin_socket = \"a\"\nadmin-socket = \"b\"\n").unwrap_err();
    assert_eq!(error.problems()[0].message, "this key was already given");
    assert!(read_plain("memory = 1048576\nmemory = 1048576\n").is_err());
}

#[test]
fn an_unknown_policy_lists_the_known_ones_where_it_was_named() {
    check(
        "policy = \"random\"\n",
        "error: `policy`: there is no policy `random`\n \
         --> cnn.toml:1:10\n  |\n1 | policy = \"random\"\n  |          ^^^^^^^^\n  help: the policies are: lru, s3-fifo",
    );
    let flags = Overrides { policy: Some("random".to_owned()), ..Overrides::default() };
    let error = read("cnn.toml", "policy = \"lru\"", &flags, &policies()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error: --policy: there is no policy `random`\n  help: the policies are: lru, s3-fifo"
    );
}

#[test]
fn values_that_do_not_fit_together_are_refused() {
    let long = format!("admin_socket = \"/{}\"", "x".repeat(107));
    for (text, key) in [
        (long.as_str(), "admin_socket"),
        ("memory = \"1kB\"", "memory"),
        ("clients = []", "clients"),
        ("listen = []", "listen"),
        ("listen = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", "listen"),
        ("metrics = \"127.0.0.1:3128\"", "metrics"),
        ("workers = 5000", "workers"),
        ("visible_hostname = \"a b\"", "visible_hostname"),
        ("[deadlines]\nidle = 0", "deadlines.idle"),
        ("[limits]\nheader_bytes = 10", "limits.header_bytes"),
        ("[limits]\nheader_count = 2", "limits.header_count"),
        ("[limits]\nconnections = 0", "limits.connections"),
        ("[freshness]\nheuristic_percent = 101", "freshness.heuristic_percent"),
    ] {
        let error = read_plain(text).expect_err(text);
        let found: Vec<_> = error.problems().iter().map(|p| (p.key.as_str(), &p.place)).collect();
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(found[0].0, key);
        assert!(matches!(found[0].1, Place::File(_)), "{text}");
    }
}

#[test]
fn flags_win_over_the_file_and_add_destinations() {
    let flags = Overrides {
        memory: Some(ByteSize::mib(8)),
        access_log: Some(LogTarget::Stdout),
        allow_destination: vec!["127.0.0.0/8".parse().unwrap()],
        ..Overrides::default()
    };
    let text = "memory = \"1GiB\"\nallow_destination = [\"10.0.0.0/8\"]\n";
    let config = read("cnn.toml", text, &flags, &policies()).unwrap();
    assert_eq!(config.memory, ByteSize::mib(8));
    assert_eq!(config.access_log, LogTarget::Stdout);
    assert_eq!(config.allow_destination.len(), 2);
}

#[test]
fn a_missing_file_names_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("absent.toml");
    let error = load(Some(&path), &Overrides::default(), &policies()).unwrap_err();
    assert!(error.to_string().contains("absent.toml"), "{error}");
}

#[test]
fn a_file_that_is_not_text_is_refused_at_its_first_bad_byte() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("binary.toml");
    std::fs::write(&path, b"# ok\nmemory = \"\xff\"\n").unwrap();
    let error = load(Some(&path), &Overrides::default(), &policies()).unwrap_err();
    let Place::File(place) = &error.problems()[0].place else { panic!("no place: {error}") };
    assert_eq!((place.line, place.column), (2, 11));
}

#[test]
fn no_text_makes_the_reader_panic() {
    let base = crate::config::default_toml();
    let mut random = fastrand::Rng::with_seed(25);
    for _ in 0..500 {
        let mut bytes = base.clone().into_bytes();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(0..bytes.len());
            match random.u8(0..3) {
                0 => bytes[at] = random.u8(..),
                1 => drop(bytes.drain(at..(at + random.usize(0..40)).min(bytes.len()))),
                _ => bytes.insert(at, b"\"[]{}=\n.\t"[random.usize(0..9)]),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Err(error) = read_plain(&text) {
            assert!(!error.to_string().is_empty());
        }
    }
}
