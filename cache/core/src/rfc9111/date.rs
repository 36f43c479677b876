//! HTTP dates (RFC 9110 section 5.6.7): reading all three formats, writing the one that is still written.
//!
//! Names of days and months compare without case and the day's name is not checked against the date: both only occur
//! in senders' mistakes, and the time is clear all the same. Anything else that is not one of the three formats is no
//! date; what that means (an `Expires` in the past, a condition that is ignored) is for the field's rules to say.

use crate::time::UnixSecs;

/// Length of a date as we write it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub const DATE_BYTES: usize = 29;

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const SECONDS_PER_DAY: i64 = 86_400;

/// Reads a date in any of the three formats. `now` decides the century of a two-digit year.
pub fn parse(value: &[u8], now: UnixSecs) -> Option<UnixSecs> {
    let value = value.trim_ascii();
    let Some(comma) = memchr::memchr(b',', value) else { return parse_asctime(value) };
    let is_day = (3..=9).contains(&comma) && value[..comma].iter().all(u8::is_ascii_alphabetic);
    let rest = value[comma + 1..].strip_prefix(b" ").filter(|_| is_day)?;
    match rest.len() {
        24 => parse_imf_fixdate(rest),
        22 => parse_rfc850(rest, now),
        _ => None,
    }
}

/// Writes a date; times outside the years 1970 to 9999 are moved to that range's nearer end.
pub fn format(at: UnixSecs) -> [u8; DATE_BYTES] {
    const LATEST: i64 = 253_402_300_799;
    let seconds = at.0.clamp(0, LATEST);
    let (days, in_day) = (seconds / SECONDS_PER_DAY, seconds % SECONDS_PER_DAY);
    let (year, month, day) = civil_from_days(days);
    let mut out = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    out[..3].copy_from_slice(DAYS[(days % 7) as usize]);
    put_two_digits(&mut out[5..7], day);
    out[8..11].copy_from_slice(MONTHS[(month - 1) as usize]);
    put_two_digits(&mut out[12..14], year / 100);
    put_two_digits(&mut out[14..16], year % 100);
    put_two_digits(&mut out[17..19], in_day / 3600);
    put_two_digits(&mut out[20..22], in_day / 60 % 60);
    put_two_digits(&mut out[23..25], in_day % 60);
    out
}

/// `06 Nov 1994 08:49:37 GMT`
fn parse_imf_fixdate(rest: &[u8]) -> Option<UnixSecs> {
    is_shaped(rest, b"00 AAA 0000 00:00:00 AAA").then_some(())?;
    is_gmt(&rest[21..])?;
    let year = digits(&rest[7..11]);
    seconds_from(year, month(&rest[3..6])?, digits(&rest[..2]), &rest[12..20])
}

/// `06-Nov-94 08:49:37 GMT`
fn parse_rfc850(rest: &[u8], now: UnixSecs) -> Option<UnixSecs> {
    is_shaped(rest, b"00-AAA-00 00:00:00 AAA").then_some(())?;
    is_gmt(&rest[19..])?;
    let (this_year, _, _) = civil_from_days(now.0.div_euclid(SECONDS_PER_DAY));
    let mut year = this_year - this_year % 100 + digits(&rest[7..9]);
    // More than fifty years ahead means the last such year that has been.
    if year > this_year + 50 {
        year -= 100;
    }
    seconds_from(year, month(&rest[3..6])?, digits(&rest[..2]), &rest[10..18])
}

/// `Sun Nov  6 08:49:37 1994`
fn parse_asctime(value: &[u8]) -> Option<UnixSecs> {
    let one_digit = is_shaped(value, b"AAA AAA  0 00:00:00 0000");
    (one_digit || is_shaped(value, b"AAA AAA 00 00:00:00 0000")).then_some(())?;
    let day = if one_digit { digits(&value[9..10]) } else { digits(&value[8..10]) };
    seconds_from(digits(&value[20..24]), month(&value[4..7])?, day, &value[11..19])
}

/// Whether each byte is of the class its place in the pattern says: a digit for `0`, a letter for `A`, else itself.
fn is_shaped(value: &[u8], pattern: &[u8]) -> bool {
    value.len() == pattern.len()
        && value.iter().zip(pattern).all(|(&byte, &class)| match class {
            b'0' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_alphabetic(),
            _ => byte == class,
        })
}

