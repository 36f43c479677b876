//! One instance of a module: its memory, its limits, its faults. Whatever it does ends here: a call answers or gives
//! `None`, an address is inside its memory or the module is refused.

use std::sync::Arc;

use cnn_abi::{BATCH_EVENTS_MAX, EVENT_BYTES, Event};
use cnn_core::time::Tick;
use thiserror::Error;
use wasmtime::{Instance, InstancePre, Memory, Store, StoreLimits, Trap, TypedFunc, WasmParams, WasmResults};

use super::Meter;
use super::monitor::Publisher;
use crate::fault::{Fault, FaultKind};
use crate::journal::{Called, Journal};
use crate::limits::{STATE_BYTES_MAX, TRAPS_MAX};
use crate::reproducer::Inputs;
use crate::{Health, Role, ScriptError};

/// Why a verified module cannot be put to work.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InstantiateError {
    /// It decides something else.
    #[error("its role is {role}; expected {expected}", role = .role.as_str(), expected = .expected.as_str())]
    OtherRole {
        /// What it decides.
        role: Role,
        /// What it was asked for.
        expected: Role,
    },
    /// The script fails with the numbers it is given.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// It wants more than it may have, or traps in its start function.
    #[error("cannot be instantiated: {0}")]
    Refused(String),
    /// A function of its preparation failed.
    #[error("{function} failed: {why}")]
    Failed {
        /// Which.
        function: &'static str,
        /// What it ended with.
        why: String,
    },
    /// An address it returned cannot be used.
    #[error(
        "{function} returns {address:#x}; expected a multiple of {align} with {bytes} bytes of its memory from there on"
    )]
    Address {
        /// Which function.
        function: &'static str,
        /// What it returned.
        address: u32,
        /// What the address must be a multiple of.
        align: u32,
        /// Bytes the host reads or writes there.
        bytes: usize,
    },
}

/// An instance.
pub(crate) struct Guest {
    store: Store<Held>,
    instance: Instance,
    memory: Memory,
    meter: Meter,
    health: Arc<Health>,
    is_silenced: bool,
    /// The time of the call being made.
    now: Tick,
    journal: Journal,
}

/// A function of a guest, with the name it is exported as.
pub(crate) struct Function<P, R> {
    name: &'static str,
    call: TypedFunc<P, R>,
}

impl<P, R> Clone for Function<P, R> {
    fn clone(&self) -> Self {
        Self { name: self.name, call: self.call.clone() }
    }
}

impl<P, R> Function<P, R> {
    /// What it is exported as.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// A place in a guest's memory, checked once: memories grow and never move or shrink.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    address: usize,
    bytes: usize,
}

