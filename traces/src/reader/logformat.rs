//! Any Squid access log, by the `logformat` it was written with (squid.conf, "logformat"):
//! `% ["|[|'|#|/] [-] [[0]width[.max]] [{arg}] code [{arg}]`, with anything else as it stands. Lines that do not follow it are
//! tried as native ones, for logs whose format was changed midway.
//!
//! A field ends where the text after it begins, in quotes at the first quote without a backslash, so two fields need
//! something between them. Values are not unescaped: a name needs only to be the same each time. Deliberately not here:
//! what other codes than those of [`Field`] say; their values are passed over.

mod date;

use self::date::DateFormat;
use super::scan::{after_blanks, media_type, micros, number, number_or_zero, status, unless_dash};
use super::{Reader, squid};
use crate::damage::Damage;
use crate::record::{Name, Record};

/// Squid's own formats, by name. In `common` and `combined` the version is not always HTTP's, whatever squid.conf says.
const NAMED: &[(&str, &str)] = &[
    ("squid", "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt"),
    ("squidmime", "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt [%>h] [%<h]"),
    ("common", "%>a %[ui %[un [%tl] \"%rm %ru %rv\" %>Hs %<st %Ss:%Sh"),
    (
        "combined",
        "%>a %[ui %[un [%tl] \"%rm %ru %rv\" %>Hs %<st \"%{Referer}>h\" \"%{User-Agent}>h\" %Ss:%Sh",
    ),
];

/// What a field says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    /// Seconds since 1970, at the end of the transaction or at its start.
    Seconds,
    /// Milliseconds of the second.
    Subsecond,
    /// A date and time.
    Date(DateFormat),
    /// Milliseconds it took.
    Elapsed,
    Client,
    Outcome,
    /// The status sent to the client.
    Status,
    /// The status received, used where the one sent is not logged.
    StatusReceived,
    /// Bytes sent to the client, with the header.
    Size,
    Method,
    Url,
    /// The path, used where the URL is not logged.
    Path,
    Mime,
    Other,
}

/// The codes, the longer ones before those they begin with.
const CODES: &[(&str, Field)] = &[
    ("ts", Field::Seconds),
    ("tS", Field::Seconds),
    ("tu", Field::Subsecond),
    ("tl", Field::Date(DateFormat::Common)),
    ("tg", Field::Date(DateFormat::Common)),
    ("tr", Field::Elapsed),
    (">a", Field::Client),
    (">A", Field::Client),
    ("Ss", Field::Outcome),
    (">Hs", Field::Status),
    ("Hs", Field::Status),
    ("<Hs", Field::StatusReceived),
    ("<st", Field::Size),
    (">rm", Field::Method),
    ("rm", Field::Method),
    (">ru", Field::Url),
    ("<ru", Field::Url),
    ("ru", Field::Url),
    (">rp", Field::Path),
    ("<rp", Field::Path),
    ("rp", Field::Path),
    ("mt", Field::Mime),
    // Known only so that text may follow them at once, as Squid takes it.
    ("rv", Field::Other),
    (">rv", Field::Other),
    ("Sh", Field::Other),
    ("un", Field::Other),
    ("ul", Field::Other),
    ("ue", Field::Other),
    ("ui", Field::Other),
    ("us", Field::Other),
    ("<a", Field::Other),
    ("<A", Field::Other),
    ("<p", Field::Other),
    (">p", Field::Other),
    ("la", Field::Other),
    ("lp", Field::Other),
    ("<la", Field::Other),
    ("<lp", Field::Other),
    (">la", Field::Other),
    (">lp", Field::Other),
    (">st", Field::Other),
    ("st", Field::Other),
    (">ha", Field::Other),
    (">h", Field::Other),
    ("<h", Field::Other),
    ("<pt", Field::Other),
    ("<tt", Field::Other),
    ("<bs", Field::Other),
    ("dt", Field::Other),
    ("et", Field::Other),
    ("ea", Field::Other),
];

