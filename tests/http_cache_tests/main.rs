//! The public suite for HTTP caches (npm `http-cache-tests`, shown at <https://cache-tests.fyi>) through the proxy, in
//! both roles, against the verdicts recorded here.
//!
//! `results.json` has the verdict on each test, `deviations.json` a reason for each required or optimal test that does not
//! pass, and `results.md` shows both beside the run of Squid that the package carries. A verdict that changes, for better or
//! worse, fails until it is recorded: `CNN_RECORD=1 cargo test --test http_cache_tests`. Without node or the package
//! only the files are checked, and that is said. Not here: which tests are right; the package decides.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use cnn_support::{Launch, cnn_exe};
use serde::{Deserialize, Serialize};

/// One test of the suite and the verdicts on it, in the words of `run.mjs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Recorded {
    suite: String,
    test: String,
    kind: String,
    forward: String,
    reverse: String,
    squid: String,
}

/// One line of what `run.mjs` prints.
#[derive(Clone, Debug, Deserialize)]
struct Verdict {
    suite: String,
    test: String,
    kind: String,
    verdict: String,
    message: String,
    squid: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Forward,
    Reverse,
}

/// Why a test may fail, by test.
type Deviations = BTreeMap<String, String>;

const KINDS: [&str; 3] = ["required", "optimal", "check"];

#[test]
fn every_deviation_has_a_reason_and_the_table_shows_it() {
    let recorded = recorded();
    let (deviating, explained) = (deviating(&recorded), deviations());
    let explained: BTreeSet<_> = explained.keys().cloned().collect();
    assert_eq!(deviating, explained, "deviations.json must explain exactly the tests that do not pass");
    assert_eq!(
        read("results.md"),
        table(&recorded, &deviations()),
        "record again: results.md does not show results.json"
    );
}

#[test]
fn as_many_tests_pass_as_recorded_for_squid() {
    for kind in ["required", "optimal"] {
        let recorded = recorded();
        let of_kind = || recorded.iter().filter(|row| row.kind == kind);
        let squid = of_kind().filter(|row| row.squid == "pass").count();
        let forward = of_kind().filter(|row| row.forward == "pass").count();
        let reverse = of_kind().filter(|row| row.reverse == "pass").count();
        assert!(
            forward >= squid && reverse >= squid,
            "{kind}: {forward} and {reverse} pass, {squid} of Squid's"
        );
    }
}

#[test]
fn the_suite_says_what_is_recorded() {
    let package = match install() {
        Ok(package) => package,
        Err(reason) => {
            // Past the test runner's capture, which would swallow it.
            let _ = writeln!(std::io::stderr(), "SKIPPED: the public suite for HTTP caches: {reason}");
            return;
        }
    };
    let roles = [Role::Forward, Role::Reverse].map(|role| {
        let package = package.clone();
        thread::spawn(move || run(&package, role, &[]))
    });
    let [forward, reverse] = roles.map(|role| role.join().expect("the suite runs"));

    if std::env::var_os("CNN_RECORD").is_some() {
        record(&forward, &reverse);
        return;
    }
    let recorded = recorded();
    let mut wrong = Vec::new();
    for (role, verdicts) in [(Role::Forward, forward), (Role::Reverse, reverse)] {
        let suspects: Vec<_> = verdicts.iter().filter(|now| !agrees(&recorded, role, now)).collect();
        if suspects.is_empty() {
            continue;
        }
        // The suite tells fresh from stale by waiting three seconds: on a busy machine it can misjudge what it sees in a
        // crowd of a hundred tests. What differs is asked again with few others, and then counts.
        let mut names: Vec<_> = suspects.iter().map(|now| now.test.clone()).collect();
        names.dedup();
        let alone = run(&package, role, &names);
        wrong.extend(alone.into_iter().filter(|now| names.contains(&now.test)).filter_map(|now| {
            let was = said(&recorded, role, &now.test);
            (!agrees(&recorded, role, &now))
                .then(|| format!("{role:?} {}: {}, recorded {was}: {}", now.test, now.verdict, now.message))
        }));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn agrees(recorded: &[Recorded], role: Role, now: &Verdict) -> bool {
    said(recorded, role, &now.test) == now.verdict
}

fn said<'a>(recorded: &'a [Recorded], role: Role, test: &str) -> &'a str {
    recorded.iter().find(|row| row.test == test).map_or("nothing", |row| match role {
        Role::Forward => &row.forward,
        Role::Reverse => &row.reverse,
    })
}

/// Installs the package once per target folder; says why where it cannot.
fn install() -> Result<PathBuf, String> {
    let node = Command::new("node").arg("--version").output().map_err(|_| "there is no node".to_owned())?;
    if !node.status.success() {
        return Err("node does not run".to_owned());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("http_cache_tests");
    let here = here();
    let marker = folder.join("installed");
    let wanted = read("package-lock.json");
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(here.join(file), folder.join(file)).map_err(|error| error.to_string())?;
    }
    let npm = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-timeout=30000",
            "--fetch-retries=1",
        ])
        .current_dir(&folder)
        .output()
        .map_err(|_| "there is no npm".to_owned())?;
    if !npm.status.success() {
        return Err(format!("npm cannot install it: {}", String::from_utf8_lossy(&npm.stderr)));
    }
    fs::write(&marker, wanted).map_err(|error| error.to_string())?;
    Ok(folder)
}

