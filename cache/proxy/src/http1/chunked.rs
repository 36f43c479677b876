//! Chunked transfer coding (RFC 9112 section 7.1), strictly: the shapes that other recipients read differently (signs,
//! spaces, line feeds alone, sizes that wrap) are errors. Pure: it consumes framing from slices and says where data
//! lies, so data itself is never looked at. Extensions are dropped (section 7.1.1 allows a recipient that).

use bytes::Bytes;
use cnn_core::fields::Fields;

use super::{BadMessage, head};
use crate::limits::{CHUNK_EXTENSION_BYTES_MAX, FIELDS_MAX, TRAILER_BYTES_MAX};

/// Decodes the framing of one chunked body.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    extension_bytes: usize,
    // Trailer lines as received, each with its CRLF.
    trailer: Vec<u8>,
    trailer_lines: usize,
}

/// What comes next after the framing consumed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More framing; the input is used up.
    More,
    /// At least one byte of data, at most that many before the next framing.
    Data(u64),
    /// Nothing: the body is complete.
    End,
}

/// ```text
/// Size -> SizeDigits -> [Extension] -> SizeLf -> Data -> DataCr -> DataLf -> Size
///                                      (size 0) -> LineStart -> Line -> LineLf -> LineStart ... -> LastLf -> End
/// ```
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Size,
    SizeDigits(u64, u8),
    Extension(u64),
    SizeLf(u64),
    Data(u64),
    DataCr,
    DataLf,
    LineStart,
    Line,
    LineLf,
    LastLf,
    End,
}

impl Decoder {
    /// Consumes framing from the front of `input`: how many bytes of it, and what comes next.
    ///
    /// # Errors
    /// When the framing is malformed or too long; the connection is of no use any more.
    pub fn advance(&mut self, input: &[u8]) -> Result<(usize, Next), BadMessage> {
        for (at, &byte) in input.iter().enumerate() {
            match self.state {
                State::Data(bytes) => return Ok((at, Next::Data(bytes))),
                State::End => return Ok((at, Next::End)),
                _ => self.state = self.step(byte)?,
            }
        }
        let next = match self.state {
            State::Data(bytes) => Next::Data(bytes),
            State::End => Next::End,
            _ => Next::More,
        };
        Ok((input.len(), next))
    }

    /// Notes that `bytes` of data were taken, at most as many as the last [`Next::Data`] said.
    pub fn took(&mut self, bytes: u64) {
        if let State::Data(left) = self.state {
            debug_assert!(bytes <= left, "more than the chunk has");
            self.state = if bytes < left { State::Data(left - bytes) } else { State::DataCr };
        }
    }

    /// The trailer fields of a complete body, without those that may not be in a trailer (RFC 9110 section 6.5.1).
    ///
    /// # Errors
    /// When they are malformed.
    pub fn into_trailers(mut self) -> Result<Fields, BadMessage> {
        if self.trailer.is_empty() {
            return Ok(Fields::new());
        }
        self.trailer.extend_from_slice(b"\r\n");
        let mut fields = head::fields(Bytes::from(self.trailer), 0, self.trailer_lines)?;
        fields.retain(|name, _| !is_forbidden_trailer(name));
        Ok(fields)
    }

