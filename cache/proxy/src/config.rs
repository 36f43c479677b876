//! What an operator sets: one TOML file, flags that override it, and defaults a Squid user recognises.
//!
//! Reading never stops at the first mistake and never applies half a file: [`load()`] gives a [`Config`] that passed every
//! check, or all problems with line, column, key and what was expected. [`keys`] is the one table of keys that documents
//! them, makes `cnn config default` and says which a reload can change. Nothing here opens a socket or a log.

mod check;
mod keys;
mod load;
mod net;
mod overrides;
mod period;
mod problem;
mod reload;
mod size;
pub(crate) mod spelling;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::access::PortSet;
use crate::filters::NONE;
use crate::log::{LogFormat, LogTarget};

pub use check::limits;
pub use keys::{KEYS, Key, Reloaded, default_toml, markdown_table};
pub use load::{load, read};
pub use net::{Cidr, Listen, OriginUrl};
pub use overrides::Overrides;
pub use period::Period;
pub use problem::{ConfigError, Problem};
pub use reload::{Reload, diff, merged};
pub use size::ByteSize;
pub use spelling::Misspelt;

/// Everything that can be set. [`KEYS`] documents each field under its name; the words there are not repeated here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys documents them")]
pub struct Config {
    #[serde(with = "spelling::one_or_many")]
    pub listen: Vec<Listen>,
    pub reverse: Option<OriginUrl>,
    pub admin_socket: Option<PathBuf>,
    pub metrics: Option<SocketAddr>,
    pub workers: Option<NonZeroU16>,
    pub visible_hostname: Option<String>,
    pub memory: ByteSize,
    pub object_size_max: ByteSize,
    pub policy: String,
    pub admission: String,
    pub monitors: Vec<String>,
    pub access_log: LogTarget,
    pub access_log_format: LogFormat,
    pub strip_query_terms: bool,
    #[serde(with = "spelling::one_or_many")]
    pub clients: Vec<Cidr>,
    pub safe_ports: PortSet,
    pub connect_ports: PortSet,
    #[serde(with = "spelling::one_or_many")]
    pub allow_destination: Vec<Cidr>,
    pub deadlines: Deadlines,
    pub limits: Limits,
    pub freshness: Freshness,
    pub modules: Modules,
}

/// How long each step may take: section `[deadlines]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys documents them")]
pub struct Deadlines {
    pub header: Period,
    pub body: Period,
    pub send: Period,
    pub idle: Period,
    pub dns: Period,
    pub connect: Period,
    pub origin_response: Period,
    pub origin_body: Period,
    pub origin_idle: Period,
    pub tunnel_idle: Period,
    pub drain: Period,
}

/// How much one client or origin may ask of us: section `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys documents them")]
pub struct Limits {
    pub header_bytes: ByteSize,
    pub header_count: u16,
    pub body_bytes_min: ByteSize,
    pub connections: u32,
    pub origin_idle_connections: u32,
}

/// How long a response is fresh where it does not say so: section `[freshness]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys documents them")]
pub struct Freshness {
    pub rules: String,
    pub heuristic_percent: u8,
    pub heuristic_max: Period,
    pub stale_if_error: Period,
    pub stale_while_revalidate: Period,
}

/// Where modules are, and what they may take: section `[modules]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of keys documents them")]
pub struct Modules {
    pub directory: Option<PathBuf>,
    pub code_cache: Option<PathBuf>,
    pub reproducers: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![Listen(SocketAddr::from(([127, 0, 0, 1], 3128)))],
            reverse: None,
            admin_socket: None,
            metrics: None,
            workers: None,
            visible_hostname: None,
            memory: ByteSize::mib(256),
            object_size_max: ByteSize::mib(64),
            policy: "s3-fifo".to_owned(),
            admission: NONE.to_owned(),
            monitors: Vec::new(),
            access_log: LogTarget::None,
            access_log_format: LogFormat::Squid,
            strip_query_terms: false,
            clients: LOCALNET.map(Cidr::known).into(),
            safe_ports: PortSet::safe_default(),
            connect_ports: PortSet::connect_default(),
            allow_destination: Vec::new(),
            deadlines: Deadlines::default(),
            limits: Limits::default(),
            freshness: Freshness::default(),
            modules: Modules::default(),
        }
    }
}

/// `localhost` and `localnet` of Squid's default file: this machine, and addresses that no stranger can have.
const LOCALNET: [&str; 9] = [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            header: Period::secs(30),
            body: Period::secs(60),
            send: Period::secs(60),
            idle: Period::secs(120),
            dns: Period::secs(10),
            connect: Period::secs(10),
            origin_response: Period::secs(120),
            origin_body: Period::secs(120),
            origin_idle: Period::secs(60),
            tunnel_idle: Period::secs(900),
            drain: Period::secs(30),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: ByteSize(crate::limits::HEAD_BYTES_MAX as u64),
            header_count: crate::limits::FIELDS_MAX as u16,
            body_bytes_min: ByteSize::kib(8),
            connections: 16_384,
            origin_idle_connections: 64,
        }
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self {
            rules: NONE.to_owned(),
            heuristic_percent: 10,
            heuristic_max: Period::secs(86_400),
            stale_if_error: Period::secs(7 * 86_400),
            stale_while_revalidate: Period::default(),
        }
    }
}

impl Config {
    /// Worker threads: as configured, else one per core.
    pub fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.map_or_else(cores, |count| usize::from(count.get()))
    }

    /// Bytes of the largest body that is stored: as configured, but one document never takes more than half the memory.
    pub fn object_bytes_max(&self) -> u64 {
        self.object_size_max.0.min(self.memory.0 / 2)
    }
}
