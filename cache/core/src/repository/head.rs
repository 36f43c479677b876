//! Stored heads: a shared template and the document's own values, packed. A head can be written for the wire, walked
//! line by line, or made into [`Fields`] again; names keep their case and lines their order. It does not know which
//! lines a cache must not store; the caller leaves them out.

use std::ops::Deref;
use std::sync::Arc;

use super::template::{Template, Templates, Value};
use crate::fields::Fields;
use crate::rfc9111::date::{self, DATE_BYTES};
use crate::time::UnixSecs;

/// A stored head, borrowed from its document.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    template: &'a Template,
    /// The values of the template's holes: each a length as a LEB128 number and that many bytes, or 0 and four bytes
    /// of an IMF-fixdate. Lengths are stored one too high, to tell an empty value from a date.
    own: &'a [u8],
}

/// The value of a line: borrowed, or a date written out.
#[derive(Clone, Copy, Debug)]
pub enum HeadValue<'a> {
    /// As stored.
    Bytes(&'a [u8]),
    /// A date, rendered.
    Date([u8; DATE_BYTES]),
}

impl Deref for HeadValue<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Date(text) => text,
        }
    }
}

/// Takes a head apart: the template, and the document's own values appended to `own`.
pub(super) fn pack(
    templates: &Templates,
    status: u16,
    reason: &[u8],
    fields: &Fields,
    own: &mut Vec<u8>,
) -> Arc<Template> {
    templates.intern(status, reason, fields, |value| match packed_date(value) {
        Some(seconds) => {
            own.push(0);
            own.extend_from_slice(&seconds.to_le_bytes());
        }
        None => {
            push_number(own, value.len() + 1);
            own.extend_from_slice(value);
        }
    })
}

/// A date as seconds since 1970, when it is spelled as [`rendered_date`] spells it: 4 bytes instead of 29.
fn packed_date(value: &[u8]) -> Option<u32> {
    let at = date::parse(value, UnixSecs(0))?;
    let seconds = u32::try_from(at.0).ok()?;
    (rendered_date(seconds) == *value).then_some(seconds)
}

fn rendered_date(seconds: u32) -> [u8; DATE_BYTES] {
    date::format(UnixSecs(seconds.into()))
}

impl<'a> Head<'a> {
    pub(super) fn new(template: &'a Template, own: &'a [u8]) -> Self {
        Self { template, own }
    }

    /// Status code.
    pub fn status(&self) -> u16 {
        self.template.status()
    }

    /// Reason phrase as received; may be empty.
    pub fn reason(&self) -> &'a [u8] {
        self.template.reason()
    }

    /// Appends status line and lines as they go over the wire (`HTTP/1.1 200 OK`, each line with its line end),
    /// without the empty line that ends a head.
    #[inline]
    pub fn render(&self, wire: &mut Vec<u8>) {
        wire.reserve(self.template.literal_bytes() + self.own.len() + RENDER_SLACK);
        let (before, after) = self.template.stretches();
        let mut own = self.own;
        for stretch in before {
            wire.extend_from_slice(stretch);
            match next_own(&mut own) {
                Own::Date(seconds) => wire.extend_from_slice(&rendered_date(seconds)),
                Own::Bytes(bytes) => wire.extend_from_slice(bytes),
            }
        }
        wire.extend_from_slice(after);
    }

    /// Name and value of each line, in order.
    pub fn lines(&self) -> impl Iterator<Item = (&'a [u8], HeadValue<'a>)> + use<'a> {
        let mut own = self.own;
        self.template.lines().map(move |(name, value)| match value {
            Value::Same(bytes) => (name, HeadValue::Bytes(bytes)),
            Value::Hole => match next_own(&mut own) {
                Own::Date(seconds) => (name, HeadValue::Date(rendered_date(seconds))),
                Own::Bytes(bytes) => (name, HeadValue::Bytes(bytes)),
            },
        })
    }

    /// The value of the first line of that name. Names compare without case.
    pub fn first(&self, name: &str) -> Option<HeadValue<'a>> {
        self.lines().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The lines as header fields, to be changed or interpreted.
    pub fn to_fields(&self) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in self.lines() {
            fields.push_bytes(name, &value);
        }
        fields
    }
}

/// Room for a few dates, which are longer rendered than packed.
const RENDER_SLACK: usize = 4 * DATE_BYTES;

enum Own<'a> {
    Date(u32),
    Bytes(&'a [u8]),
}

/// The next of a document's own values. Short input, which [`pack`] never writes, reads as empty values.
#[inline]
fn next_own<'a>(own: &mut &'a [u8]) -> Own<'a> {
    match next_number(own) {
        0 => match own.split_first_chunk() {
            Some((seconds, rest)) => {
                *own = rest;
                Own::Date(u32::from_le_bytes(*seconds))
            }
            None => Own::Bytes(&[]),
        },
        length => {
            let (bytes, rest) = own.split_at_checked(length - 1).unwrap_or((*own, &[]));
            *own = rest;
            Own::Bytes(bytes)
        }
    }
}

fn push_number(own: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        own.push(number as u8 | 0x80);
        number >>= 7;
    }
    own.push(number as u8);
}

#[inline]
fn next_number(own: &mut &[u8]) -> usize {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = own.split_first() {
        *own = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
        shift = (shift + 7).min(usize::BITS - 7);
    }
    number
}

#[cfg(test)]
mod tests {
    use ahash::RandomState;

    use super::super::budget::Budget;
    use super::*;

    fn check(status: u16, reason: &str, lines: &[(&str, &str)]) -> usize {
        let templates = Templates::new(RandomState::with_seeds(1, 2, 3, 4), Arc::new(Budget::new(u64::MAX)));
        let fields: Fields = lines.iter().copied().collect();
        let mut own = Vec::new();
        let template = pack(&templates, status, reason.as_bytes(), &fields, &mut own);
        let head = Head::new(&template, &own);
        let mut wire = Vec::new();
        head.render(&mut wire);
        let mut expected = format!("HTTP/1.1 {status} {reason}\r\n");
        for (name, value) in lines {
            expected += &format!("{name}: {value}\r\n");
        }
        assert_eq!(String::from_utf8_lossy(&wire), expected);
        let rebuilt = head.to_fields();
        assert_eq!(rebuilt.iter().collect::<Vec<_>>(), fields.iter().collect::<Vec<_>>());
        for (name, _) in lines {
            assert_eq!(head.first(name).as_deref(), fields.first(name));
        }
        own.len()
    }

    #[test]
    fn a_head_comes_back_as_it_was_stored() {
        check(200, "OK", &[]);
        check(299, "", &[("x", "")]);
        check(404, "Not Found", &[("etag", ""), ("ETag", "W/\"x\""), ("Server", "y"), ("SERVER", "z")]);
        for date in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Sun, 07 Feb 2106 06:28:15 GMT",
            "-1",
        ] {
            check(200, "OK", &[("Date", date), ("Expires", date), ("Server", "x")]);
        }
        for length in [126, 127, 128, 16_382, 16_383, 16_384, 60_000] {
            check(200, "OK", &[("ETag", &"e".repeat(length)), ("Server", &"s".repeat(length))]);
        }
    }

    #[test]
    fn a_date_takes_five_bytes() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let own = check(200, "OK", &[("Date", date), ("Last-Modified", date), ("Expires", date)]);
        assert_eq!(own, 15);
    }

    #[test]
    fn packed_values_cut_short_read_as_empty() {
        for mut own in [&b""[..], &[0], &[0, 1, 2], &[9, 1], &[0x80], &[0xff; 20]] {
            for _ in 0..3 {
                next_own(&mut own);
            }
        }
    }
}
