//! Numbers, fields and dates in a line of bytes, without allocation and without panics.

/// A number in decimal digits and nothing else; none when it is too large.
#[inline]
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    // Nineteen digits always fit, so that only the twentieth needs care.
    let (most, rest) = digits.split_at(digits.len().min(19));
    let mut value: u64 = 0;
    for &byte in most {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    match rest {
        [] => Some(value),
        [last @ b'0'..=b'9'] => value.checked_mul(10)?.checked_add(u64::from(last - b'0')),
        _ => None,
    }
}

/// A number that may have a sign, of which nothing below zero means anything: `-1` is 0.
pub(crate) fn number_or_zero(text: &[u8]) -> Option<u64> {
    match text {
        [b'-', digits @ ..] => number(digits).map(|_| 0),
        _ => number(text),
    }
}

/// A number of `unit_us` microseconds each, which may have a fraction: `1795191691.349` with 1,000,000.
#[inline]
pub(crate) fn micros(text: &[u8], unit_us: u64) -> Option<u64> {
    let Some(dot) = memchr::memchr(b'.', text) else {
        return number(text)?.checked_mul(unit_us);
    };
    let whole = number(&text[..dot])?.checked_mul(unit_us)?;
    let mut fraction = 0;
    let mut scale = unit_us;
    for &byte in &text[dot + 1..] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        scale /= 10;
        fraction += u64::from(digit) * scale;
    }
    whole.checked_add(fraction)
}

/// The next field up to a blank, and what follows the blanks after it; none at the end of the line.
#[inline]
pub(crate) fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    if line.is_empty() {
        return None;
    }
    let (field, rest) = match line.iter().position(|&byte| byte == b' ' || byte == b'\t') {
        Some(at) => (&line[..at], after_blanks(&line[at + 1..])),
        None => (line, &[][..]),
    };
    Some((field, rest))
}

/// The line without the blanks it begins with.
#[inline]
pub(crate) fn after_blanks(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = line {
        line = rest;
    }
    line
}

/// A field of a log in which `-` stands for nothing.
#[inline]
pub(crate) fn unless_dash(field: &[u8]) -> Option<&[u8]> {
    (!field.is_empty() && field != b"-").then_some(field)
}

/// A status code; 0 for what is none.
#[inline]
pub(crate) fn status(text: &[u8]) -> u16 {
    match number(text) {
        Some(status @ 100..1000) => status as u16,
        _ => 0,
    }
}

/// A media type without its parameters.
#[inline]
pub(crate) fn media_type(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|byte| matches!(byte, b';' | b' ' | b'\t'));
    unless_dash(&text[..end.unwrap_or(text.len())])
}

/// Days from 1970-01-01 to a day of the Gregorian calendar (Howard Hinnant's `days_from_civil`); negative before.
fn days(year: u64, month: u64, day: u64) -> i64 {
    let year = year as i64 - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month as i64 + 9) % 12) + 2) / 5 + day as i64 - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Seconds since 1970 of a date and time, `offset` seconds east of Greenwich; none when there is no such date, or when it
/// is before 1970.
pub(crate) fn seconds(date: [u64; 3], time: [u64; 3], offset: i64) -> Option<u64> {
    let ([year, month, day], [hour, minute, second]) = (date, time);
    let exists = year <= 9999 && (1..=12).contains(&month) && (1..=31).contains(&day);
    // A leap second is logged as 60.
    if !exists || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = days(year, month, day) * 86_400 + (hour * 3600 + minute * 60 + second) as i64;
    u64::try_from(local - offset).ok()
}

/// The number of an English month of three letters.
pub(crate) fn month(name: &[u8]) -> Option<u64> {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = NAMES.chunks_exact(3).position(|month| month.eq_ignore_ascii_case(name))?;
    Some(at as u64 + 1)
}

/// Seconds east of Greenwich of `+0200` or `-0730`.
pub(crate) fn zone(text: &[u8]) -> Option<i64> {
    let [sign @ (b'+' | b'-'), digits @ ..] = text else { return None };
    if digits.len() != 4 {
        return None;
    }
    let offset = (number(&digits[..2])? * 3600 + number(&digits[2..])? * 60) as i64;
    Some(if *sign == b'-' { -offset } else { offset })
}

/// Seconds since 1970 of the date of the common log format, `17/Nov/2024:16:21:22 +0700`, with which `text` begins, and
/// what follows it.
pub(crate) fn common_date(text: &[u8]) -> Option<(u64, &[u8])> {
    const LENGTH: usize = b"17/Nov/2024:16:21:22 +0700".len();
    if text.len() < LENGTH {
        return None;
    }
    let (date, rest) = text.split_at(LENGTH);
    let separators = [date[2], date[6], date[11], date[14], date[17], date[20]];
    if separators != *b"//::: " {
        return None;
    }
    let day = [number(&date[7..11])?, month(&date[3..6])?, number(&date[..2])?];
    let time = [number(&date[12..14])?, number(&date[15..17])?, number(&date[18..20])?];
    Some((seconds(day, time, zone(&date[21..])?)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_that_fit() {
        let check = |text: &str, expected| assert_eq!(number(text.as_bytes()), expected, "{text}");
        check("0", Some(0));
        check("007", Some(7));
        check("18446744073709551615", Some(u64::MAX));
        check("18446744073709551616", None);
        check("99999999999999999999", None);
        check("000000000000000000001", None);
        check("", None);
        check("-1", None);
        check("1a", None);
        assert_eq!(number_or_zero(b"-1"), Some(0));
        assert_eq!(number_or_zero(b"-"), None);
    }

    #[test]
    fn times_have_units_and_fractions() {
        let check =
            |text: &str, unit, expected| assert_eq!(micros(text.as_bytes(), unit), expected, "{text}");
        check("1795191691.349", 1_000_000, Some(1_795_191_691_349_000));
        check("1795191691", 1_000_000, Some(1_795_191_691_000_000));
        check("1.123456789", 1_000_000, Some(1_123_456));
        check("1.5", 1_000, Some(1_500));
        check("18446744073709551615", 1_000_000, None);
        check("1.x", 1_000, None);
        check(".5", 1_000, None);
    }

    #[test]
    fn dates_of_the_common_log_format_are_seconds_since_1970() {
        let check = |text: &str, expected| {
            assert_eq!(common_date(text.as_bytes()).map(|(at, _)| at), expected, "{text}");
        };
        check("01/Jan/1970:00:00:00 +0000", Some(0));
        check("17/Nov/2024:16:21:22 +0700", Some(1_731_835_282));
        check("29/Feb/2000:23:59:60 -0500", Some(951_886_800));
        check("31/Dec/1969:23:59:59 +0000", None);
        check("01/Jan/1970:00:00:00 +0100", None);
        check("17/Nov/2024:24:21:22 +0700", None);
        check("17/Now/2024:16:21:22 +0700", None);
        check("17/Nov/2024", None);
    }
}
