//! One JSON object per line: the same values under names, nulls for what is not known.

use super::record::AccessRecord;
use super::text;

/// Appends the line, with its end.
pub(super) fn write(line: &mut Vec<u8>, record: &AccessRecord<'_>) {
    line.extend_from_slice(b"{\"time\":");
    text::number(line, record.completed_ms / 1000);
    line.push(b'.');
    text::three_digits(line, record.completed_ms % 1000);
    line.extend_from_slice(b",\"elapsed_ms\":");
    text::number(line, record.elapsed_ms);
    line.extend_from_slice(b",\"client\":\"");
    text::address(line, record.client);
    line.extend_from_slice(b"\",\"result\":\"");
    for part in record.outcome.parts() {
        line.extend_from_slice(part.as_bytes());
    }
    line.extend_from_slice(b"\",\"status\":");
    text::number(line, record.status.into());
    line.extend_from_slice(b",\"bytes\":");
    text::number(line, record.bytes);
    text_member(line, b",\"method\":", record.method);
    text_member(line, b",\"url\":", record.url);
    text_member(line, b",\"user\":", record.user);
    line.extend_from_slice(b",\"hierarchy\":\"");
    line.extend_from_slice(record.hierarchy.as_str().as_bytes());
    line.extend_from_slice(b"\",\"peer\":");
    match record.peer {
        Some(peer) => {
            line.push(b'"');
            text::address(line, peer);
            line.push(b'"');
        }
        None => line.extend_from_slice(b"null"),
    }
    text_member(line, b",\"content_type\":", text::media_type(record.content_type));
    line.extend_from_slice(b",\"protocol\":");
    match record.version {
        Some((major, minor)) => {
            line.extend_from_slice(b"\"HTTP/");
            text::number(line, major.into());
            line.push(b'.');
            text::number(line, minor.into());
            line.push(b'"');
        }
        None => line.extend_from_slice(b"null"),
    }
    text_member(line, b",\"referer\":", record.referer);
    text_member(line, b",\"user_agent\":", record.user_agent);
    line.extend_from_slice(b"}\n");
}

fn text_member(line: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    line.extend_from_slice(name);
    text::json(line, value);
}
