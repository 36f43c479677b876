//! A module called again as its journal says, with counted instructions and with the places where it trapped.

use cnn_abi::{BATCH_EVENTS_MAX, COLUMNS_BYTES, EVENT_BYTES, PICKS_MAX, SCORES_MAX};
use cnn_core::policy::Slot;
use wasmtime::WasmBacktrace;

use super::guest::{Function, Guest, InstantiateError, Room, kind_of, why};
use crate::fault::{Fault, FaultKind, printable};
use crate::journal::{Called, records};
use crate::reproducer::Frame;

/// What the last call of a journal came to.
pub(crate) struct Outcome {
    pub(crate) fault: Option<Fault>,
    pub(crate) frames: Vec<Frame>,
    pub(crate) calls: u64,
    pub(crate) earlier_faults: u64,
}

/// Why a call is a fault.
enum Failed {
    Call(wasmtime::Error, &'static str),
    Answer(Fault),
}

/// Makes an instance and calls it as the journal says. `refused` is the victim that was not believed, if that was the
/// fault: only the cache knows which it has.
pub(crate) fn again(
    guest: Guest,
    bytes: &[u8],
    journal: &[u8],
    refused: Option<Fault>,
) -> Result<Outcome, InstantiateError> {
    let mut rig = Rig::new(guest, refused)?;
    let (mut calls, mut faults, mut last) = (0, 0, None);
    for (called, input) in records(journal) {
        calls += 1;
        last = rig.call(called, input).err();
        faults += u64::from(last.is_some());
    }
    let earlier_faults = faults - u64::from(last.is_some());
    let (fault, frames) = match last {
        None => (None, Vec::new()),
        Some(Failed::Answer(fault)) => (Some(fault), Vec::new()),
        Some(Failed::Call(error, function)) => {
            let fault = Fault::new(kind_of(&error), function, why(&error));
            (Some(fault), frames(&error, bytes))
        }
    };
    Ok(Outcome { fault, frames, calls, earlier_faults })
}

/// An instance with whatever it exports; a journal calls only what is there.
struct Rig {
    guest: Guest,
    refused: Option<Fault>,
    events: Option<Room>,
    picks: Option<Room>,
    documents: Option<Room>,
    values: Option<Room>,
    on_events: Option<Function<(u32, u64), ()>>,
    victims: Option<Function<u32, u32>>,
    len: Option<Function<(), u32>>,
    rank: Option<Function<(u32, u32), u32>>,
    key: Option<Function<u64, f64>>,
    evicted: Option<Function<f64, ()>>,
    scores: Option<Function<(u32, u64), ()>>,
}

impl Rig {
    /// Asks for the rooms in the order in which policies do.
    fn new(mut guest: Guest, refused: Option<Fault>) -> Result<Self, InstantiateError> {
        let mut room = |name: &'static str, align, bytes| match guest.function_if_any::<(), u32>(name) {
            Some(_) => guest.room(name, align, bytes).map(Some),
            None => Ok(None),
        };
        let (events, picks, documents, values) = (
            room("events", 8, BATCH_EVENTS_MAX * EVENT_BYTES)?,
            room("picks", 4, PICKS_MAX * size_of::<Slot>())?,
            room("documents", 8, SCORES_MAX * COLUMNS_BYTES)?,
            room("values", 8, SCORES_MAX * size_of::<f64>())?,
        );
        Ok(Self {
            refused,
            events,
            picks,
            documents,
            values,
            on_events: guest.function_if_any("on_events"),
            victims: guest.function_if_any("victims"),
            len: guest.function_if_any("len"),
            rank: guest.function_if_any("rank"),
            key: guest.function_if_any("key"),
            evicted: guest.function_if_any("evicted"),
            scores: guest.function_if_any("scores"),
            guest,
        })
    }

