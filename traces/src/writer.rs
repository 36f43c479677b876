//! Writing traces: the formats `cnn trace convert` and `cnn trace generate` write, in one table. What a format has a place
//! for and the record does not say is a `-`, or what such a log says of an ordinary request.

use std::io::Write as _;

use crate::error::TraceError;
use crate::record::{Name, Record};

/// A format that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `time,obj,size` under a header, as libCacheSim takes it.
    Csv,
    /// libCacheSim's binary, with next accesses.
    OracleGeneral,
    /// Squid's native access log.
    Squid,
    /// The JSON access log of this proxy.
    Json,
}

impl Target {
    /// Every one, with its name and what it is.
    pub const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Csv, "csv", "time,obj,size: whole seconds, objects numbered from 1"),
        (Self::OracleGeneral, "oracleGeneral", "libCacheSim's binary, with the next access of every object"),
        (Self::Squid, "squid", "Squid's native access.log"),
        (Self::Json, "json", "the JSON access log of this proxy"),
    ];

    /// The one with this name, in whatever case.
    ///
    /// # Errors
    /// When there is none.
    pub fn by_name(name: &str) -> Result<Self, TraceError> {
        let found = Self::ALL.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(target, ..)| *target).ok_or_else(|| TraceError::NoSuchFormat {
            name: name.to_owned(),
            known: Self::ALL.iter().map(|(_, name, _)| *name).collect::<Vec<_>>().join(", "),
        })
    }

    /// What comes before the first record.
    pub(crate) fn header(self) -> &'static [u8] {
        match self {
            Self::Csv => b"time,obj,size\n",
            Self::OracleGeneral | Self::Squid | Self::Json => b"",
        }
    }

    /// Appends a record of a format of lines. A time that is not said is `at_us`.
    pub(crate) fn line(self, line: &mut Vec<u8>, record: &Record<'_>, at_us: u64) {
        let at_us = record.time_us.unwrap_or(at_us);
        match self {
            Self::Csv => csv(line, record, at_us),
            Self::Squid => squid(line, record, at_us),
            Self::Json => json(line, record, at_us),
            Self::OracleGeneral => {}
        }
    }
}

/// Writing to memory cannot fail.
macro_rules! put {
    ($line:expr, $($arguments:tt)*) => { let _ = write!($line, $($arguments)*); };
}

fn csv(line: &mut Vec<u8>, record: &Record<'_>, at_us: u64) {
    put!(line, "{},", at_us / 1_000_000);
    match record.name {
        Name::Number(number) => {
            put!(line, "{number}");
        }
        Name::Url(url) => {
            line.push(b'"');
            for &byte in url {
                line.extend_from_slice(if byte == b'"' { b"\"\"" } else { std::slice::from_ref(&byte) });
            }
            line.push(b'"');
        }
    }
    put!(line, ",{}\n", record.size.unwrap_or(1));
}

fn squid(line: &mut Vec<u8>, record: &Record<'_>, at_us: u64) {
    put!(line, "{}.{:03} ", at_us / 1_000_000, at_us / 1000 % 1000);
    put!(line, "{:6} ", record.elapsed_us.unwrap_or(0) / 1000);
    field(line, record.client);
    line.push(b' ');
    line.extend_from_slice(record.outcome.unwrap_or(b"TCP_MISS"));
    put!(line, "/{:03} {} ", record.status.unwrap_or(200), record.size.unwrap_or(1));
    field(line, record.method.or(Some(b"GET")));
    line.push(b' ');
    match record.name {
        Name::Number(number) => {
            put!(line, "{NUMBERED}{number}");
        }
        Name::Url(url) => field(line, Some(url)),
    }
    line.extend_from_slice(b" - HIER_NONE/- ");
    field(line, record.mime);
    line.push(b'\n');
}

/// The origin of documents that have a number for a name.
const NUMBERED: &str = "http://trace.invalid/";