/// A field and the text after it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    field: Field,
    is_in_quotes: bool,
    /// Empty for the last.
    after: Vec<u8>,
}

/// A format, and its reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogFormat {
    before: Vec<u8>,
    items: Vec<Item>,
}

impl LogFormat {
    /// Understands a format string, a name of Squid's, or a whole line `logformat NAME FORMAT` of squid.conf.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let text = match text.strip_prefix("logformat ").and_then(|rest| rest.trim_start().split_once(' ')) {
            Some((_name, format)) => format.trim_start(),
            None => text,
        };
        let text = NAMED.iter().find(|(name, _)| *name == text).map_or(text, |(_, format)| format);
        let mut format = Self { before: Vec::new(), items: Vec::new() };
        let mut rest = text;
        let mut is_in_quotes = false;
        while let Some(next) = rest.chars().next() {
            let literal = match format.items.last_mut() {
                Some(item) => &mut item.after,
                None => &mut format.before,
            };
            if let Some(after) = rest.strip_prefix("%%") {
                literal.push(b'%');
                rest = after;
            } else if next == '%' {
                if literal.is_empty() && !format.items.is_empty() {
                    return Err(format!("nothing between two fields at `{rest}`"));
                }
                let (field, after) = field(&rest[1..])?;
                format.items.push(Item { field, is_in_quotes, after: Vec::new() });
                rest = after;
            } else if let Some(after) = rest.strip_prefix("\\t") {
                literal.push(b'\t');
                rest = after;
            } else {
                is_in_quotes ^= next == '"';
                literal.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[next.len_utf8()..];
            }
        }
        if format.items.iter().any(|item| matches!(item.field, Field::Url | Field::Path)) {
            Ok(format)
        } else {
            Err(format!("`{text}` has no field for the URL: %ru"))
        }
    }

    fn record<'a>(&self, line: &'a [u8]) -> Result<Record<'a>, Damage> {
        const TEXT: Damage = Damage("text of the format is missing");
        let mut record = Record::of(Name::Url(b"-"));
        let mut values = Values::default();
        let mut rest = line.strip_prefix(&self.before[..]).ok_or(TEXT)?;
        for item in &self.items {
            // Fields may be padded on the left, and on the right, to their width.
            rest = after_blanks(rest);
            let value = match &item.field {
                Field::Date(format) => {
                    let (secs, after) = format.read(rest).ok_or(Damage("no date that can be read"))?;
                    values.date_s = Some(secs);
                    rest = after;
                    &[][..]
                }
                _ => {
                    let end = item.end(rest).ok_or(TEXT)?;
                    let (value, after) = rest.split_at(end);
                    rest = after;
                    value.trim_ascii_end()
                }
            };
            rest = after_blanks_before(rest, &item.after).strip_prefix(&item.after[..]).ok_or(TEXT)?;
            values.take(&item.field, value, &mut record)?;
        }
        values.finish(&mut record);
        Ok(record)
    }
}

impl Item {
    /// Where the value ends with which `rest` begins.
    fn end(&self, rest: &[u8]) -> Option<usize> {
        if self.after.is_empty() {
            return Some(rest.len());
        }
        if !self.is_in_quotes {
            return memchr::memmem::find(rest, &self.after);
        }
        // In quotes Squid writes a backslash before quotes and backslashes.
        let mut at = 0;
        while at < rest.len() && !rest[at..].starts_with(&self.after) {
            at += if rest[at] == b'\\' { 2 } else { 1 };
        }
        (at < rest.len()).then_some(at)
    }
}

/// `rest` without padding before a text that begins with no blank.
fn after_blanks_before<'a>(rest: &'a [u8], text: &[u8]) -> &'a [u8] {
    if matches!(text, [b' ' | b'\t', ..] | []) { rest } else { after_blanks(rest) }
}

/// The values that make something only together.
#[derive(Default)]
struct Values<'a> {
    secs_us: Option<u64>,
    date_s: Option<u64>,
    subsecond_ms: u64,
    status_received: Option<u16>,
    path: Option<&'a [u8]>,
}

