//! Which requests a stored response answers besides its own: `Vary` and the secondary key made of the fields it names
//! (RFC 9111 section 4.1, RFC 9110 section 12.5.5).
//!
//! Two requests match when every named field has the same value in both, after joining its lines and removing the white
//! space around commas. For the fields by which clients negotiate languages, encodings and character sets, whose
//! meaning is known, case, order and all white space are ignored as well. An absent field is not an empty one.
//!
//! Some fields are part of every key though no `Vary` names them: those by which frameworks let a request mean another
//! target than its own. Origins that read them hardly ever say so, and a cache that leaves them out serves what one
//! client asked for with them to everybody ("web cache poisoning"). They cost nothing to those who do not send them,
//! and a front proxy sends the same values with each request.
//!
//! It deliberately does not choose a variant by preference (`Content-Language: de` for `Accept-Language: fr;q=0.5, de`
//! when the stored request differed): only the origin knows what else it has, and the RFC wants the fields to match.

use smallvec::SmallVec;

use super::method::is_tchar;
use crate::fields::{Fields, split_list};

/// Most fields a response may vary by. The busiest sites name about ten.
pub const VARY_NAMES_MAX: usize = 16;

/// Longest secondary key, in bytes. Longer ones hold a cookie or a token and would never match again.
pub const VARIANT_KEY_BYTES_MAX: usize = 4096;

/// The secondary key of a stored response: the fields its `Vary` names with the values its request had. Empty when it
/// does not vary.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariantKey {
    // Invariant: for each name, in order and without repetition: its length (1 byte), the name in lower case, the
    // length of the value (2 bytes, big endian; ABSENT when the request did not have the field), the value.
    bytes: Box<[u8]>,
}

/// Why a response has no secondary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VaryError {
    /// It varies by more than fields: a member is `*`, or no name of a field.
    Star,
    /// It varies by more than [`VARY_NAMES_MAX`] fields or the key were longer than [`VARIANT_KEY_BYTES_MAX`].
    TooLarge,
}

const ABSENT: u16 = u16::MAX;

/// Fields by which a request means another target than its own, to some framework or other.
const RETARGETING: [&str; 13] = [
    "front-end-https",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-host",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
    "x-url-scheme",
];

impl VariantKey {
    /// The key under which the response to this request is stored.
    ///
    /// # Errors
    /// When it matches no other request, or by too much.
    pub fn of(response: &Fields, request: &Fields) -> Result<Self, VaryError> {
        let mut names: SmallVec<[&[u8]; VARY_NAMES_MAX]> = SmallVec::new();
        for name in response.list("vary") {
            let is_name = name != b"*" && name.len() <= u8::MAX.into() && name.iter().all(|&b| is_tchar(b));
            if !is_name {
                return Err(VaryError::Star);
            }
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name);
            }
        }
        Self::of_names(names, request)
    }

    fn of_names<'a>(
        mut names: SmallVec<[&'a [u8]; VARY_NAMES_MAX]>,
        request: &'a Fields,
    ) -> Result<Self, VaryError> {
        for (name, _) in request.iter().filter(|&field| is_retargeting(field)) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name);
            }
        }
        if names.len() > VARY_NAMES_MAX {
            return Err(VaryError::TooLarge);
        }
        names.sort_unstable_by(|one, other| lower(*one).cmp(lower(*other)));
        Self::build(names.into_iter(), request)
    }

    /// The key of another request for the same fields: equal to this one when they match.
    ///
    /// # Errors
    /// When it were too long, so that no stored response has it.
    pub fn of_request(&self, request: &Fields) -> Result<Self, VaryError> {
        Self::of_names(self.names().collect(), request)
    }

    /// Whether the stored response answers a request with these fields, so far as the secondary key goes. Allocates
    /// nothing.
    pub fn matches(&self, request: &Fields) -> bool {
        let has = |name: &[u8]| self.names().any(|known| known.eq_ignore_ascii_case(name));
        self.has_values_of(request) && request.iter().all(|field| !is_retargeting(field) || has(field.0))
    }

    /// Whether the request has the same values in every field that the key has.
    fn has_values_of(&self, request: &Fields) -> bool {
        self.entries().all(|(name, stored)| {
            let Ok(name) = core::str::from_utf8(name) else { return false };
            let mut lines = request.all(name);
            match (stored, lines.next(), lines.next()) {
                (None, line, _) => line.is_none(),
                (Some(_), None, _) => false,
                (Some(stored), Some(line), None) if is_negotiation(name) && is_quoteless(line) => {
                    is_same_set(line, stored)
                }
                (Some(stored), ..) => is_same(request, name, stored),
            }
        })
    }

    /// Whether a key without fields matches a request with these: it does unless a field is part of every key.
    #[inline]
    pub fn is_empty_for(request: &Fields) -> bool {
        !request.iter().any(is_retargeting)
    }

    /// Whether the response does not vary.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The key as bytes, for hashing and for counting what it takes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The names of the fields, in lower case and alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.entries().map(|(name, _)| name)
    }

    /// The fields by name, with the value the request had, none where it had no such field.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let mut rest = &self.bytes[..];
        core::iter::from_fn(move || {
            let (&name_bytes, after) = rest.split_first()?;
            let (name, after) = after.split_at_checked(name_bytes.into())?;
            let (length, after) = after.split_first_chunk::<2>()?;
            let length = u16::from_be_bytes(*length);
            let (value, after) = if length == ABSENT {
                (None, after)
            } else {
                after.split_at_checked(length.into()).map(|(v, a)| (Some(v), a))?
            };
            rest = after;
            Some((name, value))
        })
    }

    fn build<'a>(names: impl Iterator<Item = &'a [u8]>, request: &Fields) -> Result<Self, VaryError> {
        let mut bytes = Vec::new();
        for name in names {
            bytes.push(name.len() as u8);
            bytes.extend(lower(name));
            let length_at = bytes.len();
            bytes.extend_from_slice(&ABSENT.to_be_bytes());
            let text = core::str::from_utf8(name).map_err(|_| VaryError::Star)?;
            if request.has(text) {
                let has_room = normalised(request, text, |part| {
                    bytes.extend_from_slice(part);
                    bytes.len() <= VARIANT_KEY_BYTES_MAX
                });
                if !has_room {
                    return Err(VaryError::TooLarge);
                }
                let length = (bytes.len() - length_at - 2) as u16;
                bytes[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
            }
            if bytes.len() > VARIANT_KEY_BYTES_MAX {
                return Err(VaryError::TooLarge);
            }
        }
        Ok(Self { bytes: bytes.into() })
    }
}

