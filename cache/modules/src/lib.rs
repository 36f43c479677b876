//! The module host: policies as wasm modules and rhai scripts, from a file to decisions, harmless whatever is in the file.
//!
//! ```text
//!   spec --> file --> verify --> compile (or from memory, or from disk) --> instantiate --> Replacement
//!                       |            off the request path, one at a time         |
//!                     no: why      bounded: moka in memory, own directory    limited: memory, tables, stack, time
//! ```
//!
//! The only crate that knows wasmtime and rhai. It has no threads but the ticker that ends calls which take too long and the
//! one that compiles scripts beside them, and it decides nothing about when a policy is used: that is the engine's and the
//! proxy's. What a guest must look like is said in `policies/abi`.

pub mod limits;

mod code;
mod digest;
mod fault;
mod filters;
mod health;
mod host;
mod journal;
mod ledger;
mod library;
mod manifest;
mod monitors;
mod reproducer;
mod script;
mod sources;
mod trial;
mod wasm;

pub use code::{Code, open_script};
pub use digest::Digest;
pub use fault::{Fault, FaultKind};
pub use filters::{AdmissionSource, BuiltAdmission, BuiltFreshness, FreshnessSource};
pub use health::{Health, Report};
pub use host::{Built, Host, Inherited, LoadError, Metering, Origin, Wasm};
pub use ledger::{Ledger, Notice, Record, Reporter};
pub use library::{Change, Filed, Instance, Instances, Library, LibraryError, Loaded, Loading};
pub use manifest::{EventTime, ManifestError, ModuleManifest, Replacing, Role};
pub use monitors::BuiltMonitor;
pub use reproducer::{Frame, ReproduceError, Reproducer, Reproducers, Reproduction, Subject};
pub use script::{
    Chosen, Execution, Figures, Live, LiveCache, LiveError, Plan, PlannedSwitch, Ready, Run, Script,
    ScriptError,
};
pub use sources::{Source, SourceError, is_file};
pub use trial::Trial;
pub use wasm::cache::{CacheError, CodeCache};
pub use wasm::guest::InstantiateError;
pub use wasm::verify::{Rejected, Verified, Wanted, verify};
