//! The instances of a loaded module that exist: whoever runs one holds it, the library only knows of it, so that what
//! is gone need not be signed off.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use cnn_core::policy::{Manifest, Settings};

use crate::{Digest, Health};

/// The instances of a module.
#[derive(Debug, Default)]
pub struct Instances {
    /// Guards the list; held to add to it or to copy it.
    known: Mutex<Vec<Known>>,
    /// By which their calls are timed.
    clock: Option<fn() -> u64>,
}

#[derive(Debug)]
struct Known {
    manifest: Option<Weak<Manifest>>,
    health: Weak<Health>,
    digest: Digest,
    settings: Settings,
}

/// An instance that exists.
#[derive(Clone, Debug)]
pub struct Instance {
    /// What it said to the policy engine, for a replacement policy: the very one the engine has.
    pub manifest: Option<Arc<Manifest>>,
    /// What it did so far.
    pub health: Arc<Health>,
    /// The digest of the file it is made of; a reload leaves instances of the file before.
    pub digest: Digest,
    /// The numbers it was given.
    pub settings: Settings,
}

impl Instances {
    /// None yet, whose calls are to be timed by this clock.
    pub(super) fn timed_by(clock: Option<fn() -> u64>) -> Self {
        Self { known: Mutex::default(), clock }
    }

    /// Takes note of one. It exists for as long as its `health` is held elsewhere.
    pub fn note(
        &self,
        manifest: Option<&Arc<Manifest>>,
        health: &Arc<Health>,
        digest: Digest,
        settings: &Settings,
    ) {
        if let Some(clock) = self.clock {
            health.time_by(clock);
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.health.strong_count() > 0);
        known.push(Known {
            manifest: manifest.map(Arc::downgrade),
            health: Arc::downgrade(health),
            digest,
            settings: settings.clone(),
        });
    }

    /// Those that exist, oldest first.
    pub fn live(&self) -> Vec<Instance> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter_map(Known::instance).collect()
    }
}

impl Known {
    fn instance(&self) -> Option<Instance> {
        let manifest = match &self.manifest {
            None => None,
            Some(manifest) => Some(manifest.upgrade()?),
        };
        let (health, digest, settings) = (self.health.upgrade()?, self.digest, self.settings.clone());
        Some(Instance { manifest, health, digest, settings })
    }
}
