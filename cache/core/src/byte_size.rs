//! Numbers of bytes as people write them, read in one way wherever they do: in the configuration, as a parameter of a
//! policy, as the size of a replayed cache. `KiB`, `MiB`, `GiB`, `TiB`, also without the `iB`, are powers of 1024; `kB`,
//! `MB`, `GB`, `TB` are powers of 1000, as their names say.

/// Why a text is no number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBytes {
    /// It does not begin with a number.
    Number,
    /// What follows the number is no unit.
    Unit,
    /// It is more than there can be.
    TooLarge,
}

impl BadBytes {
    /// What is wrong, where more is to be said than that it is no size.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Unit => "unknown unit",
            Self::TooLarge => "too large",
        }
    }
}

/// The units that are printed, largest first among those of a kind.
pub const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Units that are read besides.
const SHORT: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];

/// Reads a number, which may have a fraction, and a unit in any case; spaces may stand between them. A bare number is
/// bytes, and a part of a byte is left out.
///
/// # Errors
/// When it is none.
pub fn parse(text: &str) -> Result<u64, BadBytes> {
    let trimmed = text.trim();
    let unit_at = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(unit_at);
    let factor = factor(unit.trim_start()).ok_or(BadBytes::Unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() {
        return Err(BadBytes::Number);
    }
    let whole: u64 = whole.parse().map_err(|_| BadBytes::TooLarge)?;
    // Nine digits keep the product within 128 bits and are finer than a byte below a gigabyte.
    let fraction = &fraction[..fraction.len().min(9)];
    let numerator: u128 = fraction.parse().map_err(|_| BadBytes::Number)?;
    let part = numerator * u128::from(factor) / 10_u128.pow(fraction.len() as u32);
    let bytes = u128::from(whole) * u128::from(factor) + part;
    u64::try_from(bytes).map_err(|_| BadBytes::TooLarge)
}

/// Bytes in one of this unit; none when there is no such unit.
fn factor(unit: &str) -> Option<u64> {
    if unit.is_empty() {
        return Some(1);
    }
    let mut units = UNITS.iter().chain(&SHORT);
    units.find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|&(_, factor)| factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<u64, BadBytes>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        check("4096", Ok(4096));
        check("0", Ok(0));
        check("64MiB", Ok(64 << 20));
        check("64M", Ok(64 << 20));
        check("2GB", Ok(2_000_000_000));
        check(" 1.5 gib ", Ok(3 << 29));
        check("1.9999999999999B", Ok(1));
        check("18446744073709551615", Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_size_is_told_apart() {
        check("", Err(BadBytes::Number));
        check(".5MB", Err(BadBytes::Number));
        check("1..5MB", Err(BadBytes::Number));
        check("12Q", Err(BadBytes::Unit));
        check("-1", Err(BadBytes::Unit));
        check("1\u{b5}B", Err(BadBytes::Unit));
        check("17000000TiB", Err(BadBytes::TooLarge));
        check("99999999999999999999", Err(BadBytes::TooLarge));
    }
}
