//! What the admin socket answers: plain values that are JSON on the wire and are read back by the client. A key that
//! is here is a promise to scripts; keys are added, not renamed. Sizes are bytes, ratios run from 0 to 1, times carry
//! their unit in their name.

mod faults;
mod filters;
mod latency;
mod module;
mod monitors;
mod refusal;
mod script;

use serde::{Deserialize, Serialize};

pub use faults::ModuleFaults;
pub use filters::{Answer, Filter, FilterList, FilterRole, FilterShown, FilterUsed};
pub use latency::Latency;
pub use module::{Module, ModuleChanged, ModuleInstance, ModuleList, Setting};
pub use monitors::{MetricValues, MonitorList, MonitorStatus, MonitorValues, SeriesValue, Spread};
pub use refusal::{Fault, Refusal};
pub use script::{ScriptRun, ScriptUpdates};

/// `GET /status`: what the proxy is doing and how well, counted since it started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Version of the executable.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// How long it has been serving.
    pub uptime_us: u64,
    /// Worker threads.
    pub workers: usize,
    /// Addresses it listens on for clients.
    pub listen: Vec<String>,
    /// The policy that is really deciding.
    pub policy: String,
    /// The policy before the last switch, still loaded; none before the first switch.
    pub previous_policy: Option<String>,
    /// The switch that made it decide; `1` is the start.
    pub token: String,
    /// The admission policy that is really asked; `none` for nobody.
    pub admission: String,
    /// The freshness rules that are really asked; `none` for nobody.
    pub freshness: String,
    /// Documents not yet in its order.
    pub pending: u64,
    /// The earlier policies whose order these are in, oldest first.
    pub draining: Vec<Draining>,
    /// Wrong decisions of policies that the built-in fallback replaced.
    pub faults: u64,
    /// The modules with faults, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<ModuleFaults>,
    /// Documents stored.
    pub documents: u64,
    /// Bytes charged for them and for fetches under way: bodies and metadata.
    pub bytes: u64,
    /// The memory limit.
    pub memory_bytes_max: u64,
    /// Memory of the whole process as the kernel counts it; 0 when it does not tell.
    pub resident_bytes: u64,
    /// Documents evicted to make room.
    pub evictions: u64,
    /// Requests answered, tunnels and refused ones included.
    pub requests: u64,
    /// Requests answered from the cache.
    pub hits: u64,
    /// Hits per request; 0 before the first.
    pub hit_ratio: f64,
    /// Bytes sent to clients.
    pub sent_bytes: u64,
    /// Bytes sent to clients from the cache.
    pub hit_bytes: u64,
    /// Bytes from the cache per byte sent; 0 before the first.
    pub byte_hit_ratio: f64,
    /// Time from a request's head to the end of its response, from the cache.
    pub hit_latency: Latency,
    /// The same for responses that took an origin.
    pub miss_latency: Latency,
}

/// An order that is not used for new documents any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draining {
    /// The policy that ordered it.
    pub policy: String,
    /// Documents left in it.
    pub documents: u64,
}

/// `GET /policies`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyList {
    /// The policy that is really deciding.
    pub policy: String,
    /// The policy before the last switch.
    pub previous_policy: Option<String>,
    /// Every policy that can be used, by name.
    pub policies: Vec<Policy>,
}

/// `GET /policies/{name}`: what a policy says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it does, in one line.
    pub summary: String,
    /// How it orders documents: `key`, `score` or `hooks`.
    pub kind: String,
    /// Whether it is told of hits; one that is not costs hits nothing.
    pub hit_events: bool,
    /// What it is good for, best first: `hits`, `bytes`, `latency`.
    pub goals: Vec<String>,
    /// Where it was published.
    pub paper: String,
    /// `deciding`, `previous`, or nothing.
    pub role: Option<String>,
    /// The numbers it can be given, as in `s3-fifo(small=0.2)`.
    pub parameters: Vec<Parameter>,
    /// What it is written in, if it is a module that was loaded: `wasm`, `rhai`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}

/// A number that a policy can be given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it does, with its unit.
    pub summary: String,
    /// Its value when nobody says otherwise.
    pub default: f64,
    /// The lowest value it takes.
    pub min: f64,
    /// The highest value it takes.
    pub max: f64,
}

