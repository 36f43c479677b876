//! From what an operator writes to admission policies and freshness rules that can be asked: the name of a loaded module,
//! of a built-in one, or a file, each with parameters. The one place where such a spec is looked up, for the proxy and for
//! replays.
//!
//! Filters are bounded by counted instructions or steps wherever they run, never by a clock: others wait while one is
//! asked, and a clock that ticks each millisecond is too coarse for that. So a host for filters meters by fuel.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use cnn_core::policy::{
    Admission, AdmissionChoice, AdmissionManifest, Freshness, FreshnessChoice, FreshnessManifest, HitEvents,
    Settings, Spec,
};

use crate::library::Instances;
use crate::script::Wants;
use crate::{Code, Health, Host, Loaded, ModuleManifest, Role, SourceError, is_file};

/// An admission policy that can be built as often as there are caches for it.
#[derive(Clone)]
pub struct AdmissionSource {
    name: String,
    form: Form<AdmissionChoice>,
    /// Who is to know of its instances.
    counted_by: Option<Arc<Instances>>,
}

/// Freshness rules that can be built as often as they are wanted.
#[derive(Clone)]
pub struct FreshnessSource {
    name: String,
    form: Form<FreshnessChoice>,
    /// Who is to know of its instances.
    counted_by: Option<Arc<Instances>>,
}

#[derive(Clone)]
enum Form<C> {
    Native(C),
    Module(Arc<Code>, Settings),
}

/// An admission policy, ready to be asked.
pub struct BuiltAdmission {
    /// What it says of itself, under the name it goes by.
    pub manifest: AdmissionManifest,
    /// The policy.
    pub instance: Box<dyn Admission>,
    /// What it has done so far, if it is a module.
    pub health: Option<Arc<Health>>,
}

/// Freshness rules, ready to be asked.
pub struct BuiltFreshness {
    /// What they say of themselves, under the name they go by.
    pub manifest: FreshnessManifest,
    /// The rules.
    pub instance: Box<dyn Freshness>,
    /// What they have done so far, if they are a module.
    pub health: Option<Arc<Health>>,
}

impl AdmissionSource {
    /// The built-in policy that is written so.
    ///
    /// # Errors
    /// When there is none, or it does not take what it is given.
    pub fn built_in(spec: &str) -> Result<Self, SourceError> {
        let choice = cnn_policies::admission::choose(spec)?;
        Ok(Self { name: choice.manifest().name.into_owned(), form: Form::Native(choice), counted_by: None })
    }

    /// The policy as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A new instance before a cache of `capacity` bytes.
    ///
    /// # Errors
    /// When the module cannot be instantiated.
    pub fn build(&self, capacity: u64) -> Result<BuiltAdmission, SourceError> {
        let (code, settings) = match &self.form {
            Form::Native(choice) => {
                let (manifest, instance) = (choice.manifest(), choice.build(capacity));
                return Ok(BuiltAdmission { manifest, instance, health: None });
            }
            Form::Module(code, settings) => (code, settings),
        };
        let built = match &**code {
            Code::Wasm(wasm) => wasm.admit(settings, capacity).map(|admitting| {
                let wants = Wants { hits: admitting.wants_hits(), bypass: admitting.bypasses() };
                let health = admitting.health();
                (Box::new(admitting) as Box<dyn Admission>, wants, health)
            }),
            Code::Script(script) => script.admit(),
        };
        let (instance, wants, health) =
            built.map_err(|error| SourceError::Instantiate { name: self.name.clone(), error })?;
        if let Some(instances) = &self.counted_by {
            instances.note(None, &health, code.digest(), settings);
        }
        let said = code.manifest();
        let manifest = AdmissionManifest {
            name: Cow::Owned(self.name.clone()),
            summary: Cow::Owned(said.summary.clone()),
            paper: Cow::Owned(said.paper.clone()),
            hit_events: if wants.hits { HitEvents::Needed } else { HitEvents::Unneeded },
            bypasses: wants.bypass,
            parameters: Cow::Owned(said.parameters.clone()),
        };
        Ok(BuiltAdmission { manifest, instance, health: Some(health) })
    }
}

impl FreshnessSource {
    /// The built-in rules that are written so.
    ///
    /// # Errors
    /// When there are none, or they do not take what they are given.
    pub fn built_in(spec: &str) -> Result<Self, SourceError> {
        let choice = cnn_policies::freshness::choose(spec)?;
        Ok(Self { name: choice.manifest().name.into_owned(), form: Form::Native(choice), counted_by: None })
    }

