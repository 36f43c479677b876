//! What a document is: a size, a number, and the content that follows from it.

/// A document of the load's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document {
    /// Bytes of its body.
    pub bytes: usize,
    /// What tells it from others of its size, and makes its content.
    pub number: u64,
}

/// The content repeats a line of this many bytes.
const LINE: usize = 16;

/// A part of a content that is written at once: whole lines, so that it can be repeated.
const PIECE: usize = 4096 * LINE;

impl Document {
    /// The path that names it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/{}/{}", self.bytes, self.number)
    }

    /// The document of that path.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let (bytes, number) = path.strip_prefix('/')?.split_once('/')?;
        Some(Self { bytes: bytes.parse().ok()?, number: number.parse().ok()? })
    }

    /// Appends the beginning of its content, 64 KiB or the whole: the content is that over and over.
    pub fn write_piece(&self, out: &mut Vec<u8>) {
        let (start, piece) = (out.len(), self.bytes.min(PIECE));
        out.extend_from_slice(&self.line());
        while out.len() - start < piece {
            let copied = (out.len() - start).min(piece - (out.len() - start));
            out.extend_from_within(start..start + copied);
        }
        out.truncate(start + piece);
    }

    /// Whether these are its bytes from `offset` on.
    #[must_use]
    pub fn has_at(&self, offset: usize, content: &[u8]) -> bool {
        if content.len() > self.bytes.saturating_sub(offset) {
            return false;
        }
        let mut line = self.line();
        line.rotate_left(offset % LINE);
        let mut lines = content.chunks_exact(LINE);
        lines.by_ref().all(|chunk| chunk == line) && line.starts_with(lines.remainder())
    }

    fn line(&self) -> [u8; LINE] {
        let mut line = *b"000000000000000\n";
        let (mut rest, mut at) = (self.number, LINE - 1);
        while rest > 0 && at > 0 {
            at -= 1;
            line[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_follows_from_the_name() {
        for bytes in [0, 1, 15, 16, 17, 1000, PIECE, PIECE + 1, 3 * PIECE + 5] {
            let document = Document { bytes, number: 42 };
            assert_eq!(Document::of_path(&document.path()), Some(document));
            let mut piece = b"before".to_vec();
            document.write_piece(&mut piece);
            let piece = &piece[6..];
            assert_eq!(piece.len(), bytes.min(PIECE));
            let mut content = piece.repeat(bytes / PIECE + 1);
            content.truncate(bytes);
            for from in [0, 1, 15, 16, bytes / 2, bytes].map(|from| from.min(bytes)) {
                assert!(document.has_at(from, &content[from..]), "{bytes} from {from}");
                let other = Document { bytes, number: 43 };
                assert!(bytes - from < LINE || !other.has_at(from, &content[from..]), "{bytes} from {from}");
            }
            content.push(b'0');
            assert!(!document.has_at(0, &content), "one byte too many");
        }
        assert_eq!(Document::of_path("/a/b"), None);
    }

    #[test]
    fn one_wrong_byte_is_seen() {
        let document = Document { bytes: 100, number: 7 };
        let mut content = Vec::new();
        document.write_piece(&mut content);
        for at in 0..content.len() {
            content[at] ^= 1;
            assert!(!document.has_at(0, &content), "at {at}");
            content[at] ^= 1;
        }
    }
}
