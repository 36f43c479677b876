//! Message bodies out of a growing buffer, piece by piece, whatever tells their end (RFC 9112 section 6). Pure.
//!
//! A piece has memory of its own, of about its size: whoever keeps pieces may charge their length. Pieces that fill
//! most of the buffer they came in take it over, smaller ones are copied.

use bytes::{Buf, Bytes, BytesMut};
use cnn_core::fields::Fields;
use smallvec::SmallVec;

use super::chunked::{Decoder, Next};
use super::{BadMessage, BodyLength};
use crate::limits::BODY_BLOCK_BYTES;

/// The rest of a body that is being read.
#[derive(Debug)]
pub struct Body {
    state: State,
    trailers: Fields,
    content_bytes: u64,
}

#[derive(Debug)]
enum State {
    Length(u64),
    Chunked(Decoder),
    UntilClose,
    Done,
}

impl Body {
    /// A body of which nothing was read yet.
    pub fn new(length: BodyLength) -> Self {
        let state = match length {
            BodyLength::None | BodyLength::Length(0) => State::Done,
            BodyLength::Length(bytes) => State::Length(bytes),
            BodyLength::Chunked => State::Chunked(Decoder::default()),
            BodyLength::UntilClose => State::UntilClose,
        };
        Self { state, trailers: Fields::new(), content_bytes: 0 }
    }

    /// Whether all of it was read.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Content bytes read so far.
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// Bytes that are still to come, where that is known.
    pub fn bytes_left(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            State::Chunked(_) | State::UntilClose => None,
        }
    }

    /// The trailer fields; none before the body is done.
    pub fn trailers(&self) -> &Fields {
        &self.trailers
    }

    /// Takes the next piece, at most 64 KiB, off the front of `input`. An empty piece: more input is needed, or the
    /// body is done. What follows the body stays in `input`.
    ///
    /// # Errors
    /// When its framing is malformed; the connection is of no use any more.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Bytes, BadMessage> {
        let piece = match &mut self.state {
            State::Done => Bytes::new(),
            State::UntilClose => take(input, usize::MAX),
            State::Length(left) => {
                let piece = take(input, usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= piece.len() as u64;
                if *left == 0 {
                    self.state = State::Done;
                }
                piece
            }
            State::Chunked(_) => self.decode_chunked(input)?,
        };
        self.content_bytes += piece.len() as u64;
        Ok(piece)
    }

    /// Tells that the peer has closed. Whether the body is whole.
    pub fn close(&mut self) -> bool {
        if matches!(self.state, State::UntilClose) {
            self.state = State::Done;
        }
        self.is_done()
    }

    /// Gathers the data of as many chunks as `input` has.
    fn decode_chunked(&mut self, input: &mut BytesMut) -> Result<Bytes, BadMessage> {
        let State::Chunked(decoder) = &mut self.state else { return Ok(Bytes::new()) };
        let mut found = SmallVec::<[_; 8]>::new();
        let (mut at, mut bytes) = (0, 0);
        let next = loop {
            let (used, next) = decoder.advance(&input[at..])?;
            at += used;
            let Next::Data(left) = next else { break next };
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(BODY_BLOCK_BYTES - bytes);
            let length = wanted.min(input.len() - at);
            if length == 0 {
                break next;
            }
            decoder.took(length as u64);
            found.push(at..at + length);
            at += length;
            bytes += length;
        };
        if next == Next::End {
            self.trailers = core::mem::take(decoder).into_trailers()?;
            self.state = State::Done;
        }
        if let [only] = &found[..]
            && only.end == input.len()
        {
            input.advance(only.start);
            return Ok(take(input, bytes));
        }
        let mut piece = Vec::with_capacity(bytes);
        found.into_iter().for_each(|range| piece.extend_from_slice(&input[range]));
        input.advance(at);
        Ok(piece.into())
    }
}

/// The smallest piece that takes over the buffer it came in: below, a copy costs less than a fresh buffer.
const TAKEOVER_BYTES_MIN: usize = 16 * 1024;