    /// The rules as they were written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A new instance.
    ///
    /// # Errors
    /// When the module cannot be instantiated.
    pub fn build(&self) -> Result<BuiltFreshness, SourceError> {
        let (code, settings) = match &self.form {
            Form::Native(choice) => {
                let (manifest, instance) = (choice.manifest(), choice.build());
                return Ok(BuiltFreshness { manifest, instance, health: None });
            }
            Form::Module(code, settings) => (code, settings),
        };
        let built = match &**code {
            Code::Wasm(wasm) => wasm.rule(settings).map(|ruling| {
                let health = ruling.health();
                (Box::new(ruling) as Box<dyn Freshness>, health)
            }),
            Code::Script(script) => script.rule(),
        };
        let (instance, health) =
            built.map_err(|error| SourceError::Instantiate { name: self.name.clone(), error })?;
        if let Some(instances) = &self.counted_by {
            instances.note(None, &health, code.digest(), settings);
        }
        let said = code.manifest();
        let manifest = FreshnessManifest {
            name: Cow::Owned(self.name.clone()),
            summary: Cow::Owned(said.summary.clone()),
            paper: Cow::Owned(said.paper.clone()),
            parameters: Cow::Owned(said.parameters.clone()),
        };
        Ok(BuiltFreshness { manifest, instance, health: Some(health) })
    }
}

impl Host {
    /// The admission policy of this spec: a built-in one, or a file.
    ///
    /// # Errors
    /// When there is none, it decides something else, or it does not take what it is given.
    pub fn admission(&self, spec: &str) -> Result<AdmissionSource, SourceError> {
        if !is_file(spec) {
            return AdmissionSource::built_in(spec);
        }
        let (name, code, settings) = self.of_file(spec, Role::Admission)?;
        Ok(AdmissionSource { name, form: Form::Module(code, settings), counted_by: None })
    }

    /// The freshness rules of this spec: built-in ones, or a file.
    ///
    /// # Errors
    /// When there are none, it decides something else, or it does not take what it is given.
    pub fn freshness(&self, spec: &str) -> Result<FreshnessSource, SourceError> {
        if !is_file(spec) {
            return FreshnessSource::built_in(spec);
        }
        let (name, code, settings) = self.of_file(spec, Role::Freshness)?;
        Ok(FreshnessSource { name, form: Form::Module(code, settings), counted_by: None })
    }

    /// The admission policy a loaded module is, compiled by this host.
    ///
    /// # Errors
    /// When it decides something else, or does not take what it is given.
    pub fn admission_of(&self, loaded: &Loaded, spec: &str) -> Result<AdmissionSource, SourceError> {
        let (name, code, settings) = self.of_loaded(loaded, spec, Role::Admission)?;
        let counted_by = Some(Arc::clone(&loaded.instances));
        Ok(AdmissionSource { name, form: Form::Module(code, settings), counted_by })
    }

    /// The freshness rules a loaded module is, compiled by this host.
    ///
    /// # Errors
    /// When it decides something else, or does not take what it is given.
    pub fn freshness_of(&self, loaded: &Loaded, spec: &str) -> Result<FreshnessSource, SourceError> {
        let (name, code, settings) = self.of_loaded(loaded, spec, Role::Freshness)?;
        let counted_by = Some(Arc::clone(&loaded.instances));
        Ok(FreshnessSource { name, form: Form::Module(code, settings), counted_by })
    }

    fn of_file(&self, spec: &str, role: Role) -> Result<(String, Arc<Code>, Settings), SourceError> {
        let parsed = Spec::parse(spec)?;
        let code = self.code(Path::new(parsed.name))?;
        let name = parsed.to_string();
        check_role(&name, code.manifest(), role)?;
        let settings = parsed.settings(&code.manifest().parameters)?;
        Ok((name, Arc::new(code), settings))
    }

    fn of_loaded(
        &self,
        loaded: &Loaded,
        spec: &str,
        role: Role,
    ) -> Result<(String, Arc<Code>, Settings), SourceError> {
        let parsed = Spec::parse(spec)?;
        let name = parsed.to_string();
        check_role(&name, loaded.code.manifest(), role)?;
        let settings = parsed.settings_over(loaded.settings.clone(), &loaded.code.manifest().parameters)?;
        let code = match &*loaded.code {
            // Its own host may meter by time.
            Code::Wasm(wasm) => {
                let compiled = self.load(wasm.verified().clone());
                let path = loaded.path.clone();
                Code::Wasm(Box::new(compiled.map_err(|error| SourceError::Load { path, error })?))
            }
            Code::Script(script) => Code::Script(script.clone()),
        };
        Ok((name, Arc::new(code), settings))
    }
}

fn check_role(name: &str, manifest: &ModuleManifest, expected: Role) -> Result<(), SourceError> {
    match manifest.role {
        role if role == expected => Ok(()),
        role => Err(SourceError::Role { name: name.to_owned(), role, expected }),
    }
}

#[cfg(test)]
mod tests;
