//! What is stored: an index of responses by key and variant, the bodies, and the one byte budget they share; and what
//! is being fetched, so that a document is fetched once however many ask for it. The repository does no I/O, reads no
//! clock and decides nothing: HTTP's rules are [`crate::rfc9111`]'s, and who goes when room is needed is for the
//! replacement policy to say, through the [`Board`].
//!
//! Who needs room makes it, then and there: the victims are picked ahead of need, so nobody waits for a policy. A
//! document that somebody holds (is sending) is never evicted, because that would free nothing.
//!
//! Locks: one per shard of the index, then that of a fetch in progress; never the other way round, and no two of a
//! kind. The board's queues, the budget and the templates are told under a shard's lock, and none of them calls back.

mod body;
mod budget;
mod fill;
mod head;
mod index;
mod invariants;
mod room;
mod stored;
mod template;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ahash::RandomState;

pub use self::body::Body;
pub use self::budget::{Budget, Charge, allocated_bytes};
pub use self::fill::{
    Demand, Fetched, FillError, FillHead, FillLead, FillPart, FillReader, Sharing, Unstored,
};
pub use self::head::{Head, HeadValue};
pub use self::stored::Stored;

use self::fill::Fill;
use self::index::{Index, Shard, Totals};
use self::stored::{Draft, Meta};
use self::template::Templates;
use crate::fields::Fields;
use crate::limits::FILL_BYTES;
use crate::policy::{Board, Document, Mime, Removal, Slot, SlotId};
use crate::rfc9111::Facts;
use crate::time::Tick;

/// How much a repository may hold.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes for everything: bodies, metadata, fetches in progress.
    pub limit_bytes: u64,
    /// Largest body that is stored.
    pub object_bytes_max: u64,
    /// Seeds of the hash of keys; random in production, so that nobody can choose keys that collide.
    pub hash_seeds: [u64; 4],
}

/// The store of responses, shared by all workers.
pub struct Repository {
    index: Index,
    templates: Templates,
    budget: Arc<Budget>,
    /// Of the budget, what large bodies hold that are arriving to be stored; limited to their share.
    filling: Arc<Budget>,
    board: Arc<Board>,
    object_bytes_max: AtomicU64,
    no_room: AtomicU64,
}

/// What joining the fetch of a key comes to.
pub enum Join {
    /// It was stored meanwhile.
    Stored(Arc<Stored>),
    /// Nobody fetches it: the caller does, and its own client reads.
    Lead(FillLead, FillReader),
    /// It is being fetched: the caller's client reads along.
    Follow(FillReader),
}

/// New metadata for a stored response, from a 304 or a HEAD.
#[derive(Clone, Copy, Debug)]
pub struct Renewal<'a> {
    /// All header lines, those that stay included.
    pub fields: &'a Fields,
    /// What HTTP's rules need to know of it from now on.
    pub facts: Facts,
    /// Until when it is fresh.
    pub fresh_until: Tick,
}

/// When a response was fetched, and in what time.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    now: Tick,
    /// Microseconds; 0 when unknown.
    fetch_us: u32,
}

/// What is held, in documents and bytes charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Stored responses.
    pub documents: u64,
    /// The limit.
    pub limit: u64,
    /// Everything: the sum of the four below.
    pub used: u64,
    /// For bodies of stored responses.
    pub bodies: u64,
    /// For keys and heads, shared templates included.
    pub heads: u64,
    /// For places in the index, the columns and the order of the policy, and for what ties them together.
    pub metadata: u64,
    /// For fetches in progress, and for responses that are gone but still being sent.
    pub in_flight: u64,
    /// Fetches in progress that others can join.
    pub fills: u64,
    /// Heads' templates.
    pub templates: u64,
    /// Times no room could be made.
    pub no_room: u64,
}

impl Repository {
    /// An empty repository whose documents get their slots from `board`.
    pub fn new(config: &Config, board: Arc<Board>) -> Self {
        let budget = Arc::new(Budget::new(config.limit_bytes));
        let [a, b, c, d] = config.hash_seeds;
        Self {
            index: Index::new(config.hash_seeds),
            templates: Templates::new(RandomState::with_seeds(b, c, d, a), Arc::clone(&budget)),
            filling: Arc::new(Budget::new(room::filling_limit(config.limit_bytes))),
            budget,
            board,
            object_bytes_max: AtomicU64::new(config.object_bytes_max),
            no_room: AtomicU64::new(0),
        }
    }

    /// The budget, for what else is held on behalf of requests.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The board that documents get their slots from.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Largest body that is stored.
    pub fn object_bytes_max(&self) -> u64 {
        self.object_bytes_max.load(Relaxed)
    }

    /// Changes how large a stored body may be; what is stored stays.
    pub fn set_object_bytes_max(&self, bytes: u64) {
        self.object_bytes_max.store(bytes, Relaxed);
    }

    /// The keyed hash of a key: what documents are known by to policies and monitors, for the life of the repository.
    pub fn key_hash(&self, key: &str) -> u64 {
        self.index.hash(key)
    }

