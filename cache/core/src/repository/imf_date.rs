//! Dates as stored heads keep them: an IMF-fixdate (RFC 9110 section 5.6.7) that says exactly what its number would
//! say is kept as the number, 4 bytes instead of 29, and written again byte for byte. Any other spelling is not a date
//! here; `rfc9111` interprets those.

/// Bytes of an IMF-fixdate, e.g. `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) const IMF_DATE_BYTES: usize = 29;

const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const TWO_DIGITS: [[u8; 2]; 100] = two_digits();

const fn two_digits() -> [[u8; 2]; 100] {
    let mut table = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        table[n] = [b'0' + n as u8 / 10, b'0' + n as u8 % 10];
        n += 1;
    }
    table
}

/// Seconds since 1970 when `value` is the IMF-fixdate of a moment from 1970 to 2106, spelled as [`render`] spells it.
pub(super) fn parse(value: &[u8]) -> Option<u32> {
    let value: &[u8; IMF_DATE_BYTES] = value.try_into().ok()?;
    let month = MONTHS.iter().position(|name| **name == value[8..11])? as u32 + 1;
    let year = 100 * number(value[12], value[13])? + number(value[14], value[15])?;
    let days = days_from_civil(year, month, number(value[5], value[6])?)?;
    let (hour, minute, second) =
        (number(value[17], value[18])?, number(value[20], value[21])?, number(value[23], value[24])?);
    let seconds = days.checked_mul(86_400)?.checked_add(3600 * hour + 60 * minute + second)?;
    // What is left to check (day name, day of the month, separators, hour 24 and the like) shows in the rendering.
    (render(seconds) == *value).then_some(seconds)
}

/// The IMF-fixdate of a moment in seconds since 1970.
pub(super) fn render(seconds: u32) -> [u8; IMF_DATE_BYTES] {
    let (days, rest) = (seconds / 86_400, (seconds % 86_400) as usize);
    let (year, month, day) = civil_from_days(days);
    let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    text[0..3].copy_from_slice(DAYS[(days % 7) as usize]);
    text[5..7].copy_from_slice(&TWO_DIGITS[day as usize]);
    text[8..11].copy_from_slice(MONTHS[month as usize - 1]);
    text[12..14].copy_from_slice(&TWO_DIGITS[year as usize / 100]);
    text[14..16].copy_from_slice(&TWO_DIGITS[year as usize % 100]);
    text[17..19].copy_from_slice(&TWO_DIGITS[rest / 3600]);
    text[20..22].copy_from_slice(&TWO_DIGITS[rest / 60 % 60]);
    text[23..25].copy_from_slice(&TWO_DIGITS[rest % 60]);
    text
}

fn number(tens: u8, ones: u8) -> Option<u32> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

/// Days since 1970 of a date in the Gregorian calendar, `None` before 1970. Counts years from March, so that the
/// leap day is the last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: u32, month: u32, day: u32) -> Option<u32> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day.checked_sub(1)?;
    (365 * year + year / 4 - year / 100 + year / 400 + day_of_year).checked_sub(719_468)
}

/// Year, month and day of a number of days since 1970 (Neri and Schneider, "Euclidean affine functions and their
/// application to calendar algorithms", 2023).
fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let n = 4 * (days + 719_468) + 3;
    let (century, n) = (n / 146_097, (n % 146_097) | 3);
    let product = 2_939_745 * u64::from(n);
    let (year_of_century, day_of_year) =
        ((product >> 32) as u32, ((product & 0xffff_ffff) as u32) / 2_939_745 / 4);
    let n = 2_141 * day_of_year + 197_913;
    let (month, day) = (n >> 16, (n & 0xffff) / 2_141 + 1);
    let is_next_year = day_of_year >= 306;
    (
        100 * century + year_of_century + u32::from(is_next_year),
        if is_next_year { month - 12 } else { month },
        day,
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn dates_are_rendered_as_httpdate_does_and_parsed_back() {
        let check = |seconds: u32| {
            let rendered = render(seconds);
            let expected = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.into()));
            assert_eq!(rendered, expected.as_bytes(), "{seconds}");
            assert_eq!(parse(&rendered), Some(seconds));
        };
        for day in 0..=u32::MAX / 86_400 {
            check((day * 86_400).saturating_add(day % 86_400));
        }
        check(784_111_777);
        check(u32::MAX);
    }

    #[test]
    fn any_other_spelling_is_no_date() {
        let check = |value: &str| assert_eq!(parse(value.as_bytes()), None, "{value}");
        check("Mon, 06 Nov 1994 08:49:37 GMT");
        check("sun, 06 Nov 1994 08:49:37 GMT");
        check("Sun, 06 Nov 1994 08:49:37 gmt");
        check("Sun, 06 Nov 1994 08:49:60 GMT");
        check("Sun, 06 Nov 1994 24:00:00 GMT");
        check("Tue, 31 Feb 1994 08:49:37 GMT");
        check("Sun, 00 Nov 1994 08:49:37 GMT");
        check("Sunday, 06-Nov-94 08:49:37 GMT");
        check("Wed, 31 Dec 1969 23:59:59 GMT");
        check("Sat, 01 Jan 0000 00:00:00 GMT");
        check("Fri, 31 Dec 9999 23:59:59 GMT");
        check("0");
    }
}
