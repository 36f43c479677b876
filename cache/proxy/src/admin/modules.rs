//! The commands about modules: what is known of one, put into replies, and refusals in an operator's words.

use std::path::Path;

use cnn_core::policy::{Reevaluate, Status};
use cnn_modules::{Digest, Inherited, Instance, LibraryError, Loaded, SourceError};

use super::audit::Peer;
use super::live::{Live, switched};
use super::reply::{
    Fault, Module, ModuleChanged, ModuleFaults, ModuleInstance, ModuleList, Refusal, Setting,
};
use crate::modules::{Changed, ModuleError, Modules, Part};

/// The state of an instance that is not asked any more, whatever it is for.
const QUARANTINED: &str = "quarantined";

impl Live {
    pub(super) fn module_list(&self) -> Result<ModuleList, Refusal> {
        let status = self.engine.status()?;
        let modules = self.engine.library().list();
        Ok(ModuleList { modules: modules.iter().map(|loaded| self.module_of(loaded, &status)).collect() })
    }

    pub(super) fn module_shown(&self, name: &str) -> Result<Module, Refusal> {
        let loaded = self.engine.library().get(name).ok_or_else(|| self.unknown(name))?;
        let module = self.module_of(&loaded, &self.engine.status()?);
        Ok(Module { source: Some(loaded.code.text()), ..module })
    }

    pub(super) fn module_load(&self, path: &Path, name: Option<&str>, by: Peer) -> Result<Module, Refusal> {
        let loaded = self.changing().load(path, name, &by.to_string())?;
        Ok(self.module_of(&loaded, &self.engine.status()?))
    }

    pub(super) fn module_unload(&self, name: &str) -> Result<Module, Refusal> {
        let unloaded = self.changing().unload(name).map_err(|error| self.refusal(name, error))?;
        Ok(self.module_of(&unloaded, &self.engine.status()?))
    }

    pub(super) fn module_reload(
        &self,
        name: &str,
        reevaluate: Reevaluate,
        by: Peer,
    ) -> Result<ModuleChanged, Refusal> {
        let changed = self.changing().reload(name, reevaluate, &by.to_string());
        Ok(module_changed(changed.map_err(|error| self.refusal(name, error))?))
    }

    pub(super) fn module_set(
        &self,
        name: &str,
        values: &str,
        reevaluate: Reevaluate,
        by: Peer,
    ) -> Result<ModuleChanged, Refusal> {
        let changed = self.changing().set(name, values, reevaluate, &by.to_string());
        Ok(module_changed(changed.map_err(|error| self.refusal(name, error))?))
    }

    fn changing(&self) -> Modules {
        Modules::new(self.engine.clone(), self.clock)
    }

    /// A name that is not known is told with the nearest one.
    fn refusal(&self, name: &str, error: ModuleError) -> Refusal {
        match error {
            ModuleError::Library(LibraryError::Unknown(_)) => self.unknown(name),
            error => error.into(),
        }
    }

    fn unknown(&self, name: &str) -> Refusal {
        let known = self.engine.library().list();
        Refusal::unknown("module", "name", name, known.iter().map(|loaded| loaded.name.as_str()))
    }