    /// The stored response for a GET of `key` with these fields: of those whose Vary matches, the most recent.
    #[inline]
    pub fn get(&self, key: &str, request: &Fields) -> Option<Arc<Stored>> {
        let hash = self.index.hash(key);
        self.index.read(hash).select(hash, key, request).map(Arc::clone)
    }

    /// A stored response was used.
    #[inline]
    pub fn touch(&self, worker: usize, stored: &Stored, now: Tick) {
        self.board.hit(worker, stored.id(), now);
    }

    /// Joins the fetch of `key` for a request with these fields, or starts it. `have` is what [`Repository::get`]
    /// returned, if that will not do; another one stored since then is returned instead.
    pub fn join(self: &Arc<Self>, key: &str, request: &Fields, have: Option<&Arc<Stored>>) -> Join {
        let hash = self.index.hash(key);
        let mut shard = self.index.write(hash);
        if let Some(stored) = shard.select(hash, key, request)
            && !have.is_some_and(|have| Arc::ptr_eq(have, stored))
        {
            return Join::Stored(Arc::clone(stored));
        }
        if let Some(reader) = shard.fills(hash, key).find_map(|fill| fill.follow(request)) {
            return Join::Follow(reader);
        }
        let fill = self.new_fill(key, hash);
        shard.add_fill(Arc::clone(&fill));
        drop(shard);
        let (lead, reader) = self.ends_of(fill);
        Join::Lead(lead, reader)
    }

    /// Starts a fetch of `key` that nobody joins: for a response that is not expected to be shared, or for a request
    /// that insists on its own. A purge of the key keeps its response from being stored, as for any other.
    pub fn fetch_alone(self: &Arc<Self>, key: &str) -> (FillLead, FillReader) {
        let hash = self.index.hash(key);
        let fill = self.new_fill(key, hash);
        fill.stay_alone();
        self.index.write(hash).add_fill(Arc::clone(&fill));
        self.ends_of(fill)
    }

    /// Gives a stored response new metadata; the new one has the same slot and body. It is the caller's to serve even
    /// when the old one is no longer stored; then it is not stored either.
    pub fn update(&self, old: &Arc<Stored>, renewal: &Renewal<'_>) -> Arc<Stored> {
        let head = old.head();
        let meta = Meta {
            key: old.key(),
            hash: old.hash(),
            status: head.status(),
            reason: head.reason(),
            fields: renewal.fields,
            facts: &renewal.facts,
            variant: &old.variant().cloned().unwrap_or_default(),
            origin: old.origin(),
        };
        let trailers = old.trailers().cloned().unwrap_or_default();
        let draft = Draft::new(&self.templates, meta, old.body().again(), trailers);
        let bytes = draft.own_bytes();
        // The old one's bytes come back in a moment, so this may exceed the limit for as long.
        let charge = self.charge(bytes).unwrap_or_else(|| self.budget.charge_forced(bytes));
        let new = Arc::new(draft.into_stored(old.id(), charge));
        let mut shard = self.index.write(old.hash());
        let replaced = shard.replace(old, Arc::clone(&new));
        if replaced.is_some() {
            self.board.updated(old.id(), new.charged_bytes(), renewal.fresh_until);
        }
        drop(shard);
        new
    }

    /// Removes one stored response, if it is still the one stored. Says whether it was.
    pub fn remove(&self, stored: &Arc<Stored>) -> bool {
        let mut shard = self.index.write(stored.hash());
        let is_there =
            shard.by_id(stored.hash(), stored.id()).is_some_and(|there| Arc::ptr_eq(there, stored));
        let removed = is_there.then(|| shard.remove(stored.hash(), stored.id())).flatten();
        self.tell_removed(&removed, Removal::Gone);
        drop(shard);
        removed.is_some()
    }

    /// Removes every variant of a key, and keeps what is being fetched of it from being stored. Returns how many
    /// documents went.
    pub fn purge(&self, key: &str) -> usize {
        let hash = self.index.hash(key);
        let (mut removed, mut fills) = (Vec::new(), Vec::new());
        let mut shard = self.index.write(hash);
        while let Some(stored) = shard.remove_key(hash, key) {
            removed.push(stored);
        }
        while let Some(fill) = shard.remove_fill_of(hash, key) {
            fill.doom();
            fills.push(fill);
        }
        self.tell_removed(&removed, Removal::Gone);
        drop(shard);
        removed.len()
    }

    /// Whether any variant of a key is stored.
    pub fn has(&self, key: &str) -> bool {
        let hash = self.index.hash(key);
        self.index.read(hash).variants(hash, key).next().is_some()
    }

    /// Every stored variant of a key, in no particular order.
    pub fn variants(&self, key: &str) -> Vec<Arc<Stored>> {
        let hash = self.index.hash(key);
        self.index.read(hash).variants(hash, key).map(Arc::clone).collect()
    }

    /// Fetches of a key in progress.
    pub fn fills_of(&self, key: &str) -> usize {
        let hash = self.index.hash(key);
        self.index.read(hash).fills(hash, key).count()
    }

