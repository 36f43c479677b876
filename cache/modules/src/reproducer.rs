//! A file from which a fault can be done again, far from the cache in which it happened: the module itself, what it was
//! prepared with, and what it was called with. JSON, so that it can be looked at; bytes are in base64.

mod base64;
mod folder;
mod report;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cnn_abi::ABI_VERSION;
use cnn_core::policy::{Document, Mime, Settings};
use cnn_core::time::Tick;
use serde::{Deserialize, Serialize};

use crate::Code;
use crate::fault::{Fault, FaultKind};
use crate::limits::REPRODUCER_BYTES_MAX;

pub use self::folder::Reproducers;
pub use self::report::{Frame, ReproduceError, Reproduction};

/// The version of the form of the file.
const FORM: u32 = 1;

/// A module in the place where it was put to work.
#[derive(Clone)]
pub struct Subject {
    /// What it is known as here.
    pub name: String,
    /// Where it came from.
    pub path: PathBuf,
    /// What it is.
    pub code: Arc<Code>,
    /// The numbers it was given.
    pub settings: Settings,
    /// Bytes of the cache it was made for; 0 where that does not matter.
    pub capacity: u64,
    /// Slots of that cache.
    pub slots_max: usize,
}

/// What a module was called with when it failed.
#[derive(Clone, Debug)]
pub(crate) enum Inputs {
    /// All calls of an instance, or the last ones.
    Calls {
        /// See [`crate::journal`].
        journal: Vec<u8>,
        /// Whether the first is the first of the instance.
        is_whole: bool,
    },
    /// The document a script was asked about.
    Document(Asked),
}

/// A document at a moment, and the clock of aging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) now_us: u64,
    pub(crate) aging: f64,
    hash: u64,
    size: u64,
    created_us: u64,
    last_used_us: u64,
    fresh_until_us: u64,
    uses: u32,
    ttfb_us: u32,
    fetch_us: u32,
    origin: u32,
    path_class: u16,
    status: u16,
    mime: u8,
}

impl Asked {
    pub(crate) fn new(document: &Document, now: Tick, aging: f64) -> Self {
        Self {
            now_us: now.0,
            aging,
            hash: document.hash,
            size: document.size,
            created_us: document.created.0,
            last_used_us: document.last_used.0,
            fresh_until_us: document.fresh_until.0,
            uses: document.uses,
            ttfb_us: document.ttfb_us,
            fetch_us: document.fetch_us,
            origin: document.origin,
            path_class: document.path_class,
            status: document.status,
            mime: document.mime as u8,
        }
    }

    pub(crate) fn document(&self) -> Document {
        Document {
            hash: self.hash,
            size: self.size,
            created: Tick(self.created_us),
            last_used: Tick(self.last_used_us),
            fresh_until: Tick(self.fresh_until_us),
            uses: self.uses,
            ttfb_us: self.ttfb_us,
            fetch_us: self.fetch_us,
            origin: self.origin,
            path_class: self.path_class,
            status: self.status,
            mime: Mime::from_u8(self.mime),
        }
    }
}

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reproducer {
    /// Version of the form.
    cnn_reproducer: u32,
    /// The program that wrote it.
    version: String,
    /// The contract that the program knew.
    abi: u32,
    /// The module's name.
    module: String,
    /// Where it was loaded from.
    path: PathBuf,
    /// The SHA-256 of its file.
    sha256: String,
    /// Its parameters.
    settings: Vec<(String, f64)>,
    /// Bytes of the cache it was made for.
    capacity: u64,
    /// Slots of the cache it was made for.
    slots_max: usize,
    /// What it did wrong.
    fault: Recorded,
    /// Its file, when it is wasm.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64::optional")]
    wasm: Option<Vec<u8>>,
    /// Its text, when it is a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    /// What a script was asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Asked>,
    /// Whether the calls begin with the instance's first.
    is_whole: bool,
    /// The calls of a wasm instance, the last of which failed.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64::optional")]
    calls: Option<Vec<u8>>,
}

/// A fault as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Recorded {
    kind: String,
    function: String,
    why: String,
    slot: Option<u32>,
}

impl Reproducer {
    pub(crate) fn new(subject: &Subject, fault: &Fault, inputs: Inputs) -> Self {
        let (wasm, script) = match &*subject.code {
            Code::Wasm(module) => (Some(module.verified().bytes().to_vec()), None),
            Code::Script(script) => (None, Some(script.text().to_owned())),
        };
        let settings = subject.settings.values().map(|(name, value)| (name.to_owned(), value));
        let (calls, is_whole, asked) = match inputs {
            Inputs::Calls { journal, is_whole } => (Some(journal), is_whole, None),
            Inputs::Document(asked) => (None, true, Some(asked)),
        };
        Self {
            cnn_reproducer: FORM,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            abi: ABI_VERSION,
            module: subject.name.clone(),
            path: subject.path.clone(),
            sha256: subject.code.digest().to_string(),
            settings: settings.collect(),
            capacity: subject.capacity,
            slots_max: subject.slots_max,
            fault: Recorded {
                kind: fault.kind.as_str().to_owned(),
                function: fault.function.to_owned(),
                why: fault.why.clone(),
                slot: fault.slot,
            },
            wasm,
            script,
            asked,
            is_whole,
            calls,
        }
    }

    /// Reads a file that was saved.
    ///
    /// # Errors
    /// When it cannot be read, or is not one.
    pub fn read(path: &Path) -> io::Result<Self> {
        let bad = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut bytes = Vec::new();
        File::open(path)?.take(REPRODUCER_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > REPRODUCER_BYTES_MAX {
            return Err(bad(format!("larger than a reproducer can be ({REPRODUCER_BYTES_MAX} bytes)")));
        }
        let read: Self =
            serde_json::from_slice(&bytes).map_err(|error| bad(format!("not a reproducer: {error}")))?;
        match read.cnn_reproducer {
            FORM => Ok(read),
            other => Err(bad(format!("a reproducer of form {other}; this program knows {FORM}"))),
        }
    }

    /// The module's name.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// Where it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SHA-256 of its file, in hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What was recorded: the kind of the fault, and what was wrong.
    pub fn recorded(&self) -> (Option<FaultKind>, String) {
        let Recorded { kind, function, why, .. } = &self.fault;
        let function = if function.is_empty() { String::new() } else { format!("{function}: ") };
        (FaultKind::parse(kind), format!("{function}{why}"))
    }

    /// Whether the calls begin with the first of the instance.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }
}
