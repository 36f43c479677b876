//! The combined format of web servers with Squid's two codes at the end, as Squid's `logformat combined`:
//! `%>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st "%{Referer}>h" "%{User-Agent}>h" %Ss:%Sh`.
//!
//! Squid's built-in of that name writes quotes within a URL, Referer or User-Agent as they are, so that a client can forge
//! what follows; here they stand behind a backslash, as when that `logformat` is given in Squid's file.

use super::record::AccessRecord;
use super::{date, text};

/// Appends the line, with its end.
pub(super) fn write(line: &mut Vec<u8>, record: &AccessRecord<'_>) {
    text::address(line, record.client);
    line.extend_from_slice(b" - ");
    text::field(line, record.user);
    line.push(b' ');
    date::write(line, record.completed_ms / 1000);
    line.extend_from_slice(b" \"");
    text::field(line, record.method);
    line.push(b' ');
    text::quoted_url(line, record.url);
    match record.version {
        Some((major, minor)) => {
            line.extend_from_slice(b" HTTP/");
            text::number(line, major.into());
            line.push(b'.');
            text::number(line, minor.into());
        }
        None => line.extend_from_slice(b" NONE/0.0"),
    }
    line.extend_from_slice(b"\" ");
    text::number(line, record.status.into());
    line.push(b' ');
    text::number(line, record.bytes);
    for value in [record.referer, record.user_agent] {
        line.extend_from_slice(b" \"");
        text::quoted(line, value);
        line.push(b'"');
    }
    line.push(b' ');
    for part in record.outcome.parts() {
        line.extend_from_slice(part.as_bytes());
    }
    line.push(b':');
    line.extend_from_slice(record.hierarchy.as_str().as_bytes());
    line.push(b'\n');
}
