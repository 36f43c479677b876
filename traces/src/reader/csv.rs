//! Comma, semicolon or tab separated values with named columns. The names come from the file's first line, with or without
//! a `#` before it, or from the user; those of [`COLUMNS`] are understood, the others passed over. Three columns of numbers
//! without any names are time, object and size, as libCacheSim takes them.
//!
//! Quoting is RFC 4180's, by `csv-core`; lines without a quote, which is nearly all, are cut without it. Deliberately not
//! here: line breaks inside quotes, which no trace has.

use super::scan::{media_type, micros, number, status, unless_dash};
use super::{Likeness, Reader, detect};
use crate::damage::Damage;
use crate::record::{Name, Record};

/// What a column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    /// A URL.
    Url,
    /// A number, or a name that is none.
    Object,
    /// A time, in units of so many microseconds.
    Time(u64),
    /// Bytes.
    Size,
    /// How long it took, in units of so many microseconds.
    Elapsed(u64),
    Method,
    Status,
    Outcome,
    Mime,
    Client,
    /// Anything else.
    Other,
}

use Column::{Client, Elapsed, Method, Mime, Object, Other, Outcome, Size, Status, Time, Url};

const S: u64 = 1_000_000;
const MS: u64 = 1_000;

/// The names understood, in whatever case, with what they mean.
pub const COLUMNS: &[(&str, &str)] = &[
    ("url, uri, request", "the URL"),
    ("object, obj, obj_id, object_id, id, key, lbn, lba, block, document", "the object: a number or a name"),
    ("time, timestamp, ts, clock_time", "when, in seconds; also time_ms, time_us"),
    ("size, bytes, obj_size, object_size, length", "bytes"),
    (
        "elapsed, elapsed_ms, latency_ms, duration_ms",
        "how long it took, in milliseconds; also elapsed_us, elapsed_s",
    ),
    ("method", "the request method"),
    ("status, response, status_code", "the status code"),
    ("result, result_code, cache_status", "what the cache did, in Squid's words"),
    ("content_type, mime, type", "the media type"),
    ("client, host, ip, client_ip", "the client"),
    ("_", "nothing; as any other name"),
];

impl Column {
    fn of(name: &str) -> Self {
        let name = name.trim().trim_start_matches('\u{feff}').to_ascii_lowercase().replace([' ', '-'], "_");
        match name.as_str() {
            "url" | "uri" | "request" => Url,
            "object" | "obj" | "obj_id" | "object_id" | "objid" | "id" | "key" | "lbn" | "lba" | "block"
            | "document" => Object,
            "time" | "timestamp" | "ts" | "clock_time" | "time_s" => Time(S),
            "time_ms" | "timestamp_ms" => Time(MS),
            "time_us" | "timestamp_us" => Time(1),
            "size" | "bytes" | "obj_size" | "object_size" | "objsize" | "length" => Size,
            "elapsed" | "elapsed_ms" | "latency_ms" | "duration_ms" => Elapsed(MS),
            "elapsed_us" | "latency_us" | "duration_us" => Elapsed(1),
            "elapsed_s" | "latency_s" | "duration_s" => Elapsed(S),
            "method" => Method,
            "status" | "response" | "status_code" => Status,
            "result" | "result_code" | "cache_status" => Outcome,
            "content_type" | "mime" | "type" => Mime,
            "client" | "host" | "ip" | "client_ip" => Client,
            _ => Other,
        }
    }
}

/// Columns of one file.
const COLUMNS_MAX: usize = 64;
/// Bytes of a line that is quoted.
const QUOTED_BYTES_MAX: usize = 64 << 10;

/// Reads one file of separated values.
pub(super) struct Csv {
    columns: Vec<Column>,
    separator: u8,
    /// The line with the names, until it has come.
    header: Option<Vec<u8>>,
}

impl Csv {
    /// A reader for a file with columns of these names, or with those in its first line.
    pub(super) fn new(names: Option<&[String]>, head: &[u8]) -> Result<Self, String> {
        match names {
            Some(names) => Self::with_names(names, head),
            None => Self::by_header(head).ok_or_else(|| {
                "no column of the first line has a known name; give the names: --columns time,object,size"
                    .to_owned()
            }),
        }
    }

