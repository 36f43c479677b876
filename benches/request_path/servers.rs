//! The proxies that are compared, each set up as a cache before one origin: one worker, 256 MiB, access log to a file,
//! metrics offered, keep-alive on both sides.
//!
//! Configurations are what their manuals advise for a small cache in memory, nothing exotic: nginx has its cache in tmpfs and
//! keeps files open (without `tcp_nopush`, which here stalls answers of 100 KB for 40 ms), HAProxy its `cache` section,
//! Squid `cache_mem` without a disk and its log written by its helper, as it is by default.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use cnn_replay::live::process::{cpu_ns, cpu_ns_of_tree};
use cnn_support::{Cnn, Launch, cnn_exe};
use tempfile::TempDir;

/// The processor that the proxies share; the load and the origin run on the other.
pub(crate) const PROCESSOR: usize = 0;

/// What each may keep in memory, in MiB.
const MEMORY_MIB: usize = 256;

/// A running proxy under comparison; it ends when dropped.
pub(crate) struct Server {
    /// Its name and version.
    pub(crate) name: String,
    /// Where it takes requests.
    pub(crate) address: SocketAddr,
    /// What stands before the path in a target.
    pub(crate) before_path: String,
    running: Running,
}

enum Running {
    Ours(Box<Cnn>),
    Other { child: Child, _folder: TempDir },
}

impl Server {
    /// Its processor time so far in nanoseconds, with all its processes.
    pub(crate) fn cpu_ns(&self) -> u64 {
        match &self.running {
            Running::Ours(cnn) => cpu_ns(cnn.pid()),
            Running::Other { child, .. } => cpu_ns_of_tree(child.id()),
        }
    }

    /// The process, if it is ours.
    pub(crate) fn ours(&self) -> Option<&Cnn> {
        match &self.running {
            Running::Ours(cnn) => Some(cnn),
            Running::Other { .. } => None,
        }
    }

    /// Ours before one origin.
    pub(crate) fn cnn(origin: SocketAddr) -> Self {
        let cnn = launch_cnn().flag("--reverse", format!("http://{origin}")).start();
        Self {
            name: "cnn".to_owned(),
            address: cnn.address(),
            before_path: String::new(),
            running: Running::Ours(Box::new(cnn)),
        }
    }

    /// Ours as a forward proxy: the same work, and a longer target to parse.
    pub(crate) fn cnn_forward(origin: SocketAddr) -> Self {
        let cnn = launch_cnn().start();
        let before_path = format!("http://{origin}");
        Self {
            name: "cnn, forward".to_owned(),
            address: cnn.address(),
            before_path,
            running: Running::Ours(Box::new(cnn)),
        }
    }

    /// HAProxy; `None` where it is not installed.
    pub(crate) fn haproxy(origin: SocketAddr) -> Option<Self> {
        let version = version("haproxy", &["-v"], "version ")?;
        let folder = folder();
        let (address, metrics) = (free_address(), free_address());
        let config = format!(
            "global
    maxconn 4096
    nbthread 1
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
cache documents
    total-max-size {MEMORY_MIB}
    max-object-size 1000000
    max-age 86400
frontend front
    bind {address}
    default_backend origin
backend origin
    http-request cache-use documents
    http-response cache-store documents
    server origin {origin}
frontend metrics
    bind {metrics}
    http-request use-service prometheus-exporter
"
        );
        let path = write(&folder, "haproxy.cfg", &config);
        let log = fs::File::create(folder.path().join("access.log")).expect("the folder can be written");
        Some(Self::other(
            format!("HAProxy {version}"),
            address,
            folder,
            pinned("haproxy").args(["-db", "-f", &path]).stdout(log),
        ))
    }

