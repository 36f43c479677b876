//! Modules that do what they must not, in a running proxy, while clients are served: no request fails, none is delayed
//! beyond [`SLOWEST`], the memory limit holds, the fallback decides, and the operator sees which module did what. The rows
//! are in `hostile/cases.rs`; the crate that runs modules tries each of them more closely.

#![allow(clippy::unwrap_used, reason = "what is missing or malformed here fails the test, as it should")]

#[path = "hostile/cases.rs"]
mod cases;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cnn_support::{Cnn, Connection, Launch, Origin, cnn_exe, eventually};
use serde_json::{Value, json};

use crate::cases::{CASES, Case, Outcome};

/// No request may take longer, whatever a module does. Generous, so that a loaded machine passes: what it rules out is a
/// client that waits for a module, and a module may take as long as it likes.
const SLOWEST: Duration = Duration::from_secs(5);

/// What the proxy's memory may grow by for one module, code and a full instance included.
const GROWTH_BYTES_MAX: u64 = 96 * 1024 * 1024;

/// Bytes of a document, and the cache's memory: a few hundred of them.
const DOCUMENT_BYTES: usize = 8 * 1024;
const MEMORY: &str = "4MiB";

/// Documents that are asked for again and again.
const POPULAR: u64 = 16;

/// Clients that never stop.
const CLIENTS: u64 = 2;

/// A proxy under load.
struct Served {
    cnn: Cnn,
    folder: PathBuf,
    is_over: Arc<AtomicBool>,
    requests: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Duration>>,
    _origin: Origin,
}

