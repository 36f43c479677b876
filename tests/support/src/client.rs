//! Clients that send exactly the bytes they are given, over TCP or a Unix socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use crate::DEADLINE;
use crate::http::{Reply, read_reply, read_reply_body, read_reply_head};

/// A client's connection.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Stream>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    /// Connects over TCP.
    ///
    /// # Panics
    /// When nobody accepts.
    #[must_use]
    pub fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&to, DEADLINE)
            .unwrap_or_else(|error| panic!("connecting to {to}: {error}"));
        Self::tcp(stream)
    }

    /// Connects over a Unix socket.
    ///
    /// # Panics
    /// When nobody accepts.
    #[must_use]
    pub fn open_unix(to: &Path) -> Self {
        let stream =
            UnixStream::connect(to).unwrap_or_else(|error| panic!("connecting to {}: {error}", to.display()));
        stream.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        stream.set_write_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        Self { stream: BufReader::new(Stream::Unix(stream)) }
    }

    /// Wraps a stream that the test has set up itself.
    #[must_use]
    pub fn tcp(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        stream.set_write_timeout(Some(DEADLINE)).expect("the deadline is not zero");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Self { stream: BufReader::new(Stream::Tcp(stream)) }
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the peer does not take them.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the peer takes what is sent");
    }

    /// Sends bytes as they are to a peer that may have gone.
    ///
    /// # Errors
    /// When the peer does not take them.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Reads an answer whole.
    ///
    /// # Errors
    /// When the connection fails or ends before the answer does.
    pub fn reply(&mut self, method: &str) -> io::Result<Reply> {
        read_reply(&mut self.stream, method)
    }

    /// Reads the head of an answer and leaves its body.
    ///
    /// # Errors
    /// When the connection fails or ends before the head does.
    pub fn reply_head(&mut self) -> io::Result<Reply> {
        read_reply_head(&mut self.stream)
    }

    /// Reads the body of an answer to a GET whose head was read.
    ///
    /// # Errors
    /// When the connection fails or ends before the body does.
    pub fn reply_body(&mut self, reply: &mut Reply) -> io::Result<()> {
        read_reply_body(&mut self.stream, "GET", reply)
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// When there is no whole answer.
    pub fn exchange(&mut self, request: &str) -> Reply {
        self.send(request);
        let method = request.split(' ').next().unwrap_or_default();
        self.reply(method).unwrap_or_else(|error| panic!("{request:?}: {error}"))
    }

    /// Reads that many bytes of a body, as they are on the wire.
    ///
    /// # Panics
    /// When they do not come.
    #[must_use]
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream
            .read_exact(&mut bytes)
            .unwrap_or_else(|error| panic!("waiting for {count} bytes: {error}"));
        bytes
    }

    /// Reads until the peer closes; a reset counts as closing.
    ///
    /// # Panics
    /// When the peer does not close before the deadline.
    #[must_use]
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                panic!("waiting for the close: {error}")
            }
            _ => rest,
        }
    }

    /// Whether the peer has closed and everything it sent was read; waits for one or the other.
    ///
    /// # Panics
    /// When the peer does neither before the deadline.
    #[must_use]
    pub fn is_closed(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => true,
            Err(error) => panic!("waiting for bytes or the close: {error}"),
        }
    }

    /// Says that no more will be sent.
    pub fn finish_sending(&self) {
        // A peer that has gone needs no telling.
        let _ = match self.stream.get_ref() {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

/// Fetches a URL through a proxy at that address on a connection of its own; `fields` are lines like `Accept: a`.
///
/// # Panics
/// When there is no whole answer.
#[must_use]
pub fn get(proxy: SocketAddr, url: &str, fields: &[&str]) -> Reply {
    let authority = url.strip_prefix("http://").unwrap_or(url).split('/').next().unwrap_or_default();
    let mut request = format!("GET {url} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for field in fields {
        request.push_str(field);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    Connection::open(proxy).exchange(&request)
}

/// Asks an HTTP server on a Unix socket, on a connection of its own: status and JSON, `Null` where there is none.
///
/// # Panics
/// When there is no whole answer.
#[must_use]
pub fn ask_unix(socket: &Path, method: &str, target: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = Connection::open_unix(socket).exchange(&format!(
        "{method} {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
