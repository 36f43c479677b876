//! The running proxy behind the admin socket: asks the policy engine, the repository and the counters, and puts what
//! they say into replies. Runs on the admin socket's own threads; only the engine is waited for.

use std::path::Path;
use std::sync::Arc;

use cnn_core::policy::{self, Manifest, Reevaluate, SlotId, SwitchRefused};
use cnn_core::repository::Repository;
use cnn_core::rfc9111::Target;
use cnn_core::time::Tick;
use cnn_modules::{Digest, SourceError};

use super::audit::Peer;
use super::control::Control;
use super::explain::explain;
use super::filters;
use super::handler::bare;
use super::modules::library_fault;
use super::reply::*;
use super::script::{ScriptAsked, Scripts};
use crate::clock::Clock;
use crate::engine::{Engine, Stopped, UseError};
use crate::filters::Switching;
use crate::monitor::Monitors;
use crate::not_stored::NotStored;

/// What the admin socket is given of the proxy.
pub struct Live {
    /// The policy engine.
    pub engine: Engine,
    /// What is stored.
    pub repository: Arc<Repository>,
    /// Whoever watches requests.
    pub monitors: Monitors,
    /// Why what is not stored is not.
    pub not_stored: Arc<NotStored>,
    /// Admission and freshness.
    pub(crate) switching: Switching,
    /// The clocks.
    pub clock: Clock,
    /// Worker threads.
    pub workers: usize,
    /// Addresses clients connect to.
    pub listen: Vec<String>,
    /// What runs scripts.
    pub scripts: Scripts,
    /// Reads what was counted so far.
    pub counted: Box<dyn Fn() -> Counted + Send + Sync>,
}

/// What the proxy counted since it started.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Requests answered.
    pub requests: u64,
    /// Of these, from the cache.
    pub hits: u64,
    /// Bytes sent to clients.
    pub sent_bytes: u64,
    /// Of these, from the cache.
    pub hit_bytes: u64,
    /// Upper bounds of the buckets below, microseconds, rising.
    pub bucket_bounds_us: Vec<u64>,
    /// Responses from the cache by the time they took.
    pub hit_buckets: Vec<u64>,
    /// Responses that took an origin.
    pub miss_buckets: Vec<u64>,
}

/// Switches the live view is told.
const TOP_SWITCHES: usize = 8;

impl Control for Live {
    fn status(&self) -> Result<Status, Refusal> {
        Ok(self.status_of((self.counted)(), self.engine.status()?))
    }

    fn top(&self) -> Result<Top, Refusal> {
        let counted = (self.counted)();
        let mut switches = self.history()?.switches;
        switches.drain(..switches.len().saturating_sub(TOP_SWITCHES));
        Ok(Top {
            bucket_bounds_us: counted.bucket_bounds_us.clone(),
            hit_buckets: counted.hit_buckets.clone(),
            miss_buckets: counted.miss_buckets.clone(),
            status: self.status_of(counted, self.engine.status()?),
            switches,
        })
    }

    fn policies(&self) -> Result<PolicyList, Refusal> {
        let status = self.engine.status()?;
        let (deciding, previous) = (name(&status.policy), status.previous.as_deref().map(name));
        // Whatever it was given: the list has it once.
        let role = |name: &str| match name {
            name if name == bare(&deciding) => Some("deciding".to_owned()),
            name if Some(name) == previous.as_deref().map(bare) => Some("previous".to_owned()),
            _ => None,
        };
        let manifests = self.engine.policies().iter().map(|factory| ((factory.manifest)(), None));
        let loaded = self.engine.library().list();
        let modules = loaded.iter().filter_map(|loaded| {
            let manifest = loaded.code.manifest().policy()?;
            let named = Manifest { name: loaded.name.clone().into(), ..manifest };
            Some((named, Some(loaded.code.form().to_owned())))
        });
        let mut manifests: Vec<_> = manifests.chain(modules).collect();
        // What decides, and what would again, is listed wherever it came from.
        for used in [Some(&status.policy), status.previous.as_ref()].into_iter().flatten() {
            if !manifests.iter().any(|(manifest, _)| manifest.name == bare(&used.name)) {
                manifests.push((Manifest::clone(used), None));
            }
        }
        let policies = manifests.into_iter().map(|(manifest, module)| Policy {
            role: role(&manifest.name),
            name: name(&manifest),
            summary: manifest.summary.into_owned(),
            kind: manifest.kind.as_str().to_owned(),
            hit_events: manifest.hit_events == policy::HitEvents::Needed,
            goals: manifest.goals.iter().map(|goal| goal.as_str().to_owned()).collect(),
            paper: manifest.paper.into_owned(),
            parameters: manifest.parameters.iter().map(parameter).collect(),
            module,
        });
        Ok(PolicyList { policies: policies.collect(), policy: deciding, previous_policy: previous })
    }

