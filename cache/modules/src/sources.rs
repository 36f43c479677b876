//! From what an operator writes to a policy that can be prepared: the name of a built-in policy, the path of a module or
//! the path of a script, each with parameters: `gdsf`, `s3-fifo(small=0.2)`, `policies/mine.wasm(rounds=3)`,
//! `scripts/replacement/hyperbolic.rhai`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cnn_core::policy::{Choice, Manifest, PrepareError, Prepared, Settings, Spec, SpecError};
use thiserror::Error;

use crate::limits::MODULE_BYTES_MAX;
use crate::{Health, Host, LoadError, Rejected, Script, ScriptError, Wasm, verify};

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
    /// The script is wrong.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

/// A policy that can be prepared as often as there are caches for it.
#[derive(Clone)]
pub struct Source {
    name: String,
    form: Form,
}

/// What a policy is made of.
#[derive(Clone)]
enum Form {
    Native(Box<Choice>),
    Wasm(Wasm, Settings),
    Script(Script),
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
            return Ok(Source { name, form: Form::Native(Box::new(cnn_policies::choose(spec)?)) });
        }
        let path = Path::new(parsed.name);
        let form = match path.extension().and_then(|ending| ending.to_str()) {
            Some("wasm") => {
                let wasm = self.open(path)?;
                let settings = parsed.settings(&wasm.verified().manifest().policy.parameters)?;
                Form::Wasm(wasm, settings)
            }
            Some("rhai") => {
                let script = open_script(path)?;
                parsed.settings(&script.manifest().policy.parameters)?;
                Form::Script(script)
            }
            _ => return Err(SourceError::Ending(path.to_owned())),
        };
        Ok(Source { name, form })
    }

    /// Reads, verifies and compiles the module of a file.
    ///
    /// # Errors
    /// When it cannot be read, is no module of ours, or cannot be compiled.
    pub fn open(&self, path: &Path) -> Result<Wasm, SourceError> {
        let bytes = read(path)?;
        let verified =
            verify(&bytes).map_err(|error| SourceError::Rejected { path: path.to_owned(), error })?;
        self.load(verified).map_err(|error| SourceError::Load { path: path.to_owned(), error })
    }
}

/// Reads, compiles and tries the script of a file.
///
/// # Errors
/// When it cannot be read, or is wrong.
pub fn open_script(path: &Path) -> Result<Script, SourceError> {
    let bytes = read(path)?;
    let text = String::from_utf8(bytes).map_err(|error| SourceError::Io {
        path: path.to_owned(),
        error: io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()),
    })?;
    Ok(Script::compile(path, &text)?)
}

impl Source {
    /// The policy as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the policy says of itself; its name is the one a module declares.
    pub fn manifest(&self) -> Manifest {
        match &self.form {
            Form::Native(choice) => choice.manifest(),
            Form::Wasm(wasm, _) => wasm.verified().manifest().policy.clone(),
            Form::Script(script) => script.manifest().policy.clone(),
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
        let built = match &self.form {
            Form::Native(choice) => return Ok((Prepared::chosen(choice, capacity, slots_max)?, None)),
            Form::Wasm(wasm, settings) => wasm
                .build(settings, capacity, slots_max)
                .map_err(|error| PrepareError::Module { name: self.name.clone(), why: error.to_string() })?,
            Form::Script(script) => script.build(),
        };
        Ok((Prepared::from_parts(built.manifest, built.replacement, slots_max)?, Some(built.health)))
    }
}

/// Whether a word is the path of a file, and not the name of a policy, which has neither a `/` nor an ending, whatever
/// its parameters have.
pub fn is_file(spec: &str) -> bool {
    let name = spec.split('(').next().unwrap_or_default();
    name.contains('/') || Path::new(name).extension().is_some()
}

/// Reads no more than a module may have, and a byte that tells that there is more.
fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let opened =
        File::open(path).and_then(|file| file.take(MODULE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    opened.map_err(|error| SourceError::Io { path: path.to_owned(), error })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Metering;

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
