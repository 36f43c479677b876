//! The part of `cnn_core` that a policy sees, for guests: the same names, so that a policy's source needs no change.
//! What a guest cannot know, because no event brings it, is not here.
#![no_std]

extern crate guest_std as std;

/// Time.
pub mod time {
    /// Microseconds since the host's beginning.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Tick(pub u64);

    impl Tick {
        /// Microseconds from `earlier` to here; zero when `earlier` is later.
        pub const fn since(self, earlier: Self) -> u64 {
            self.0.saturating_sub(earlier.0)
        }
    }
}

/// Policies.
pub mod policy {
    use std::borrow::Cow;
    use std::prelude_of_alloc::*;

    pub use cnn_abi::{Event, EventKind, Flags, Goal, HitEvents, Kind};
    pub use paged::Paged;

    use crate::time::Tick;

    mod paged {
        use std::prelude_of_alloc::*;
        include!(concat!(env!("OUT_DIR"), "/paged.rs"));
    }

    /// The number of a stored response.
    pub type Slot = u32;

    /// What the policy says of itself. A guest says it in its manifest instead; nothing reads this.
    pub struct Manifest {
        pub name: Cow<'static, str>,
        pub summary: Cow<'static, str>,
        pub paper: Cow<'static, str>,
        pub kind: Kind,
        pub hit_events: HitEvents,
        pub goals: &'static [Goal],
        pub parameters: Cow<'static, [Parameter]>,
    }

    /// A number the policy can be given.
    #[derive(Clone)]
    pub struct Parameter {
        pub name: &'static str,
        pub default: f64,
    }

    impl Parameter {
        pub const fn real(name: &'static str, default: f64, _min: f64, _max: f64, _summary: &'static str) -> Self {
            Self { name, default }
        }

        pub const fn whole(name: &'static str, default: u32, _min: u32, _max: u32, _summary: &'static str) -> Self {
            Self { name, default: default as f64 }
        }
    }

    /// The numbers it was given.
    pub struct Settings {
        values: Vec<(&'static str, f64)>,
    }

    impl Settings {
        pub fn defaults(parameters: &[Parameter]) -> Self {
            Self { values: parameters.iter().map(|it| (it.name, it.default)).collect() }
        }

        pub fn set(&mut self, number: usize, value: f64) {
            if let Some(place) = self.values.get_mut(number) {
                place.1 = value;
            }
        }

        pub fn get(&self, name: &str) -> f64 {
            self.values.iter().find(|(other, _)| *other == name).map_or(0.0, |(_, value)| *value)
        }
    }

    /// The slots there can be.
    pub struct Documents {
        pub slots_max: usize,
    }

    impl Documents {
        pub fn slots_max(&self) -> usize {
            self.slots_max
        }
    }

    /// What a policy may look at while it decides.
    #[derive(Clone, Copy)]
    pub struct Context<'a> {
        pub documents: &'a Documents,
        pub now: Tick,
    }

    /// A policy with keys.
    pub trait KeyPolicy: Send {
        fn key(&mut self, context: &Context<'_>, event: &Event) -> f64;
        fn gone(&mut self, _context: &Context<'_>, _event: &Event) {}
        fn evicted(&mut self, _key: f64) {}
    }

    /// A policy with queues of its own.
    pub trait HookPolicy: Send {
        fn on_event(&mut self, context: &Context<'_>, event: &Event);
        fn victim(&mut self, context: &Context<'_>) -> Option<Slot>;
        fn rank(&self, context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool);
        fn len(&self) -> usize;
        fn is_empty(&self) -> bool {
            self.len() == 0
        }
        fn state_bytes(&self) -> usize;
    }

    /// A policy, ready to decide.
    pub enum Replacement {
        Key(Box<dyn KeyPolicy>),
        Hooks(Box<dyn HookPolicy>),
    }

    /// How to make it.
    pub struct Factory {
        pub manifest: fn() -> Manifest,
        pub build: fn(u64, &Settings) -> Replacement,
    }
}
