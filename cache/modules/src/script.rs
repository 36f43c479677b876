//! Policies as rhai scripts: an expression, or a function `score`, of what is known of a document.
//!
//! ```text
//!   //! name: small-and-often
//!   //! goals: hits
//!   clock.aging + doc.uses / doc.size
//! ```
//!
//! The lowest value goes first. Whether it is a key, kept exact in a heap, or a score, looked at for a sample, is found
//! by what the script reads: one that reads an age, an idle time, freshness left or the time is never valid for long.
//! `scripts/README.md` is the page for authors.
//!
//! A score decides interpreted from the first moment, and as machine code as soon as that is made, unless it has something
//! that is not compiled ([`Execution`] says which).
//!
//! A script has no files, no clock of its own, no random source and no other script; its loops, its depth, its strings
//! and its arrays are bounded. What it does wrong costs that one decision.

mod admission;
mod compiler;
mod document;
mod engine;
mod error;
mod execution;
mod filter;
mod freshness;
mod live;
mod machine;
mod monitor;
mod parameters;
mod policy;
mod program;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cnn_core::monitor::{Metrics, Monitor};
use cnn_core::policy::{Admission, Document, Freshness, Kind, Replacement, Settings};
use cnn_core::time::Tick;
use rhai::{AST, ASTNode, Expr, ParseError, Position};

pub(crate) use self::compiler::Compiler;
pub use self::error::ScriptError;
pub use self::execution::Execution;
pub use self::live::{Chosen, Figures, Live, LiveCache, LiveError, Plan, PlannedSwitch, Ready, Run};
pub(crate) use self::policy::Scripted;

use self::document::{Clock, DRIFTS, Doc, FIELDS};
use self::error::Source;
use self::monitor::Watcher;
use self::parameters::Tuned;
use self::program::Program;
use crate::limits::{SCRIPT_BYTES_MAX, TRIALS};
use crate::manifest::{ManifestError, ModuleManifest, Role, script_role};
use crate::wasm::guest::InstantiateError;
use crate::{Built, Digest, Health};

/// A script that compiles, and that has given a number for each document it was tried on.
#[derive(Clone, Debug)]
pub struct Script {
    text: Arc<str>,
    path: PathBuf,
    digest: Digest,
    manifest: ModuleManifest,
    body: Body,
    /// The same for other numbers.
    tuned: Arc<Tuned>,
    compiler: Compiler,
}

/// What a script is, by what it decides.
#[derive(Clone, Debug)]
enum Body {
    Policy(Arc<Program>),
    Monitor(Arc<monitor::Program>),
    Admission(Arc<admission::Program>),
    Freshness(Arc<freshness::Program>),
}

/// What an admission policy wants beside being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wants {
    /// To be told of hits.
    pub(crate) hits: bool,
    /// To name origins that are passed by.
    pub(crate) bypass: bool,
}

/// An instance of an admission policy, what it wants, and what it has done.
type Admitting = (Box<dyn Admission>, Wants, Arc<Health>);

impl Script {
    /// Compiles a script and tries it. `path` names it in errors, and its last part is the policy's name unless the
    /// script says another.
    ///
    /// # Errors
    /// What is wrong, with its place and the line.
    pub fn compile(path: &Path, text: &str) -> Result<Self, ScriptError> {
        let source = Source { path, text };
        if text.len() > SCRIPT_BYTES_MAX {
            return Err(
                source.error(Position::NONE, format!("{} bytes, more than {SCRIPT_BYTES_MAX}", text.len()))
            );
        }
        match script_role(text) {
            Role::Replacement => {}
            Role::Monitor => return monitor::compile(&source),
            Role::Admission => return admission::compile(&source),
            Role::Freshness => return freshness::compile(&source),
        }
        let declared = Settings::defaults(&source.manifest(Some(Kind::Key))?.parameters);
        let refused = |error: ParseError| source.error(error.position(), error.err_type().to_string());
        if declared.values().next().is_some() {
            let written = engine::parse(text, &declared).map_err(refused)?;
            parameters::check(&written, &declared).map_err(|(position, why)| source.error(position, why))?;
        }
        let ast = engine::compile(text, &declared).map_err(refused)?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        Self::policy(ast, stem, &source)
    }