    /// The document in a slot.
    pub fn by_slot(&self, slot: Slot) -> Option<Arc<Stored>> {
        let documents = self.board.documents();
        let id = SlotId { slot, generation: documents.generation(slot) };
        let hash = documents.is_resident(slot).then(|| documents.get(slot).hash)?;
        self.index.read(hash).by_id(hash, id).map(Arc::clone)
    }

    /// The keyed hash of a key, by which policies know its document.
    pub fn hash_of(&self, key: &str) -> u64 {
        self.index.hash(key)
    }

    /// What a document with a body of so many bytes would be charged, but for what is special about its head.
    pub fn estimated_charge(key: &str, body_bytes: u64) -> u64 {
        stored::estimated_bytes(key.len() as u64).saturating_add(allocated_bytes(body_bytes))
    }

    /// What is held now. Not one moment's: workers go on while it adds up.
    pub fn usage(&self) -> Usage {
        let (mut totals, mut fills) = (Totals::default(), 0);
        for shard in self.index.shards() {
            let shard = shard.read();
            totals = totals.plus(shard.totals);
            fills += shard.fills_in_progress() as u64;
        }
        let (heads, used) = (totals.texts + self.templates.bytes(), self.budget.used());
        Usage {
            documents: totals.documents,
            limit: self.budget.limit(),
            used,
            bodies: totals.bodies,
            heads,
            metadata: totals.metadata,
            in_flight: used.saturating_sub(totals.bodies + heads + totals.metadata),
            fills,
            templates: self.templates.len() as u64,
            no_room: self.no_room.load(Relaxed),
        }
    }

    fn templates(&self) -> &Templates {
        &self.templates
    }

    fn new_fill(&self, key: &str, hash: u64) -> Arc<Fill> {
        let metadata = FILL_BYTES + allocated_bytes(key.len() as u64);
        let body = [&self.budget, &self.filling].map(|budget| budget.charge_forced(0));
        Arc::new(Fill::new(key, hash, self.budget.charge_forced(metadata), body))
    }

    fn ends_of(self: &Arc<Self>, fill: Arc<Fill>) -> (FillLead, FillReader) {
        let reader = fill.first_reader();
        (FillLead::new(Arc::clone(self), fill), reader)
    }

    /// A fetch cannot be joined any more.
    fn leave(&self, fill: &Arc<Fill>) {
        let removed = self.index.write(fill.hash()).remove_fill(fill);
        drop(removed);
    }

    /// A fetch cannot be joined any more, unless somebody reads it. Says whether it is so: under the shard's lock, so that
    /// nobody joins in between.
    fn leave_if_unread(&self, fill: &Arc<Fill>) -> bool {
        let mut shard = self.index.write(fill.hash());
        let is_unread = !fill.has_readers();
        let removed = is_unread.then(|| shard.remove_fill(fill));
        drop(shard);
        drop(removed);
        is_unread
    }

    /// Stores a whole response and ends its fetch, both at once for whoever looks.
    fn store(
        &self,
        draft: Draft,
        fetched: &Fetched,
        fetch: Fetch,
        fill: &Arc<Fill>,
    ) -> Result<Arc<Stored>, (Body, Unstored)> {
        let Some(charge) = self.charge(draft.own_bytes()) else {
            return Err((draft.into_body(), Unstored::NoRoom));
        };
        let Some(id) = self.slot() else { return Err((draft.into_body(), Unstored::NoRoom)) };
        let stored = Arc::new(draft.into_stored(id, charge));
        let document = Document {
            hash: stored.hash(),
            size: stored.charged_bytes(),
            created: fetch.now,
            last_used: fetch.now,
            fresh_until: fetched.fresh_until,
            uses: 1,
            ttfb_us: fetched.ttfb_us,
            fetch_us: fetch.fetch_us,
            origin: fetched.origin,
            path_class: fetched.path_class,
            status: fetched.status,
            mime: Mime::of(fetched.fields.first("content-type").unwrap_or_default()),
        };
        let mut shard = self.index.write(fill.hash());
        let ended = shard.remove_fill(fill);
        if fill.is_doomed() {
            drop(shard);
            self.board.free_slot(id);
            return Err((stored.body().again(), Unstored::Purged));
        }
        let removed = self.insert(&mut shard, &stored, document);
        drop(shard);
        drop((ended, removed));
        Ok(stored)
    }

    /// Puts a response into its shard. A new version of a document goes on counting its uses: they tell how popular the
    /// document is, not its bytes.
    fn insert(&self, shard: &mut Shard, stored: &Arc<Stored>, mut document: Document) -> Option<Arc<Stored>> {
        let removed = shard.insert(Arc::clone(stored));
        if let Some(former) = removed.as_ref().filter(|former| former.is_same_variant(stored)) {
            document.uses = self.board.documents().get(former.id().slot).uses.saturating_add(1);
        }
        self.tell_removed(&removed, Removal::Gone);
        self.board.inserted(stored.id(), &document);
        removed
    }

    /// To be called under the lock of the shard they were taken out of, so that events are in the order of the index.
    fn tell_removed<'a>(&self, removed: impl IntoIterator<Item = &'a Arc<Stored>>, why: Removal) {
        for stored in removed {
            self.board.removed(stored.id(), why);
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
