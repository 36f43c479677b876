//! The date of the combined format, `[20/Nov/2026:16:21:31 +0000]`, in UTC: a log that is read elsewhere, or across a
//! change of summer time, says when things were.

use super::text;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Appends the date of a time in seconds since 1970.
pub(super) fn write(line: &mut Vec<u8>, unix_secs: u64) {
    let (days, second) = (unix_secs / 86_400, unix_secs % 86_400);
    let (year, month, day) = civil(days);
    line.push(b'[');
    two_digits(line, day);
    line.push(b'/');
    line.extend_from_slice(MONTHS[month].as_bytes());
    line.push(b'/');
    text::number(line, year);
    for part in [second / 3600, second / 60 % 60, second % 60] {
        line.push(b':');
        two_digits(line, part);
    }
    line.extend_from_slice(b" +0000]");
}

fn two_digits(line: &mut Vec<u8>, value: u64) {
    line.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

/// Year, month from 0 and day from 1 of a day counted from 1970-01-01. Years begin in March here, so that the leap day is
/// the last of its year, and are counted within eras of 400 years.
fn civil(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted as usize + 2) % 12;
    let year = year_of_era + era * 400 + u64::from(month < 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(unix_secs: u64, date: &str) {
        let mut line = Vec::new();
        write(&mut line, unix_secs);
        assert_eq!(line, date.as_bytes());
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        check(0, "[01/Jan/1970:00:00:00 +0000]");
        check(951_782_399, "[28/Feb/2000:23:59:59 +0000]");
        check(951_782_400, "[29/Feb/2000:00:00:00 +0000]");
        check(1_709_164_800, "[29/Feb/2024:00:00:00 +0000]");
        check(1_735_689_599, "[31/Dec/2024:23:59:59 +0000]");
        check(1_795_191_691, "[20/Nov/2026:16:21:31 +0000]");
        check(4_107_542_400, "[01/Mar/2100:00:00:00 +0000]");
    }
}