/// Runs the suite, or only some tests of it, through a proxy of its own in that role.
fn run(package: &Path, role: Role, only: &[String]) -> Vec<Verdict> {
    let origin = SuiteServer::start(package);
    let launch = Launch::new(cnn_exe!());
    let cnn = match role {
        Role::Forward => launch,
        Role::Reverse => launch.flag("--reverse", format!("http://{}", origin.address)),
    }
    .start();
    let output = Command::new("node")
        .arg("--no-warnings")
        .arg(here().join("run.mjs"))
        .arg(package)
        .arg(if role == Role::Forward { "forward" } else { "reverse" })
        .args([cnn.address().to_string(), origin.address.clone()])
        .args(only)
        .output()
        .expect("node starts: it told its version");
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("run.mjs: {error}: {errors}"))
}

/// The suite's own origin server.
struct SuiteServer {
    child: Child,
    address: String,
}

impl SuiteServer {
    fn start(package: &Path) -> Self {
        let root = package.join("node_modules/http-cache-tests");
        let mut child = Command::new("node")
            .arg(root.join("server/server.mjs"))
            .current_dir(&root)
            .env("npm_config_protocol", "http")
            .env("npm_config_port", "0")
            .env("npm_config_pidfile", "/dev/null")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("node starts: it told its version");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let url = line.strip_prefix("Listening on ")?;
            url.trim_end_matches('/').rsplit(':').next()?.parse::<u16>().ok()
        });
        // It goes on writing, and must not be stopped by a full pipe.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { child, address: format!("127.0.0.1:{}", port.expect("the suite's server names its port")) }
    }
}

impl Drop for SuiteServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The tests that do not pass in one role or both, and should for a conforming or an optimal cache.
fn deviating(recorded: &[Recorded]) -> BTreeSet<String> {
    let counted = recorded.iter().filter(|row| row.kind != "check");
    counted.filter(|row| row.forward != "pass" || row.reverse != "pass").map(|row| row.test.clone()).collect()
}

fn record(forward: &[Verdict], reverse: &[Verdict]) {
    let rows: Vec<_> = forward
        .iter()
        .zip(reverse)
        .map(|(forward, reverse)| {
            assert_eq!(forward.test, reverse.test);
            let Verdict { suite, test, kind, squid, .. } = forward.clone();
            Recorded {
                suite,
                test,
                kind,
                squid,
                forward: forward.verdict.clone(),
                reverse: reverse.verdict.clone(),
            }
        })
        .collect();
    for (forward, reverse) in forward.iter().zip(reverse).filter(|(now, _)| now.kind != "check") {
        for (role, now) in
            [("forward", forward), ("reverse", reverse)].iter().filter(|(_, now)| now.verdict != "pass")
        {
            println!("{role} {}: {}: {}", now.test, now.verdict, now.message);
        }
    }
    let lines: Vec<_> = rows.iter().map(|row| serde_json::to_string(row).expect("texts are JSON")).collect();
    write("results.json", &format!("[\n{}\n]\n", lines.join(",\n")));
    write("results.md", &table(&rows, &deviations()));
}

/// The text of `results.md`.
fn table(recorded: &[Recorded], deviations: &Deviations) -> String {
    let mut text = String::from(
        "# The public suite for HTTP caches\n\n\
         Verdicts of npm `http-cache-tests` 0.4.5 (<https://cache-tests.fyi>) on `cnn serve` as a forward and as a reverse proxy,\n\
         beside the run of Squid 4.13 that the package carries. This file is written by `main.rs`; see there.\n\n\
         A *required* test that does not pass points to a breach of the specification, an *optimal* one to a stored response\n\
         that could have been used; a *check* only tells how caches differ, `yes` or `no`.\n\n## Counts\n\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| kind | tests | forward | reverse | Squid |\n| --- | --- | --- | --- | --- |");
    for kind in KINDS {
        let good = if kind == "check" { "yes" } else { "pass" };
        let of_kind: Vec<_> = recorded.iter().filter(|row| row.kind == kind).collect();
        let count =
            |verdict: fn(&Recorded) -> &str| of_kind.iter().filter(|row| verdict(row) == good).count();
        let [forward, reverse, squid] =
            [count(|row| &row.forward), count(|row| &row.reverse), count(|row| &row.squid)];
        let _ = writeln!(text, "| {kind}, {good} | {} | {forward} | {reverse} | {squid} |", of_kind.len());
    }
    text.push_str(
        "\n## Deviations\n\n| test | kind | forward | reverse | why |\n| --- | --- | --- | --- | --- |\n",
    );
    let deviating = deviating(recorded);
    for row in recorded.iter().filter(|row| deviating.contains(&row.test)) {
        let why = deviations.get(&row.test).map_or("", String::as_str);
        let _ = writeln!(text, "| {} | {} | {} | {} | {why} |", row.test, row.kind, row.forward, row.reverse);
    }
    text.push_str("\n## All tests\n\n| suite | test | kind | forward | reverse | Squid |\n| --- | --- | --- | --- | --- | --- |\n");
    for Recorded { suite, test, kind, forward, reverse, squid } in recorded {
        let _ = writeln!(text, "| {suite} | {test} | {kind} | {forward} | {reverse} | {squid} |");
    }
    text
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(&read("results.json")).expect("results.json is what `record` wrote")
}

fn deviations() -> Deviations {
    serde_json::from_str(&read("deviations.json")).expect("deviations.json maps tests to reasons")
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http_cache_tests")
}

fn read(file: &str) -> String {
    fs::read_to_string(here().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn write(file: &str, text: &str) {
    fs::write(here().join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
}