impl<'a> Values<'a> {
    fn take(&mut self, field: &Field, value: &'a [u8], record: &mut Record<'a>) -> Result<(), Damage> {
        match field {
            Field::Seconds => {
                self.secs_us = Some(micros(value, 1_000_000).ok_or(Damage("no seconds since 1970"))?)
            }
            Field::Subsecond => self.subsecond_ms = number(value).unwrap_or(0).min(999),
            Field::Elapsed => record.elapsed_us = number_or_zero(value).and_then(|ms| ms.checked_mul(1000)),
            Field::Client => record.client = unless_dash(value),
            Field::Outcome => record.outcome = unless_dash(value),
            Field::Status => record.status = Some(status(value)),
            Field::StatusReceived => self.status_received = Some(status(value)),
            Field::Size if value == b"-" => record.size = Some(0),
            Field::Size => record.size = Some(number_or_zero(value).ok_or(Damage("no number of bytes"))?),
            Field::Method => record.method = unless_dash(value),
            Field::Url => record.name = Name::Url(value),
            Field::Path => self.path = Some(value),
            Field::Mime => record.mime = media_type(value),
            Field::Date(_) | Field::Other => {}
        }
        Ok(())
    }

    fn finish(self, record: &mut Record<'a>) {
        let date_us = self.date_s.and_then(|secs| secs.checked_mul(1_000_000));
        record.time_us = self.secs_us.or(date_us).and_then(|at| at.checked_add(self.subsecond_ms * 1000));
        record.status = record.status.or(self.status_received);
        if let (Name::Url(b"-"), Some(path)) = (record.name, self.path) {
            record.name = Name::Url(path);
        }
    }
}

/// The field that stands after a `%`, and what follows it.
fn field(text: &str) -> Result<(Field, &str), String> {
    let rest = text.trim_start_matches(['"', '[', '\'', '#', '/']);
    let rest = rest.trim_start_matches(|c: char| matches!(c, '-' | '.') || c.is_ascii_digit());
    let (before, rest) = argument(rest)?;
    let (field, length) = code(rest);
    if length == 0 {
        return Err(format!("no code after the % of `%{text}`"));
    }
    let (code, rest) = rest.split_at(length);
    let (after, rest) = argument(rest)?;
    let field = match (field, before.or(after)) {
        (Field::Date(_), Some(format)) => Field::Date(DateFormat::parse(format)?),
        // Headers: which one is the argument.
        (Field::Other, Some(header)) if code == "<h" && header.eq_ignore_ascii_case("content-type") => {
            Field::Mime
        }
        (field, _) => field,
    };
    Ok((field, rest))
}

/// The field whose code `text` begins with, and the length of the code. Squid takes the longest code it knows; those with a
/// `::` in them are all of others' making.
fn code(text: &str) -> (Field, usize) {
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '<' | '>' | '_' | ':');
    let longest = text.find(|c| !is_code(c)).unwrap_or(text.len());
    let known = CODES.iter().filter(|(code, _)| text.starts_with(code)).max_by_key(|(code, _)| code.len());
    match known {
        Some((code, field)) if !text[..longest].contains("::") => (field.clone(), code.len()),
        _ => (Field::Other, longest),
    }
}

/// The argument in braces with which `text` begins, if it does, and what follows it.
fn argument(text: &str) -> Result<(Option<&str>, &str), String> {
    match text.strip_prefix('{') {
        None => Ok((None, text)),
        Some(inside) => {
            let (argument, rest) = inside.split_once('}').ok_or_else(|| format!("no `}}` after `{text}`"))?;
            Ok((Some(argument), rest))
        }
    }
}

impl Reader for LogFormat {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        if line.is_empty() {
            return Ok(());
        }
        match self.record(line) {
            Ok(record) => {
                each(&record);
                Ok(())
            }
            Err(damage) => squid::Native.read(line, each).map_err(|_| damage),
        }
    }
}

#[cfg(test)]
mod tests;
