//! The proxies that are compared, each set up as a cache before one origin: one worker, 256 MiB, access log to a file,
//! metrics offered, keep-alive on both sides.
//!
//! Configurations are what their manuals advise for a small cache in memory, nothing exotic: nginx has its cache in tmpfs and
//! keeps files open (without `tcp_nopush`, which here stalls answers of 100 KB for 40 ms), HAProxy its `cache` section,
//! Squid `cache_mem` without a disk and its log written by its helper, as it is by default.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use cnn_replay::live::process::{cpu_ns, cpu_ns_of_tree};
use cnn_support::peer::{self, Home, Peer, free_address, version};
use cnn_support::{Cnn, Launch, cnn_exe};

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
    Other(Peer),
}

impl Server {
    /// Its processor time so far in nanoseconds, with all its processes.
    pub(crate) fn cpu_ns(&self) -> u64 {
        match &self.running {
            Running::Ours(cnn) => cpu_ns(cnn.pid()),
            Running::Other(peer) => cpu_ns_of_tree(peer.pid()),
        }
    }

    /// The process, if it is ours.
    pub(crate) fn ours(&self) -> Option<&Cnn> {
        match &self.running {
            Running::Ours(cnn) => Some(cnn),
            Running::Other(_) => None,
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
        let home = Home::new();
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
        let path = home.write("haproxy.cfg", &config);
        let log = fs::File::create(home.path().join("access.log")).expect("the folder can be written");
        Some(Self::other(
            format!("HAProxy {version}"),
            address,
            home,
            pinned("haproxy").args(["-db", "-f", &path]).stdout(log),
        ))
    }

    /// nginx; `None` where it is not installed.
    pub(crate) fn nginx(origin: SocketAddr) -> Option<Self> {
        let version = version("nginx", &["-v"], "nginx/")?;
        let home = Home::new();
        let (address, metrics) = (free_address(), free_address());
        let here = home.path().display();
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
        let path = home.write("nginx.conf", &config);
        Some(Self::other(format!("nginx {version}"), address, home, pinned("nginx").args(["-c", &path])))
    }

    /// Squid; `None` where it is not installed.
    pub(crate) fn squid(origin: SocketAddr) -> Option<Self> {
        let version = version("squid", &["-v"], "Version ")?;
        let home = Home::new();
        let address = free_address();
        let here = home.path().display();
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
        let path = home.write("squid.conf", &config);
        // Its shared memory is named after the service.
        let service = format!("cnnbench{}", address.port());
        Some(Self::other(
            format!("Squid {version}"),
            address,
            home,
            pinned("squid").args(["-N", "-n", &service, "-f", &path]),
        ))
    }

    fn other(name: String, address: SocketAddr, home: Home, command: &mut Command) -> Self {
        let peer = Peer::start(&name, address, home, command);
        Self { name, address, before_path: String::new(), running: Running::Other(peer) }
    }
}

fn launch_cnn() -> Launch {
    let launch =
        Launch::new(cnn_exe!()).processor(PROCESSOR).flag("--workers", 1).flag("--metrics", "127.0.0.1:0");
    launch.flag("--memory", format!("{MEMORY_MIB}MiB")).log_to_file()
}

fn pinned(program: &str) -> Command {
    peer::pinned(program, PROCESSOR)
}