impl Served {
    fn start() -> Self {
        let origin = Origin::fixed(&["Cache-Control: max-age=3600"], vec![b'x'; DOCUMENT_BYTES]);
        let folder = tempfile::tempdir().unwrap().keep();
        let reproducers = folder.join("reproducers");
        let config = format!(
            "memory = \"{MEMORY}\"\npolicy = \"lru\"\n[modules]\nreproducers = \"{}\"\n",
            reproducers.display()
        );
        let cnn = Launch::new(cnn_exe!()).config(config).flag("--metrics", "127.0.0.1:0").start();
        let (is_over, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let clients = (0..CLIENTS)
            .map(|client| {
                let (address, url) = (cnn.address(), origin.url(""));
                let (is_over, requests) = (Arc::clone(&is_over), Arc::clone(&requests));
                thread::spawn(move || load(Connection::open(address), &url, client, &is_over, &requests))
            })
            .collect();
        let served = Self { cnn, folder, is_over, requests, clients, _origin: origin };
        eventually("the cache is full", || served.cnn.status("evictions") > 50.0);
        served
    }

    /// The module of a row, as a file.
    fn file(&self, case: &Case) -> PathBuf {
        let (ending, bytes) = case.file();
        let path = self.folder.join(format!("{}.{ending}", case.name));
        fs::write(&path, bytes).unwrap();
        path
    }

    fn switch(&self, name: &str, force: bool) -> (u16, Value) {
        let mut asked = json!({"name": name, "reevaluate": "20%"});
        if force {
            asked["force"] = json!("true");
        }
        self.cnn.admin("POST", "/policy/use", &asked)
    }

    fn status(&self) -> Value {
        self.cnn.admin("GET", "/status", &Value::Null).1
    }

    /// What the status says of a module, if anything.
    fn module(&self, name: &str) -> Option<Value> {
        self.status()["modules"].as_array()?.iter().find(|module| module["name"] == name).cloned()
    }

    /// Waits until so many more documents were evicted, and so many more requests answered from the cache.
    fn goes_on(&self) {
        let before = self.status();
        let number = |status: &Value, name: &str| status[name].as_u64().unwrap();
        eventually("evictions and hits go on", || {
            let now = self.status();
            assert!(number(&now, "bytes") <= number(&now, "memory_bytes_max"), "{now}");
            number(&now, "evictions") >= number(&before, "evictions") + 60
                && number(&now, "hits") >= number(&before, "hits") + 20
        });
    }

    /// One row: what comes of it must be what it says.
    fn check(&self, case: &Case) {
        let (file, before) = (self.file(case), self.status());
        let memory = self.cnn.memory().now;
        let (code, reply) = self.switch(&file.display().to_string(), false);
        let said = reply["error"].as_str().unwrap_or_default().to_owned();
        match case.outcome {
            Outcome::Refused(words) => {
                assert!(code != 200 && said.contains(words), "{}: {code} {reply}", case.name);
                self.check_unchanged(case, &before);
            }
            Outcome::Harmless => {
                assert_eq!(code, 200, "{}: {reply}", case.name);
                self.goes_on();
                assert_eq!(self.status()["policy"], case.name);
                assert_eq!(self.module(case.name), None, "nothing was wrong");
            }
            Outcome::Depends => {
                assert_eq!(code, 200, "{}: {reply}", case.name);
                self.goes_on();
            }
            Outcome::Fails(kind) => {
                assert_eq!(code, 200, "{}: {reply}", case.name);
                eventually("it has failed", || {
                    let _ = self.cnn.admin("GET", "/policy/worst?limit=1000", &Value::Null);
                    self.module(case.name).is_some()
                });
                self.goes_on();
                assert_eq!(self.status()["policy"], case.name);
                self.check_told(case, kind, false);
            }
            Outcome::Stopped(kind, _) => {
                assert_eq!(code, 200, "{}: {reply}", case.name);
                eventually(&format!("{} is stopped", case.name), || self.status()["policy"] != case.name);
                self.check_told(case, kind, true);
                self.check_rolled_back(case, &file);
                self.goes_on();
            }
        }
        let growth = self.cnn.memory().now.saturating_sub(memory);
        assert!(growth < GROWTH_BYTES_MAX, "{}: memory grew by {growth} bytes", case.name);
        if self.status()["policy"] != "lru" {
            assert_eq!(self.switch("lru", false).0, 200);
        }
    }

    /// Nothing decides but what did, nothing was forgotten, and the module is not loaded.
    fn check_unchanged(&self, case: &Case, before: &Value) {
        let after = self.status();
        assert_eq!(
            (&after["policy"], &after["token"]),
            (&before["policy"], &before["token"]),
            "{}",
            case.name
        );
        let documents = |status: &Value| status["documents"].as_u64().unwrap();
        assert!(documents(&after) * 10 > documents(before) * 9, "{}: {before} and then {after}", case.name);
        let (_, modules) = self.cnn.admin("GET", "/modules", &Value::Null);
        assert!(!modules.to_string().contains(&format!("\"{}\"", case.name)), "{modules}");
    }

    /// Status, metrics, standard error and a reproducer say which module did what.
    fn check_told(&self, case: &Case, kind: &str, is_stopped: bool) {
        let name = case.name;
        let module = self.module(name).unwrap_or_else(|| panic!("{name} is not in the status"));
        assert_eq!(module["is_stopped"], is_stopped, "{module}");
        assert!(kind.is_empty() || module["faults_by_kind"][kind].as_u64() >= Some(1), "{module}");
        let line = self.cnn.await_error_line(|line| line.contains(&format!("module {name} (")));
        assert!(line.starts_with("cnn: warning: "), "{line}");
        if is_stopped {
            let _ = self
                .cnn
                .await_error_line(|line| line.contains(name) && line.contains("stopped after 8 faults"));
        }
        let metrics = self.metrics();
        assert!(metrics.contains(&format!("cnn_module_faults_total{{module=\"{name}\"}} ")), "{metrics}");
        eventually("the reproducer is saved", || self.reproducer(name, kind).is_some());
    }

    fn reproducer(&self, name: &str, kind: &str) -> Option<PathBuf> {
        let files = fs::read_dir(self.folder.join("reproducers")).unwrap().flatten();
        let mut paths =
            files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|it| it == "json"));
        paths.find(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            file.starts_with(&format!("{name}-")) && file.contains(&format!("-{kind}"))
        })
    }

    /// The policy before decides, history and a second try say why.
    fn check_rolled_back(&self, case: &Case, file: &Path) {
        let status = self.status();
        assert_eq!(
            (&status["policy"], &status["previous_policy"]),
            (&json!("lru"), &Value::Null),
            "{}",
            case.name
        );
        let (_, history) = self.cnn.admin("GET", "/policy/history", &Value::Null);
        let last = history["switches"].as_array().unwrap().last().unwrap();
        let by = last["by"].as_str().unwrap();
        assert!(last["cause"] == "fault" && by.contains(case.name), "{last}");
        let (code, reply) = self.switch(&file.display().to_string(), false);
        let said = reply["error"].as_str().unwrap_or_default();
        assert!(code == 409 && said.contains("was stopped") && said.contains("--force"), "{code} {reply}");
    }

    fn metrics(&self) -> String {
        let address = self.cnn.metrics().unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        Connection::open(address).exchange(&request).text()
    }

    /// Every request was answered with the whole document, and in time.
    fn end(mut self) {
        self.is_over.store(true, Relaxed);
        for client in self.clients.drain(..) {
            let slowest = client.join().expect("no request fails");
            assert!(slowest < SLOWEST, "a request took {slowest:?}");
        }
        assert!(self.requests.load(Relaxed) > 500);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Asks for popular documents and for new ones in turn until it is over; returns the longest time a request took.
#[expect(clippy::disallowed_methods, reason = "the time of requests is what is tested")]
fn load(
    mut proxy: Connection,
    url: &str,
    client: u64,
    is_over: &AtomicBool,
    requests: &AtomicU64,
) -> Duration {
    let host = url.trim_start_matches("http://").to_owned();
    let mut slowest = Duration::ZERO;
    for number in 0.. {
        if is_over.load(Relaxed) {
            break;
        }
        let path = match number % 2 {
            0 => format!("/popular/{}", number / 2 % POPULAR),
            _ => format!("/new/{client}/{number}"),
        };
        let begin = Instant::now();
        let reply = proxy.exchange(&format!("GET {url}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!((reply.status, reply.body.len()), (200, DOCUMENT_BYTES), "{path}");
        slowest = slowest.max(begin.elapsed());
        requests.fetch_add(1, Relaxed);
    }
    slowest
}

#[track_caller]
fn check(is_row: impl Fn(&Outcome) -> bool) {
    let served = Served::start();
    CASES.iter().filter(|case| is_row(&case.outcome)).for_each(|case| served.check(case));
    served.end();
}

#[test]
fn a_module_that_is_refused_changes_nothing() {
    check(|outcome| matches!(outcome, Outcome::Refused(_)));
}

#[test]
fn a_module_that_keeps_failing_is_stopped_and_the_policy_before_decides() {
    check(|outcome| matches!(outcome, Outcome::Stopped(..)));
}

#[test]
fn a_module_that_fails_now_and_then_or_is_only_foolish_goes_on_deciding() {
    check(|outcome| matches!(outcome, Outcome::Fails(_) | Outcome::Harmless | Outcome::Depends));
}

#[test]
fn who_was_stopped_decides_again_when_it_is_forced_to_or_its_file_has_changed() {
    let served = Served::start();
    let case = CASES.iter().find(|case| case.name == "trap-in-victims").unwrap();
    served.check(case);
    let file = served.folder.join("trap-in-victims.wasm").display().to_string();
    assert_eq!(served.switch(&file, true).0, 200);
    eventually("it is stopped again", || served.status()["policy"] != case.name);
    assert_eq!(served.switch(&file, false).0, 409);
    let good = CASES.iter().find(|case| case.name == "good-hooks").unwrap();
    let good = Case { name: case.name, ..*good };
    fs::write(&file, good.file().1).unwrap();
    assert_eq!(served.switch(&file, false).0, 200);
    served.goes_on();
    assert_eq!(served.status()["policy"], case.name);
    served.end();
}

#[test]
fn what_was_saved_of_a_fault_happens_again_without_a_proxy() {
    let served = Served::start();
    for (name, kind, words) in [
        ("trap-in-victims", "trap", "unreachable"),
        ("loop-in-key", "time", "the instructions for a call are used up"),
        ("victim-never-there", "out-of-range", "slot 4000"),
        ("script-throws", "script", "script-throws.rhai:1:"),
    ] {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        served.check(case);
        let path = served.reproducer(name, kind).unwrap();
        let output = Command::new(cnn_exe!()).args(["module", "reproduce"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(words) && said.contains("the same fault happens again"), "{said}");
    }
    served.end();
}