    /// One call; a record that does not fit the module is passed over.
    fn call(&mut self, called: Called, input: &[u8]) -> Result<(), Failed> {
        let time = input.first_chunk().map_or(0, |&time| u64::from_le_bytes(time));
        let number = |at: usize| {
            let found = input.get(at..).and_then(|rest| rest.first_chunk());
            found.map_or(0, |&number| u32::from_le_bytes(number))
        };
        let rest = input.get(8..).unwrap_or_default();
        match called {
            Called::OnEvents => {
                let (Some(room), Some(on_events)) = (self.events, self.on_events.clone()) else {
                    return Ok(());
                };
                self.write(room, rest);
                self.ask(&on_events, ((rest.len() / EVENT_BYTES) as u32, time))
            }
            Called::Victims => self.victims(number(0)),
            Called::Len => {
                let Some(len) = self.len.clone() else { return Ok(()) };
                self.ask(&len, ()).map(drop)
            }
            Called::Rank => {
                let Some(rank) = self.rank.clone() else { return Ok(()) };
                let count = self.ask(&rank, (number(0), number(4)))?;
                match count <= number(4) {
                    true => Ok(()),
                    false => Err(Failed::Answer(Fault::count("rank", count, number(4)))),
                }
            }
            Called::Key => {
                let (Some(room), Some(key)) = (self.events, self.key.clone()) else { return Ok(()) };
                self.write(room, rest);
                finite("key", self.ask(&key, time)?)
            }
            Called::Evicted => {
                let Some(evicted) = self.evicted.clone() else { return Ok(()) };
                self.ask(&evicted, f64::from_bits(time))
            }
            Called::Scores => {
                let (Some(documents), Some(values)) = (self.documents, self.values) else { return Ok(()) };
                let Some(scores) = self.scores.clone() else { return Ok(()) };
                self.write(documents, rest);
                let count = rest.len() / COLUMNS_BYTES;
                self.ask(&scores, (count as u32, time))?;
                let values = self.guest.read(values, count * size_of::<f64>()).as_chunks().0;
                values.iter().try_for_each(|&value| finite("scores", f64::from_le_bytes(value)))
            }
        }
    }

    fn victims(&mut self, asked: u32) -> Result<(), Failed> {
        let (Some(room), Some(victims)) = (self.picks, self.victims.clone()) else { return Ok(()) };
        let count = self.ask(&victims, asked)?;
        if count > asked {
            return Err(Failed::Answer(Fault::count("victims", count, asked)));
        }
        let Some(refused) = &self.refused else { return Ok(()) };
        let named = self.guest.read(room, count as usize * size_of::<Slot>()).as_chunks().0;
        let is_named = |slot: Slot| named.iter().any(|&other| Slot::from_le_bytes(other) == slot);
        let is_again = match refused.slot {
            Some(slot) => is_named(slot),
            None => refused.kind == FaultKind::NoVictim && count < asked,
        };
        if is_again { Err(Failed::Answer(refused.clone())) } else { Ok(()) }
    }

    fn ask<P, R>(&mut self, function: &Function<P, R>, parameters: P) -> Result<R, Failed>
    where
        P: wasmtime::WasmParams,
        R: wasmtime::WasmResults,
    {
        self.guest.try_call(function, parameters).map_err(|error| Failed::Call(error, function.name()))
    }

    fn write(&mut self, room: Room, bytes: &[u8]) {
        self.guest.write(room, bytes);
    }
}

fn finite(function: &'static str, value: f64) -> Result<(), Failed> {
    if value.is_finite() { Ok(()) } else { Err(Failed::Answer(Fault::not_finite(function, value))) }
}

/// The functions that were running when a call trapped, the innermost first.
fn frames(error: &wasmtime::Error, bytes: &[u8]) -> Vec<Frame> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    // Printing takes a while and is done once; the places are looked up in the text.
    let mut text = String::new();
    let mut printer = wasmprinter::Config::new();
    let is_printed = printer.print_offsets(true).print(bytes, &mut wasmprinter::PrintFmtWrite(&mut text));
    if is_printed.is_err() {
        text.clear();
    }
    let frame = |frame: &wasmtime::FrameInfo| Frame {
        index: frame.func_index(),
        name: frame.func_name().map(printable),
        offset: frame.module_offset(),
        instruction: frame.module_offset().and_then(|offset| instruction(&text, offset)),
    };
    trace.frames().iter().map(frame).collect()
}

/// The line of a text printed with offsets that begins at this one: `(;@1a   ;)      unreachable`.
fn instruction(text: &str, offset: usize) -> Option<String> {
    text.lines().find_map(|line| {
        let (at, code) = line.trim_start().strip_prefix("(;@")?.split_once(";)")?;
        let is_there = usize::from_str_radix(at.trim(), 16).is_ok_and(|at| at == offset);
        is_there.then(|| code.trim().to_owned())
    })
}
