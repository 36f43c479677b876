//! Which ports clients may ask for: Squid's `Safe_ports` and `SSL_ports`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::spelling::{Misspelt, Spelled};

/// A set of ports, written as a list of ports and ranges: `[80, 443, "1025-65535"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSet {
    // Invariant: in the order given; no range is empty.
    ranges: Vec<PortRange>,
}

impl PortSet {
    /// The ports of Squid's `SSL_ports`: 443.
    pub fn connect_default() -> Self {
        [443..=443].into_iter().collect()
    }

    /// The ports of Squid's `Safe_ports`.
    pub fn safe_default() -> Self {
        let wellknown = [80, 21, 443, 70, 210].map(|port| port..=port);
        let registered = [280, 488, 591, 777].map(|port| port..=port);
        wellknown.into_iter().chain([1025..=65535]).chain(registered).collect()
    }

    /// Whether the port is in the set.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|range| (range.first..=range.last).contains(&port))
    }

    /// Whether no port is.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

impl FromIterator<RangeInclusive<u16>> for PortSet {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u16>>>(ranges: I) -> Self {
        let ranges = ranges.into_iter().filter(|range| !range.is_empty());
        Self { ranges: ranges.map(|range| PortRange { first: *range.start(), last: *range.end() }).collect() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PortRange {
    first: u16,
    last: u16,
}

impl Spelled for PortRange {
    const EXPECTED: &'static str = "a port or a range such as `443` or `1025-65535`";

    fn from_integer(number: u64) -> Option<Self> {
        u16::try_from(number).ok().filter(|&port| port > 0).map(|port| Self { first: port, last: port })
    }
}

impl FromStr for PortRange {
    type Err = Misspelt;

    fn from_str(text: &str) -> Result<Self, Misspelt> {
        let wrong = |reason| Misspelt::new::<Self>(text, reason);
        let port = |digits: &str| match digits.trim().parse::<u16>() {
            Ok(0) => Err(wrong("port 0 cannot be connected to")),
            Ok(port) => Ok(port),
            Err(_) => Err(wrong("")),
        };
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        };
        if first > last { Err(wrong("the range is backwards")) } else { Ok(Self { first, last }) }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.first, self.last)
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.first == self.last { to.serialize_u16(self.first) } else { to.collect_str(self) }
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        crate::config::spelling::deserialize(from)
    }
}

impl Serialize for PortSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(self.ranges.len()))?;
        for range in &self.ranges {
            seq.serialize_element(range)?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for PortSet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = PortSet;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list of ports and ranges such as `[443, \"1025-65535\"]`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PortSet, A::Error> {
                let mut ranges = Vec::new();
                while let Some(range) = seq.next_element()? {
                    ranges.push(range);
                }
                Ok(PortSet { ranges })
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<PortSet, E> {
                let range = u64::try_from(number).ok().and_then(PortRange::from_integer);
                let range = range.ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))?;
                Ok(PortSet { ranges: vec![range] })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PortSet, E> {
                Ok(PortSet { ranges: vec![text.parse().map_err(E::custom)?] })
            }
        }
        from.deserialize_any(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Serialize)]
    struct File {
        ports: PortSet,
    }

    fn read(value: &str) -> Result<PortSet, String> {
        toml::from_str::<File>(&format!("ports = {value}"))
            .map(|file| file.ports)
            .map_err(|e| e.message().to_owned())
    }

    fn check_refused(value: &str, message: &str) {
        assert_eq!(read(value).unwrap_err(), message);
    }

    #[test]
    fn squids_safe_ports_are_safe() {
        let safe = PortSet::safe_default();
        for port in [21, 70, 80, 210, 280, 443, 488, 591, 777, 1025, 3128, 65535] {
            assert!(safe.contains(port), "{port}");
        }
        for port in [0, 22, 23, 25, 110, 143, 1024] {
            assert!(!safe.contains(port), "{port}");
        }
        assert!(PortSet::connect_default().contains(443));
        assert!(!PortSet::connect_default().contains(22));
    }

    #[test]
    fn lists_ranges_and_single_ports_are_read() {
        let set = read(r#"[80, "8000-8010", "443"]"#).unwrap();
        assert!(set.contains(80) && set.contains(8000) && set.contains(8010) && set.contains(443));
        assert!(!set.contains(8011) && !set.contains(7999));
        assert!(read("443").unwrap().contains(443));
        assert!(read(r#""8000-8010""#).unwrap().contains(8005));
        assert!(read("[]").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let kind = "a port or a range such as `443` or `1025-65535`";
        check_refused("[70000]", &format!("invalid value: integer `70000`, expected {kind}"));
        check_refused("[0]", &format!("invalid value: integer `0`, expected {kind}"));
        check_refused(r#"["9-1"]"#, &format!("`9-1` is not {kind}: the range is backwards"));
        check_refused(r#"["http"]"#, &format!("`http` is not {kind}"));
        check_refused(r#"["0-80"]"#, &format!("`0-80` is not {kind}: port 0 cannot be connected to"));
    }

    #[test]
    fn what_is_printed_reads_back() {
        let text = toml::to_string(&File { ports: PortSet::safe_default() }).unwrap();
        assert_eq!(toml::from_str::<File>(&text).unwrap().ports, PortSet::safe_default(), "{text}");
    }
}