impl Guest {
    /// Instantiates and prepares a module.
    pub(crate) fn new(
        pre: &InstancePre<Held>,
        held: Held,
        meter: Meter,
        prepare: &Prepare<'_>,
    ) -> Result<Self, InstantiateError> {
        let mut store = Store::new(pre.module().engine(), held);
        store.limiter(|held| &mut held.limits);
        meter.arm(&mut store);
        let refused = |error: wasmtime::Error| InstantiateError::Refused(why(&error));
        let instance = pre.instantiate(&mut store).map_err(refused)?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| InstantiateError::Refused("it has no memory".to_owned()))?;
        let health = Arc::default();
        let (now, journal) = (Tick::default(), Journal::default());
        let mut guest = Self { store, instance, memory, meter, health, is_silenced: false, now, journal };
        guest.prepare(prepare)?;
        Ok(guest)
    }

    /// Bounds the calls that follow more tightly than those of its preparation.
    pub(crate) fn hurry(&mut self, fuel: u64) {
        self.meter.lower(fuel);
    }

    /// The counters of this instance.
    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    fn prepare(&mut self, prepare: &Prepare<'_>) -> Result<(), InstantiateError> {
        if let Some(set) = self.function_if_any::<(u32, f64), ()>("set") {
            for (number, &value) in (0_u32..).zip(prepare.settings) {
                self.must("set", &set, (number, value))?;
            }
        }
        let init = self.function("init")?;
        let slots_max = u32::try_from(prepare.slots_max).unwrap_or(u32::MAX);
        self.must("init", &init, (prepare.capacity, slots_max))
    }

    /// A function that verification has found.
    pub(crate) fn function<P, R>(&mut self, name: &'static str) -> Result<Function<P, R>, InstantiateError>
    where
        P: WasmParams,
        R: WasmResults,
    {
        let found = self.instance.get_typed_func(&mut self.store, name);
        let found = found.map_err(|error| InstantiateError::Failed { function: name, why: why(&error) });
        Ok(Function { name, call: found? })
    }

    /// A function that need not be there.
    pub(crate) fn function_if_any<P, R>(&mut self, name: &'static str) -> Option<Function<P, R>>
    where
        P: WasmParams,
        R: WasmResults,
    {
        let call = self.instance.get_typed_func(&mut self.store, name).ok()?;
        Some(Function { name, call })
    }

    /// The room a function returns the address of.
    pub(crate) fn room(
        &mut self,
        function: &'static str,
        align: u32,
        bytes: usize,
    ) -> Result<Room, InstantiateError> {
        let address = self.function::<(), u32>(function)?;
        let address = self.must(function, &address, ())?;
        let end = (address as usize).checked_add(bytes);
        if address.is_multiple_of(align) && end.is_some_and(|end| end <= self.memory.data_size(&self.store)) {
            Ok(Room { address: address as usize, bytes })
        } else {
            Err(InstantiateError::Address { function, address, align, bytes })
        }
    }

    fn must<P, R>(
        &mut self,
        function: &'static str,
        call: &Function<P, R>,
        parameters: P,
    ) -> Result<R, InstantiateError>
    where
        P: WasmParams,
        R: WasmResults,
    {
        let done = self.try_call(call, parameters);
        self.health.has_memory(self.memory.data_size(&self.store));
        done.map_err(|error| InstantiateError::Failed { function, why: why(&error) })
    }

    /// Says what time it is: of the calls that follow, and of their faults.
    #[inline]
    pub(crate) const fn set_now(&mut self, now: Tick) {
        self.now = now;
    }

    /// Writes a call that is about to be made into the journal, if somebody wants one.
    #[inline]
    pub(crate) fn note(&mut self, called: Called, parts: [&[u8]; 2]) {
        if self.health.is_watched() && !self.is_silenced {
            self.journal.add(called, parts);
        }
    }

    /// Calls a function; `None` when it traps, takes too long, or is not called any more.
    #[inline]
    pub(crate) fn call<P, R>(&mut self, function: &Function<P, R>, parameters: P) -> Option<R>
    where
        P: WasmParams,
        R: WasmResults,
    {
        if self.is_silenced {
            return None;
        }
        let began = self.health.called();
        let done = self.try_call(function, parameters);
        self.health.returned(began);
        match done {
            Ok(result) => Some(result),
            Err(error) => {
                self.fault(Fault::new(kind_of(&error), function.name, why(&error)));
                None
            }
        }
    }

    /// Calls a function whatever was before.
    #[inline]
    pub(crate) fn try_call<P, R>(&mut self, function: &Function<P, R>, parameters: P) -> wasmtime::Result<R>
    where
        P: WasmParams,
        R: WasmResults,
    {
        self.meter.arm(&mut self.store);
        function.call.call(&mut self.store, parameters)
    }

    /// Notes that the guest did what it must not.
    #[cold]
    pub(crate) fn fault(&mut self, fault: Fault) {
        let journal = &self.journal;
        let inputs = || {
            let (journal, is_whole) = journal.copied();
            Some(Inputs::Calls { journal, is_whole })
        };
        if !self.health.fault(fault, self.now, TRAPS_MAX, inputs) {
            self.is_silenced = true;
        }
    }

    /// What it has learned, where it offers that: up to [`STATE_BYTES_MAX`] bytes of its memory, copied.
    pub(crate) fn export_state(&mut self) -> Option<Vec<u8>> {
        let export = self.function_if_any::<(), u64>("export_state")?;
        let packed = self.call(&export, ())?;
        let (address, bytes) = ((packed >> 32) as usize, (packed & u64::from(u32::MAX)) as usize);
        let state = address.checked_add(bytes).filter(|_| bytes <= STATE_BYTES_MAX);
        let state = state.and_then(|end| self.memory.data(&self.store).get(address..end)).map(<[u8]>::to_vec);
        if state.is_none() {
            let what =
                format!("returns {bytes} bytes at {address:#x}, which it does not have or may not hand over");
            self.fault(Fault::new(FaultKind::Trap, "export_state", what));
        }
        state
    }

    /// Begins with what another instance has learned; whether it takes it. One that does not is to be thrown away.
    pub(crate) fn import_state(&mut self, state: &[u8]) -> Result<bool, InstantiateError> {
        let room = self.function_if_any::<u32, u32>("import_state_room");
        let import = self.function_if_any::<u32, u32>("import_state");
        let (Some(room), Some(import), Ok(count)) = (room, import, u32::try_from(state.len())) else {
            return Ok(false);
        };
        let address = self.must("import_state_room", &room, count)?;
        let begin = address as usize;
        let place = begin.checked_add(state.len());
        let place = place.and_then(|end| self.memory.data_mut(&mut self.store).get_mut(begin..end));
        let Some(place) = place else {
            let (function, bytes) = ("import_state_room", state.len());
            return Err(InstantiateError::Address { function, address, align: 1, bytes });
        };
        place.copy_from_slice(state);
        Ok(self.must("import_state", &import, count)? != 0)
    }

    /// Writes to the beginning of a room.
    #[inline]
    pub(crate) fn write(&mut self, room: Room, bytes: &[u8]) {
        debug_assert!(bytes.len() <= room.bytes, "rooms are as large as what goes in");
        let end = room.address + bytes.len();
        if let Some(place) = self.memory.data_mut(&mut self.store).get_mut(room.address..end) {
            place.copy_from_slice(bytes);
        }
    }

    /// Reads the beginning of a room.
    #[inline]
    pub(crate) fn read(&self, room: Room, bytes: usize) -> &[u8] {
        let bytes = bytes.min(room.bytes);
        self.memory.data(&self.store).get(room.address..room.address + bytes).unwrap_or_default()
    }

    /// What the host holds for it.
    pub(crate) fn held(&self) -> &Held {
        self.store.data()
    }

    /// Whether it is still called.
    pub(crate) const fn is_fit(&self) -> bool {
        !self.is_silenced
    }

    /// Bytes of its memory now.
    pub(crate) fn memory_bytes(&self) -> usize {
        let bytes = self.memory.data_size(&self.store);
        self.health.has_memory(bytes);
        bytes
    }
}

/// What the host holds for an instance, beside its memory.
pub(crate) struct Held {
    limits: StoreLimits,
    /// What it publishes, for a monitor.
    pub(crate) publisher: Option<Publisher>,
}

impl Held {
    /// For an instance that imports nothing.
    pub(crate) const fn new(limits: StoreLimits) -> Self {
        Self { limits, publisher: None }
    }

    /// For a monitor.
    pub(crate) const fn publishing(limits: StoreLimits, publisher: Publisher) -> Self {
        Self { limits, publisher: Some(publisher) }
    }
}

/// What an instance is prepared for.
pub(crate) struct Prepare<'a> {
    /// The parameters' values, in their order.
    pub(crate) settings: &'a [f64],
    pub(crate) capacity: u64,
    pub(crate) slots_max: usize,
}

