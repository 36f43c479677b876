//! A cache of one size under one policy: what becomes of one request.
//!
//! The index is an array: objects are numbered densely, so finding a document is one load. All that decides is the
//! engine's: columns, executor, orders.

use cnn_core::policy::{
    BYPASS_FOR, Candidate, Direct, Document, HitEvents, PrepareError, Prepared, Slot, Verdict,
};
use cnn_core::time::Tick;

use super::accounting::{Accounting, Room};
use super::admission::{Admitting, Asked};
use super::latency::Latency;
use super::outcome::Faults;
use super::policy::{Health, Policy};
use crate::{Flags, Row, Trace};

/// No slot: the object is not in the cache.
const NONE: Slot = Slot::MAX;

/// A request for which a stored document is of no use.
const NOT_FROM_STORE: u32 = Flags::RELOAD | Flags::UNSTORABLE | Flags::CHANGED;

/// The cache.
// Invariants: (1) slot_of[object_of[slot]] == slot for every slot in use; (2) used is the sum of the sizes of all
// documents in the engine, at most the capacity between two requests.
pub(super) struct Cache<'a> {
    trace: &'a Trace,
    engine: Direct,
    slot_of: Vec<Slot>,
    object_of: Vec<u32>,
    accounting: Accounting,
    admission: Option<Asked>,
    /// Whether the admission policy is told of hits.
    tells_hits: bool,
    /// Until when each origin is passed by, by its number; empty where the admission policy names none.
    bypassed: Vec<Tick>,
    capacity: u64,
    largest: u64,
    used: u64,
    evictions: u64,
    not_admitted: u64,
    /// Of the modules that decide or decided, by name.
    healths: Vec<(String, Health)>,
    /// Faults of engines that were flushed.
    overruled: u64,
}

impl<'a> Cache<'a> {
    /// An empty cache of `capacity` units for a trace.
    pub(super) fn new(
        trace: &'a Trace,
        policy: &Policy,
        capacity: u64,
        accounting: Accounting,
        admission: Option<&Admitting>,
    ) -> Result<Self, PrepareError> {
        let objects = trace.objects().len();
        let mut healths = Vec::new();
        let first = prepare(policy, capacity, objects.max(1), &mut healths)?;
        let mut asked = admission.map(|admission| admission.build(capacity)).transpose()?;
        if let (Some(admission), Some(asked)) = (admission, &mut asked) {
            healths.extend(asked.health.take().map(|health| (admission.name().to_owned(), health)));
        }
        let origins =
            if asked.as_ref().is_some_and(|asked| asked.bypasses) { trace.origins().len() } else { 0 };
        Ok(Self {
            trace,
            engine: Direct::new(first, objects),
            slot_of: vec![NONE; objects],
            object_of: Vec::new(),
            accounting,
            tells_hits: asked.as_ref().is_some_and(|asked| asked.hit_events == HitEvents::Needed),
            bypassed: vec![Tick::default(); origins],
            admission: asked,
            capacity,
            largest: accounting.largest(capacity),
            used: 0,
            evictions: 0,
            not_admitted: 0,
            healths,
            overruled: 0,
        })
    }

    /// What one request comes to: whether it is answered from the cache.
    #[inline]
    pub(super) fn request(&mut self, row: &Row) -> bool {
        self.engine.set_now(Tick(row.time_us));
        if !self.bypassed.is_empty() && self.is_passed_by(row) {
            self.not_admitted += 1;
            return false;
        }
        let slot = self.slot_of[row.object as usize];
        if slot != NONE && row.flags & NOT_FROM_STORE == 0 {
            self.engine.hit(slot);
            if self.tells_hits {
                self.tell_admission(slot);
            }
            return true;
        }
        self.miss(row, slot);
        false
    }

    /// Brings what some requests will look at nearer; what it returns means nothing.
    #[inline]
    pub(super) fn fetch(&self, rows: &[Row]) -> u64 {
        let columns = self.engine.columns();
        let slots = rows.iter().map(|row| self.slot_of[row.object as usize]).filter(|&slot| slot != NONE);
        slots.map(|slot| columns.size(slot)).fold(0, u64::wrapping_add)
    }

    fn miss(&mut self, row: &Row, slot: Slot) {
        if row.flags & Flags::UNSTORABLE != 0 {
            self.not_admitted += 1;
            return;
        }
        let charge = self.accounting.charge(row.size);
        let document = self.document(row, charge);
        // A reload or another version: what was stored goes, and its history with it. It was admitted once.
        let is_admitted = if slot != NONE {
            self.forget(slot);
            charge <= self.largest
        } else {
            charge <= self.largest && self.admits(row.object, document)
        };
        if !is_admitted {
            self.not_admitted += 1;
            return;
        }
        while self.accounting.room == Room::Before && self.used > self.capacity - charge {
            self.evict();
        }
        self.store(row.object, &document);
        while self.used > self.capacity {
            self.evict();
        }
    }