    /// The policy of what is compiled already, tried. `stem` is its name unless the script says another.
    fn policy(ast: AST, stem: &str, source: &Source<'_>) -> Result<Self, ScriptError> {
        let kind = kind(&ast, source)?;
        let manifest = source.manifest_of(stem, Some(kind))?;
        let program = source.tried(Program::new(ast))?;
        Ok(Self::of(source, manifest, Body::Policy(Arc::new(program))))
    }

    fn of(source: &Source<'_>, manifest: ModuleManifest, body: Body) -> Self {
        let digest = Digest::of(source.text.as_bytes());
        let (text, path) = (source.text.into(), source.path.to_owned());
        Self { text, path, digest, manifest, body, tuned: Arc::default(), compiler: Compiler::Now }
    }

    /// The same, compiled by another.
    pub(crate) fn compiled_by(self, compiler: Compiler) -> Self {
        Self { compiler, ..self }
    }

    /// How it is run with the numbers it declares. Asking has it compiled, so that there is an answer in the end.
    pub fn execution(&self) -> Execution {
        self.execution_with(&Settings::defaults(&self.manifest.parameters))
    }

    /// The same with other numbers.
    pub fn execution_with(&self, settings: &Settings) -> Execution {
        let why = match self.program(settings) {
            Ok(Some(program)) => return self.compiler.execution(&program),
            Ok(None) => "only scores are compiled".to_owned(),
            Err(error) => error.message().to_owned(),
        };
        Execution::Interpreted { why, place: None }
    }

    /// What is run with these numbers, if it is a score.
    fn program(&self, settings: &Settings) -> Result<Option<Arc<Program>>, ScriptError> {
        let Body::Policy(program) = &self.body else { return Ok(None) };
        if *settings == Settings::defaults(&self.manifest.parameters) {
            return Ok(Some(Arc::clone(program)));
        }
        let source = Source { path: &self.path, text: &self.text };
        let make = || {
            let ast = engine::compile(&self.text, settings)
                .map_err(|error| source.error(error.position(), error.err_type().to_string()))?;
            source.tried(Program::new(ast))
        };
        self.tuned.program(settings, make).map(Some)
    }

    /// What it says of itself.
    pub const fn manifest(&self) -> &ModuleManifest {
        &self.manifest
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The digest of its text.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Its value for a document at a moment, with these numbers; what is wrong is told with its place.
    pub(crate) fn value_of(
        &self,
        settings: &Settings,
        document: Document,
        now: Tick,
        aging: f64,
    ) -> Result<f64, ScriptError> {
        let source = Source { path: &self.path, text: &self.text };
        let doc = Doc::new(document, Clock { now, aging });
        let Some(program) = self.program(settings)? else {
            return Err(source.error(Position::NONE, "is no replacement policy".to_owned()));
        };
        engine::value(&program, &doc).map_err(|fault| source.error(fault.position, fault.message))
    }

    /// A new instance with these numbers, which are for what it declares.
    ///
    /// # Errors
    /// When it is no replacement policy, or fails with these numbers.
    pub fn build(&self, settings: &Settings) -> Result<Built, InstantiateError> {
        let role = self.manifest.role;
        let (Some(manifest), Some(program)) = (self.manifest.policy(), self.program(settings)?) else {
            return Err(InstantiateError::OtherRole { role, expected: Role::Replacement });
        };
        self.compiler.compile(&program);
        let health = Arc::new(Health::default());
        let scripted = Scripted::new(program, Arc::clone(&health));
        let replacement = match manifest.kind {
            Kind::Score => Replacement::Score(Box::new(scripted)),
            Kind::Key | Kind::Hooks => Replacement::Key(Box::new(scripted)),
        };
        Ok(Built { manifest, replacement, health })
    }

    /// A new instance of an admission policy, with what it says it wants: to be told of hits, to name origins.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn admit(&self) -> Result<Admitting, InstantiateError> {
        let Body::Admission(program) = &self.body else {
            let role = self.manifest.role;
            return Err(InstantiateError::OtherRole { role, expected: Role::Admission });
        };
        let health = Arc::new(Health::default());
        let wants = Wants { hits: program.wants_hits(), bypass: program.bypasses() };
        Ok((Box::new(admission::Admitting::new(Arc::clone(program), Arc::clone(&health))), wants, health))
    }

