//! From what an operator writes to a policy that can be prepared: the name of a built-in policy, the path of a module or
//! the path of a script, each with parameters: `gdsf`, `s3-fifo(small=0.2)`, `policies/mine.wasm(rounds=3)`,
//! `scripts/replacement/hyperbolic.rhai`.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cnn_core::policy::{Choice, Manifest, PrepareError, Prepared, Settings, Spec, SpecError};
use thiserror::Error;

use crate::library::{Instance, Instances, Loaded};
use crate::{
    Code, Digest, Execution, Health, Host, Inherited, InstantiateError, LoadError, Rejected, Role,
    ScriptError, Subject,
};

/// Why there is no policy of this spec.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It is not written as a policy is, names none, or gives it what it does not take.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The file cannot be read.
    #[error("{path}: {error}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The file is neither a module nor a script.
    #[error("{path}: expected a file that ends in .wasm or .rhai", path = .0.display())]
    Ending(PathBuf),
    /// It is no module of ours.
    #[error("{path}: {error}", path = .path.display())]
    Rejected {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: Rejected,
    },
    /// It cannot be compiled.
    #[error("{path}: {error}", path = .path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: LoadError,
    },
    /// There is no compiler for modules on this machine.
    #[error(transparent)]
    Host(#[from] LoadError),
    /// It decides something else.
    #[error("{name} is of role {role}; expected {expected}", role = .role.as_str(), expected = .expected.as_str())]
    Role {
        /// The module.
        name: String,
        /// What it decides.
        role: Role,
        /// What was asked for.
        expected: Role,
    },
    /// There is no such monitor.
    #[error("no monitor is called {0:?}; expected a module that is loaded, a file that ends in .wasm or .rhai, or one of {known}", known = known_monitors())]
    NoMonitor(String),
    /// It cannot be put to work.
    #[error("{name}: {error}")]
    Instantiate {
        /// The module.
        name: String,
        /// Why.
        #[source]
        error: InstantiateError,
    },
    /// The script is wrong.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

fn known_monitors() -> String {
    cnn_policies::monitors().iter().map(|it| it.name).collect::<Vec<_>>().join(", ")
}

/// A policy that can be prepared as often as there are caches for it.
#[derive(Clone)]
pub struct Source {
    name: String,
    manifest: Manifest,
    form: Form,
    /// The file of a module.
    path: PathBuf,
    /// Who is to know of its instances.
    counted_by: Option<Arc<Instances>>,
}

/// What a policy is made of.
#[derive(Clone)]
enum Form {
    Native(Box<Choice>),
    Module(Arc<Code>, Settings),
}

impl Host {
    /// The policy of this spec: a name of the registry, or a file.
    ///
    /// # Errors
    /// When there is none, or the file is not one.
    pub fn source(&self, spec: &str) -> Result<Source, SourceError> {
        let parsed = Spec::parse(spec)?;
        let name = parsed.to_string();
        if !is_file(parsed.name) {
            return Ok(Source::native(cnn_policies::choose(spec)?));
        }
        let code = self.code(Path::new(parsed.name))?;
        let settings = parsed.settings(&code.manifest().parameters)?;
        Source::of(name, Arc::new(code), settings)
    }
}

impl Source {
    /// The policy a module is, with these numbers for its parameters.
    ///
    /// # Errors
    /// When the module is no replacement policy.
    pub fn of(name: String, code: Arc<Code>, settings: Settings) -> Result<Self, SourceError> {
        let role = code.manifest().role;
        match code.manifest().policy() {
            Some(manifest) => {
                let path = name.split('(').next().unwrap_or_default().into();
                Ok(Self { name, manifest, form: Form::Module(code, settings), path, counted_by: None })
            }
            None => Err(SourceError::Role { name, role, expected: Role::Replacement }),
        }
    }

    /// A policy that is built in.
    pub fn native(choice: Choice) -> Self {
        let manifest = choice.manifest();
        Self {
            name: manifest.name.to_string(),
            manifest,
            form: Form::Native(Box::new(choice)),
            path: PathBuf::new(),
            counted_by: None,
        }
    }

    /// Whether this is the policy that says so of itself: of a module, an instance of the same file with the same
    /// numbers.
    pub fn is(&self, manifest: &Arc<Manifest>) -> bool {
        let (Some(instances), Form::Module(code, settings)) = (&self.counted_by, &self.form) else {
            return self.manifest == **manifest;
        };
        let is_it = |instance: &Instance| {
            let is_same = instance.manifest.as_ref().is_some_and(|it| Arc::ptr_eq(it, manifest));
            is_same && instance.digest == code.digest() && instance.settings == *settings
        };
        instances.live().iter().any(is_it)
    }

    /// The policy of a loaded module: under the name it goes by, and with the library knowing of its instances.
    pub(crate) fn of_library(self, loaded: &Loaded) -> Self {
        let manifest = Manifest { name: Cow::Owned(self.name.clone()), ..self.manifest };
        let (path, instances) = (loaded.path.clone(), Arc::clone(&loaded.instances));
        Self { manifest, path, counted_by: Some(instances), ..self }
    }

    /// The policy as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the policy says of itself; its name is the one a module declares.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The module with what an instance of it is made for; nothing for a built-in policy.
    pub fn subject(&self, capacity: u64, slots_max: usize) -> Option<Subject> {
        let Form::Module(code, settings) = &self.form else { return None };
        Some(Subject {
            name: self.manifest.name.clone().into_owned(),
            path: self.path.clone(),
            code: Arc::clone(code),
            settings: settings.clone(),
            capacity,
            slots_max,
        })
    }

    /// The digest of a module's file; nothing for a built-in policy.
    pub fn digest(&self) -> Option<Digest> {
        match &self.form {
            Form::Native(_) => None,
            Form::Module(code, _) => Some(code.digest()),
        }
    }

    /// How it is run, if it is a script.
    pub fn execution(&self) -> Option<Execution> {
        match &self.form {
            Form::Native(_) => None,
            Form::Module(code, settings) => code.execution_with(settings),
        }
    }

    /// An instance for a cache of `capacity` bytes and slots below `slots_max`, and for a module what it does.
    ///
    /// # Errors
    /// When the module cannot be instantiated, or is not what it says of itself.
    pub fn prepare(
        &self,
        capacity: u64,
        slots_max: usize,
    ) -> Result<(Prepared, Option<Arc<Health>>), PrepareError> {
        let (prepared, health, _) = self.succeed(capacity, slots_max, None)?;
        Ok((prepared, health))
    }

    /// The same, beginning with what another instance has learned ([`cnn_core::policy::Executor::deciding_state`]), if
    /// it takes that.
    ///
    /// # Errors
    /// As for [`Source::prepare`]; that it does not take the state is none.
    pub fn succeed(
        &self,
        capacity: u64,
        slots_max: usize,
        state: Option<&[u8]>,
    ) -> Result<(Prepared, Option<Arc<Health>>, Inherited), PrepareError> {
        let (code, settings) = match &self.form {
            Form::Native(choice) => {
                return Ok((Prepared::chosen(choice, capacity, slots_max)?, None, Inherited::Nothing));
            }
            Form::Module(code, settings) => (code, settings),
        };
        let (built, inherited) = code
            .succeed(settings, capacity, slots_max, state)
            .map_err(|error| PrepareError::Module { name: self.name.clone(), why: error.to_string() })?;
        let prepared = Prepared::from_parts(self.manifest.clone(), built.replacement, slots_max)?;
        if let Some(instances) = &self.counted_by {
            instances.note(Some(prepared.manifest()), &built.health, code.digest(), settings);
        }
        Ok((prepared, Some(built.health), inherited))
    }
}

/// Whether a word is the path of a file, and not the name of a policy, which has neither a `/` nor an ending, whatever
/// its parameters have.
pub fn is_file(spec: &str) -> bool {
    let name = spec.split('(').next().unwrap_or_default();
    name.contains('/') || Path::new(name).extension().is_some()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Metering;
    use crate::limits::MODULE_BYTES_MAX;

    #[track_caller]
    fn check(spec: &str, expected: &str) {
        let host = Host::new(Metering::Fuel, None).unwrap();
        let said = match host.source(spec) {
            Ok(source) => {
                let (prepared, health) =
                    source.prepare(1 << 20, 4096).map_err(|error| error.to_string()).unwrap();
                assert_eq!(prepared.manifest().name, source.manifest().name);
                format!("{} {}", source.manifest().name, if health.is_some() { "module" } else { "native" })
            }
            Err(error) => error.to_string(),
        };
        assert!(said.contains(expected), "{spec}: {said}");
    }

    #[test]
    fn a_spec_is_a_name_or_a_file() {
        check("gdsf", "gdsf native");
        check("no-such", "no policy is called \"no-such\"");
        let guests = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/guests/wasm");
        check(&format!("{guests}/sieve.wasm"), "wasm-sieve module");
        check(&format!("{guests}/sieve.wasm(x=1)"), "has no parameter \"x\"");
        check(&format!("{guests}/none.wasm"), "none.wasm: No such file");
        check(&format!("{guests}/MANIFEST"), "expected a file that ends in .wasm or .rhai");
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/replacement");
        check(&format!("{scripts}/gdsf.rhai"), "gdsf module");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path.display().to_string()
        };
        check(&file("a.wasm", b"hello"), "a.wasm: not a WebAssembly module");
        check(&file("big.wasm", &vec![0; MODULE_BYTES_MAX + 9]), "more than a module may have");
        check(&file("a.rhai", b"1 +"), "a.rhai:1:");
        check(&file("b.rhai", b"\xff"), "b.rhai: ");
    }
}
