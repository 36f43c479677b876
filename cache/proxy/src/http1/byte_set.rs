//! Sets of bytes, looked up in one load: the grammars of tokens, hosts and targets.

/// A set of bytes.
pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    /// The ASCII letters and digits and those of `others`.
    pub(super) const fn alphanumeric_and(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            set[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut at = 0;
        while at < others.len() {
            set[others[at] as usize] = true;
            at += 1;
        }
        Self(set)
    }

    /// Whether the set has all of `bytes`.
    pub(super) fn has_all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|&byte| self.0[byte as usize])
    }
}
