//! From what an operator writes to a monitor that can be attached: the name of a loaded module, of a built-in monitor, or
//! a file, each with parameters.

use std::path::Path;
use std::sync::Arc;

use cnn_core::monitor::Monitor;
use cnn_core::policy::{Settings, Spec};

use crate::{Code, Health, Host, Library, Role, SourceError, is_file};

/// A monitor, ready to be told of requests.
pub struct BuiltMonitor {
    /// The name it publishes under.
    pub name: String,
    /// What it says of itself; may be empty.
    pub summary: String,
    /// The monitor.
    pub monitor: Box<dyn Monitor>,
    /// What it has done so far, if it is a module.
    pub health: Option<Arc<Health>>,
}

impl Library {
    /// The monitor of a spec: of a module that is loaded, a built-in one, or of a file, which is then not loaded.
    ///
    /// # Errors
    /// When there is none, it decides something else, or it does not take what it is given.
    pub fn monitor(&self, spec: &str) -> Result<BuiltMonitor, SourceError> {
        let parsed = Spec::parse(spec)?;
        let Some(loaded) = self.get(parsed.name) else { return self.host()?.monitor(spec) };
        let settings = parsed.settings_over(loaded.settings.clone(), &loaded.code.manifest().parameters)?;
        let built = of_code(&loaded.name, &loaded.code, &settings)?;
        if let Some(health) = &built.health {
            loaded.instances.note(None, health, loaded.code.digest(), &settings);
        }
        Ok(built)
    }
}

impl Host {
    /// The monitor of this spec: a built-in one, or a file.
    ///
    /// # Errors
    /// When there is none, or the file is not one.
    pub fn monitor(&self, spec: &str) -> Result<BuiltMonitor, SourceError> {
        let parsed = Spec::parse(spec)?;
        if is_file(parsed.name) {
            let code = self.code(Path::new(parsed.name))?;
            let settings = parsed.settings(&code.manifest().parameters)?;
            return of_code(&code.manifest().name, &code, &settings);
        }
        let built_in = cnn_policies::monitors().iter().find(|it| it.name == parsed.name);
        let built_in =
            built_in.ok_or_else(|| SourceError::NoMonitor(parsed.name.chars().take(40).collect()))?;
        parsed.settings(&[])?;
        Ok(BuiltMonitor {
            name: built_in.name.to_owned(),
            summary: built_in.summary.to_owned(),
            monitor: (built_in.build)(),
            health: None,
        })
    }
}

fn of_code(name: &str, code: &Code, settings: &Settings) -> Result<BuiltMonitor, SourceError> {
    let manifest = code.manifest();
    if manifest.role != Role::Monitor {
        let (name, role) = (name.to_owned(), manifest.role);
        return Err(SourceError::Role { name, role, expected: Role::Monitor });
    }
    let built = match code {
        Code::Wasm(wasm) => wasm.watch(settings),
        Code::Script(script) => script.watch(),
    };
    let (monitor, health) =
        built.map_err(|error| SourceError::Instantiate { name: name.to_owned(), error })?;
    Ok(BuiltMonitor {
        name: name.to_owned(),
        summary: manifest.summary.clone(),
        monitor,
        health: Some(health),
    })
}

#[cfg(test)]
mod tests;