fn is_gmt(zone: &[u8]) -> Option<()> {
    zone.eq_ignore_ascii_case(b"GMT").then_some(())
}

fn digits(value: &[u8]) -> i64 {
    value.iter().fold(0, |number, &digit| number * 10 + i64::from(digit - b'0'))
}

fn month(name: &[u8]) -> Option<i64> {
    MONTHS.iter().position(|month| name.eq_ignore_ascii_case(*month)).map(|index| index as i64 + 1)
}

/// The time of that date and `time`, which is shaped `08:49:37`; `None` when there is no such date or time of day.
fn seconds_from(year: i64, month: i64, day: i64, time: &[u8]) -> Option<UnixSecs> {
    let (hour, minute, second) = (digits(&time[..2]), digits(&time[3..5]), digits(&time[6..8]));
    let is_date = day >= 1 && day <= days_in_month(year, month);
    // A leap second is the first second of the next minute here.
    let is_time = hour < 24 && minute < 60 && second <= 60;
    (is_date && is_time).then(|| {
        UnixSecs(days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second)
    })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date, and back: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn put_two_digits(out: &mut [u8], number: i64) {
    out[0] = b'0' + (number / 10) as u8;
    out[1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const NOW: UnixSecs = UnixSecs(1_800_000_000);
    const NOVEMBER_1994: Option<i64> = Some(784_111_777);

    fn check(value: &str, expected: Option<i64>) {
        assert_eq!(parse(value.as_bytes(), NOW), expected.map(UnixSecs), "{value:?}");
    }

    #[test]
    fn all_three_formats_are_read() {
        check("Sun, 06 Nov 1994 08:49:37 GMT", NOVEMBER_1994);
        check("Sunday, 06-Nov-94 08:49:37 GMT", NOVEMBER_1994);
        check("Sun Nov  6 08:49:37 1994", NOVEMBER_1994);
        check("Sun Nov 06 08:49:37 1994", NOVEMBER_1994);
        check("  Sun, 06 Nov 1994 08:49:37 GMT ", NOVEMBER_1994);
    }

    #[test]
    fn case_and_a_wrong_day_name_do_not_matter() {
        check("SUN, 06 nov 1994 08:49:37 gmt", NOVEMBER_1994);
        check("Mon, 06 Nov 1994 08:49:37 GMT", NOVEMBER_1994);
    }

    #[test]
    fn what_is_not_one_of_the_formats_is_no_date() {
        for value in [
            "",
            "0",
            "-1",
            "foo",
            ",",
            "Sun,",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov  1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 AEST",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 1900 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun Nov  6 08:49:37 94",
        ] {
            check(value, None);
        }
    }

    #[test]
    fn a_two_digit_year_is_at_most_fifty_years_ahead() {
        // Now is 2027.
        check("Thursday, 18-Aug-50 02:01:18 GMT", Some(2_544_400_878));
        check("Friday, 01-Jan-77 00:00:00 GMT", Some(3_376_684_800));
        check("Sunday, 01-Jan-78 00:00:00 GMT", Some(252_460_800));
    }

    #[test]
    fn dates_are_written_as_the_httpdate_crate_writes_them() {
        let mut rng = fastrand::Rng::with_seed(9110);
        for _ in 0..20_000 {
            let at = rng.i64(0..253_402_300_800);
            let oracle = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at as u64));
            let written = format(UnixSecs(at));
            assert_eq!(std::str::from_utf8(&written).unwrap(), oracle);
            assert_eq!(parse(&written, NOW), Some(UnixSecs(at)));
        }
        assert_eq!(format(UnixSecs(i64::MIN)), format(UnixSecs(0)));
        assert_eq!(&format(UnixSecs(i64::MAX)), b"Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn no_bytes_panic_the_parser() {
        let mut rng = fastrand::Rng::with_seed(850);
        let alphabet = b"SunNovGMT0123456789 ,:-\xff";
        for _ in 0..50_000 {
            let value: Vec<u8> =
                (0..rng.usize(..34)).map(|_| alphabet[rng.usize(..alphabet.len())]).collect();
            parse(&value, UnixSecs(rng.i64(..)));
        }
    }
}
