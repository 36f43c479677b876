//! Squid's native format, as its default `logformat squid` of versions 5 to 7:
//! `%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt`.

use super::record::AccessRecord;
use super::text;

/// Appends the line, with its end.
pub(super) fn write(line: &mut Vec<u8>, record: &AccessRecord<'_>) {
    text::number(line, record.completed_ms / 1000);
    line.push(b'.');
    text::three_digits(line, record.completed_ms % 1000);
    line.push(b' ');
    text::padded_to_six(line, record.elapsed_ms);
    line.push(b' ');
    text::address(line, record.client);
    line.push(b' ');
    for part in record.outcome.parts() {
        line.extend_from_slice(part.as_bytes());
    }
    line.push(b'/');
    text::three_digits(line, record.status.into());
    line.push(b' ');
    text::number(line, record.bytes);
    line.push(b' ');
    text::field(line, record.method);
    line.push(b' ');
    text::url(line, record.url);
    line.push(b' ');
    text::field(line, record.user);
    line.push(b' ');
    line.extend_from_slice(record.hierarchy.as_str().as_bytes());
    line.push(b'/');
    match record.peer {
        Some(peer) => text::address(line, peer),
        None => line.push(b'-'),
    }
    line.push(b' ');
    text::field(line, text::media_type(record.content_type));
    line.push(b'\n');
}

#[cfg(test)]
mod tests;
