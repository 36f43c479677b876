//! From what an operator writes to a monitor that can be attached: the name of a loaded module, of a built-in monitor, or
//! a file, each with parameters.

use std::path::Path;
use std::sync::Arc;

use cnn_core::monitor::{Moment, Monitor, Records, Request, RequestFlags, Served, Verb};
use cnn_core::policy::{Settings, Spec};
use cnn_core::time::Tick;

use crate::{Code, Health, Host, Library, Report, Role, SourceError, is_file};

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

impl BuiltMonitor {
    /// Tells it of so many made-up requests, and of a second passing now and then; what it has done then.
    pub fn try_out(&mut self, requests: u64) -> Report {
        let mut records = Records::default();
        (0..TRIAL_RECORDS).for_each(|number| {
            let (request, host, path) = made_up(number);
            records.push(request, &host, &path);
        });
        for second in 1..=requests.div_ceil(TRIAL_RECORDS) {
            self.monitor.observe(&records);
            self.monitor.tick(Moment { now: Tick::from_secs(second), elapsed_us: 1_000_000 });
        }
        self.health.as_ref().map(|health| health.report()).unwrap_or_default()
    }
}

/// Records of a dry run, told again and again.
const TRIAL_RECORDS: u64 = 1000;

/// A request of a dry run: two of three are hits, of ten hosts and a hundred documents.
fn made_up(number: u64) -> (Request, String, String) {
    let (document, is_hit) = (number * number % 100, !number.is_multiple_of(3));
    let request = Request {
        time: number * 1000,
        key: document.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        sent_bytes: 500 + document * 100,
        origin_bytes: if is_hit { 0 } else { 500 + document * 100 },
        total_us: 100,
        ttfb_us: 50,
        origin_us: if is_hit { 0 } else { 20_000 },
        origin_ttfb_us: if is_hit { 0 } else { 10_000 },
        status: 200,
        served: if is_hit { Served::Hit } else { Served::Miss } as u8,
        verb: Verb::Get as u8,
        mime: (document % 7) as u8,
        flags: if is_hit { RequestFlags::HIT } else { 0 },
        ..Request::default()
    };
    (request, format!("host{}.example", document % 10), format!("/document/{document}"))
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