    /// A new instance of freshness rules.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn rule(&self) -> Result<(Box<dyn Freshness>, Arc<Health>), InstantiateError> {
        let Body::Freshness(program) = &self.body else {
            let role = self.manifest.role;
            return Err(InstantiateError::OtherRole { role, expected: Role::Freshness });
        };
        let health = Arc::new(Health::default());
        Ok((Box::new(freshness::Ruling::new(Arc::clone(program), Arc::clone(&health))), health))
    }

    /// A new instance of a monitor.
    ///
    /// # Errors
    /// When it is none.
    pub fn watch(&self) -> Result<(Box<dyn Monitor>, Arc<Health>), InstantiateError> {
        let Body::Monitor(program) = &self.body else {
            let role = self.manifest.role;
            return Err(InstantiateError::OtherRole { role, expected: Role::Monitor });
        };
        let health = Arc::new(Health::default());
        let metrics = Metrics::new(self.manifest.metrics.clone());
        Ok((Box::new(Watcher::new(Arc::clone(program), metrics, Arc::clone(&health))), health))
    }
}

impl Source<'_> {
    /// Has it give a number for each of some documents.
    fn tried(&self, program: Program) -> Result<Program, ScriptError> {
        for trial in TRIALS {
            let tried = engine::value(&program, &document::trial(trial));
            tried.map_err(|fault| self.error(fault.position, fault.message))?;
        }
        Ok(program)
    }

    /// What the script says of itself; `kind` is what a replacement policy was found to be.
    fn manifest(&self, kind: Option<Kind>) -> Result<ModuleManifest, ScriptError> {
        let stem = self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        self.manifest_of(stem, kind)
    }

    /// The same of a script that is called `stem` unless it says another name.
    fn manifest_of(&self, stem: &str, kind: Option<Kind>) -> Result<ModuleManifest, ScriptError> {
        ModuleManifest::of_script(self.text, stem, kind)
            .map_err(|error| self.error(line_of(&error), error.to_string()))
    }
}

fn line_of(error: &ManifestError) -> Position {
    match error {
        ManifestError::Line { line, .. } => Position::new(u16::try_from(*line).unwrap_or(u16::MAX), 1),
        _ => Position::NONE,
    }
}

/// Tells a key from a score by the fields that are read, and refuses fields there are not.
fn kind(ast: &AST, source: &Source<'_>) -> Result<Kind, ScriptError> {
    let (mut drifts, mut ages, mut unknown) = (None, None, None);
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Property(names, position))) = path.last() {
            let name = names.2.as_str();
            if DRIFTS.contains(&name) {
                drifts.get_or_insert(name.to_owned());
            } else if name == "aging" {
                ages.get_or_insert(*position);
            } else if !FIELDS.contains(&name) {
                unknown.get_or_insert((name.to_owned(), *position));
            }
        }
        true
    });
    if let Some((name, position)) = unknown {
        let known = [FIELDS, DRIFTS].concat().join(", ");
        return Err(
            source.error(position, format!("no field {name:?}; doc has {known}; clock has aging, now"))
        );
    }
    match (drifts, ages) {
        (Some(drifts), Some(position)) => {
            let why = format!(
                "aging needs values that hold until a document is used again, and {drifts} changes always"
            );
            Err(source.error(position, why))
        }
        (Some(_), None) => Ok(Kind::Score),
        (None, _) => Ok(Kind::Key),
    }
}

#[cfg(test)]
mod tests;
