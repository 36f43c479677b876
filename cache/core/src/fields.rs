//! Header fields as they came: order, case and repetition kept (RFC 9110 section 5). One buffer and a list of ranges,
//! so that parsing copies nothing per field. It does not interpret values; `rfc9111` does.

use bytes::Bytes;
use smallvec::SmallVec;

/// Where one field line lies in the buffer.
#[derive(Clone, Copy, Debug)]
struct Line {
    name_start: u32,
    name_end: u32,
    value_start: u32,
    value_end: u32,
}

/// An ordered list of field lines.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    buffer: Bytes,
    // Invariant: every range lies within `buffer` or, past its end, within `added` (offset by `buffer.len()`).
    lines: SmallVec<[Line; 16]>,
    added: Vec<u8>,
}

impl Fields {
    /// No fields at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fields that lie in `buffer`: for each line the byte range of its name and of its value.
    ///
    /// # Panics
    /// When a range does not lie within `buffer`: the parser is wrong.
    pub fn from_ranges(
        buffer: Bytes,
        ranges: impl IntoIterator<Item = (core::ops::Range<usize>, core::ops::Range<usize>)>,
    ) -> Self {
        let lines = ranges
            .into_iter()
            .map(|(name, value)| {
                assert!(name.start <= name.end && name.end <= buffer.len(), "name outside its buffer");
                assert!(value.start <= value.end && value.end <= buffer.len(), "value outside its buffer");
                Line {
                    name_start: name.start as u32,
                    name_end: name.end as u32,
                    value_start: value.start as u32,
                    value_end: value.end as u32,
                }
            })
            .collect();
        Self { buffer, lines, added: Vec::new() }
    }

    /// Number of field lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Every line in order: name as received, value without surrounding white space.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.iter().map(|line| {
            (self.bytes(line.name_start, line.name_end), self.bytes(line.value_start, line.value_end))
        })
    }

    /// The values of every line of that name, in order. Names compare without case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the first line of that name.
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Whether there is a line of that name.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The members of a comma-separated list field over all its lines, trimmed, empty ones left out
    /// (RFC 9110 section 5.6.1). Commas within quoted strings do not separate.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.all(name).flat_map(split_list)
    }

    /// Whether a list field has that member, compared without case.
    pub fn list_has(&self, name: &str, member: &str) -> bool {
        self.list(name).any(|token| token.eq_ignore_ascii_case(member.as_bytes()))
    }

    /// Adds a line at the end.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.push_bytes(name.as_bytes(), value.as_ref());
    }

    /// Adds a line at the end, its name as bytes.
    pub fn push_bytes(&mut self, name: &[u8], value: &[u8]) {
        let name_start = (self.buffer.len() + self.added.len()) as u32;
        self.added.extend_from_slice(name);
        self.added.extend_from_slice(value);
        let name_end = name_start + name.len() as u32;
        let value_end = name_end + value.len() as u32;
        self.lines.push(Line { name_start, name_end, value_start: name_end, value_end });
    }

    /// Removes every line of that name.
    pub fn remove(&mut self, name: &str) {
        self.retain(|n, _| !n.eq_ignore_ascii_case(name.as_bytes()));
    }

    /// Keeps the lines for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        let mut lines = core::mem::take(&mut self.lines);
        lines.retain(|line| {
            keep(self.bytes(line.name_start, line.name_end), self.bytes(line.value_start, line.value_end))
        });
        self.lines = lines;
    }

    /// Replaces every line of that name by one line at the end.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.remove(name);
        self.push(name, value);
    }

    fn bytes(&self, start: u32, end: u32) -> &[u8] {
        let (start, end, split) = (start as usize, end as usize, self.buffer.len());
        if start >= split && (end > split || start == end) {
            &self.added[start - split..end - split]
        } else {
            &self.buffer[start..end]
        }
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(lines: I) -> Self {
        let mut fields = Self::new();
        for (name, value) in lines {
            fields.push(name, value);
        }
        fields
    }
}

/// Splits one list value at its commas, leaving out empty members and keeping quoted strings whole.
pub fn split_list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = value;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = member_end(rest);
            let member = rest[..end].trim_ascii();
            rest = rest.get(end + 1..).unwrap_or_default();
            if !member.is_empty() {
                return Some(member);
            }
        }
        None
    })
}

/// Where the first member of a list ends: at a comma outside quotes, or at the end.
fn member_end(list: &[u8]) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, &byte) in list.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return at,
            _ => {}
        }
    }
    list.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_order_case_and_repetition() {
        let buffer = Bytes::from_static(b"Accept: a\r\nX-One: 1\r\naccept: b\r\n");
        let mut fields = Fields::from_ranges(buffer, [(0..6, 8..9), (11..16, 18..19), (21..27, 29..30)]);
        fields.push("X-Two", "2");
        let lines: Vec<_> = fields.iter().collect();
        assert_eq!(
            lines,
            [
                (&b"Accept"[..], &b"a"[..]),
                (&b"X-One"[..], &b"1"[..]),
                (&b"accept"[..], &b"b"[..]),
                (&b"X-Two"[..], &b"2"[..]),
            ]
        );
        assert_eq!(fields.all("ACCEPT").collect::<Vec<_>>(), [b"a", b"b"]);
        fields.remove("x-one");
        assert!(!fields.has("X-One"));
        fields.set("Accept", "");
        assert_eq!(fields.first("accept"), Some(&b""[..]));
        assert_eq!(fields.len(), 2);
    }

    #[test]
    fn a_list_is_split_outside_quotes_only() {
        let fields: Fields =
            [("Cache-Control", "max-age=5, , private=\"a, \\\"b\""), ("cache-control", "no-cache")]
                .into_iter()
                .collect();
        let members: Vec<_> = fields.list("cache-control").collect();
        assert_eq!(members, [&b"max-age=5"[..], b"private=\"a, \\\"b\"", b"no-cache"]);
        assert!(fields.list_has("Cache-Control", "NO-CACHE"));
    }
}