/// Up to `max` bytes off the front of `input`, with memory of their own.
fn take(input: &mut BytesMut, max: usize) -> Bytes {
    let length = max.min(input.len()).min(BODY_BLOCK_BYTES);
    let fills_buffer = length == input.len() && length >= input.capacity() / 8 * 7;
    if fills_buffer && length >= TAKEOVER_BYTES_MIN {
        return core::mem::take(input).freeze();
    }
    let piece = Bytes::copy_from_slice(&input[..length]);
    input.advance(length);
    piece
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a body whose bytes come in pieces of that size: its content and what it leaves in the buffer.
    fn read(length: BodyLength, input: &[u8], size: usize) -> Result<(Body, Vec<u8>, BytesMut), BadMessage> {
        let (mut body, mut buffer, mut content) = (Body::new(length), BytesMut::new(), Vec::new());
        for piece in input.chunks(size) {
            buffer.extend_from_slice(piece);
            loop {
                let piece = body.decode(&mut buffer)?;
                if piece.is_empty() {
                    break;
                }
                content.extend_from_slice(&piece);
            }
        }
        assert_eq!(body.content_bytes(), content.len() as u64);
        Ok((body, content, buffer))
    }

    #[track_caller]
    fn check(length: BodyLength, input: &str, content: &str, left: &str, is_done: bool) {
        for size in 1..=input.len() {
            let (body, found, buffer) = read(length, input.as_bytes(), size).expect("well-formed");
            assert_eq!(
                (&found[..], &buffer[..]),
                (content.as_bytes(), left.as_bytes()),
                "in pieces of {size}"
            );
            assert_eq!(body.is_done(), is_done);
        }
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        check(BodyLength::None, "GET", "", "GET", true);
        check(BodyLength::Length(0), "GET", "", "GET", true);
        check(BodyLength::Length(5), "helloGET", "hello", "GET", true);
        check(BodyLength::Length(9), "hello", "hello", "", false);
        check(BodyLength::Chunked, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nGET", "hello", "GET", true);
        check(BodyLength::Chunked, "5\r\nhello\r\n", "hello", "", false);
        check(BodyLength::UntilClose, "hello", "hello", "", false);
    }

    #[test]
    fn closing_ends_only_a_body_that_lasts_until_then() {
        for (length, is_whole) in [
            (BodyLength::UntilClose, true),
            (BodyLength::Length(9), false),
            (BodyLength::Length(3), true),
            (BodyLength::Chunked, false),
        ] {
            let (mut body, ..) = read(length, b"3\r\nhel", 100).expect("well-formed");
            assert_eq!(body.close(), is_whole, "{length:?}");
        }
    }

    #[test]
    fn trailers_are_there_when_the_body_is_done() {
        let (body, ..) = read(BodyLength::Chunked, b"0\r\nX-Sum: 1\r\n\r\n", 4).expect("well-formed");
        assert_eq!(body.trailers().first("x-sum"), Some(&b"1"[..]));
        assert_eq!(body.bytes_left(), Some(0));
    }

    #[test]
    fn bad_chunks_are_errors() {
        assert_eq!(read(BodyLength::Chunked, b"5\r\nhelloX", 3).map(|_| ()), Err(BadMessage::ChunkEnd));
        assert_eq!(
            read(BodyLength::Chunked, b"0\r\nX : 1\r\n\r\n", 3).map(|_| ()),
            Err(BadMessage::SpaceBeforeColon)
        );
    }

    #[test]
    fn a_small_piece_does_not_keep_the_buffer() {
        let mut buffer = BytesMut::with_capacity(BODY_BLOCK_BYTES);
        buffer.extend_from_slice(b"hello");
        let start = buffer.as_ptr();
        let piece = Body::new(BodyLength::Length(5)).decode(&mut buffer).expect("well-formed");
        assert_ne!(piece.as_ptr(), start);
        assert!(buffer.try_reclaim(BODY_BLOCK_BYTES), "nothing else is in the buffer");
    }

    #[test]
    fn a_piece_that_fills_the_buffer_takes_it_over() {
        for (length, prefix) in [(BodyLength::Length(u64::MAX), 0), (BodyLength::Chunked, 6)] {
            let mut buffer = BytesMut::with_capacity(BODY_BLOCK_BYTES);
            if prefix > 0 {
                buffer.extend_from_slice(b"ffff\r\n");
            }
            buffer.resize(BODY_BLOCK_BYTES, b'x');
            let start = buffer.as_ptr() as usize;
            let piece = Body::new(length).decode(&mut buffer).expect("well-formed");
            assert_eq!((piece.as_ptr() as usize, piece.len()), (start + prefix, BODY_BLOCK_BYTES - prefix));
            assert_eq!(buffer.capacity(), 0);
        }
    }
}
