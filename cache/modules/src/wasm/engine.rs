//! The compiler and the limits that hold for every guest. One engine per way of metering: with deadlines where a clock
//! runs, with counted instructions where the same input must give the same answer on any machine.

use std::hash::{Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use sha2::{Digest as _, Sha256};
use wasmtime::{Config, Engine, OptLevel, Store, StoreLimits, StoreLimitsBuilder};

use crate::host::Metering;
use crate::limits::{
    CALL_FUEL_MAX, CALL_TICKS_MAX, FRAMES_MAX, MEMORY_BYTES_BASE, MEMORY_BYTES_PER_SLOT, STACK_BYTES_MAX,
    TABLE_ELEMENTS_MAX, TABLES_MAX, TICK,
};

/// The engine and what keeps its deadlines.
pub(crate) struct Engines {
    pub(crate) engine: Engine,
    metering: Metering,
    /// Guards the ticker of the instances there are; held to find or start it.
    ticker: Mutex<Weak<Ticker>>,
}

/// Exists as long as an instance does, and with it the thread that advances the engine's clock.
#[derive(Debug)]
pub(crate) struct Ticker;

/// How a call of one instance is bounded.
#[derive(Clone, Debug)]
pub(crate) enum Meter {
    /// By time; keeps the clock running.
    Deadline(#[expect(dead_code, reason = "held, not read: the ticker lives as long as it")] Arc<Ticker>),
    /// By so many instructions.
    Fuel(u64),
}

impl Engines {
    pub(crate) fn new(metering: Metering) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(metering))?;
        Ok(Self { engine, metering, ticker: Mutex::default() })
    }

    /// A meter for one instance.
    pub(crate) fn meter(&self) -> Meter {
        match self.metering {
            Metering::Fuel | Metering::Traced => Meter::Fuel(CALL_FUEL_MAX),
            Metering::Deadline => Meter::Deadline(self.ticker()),
        }
    }

    fn ticker(&self) -> Arc<Ticker> {
        let mut slot = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticker) = slot.upgrade() {
            return ticker;
        }
        let ticker = Arc::new(Ticker);
        *slot = Arc::downgrade(&ticker);
        let (weak, engine) = (Weak::clone(&slot), self.engine.clone());
        let tick = move || {
            while weak.strong_count() > 0 {
                thread::sleep(TICK);
                engine.increment_epoch();
            }
        };
        // Without a thread (none can be had), calls are not ended by time; they still have all other limits.
        let _ = thread::Builder::new().name("module-ticker".to_owned()).spawn(tick);
        ticker
    }

    /// Tells apart what code was compiled for: compiler, its settings, the processor.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hasher = Fingerprint(Sha256::new());
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.0.finalize().into()
    }
}

impl Meter {
    /// Fewer instructions from now on, where they are counted.
    pub(crate) fn lower(&mut self, most: u64) {
        if let Self::Fuel(fuel) = self {
            *fuel = most.min(*fuel);
        }
    }

    /// Gives the next call its time.
    #[inline]
    pub(crate) fn arm<T>(&self, store: &mut Store<T>) {
        match self {
            Self::Deadline(_) => store.set_epoch_deadline(CALL_TICKS_MAX),
            Self::Fuel(fuel) => {
                let is_set = store.set_fuel(*fuel);
                debug_assert!(is_set.is_ok(), "the engine counts fuel");
            }
        }
    }
}

fn config(metering: Metering) -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        // A NaN has many encodings and processors differ in which they make; policies must not.
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES_MAX).filter(|_| metering == Metering::Traced))
        .memory_may_move(false)
        .wasm_simd(false)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .epoch_interruption(metering == Metering::Deadline)
        .consume_fuel(metering != Metering::Deadline);
    config
}

/// What an instance may take, in a cache of so many slots.
pub(crate) fn limits(slots_max: usize) -> StoreLimits {
    let memory = MEMORY_BYTES_BASE.saturating_add(slots_max.saturating_mul(MEMORY_BYTES_PER_SLOT));
    StoreLimitsBuilder::new()
        .memory_size(memory)
        .table_elements(TABLE_ELEMENTS_MAX)
        .tables(TABLES_MAX)
        .memories(1)
        .instances(1)
        .build()
}

/// A hasher that keeps all of what it is fed.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not asked for: the whole digest is taken.
    fn finish(&self) -> u64 {
        0
    }
}