    /// nginx; `None` where it is not installed.
    pub(crate) fn nginx(origin: SocketAddr) -> Option<Self> {
        let version = version("nginx", &["-v"], "nginx/")?;
        let folder = folder();
        let (address, metrics) = (free_address(), free_address());
        let here = folder.path().display();
        let config = format!(
            "daemon off;
user root;
worker_processes 1;
pid {here}/pid;
error_log {here}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log {here}/access.log combined;
    sendfile on;
    keepalive_timeout 60;
    keepalive_requests 1000000000;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/temp;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    open_file_cache max=20000 inactive=1h;
    open_file_cache_valid 1h;
    proxy_cache_path {here}/cache levels=1:2 keys_zone=documents:64m max_size={MEMORY_MIB}m inactive=1h use_temp_path=off;
    upstream origin {{ server {origin}; keepalive 128; keepalive_requests 1000000000; }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_cache documents;
            proxy_cache_lock on;
        }}
    }}
    server {{ listen {metrics}; location / {{ stub_status; }} }}
}}
"
        );
        let path = write(&folder, "nginx.conf", &config);
        Some(Self::other(format!("nginx {version}"), address, folder, pinned("nginx").args(["-c", &path])))
    }

    /// Squid; `None` where it is not installed.
    pub(crate) fn squid(origin: SocketAddr) -> Option<Self> {
        let version = version("squid", &["-v"], "Version ")?;
        let folder = folder();
        let address = free_address();
        let here = folder.path().display();
        let (host, port) = (origin.ip(), origin.port());
        let config = format!(
            "http_port {address} accel defaultsite={host}:{port} no-vhost
cache_peer {host} parent {port} 0 no-query no-digest originserver name=origin
cache_peer_access origin allow all
http_access allow all
cache_mem {MEMORY_MIB} MB
maximum_object_size_in_memory 4 MB
access_log daemon:{here}/access.log squid
cache_log {here}/cache.log
pid_filename {here}/pid
coredump_dir {here}
pinger_enable off
shutdown_lifetime 1 second
"
        );
        let path = write(&folder, "squid.conf", &config);
        // Its shared memory is named after the service.
        let service = format!("cnnbench{}", address.port());
        Some(Self::other(
            format!("Squid {version}"),
            address,
            folder,
            pinned("squid").args(["-N", "-n", &service, "-f", &path]),
        ))
    }

    fn other(name: String, address: SocketAddr, folder: TempDir, command: &mut Command) -> Self {
        let errors = fs::File::create(folder.path().join("stderr")).expect("the folder can be written");
        let mut child =
            command.stdin(Stdio::null()).stderr(errors).spawn().expect("its version could be asked for");
        for tries in 0.. {
            if TcpStream::connect(address).is_ok() {
                break;
            }
            let has_ended = child.try_wait().expect("it is our child").is_some();
            let said = fs::read_to_string(folder.path().join("stderr")).unwrap_or_default();
            assert!(!has_ended && tries < 1000, "{name} does not listen: {said}");
            thread::sleep(Duration::from_millis(20));
        }
        Self { name, address, before_path: String::new(), running: Running::Other { child, _folder: folder } }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Running::Other { child, .. } = &mut self.running {
            // In order, so that its own children end, too.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

fn launch_cnn() -> Launch {
    let launch =
        Launch::new(cnn_exe!()).processor(PROCESSOR).flag("--workers", 1).flag("--metrics", "127.0.0.1:0");
    launch.flag("--memory", format!("{MEMORY_MIB}MiB")).log_to_file()
}

fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &PROCESSOR.to_string(), program]).stdout(Stdio::null());
    command
}

/// A folder in memory where the system has one.
fn folder() -> TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("cnn-bench").permissions(fs::Permissions::from_mode(0o777));
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() { builder.tempdir_in(in_memory) } else { builder.tempdir() }
        .expect("a folder can be made")
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    // A server that lays down root's rights must still be able to write here.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("the folder is ours");
    let path = folder.path().join(name);
    fs::write(&path, text).expect("the folder can be written");
    path.display().to_string()
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
    listener.local_addr().expect("it is bound")
}

/// The word after `before` in what a program says of itself.
fn version(program: &str, arguments: &[&str], before: &str) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let after = said.split(before).nth(1)?;
    Some(after.split([' ', '-', '\n']).next()?.to_owned())
}
