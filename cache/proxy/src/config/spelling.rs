//! Values that are written as text in the configuration file and on the command line: one error for all of them, and
//! their reading and writing through serde.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserializer, Serializer};

/// A text that is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}{}{}", if .reason.is_empty() { "" } else { ": " }, .reason)]
pub struct Misspelt {
    value: String,
    expected: &'static str,
    reason: &'static str,
}

impl Misspelt {
    /// `value` is not what was expected; `reason` says what is wrong with it, or is empty when that is plain.
    pub(crate) fn new<T: Spelled>(value: &str, reason: &'static str) -> Self {
        Self { value: value.to_owned(), expected: T::EXPECTED, reason }
    }
}

/// A value with a spelling.
pub(crate) trait Spelled: FromStr<Err = Misspelt> + fmt::Display {
    /// What a value of this kind looks like, with an example; it follows "is not" and "expected".
    const EXPECTED: &'static str;

    /// The value a bare number stands for, where one is allowed.
    fn from_integer(_number: u64) -> Option<Self> {
        None
    }
}

/// Reads one value.
pub(crate) fn deserialize<'de, T: Spelled, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    from.deserialize_any(One(PhantomData))
}

/// Writes one value the way it is read.
pub(crate) fn serialize<T: Spelled, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

struct One<T>(PhantomData<T>);

impl<T: Spelled> Visitor<'_> for One<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::from_integer(number).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
        }
    }
}

/// Reads a list, or a single value as a list of one.
pub(crate) mod one_or_many {
    use super::*;
    use serde::{Deserialize, Serialize};

    pub(crate) fn deserialize<'de, T: Spelled + Deserialize<'de>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        from.deserialize_any(Many(PhantomData))
    }

    pub(crate) fn serialize<T: Serialize, S: Serializer>(list: &[T], to: S) -> Result<S::Ok, S::Error> {
        list.serialize(to)
    }

    struct Many<T>(PhantomData<T>);

    impl<'de, T: Spelled + Deserialize<'de>> Visitor<'de> for Many<T> {
        type Value = Vec<T>;

        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(out, "{}, or a list of such", T::EXPECTED)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            One(PhantomData).visit_str(text).map(|value| vec![value])
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<T>, E> {
            One(PhantomData).visit_u64(number).map(|value| vec![value])
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<T>, E> {
            One(PhantomData).visit_i64(number).map(|value| vec![value])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(value) = seq.next_element()? {
                list.push(value);
            }
            Ok(list)
        }
    }
}

/// Gives a spelled type its serde implementations.
macro_rules! serde_as_spelled {
    ($($type:ty),+) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::config::spelling::serialize(self, to)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::config::spelling::deserialize(from)
            }
        }
    )+};
}
pub(crate) use serde_as_spelled;
