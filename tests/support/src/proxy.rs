//! The proxy as a child process: started on free ports, spoken to, signalled, ended with the test.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::DEADLINE;
use crate::client::{Connection, ask_unix, get};
use crate::http::Reply;
use crate::process::{Memory, memory};

/// How to start the proxy. Unless told otherwise: forward role, one listener and the admin socket of its own, one worker,
/// destinations on loopback allowed.
#[derive(Debug)]
pub struct Launch {
    exe: PathBuf,
    arguments: Vec<String>,
    denies_loopback: bool,
    config: Option<String>,
    open_files: Option<u32>,
    processor: Option<usize>,
    has_listener: bool,
    logs_to_file: bool,
    admin: Option<PathBuf>,
}

impl Launch {
    /// The executable is what `cnn_exe!()` says.
    #[must_use]
    pub fn new(exe: impl Into<PathBuf>) -> Self {
        Self {
            exe: exe.into(),
            arguments: Vec::new(),
            denies_loopback: false,
            config: None,
            open_files: None,
            processor: None,
            has_listener: false,
            logs_to_file: false,
            admin: None,
        }
    }

    /// A flag of `cnn serve` with its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl ToString) -> Self {
        self.has_listener |= name == "--listen";
        self.arguments.extend([name.to_owned(), value.to_string()]);
        self
    }

    /// Denies destinations on loopback, as it does when nothing is said.
    #[must_use]
    pub fn deny_loopback(mut self) -> Self {
        self.denies_loopback = true;
        self
    }

    /// The text of a configuration file.
    #[must_use]
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = Some(text.into());
        self
    }

    /// The most files and sockets it may have open.
    #[must_use]
    pub fn open_files(mut self, count: u32) -> Self {
        self.open_files = Some(count);
        self
    }

    /// Where its admin socket is, in place of a folder of its own.
    #[must_use]
    pub fn admin_socket(mut self, path: &Path) -> Self {
        self.admin = Some(path.to_owned());
        self
    }

    /// Writes its access log to [`Cnn::access_log`].
    #[must_use]
    pub fn log_to_file(mut self) -> Self {
        self.logs_to_file = true;
        self
    }

    /// The only processor it may run on.
    #[must_use]
    pub fn processor(mut self, number: usize) -> Self {
        self.processor = Some(number);
        self
    }

    /// Starts it and waits for its ready line.
    ///
    /// # Panics
    /// When it ends or says nothing before the deadline; the panic has what it said.
    #[must_use]
    pub fn start(self) -> Cnn {
        let folder =
            tempfile::Builder::new().prefix("cnn").tempdir().expect("the temporary folder can be written");
        let admin = self.admin.unwrap_or_else(|| folder.path().join("admin.sock"));
        let mut arguments =
            vec!["serve".to_owned(), "--admin-socket".to_owned(), admin.display().to_string()];
        if let Some(text) = &self.config {
            let path = folder.path().join("cnn.toml");
            fs::write(&path, text).expect("the temporary folder can be written");
            arguments.extend(["--config".to_owned(), path.display().to_string()]);
        }
        if self.logs_to_file {
            arguments
                .extend(["--access-log".to_owned(), folder.path().join("access.log").display().to_string()]);
        }
        if !self.has_listener {
            arguments.extend(["--listen", "127.0.0.1:0"].map(str::to_owned));
        }
        if !self.arguments.iter().any(|argument| argument == "--workers") {
            arguments.extend(["--workers", "1"].map(str::to_owned));
        }
        if !self.denies_loopback {
            arguments.extend(["--allow-destination", "127.0.0.0/8"].map(str::to_owned));
        }
        arguments.extend(self.arguments);

        // The shell sets the limits and then becomes the proxy, so the child's number is the proxy's.
        let mut script = String::from("exec");
        if let Some(count) = self.open_files {
            script = format!("ulimit -n {count}; exec");
        }
        if let Some(number) = self.processor {
            script.push_str(&format!(" taskset -c {number}"));
        }
        script.push_str(" \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .arg(&self.exe)
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the shell starts");
        let errors = Lines::of(child.stderr.take().expect("it is piped"));
        let output = Lines::of(child.stdout.take().expect("it is piped"));
        let ready = errors.find(|line| line.starts_with("cnn: ready: "));
        let ready = ready
            .unwrap_or_else(|said| panic!("cnn {arguments:?} is not ready; it said:\n{}", said.join("\n")));
        let ready = ready_line(&ready);
        let addresses = addresses_of(ready.get("proxy").map_or("", String::as_str));
        assert!(!addresses.is_empty(), "the ready line names no listener: {ready:?}");
        let metrics = ready.get("metrics").and_then(|value| addresses_of(value).first().copied());
        Cnn { exe: self.exe, child, addresses, metrics, admin, folder, errors, output }
    }
}