/// Whether a call took too long, or trapped.
pub(super) fn kind_of(error: &wasmtime::Error) -> FaultKind {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt | Trap::OutOfFuel) => FaultKind::Time,
        _ => FaultKind::Trap,
    }
}

/// What went wrong, in few words.
pub(super) fn why(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => "the time for a call is over".to_owned(),
        Some(Trap::OutOfFuel) => "the instructions for a call are used up".to_owned(),
        Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        None => error.root_cause().to_string(),
    }
}

/// Events on their way to a guest, as bytes: what is told is buffered and handed over in batches.
pub(crate) struct Batch {
    bytes: Box<[u8; BATCH_EVENTS_MAX * EVENT_BYTES]>,
    count: usize,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { bytes: Box::new([0; BATCH_EVENTS_MAX * EVENT_BYTES]), count: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.count == BATCH_EVENTS_MAX
    }

    /// The events, to be handed over.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.count * EVENT_BYTES]
    }

    pub(crate) const fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds an event; there must be room.
    #[inline]
    pub(crate) fn push(&mut self, event: &Event) {
        let at = self.count * EVENT_BYTES;
        self.bytes[at..at + EVENT_BYTES].copy_from_slice(&event_bytes(event));
        self.count += 1;
    }
}

/// An event as the contract lays it out.
#[inline]
pub(crate) fn event_bytes(event: &Event) -> [u8; EVENT_BYTES] {
    let mut bytes = [0; EVENT_BYTES];
    bytes[0..4].copy_from_slice(&event.slot.to_le_bytes());
    bytes[4] = event.kind;
    bytes[5] = event.flags;
    bytes[6] = event.mime;
    bytes[8..16].copy_from_slice(&event.hash.to_le_bytes());
    bytes[16..24].copy_from_slice(&event.size.to_le_bytes());
    bytes[24..28].copy_from_slice(&event.fetch_us.to_le_bytes());
    bytes[28..32].copy_from_slice(&event.uses.to_le_bytes());
    bytes
}
