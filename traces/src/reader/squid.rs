//! Squid's native access.log, `time elapsed client code/status bytes method url user hierarchy/peer type`, with what
//! years and configurations made of it: no type (nine fields), more fields after it, a date or a host name before the
//! elapsed time in place of the seconds, blanks in URLs. Lines of several kinds may follow each other.
//!
//! A line that does not begin as native ones do is searched for `CODE/status`, around which the others lie. A log whose
//! format has another order is read by its format string: see [`super::logformat`].

use super::Reader;
use super::scan::{
    after_blanks, common_date, field, media_type, micros, number, number_or_zero, seconds, status,
    unless_dash, zone,
};
use crate::damage::Damage;
use crate::record::{Name, Record};

/// Reads Squid's native format.
pub(super) struct Native;

impl Reader for Native {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        let line = after_blanks(line);
        if line.is_empty() {
            return Ok(());
        }
        each(&record(line)?);
        Ok(())
    }
}

fn record(line: &[u8]) -> Result<Record<'_>, Damage> {
    if let Some(start) = start(line) {
        return rest(start);
    }
    rest(prefixed(line)?)
}

/// A line up to its result code, and what follows that.
struct Start<'a> {
    time_us: u64,
    elapsed_ms: u64,
    client: &'a [u8],
    code: (&'a [u8], u16),
    rest: &'a [u8],
}

/// A line that begins as native ones do.
#[inline]
fn start(line: &[u8]) -> Option<Start<'_>> {
    let (time, rest) = field(line)?;
    let (elapsed, rest) = field(rest)?;
    let (client, rest) = field(rest)?;
    let (result, rest) = field(rest)?;
    Some(Start {
        time_us: micros(time, 1_000_000)?,
        elapsed_ms: number_or_zero(elapsed)?,
        client,
        code: code(result)?,
        rest,
    })
}

/// A line that has something else before its elapsed time.
fn prefixed(line: &[u8]) -> Result<Start<'_>, Damage> {
    const NONE: Damage = Damage("no result code and status");
    // The three fields before the one looked at, and where they begin.
    let mut before = [(0, &line[..0]); 3];
    let mut rest = line;
    while let Some((result, after)) = field(rest) {
        if let Some(code) = code(result) {
            let [_, (elapsed_at, elapsed), (_, client)] = before;
            if let Some(elapsed_ms) = number_or_zero(elapsed) {
                let prefix = &line[..elapsed_at];
                let time_us = time(prefix.trim_ascii_end()).ok_or(Damage("no time that can be read"))?;
                return Ok(Start { time_us, elapsed_ms, client, code, rest: after });
            }
        }
        before = [before[1], before[2], (line.len() - rest.len(), result)];
        rest = after;
    }
    Err(NONE)
}

/// The time at the end of what precedes the elapsed time: seconds, a date as in the common log format or by RFC 3339.
fn time(prefix: &[u8]) -> Option<u64> {
    let last = prefix.rsplit(|&byte| byte == b' ').next()?;
    let bare = |text: &'_ [u8]| -> Option<u64> { micros(trim_brackets(text), 1_000_000) };
    // Ten digits since 2001; fewer are a number of something else.
    if let Some(at) = bare(last).filter(|&at| at >= 100_000_000_000_000) {
        return Some(at);
    }
    let date = |at: usize| common_date(&prefix[at..]).or_else(|| rfc3339(&prefix[at..]));
    let begins = |at: &usize| *at == 0 || matches!(prefix[at - 1], b' ' | b'[' | b'"' | b'\t');
    let (secs, rest) = (0..prefix.len()).filter(begins).find_map(date)?;
    let fraction = rest.split(|byte| matches!(byte, b' ' | b']' | b'"')).next().unwrap_or_default();
    let fraction_us = match fraction {
        [b'.', digits @ ..] => micros(&[b"0.", digits].concat(), 1_000_000)?,
        _ => 0,
    };
    secs.checked_mul(1_000_000)?.checked_add(fraction_us)
}

