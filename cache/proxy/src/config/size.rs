//! Byte sizes as operators write them, by [`cnn_core::byte_size`] (Squid's `MB` is 1024 x 1024: its users write `MiB` here).

use std::fmt;
use std::str::FromStr;

use cnn_core::byte_size::{self, UNITS};

use super::spelling::{Misspelt, Spelled, serde_as_spelled};

/// A number of bytes, written like `256MiB`, `10GB` or `4096`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// That many times 1024 x 1024 bytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// That many times 1024 bytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// The number of bytes as a length in memory; saturates where addresses are narrower.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Spelled for ByteSize {
    const EXPECTED: &'static str = "a size such as `256MiB` or `10GB`";

    fn from_integer(number: u64) -> Option<Self> {
        Some(Self(number))
    }
}

serde_as_spelled!(ByteSize);

impl FromStr for ByteSize {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        byte_size::parse(text).map(Self).map_err(|wrong| Misspelt::new::<Self>(text, wrong.as_str()))
    }
}

impl fmt::Display for ByteSize {
    /// By the largest unit that divides it exactly, so that it reads back as the same size.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().filter(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = exact.max_by_key(|(_, factor)| factor).unwrap_or(&("B", 1));
        write!(out, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, bytes: u64) {
        assert_eq!(text.parse::<ByteSize>(), Ok(ByteSize(bytes)), "{text}");
    }

    fn check_refused(text: &str, message: &str) {
        assert_eq!(text.parse::<ByteSize>().unwrap_err().to_string(), message);
    }

    #[test]
    fn binary_and_decimal_units_differ() {
        check("256MiB", 256 * 1024 * 1024);
        check("10GB", 10_000_000_000);
        check("1kB", 1000);
        check("1KiB", 1024);
        check("2TiB", 2 << 40);
        check("0", 0);
        check("4096", 4096);
        check("17B", 17);
    }

    #[test]
    fn spaces_case_and_fractions_are_taken() {
        check(" 256 mib ", 256 << 20);
        check("1.5GiB", 3 << 29);
        check("0.001kB", 1);
        check("1.9999999999999B", 1);
    }

    #[test]
    fn what_is_wrong_is_said() {
        check_refused("256XB", "`256XB` is not a size such as `256MiB` or `10GB`: unknown unit");
        check_refused("", "`` is not a size such as `256MiB` or `10GB`");
        check_refused("-1", "`-1` is not a size such as `256MiB` or `10GB`: unknown unit");
        check_refused("1..5MB", "`1..5MB` is not a size such as `256MiB` or `10GB`");
        check_refused(".5MB", "`.5MB` is not a size such as `256MiB` or `10GB`");
        check_refused("17000000TiB", "`17000000TiB` is not a size such as `256MiB` or `10GB`: too large");
        check_refused(
            "99999999999999999999",
            "`99999999999999999999` is not a size such as `256MiB` or `10GB`: too large",
        );
    }

    #[test]
    fn what_is_printed_reads_back_exactly() {
        for bytes in [0, 1, 1000, 1023, 1024, 1 << 20, 10_000_000_000, 1500, (1 << 30) + 1, u64::MAX] {
            check(&ByteSize(bytes).to_string(), bytes);
        }
        assert_eq!(ByteSize::mib(256).to_string(), "256MiB");
        assert_eq!(ByteSize(10_000_000_000).to_string(), "10GB");
    }
}