    fn with_names(names: &[String], head: &[u8]) -> Result<Self, String> {
        let columns: Vec<Column> = names.iter().map(|name| Column::of(name)).collect();
        if !has_name(&columns) {
            return Err(format!("none of the columns {} says what was asked for", names.join(",")));
        }
        if columns.len() > COLUMNS_MAX {
            return Err(format!("more than {COLUMNS_MAX} columns"));
        }
        let first = detect::complete_lines(head).next().unwrap_or_default();
        let separator =
            SEPARATORS.iter().copied().find(|separator| first.contains(separator)).unwrap_or(b',');
        let mut reader = Self { columns, separator, header: None };
        // A header in spite of the names given says nothing new.
        if reader.read(first, &mut |_| {}).is_err() {
            reader.header = Some(first.to_vec());
        }
        Ok(reader)
    }

    fn by_header(head: &[u8]) -> Option<Self> {
        let first = detect::complete_lines(head).next()?;
        let text = std::str::from_utf8(first).ok()?;
        let names = text.trim_start_matches('#');
        for &separator in SEPARATORS {
            let columns: Vec<Column> = names
                .split(char::from(separator))
                .map(|name| Column::of(name.trim().trim_matches('"')))
                .collect();
            let known = columns.iter().filter(|column| **column != Other).count();
            if (2..=COLUMNS_MAX).contains(&columns.len()) && has_name(&columns) && known > 1 {
                return Some(Self { columns, separator, header: Some(first.to_vec()) });
            }
            let numbers = text.split(char::from(separator)).map(|cell| cell.trim().as_bytes());
            if columns.len() == 3 && numbers.clone().all(|cell| micros(cell, 1).is_some()) {
                return Some(Self { columns: vec![Time(S), Object, Size], separator, header: None });
            }
        }
        None
    }

    fn record<'a>(&self, cells: impl Iterator<Item = &'a [u8]>) -> Result<Record<'a>, Damage> {
        let mut record = Record::of(Name::Number(0));
        let mut named = false;
        let mut columns = self.columns.iter();
        for (cell, column) in cells.zip(columns.by_ref()) {
            let cell = cell.trim_ascii();
            match *column {
                Url | Object if cell.is_empty() => return Err(Damage("nothing in the column of names")),
                Url => (record.name, named) = (Name::Url(cell), true),
                Object => {
                    record.name = number(cell).map_or(Name::Url(cell), Name::Number);
                    named = true;
                }
                Time(unit_us) => {
                    record.time_us = Some(micros(cell, unit_us).ok_or(Damage("no time in its column"))?);
                }
                Size if cell == b"-" => record.size = Some(0),
                Size => record.size = Some(number(cell).ok_or(Damage("no number of bytes in its column"))?),
                Elapsed(unit_us) => record.elapsed_us = micros(cell, unit_us),
                Method => record.method = unless_dash(cell),
                Status => record.status = Some(status(cell)),
                Outcome => record.outcome = unless_dash(cell),
                Mime => record.mime = media_type(cell),
                Client => record.client = unless_dash(cell),
                Other => {}
            }
        }
        let has_rest = columns.any(|column| !matches!(column, Other | Mime | Client | Elapsed(_)));
        if named && !has_rest { Ok(record) } else { Err(Damage("too few columns")) }
    }
}

/// What may stand between cells, the likeliest last resort last.
const SEPARATORS: &[u8] = b"\t,;|";

fn has_name(columns: &[Column]) -> bool {
    columns.iter().any(|column| matches!(column, Url | Object))
}

impl Reader for Csv {
    fn read(&mut self, line: &[u8], each: &mut dyn FnMut(&Record<'_>)) -> Result<(), Damage> {
        if self.header.as_deref().is_some_and(|header| header == line) {
            self.header = None;
            return Ok(());
        }
        if line.is_empty() || line[0] == b'#' {
            return Ok(());
        }
        if memchr::memchr(b'"', line).is_none() {
            each(&self.record(Cells { rest: Some(line), separator: self.separator })?);
            return Ok(());
        }
        let mut text = [0; QUOTED_BYTES_MAX];
        let mut ends = [0; COLUMNS_MAX + 1];
        let mut parser = csv_core::ReaderBuilder::new().delimiter(self.separator).build();
        let (_, _, text_end, cells) = parser.read_record(line, &mut text, &mut ends);
        // The line has no end, so the parser would go on; told that nothing follows it says whether it has it all.
        let (result, _, _, more) = parser.read_record(&[], &mut text[text_end..], &mut ends[cells..]);
        if !matches!(result, csv_core::ReadRecordResult::Record) {
            return Err(Damage("quotes that do not end, or too long a line with quotes"));
        }
        let cells = cells + more;
        let starts = std::iter::once(0).chain(ends[..cells].iter().copied());
        let cells = starts.zip(&ends[..cells]).map(|(start, &end)| &text[start..end]);
        each(&self.record(cells)?);
        Ok(())
    }
}

/// The cells of a line without quotes.
struct Cells<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Cells<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match memchr::memchr(self.separator, rest) {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                Some(&rest[..at])
            }
            None => self.rest.take(),
        }
    }
}

