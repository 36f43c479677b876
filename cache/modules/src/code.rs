//! A module made ready: read, verified and compiled, whatever it decides and whatever it is written in, but not yet an
//! instance of anything.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use cnn_core::policy::Settings;

use crate::limits::{MODULE_BYTES_MAX, TEXT_CHARS_MAX};
use crate::{
    Built, Digest, Execution, Host, Inherited, InstantiateError, ModuleManifest, Script, SourceError, Wasm,
    verify,
};

/// A module made ready.
#[derive(Clone)]
pub enum Code {
    /// Of WebAssembly.
    Wasm(Box<Wasm>),
    /// Of rhai.
    Script(Box<Script>),
}

impl Code {
    /// What it says of itself.
    pub fn manifest(&self) -> &ModuleManifest {
        match self {
            Self::Wasm(wasm) => wasm.verified().manifest(),
            Self::Script(script) => script.manifest(),
        }
    }

    /// The digest of its file.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Wasm(wasm) => wasm.verified().digest(),
            Self::Script(script) => script.digest(),
        }
    }

    /// Its file, as it was read.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Wasm(wasm) => wasm.verified().bytes(),
            Self::Script(script) => script.text().as_bytes(),
        }
    }

    /// What people can read of it: the text of a script, or a wasm as WebAssembly text, up to a bound.
    pub fn text(&self) -> String {
        let text = match self {
            // What was verified can be printed; if not, that is all there is to say.
            Self::Wasm(wasm) => wasmprinter::print_bytes(wasm.verified().bytes())
                .unwrap_or_else(|error| format!(";; cannot be printed: {error}\n")),
            Self::Script(script) => script.text().to_owned(),
        };
        match text.char_indices().nth(TEXT_CHARS_MAX) {
            None => text,
            Some((end, _)) => format!("{}\n;; and {} bytes more\n", &text[..end], text.len() - end),
        }
    }

    /// What it is written in, as the ending of its file says.
    pub const fn form(&self) -> &'static str {
        match self {
            Self::Wasm(_) => WASM,
            Self::Script(_) => SCRIPT,
        }
    }
}

impl Code {
    /// A new instance of a replacement policy, for a cache of `capacity` bytes and slots below `slots_max`.
    ///
    /// # Errors
    /// When it is none, wants more than it may have, or does not do what its kind must.
    pub fn build(
        &self,
        settings: &Settings,
        capacity: u64,
        slots_max: usize,
    ) -> Result<Built, InstantiateError> {
        match self {
            Self::Wasm(wasm) => wasm.build(settings, capacity, slots_max),
            Self::Script(script) => script.build(settings),
        }
    }

    /// The same, beginning with what another instance has learned, if it takes that.
    ///
    /// # Errors
    /// As for [`Code::build`]; that it does not take the state is none.
    pub fn succeed(
        &self,
        settings: &Settings,
        capacity: u64,
        slots_max: usize,
        state: Option<&[u8]>,
    ) -> Result<(Built, Inherited), InstantiateError> {
        match self {
            Self::Wasm(wasm) => wasm.succeed(settings, capacity, slots_max, state),
            // A script has nothing but the highest value evicted, which is in the values already.
            Self::Script(_) => Ok((self.build(settings, capacity, slots_max)?, Inherited::Nothing)),
        }
    }
}

impl Code {
    /// How it is run with the numbers it declares, if it is a script.
    pub fn execution(&self) -> Option<Execution> {
        self.execution_with(&Settings::defaults(&self.manifest().parameters))
    }

    /// How it is run with these numbers, if it is a script.
    pub fn execution_with(&self, settings: &Settings) -> Option<Execution> {
        match self {
            Self::Wasm(_) => None,
            Self::Script(script) => Some(script.execution_with(settings)),
        }
    }
}

const WASM: &str = "wasm";
const SCRIPT: &str = "rhai";

impl Host {
    /// Reads, verifies and compiles the module of a file, as its ending says.
    ///
    /// # Errors
    /// When it cannot be read, is no module of ours, or cannot be compiled.
    pub fn code(&self, path: &Path) -> Result<Code, SourceError> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some(WASM) => self.open(path).map(|wasm| Code::Wasm(Box::new(wasm))),
            Some(SCRIPT) => {
                let script = open_script(path)?.compiled_by(self.scripts().clone());
                Ok(Code::Script(Box::new(script)))
            }
            _ => Err(SourceError::Ending(path.to_owned())),
        }
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

/// Reads no more than a module may have, and a byte that tells that there is more.
fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let opened =
        File::open(path).and_then(|file| file.take(MODULE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    opened.map_err(|error| SourceError::Io { path: path.to_owned(), error })?;
    Ok(bytes)
}