/// `POST /policy/use` and `POST /policy/rollback`: the switch is made, the new policy decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Switched {
    /// Names the switch in `GET /switch/TOKEN` and in the history.
    pub token: String,
    /// The policy deciding now.
    pub policy: String,
    /// The policy that decided before; none for the start.
    pub previous_policy: Option<String>,
    /// Documents carried over: all there were.
    pub carried: u64,
    /// Documents of these ordered by the new policy already.
    pub reevaluated: u64,
    /// Documents still ordered by an earlier policy.
    pub pending: u64,
    /// Microseconds of preparation, during which the old policy decided and nothing waited.
    pub prepare_us: u64,
    /// Microseconds of the hand-over, during which nothing was decided.
    pub handover_us: u64,
    /// Whether the policy asked for was deciding already, so that nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
}

/// `GET /policy/history`, newest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// The switches remembered.
    pub switches: Vec<Switch>,
}

/// `GET /switch/{token}`: one switch and how far it has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Switch {
    /// What the operator was answered; `reevaluated` and `pending` as they are by now.
    #[serde(flatten)]
    pub switched: Switched,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The same, in seconds before now.
    pub ago_secs: u64,
    /// Why: `start`, `use`, `rollback`, or `fault` when the policy before failed.
    pub cause: String,
    /// Who asked: `uid=1000 pid=4242`, or what part of the proxy.
    pub by: String,
    /// From the switch before to this switch.
    pub before: Effectiveness,
    /// From this switch to the next, or to now.
    pub after: Effectiveness,
}

/// How well a policy did over a stretch of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Effectiveness {
    /// Requests in the stretch that the cache could have answered.
    pub requests: u64,
    /// Hits per request, none where there was no request.
    pub hit_ratio: Option<f64>,
    /// Bytes from the cache per byte sent, none where nothing was sent.
    pub byte_hit_ratio: Option<f64>,
}

/// `GET /policy/worst`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Worst {
    /// The policy deciding.
    pub policy: String,
    /// The first to go first.
    pub documents: Vec<Candidate>,
}

/// A document on its way out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Candidate {
    /// 1 goes first.
    pub rank: u64,
    /// Its URL; none when it was gone before it could be named.
    pub url: Option<String>,
    /// Bytes charged.
    pub bytes: u64,
    /// Times used since it was stored.
    pub uses: u32,
    /// Seconds since it was last used.
    pub idle_secs: u64,
    /// The policy that orders it: an earlier one until it is re-evaluated.
    pub ordered_by: String,
    /// The key or score it is ordered by; 0 for policies with queues.
    pub value: f64,
}

/// `POST /purge`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Purged {
    /// The URL as the cache keys it.
    pub url: String,
    /// Variants forgotten; 0 when there was nothing to forget.
    pub variants: u64,
    /// Bytes they were charged.
    pub bytes: u64,
}

/// `GET /explain`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    /// The URL as the cache keys it.
    pub url: String,
    /// Whether anything is stored for it.
    pub stored: bool,
    /// Why it is stored, or why not, as far as is known.
    pub rule: String,
    /// What is stored.
    pub variants: Vec<Variant>,
    /// Fetches of it going on.
    pub fetches: u64,
    /// The policy deciding.
    pub policy: String,
}

/// One stored response.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variant {
    /// Request fields that select it, as they were when it was stored: `accept-encoding: gzip`.
    pub selected_by: Vec<String>,
    /// Status code.
    pub status: u16,
    /// `fresh`, `stale`, `validated at each use`.
    pub state: String,
    /// RFC 9111 section 4.2.3.
    pub age_secs: u64,
    /// RFC 9111 section 4.2.1.
    pub lifetime_secs: u64,
    /// Where the lifetime comes from: `max-age`, `expires`, `heuristic`...
    pub lifetime_from: String,
    /// What it can be validated with: `etag`, `last-modified`.
    pub validators: Vec<String>,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Bytes charged, metadata included.
    pub bytes: u64,
    /// Times used since it was stored.
    pub uses: u32,
    /// Seconds since it was last used.
    pub idle_secs: u64,
    /// Documents that are evicted before it; none when the policy does not know it yet.
    pub before: Option<u64>,
    /// How well that is known: `exact`, `estimate`, `at-least`.
    pub precision: String,
    /// URLs of the few evicted right before it, the nearest last; none where the order does not tell.
    pub evicted_before: Vec<String>,
    /// The policy that orders it.
    pub ordered_by: String,
}

/// `GET /top`: what the live view draws. Counters and buckets only grow; the client takes differences.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Top {
    /// As `GET /status`.
    pub status: Status,
    /// Upper bounds of the latency buckets, in microseconds; the last bucket has none.
    pub bucket_bounds_us: Vec<u64>,
    /// Responses from the cache in each bucket.
    pub hit_buckets: Vec<u64>,
    /// Responses that took an origin in each bucket.
    pub miss_buckets: Vec<u64>,
    /// The last switches, newest last.
    pub switches: Vec<Switch>,
}
