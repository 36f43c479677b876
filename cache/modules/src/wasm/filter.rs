//! What wasm filters have in common: the texts that go with a record.

use cnn_abi::FILTER_TEXT_BYTES;

/// Most bytes of a host; names have at most 253 (RFC 1035 section 3.1).
const HOST_BYTES_MAX: usize = 256;

/// A host and a path one after the other, cut to the room there is, and how long each is.
pub(super) fn text_of(host: &str, path: &str) -> (Vec<u8>, u16, u16) {
    let host = &host.as_bytes()[..host.len().min(HOST_BYTES_MAX)];
    let path = &path.as_bytes()[..path.len().min(FILTER_TEXT_BYTES - HOST_BYTES_MAX)];
    // Both are far below 2^16.
    ([host, path].concat(), host.len() as u16, path.len() as u16)
}