/// A running proxy; it is killed when dropped.
#[derive(Debug)]
pub struct Cnn {
    exe: PathBuf,
    child: Child,
    addresses: Vec<SocketAddr>,
    metrics: Option<SocketAddr>,
    admin: PathBuf,
    folder: TempDir,
    errors: Lines,
    output: Lines,
}

impl Cnn {
    /// Where it takes requests.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where it shows metrics, when asked to.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Its admin socket.
    #[must_use]
    pub fn admin_socket(&self) -> &Path {
        &self.admin
    }

    /// A folder that lives as long as it does.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its access log is, if it was told to write one.
    #[must_use]
    pub fn access_log(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client's connection to it.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    /// Fetches a URL through it on a connection of its own.
    #[must_use]
    pub fn get(&self, url: &str, fields: &[&str]) -> Reply {
        get(self.address(), url, fields)
    }

    /// Asks its admin socket: status and JSON.
    #[must_use]
    pub fn admin(&self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        ask_unix(&self.admin, method, target, body)
    }

    /// Runs a verb of the executable against its admin socket.
    ///
    /// # Panics
    /// When the executable does not start.
    #[must_use]
    pub fn verb(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.exe);
        command
            .args(arguments)
            .arg("--admin-socket")
            .arg(&self.admin)
            .output()
            .expect("the executable starts")
    }

    /// Runs a verb with `--json` and reads its answer.
    ///
    /// # Panics
    /// When the verb fails or its answer is not JSON.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.verb(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "cnn {arguments:?}: {}{said}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("cnn {arguments:?}: {error}: {said}"))
    }

    /// A number of its status.
    ///
    /// # Panics
    /// When there is none of that name.
    #[must_use]
    pub fn status(&self, name: &str) -> f64 {
        let (_, status) = self.admin("GET", "/status", &Value::Null);
        status[name].as_f64().unwrap_or_else(|| panic!("no number {name} in {status}"))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a child's number fits");
        // A process that has ended already needs no signal.
        let _ = kill_process(pid, signal);
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not end before the deadline; it is killed then.
    pub fn wait(&mut self) -> ExitStatus {
        // Its error stream ends when it does: waiting for that is a wait with a deadline.
        let said = self.errors.find(|_| false).expect_err("nothing is looked for");
        if !self.errors.has_ended() {
            let _ = self.child.kill();
            panic!("it did not end; it said:\n{}", said.join("\n"));
        }
        self.child.wait().expect("it is our child")
    }

    /// Kills it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it still runs.
    ///
    /// # Panics
    /// When the system does not tell.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    /// Waits for a line on its error stream, also an earlier one.
    ///
    /// # Panics
    /// When no such line comes before the deadline.
    pub fn await_error_line(&self, is_it: impl Fn(&str) -> bool) -> String {
        self.errors.find(is_it).unwrap_or_else(|said| panic!("no such line; it said:\n{}", said.join("\n")))
    }

    /// Waits for a line on its output stream, also an earlier one.
    ///
    /// # Panics
    /// When no such line comes before the deadline.
    pub fn await_output_line(&self, is_it: impl Fn(&str) -> bool) -> String {
        self.output.find(is_it).unwrap_or_else(|said| panic!("no such line; it said:\n{}", said.join("\n")))
    }

    /// Its resident memory.
    #[must_use]
    pub fn memory(&self) -> Memory {
        memory(self.pid())
    }
}

impl Drop for Cnn {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("cnn said:\n{}", self.errors.so_far().join("\n"));
        }
    }
}