/// How likely a file that begins with `head` is one of separated values with known names.
pub(super) fn likeness(head: &[u8]) -> Likeness {
    let Some(mut reader) = Csv::by_header(head) else { return 0.0 };
    let has_header = reader.header.is_some();
    let likeness = detect::lines(head, &mut reader);
    // The header is a line without a record.
    if has_header && detect::complete_lines(head).count() == 1 { 1.0 } else { likeness }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(columns: Option<&str>, text: &str) -> Vec<Result<String, &'static str>> {
        let names = columns.map(|names| names.split(',').map(str::to_owned).collect::<Vec<_>>());
        let mut reader = Csv::new(names.as_deref(), text.as_bytes()).unwrap();
        let mut all = Vec::new();
        for line in text.lines() {
            let mut records = Vec::new();
            let done = reader.read(line.as_bytes(), &mut |record| {
                let name = match record.name {
                    Name::Url(name) => String::from_utf8_lossy(name).into_owned(),
                    Name::Number(number) => format!("#{number}"),
                };
                let size = record.size.map_or("-".to_owned(), |size| size.to_string());
                let time = record.time_us.map_or("-".to_owned(), |time| time.to_string());
                records.push(format!("{time} {name} {size}"));
            });
            match done {
                Ok(()) => all.extend(records.into_iter().map(Ok)),
                Err(damage) => all.push(Err(damage.0)),
            }
        }
        all
    }

    fn check(columns: Option<&str>, text: &str, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|record| Ok((*record).to_owned())).collect();
        assert_eq!(read(columns, text), expected, "{text}");
    }

    #[test]
    fn columns_are_known_by_the_names_in_the_first_line() {
        check(None, "time,obj,size\n0,1,1713\n4,2,8677", &["0 #1 1713", "4000000 #2 8677"]);
        check(
            None,
            "# time, object, size, next_access_vtime\n0, 13053225291711363978, 737, 13",
            &["0 #13053225291711363978 737"],
        );
        check(None, "version,time,op,size,lbn\n1,5633898,2a,512,42932745", &["5633898000000 #42932745 512"]);
        check(
            None,
            "Host\tlogname\ttime\tmethod\turl\tresponse\tbytes\na\t-\t8\tGET\t/x,y\t200\t17",
            &["8000000 /x,y 17"],
        );
        check(None, "\u{feff}url;size\n/a;-", &["- /a 0"]);
    }

    #[test]
    fn columns_may_be_named_by_the_user_with_or_without_a_header_in_the_file() {
        check(Some("time,key,_,size"), "0,nz:u:abc,17,213\n1,7,1,5", &["0 nz:u:abc 213", "1000000 #7 5"]);
        check(Some("time_ms,key"), "when,what\n1500,7", &["1500000 #7 -"]);
    }

    #[test]
    fn three_columns_of_numbers_are_time_object_and_size() {
        check(None, "0,7,100\n1.5,8,200", &["0 #7 100", "1500000 #8 200"]);
    }

    #[test]
    fn quoted_cells_are_unquoted() {
        check(None, "url,size\n\"/a,\"\"b\"\"\",12\n/c,13", &["- /a,\"b\" 12", "- /c 13"]);
        assert_eq!(
            read(None, "url,size\n\"/a,12"),
            [Err("too few columns")],
            "quotes that do not end take the rest of the line"
        );
    }

    #[test]
    fn damaged_lines_are_told_apart() {
        let text = "time,object,size\n0,1\n0,,5\nnow,1,5\n0,1,big\n1,1,5";
        let expected = [
            Err("too few columns"),
            Err("nothing in the column of names"),
            Err("no time in its column"),
            Err("no number of bytes in its column"),
            Ok("1000000 #1 5".to_owned()),
        ];
        assert_eq!(read(None, text), expected);
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        assert!(Csv::new(None, b"alpha,beta\n1,2").is_err());
        assert!(Csv::new(Some(&["time".to_owned(), "size".to_owned()]), b"1,2").is_err());
    }
}
