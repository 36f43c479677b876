//! Freshening stored responses: which of them a 304 is about and what it changes (RFC 9111 sections 3.2 and 4.3.4), and
//! what the response to a HEAD request says about a stored response to GET (section 4.3.5).

use super::conditional::{Validators, strong_match, weak_match};
use super::date;
use super::freshness::{Facts, Times, Unsaid};
use super::hop::Hop;
use super::refresh::Refresh;
use super::response::ResponseFacts;
use crate::fields::Fields;

/// A stored response with the fields of a newer one in it.
#[derive(Clone, Debug)]
pub struct Freshened {
    /// The fields to store.
    pub fields: Fields,
    /// The facts to store.
    pub facts: Facts,
    /// Whether it may stay stored under its key: the new fields have no `no-store` and no `private`, and do not make it
    /// vary by other fields than before. If not, it answers this request and is then removed.
    pub is_storable: bool,
}

/// What the response to a HEAD request does to a stored response that could have answered a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadEffect {
    /// Its fields replace those stored: see [`freshen`].
    Update,
    /// The origin has another representation now: the stored response is removed.
    Invalidate,
    /// It says nothing of the stored response.
    None,
}

/// Which of the stored responses that were offered for validation a 304 is about, as an index; the latest comes first
/// among those that fit equally well.
///
/// Where exactly one was offered, the 304 is about that one whatever validator it carries: it answers the condition
/// that was sent, and origins that append a content coding to entity tags are known to leave it out of a 304. RFC 9111
/// section 4.3.4 would rather fetch the response again; the public test suite asks for what is done here. The stored
/// entity tag stays.
pub fn selected_by_304(not_modified: &Fields, offered: &[Validators<'_>]) -> Option<usize> {
    if let [_] = offered {
        return Some(0);
    }
    let new = Validators::of(not_modified);
    let position = |is_match: &dyn Fn(&Validators<'_>) -> bool| offered.iter().position(is_match);
    match new.etag {
        Some(tag) if tag.starts_with(b"\"") => {
            position(&|stored| stored.etag.is_some_and(|etag| strong_match(etag, tag)))
        }
        Some(tag) => position(&|stored| stored.etag.is_some_and(|etag| weak_match(etag, tag))),
        None => {
            let date = new.last_modified?;
            position(&|stored| stored.last_modified == Some(date))
        }
    }
}

/// Puts the fields of a 304, or of a response to HEAD, into a stored response. Fields of one hop, those that describe
/// the stored content and the stored validator stay as they are; all others are replaced or added.
pub fn freshen(
    stored_status: u16,
    stored: &Fields,
    new: &Fields,
    times: Times,
    unsaid: &Unsaid,
) -> Freshened {
    freshen_under(stored_status, stored, new, times, unsaid, |_, _| None)
}

/// The same under the rule an operator has for the response as it becomes.
pub fn freshen_under(
    stored_status: u16,
    stored: &Fields,
    new: &Fields,
    times: Times,
    unsaid: &Unsaid,
    rule: impl FnOnce(&ResponseFacts<'_>, &Facts) -> Option<Refresh>,
) -> Freshened {
    let hop = Hop::of(new);
    let mut received = new.clone();
    received.retain(|name, _| !hop.has(name));
    if !received.has("date") {
        // RFC 9110 section 6.6.1; the stored date would make the response look as old as before.
        received.push("Date", date::format(times.response));
    }
    let is_update = |name: &[u8]| !is_kept(name);
    let mut fields = stored.clone();
    fields.retain(|name, _| !is_update(name) || !has_name(&received, name));
    for (name, value) in received.iter().filter(|(name, _)| is_update(name)) {
        fields.push_bytes(name, value);
    }
    // Age belongs to this exchange: it counts for the facts, and is not stored.
    let (facts, is_storable) = {
        let mut response = ResponseFacts::of(stored_status, &fields, times.response);
        let mut facts = Facts::of(&response, times, unsaid);
        if let Some(rule) = rule(&response, &facts) {
            facts = rule.apply(&mut response, facts);
        }
        let is_shareable = !response.directives.no_store && !response.directives.private;
        (facts, is_shareable && !varies_otherwise(stored, &received))
    };
    fields.remove("age");
    Freshened { fields, facts, is_storable }
}

/// What the response to HEAD says of a stored response of `stored_length` bytes.
pub fn head_effect(status: u16, head: &Fields, stored: Validators<'_>, stored_length: u64) -> HeadEffect {
    if status != 200 {
        return HeadEffect::None;
    }
    let new = Validators::of(head);
    let length = head.first("content-length");
    let is_same = new.etag.is_none_or(|etag| stored.etag.is_some_and(|stored| weak_match(stored, etag)))
        && new.last_modified.is_none_or(|date| stored.last_modified == Some(date))
        && length.is_none_or(|length| is_number(length, stored_length));
    if is_same { HeadEffect::Update } else { HeadEffect::Invalidate }
}

/// Fields of a stored response that newer ones do not replace: those that describe the content as it is stored, and the
/// entity tag, by which the stored response was selected. `Content-Type` is not among them: it is how to read the
/// content, which the origin may put right.
fn is_kept(name: &[u8]) -> bool {
    const KEPT: [&str; 8] = [
        "content-length",
        "content-encoding",
        "content-range",
        "content-md5",
        "content-digest",
        "repr-digest",
        "digest",
        "etag",
    ];
    KEPT.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
}

/// Whether a newer `Vary` names a field that the stored one does not. One that names fewer only costs hits.
fn varies_otherwise(stored: &Fields, new: &Fields) -> bool {
    new.list("vary").any(|name| !stored.list("vary").any(|known| known.eq_ignore_ascii_case(name)))
}

fn has_name(fields: &Fields, name: &[u8]) -> bool {
    fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

fn is_number(digits: &[u8], number: u64) -> bool {
    core::str::from_utf8(digits).is_ok_and(|digits| digits.parse() == Ok(number))
}

#[cfg(test)]
mod tests;
