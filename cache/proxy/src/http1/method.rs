//! Tokens (RFC 9110 section 5.6.2), which methods and field names are. Methods themselves are the core's.

use super::byte_set::ByteSet;

pub use cnn_core::rfc9111::Method;

/// Whether `bytes` are a token.
pub fn is_token(bytes: &[u8]) -> bool {
    static TOKEN: ByteSet = ByteSet::alphanumeric_and(b"!#$%&'*+-.^_`|~");
    !bytes.is_empty() && TOKEN.has_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_neither_spaces_nor_separators() {
        for token in ["GET", "M-SEARCH", "x_1", "!#$%&'*+-.^_`|~"] {
            assert!(is_token(token.as_bytes()), "{token}");
        }
        for other in ["", "GE T", "G(T", "G\u{e4}T", "GET\r", "a,b", "a:b"] {
            assert!(!is_token(other.as_bytes()), "{other:?}");
        }
    }
}
