//! `cnn serve`: the proxy itself. Flags override the file; signals end it or make it read the file again.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::Args;
use cnn_proxy::config::{self, ByteSize, Cidr, KEYS, Listen, OriginUrl, Overrides};
use cnn_proxy::log::LogTarget;
use cnn_proxy::report;
use cnn_proxy::server::{Phase, Reloading, Server};
use cnn_proxy::signals::{self, Signal};

use super::Failure;

/// Serve: a forward proxy, or with --reverse a cache in front of one origin
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cnn serve
  cnn serve --memory 2GiB --access-log /var/log/cnn/access.log --metrics 127.0.0.1:9128
  cnn serve --listen 0.0.0.0:80 --reverse http://192.0.2.7:8080

SIGTERM or SIGINT drains, a second one ends at once; SIGHUP reads the file again and reopens the log.")]
pub(super) struct Serve {
    /// Configuration file; `cnn config default` prints one with every key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[arg(long, value_name = "ADDR", help = key("listen"))]
    listen: Vec<Listen>,
    #[arg(long, value_name = "URL", help = key("reverse"))]
    reverse: Option<OriginUrl>,
    #[arg(long, value_name = "PATH", env = cnn_proxy::admin::SOCKET_ENV, help = key("admin_socket"))]
    admin_socket: Option<PathBuf>,
    #[arg(long, value_name = "SIZE", help = key("memory"))]
    memory: Option<ByteSize>,
    #[arg(long, value_name = "NAME", help = key("policy"))]
    policy: Option<String>,
    #[arg(long, value_name = "NAME|FILE", help = key("admission"))]
    admission: Option<String>,
    #[arg(long, value_name = "NAME|FILE", help = key("freshness.rules"))]
    freshness: Option<String>,
    #[arg(long, value_name = "N", help = key("workers"))]
    workers: Option<NonZeroU16>,
    #[arg(long, value_name = "PATH|-", help = key("access_log"))]
    access_log: Option<LogTarget>,
    #[arg(long, value_name = "ADDR", help = key("metrics"))]
    metrics: Option<SocketAddr>,
    #[arg(long, value_name = "CIDR", help = key("allow_destination"))]
    allow_destination: Vec<Cidr>,
}

/// What the table of keys says of the key a flag overrides.
fn key(name: &str) -> String {
    let Some(key) = KEYS.iter().find(|key| key.name == name) else { return String::new() };
    let default = match key.default().replace(['"', '[', ']'], "") {
        none if none.is_empty() => "none".to_owned(),
        default => default,
    };
    format!("{} [default: {default}]", key.doc.trim_end_matches('.'))
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let source = Source {
            file: self.config,
            flags: Overrides {
                listen: self.listen,
                reverse: self.reverse,
                admin_socket: self.admin_socket,
                memory: self.memory,
                policy: self.policy,
                admission: self.admission,
                freshness: self.freshness,
                workers: self.workers,
                access_log: self.access_log,
                metrics: self.metrics,
                allow_destination: self.allow_destination,
            },
        };
        let config = source.read().map_err(Failure::Said)?;
        let server = Server::start(config).map_err(|error| Failure::Said(error.to_string()))?;
        let (ending, reloading) = (server.ending(), server.reloading());
        signals::listen(move |signal| match signal {
            Signal::Terminate => match ending.end() {
                Phase::Drain => report::info(format_args!("draining: requests under way are answered")),
                _ => report::info(format_args!("ending at once")),
            },
            Signal::Reload => source.reload(&reloading),
        })?;
        report::info(format_args!("{}", server.ready_line()));
        server.join();
        report::info(format_args!("ended"));
        Ok(())
    }
}

/// Where the configuration comes from, at the start and at each reload.
struct Source {
    file: Option<PathBuf>,
    flags: Overrides,
}

impl Source {
    fn read(&self) -> Result<config::Config, String> {
        config::load(self.file.as_deref(), &self.flags, cnn_policies::registry())
            .map_err(|error| error.to_string())
    }

    fn reload(&self, reloading: &Reloading) {
        let reloaded =
            self.read().and_then(|config| reloading.reload(config).map_err(|error| error.to_string()));
        match reloaded {
            Err(error) => report::error(format_args!("not reloaded, nothing has changed: {error}")),
            Ok(reload) => {
                report::info(format_args!("reloaded: {}", words(&reload.applied)));
                if !reload.needs_restart.is_empty() {
                    report::warning(format_args!(
                        "changed in the file, but take a restart: {}",
                        words(&reload.needs_restart)
                    ));
                }
            }
        }
    }
}

fn words(keys: &[&str]) -> String {
    if keys.is_empty() { "no key changed".to_owned() } else { keys.join(", ") }
}