/// A field without the bytes that would end it or the line.
fn field(line: &mut Vec<u8>, value: Option<&[u8]>) {
    for &byte in value.filter(|value| !value.is_empty()).unwrap_or(b"-") {
        if byte <= b' ' || byte == 0x7f {
            put!(line, "%{byte:02X}");
        } else {
            line.push(byte);
        }
    }
}

fn json(line: &mut Vec<u8>, record: &Record<'_>, at_us: u64) {
    put!(line, "{{\"time\":{}.{:03}", at_us / 1_000_000, at_us / 1000 % 1000);
    put!(line, ",\"elapsed_ms\":{}", record.elapsed_us.unwrap_or(0) / 1000);
    member(line, "client", record.client);
    member(line, "result", record.outcome.or(Some(b"TCP_MISS")));
    put!(line, ",\"status\":{},\"bytes\":{}", record.status.unwrap_or(200), record.size.unwrap_or(1));
    member(line, "method", record.method.or(Some(b"GET")));
    match record.name {
        Name::Number(number) => {
            put!(line, ",\"url\":\"{NUMBERED}{number}\"");
        }
        Name::Url(url) => member(line, "url", Some(url)),
    }
    member(line, "content_type", record.mime);
    line.extend_from_slice(b"}\n");
}

fn member(line: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    put!(line, ",\"{name}\":");
    match value {
        Some(value) => {
            let _ = serde_json::to_writer(line, &String::from_utf8_lossy(value));
        }
        None => line.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Record<'_> = Record {
        name: Name::Url(b"http://a.test/\"x\""),
        size: Some(2386),
        time_us: Some(1_795_191_691_366_000),
        elapsed_us: Some(2000),
        method: Some(b"GET"),
        status: Some(200),
        outcome: Some(b"TCP_MEM_HIT"),
        mime: Some(b"text/html"),
        client: Some(b"192.0.2.1"),
    };

    fn written(target: Target, record: &Record<'_>) -> String {
        let mut line = Vec::new();
        target.line(&mut line, record, 7_000_000);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for (target, name) in [(Target::Squid, "squid"), (Target::Json, "json")] {
            let line = written(target, &FULL);
            let format = crate::reader::by_name(name).unwrap();
            let mut made = format.reader(&crate::reader::ReaderOptions::default(), line.as_bytes()).unwrap();
            let mut seen = 0;
            let done = made.reader.read(line.trim_end().as_bytes(), &mut |record| {
                assert_eq!(*record, FULL, "{line}");
                seen += 1;
            });
            assert_eq!((done, seen), (Ok(()), 1), "{line}");
        }
    }

    #[test]
    fn what_is_not_said_is_ordinary() {
        let bare = Record::of(Name::Number(9));
        let squid = "7.000      0 - TCP_MISS/200 1 GET http://trace.invalid/9 - HIER_NONE/- -\n";
        assert_eq!(written(Target::Squid, &bare), squid);
        assert_eq!(written(Target::Csv, &bare), "7,9,1\n");
        let json = "{\"time\":7.000,\"elapsed_ms\":0,\"client\":null,\"result\":\"TCP_MISS\",\"status\":200,\"bytes\":1,\
                    \"method\":\"GET\",\"url\":\"http://trace.invalid/9\",\"content_type\":null}\n";
        assert_eq!(written(Target::Json, &bare), json);
    }

    #[test]
    fn no_name_breaks_a_line() {
        let record = Record::of(Name::Url(b"http://a.test/x y\n\"z"));
        assert!(written(Target::Squid, &record).contains(" http://a.test/x%20y%0A\"z - "));
        assert!(written(Target::Csv, &record).contains(",\"http://a.test/x y\n\"\"z\","));
    }

    #[test]
    fn targets_have_names() {
        assert_eq!(Target::by_name("ORACLEgeneral").unwrap(), Target::OracleGeneral);
        let error = Target::by_name("arc").err().unwrap().to_string();
        assert_eq!(error, "there is no trace format `arc`; known: csv, oracleGeneral, squid, json");
    }
}
