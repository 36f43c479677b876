//! Running a reproducer, and what is then said: whether the same happened, and where, as a compiler would show it.

use std::fmt;
use std::path::Path;

use cnn_core::policy::Spec;
use cnn_core::time::Tick;
use thiserror::Error;

use super::Reproducer;
use crate::fault::{Fault, FaultKind};
use crate::wasm::reproduce::{Outcome, again};
use crate::wasm::verify::{Rejected, verify};
use crate::{Digest, Host, InstantiateError, LoadError, Metering, Script, ScriptError};

/// Why a reproducer cannot be run.
#[derive(Debug, Error)]
pub enum ReproduceError {
    /// It has neither a module nor a script, or no inputs.
    #[error("the file lacks {0}")]
    Lacks(&'static str),
    /// The module in it is not the one it names.
    #[error("the module in the file has the digest {found}, and the file names {named}")]
    OtherModule {
        /// Of the module.
        found: Digest,
        /// In the file.
        named: String,
    },
    /// The module is no module of ours any more.
    #[error("the module in the file is refused: {0}")]
    Rejected(#[from] Rejected),
    /// It cannot be compiled.
    #[error("the module in the file {0}")]
    Load(#[from] LoadError),
    /// It cannot be put to work.
    #[error("the module in the file {0}")]
    Instantiate(#[from] InstantiateError),
    /// The script is wrong.
    #[error("the script in the file is refused: {0}")]
    Script(#[from] ScriptError),
}

/// What came of running a reproducer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reproduction {
    /// Whether the same fault happened.
    pub is_same: bool,
    /// The fault that happened, if one did.
    pub happened: Option<Fault>,
    /// Where, the innermost function first; empty for scripts and for faults that are answers.
    pub frames: Vec<Frame>,
    /// For scripts: file, line, column and the line itself.
    pub place: Option<String>,
    /// Calls made, the last of which is the one that failed.
    pub calls: u64,
    /// Earlier calls that failed as well.
    pub earlier_faults: u64,
}

/// A function that was running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number in the module.
    pub index: u32,
    /// Its name, where the module has names, or what it is exported as.
    pub name: Option<String>,
    /// Where in the file it was, in bytes.
    pub offset: Option<usize>,
    /// The instruction there, as WebAssembly text.
    pub instruction: Option<String>,
}

impl Reproducer {
    /// Does it again, with counted instructions so that the answer is the same on any machine.
    ///
    /// # Errors
    /// When the file does not have what it takes, or this program does not take the module.
    pub fn run(&self) -> Result<Reproduction, ReproduceError> {
        match (&self.wasm, &self.script) {
            (Some(bytes), _) => self.run_wasm(bytes),
            (None, Some(text)) => self.run_script(text),
            (None, None) => Err(ReproduceError::Lacks("the module")),
        }
    }

    fn run_wasm(&self, bytes: &[u8]) -> Result<Reproduction, ReproduceError> {
        self.check_digest(bytes)?;
        let journal = self.calls.as_deref().ok_or(ReproduceError::Lacks("the calls"))?;
        let host = Host::new(Metering::Traced, None)?;
        let wasm = host.load(verify(bytes)?)?;
        let values: Vec<_> = self.settings.iter().map(|(_, value)| *value).collect();
        let guest = wasm.guest(&values, self.capacity, self.slots_max)?;
        let done = again(guest, bytes, journal, self.refused())?;
        let Outcome { fault, frames, calls, earlier_faults } = done;
        Ok(Reproduction {
            is_same: fault.as_ref().is_some_and(|fault| self.is_recorded(fault)),
            happened: fault,
            frames,
            place: None,
            calls,
            earlier_faults,
        })
    }

    fn run_script(&self, text: &str) -> Result<Reproduction, ReproduceError> {
        self.check_digest(text.as_bytes())?;
        let asked = self.asked.ok_or(ReproduceError::Lacks("the document"))?;
        let path = self.path.file_name().map_or(self.path.as_path(), Path::new);
        let script = Script::compile(path, text)?;
        let written: Vec<_> = self.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let spec = format!("script({})", written.join(","));
        let settings = Spec::parse(&spec).and_then(|spec| spec.settings(&script.manifest().parameters));
        let settings = settings.map_err(|_| ReproduceError::Lacks("the numbers it was given"))?;
        let (document, now) = (asked.document(), Tick(asked.now_us));
        let (fault, place) = match script.value_of(&settings, document, now, asked.aging) {
            Ok(value) if value.is_finite() => (None, None),
            Ok(value) => (Some(Fault::not_finite("", value)), None),
            Err(error) => {
                let fault = Fault::new(FaultKind::Script, "", error.message());
                (Some(fault), Some(error.to_string()))
            }
        };
        Ok(Reproduction {
            is_same: fault.as_ref().is_some_and(|fault| self.is_recorded(fault)),
            happened: fault,
            frames: Vec::new(),
            place,
            calls: 1,
            earlier_faults: 0,
        })
    }

    /// The victim that was not believed, if that was the fault.
    fn refused(&self) -> Option<Fault> {
        let kind = FaultKind::parse(&self.fault.kind)?;
        let is_about_a_victim = kind == FaultKind::NoVictim || self.fault.slot.is_some();
        is_about_a_victim
            .then(|| Fault { slot: self.fault.slot, ..Fault::new(kind, "victims", self.fault.why.as_str()) })
    }

    fn check_digest(&self, bytes: &[u8]) -> Result<(), ReproduceError> {
        let found = Digest::of(bytes);
        match found.to_string() == self.sha256 {
            true => Ok(()),
            false => Err(ReproduceError::OtherModule { found, named: self.sha256.clone() }),
        }
    }

    /// Of the same kind in the same function; what is said of it may differ, as time and counted instructions do.
    fn is_recorded(&self, fault: &Fault) -> bool {
        fault.kind.as_str() == self.fault.kind && fault.function == self.fault.function
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (function {})", self.index)?,
            None => write!(f, "function {}", self.index)?,
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset:#x}")?;
        }
        match &self.instruction {
            Some(instruction) => write!(f, ": {instruction}"),
            None => Ok(()),
        }
    }
}
