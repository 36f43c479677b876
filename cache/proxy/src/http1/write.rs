//! Heads as bytes: start lines and field lines appended to a buffer. Field names and values go out as they are stored.
//!
//! It does not decide which lines there are. Values come from parsed heads or from us, so none has a line break; that
//! is asserted in debug builds only.

use cnn_core::fields::Fields;

use super::Method;

/// Appends a request line. We always speak HTTP/1.1.
pub fn request_line(out: &mut Vec<u8>, method: &Method, target: &[u8]) {
    out.extend_from_slice(method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Appends a status line. We always speak HTTP/1.1 (RFC 9112 section 2.3: the version is ours, not the client's).
pub fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// Appends a field line.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    debug_assert!(memchr::memchr3(b'\r', b'\n', 0, value).is_none(), "a field value has a line break");
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a field line with a number.
pub fn number_field(out: &mut Vec<u8>, name: &str, value: u64) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    number(out, value);
    out.extend_from_slice(b"\r\n");
}

/// Appends every field line.
pub fn fields(out: &mut Vec<u8>, fields: &Fields) {
    for (name, value) in fields.iter() {
        field(out, name, value);
    }
}

/// Appends the empty line that ends a head.
pub fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal.
pub fn number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0u8; 20];
    let mut from = digits.len();
    let mut rest = number;
    loop {
        from -= 1;
        digits[from] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[from..]);
}

/// The reason phrase of a status of our own making; empty for those unknown to us (RFC 9110 section 15).
pub fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_written_line_by_line() {
        let mut out = Vec::new();
        request_line(&mut out, &Method::Get, b"/a");
        status_line(&mut out, 200, b"OK");
        fields(&mut out, &[("X-A", "1"), ("x-b", "")].into_iter().collect());
        number_field(&mut out, "Age", 0);
        number_field(&mut out, "Content-Length", u64::MAX);
        end(&mut out);
        let expected = "GET /a HTTP/1.1\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nx-b: \r\nAge: 0\r\n\
                        Content-Length: 18446744073709551615\r\n\r\n";
        assert_eq!(str::from_utf8(&out), Ok(expected));
    }

    #[test]
    fn known_statuses_have_a_reason() {
        assert_eq!((reason(504), reason(799)), ("Gateway Timeout", ""));
    }
}
