//! The bytes of a trace cut into what a reader reads at once: lines, or records of a fixed length. Nothing is copied but
//! the piece that lies across the end of the buffer.

use crate::error::TraceError;
use crate::input::Input;

/// Bytes held at once.
const BUFFER_BYTES: usize = 1 << 20;
/// The longest line that is read; longer ones are damaged. Squid and Apache refuse URLs of a sixth of it.
const LINE_BYTES_MAX: usize = 256 << 10;
/// Bytes a format is detected by.
const HEAD_BYTES: usize = 128 << 10;

/// What a reader reads at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A line without its end, `\n` or `\r\n`.
    Lines,
    /// Records of so many bytes.
    Records(usize),
}

/// A piece of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line or a record.
    Whole(&'a [u8]),
    /// The beginning of a line that is too long, or of a record that the file ends in.
    Broken(&'a [u8]),
}

/// Cuts an [`Input`] into pieces.
// Invariant: `start <= end <= buffer.len()`; `buffer[start..end]` is what was read and not yet handed out.
pub(crate) struct Pieces {
    input: Input,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    is_at_end: bool,
    /// The rest of a line that was too long is to be passed over.
    is_inside_long_line: bool,
}

impl Pieces {
    pub(crate) fn new(input: Input) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            is_at_end: false,
            is_inside_long_line: false,
        }
    }

    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    /// The beginning of what was not handed out yet.
    pub(crate) fn head(&mut self) -> Result<&[u8], TraceError> {
        while self.end - self.start < HEAD_BYTES && self.fill()? {}
        Ok(&self.buffer[self.start..self.end.min(self.start + HEAD_BYTES)])
    }

    /// The next piece; none at the end.
    #[inline]
    pub(crate) fn next(&mut self, framing: Framing) -> Result<Option<Piece<'_>>, TraceError> {
        match framing {
            Framing::Lines => self.next_line(),
            Framing::Records(bytes) => self.next_record(bytes),
        }
    }

    fn next_line(&mut self) -> Result<Option<Piece<'_>>, TraceError> {
        // Where there is no need to look again for the end of the line.
        let mut looked_at = 0;
        loop {
            let held = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memchr(b'\n', &held[looked_at..]) {
                let length = looked_at + at;
                let line = self.start..self.start + length;
                self.start += length + 1;
                if std::mem::take(&mut self.is_inside_long_line) {
                    looked_at = 0;
                    continue;
                }
                return Ok(Some(Piece::Whole(without_return(&self.buffer[line]))));
            }
            looked_at = held.len();
            if looked_at > LINE_BYTES_MAX {
                let line = self.start..self.end;
                self.start = self.end;
                if std::mem::replace(&mut self.is_inside_long_line, true) {
                    looked_at = 0;
                    continue;
                }
                return Ok(Some(Piece::Broken(&self.buffer[line])));
            }
            if !self.fill()? {
                let line = self.start..self.end;
                self.start = self.end;
                if line.is_empty() || self.is_inside_long_line {
                    return Ok(None);
                }
                return Ok(Some(Piece::Whole(without_return(&self.buffer[line]))));
            }
        }
    }

    fn next_record(&mut self, bytes: usize) -> Result<Option<Piece<'_>>, TraceError> {
        while self.end - self.start < bytes {
            if !self.fill()? {
                let rest = self.start..self.end;
                self.start = self.end;
                return Ok((!rest.is_empty()).then(|| Piece::Broken(&self.buffer[rest])));
            }
        }
        let record = self.start..self.start + bytes;
        self.start = record.end;
        Ok(Some(Piece::Whole(&self.buffer[record])))
    }

    /// Reads more; false when there is no more.
    fn fill(&mut self) -> Result<bool, TraceError> {
        if self.is_at_end {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let read = self.input.read(&mut self.buffer[self.end..])?;
        self.end += read;
        self.is_at_end = read == 0;
        Ok(read > 0)
    }
}

#[inline]
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::Path;

    use super::*;

    /// Hands out its bytes in portions of the given size.
    struct Portions(Vec<u8>, usize, usize);

    impl Read for Portions {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(into.len()).min(self.0.len() - self.2);
            into[..length].copy_from_slice(&self.0[self.2..self.2 + length]);
            self.2 += length;
            Ok(length)
        }
    }

    fn pieces(bytes: &[u8], portion: usize, framing: Framing) -> Vec<(bool, Vec<u8>)> {
        let input = Input::new(Path::new("t"), Portions(bytes.to_vec(), portion, 0), None).unwrap();
        let mut pieces = Pieces::new(input);
        let mut all = Vec::new();
        while let Some(piece) = pieces.next(framing).unwrap() {
            all.push(match piece {
                Piece::Whole(piece) => (true, piece.to_vec()),
                Piece::Broken(piece) => (false, piece[..piece.len().min(4)].to_vec()),
            });
        }
        all
    }

    #[test]
    fn lines_are_cut_at_their_ends_whatever_comes_at_once() {
        let check = |text: &str, expected: &[&str]| {
            for portion in [1, 3, 1 << 20] {
                let expected: Vec<_> = expected.iter().map(|line| (true, line.as_bytes().to_vec())).collect();
                assert_eq!(
                    pieces(text.as_bytes(), portion, Framing::Lines),
                    expected,
                    "{text:?} by {portion}"
                );
            }
        };
        check("", &[]);
        check("a", &["a"]);
        check("a\nb\r\n\nc", &["a", "b", "", "c"]);
        check("\n", &[""]);
    }

    #[test]
    fn lines_across_the_end_of_the_buffer_are_whole() {
        let text: String = (0..400_000).map(|n| format!("line {n}\n")).collect();
        let lines = pieces(text.as_bytes(), usize::MAX, Framing::Lines);
        assert_eq!(lines.len(), 400_000);
        assert!(lines.iter().enumerate().all(|(n, line)| *line == (true, format!("line {n}").into_bytes())));
    }

    #[test]
    fn a_line_that_is_too_long_is_one_broken_piece() {
        let text = ["first\n", &"x".repeat(5 << 20), "\nlast"].concat();
        let expected = [(true, b"first".to_vec()), (false, b"xxxx".to_vec()), (true, b"last".to_vec())];
        for portion in [4096, usize::MAX] {
            assert_eq!(pieces(text.as_bytes(), portion, Framing::Lines), expected);
        }
    }

    #[test]
    fn a_record_the_file_ends_in_is_broken() {
        let expected = [(true, b"abc".to_vec()), (true, b"def".to_vec()), (false, b"g".to_vec())];
        assert_eq!(pieces(b"abcdefg", 2, Framing::Records(3)), expected);
        assert_eq!(pieces(b"", 2, Framing::Records(3)), []);
    }
}
