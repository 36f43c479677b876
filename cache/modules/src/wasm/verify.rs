//! Is this file a module of ours? Answered from its bytes alone, before anything is compiled: its size, the features
//! it uses, what it imports (what its role is granted, mostly nothing) and exports (what its kind needs), with the right
//! types, what it says of itself.

use std::fmt;

use thiserror::Error;
use wasmparser::{
    Encoding, ExternalKind, FuncType, Import, Parser, Payload, TypeRef, Validator, WasmFeatures, types::Types,
};

use super::table::{self, IMPORTED_FROM, Need};
use crate::limits::MODULE_BYTES_MAX;
use crate::manifest::{ManifestError, ModuleManifest};
use crate::{Digest, Role};

/// What a module may use beyond WebAssembly 1.0: what compilers emit unasked.
pub(super) const FEATURES: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES);

/// Why a file is not taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Rejected {
    /// It is too large.
    #[error("{0} bytes, more than a module may have ({MODULE_BYTES_MAX})")]
    TooLarge(usize),
    /// It is something else.
    #[error("not a WebAssembly module: {0}")]
    NotAModule(String),
    /// It is broken, or uses what is not allowed.
    #[error("at byte {offset:#x}: {message}")]
    Invalid {
        /// Where.
        offset: usize,
        /// What was found there.
        message: String,
    },
    /// It wants something of the host.
    #[error("imports {module}.{name}; {}", granted(*.role))]
    Import {
        /// What the module decides.
        role: Role,
        /// From where.
        module: String,
        /// What.
        name: String,
    },
    /// It wants it with another type.
    #[error("imports {name} as {found}, expected {expected}")]
    ImportType {
        /// What.
        name: &'static str,
        /// The type it wants.
        found: String,
        /// The type it has.
        expected: String,
    },
    /// What it says of itself is missing or wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Something is not exported.
    #[error("exports no {0}")]
    NoExport(Wanted),
    /// Something is exported with another type.
    #[error("exports {name} as {found}, expected {expected}")]
    WrongType {
        /// What.
        name: &'static str,
        /// The type it has.
        found: String,
        /// The type it must have.
        expected: String,
    },
}

/// A function that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    name: &'static str,
    signature: String,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.signature)
    }
}

/// A file that is a module of ours. It may still be refused by limits when it is instantiated.
#[derive(Clone, Debug)]
pub struct Verified {
    bytes: Box<[u8]>,
    digest: Digest,
    manifest: ModuleManifest,
}

impl Verified {
    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of the file.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says of itself.
    pub const fn manifest(&self) -> &ModuleManifest {
        &self.manifest
    }
}

/// Looks a file through.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn verify(bytes: &[u8]) -> Result<Verified, Rejected> {
    if bytes.len() > MODULE_BYTES_MAX {
        return Err(Rejected::TooLarge(bytes.len()));
    }
    if !Parser::is_core_wasm(bytes) {
        return Err(Rejected::NotAModule(what_it_is(bytes).to_owned()));
    }
    let types = Validator::new_with_features(FEATURES).validate_all(bytes).map_err(invalid)?;
    let sections = Sections::of(bytes)?;
    let manifest = ModuleManifest::parse(sections.manifest.ok_or(ManifestError::Missing)?)?;
    check_imports(manifest.role, &sections, &types)?;
    check_exports(&manifest, &sections, &types)?;
    Ok(Verified { bytes: bytes.into(), digest: Digest::of(bytes), manifest })
}

fn what_it_is(bytes: &[u8]) -> &'static str {
    if Parser::is_component(bytes) {
        return "a component; policies are core modules";
    }
    match bytes {
        [] => "the file is empty",
        [b'(', ..] => "this is WebAssembly text; assemble it first",
        [0x7f, b'E', b'L', b'F', ..] => "native code",
        _ => "it does not begin with \\0asm and version 1",
    }
}

fn invalid(error: wasmparser::BinaryReaderError) -> Rejected {
    Rejected::Invalid { offset: error.offset(), message: error.message().to_owned() }
}

/// What verification looks at, apart from the code.
#[derive(Default)]
struct Sections<'a> {
    manifest: Option<&'a [u8]>,
    imports: Vec<Import<'a>>,
    functions: Vec<(&'a str, u32)>,
    has_memory: bool,
}

impl<'a> Sections<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Rejected> {
        let mut sections = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::Version { encoding: Encoding::Component, .. } => {
                    return Err(Rejected::NotAModule(what_it_is(bytes).to_owned()));
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        sections.imports.push(import.map_err(invalid)?);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export.map_err(invalid)?;
                        match export.kind {
                            ExternalKind::Func => sections.functions.push((export.name, export.index)),
                            ExternalKind::Memory => sections.has_memory |= export.name == "memory",
                            _ => {}
                        }
                    }
                }
                Payload::CustomSection(custom)
                    if custom.name() == cnn_abi::MANIFEST_SECTION
                        && sections.manifest.replace(custom.data()).is_some() =>
                {
                    return Err(ManifestError::Twice.into());
                }
                _ => {}
            }
        }
        Ok(sections)
    }

    fn function<'t>(&self, name: &str, types: &'t Types) -> Option<&'t FuncType> {
        let (_, index) = self.functions.iter().find(|(other, _)| *other == name)?;
        Some(types[types.as_ref().core_function_at(*index)].unwrap_func())
    }
}

/// What a role may import, for whoever imports something else.
fn granted(role: Role) -> String {
    let names: Vec<_> =
        table::imports(role).iter().map(|it| format!("{IMPORTED_FROM}.{}", it.name)).collect();
    match names.is_empty() {
        true => format!("a module of role {} is granted no imports", role.as_str()),
        false => format!("a module of role {} may import {}", role.as_str(), names.join(", ")),
    }
}

/// Only functions, those of the role, with their types.
fn check_imports(role: Role, sections: &Sections<'_>, types: &Types) -> Result<(), Rejected> {
    for import in &sections.imports {
        let (module, name) = (import.module.to_owned(), import.name.to_owned());
        let known = table::imports(role).iter().find(|it| it.name == name && module == IMPORTED_FROM);
        let (Some(known), TypeRef::Func(index)) = (known, import.ty) else {
            return Err(Rejected::Import { role, module, name });
        };
        let found = types[types.as_ref().core_type_at_in_module(index)].unwrap_func();
        if found.params() != known.parameters || !found.results().is_empty() {
            let found = table::signature(found.params(), found.results());
            let expected = table::signature(known.parameters, &[]);
            return Err(Rejected::ImportType { name: known.name, found, expected });
        }
    }
    Ok(())
}

fn check_exports(manifest: &ModuleManifest, sections: &Sections<'_>, types: &Types) -> Result<(), Rejected> {
    if !sections.has_memory {
        return Err(Rejected::NoExport(Wanted { name: "memory", signature: "(a memory)".to_owned() }));
    }
    for export in table::exports(manifest) {
        let expected = table::signature(export.parameters, export.results);
        let is_needed = match export.need {
            Need::Always => true,
            Need::Never => false,
            Need::WithParameters => !manifest.parameters.is_empty(),
            Need::WithState => sections.function("export_state", types).is_some(),
            Need::WithEvents => sections.function("on_events", types).is_some(),
        };
        match sections.function(export.name, types) {
            None if is_needed => {
                return Err(Rejected::NoExport(Wanted { name: export.name, signature: expected }));
            }
            Some(found) if found.params() != export.parameters || found.results() != export.results => {
                let found = table::signature(found.params(), found.results());
                return Err(Rejected::WrongType { name: export.name, found, expected });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