    /// The document as it would be stored.
    fn document(&self, row: &Row, charge: u64) -> Document {
        let object = &self.trace.objects()[row.object as usize];
        let now = Tick(row.time_us);
        Document {
            hash: object.hash,
            size: charge,
            created: now,
            last_used: now,
            fresh_until: Tick(u64::MAX),
            uses: 1,
            ttfb_us: 0,
            fetch_us: Latency::logged_us(row).unwrap_or(0),
            origin: object.origin,
            path_class: 0,
            status: self.trace.facts()[row.facts as usize].status,
            mime: object.mime,
        }
    }

    /// Whether the admission policy, if there is one, wants a document. Traces keep no paths.
    fn admits(&mut self, object: u32, document: Document) -> bool {
        let Some(asked) = &mut self.admission else { return true };
        let host = host(self.trace, object);
        let verdict = asked.policy.admit(&Candidate { document, host, path: "" });
        // As in the proxy, an origin is asked about after a candidate of it.
        if let Some(until) = self.bypassed.get_mut(document.origin as usize) {
            let is_passed_by = asked.policy.bypass(document.origin, host);
            *until = if is_passed_by {
                Tick(document.created.0.saturating_add(BYPASS_FOR.0))
            } else {
                Tick::default()
            };
        }
        verdict == Verdict::Admit
    }

    fn is_passed_by(&self, row: &Row) -> bool {
        let origin = self.trace.objects()[row.object as usize].origin;
        self.bypassed.get(origin as usize).is_some_and(|&until| Tick(row.time_us) < until)
    }

    fn tell_admission(&mut self, slot: Slot) {
        if let Some(asked) = &mut self.admission {
            asked.policy.hit(&self.engine.columns().get(slot));
        }
    }

    fn store(&mut self, object: u32, document: &Document) {
        let slot = self.engine.insert(document).expect("there are as many slots as objects");
        let index = slot as usize;
        if index >= self.object_of.len() {
            self.object_of.resize(index + 1, 0);
        }
        self.object_of[index] = object;
        self.slot_of[object as usize] = slot;
        self.used += document.size;
    }

    fn evict(&mut self) {
        let event = self.engine.evict().expect("a cache in use has a victim");
        self.slot_of[self.object_of[event.slot as usize] as usize] = NONE;
        self.used -= event.size;
        self.evictions += 1;
    }

    fn forget(&mut self, slot: Slot) {
        self.used -= self.engine.columns().size(slot);
        self.engine.remove(slot);
        self.slot_of[self.object_of[slot as usize] as usize] = NONE;
    }

    /// Begins again with an empty cache under this policy.
    pub(super) fn flush(&mut self, policy: &Policy) -> Result<(), PrepareError> {
        let first = self.prepare(policy)?;
        self.overruled += self.engine.with(|executor| executor.faults());
        self.engine = Direct::new(first, self.slot_of.len());
        self.slot_of.fill(NONE);
        self.used = 0;
        Ok(())
    }

    /// The engine, for switches and questions.
    pub(super) fn engine(&mut self) -> &mut Direct {
        &mut self.engine
    }

    /// An instance of a policy for this cache, whose faults are counted.
    pub(super) fn prepare(&mut self, policy: &Policy) -> Result<Prepared, PrepareError> {
        prepare(policy, self.capacity, self.slot_of.len().max(1), &mut self.healths)
    }

    /// What policies have done wrong so far.
    pub(super) fn faults(&mut self) -> Faults {
        let modules = self.healths.iter().map(|(name, health)| (name.clone(), health()));
        Faults {
            overruled: self.overruled + self.engine.with(|executor| executor.faults()),
            modules: modules.filter(|(_, ailing)| ailing.calls > 0).collect(),
        }
    }

    /// Units in use.
    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    pub(super) const fn documents(&self) -> u64 {
        self.engine.len() as u64
    }

    pub(super) const fn evictions(&self) -> u64 {
        self.evictions
    }

    pub(super) const fn not_admitted(&self) -> u64 {
        self.not_admitted
    }
}

/// An instance of a policy for so many units and slots; at most as many slots as objects are ever used.
fn prepare(
    policy: &Policy,
    capacity: u64,
    slots_max: usize,
    healths: &mut Vec<(String, Health)>,
) -> Result<Prepared, PrepareError> {
    let instance = policy.prepare(capacity, slots_max)?;
    healths.extend(instance.health.map(|health| (policy.name().to_owned(), health)));
    Ok(instance.prepared)
}

/// The host an object comes from; empty where the trace has no names.
fn host(trace: &Trace, object: u32) -> &str {
    let origin = trace.objects()[object as usize].origin;
    let origin = trace.origins().get(origin as usize).map_or("", String::as_str);
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}