/// The lines of a stream, collected by a thread.
#[derive(Debug)]
struct Lines(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Debug, Default)]
struct Collected {
    lines: Vec<String>,
    has_ended: bool,
}

impl Lines {
    fn of(stream: impl std::io::Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Collected::default()), Condvar::new()));
        let lines = Self(Arc::clone(&shared));
        thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            loop {
                let mut line = Vec::new();
                let has_ended = !matches!(stream.read_until(b'\n', &mut line), Ok(1..));
                let mut collected = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                collected.has_ended = has_ended;
                if !has_ended {
                    collected.lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
                drop(collected);
                shared.1.notify_all();
                if has_ended {
                    return;
                }
            }
        });
        lines
    }

    /// The first line for which `is_it` says yes; when none comes before the end or the deadline, all lines.
    fn find(&self, is_it: impl Fn(&str) -> bool) -> Result<String, Vec<String>> {
        let collected = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (collected, _) = self
            .0
            .1
            .wait_timeout_while(collected, DEADLINE, |collected| {
                !collected.has_ended && !collected.lines.iter().any(|line| is_it(line))
            })
            .unwrap_or_else(PoisonError::into_inner);
        collected.lines.iter().find(|line| is_it(line)).cloned().ok_or_else(|| collected.lines.clone())
    }

    fn so_far(&self) -> Vec<String> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    fn has_ended(&self) -> bool {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).has_ended
    }
}

/// The parts of the ready line: `cnn: ready: proxy 127.0.0.1:3128; admin PATH; ...`.
fn ready_line(line: &str) -> HashMap<String, String> {
    let line = line.strip_prefix("cnn: ready: ").unwrap_or_default();
    let parts = line.strip_prefix("reverse ").unwrap_or(line).split("; ");
    parts
        .filter_map(|part| part.split_once(' '))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn addresses_of(text: &str) -> Vec<SocketAddr> {
    text.split([',', ' ']).filter_map(|word| word.trim().parse().ok()).collect()
}

/// Waits until `holds` says yes, asking again and again: for what the proxy does by itself and tells nobody.
///
/// # Panics
/// When it does not before the deadline.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < DEADLINE, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `work` on `count` threads at once and returns what they return, in order of their numbers.
///
/// # Panics
/// When one of them does, or does not end before the deadline.
pub fn at_once<T: Send + 'static>(count: usize, work: impl Fn(usize) -> T + Send + Sync + 'static) -> Vec<T> {
    let (work, (sender, receiver)) = (Arc::new(work), mpsc::channel());
    for number in 0..count {
        let (work, sender) = (Arc::clone(&work), sender.clone());
        thread::spawn(move || {
            let _ = sender.send((number, work(number)));
        });
    }
    drop(sender);
    let mut results: Vec<_> =
        (0..count).map(|_| receiver.recv_timeout(DEADLINE).expect("every thread ends well")).collect();
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_read() {
        let line = "cnn: ready: proxy 127.0.0.1:3128, [::1]:3128; admin /run/a b.sock; metrics 127.0.0.1:9128; policy lru";
        let ready = ready_line(line);
        assert_eq!(addresses_of(&ready["proxy"]).len(), 2);
        assert_eq!(addresses_of(&ready["metrics"]), ["127.0.0.1:9128".parse().unwrap()]);
        assert_eq!(ready["policy"], "lru");
        let reverse = ready_line("cnn: ready: reverse proxy 127.0.0.1:1; admin a");
        assert_eq!(addresses_of(&reverse["proxy"]), ["127.0.0.1:1".parse().unwrap()]);
    }

    #[test]
    fn a_line_is_found_early_late_and_not_at_all() {
        let lines = Lines::of(&b"one\ntwo\n"[..]);
        assert_eq!(lines.find(|line| line == "two").unwrap(), "two");
        assert_eq!(lines.find(|line| line == "one").unwrap(), "one");
        assert_eq!(lines.find(|line| line == "three").unwrap_err(), ["one", "two"]);
    }

    #[test]
    fn results_come_in_order() {
        assert_eq!(at_once(3, |number| number * 2), [0, 2, 4]);
    }
}
