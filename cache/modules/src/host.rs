//! From a verified module to instances: compiled once, found again in memory or on disk, instantiated as often as it is
//! wanted.
//!
//! Compiling takes a millisecond or two per KiB and is done by whoever calls, one at a time: callers are the threads of
//! commands and of replays, never one that serves.

use std::sync::{Arc, Mutex, PoisonError};

use cnn_core::monitor::{Metrics, Monitor};
use cnn_core::policy::{Kind, Manifest, Replacement, Settings};
use moka::sync::Cache;
use thiserror::Error;
use wasmtime::{InstancePre, Linker, Module};

use crate::limits::{COMPILED_BYTES_MAX, FILTER_FUEL_MAX};
use crate::script::Compiler;
use crate::wasm::guest::{Guest, Held, InstantiateError, Prepare};
use crate::wasm::{self, Engines, Hooks, Key, Publisher, Score, Watcher};
use crate::{CodeCache, Digest, Health, Replacing, Role, Verified};

/// How calls of modules are bounded, and when scripts are compiled: by time and beside the calls, or by count and before
/// the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metering {
    /// By time: for a proxy.
    Deadline,
    /// By the number of instructions: for replays, which must give the same answer on any machine.
    Fuel,
    /// The same, and a trap tells where it happened, which takes time: for looking at a fault.
    Traced,
}

/// Where the compiled code of a module came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was compiled now.
    Compiled,
    /// It was in memory.
    Memory,
    /// It was on disk.
    Disk,
}

/// Why a verified module cannot be loaded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoadError {
    /// The compiler refuses it.
    #[error("cannot be compiled: {0}")]
    Compile(String),
}

/// The host.
pub struct Host {
    engines: Arc<Engines>,
    fingerprint: [u8; 32],
    compiled: Cache<Digest, Compiled>,
    code: Option<CodeCache>,
    /// Held while compiling, so that one module is compiled at a time.
    compiling: Mutex<()>,
    scripts: Compiler,
}

/// A compiled module.
#[derive(Clone)]
struct Compiled {
    pre: InstancePre<Held>,
    bytes: u32,
}

/// A module, ready to be instantiated.
#[derive(Clone)]
pub struct Wasm {
    verified: Arc<Verified>,
    pre: InstancePre<Held>,
    engines: Arc<Engines>,
    origin: Origin,
    code_bytes: u32,
}

/// What became of the state that an instance was to begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inherited {
    /// There was none.
    #[default]
    Nothing,
    /// It begins with it.
    Taken,
    /// It begins without, for this reason.
    Refused(String),
}

/// A policy made of a module.
pub struct Built {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What the engine asks.
    pub replacement: Replacement,
    /// What it has done so far.
    pub health: Arc<Health>,
}

impl Host {
    /// A host that keeps compiled code in this directory, if any is given.
    ///
    /// # Errors
    /// When the compiler does not support this machine.
    pub fn new(metering: Metering, code: Option<CodeCache>) -> Result<Self, LoadError> {
        let engines = Engines::new(metering).map_err(|error| LoadError::Compile(error.to_string()))?;
        let compiled = Cache::builder()
            .max_capacity(COMPILED_BYTES_MAX)
            .weigher(|_, compiled: &Compiled| compiled.bytes)
            .build();
        let fingerprint = engines.fingerprint();
        let scripts = match metering {
            Metering::Deadline => Compiler::behind(),
            Metering::Fuel | Metering::Traced => Compiler::Now,
        };
        let (engines, compiling) = (Arc::new(engines), Mutex::new(()));
        Ok(Self { engines, fingerprint, compiled, code, compiling, scripts })
    }

    /// The same host, but its scripts stay interpreted: to compare the two.
    pub fn interpreting(self) -> Self {
        Self { scripts: Compiler::Never, ..self }
    }

    /// Who compiles the scripts of this host.
    pub(crate) const fn scripts(&self) -> &Compiler {
        &self.scripts
    }

    /// Makes a module ready: from memory, from disk, or by compiling it.
    ///
    /// # Errors
    /// When it cannot be compiled.
    pub fn load(&self, verified: Verified) -> Result<Wasm, LoadError> {
        let digest = verified.digest();
        let (compiled, origin) = match self.compiled.get(&digest) {
            Some(compiled) => (compiled, Origin::Memory),
            None => {
                let _one = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
                match self.compiled.get(&digest) {
                    Some(compiled) => (compiled, Origin::Memory),
                    None => self.fetch_or_compile(&verified)?,
                }
            }
        };
        Ok(Wasm {
            verified: Arc::new(verified),
            pre: compiled.pre,
            engines: Arc::clone(&self.engines),
            origin,
            code_bytes: compiled.bytes,
        })
    }

    fn fetch_or_compile(&self, verified: &Verified) -> Result<(Compiled, Origin), LoadError> {
        let failed = |error: wasmtime::Error| LoadError::Compile(error.to_string());
        let engine = &self.engines.engine;
        let digest = verified.digest();
        let on_disk = self.code.as_ref().and_then(|cache| cache.read(digest, &self.fingerprint));
        let (module, origin) = match on_disk.and_then(|code| wasm::load(engine, &code)) {
            Some(module) => (module, Origin::Disk),
            None => {
                let module = Module::from_binary(engine, verified.bytes()).map_err(failed)?;
                if let (Some(cache), Ok(code)) = (&self.code, module.serialize()) {
                    // A full disk costs the next start a compilation.
                    let _ = cache.write(digest, &self.fingerprint, &code);
                }
                (module, Origin::Compiled)
            }
        };
        let image = module.image_range();
        let bytes = (image.end as usize).saturating_sub(image.start as usize);
        let mut linker = Linker::new(engine);
        if verified.manifest().role == Role::Monitor {
            wasm::link_publishing(&mut linker).map_err(failed)?;
        }
        let pre = linker.instantiate_pre(&module).map_err(failed)?;
        let compiled = Compiled { pre, bytes: u32::try_from(bytes).unwrap_or(u32::MAX) };
        self.compiled.insert(digest, compiled.clone());
        Ok((compiled, origin))
    }
}