    fn step(&mut self, byte: u8) -> Result<State, BadMessage> {
        Ok(match (self.state, byte) {
            (State::Size, _) => State::SizeDigits(digit(byte)?, 1),
            (State::SizeDigits(size, _), b'\r') => State::SizeLf(size),
            (State::SizeDigits(size, _), b';') => State::Extension(size),
            (State::SizeDigits(size, digits @ 1..16), _) => {
                State::SizeDigits(size << 4 | digit(byte)?, digits + 1)
            }
            (State::SizeDigits(..), _) => return Err(BadMessage::ChunkSize),
            (State::Extension(size), b'\r') => State::SizeLf(size),
            (State::Extension(size), _) => {
                self.count_extension(byte)?;
                State::Extension(size)
            }
            (State::SizeLf(0), b'\n') => State::LineStart,
            (State::SizeLf(size), b'\n') => State::Data(size),
            (State::SizeLf(_), _) => return Err(BadMessage::ChunkSize),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::DataCr | State::DataLf, _) => return Err(BadMessage::ChunkEnd),
            (State::LineStart, b'\r') => State::LastLf,
            (State::LastLf, b'\n') => State::End,
            (State::LineStart | State::Line | State::LineLf, _) => self.trailer_byte(byte)?,
            (State::LastLf, _) => return Err(BadMessage::Trailer),
            (state @ (State::Data(_) | State::End), _) => state,
        })
    }

    fn count_extension(&mut self, byte: u8) -> Result<(), BadMessage> {
        self.extension_bytes += 1;
        let is_fine = byte == b'\t' || !byte.is_ascii_control();
        if is_fine && self.extension_bytes <= CHUNK_EXTENSION_BYTES_MAX {
            Ok(())
        } else {
            Err(BadMessage::ChunkExtension)
        }
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<State, BadMessage> {
        if self.trailer.len() >= TRAILER_BYTES_MAX {
            return Err(BadMessage::TrailersTooLarge);
        }
        self.trailer.push(byte);
        match (self.state, byte) {
            (State::LineStart, b' ' | b'\t') => Err(BadMessage::LineFold),
            (State::LineLf, b'\n') => {
                self.trailer_lines += 1;
                let is_fine = self.trailer_lines <= FIELDS_MAX;
                if is_fine { Ok(State::LineStart) } else { Err(BadMessage::TrailersTooLarge) }
            }
            (State::LineLf, _) => Err(BadMessage::BareCarriageReturn),
            (_, b'\n') => Err(BadMessage::BareLineFeed),
            (_, b'\r') => Ok(State::LineLf),
            _ => Ok(State::Line),
        }
    }
}

/// The value of one hexadecimal digit. A size has at most 16 of them, so it can't overflow.
fn digit(byte: u8) -> Result<u64, BadMessage> {
    let value = match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => return Err(BadMessage::ChunkSize),
    };
    Ok(u64::from(value))
}

/// Fields that frame, route, authenticate or control must not come after the body.
fn is_forbidden_trailer(name: &[u8]) -> bool {
    const FORBIDDEN: [&str; 34] = [
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "etag",
        "expect",
        "expires",
        "host",
        "keep-alive",
        "last-modified",
        "location",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "retry-after",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "via",
        "warning",
        "www-authenticate",
    ];
    FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
}

/// What goes before the data of one chunk.
#[derive(Clone, Copy, Debug)]
pub struct ChunkStart {
    bytes: [u8; 18],
    from: u8,
}

/// What goes after the data of one chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

impl ChunkStart {
    /// The start of a chunk of `length` bytes, which must not be 0: that would end the body.
    pub fn new(length: usize) -> Self {
        debug_assert!(length > 0, "an empty chunk ends the body");
        let mut start = Self { bytes: [0; 18], from: 16 };
        start.bytes[16..].copy_from_slice(b"\r\n");
        let mut rest = length;
        while rest > 0 {
            start.from -= 1;
            start.bytes[start.from as usize] = b"0123456789abcdef"[rest % 16];
            rest /= 16;
        }
        start
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.from as usize..]
    }
}

