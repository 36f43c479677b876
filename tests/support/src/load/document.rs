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

    /// Appends its content.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.line());
        while out.len() - start < self.bytes {
            let copied = (out.len() - start).min(self.bytes - (out.len() - start));
            out.extend_from_within(start..start + copied);
        }
        out.truncate(start + self.bytes);
    }

    /// Whether these are all its bytes.
    #[must_use]
    pub fn is(&self, content: &[u8]) -> bool {
        let line = self.line();
        content.len() == self.bytes && content.chunks(LINE).all(|chunk| chunk == &line[..chunk.len()])
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
        for bytes in [0, 1, 15, 16, 17, 1000, 70_000] {
            let document = Document { bytes, number: 42 };
            assert_eq!(Document::of_path(&document.path()), Some(document));
            let mut content = b"before".to_vec();
            document.write(&mut content);
            assert!(document.is(&content[6..]), "{bytes}");
            assert!(bytes == 0 || !Document { bytes, number: 43 }.is(&content[6..]) || bytes < 15);
            content.push(b'x');
            assert!(!document.is(&content[6..]));
        }
        assert_eq!(Document::of_path("/a/b"), None);
    }
}
