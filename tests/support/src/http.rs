//! Reading messages of HTTP/1 from any stream, loosely: what a test wants to see is kept as it came.
//!
//! Not here: any judgement of what is allowed.

use std::io::{self, BufRead, Read};

/// A request as an origin received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// The target as it stood in the first line.
    pub target: String,
    /// Names and values in the order they came.
    pub fields: Vec<(String, String)>,
    /// The body with any chunked coding taken off.
    pub body: Vec<u8>,
    /// How many requests for this target came before.
    pub earlier: usize,
    /// Which connection to the origin it came on, counted from 0.
    pub connection: usize,
}

impl Request {
    /// The first value of that name, which is compared without case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }
}

/// An answer as a client received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// `HTTP/1.1` and so on.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// Names and values in the order they came.
    pub fields: Vec<(String, String)>,
    /// The body with any chunked coding taken off.
    pub body: Vec<u8>,
    /// Fields after a chunked body.
    pub trailers: Vec<(String, String)>,
    /// Status codes of the 1xx answers before it.
    pub interim: Vec<u16>,
}

impl Reply {
    /// The first value of that name, which is compared without case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn find<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Reads a request; `None` when the stream ends before one begins.
///
/// # Errors
/// When the stream fails or ends within the request.
pub fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let Some((first, fields)) = read_head(stream)? else { return Ok(None) };
    let mut words = first.splitn(3, ' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let mut request = Request { method, target, fields, body: Vec::new(), earlier: 0, connection: 0 };
    if find(&request.fields, "transfer-encoding").is_some() {
        read_chunked(stream, &mut request.body)?;
    } else if let Some(length) = length_of(&request.fields)? {
        read_exactly(stream, length, &mut request.body)?;
    }
    Ok(Some(request))
}

/// Reads the head of an answer, with the 1xx answers before it; the body is left in the stream.
///
/// # Errors
/// When the stream fails or ends first, or the first line is no status line.
pub fn read_reply_head(stream: &mut impl BufRead) -> io::Result<Reply> {
    let mut interim = Vec::new();
    loop {
        let Some((first, fields)) = read_head(stream)? else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before a reply"));
        };
        let mut words = first.splitn(3, ' ');
        let version = words.next().unwrap_or_default().to_owned();
        let status = words.next().and_then(|code| code.parse().ok());
        let Some(status) = status.filter(|_| version.starts_with("HTTP/")) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a status line: {first:?}")));
        };
        if (100..200).contains(&status) && status != 101 {
            interim.push(status);
            continue;
        }
        return Ok(Reply { version, status, fields, interim, ..Reply::default() });
    }
}

/// Reads an answer to a request with that method, whole.
///
/// # Errors
/// When the stream fails or ends before the answer does: a truncated body is an error.
pub fn read_reply(stream: &mut impl BufRead, method: &str) -> io::Result<Reply> {
    let mut reply = read_reply_head(stream)?;
    read_reply_body(stream, method, &mut reply)?;
    Ok(reply)
}

/// Reads the rest of an answer whose head was read.
///
/// # Errors
/// When the stream fails or ends before the answer does: a truncated body is an error.
pub fn read_reply_body(stream: &mut impl BufRead, method: &str, reply: &mut Reply) -> io::Result<()> {
    if method == "HEAD"
        || matches!(reply.status, 101 | 204 | 304)
        || (method == "CONNECT" && reply.status == 200)
    {
        return Ok(());
    }
    if reply.field("transfer-encoding").is_some() {
        reply.trailers = read_chunked(stream, &mut reply.body)?;
    } else if let Some(length) = length_of(&reply.fields)? {
        read_exactly(stream, length, &mut reply.body)?;
    } else {
        stream.read_to_end(&mut reply.body)?;
    }
    Ok(())
}

fn length_of(fields: &[(String, String)]) -> io::Result<Option<u64>> {
    find(fields, "content-length").map(|value| value.trim().parse().map_err(io::Error::other)).transpose()
}

fn read_exactly(stream: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let read = stream.take(length).read_to_end(body)?;
    if read as u64 == length {
        Ok(())
    } else {
        let said = format!("closed after {read} of {length} bytes");
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, said))
    }
}

type Head = (String, Vec<(String, String)>);

fn read_head(stream: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let fields = read_fields(stream)?;
    Ok(Some((first.trim_end().to_owned(), fields)))
}

fn read_fields(stream: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed within a head"));
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return Ok(fields);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn read_chunked(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<Vec<(String, String)>> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16)
            .map_err(|_| io::Error::new(io::ErrorKind::UnexpectedEof, format!("no chunk size: {line:?}")))?;
        if size == 0 {
            return read_fields(stream);
        }
        read_exactly(stream, size, body)?;
        let mut end = [0; 2];
        stream.read_exact(&mut end)?;
        if end != *b"\r\n" {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no CRLF after a chunk"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str, method: &str, expected: Result<(u16, &str), io::ErrorKind>) {
        let reply = read_reply(&mut bytes.as_bytes(), method);
        let seen = reply.map(|reply| (reply.status, reply.text())).map_err(|error| error.kind());
        assert_eq!(seen, expected.map(|(status, body)| (status, body.to_owned())), "{bytes:?}");
    }

    #[test]
    fn replies_are_read_by_length_chunks_and_close() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "GET", Ok((200, "hi")));
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", Ok((200, "")));
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\nA: b\r\n\r\n",
            "GET",
            Ok((200, "hi")),
        );
        check("HTTP/1.0 200 OK\r\n\r\nuntil the end", "GET", Ok((200, "until the end")));
        check(
            "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            "GET",
            Ok((204, "")),
        );
    }

    #[test]
    fn a_truncated_reply_is_an_error() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "GET", Err(io::ErrorKind::UnexpectedEof));
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
            "GET",
            Err(io::ErrorKind::UnexpectedEof),
        );
        check("HTTP/1.1 200 OK\r\nContent-Le", "GET", Err(io::ErrorKind::UnexpectedEof));
        check("", "GET", Err(io::ErrorKind::UnexpectedEof));
    }
}