    fn use_policy(&self, name: &str, reevaluate: Reevaluate, by: Peer) -> Result<Switched, Refusal> {
        let (begin, by) = (self.clock.now(), by.to_string());
        let found = self.engine.find(name, &by)?;
        let status = self.engine.status()?;
        if found.source.is(&status.policy) {
            return Ok(unchanged(status));
        }
        Ok(switched(&self.engine.use_found(found, begin, reevaluate, by)?.0))
    }

    fn release_module(&self, spec: &str) -> Result<(), Refusal> {
        let (library, name) = (self.engine.library(), bare(spec));
        // What is in the file now is what will be used.
        let file = cnn_modules::is_file(name).then(|| std::fs::read(name).ok()).flatten();
        let digest = match file {
            Some(bytes) => Some(Digest::of(&bytes)),
            None => library.get(name).map(|loaded| loaded.code.digest()),
        };
        if let Some(digest) = digest {
            library.ledger().release(digest);
        }
        Ok(())
    }

    fn rollback(&self, reevaluate: Reevaluate, by: Peer) -> Result<Switched, Refusal> {
        Ok(switched(&self.engine.roll_back(reevaluate, by.to_string())?))
    }

    fn history(&self) -> Result<History, Refusal> {
        let now = self.clock.wall();
        let switches = self.engine.history()?;
        let switches = switches.iter().map(|switch| Switch {
            switched: switched(switch),
            at: switch.at.0,
            ago_secs: now.since(switch.at),
            cause: switch.cause.as_str().to_owned(),
            by: switch.by.clone().into_owned(),
            before: effectiveness(switch.before),
            after: effectiveness(switch.after),
        });
        Ok(History { switches: switches.collect() })
    }

    fn modules(&self) -> Result<ModuleList, Refusal> {
        self.module_list()
    }

    fn module(&self, name: &str) -> Result<Module, Refusal> {
        self.module_shown(name)
    }

    fn load_module(&self, path: &Path, name: Option<&str>, by: Peer) -> Result<Module, Refusal> {
        self.module_load(path, name, by)
    }

    fn unload_module(&self, name: &str) -> Result<Module, Refusal> {
        self.module_unload(name)
    }

    fn reload_module(&self, name: &str, reevaluate: Reevaluate, by: Peer) -> Result<ModuleChanged, Refusal> {
        self.module_reload(name, reevaluate, by)
    }

    fn set_module(
        &self,
        name: &str,
        values: &str,
        reevaluate: Reevaluate,
        by: Peer,
    ) -> Result<ModuleChanged, Refusal> {
        self.module_set(name, values, reevaluate, by)
    }

    fn worst(&self, limit: usize) -> Result<Worst, Refusal> {
        let (status, lines) = (self.engine.status()?, self.engine.worst(limit)?);
        let now = self.clock.now();
        let documents = (1..).zip(&lines).map(|(rank, line)| Candidate {
            rank,
            url: self.url_of(line.id),
            bytes: line.document.size,
            uses: line.document.uses,
            idle_secs: idle_secs(line.document.last_used, now),
            ordered_by: name(&line.policy),
            value: line.value,
        });
        Ok(Worst { policy: name(&status.policy), documents: documents.collect() })
    }

    fn filters(&self, role: FilterRole) -> Result<FilterList, Refusal> {
        Ok(filters::list(self, role))
    }

    fn filter(&self, role: FilterRole) -> Result<FilterShown, Refusal> {
        filters::show(self, role)
    }

    fn use_filter(&self, role: FilterRole, spec: &str, by: Peer) -> Result<FilterUsed, Refusal> {
        filters::use_spec(self, role, spec, by)
    }

    fn run_script(&self, script: ScriptAsked<'_>, by: Peer) -> Result<ScriptRun, Refusal> {
        self.scripts.run(script, by)
    }

    fn purge(&self, url: &str) -> Result<Purged, Refusal> {
        let key = key(url)?;
        let bytes = self.repository.variants(&key).iter().map(|stored| stored.charged_bytes()).sum();
        let variants = self.repository.purge(&key) as u64;
        Ok(Purged { url: key, variants, bytes })
    }

    fn explain(&self, url: &str) -> Result<Explanation, Refusal> {
        explain(self, key(url)?)
    }

    fn monitors(&self) -> Result<MonitorList, Refusal> {
        Ok(self.monitor_list())
    }

    fn monitor(&self, name: &str) -> Result<MonitorValues, Refusal> {
        self.monitor_values(name)
    }

    fn attach_monitor(&self, spec: &str, by: Peer) -> Result<MonitorStatus, Refusal> {
        self.monitor_attach(spec, by)
    }

    fn detach_monitor(&self, name: &str) -> Result<MonitorStatus, Refusal> {
        self.monitor_detach(name)
    }
}

