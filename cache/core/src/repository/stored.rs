//! One stored response, immutable. Validation makes a new one with the same slot and the same body. Who holds an
//! `Arc<Stored>` can send it to the end, evicted or not; its bytes stay charged until the last holder is done.

use std::sync::Arc;

use super::body::Body;
use super::budget::{Charge, allocated_bytes};
use super::head::{self, Head};
use super::template::{Template, Templates};
use crate::fields::Fields;
use crate::limits::DOCUMENT_BYTES;
use crate::policy::SlotId;
use crate::rfc9111::{Facts, VariantKey};
use crate::time::UnixSecs;

/// A stored response. Small on purpose: there may be millions (the test of the repository's footprint counts them).
#[derive(Debug)]
pub struct Stored {
    facts: Facts,
    body: Body,
    template: Arc<Template>,
    /// The key, then the head's own values: one allocation for both.
    text: Box<[u8]>,
    rare: Option<Box<Rare>>,
    id: SlotId,
    hash: u64,
    /// Bytes of `text` that are the key.
    // Invariant: those bytes are valid UTF-8; they were a `str`.
    key_bytes: u32,
    origin: u32,
    /// The last field, so that the bytes are given back after the memory is.
    charge: Charge,
}

/// What few documents have.
#[derive(Debug)]
struct Rare {
    variant: VariantKey,
    trailers: Option<Box<Fields>>,
}

impl Rare {
    fn bytes(&self) -> u64 {
        let trailers = self.trailers.as_deref().map_or(0, |trailers| {
            let text: usize = trailers.iter().map(|(name, value)| name.len() + value.len()).sum();
            allocated_bytes(size_of::<Fields>() as u64) + allocated_bytes(text as u64)
        });
        let variant = allocated_bytes(self.variant.as_bytes().len() as u64);
        allocated_bytes(size_of::<Self>() as u64) + variant + trailers
    }
}

/// What a stored response is made of, but for its slot and its charge.
#[derive(Debug)]
pub(super) struct Draft {
    facts: Facts,
    body: Body,
    template: Arc<Template>,
    text: Box<[u8]>,
    rare: Option<Box<Rare>>,
    hash: u64,
    key_bytes: u32,
    origin: u32,
}

/// A response's metadata, borrowed: what goes into a stored response beside its body.
#[derive(Clone, Copy)]
pub(super) struct Meta<'a> {
    pub(super) key: &'a str,
    pub(super) hash: u64,
    pub(super) status: u16,
    pub(super) reason: &'a [u8],
    pub(super) fields: &'a Fields,
    pub(super) facts: &'a Facts,
    pub(super) variant: &'a VariantKey,
    pub(super) origin: u32,
}

impl Draft {
    pub(super) fn new(templates: &Templates, meta: Meta<'_>, body: Body, trailers: Fields) -> Self {
        let mut text = Vec::with_capacity(meta.key.len() + 128);
        text.extend_from_slice(meta.key.as_bytes());
        let template = head::pack(templates, meta.status, meta.reason, meta.fields, &mut text);
        let trailers = (!trailers.is_empty()).then(|| Box::new(trailers));
        let is_rare = trailers.is_some() || !meta.variant.is_empty();
        Self {
            facts: *meta.facts,
            body,
            template,
            text: text.into(),
            rare: is_rare.then(|| Box::new(Rare { variant: meta.variant.clone(), trailers })),
            hash: meta.hash,
            key_bytes: meta.key.len() as u32,
            origin: meta.origin,
        }
    }

    /// Bytes the document must charge: everything of its own, its places in index, columns and policy included, and a
    /// body that is not shared.
    pub(super) fn own_bytes(&self) -> u64 {
        let rare = self.rare.as_ref().map_or(0, |rare| rare.bytes());
        DOCUMENT_BYTES + STORED_BYTES + allocated_bytes(self.text.len() as u64) + rare + self.body.own_bytes()
    }

    /// The document, once it has a slot and its bytes are charged.
    pub(super) fn into_stored(self, id: SlotId, charge: Charge) -> Stored {
        let Self { facts, body, template, text, rare, hash, key_bytes, origin } = self;
        Stored { facts, body, template, text, rare, id, hash, key_bytes, origin, charge }
    }

    /// The body, when there will be no document.
    pub(super) fn into_body(self) -> Body {
        self.body
    }
}

/// What the allocator takes for a [`Stored`] and its reference counts.
const STORED_BYTES: u64 = allocated_bytes((size_of::<Stored>() + 2 * size_of::<usize>()) as u64);

/// What a document takes beside its body, for a key of so many bytes and a head like most.
pub(super) const fn estimated_bytes(key_bytes: u64) -> u64 {
    DOCUMENT_BYTES + STORED_BYTES + allocated_bytes(key_bytes.saturating_add(128))
}

impl Stored {
    /// The key it is stored under: the target URI.
    pub fn key(&self) -> &str {
        str::from_utf8(&self.text[..self.key_bytes as usize]).unwrap_or_default()
    }

    /// The key's bytes, which is enough to compare them.
    #[inline]
    pub(super) fn key_bytes(&self) -> &[u8] {
        &self.text[..self.key_bytes as usize]
    }

    /// Keyed hash of the key; the same for all variants.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Its slot and generation.
    #[inline]
    pub fn id(&self) -> SlotId {
        self.id
    }

    /// What HTTP's rules need to know of it.
    #[inline]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Status, reason and header lines.
    #[inline]
    pub fn head(&self) -> Head<'_> {
        Head::new(&self.template, &self.text[self.key_bytes as usize..])
    }

    /// The complete body.
    #[inline]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Trailer lines, if any came.
    pub fn trailers(&self) -> Option<&Fields> {
        self.rare.as_deref()?.trailers.as_deref()
    }

    /// Which requests, by the fields its Vary names, it was selected for; `None` when it answers all.
    #[inline]
    pub fn variant(&self) -> Option<&VariantKey> {
        self.rare.as_deref().map(|rare| &rare.variant)
    }

    /// Whether it may be selected for a request with these fields (RFC 9111 section 4.1).
    #[inline]
    pub(super) fn is_selected_by(&self, request: &Fields) -> bool {
        match self.variant() {
            Some(variant) => variant.matches(request),
            None => VariantKey::is_empty_for(request),
        }
    }

    /// Orders the variants of a key by the most recent Date, as selecting among several asks for.
    #[inline]
    pub(super) fn age_order(&self) -> (UnixSecs, UnixSecs) {
        (self.facts.date(), self.facts.response_time())
    }

    /// Whether it was selected by the same request fields as another response.
    pub(super) fn is_same_variant(&self, other: &Self) -> bool {
        self.variant_bytes() == other.variant_bytes()
    }

    /// Tells the variants of a key apart; empty when it does not vary.
    pub(super) fn variant_bytes(&self) -> &[u8] {
        self.variant().map_or(&[], VariantKey::as_bytes)
    }

    /// Number of the origin it came from.
    pub fn origin(&self) -> u32 {
        self.origin
    }

    /// Bytes charged for it: metadata and body, shared or not. What policies see as its size.
    pub fn charged_bytes(&self) -> u64 {
        self.charge.bytes() - self.body.own_bytes() + self.body.charged_bytes()
    }

    /// Of [`Stored::charged_bytes`], what its key and the head's own values take.
    pub(super) fn text_bytes(&self) -> u64 {
        allocated_bytes(self.text.len() as u64)
    }
}
