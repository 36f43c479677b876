//! Steps of requests, origins and workers: fetches, hits, purges, validation, expiry, victims taken.

use super::*;

fn key_of(key: usize) -> String {
    format!("http://origin.test/{key}")
}

/// The bytes of a fetch: its number first.
fn content(known: &Known) -> Vec<u8> {
    let pattern = (0..).map(|at: u64| (at.wrapping_mul(31).wrapping_add(known.fetch)) as u8);
    known.fetch.to_le_bytes().into_iter().chain(pattern).take(known.length).collect()
}

fn lines(fetch: u64, padding: usize) -> Fields {
    [("x-fetch", fetch.to_string()), ("x-padding", "p".repeat(padding))]
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

fn facts(fields: &Fields) -> Facts {
    let times = Times::at(UnixSecs(0));
    Facts::of(&ResponseFacts::of(200, fields, times.response), times, &Unsaid::default())
}

impl World {
    fn any_key(&mut self) -> usize {
        // Some keys are more popular than others.
        let below = self.rng.usize(1..=self.keys);
        self.rng.usize(..below)
    }

    fn known_of(&self, key: usize) -> Vec<SlotId> {
        self.model.iter().filter(|(_, known)| known.key == key).map(|(&id, _)| id).collect()
    }

    pub(super) fn fetch(&mut self) -> String {
        let key = self.any_key();
        let is_wanted_anew = self.rng.u32(..4) == 0;
        let have = self.repository.get(&key_of(key), &Fields::new()).filter(|_| is_wanted_anew);
        let joined = self.repository.join(&key_of(key), &Fields::new(), have.as_ref());
        drop(have);
        let Join::Lead(mut lead, reader) = joined else { return format!("{key} is there or on its way") };
        self.fetches += 1;
        let length = self.rng.usize(8..=self.length_max.max(9));
        // Small documents are the most common.
        let length = if self.rng.bool() { length.min(self.rng.usize(8..2000)) } else { length };
        let fresh_until = Tick::from_secs(self.now.as_secs() + self.rng.u64(..40));
        let known = Known { key, fetch: self.fetches, length, fresh_until };
        let fields = lines(known.fetch, self.rng.usize(..400));
        let fetched = Fetched {
            status: 200,
            reason: Bytes::from_static(b"OK"),
            facts: facts(&fields),
            variant: VariantKey::of(&fields, &Fields::new()).expect("varies by nothing"),
            fields,
            sharing: Sharing::Stored,
            length: self.rng.bool().then_some(length as u64),
            fresh_until,
            ttfb_us: 1,
            origin: 1,
            path_class: 0,
        };
        if lead.head(fetched).is_err() {
            return format!("{key} is too large: {length} bytes");
        }
        self.fills.push(Fill { known, sent: 0, lead, _reader: reader, is_purged: false });
        let told = format!("{key} is fetched as {}, {length} bytes", self.fetches);
        match self.rng.u32(..4) {
            0 => told,
            _ => format!("{told}, {}", self.finish_fill(self.fills.len() - 1)),
        }
    }

    /// Goes on with a fetch in progress.
    pub(super) fn go_on(&mut self) -> String {
        if self.fills.is_empty() {
            return "no fetch to go on with".to_owned();
        }
        let at = self.rng.usize(..self.fills.len());
        let fill = &mut self.fills[at];
        match self.rng.u32(..4) {
            0 => {
                let key = fill.known.key;
                drop(self.fills.swap_remove(at));
                format!("the fetch of {key} fails")
            }
            1 => {
                let more = self.rng.usize(..=fill.known.length - fill.sent);
                let bytes = &content(&fill.known)[fill.sent..fill.sent + more];
                fill.lead.append(bytes);
                fill.sent += more;
                format!("{more} bytes of {} come", fill.known.key)
            }
            _ => self.finish_fill(at),
        }
    }

    fn finish_fill(&mut self, at: usize) -> String {
        let mut fill = self.fills.swap_remove(at);
        fill.lead.append(&content(&fill.known)[fill.sent..]);
        // A new version takes the place of the old one.
        self.explained.extend(self.known_of(fill.known.key));
        match fill.lead.finish(Fields::new(), self.now, 5) {
            Ok(stored) => {
                assert!(!fill.is_purged, "a purged fetch was stored");
                self.model.insert(stored.id(), fill.known);
                format!("stored in {:?}", stored.id())
            }
            Err(why) => {
                assert_eq!(
                    fill.is_purged && why != Unstored::NoRoom && why != Unstored::TooLarge,
                    why == Unstored::Purged
                );
                format!("not stored: {}", why.as_str())
            }
        }
    }

    pub(super) fn hit(&mut self) -> String {
        let key = self.any_key();
        let Some(stored) = self.repository.get(&key_of(key), &Fields::new()) else {
            assert_eq!(self.known_of(key), [], "{key} is not found");
            return format!("{key} is not there");
        };
        let known = self.model.get(&stored.id()).expect("what is found was stored");
        assert_eq!(known.key, key);
        let body = stored.body().slices(0..u64::MAX).collect::<Vec<_>>().concat();
        assert!(body == content(known), "the body of {key} is another");
        let uses = self.board().documents().get(stored.id().slot).uses;
        self.repository.touch(0, &stored, self.now);
        assert_eq!(self.board().documents().get(stored.id().slot).uses, uses + 1);
        format!("{key} is hit")
    }

    pub(super) fn purge(&mut self) -> String {
        let key = self.any_key();
        let known = self.known_of(key);
        let purged = self.repository.purge(&key_of(key));
        assert_eq!(purged, known.len());
        self.explained.extend(known);
        self.fills.iter_mut().filter(|fill| fill.known.key == key).for_each(|fill| fill.is_purged = true);
        format!("{purged} documents of {key} are purged")
    }

    /// A stored response is validated: other metadata, so another size.
    pub(super) fn update(&mut self) -> String {
        let key = self.any_key();
        let Some(stored) = self.repository.get(&key_of(key), &Fields::new()) else {
            return format!("{key} is not there to be validated");
        };
        let fresh_until = Tick::from_secs(self.now.as_secs() + self.rng.u64(..40));
        let known = self.model.get_mut(&stored.id()).expect("what is found was stored");
        known.fresh_until = fresh_until;
        let fields = lines(known.fetch, self.rng.usize(..3000));
        let renewal = Renewal { fields: &fields, facts: facts(&fields), fresh_until };
        let new = self.repository.update(&stored, &renewal);
        assert_eq!(new.id(), stored.id());
        format!("{key} is validated: {} bytes", new.charged_bytes())
    }

    /// What has been stale for some time is removed.
    pub(super) fn expire(&mut self) -> String {
        let before = Tick::from_secs(self.now.as_secs().saturating_sub(self.rng.u64(..20)));
        let is_stale = |known: &Known| known.fresh_until < before;
        self.explained.extend(self.model.iter().filter(|(_, known)| is_stale(known)).map(|(&id, _)| id));
        let mut from = Some(0);
        let mut removed = 0;
        while let Some(slot) = from {
            let (documents, next) = self.repository.documents_from(slot, self.rng.u32(1..200));
            let stale = documents.iter().filter(|stored| is_stale(&self.model[&stored.id()]));
            removed += stale.filter(|stored| self.repository.remove(stored)).count();
            from = next;
        }
        assert_eq!(removed, self.explained.len());
        format!("{removed} stale documents are removed")
    }

    /// A client begins or ends being sent a document, which must not be evicted meanwhile.
    pub(super) fn pin(&mut self) -> String {
        if self.kind == Kind::Inline {
            return "nothing".to_owned();
        }
        if self.pinned.len() > 5 || self.rng.bool() {
            self.pinned.clear();
            return "nobody is being sent anything".to_owned();
        }
        let key = self.any_key();
        self.pinned.extend(self.repository.get(&key_of(key), &Fields::new()));
        format!("{key} is being sent")
    }

    /// A worker takes a victim, or answers for one it took.
    pub(super) fn worker(&mut self) -> String {
        if self.kind == Kind::Inline {
            return "nothing".to_owned();
        }
        if self.taken.len() < 3 && self.rng.bool() {
            let Some(offer) = self.board().take_victim() else {
                assert!(self.model.is_empty(), "nobody to evict");
                return "there is no victim".to_owned();
            };
            assert!(self.model.contains_key(&offer.id), "{offer:?} is no document");
            let is_known = self.with(|executor| executor.rank_of(offer.id).is_some());
            assert!(is_known || offer.picker == Picker::Fallback, "{offer:?} was made of another document");
            self.taken.push(offer);
            return format!("{offer:?} is taken");
        }
        let Some(offer) = self.taken.pop() else { return "no offer to answer".to_owned() };
        if self.rng.bool() {
            self.board().give_back(offer);
            return format!("{offer:?} is given back");
        }
        if let Some(stored) = self.repository.by_slot(offer.id.slot).filter(|stored| stored.id() == offer.id)
        {
            assert!(self.repository.remove(&stored));
            self.explained.insert(offer.id);
        }
        format!("{offer:?} is removed")
    }

    pub(super) fn change_limit(&mut self) -> String {
        let limit = self.repository.usage().limit;
        let limit = (limit as f64 * (0.7 + 0.65 * self.rng.f64())) as u64;
        self.repository.set_limit(limit.max(10_000));
        format!("the limit is {limit}")
    }
}
