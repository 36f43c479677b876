//! Dates as `%tl` and `%tg` write them: in the form of the common log format, or by an argument in strftime's letters.

use crate::reader::scan::{common_date, month, number, seconds, zone};

/// How a date is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DateFormat {
    /// `17/Nov/2024:16:21:22 +0700`
    Common,
    /// Letters of strftime, and the text between them.
    Letters(Vec<Part>),
}

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A letter after a `%`.
    Letter(u8),
    /// A byte that stands for itself.
    Text(u8),
}

use Part::{Letter, Text};

impl DateFormat {
    /// Understands `%Y-%m-%d %H:%M:%S`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => match bytes.next() {
                    Some(b'F') => {
                        parts.extend([Letter(b'Y'), Text(b'-'), Letter(b'm'), Text(b'-'), Letter(b'd')]);
                    }
                    Some(b'T') => {
                        parts.extend([Letter(b'H'), Text(b':'), Letter(b'M'), Text(b':'), Letter(b'S')]);
                    }
                    Some(letter @ (b'Y' | b'm' | b'd' | b'e' | b'H' | b'M' | b'S' | b'b' | b'z' | b's')) => {
                        parts.push(Letter(letter));
                    }
                    Some(b'%') => parts.push(Text(b'%')),
                    _ => return Err(format!("cannot read times written as `{text}`")),
                },
                byte => parts.push(Text(byte)),
            }
        }
        let has = |letters: &[u8]| letters.iter().all(|letter| parts.contains(&Letter(*letter)));
        let has_day = has(b"Y") && (has(b"m") || has(b"b")) && (has(b"d") || has(b"e"));
        if has(b"s") || (has_day && has(b"HM")) {
            Ok(Self::Letters(parts))
        } else {
            Err(format!("`{text}` says no day and time"))
        }
    }

    /// Seconds since 1970 of the date with which `text` begins, and what follows it. Without a zone it is UTC's.
    pub(super) fn read<'a>(&self, text: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let Self::Letters(parts) = self else { return common_date(text) };
        let mut rest = text;
        let (mut day, mut time, mut offset, mut since_1970) = ([1970, 1, 1], [0; 3], 0, None);
        for part in parts {
            let width = match part {
                Text(_) => 1,
                Letter(b'Y') => 4,
                Letter(b'b') => 3,
                Letter(b'z') => 5,
                Letter(b's') => rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
                Letter(_) => 2,
            };
            let (value, after) = rest.split_at_checked(width)?;
            rest = after;
            match part {
                Text(byte) if value != [*byte] => return None,
                Text(_) => {}
                Letter(b'Y') => day[0] = number(value)?,
                Letter(b'm') => day[1] = number(value)?,
                Letter(b'b') => day[1] = month(value)?,
                Letter(b'd' | b'e') => day[2] = number(value.trim_ascii_start())?,
                Letter(b'H') => time[0] = number(value)?,
                Letter(b'M') => time[1] = number(value)?,
                Letter(b'S') => time[2] = number(value)?,
                Letter(b'z') => offset = zone(value)?,
                Letter(_) => since_1970 = Some(number(value)?),
            }
        }
        Some((since_1970.or_else(|| seconds(day, time, offset))?, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_by_the_letters_they_were_written_with() {
        let check = |format: &str, text: &str, expected: Option<(u64, &str)>| {
            let format = DateFormat::parse(format).unwrap();
            let expected = expected.map(|(secs, rest)| (secs, rest.as_bytes()));
            assert_eq!(format.read(text.as_bytes()), expected, "{text}");
        };
        check("%Y-%m-%d %H:%M:%S", "2024-11-17 09:21:22 x", Some((1_731_835_282, " x")));
        check("%FT%T%z", "2024-11-17T16:21:22+0700", Some((1_731_835_282, "")));
        check("%e/%b/%Y %H:%M", " 7/Jan/1970 00:01", Some((6 * 86_400 + 60, "")));
        check("%s", "1731835282.5", Some((1_731_835_282, ".5")));
        check("%FT%T", "2024-11-17 16:21:22", None);
        check("%FT%T", "2024", None);
        check("%FT%T", "", None);
    }

    #[test]
    fn letters_that_say_no_time_are_refused() {
        for format in ["%A", "%H:%M", "%Y-%m-%d", "%", ""] {
            assert!(DateFormat::parse(format).is_err(), "{format}");
        }
    }
}