impl Wasm {
    /// The file it is made of.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Where its code came from.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Bytes of machine code and what belongs to it.
    pub const fn code_bytes(&self) -> u32 {
        self.code_bytes
    }

    /// An instance without a policy around it.
    pub(crate) fn guest(
        &self,
        settings: &[f64],
        capacity: u64,
        slots_max: usize,
    ) -> Result<Guest, InstantiateError> {
        let prepare = Prepare { settings, capacity, slots_max };
        Guest::new(&self.pre, Held::new(wasm::limits(slots_max)), self.engines.meter(), &prepare)
    }

    /// A new instance for a cache of `capacity` bytes and slots below `slots_max`.
    ///
    /// # Errors
    /// When the module is no replacement policy, wants more than it may have, or does not do what its kind must.
    pub fn build(
        &self,
        settings: &Settings,
        capacity: u64,
        slots_max: usize,
    ) -> Result<Built, InstantiateError> {
        Ok(self.succeed(settings, capacity, slots_max, None)?.0)
    }

    /// The same, beginning with what another instance has learned, if it takes that.
    ///
    /// # Errors
    /// As for [`Wasm::build`]; that it does not take the state is none.
    pub fn succeed(
        &self,
        settings: &Settings,
        capacity: u64,
        slots_max: usize,
        state: Option<&[u8]>,
    ) -> Result<(Built, Inherited), InstantiateError> {
        let said = self.verified.manifest();
        let (Some(manifest), Some(Replacing { event_time, .. })) = (said.policy(), said.replacement) else {
            return Err(InstantiateError::OtherRole { role: said.role, expected: Role::Replacement });
        };
        let values: Vec<_> = settings.values().map(|(_, value)| value).collect();
        let mut guest = self.guest(&values, capacity, slots_max)?;
        let inherited = match state.map(|state| guest.import_state(state)) {
            None => Inherited::Nothing,
            Some(Ok(true)) => Inherited::Taken,
            // Whatever it did with it is thrown away.
            Some(refused) => {
                guest = self.guest(&values, capacity, slots_max)?;
                Inherited::Refused(
                    refused.err().map_or_else(|| "it does not take it".to_owned(), |it| it.to_string()),
                )
            }
        };
        let health = Arc::clone(guest.health());
        let replacement = match manifest.kind {
            Kind::Hooks => Replacement::Hooks(Box::new(Hooks::new(guest, event_time)?)),
            Kind::Key => Replacement::Key(Box::new(Key::new(guest)?)),
            Kind::Score => Replacement::Score(Box::new(Score::new(guest, event_time)?)),
        };
        Ok((Built { manifest, replacement, health }, inherited))
    }

    /// A new instance of an admission policy before a cache of `capacity` bytes.
    ///
    /// # Errors
    /// When the module is none, wants more than it may have, or does not do what one must.
    pub(crate) fn admit(
        &self,
        settings: &Settings,
        capacity: u64,
    ) -> Result<wasm::Admitting, InstantiateError> {
        wasm::Admitting::new(self.filter(Role::Admission, settings, capacity)?)
    }

    /// A new instance of freshness rules.
    ///
    /// # Errors
    /// When the module is none, wants more than it may have, or does not do what one must.
    pub(crate) fn rule(&self, settings: &Settings) -> Result<wasm::Ruling, InstantiateError> {
        wasm::Ruling::new(self.filter(Role::Freshness, settings, 0)?)
    }

    /// An instance of a filter: prepared with the time of any module, then asked within less.
    fn filter(&self, expected: Role, settings: &Settings, capacity: u64) -> Result<Guest, InstantiateError> {
        let role = self.verified.manifest().role;
        if role != expected {
            return Err(InstantiateError::OtherRole { role, expected });
        }
        let values: Vec<_> = settings.values().map(|(_, value)| value).collect();
        let mut guest = self.guest(&values, capacity, 0)?;
        guest.hurry(FILTER_FUEL_MAX);
        Ok(guest)
    }

    /// A new instance of a monitor.
    ///
    /// # Errors
    /// When the module is none, wants more than it may have, or does not do what one must.
    pub fn watch(&self, settings: &Settings) -> Result<(Box<dyn Monitor>, Arc<Health>), InstantiateError> {
        let said = self.verified.manifest();
        if said.role != Role::Monitor {
            return Err(InstantiateError::OtherRole { role: said.role, expected: Role::Monitor });
        }
        let publisher = Publisher::new(Metrics::new(said.metrics.clone()));
        let held = Held::publishing(wasm::limits(0), publisher);
        let values: Vec<_> = settings.values().map(|(_, value)| value).collect();
        let prepare = Prepare { settings: &values, capacity: 0, slots_max: 0 };
        let guest = Guest::new(&self.pre, held, self.engines.meter(), &prepare)?;
        let health = Arc::clone(guest.health());
        Ok((Box::new(Watcher::new(guest)?), health))
    }
}
