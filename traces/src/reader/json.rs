//! The access log of this proxy in JSON: an object per line, `{"time":1795191691.366,"elapsed_ms":2,...}`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use super::Reader;
use crate::damage::Damage;
use crate::record::{Name, Record};

/// Reads the JSON access log.
pub(super) struct Json;

/// The members a trace has a use for.
#[derive(serde::Deserialize)]
struct Line<'a> {
    time: f64,
    elapsed_ms: Option<u64>,
    #[serde(borrow, default)]
    client: Text<'a>,
    #[serde(borrow, default)]
    result: Text<'a>,
    status: Option<u16>,
    bytes: u64,
    #[serde(borrow, default)]
    method: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow, default)]
    content_type: Text<'a>,
}

/// A string or null, borrowed from the line unless it has escapes.
#[derive(Default)]
struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    fn bytes(&self) -> Option<&[u8]> {
        self.0.as_deref().filter(|text| !text.is_empty()).map(str::as_bytes)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or null")
            }

            fn visit_unit<E>(self) -> Result<Text<'de>, E> {
                Ok(Text(None))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

impl Reader for Json {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        if line.is_empty() {
            return Ok(());
        }
        let line: Line<'_> =
            serde_json::from_slice(line).map_err(|_| Damage("no JSON object with time, bytes and url"))?;
        if !(0.0..1e13).contains(&line.time) {
            return Err(Damage("no time that can be read"));
        }
        each(&Record {
            name: Name::Url(line.url.bytes().unwrap_or(b"-")),
            size: Some(line.bytes),
            // A double holds the milliseconds of this and the next centuries exactly enough to round to them.
            time_us: Some((line.time * 1e3).round() as u64 * 1000),
            elapsed_us: line.elapsed_ms.and_then(|elapsed| elapsed.checked_mul(1000)),
            method: line.method.bytes(),
            status: line.status.map(|status| if (100..1000).contains(&status) { status } else { 0 }),
            outcome: line.result.bytes(),
            mime: line.content_type.bytes(),
            client: line.client.bytes(),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<Record<'_>>) {
        let mut seen = false;
        let done = Json.read(line.as_bytes(), &mut |record| {
            assert_eq!(Some(*record), expected, "{line}");
            seen = true;
        });
        assert_eq!((done.is_ok(), seen), (expected.is_some(), expected.is_some()), "{line}");
    }

    #[test]
    fn a_line_of_the_proxy_is_read_with_all_it_says() {
        check(
            r#"{"time":1795191691.379,"elapsed_ms":2,"client":"127.0.0.1","result":"TCP_MEM_HIT","status":200,"bytes":2392,"method":"GET","url":"http://a.test/\"q","user":null,"hierarchy":"HIER_NONE","peer":null,"content_type":"text/html","protocol":"HTTP/1.1","referer":null,"user_agent":"x"}"#,
            Some(Record {
                name: Name::Url(b"http://a.test/\"q"),
                size: Some(2392),
                time_us: Some(1_795_191_691_379_000),
                elapsed_us: Some(2_000),
                method: Some(b"GET"),
                status: Some(200),
                outcome: Some(b"TCP_MEM_HIT"),
                mime: Some(b"text/html"),
                client: Some(b"127.0.0.1"),
            }),
        );
    }

    #[test]
    fn what_is_not_known_may_be_null_or_absent() {
        let expected = Record { size: Some(0), time_us: Some(1_000_000), ..Record::of(Name::Url(b"-")) };
        let line = r#"{"time":1,"bytes":0,"url":null,"method":null,"status":0}"#;
        check(line, Some(Record { status: Some(0), ..expected }));
        check(r#"{"time":1,"bytes":0,"url":"-"}"#, Some(expected));
    }

    #[test]
    fn what_is_no_such_object_is_damaged() {
        for line in [
            "{",
            "[]",
            "1",
            r#"{"time":1}"#,
            r#"{"time":-1,"bytes":0,"url":"a"}"#,
            r#"{"time":1,"bytes":-1,"url":"a"}"#,
        ] {
            check(line, None);
        }
    }
}
