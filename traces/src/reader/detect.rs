//! Telling a format from the beginning of a file: every reader tries the first lines, and the one that understands most
//! of them has it. The file's name only decides between equals. A guess is never silent: reports name the format.

use std::path::Path;

use super::{FORMATS, Format, Likeness, Reader, known};
use crate::error::TraceError;
use crate::input::Packing;

/// Lines that are tried.
const LINES: usize = 200;
/// The least that will do: a log may begin with what its server said when it started.
const LEAST: Likeness = 0.5;

/// How files of other kinds begin, of which a reader of binary records, which have no such mark, could make something:
/// executables, pictures, documents, archives, databases, recorded packets.
const NO_TRACES: [&[u8]; 19] = [
    b"\x7fELF",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"RIFF",
    b"%PDF-",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"BZh",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!",
    b"!<arch>",
    b"\0asm",
    b"MZ",
    b"\xcf\xfa\xed\xfe",
    b"SQLite format 3\0",
    b"\xd4\xc3\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",
    b"\0\0\0\x18ftyp",
];

pub(super) fn format(path: &Path, head: &[u8]) -> Result<&'static Format, TraceError> {
    if head.is_empty() {
        return Err(TraceError::Empty { path: path.to_owned() });
    }
    let unknown = || TraceError::UnknownFormat { path: path.to_owned(), known: known() };
    if NO_TRACES.iter().any(|magic| head.starts_with(magic)) {
        return Err(unknown());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (_, stem) = Packing::by_ending(&name);
    let is_hinted = |format: &Format| {
        format
            .extensions
            .iter()
            .any(|ending| stem.split('.').skip(1).any(|part| part.eq_ignore_ascii_case(ending)))
    };
    let mut best: Option<(&'static Format, (Likeness, bool))> = None;
    for format in FORMATS {
        let rank = ((format.detect)(head), is_hinted(format));
        if rank.0 >= LEAST && best.is_none_or(|(_, best)| rank > best) {
            best = Some((format, rank));
        }
    }
    best.map(|(format, _)| format).ok_or_else(unknown)
}

/// The share of the first lines that `reader` understands.
pub(super) fn lines(head: &[u8], reader: &mut dyn Reader) -> Likeness {
    let (mut understood, mut lines) = (0_u32, 0_u32);
    for line in complete_lines(head).take(LINES) {
        let mut records = 0;
        lines += 1;
        if reader.read(line, &mut |_| records += 1).is_ok() && records > 0 {
            understood += 1;
        }
    }
    if lines == 0 { 0.0 } else { f64::from(understood) / f64::from(lines) }
}

/// The lines in `head` that are not empty, without the last one when it may go on.
pub(super) fn complete_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = match memchr::memrchr(b'\n', head) {
        Some(at) => at,
        None => head.len(),
    };
    let lines = head[..end].split(|&byte| byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty())
}