fn trim_brackets(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"[").unwrap_or(text);
    text.strip_suffix(b"]").unwrap_or(text)
}

/// Seconds since 1970 of `2024-11-17T16:21:22+07:00` with which `text` begins; the `T` may be a blank, the zone may
/// follow a fraction, be `Z`, have no colon, or be absent (and then is UTC's).
fn rfc3339(text: &[u8]) -> Option<(u64, &[u8])> {
    const LENGTH: usize = b"2024-11-17T16:21:22".len();
    if text.len() < LENGTH {
        return None;
    }
    let (date, rest) = text.split_at(LENGTH);
    let separators = [date[4], date[7], date[13], date[16]];
    if separators != *b"--::" || !matches!(date[10], b'T' | b't' | b' ') {
        return None;
    }
    let day = [number(&date[..4])?, number(&date[5..7])?, number(&date[8..10])?];
    let time = [number(&date[11..13])?, number(&date[14..16])?, number(&date[17..19])?];
    let digits = match rest {
        [b'.', fraction @ ..] => 1 + fraction.iter().take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let offset = match &rest[digits..] {
        [sign @ (b'+' | b'-'), a, b, b':', c, d, ..] | [sign @ (b'+' | b'-'), a, b, c, d, ..] => {
            zone(&[*sign, *a, *b, *c, *d])?
        }
        _ => 0,
    };
    Some((seconds(day, time, offset)?, &rest[..digits]))
}

/// What `TCP_MEM_HIT/200` says: the result code, and the status.
#[inline]
fn code(field: &[u8]) -> Option<(&[u8], u16)> {
    if !field.first()?.is_ascii_uppercase() {
        return None;
    }
    let slash = memchr::memchr(b'/', field)?;
    let (code, digits) = (&field[..slash], &field[slash + 1..]);
    let is_code = code.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_' || byte.is_ascii_digit());
    let is_status = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    (is_code && is_status).then(|| (code, status(digits)))
}

/// What follows the result code.
#[inline]
fn rest(start: Start<'_>) -> Result<Record<'_>, Damage> {
    const ENDS: Damage = Damage("the line ends before its hierarchy code");
    let (bytes, rest) = field(start.rest).ok_or(ENDS)?;
    let size = number_or_zero(bytes).ok_or(Damage("no number of bytes"))?;
    let (method, rest) = field(rest).ok_or(ENDS)?;
    let (url, after_url) = field(rest).ok_or(ENDS)?;
    let (_user, after_user) = field(after_url).ok_or(ENDS)?;
    let (hierarchy, after) = field(after_user).ok_or(ENDS)?;
    let (url, after) = if is_hierarchy(hierarchy) { (url, after) } else { with_blanks(rest).ok_or(ENDS)? };
    Ok(Record {
        name: Name::Url(url),
        size: Some(size),
        time_us: Some(start.time_us),
        elapsed_us: start.elapsed_ms.checked_mul(1000),
        method: unless_dash(method),
        status: Some(start.code.1),
        outcome: Some(start.code.0),
        mime: field(after).and_then(|(mime, _)| media_type(mime)),
        client: unless_dash(start.client),
    })
}

/// The URL at the beginning of `text` when it has blanks in it, and what follows the hierarchy code.
fn with_blanks(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut user_at = 0;
    let mut rest = text;
    while let Some((candidate, after)) = field(rest) {
        if is_hierarchy(candidate) && user_at > 0 {
            return Some((text[..user_at].trim_ascii_end(), after));
        }
        user_at = text.len() - rest.len();
        rest = after;
    }
    None
}

/// Whether a field is like `HIER_DIRECT/192.0.2.1`, `NONE/-` or, in the oldest logs, `DIRECT/www.example.com`.
#[inline]
fn is_hierarchy(field: &[u8]) -> bool {
    let Some(slash) = memchr::memchr(b'/', field) else { return false };
    match field[..slash] {
        [b'-'] => true,
        ref word => {
            word.len() > 1
                && word.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_' || byte.is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests;