impl Live {
    /// The URL of a document, if it is still there.
    pub(super) fn url_of(&self, id: SlotId) -> Option<String> {
        let stored = self.repository.by_slot(id.slot)?;
        (stored.id() == id).then(|| stored.key().to_owned())
    }

    fn status_of(&self, counted: Counted, engine: policy::Status) -> Status {
        let usage = self.repository.usage();
        let Counted { requests, hits, sent_bytes, hit_bytes, bucket_bounds_us, hit_buckets, miss_buckets } =
            counted;
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_us: self.clock.now().0,
            workers: self.workers,
            listen: self.listen.clone(),
            policy: name(&engine.policy),
            admission: self.switching.filters().admission_asked().to_string(),
            freshness: self.switching.filters().freshness_asked().to_string(),
            previous_policy: engine.previous.as_deref().map(name),
            token: engine.token.to_string(),
            pending: engine.pending as u64,
            draining: engine
                .draining
                .iter()
                .map(|order| Draining { policy: name(&order.policy), documents: order.documents as u64 })
                .collect(),
            faults: engine.faults,
            modules: self.engine.library().ledger().records().into_iter().map(ModuleFaults::from).collect(),
            documents: usage.documents,
            bytes: usage.used,
            memory_bytes_max: usage.limit,
            resident_bytes: resident_bytes(),
            evictions: self.repository.board().counts().evictions,
            requests,
            hits,
            hit_ratio: ratio(hits, requests),
            sent_bytes,
            hit_bytes,
            byte_hit_ratio: ratio(hit_bytes, sent_bytes),
            hit_latency: Latency::of(&bucket_bounds_us, &hit_buckets),
            miss_latency: Latency::of(&bucket_bounds_us, &miss_buckets),
        }
    }
}

impl From<Stopped> for Refusal {
    fn from(error: Stopped) -> Self {
        Self::new(Fault::Busy, error.to_string())
    }
}

impl From<UseError> for Refusal {
    fn from(error: UseError) -> Self {
        let fault = match error {
            UseError::Unknown(_) => Fault::NotFound,
            UseError::Refused(SwitchRefused::Busy(_)) | UseError::Stopped(_) => Fault::Busy,
            UseError::Refused(SwitchRefused::NothingBefore) => Fault::Conflict,
            UseError::WasStopped { .. } => Fault::Conflict,
            UseError::Given(_) => Fault::BadRequest,
            UseError::Source(SourceError::Spec(_)) => Fault::BadRequest,
            UseError::Library(ref error) => library_fault(error),
            UseError::Prepare(_) | UseError::Source(_) => Fault::Failed,
        };
        Self::new(fault, error.to_string())
    }
}

/// The key a URL is stored under.
fn key(url: &str) -> Result<String, Refusal> {
    let target = Target::absolute(url.as_bytes(), String::new());
    let target =
        target.map_err(|error| Refusal::argument("url", format!("is no URL of a document: {error}")))?;
    Ok(target.key().to_owned())
}

pub(super) fn name(manifest: &Manifest) -> String {
    manifest.name.clone().into_owned()
}

pub(super) fn idle_secs(last_used: Tick, now: Tick) -> u64 {
    Tick(now.since(last_used)).as_secs()
}

pub(super) fn switched(switch: &policy::Switch) -> Switched {
    Switched {
        token: switch.token.to_string(),
        policy: switch.to.clone().into_owned(),
        previous_policy: (!switch.from.is_empty()).then(|| switch.from.clone().into_owned()),
        carried: switch.carried as u64,
        reevaluated: switch.reevaluated as u64,
        pending: switch.pending as u64,
        prepare_us: switch.prepare_us,
        handover_us: switch.handover_us,
        unchanged: false,
    }
}

/// What is said when the policy asked for decides already: a second instance of it would know less, and there would be
/// no way back to the policy before.
fn unchanged(status: policy::Status) -> Switched {
    Switched {
        token: status.token.to_string(),
        policy: name(&status.policy),
        previous_policy: status.previous.as_deref().map(name),
        pending: status.pending as u64,
        unchanged: true,
        ..Switched::default()
    }
}

pub(super) fn parameter(parameter: &policy::Parameter) -> Parameter {
    let policy::Parameter { name, summary, default, min, max, .. } = parameter;
    let (name, summary) = (name.clone().into_owned(), summary.clone().into_owned());
    Parameter { name, summary, default: *default, min: *min, max: *max }
}

fn effectiveness(traffic: policy::Traffic) -> Effectiveness {
    Effectiveness {
        requests: traffic.requests,
        hit_ratio: traffic.hit_ratio(),
        byte_hit_ratio: traffic.byte_hit_ratio(),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Memory of this process as the kernel counts it; 0 where it does not tell.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok()).unwrap_or(0);
    pages.saturating_mul(rustix::param::page_size() as u64)
}