/// Appends the end of a chunked body with trailers.
pub fn write_last_chunk(out: &mut Vec<u8>, trailers: &Fields) {
    out.extend_from_slice(b"0\r\n");
    super::write::fields(out, trailers);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes a body that is given in pieces of that size: its content, its trailers, and what was left of the input.
    fn decode(input: &[u8], size: usize) -> Result<Option<(Vec<u8>, Fields, usize)>, BadMessage> {
        let mut decoder = Decoder::default();
        let (mut content, mut used_bytes) = (Vec::new(), 0);
        for piece in input.chunks(size) {
            let mut at = 0;
            loop {
                let (used, next) = decoder.advance(&piece[at..])?;
                at += used;
                match next {
                    Next::More => break,
                    Next::End => {
                        let trailers = decoder.into_trailers()?;
                        return Ok(Some((content, trailers, input.len() - used_bytes - at)));
                    }
                    Next::Data(_) if at == piece.len() => break,
                    Next::Data(left) => {
                        let length = left.min((piece.len() - at) as u64) as usize;
                        content.extend_from_slice(&piece[at..at + length]);
                        decoder.took(length as u64);
                        at += length;
                    }
                }
            }
            used_bytes += piece.len();
        }
        Ok(None)
    }

    #[track_caller]
    fn check(input: impl AsRef<[u8]>, expected: Result<Option<(&str, usize)>, BadMessage>) {
        let input = input.as_ref();
        let expected = expected.map(|done| done.map(|(content, left)| (content.as_bytes().to_vec(), left)));
        for size in 1..=input.len() {
            let found = decode(input, size).map(|done| done.map(|(content, _, left)| (content, left)));
            assert_eq!(found, expected, "in pieces of {size}: {}", input.escape_ascii());
        }
    }

    #[track_caller]
    fn check_bad(inputs: &[&str], expected: BadMessage) {
        inputs.iter().for_each(|input| check(input, Err(expected)));
    }

    #[test]
    fn chunks_are_decoded_however_they_are_split() {
        check("5\r\nhello\r\n0\r\n\r\n", Ok(Some(("hello", 0))));
        check("5\r\nhello\r\n1;a=b;c=\"d\"\r\n!\r\n00\r\n\r\nGET", Ok(Some(("hello!", 3))));
        check("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", Ok(Some(("01234567890123456789", 0))));
        check("000000000000000a\r\n0123456789\r\n0\r\n\r\n", Ok(Some(("0123456789", 0))));
        check("0\r\nX: a\r\n\r\n", Ok(Some(("", 0))));
        check("5\r\nhel", Ok(None));
        check("5\r\nhello\r\n0\r\n\r", Ok(None));
    }

    #[test]
    fn sizes_are_plain_hexadecimal() {
        check_bad(
            &[
                "\r\n",
                "x\r\n",
                "+5\r\nhello",
                "-5\r\n",
                "0x5\r\nhello",
                " 5\r\nhello",
                "5 \r\nhello",
                "5 ;a\r\n",
            ],
            BadMessage::ChunkSize,
        );
        check_bad(
            &["5\nhello\r\n", "5\r\rhello", "5\rhello", "\n", "5\t\r\n", "5,5\r\n"],
            BadMessage::ChunkSize,
        );
        check_bad(
            &["10000000000000005\r\n", "00000000000000005\r\n", "ffffffffffffffff0\r\n"],
            BadMessage::ChunkSize,
        );
    }

    #[test]
    fn the_largest_size_does_not_wrap() {
        let mut decoder = Decoder::default();
        let input = b"ffffffffffffffff\r\n";
        assert_eq!(decoder.advance(input), Ok((input.len(), Next::Data(u64::MAX))));
        decoder.took(5);
        assert_eq!(decoder.advance(b"x"), Ok((0, Next::Data(u64::MAX - 5))));
    }

    #[test]
    fn data_ends_in_crlf() {
        check_bad(
            &["5\r\nhello0\r\n", "5\r\nhello\n0\r\n", "5\r\nhello\r0\r\n", "5\r\nhelloo\r\n"],
            BadMessage::ChunkEnd,
        );
    }

    #[test]
    fn extensions_are_bounded_and_have_no_control_characters() {
        check_bad(&["5;a\nhello", "5;\0\r\n", "5;a\u{b}\r\n", "5;a\u{7f}\r\n"], BadMessage::ChunkExtension);
        check_bad(&["5;a\rb\r\n"], BadMessage::ChunkSize);
        let long = format!("1;{}\r\na\r\n", "x".repeat(CHUNK_EXTENSION_BYTES_MAX / 2));
        let body = |chunks| [long.repeat(chunks).as_bytes(), b"0\r\n\r\n"].concat();
        assert_eq!(
            decode(&body(2), 1000).map(|done| done.map(|(content, ..)| content)),
            Ok(Some(b"aa".to_vec()))
        );
        assert_eq!(decode(&body(3), 1000).map(|_| ()), Err(BadMessage::ChunkExtension));
    }

    #[test]
    fn trailers_are_checked_like_heads() {
        check_bad(&["0\r\nX: a\n\r\n", "0\r\n\n", "0\r\nX\n"], BadMessage::BareLineFeed);
        check_bad(&["0\r\nX: a\rb\r\n\r\n"], BadMessage::BareCarriageReturn);
        check_bad(&["0\r\nX: a\r\n b\r\n\r\n", "0\r\n X: a\r\n\r\n"], BadMessage::LineFold);
        check_bad(&["0\r\nX : a\r\n\r\n"], BadMessage::SpaceBeforeColon);
        check_bad(&["0\r\nX\r\n\r\n"], BadMessage::NoColon);
        check_bad(&["0\r\nX: \0\r\n\r\n"], BadMessage::ControlCharacter);
        check_bad(&["0\r\n\rX: a\r\n\r\n"], BadMessage::Trailer);
    }

    #[test]
    fn trailers_are_bounded() {
        let body = |lines: String| [b"0\r\n", lines.as_bytes(), b"\r\n"].concat();
        let many = body("X: a\r\n".repeat(FIELDS_MAX + 1));
        assert_eq!(decode(&many, many.len()).map(|_| ()), Err(BadMessage::TrailersTooLarge));
        let long = body(format!("X: {}\r\n", "a".repeat(TRAILER_BYTES_MAX)));
        assert_eq!(decode(&long, 100).map(|_| ()), Err(BadMessage::TrailersTooLarge));
    }

    #[test]
    fn trailers_that_frame_or_route_are_dropped() {
        let input = b"0\r\nX-Sum: 1\r\nContent-Length: 5\r\ntransfer-encoding: chunked\r\nHOST: a\r\nx-two: 2\r\n\r\n";
        let (_, trailers, _) = decode(input, 7).expect("well-formed").expect("complete");
        let names: Vec<_> = trailers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, [&b"X-Sum"[..], b"x-two"]);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..200 {
            let content: Vec<u8> = (0..rng.usize(..5000)).map(|_| rng.u8(..)).collect();
            let mut input = Vec::new();
            let mut rest = &content[..];
            while !rest.is_empty() {
                let (chunk, later) = rest.split_at(rng.usize(1..=rest.len()));
                input.extend_from_slice(ChunkStart::new(chunk.len()).as_bytes());
                input.extend_from_slice(chunk);
                input.extend_from_slice(CHUNK_END);
                rest = later;
            }
            write_last_chunk(&mut input, &[("X", "a")].into_iter().collect());
            let (decoded, trailers, left) =
                decode(&input, rng.usize(1..100)).expect("well-formed").expect("complete");
            assert_eq!((decoded, trailers.first("x"), left), (content, Some(&b"a"[..]), 0));
        }
        assert_eq!(ChunkStart::new(usize::MAX).as_bytes(), b"ffffffffffffffff\r\n");
    }

    #[test]
    fn random_framing_never_panics_and_decodes_alike_however_it_is_split() {
        let mut rng = fastrand::Rng::with_seed(4);
        let words = ["5\r\nhello\r\n", "0\r\n", "\r\n", "0", "a", ";", "\n", "\r", "X: y", " ", "ff", "\0"];
        for _ in 0..3000 {
            let input: String = (0..rng.usize(1..8)).map(|_| words[rng.usize(..words.len())]).collect();
            let decode = |size| format!("{:?}", decode(input.as_bytes(), size));
            let whole = decode(input.len());
            (1..input.len())
                .for_each(|size| assert_eq!(decode(size), whole, "in pieces of {size}: {input:?}"));
        }
    }
}