    fn module_of(&self, loaded: &Loaded, status: &Status) -> Module {
        let said = loaded.code.manifest();
        let live = loaded.instances.live();
        let instances: Vec<_> = live.iter().map(|instance| instance_of(instance, status)).collect();
        let deciding = loaded.instance_of(&status.policy);
        let settings = deciding.as_ref().map_or(&loaded.settings, |instance| &instance.settings);
        // What decides now counts before what did.
        let state = |of: &str| instances.iter().find(|instance| instance.state == of);
        let first = ["deciding", QUARANTINED, "in use", "kept for rollback", "draining"];
        let state = first.into_iter().find(|of| state(of).is_some()).unwrap_or("loaded");
        let faults = self.engine.library().ledger().record(loaded.code.digest()).map(ModuleFaults::from);
        let is_stopped = faults.as_ref().is_some_and(|faults| faults.is_stopped);
        let state = if is_stopped { QUARANTINED } else { state };
        Module {
            name: loaded.name.clone(),
            role: said.role.as_str().to_owned(),
            form: loaded.code.form().to_owned(),
            execution: loaded.code.execution().map(|execution| execution.to_string()),
            kind: said.replacement.map(|said| said.kind.as_str().to_owned()),
            summary: said.summary.clone(),
            paper: said.paper.clone(),
            version: said.version.clone(),
            goals: said.goals.iter().map(|goal| goal.as_str().to_owned()).collect(),
            parameters: said
                .parameters
                .iter()
                .zip(settings.values())
                .map(|(parameter, (_, value))| Setting {
                    name: parameter.name.to_string(),
                    summary: parameter.summary.to_string(),
                    value,
                    default: parameter.default,
                    min: parameter.min,
                    max: parameter.max,
                })
                .collect(),
            state: state.to_owned(),
            path: loaded.path.display().to_string(),
            file: file(&loaded.path, loaded.code.digest()).to_owned(),
            sha256: loaded.code.digest().to_string(),
            bytes: loaded.code.bytes().len() as u64,
            by: loaded.by.clone(),
            at: loaded.at.0,
            ago_secs: self.clock.wall().since(loaded.at),
            faults,
            instances,
            source: None,
        }
    }
}

fn instance_of(instance: &Instance, status: &Status) -> ModuleInstance {
    let report = instance.health.report();
    let state = if report.is_silenced { QUARANTINED } else { Part::of(instance, status).as_str() };
    ModuleInstance {
        state: state.to_owned(),
        sha256: instance.digest.to_string(),
        calls: report.calls,
        faults: report.traps.into(),
        last_fault: report.last_trap,
        memory_bytes: report.memory_bytes as u64,
        time_us: report.time_ns.map(|time| time / 1000),
    }
}

/// Whether a file still is what was loaded.
fn file(path: &Path, digest: Digest) -> &'static str {
    match std::fs::read(path) {
        Ok(bytes) if Digest::of(&bytes) == digest => "same",
        Ok(_) => "changed",
        Err(_) => "gone",
    }
}

fn module_changed(changed: Changed) -> ModuleChanged {
    let Changed { name, switch, inherited, is_unchanged } = changed;
    let state = match inherited {
        Inherited::Nothing => None,
        Inherited::Taken => Some("taken over".to_owned()),
        Inherited::Refused(why) => Some(format!("not taken over: {why}")),
    };
    ModuleChanged { name, switched: switch.as_ref().map(switched), state, unchanged: is_unchanged }
}

impl From<ModuleError> for Refusal {
    fn from(error: ModuleError) -> Self {
        let fault = match &error {
            ModuleError::Library(error) => library_fault(error),
            ModuleError::Use(_) => Fault::Failed,
            ModuleError::Deciding(_) | ModuleError::Kept(_) | ModuleError::Draining(_) => Fault::Conflict,
        };
        match error {
            ModuleError::Use(error) => error.into(),
            error => Self::new(fault, error.to_string()),
        }
    }
}

/// Whose fault it is that the library says no.
pub(super) fn library_fault(error: &LibraryError) -> Fault {
    match error {
        LibraryError::Unknown(_) => Fault::NotFound,
        LibraryError::Source(SourceError::Spec(_)) | LibraryError::Name { .. } => Fault::BadRequest,
        LibraryError::Taken(_)
        | LibraryError::BuiltIn(_)
        | LibraryError::OtherRole { .. }
        | LibraryError::InUse { .. }
        | LibraryError::Full => Fault::Conflict,
        LibraryError::Busy => Fault::Busy,
        LibraryError::Source(_) => Fault::Failed,
    }
}