/// Whether a field is part of every key. Asked of every field of every request for something stored: the first bytes and
/// the length decide nearly always.
fn is_retargeting((name, value): (&[u8], &[u8])) -> bool {
    match name {
        [b'x' | b'X', b'-', ..] | [b'f' | b'F', b'r' | b'R', ..] => {
            matches!(name.len(), 6 | 12..=18)
                && RETARGETING.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        }
        // RFC 7239. Mostly it only says for whom, which differs from client to client and means no other target.
        [b'f' | b'F', b'o' | b'O', ..] => name.eq_ignore_ascii_case(b"forwarded") && names_target(value),
        _ => false,
    }
}

/// Whether a value of `Forwarded` says a host or a scheme.
fn names_target(value: &[u8]) -> bool {
    ["host", "proto"].iter().any(|parameter| {
        value.windows(parameter.len()).any(|part| part.eq_ignore_ascii_case(parameter.as_bytes()))
    })
}

/// Gives the normal form of a field's value, piece by piece, to `take` until that returns false; returns whether it
/// never did.
fn normalised(fields: &Fields, name: &str, mut take: impl FnMut(&[u8]) -> bool) -> bool {
    if is_negotiation(name) {
        return normalised_negotiation(fields, name, take);
    }
    let mut members = fields.all(name).flat_map(split_list);
    members.next().is_none_or(&mut take) && members.all(|member| take(b",") && take(member))
}

/// Whether the normal form of a field's value is `stored`.
fn is_same(request: &Fields, name: &str, stored: &[u8]) -> bool {
    let mut rest = Some(stored);
    let is_prefix = normalised(request, name, |part| {
        rest = rest.and_then(|rest| rest.strip_prefix(part));
        rest.is_some()
    });
    is_prefix && rest == Some(b"")
}

/// The same for one line of a negotiation field: each of its members is one of those stored, and no two are the same
/// one. This is what a browser's `Accept-Encoding` costs on every hit, so it sorts nothing.
fn is_same_set(line: &[u8], stored: &[u8]) -> bool {
    let mut unmatched: SmallVec<[&[u8]; 16]> = split_list(stored).collect();
    let is_found = split_list(line).all(|member| {
        let found = unmatched.iter().position(|stored| is_same_member(member, stored));
        found.map(|index| unmatched.swap_remove(index)).is_some()
    });
    is_found && unmatched.is_empty()
}

fn is_same_member(member: &[u8], stored: &[u8]) -> bool {
    // Mostly there is no white space to leave out.
    member.eq_ignore_ascii_case(stored)
        || member.len() > stored.len() && lower(without_space(member)).eq(stored.iter().copied())
}

/// Within quotes commas do not separate; the short cuts for lists without quotes do not look for them.
fn is_quoteless(line: &[u8]) -> bool {
    !line.contains(&b'"')
}

/// The fields of RFC 9110 section 12.5 whose members have neither quoted strings nor case nor order.
fn is_negotiation(name: &str) -> bool {
    ["accept-language", "accept-encoding", "accept-charset"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

fn normalised_negotiation(fields: &Fields, name: &str, mut take: impl FnMut(&[u8]) -> bool) -> bool {
    let mut members: SmallVec<[&[u8]; 16]> = fields.list(name).collect();
    members.sort_unstable_by(|one, other| lower(without_space(one)).cmp(lower(without_space(other))));
    members.into_iter().enumerate().all(|(index, member)| {
        (index == 0 || take(b",")) && lower(without_space(member)).all(|byte| take(&[byte]))
    })
}

fn without_space(value: &[u8]) -> impl IntoIterator<Item = &u8> + Clone {
    value.iter().filter(|byte| !matches!(byte, b' ' | b'\t'))
}

fn lower<'a>(value: impl IntoIterator<Item = &'a u8>) -> impl Iterator<Item = u8> {
    value.into_iter().map(u8::to_ascii_lowercase)
}

#[cfg(test)]
mod tests;
