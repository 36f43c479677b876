//! HTTP's caching rules as pure functions (RFC 9110, RFC 9111).
