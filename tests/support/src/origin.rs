//! An origin server that does what a test says, byte by byte.
//!
//! The script is a function that is called with each request and writes the answer, so it can wait at a gate, stop in the
//! middle of a body, or send what no server should. One thread per connection: tests open few.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use httpdate::HttpDate;

use crate::DEADLINE;
use crate::http::{Request, read_request};

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It serves the next request.
    Keep,
    /// It is closed in order.
    Close,
}

/// A running origin; it stops when dropped.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    log: Mutex<Log>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<Request>,
    per_target: HashMap<String, usize>,
    connections: Vec<TcpStream>,
}

/// The answer being written.
#[derive(Debug)]
pub struct Answer<'a> {
    stream: &'a mut TcpStream,
    is_head: bool,
}

impl Origin {
    /// Starts an origin on a free port of 127.0.0.1 that answers by `script`; an error of the script closes the
    /// connection.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(
        script: impl Fn(&Request, &mut Answer<'_>) -> io::Result<After> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let script = Arc::new(script);
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for (number, stream) in listener.incoming().enumerate() {
                    let Ok(stream) = stream else { continue };
                    if shared.stopped.load(Ordering::Acquire) {
                        return;
                    }
                    let (shared, script) = (Arc::clone(&shared), Arc::clone(&script));
                    thread::spawn(move || serve(&shared, number, stream, script.as_ref()));
                }
            }
        });
        Self { address, shared }
    }

    /// Starts an origin that answers every request with 200, `fields` and `body`.
    #[must_use]
    pub fn fixed(fields: &'static [&'static str], body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self::start(move |_, answer| answer.whole(200, fields, &body))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far, in the order they were read.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.log().requests.clone()
    }

    /// How many requests came for a target.
    #[must_use]
    pub fn count(&self, target: &str) -> usize {
        self.log().per_target.get(target).copied().unwrap_or_default()
    }

    /// Waits until that many requests came for a target.
    ///
    /// # Panics
    /// When they do not come before the deadline.
    pub fn await_count(&self, target: &str, count: usize) {
        let has_come = |log: &Log| log.per_target.get(target).copied().unwrap_or_default();
        let log = self.log();
        let (log, _) = self
            .shared
            .grown
            .wait_timeout_while(log, DEADLINE, |log| has_come(log) < count)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(has_come(&log) >= count, "{} of {count} requests came for {target}", has_come(&log));
    }

    /// Closes the port and every connection: from now on nobody answers there.
    pub fn stop(&self) {
        if !self.shared.stopped.swap(true, Ordering::AcqRel) {
            // Wakes the accepting thread, which then lets go of the port.
            let _ = TcpStream::connect(self.address);
        }
        for connection in self.log().connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(
    shared: &Shared,
    number: usize,
    mut stream: TcpStream,
    script: &(impl Fn(&Request, &mut Answer<'_>) -> io::Result<After> + ?Sized),
) {
    let Ok(reading) = stream.try_clone() else { return };
    if let Ok(clone) = stream.try_clone() {
        shared.log.lock().unwrap_or_else(PoisonError::into_inner).connections.push(clone);
    }
    let _ = stream.set_nodelay(true);
    let mut reading = BufReader::new(reading);
    while let Ok(Some(mut request)) = read_request(&mut reading) {
        {
            let mut log = shared.log.lock().unwrap_or_else(PoisonError::into_inner);
            let count = log.per_target.entry(request.target.clone()).or_default();
            request.earlier = *count;
            *count += 1;
            request.connection = number;
            log.requests.push(request.clone());
        }
        shared.grown.notify_all();
        let is_head = request.method == "HEAD";
        match script(&request, &mut Answer { stream: &mut stream, is_head }) {
            Ok(After::Keep) => {}
            Ok(After::Close) | Err(_) => break,
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

impl Answer<'_> {
    /// Sends a whole answer with a length and, unless the fields have one, a date; keeps the connection.
    ///
    /// # Errors
    /// When the peer does not take it.
    pub fn whole(&mut self, status: u16, fields: &[&str], body: &[u8]) -> io::Result<After> {
        let has_date = fields.iter().any(|field| field.to_ascii_lowercase().starts_with("date:"));
        let date = (!has_date).then(|| format!("Date: {}", HttpDate::from(SystemTime::now())));
        let length = (!matches!(status, 204 | 304)).then(|| format!("Content-Length: {}", body.len()));
        let made = [date, length];
        self.head(
            status,
            &fields.iter().copied().chain(made.iter().flatten().map(String::as_str)).collect::<Vec<_>>(),
        )?;
        if !self.is_head && !matches!(status, 204 | 304) {
            self.raw(body)?;
        }
        Ok(After::Keep)
    }

    /// Sends the first line and the fields.
    ///
    /// # Errors
    /// When the peer does not take them.
    pub fn head(&mut self, status: u16, fields: &[&str]) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} Said\r\n");
        for field in fields {
            // Writing to a String cannot fail.
            let _ = write!(head, "{field}\r\n");
        }
        head.push_str("\r\n");
        self.raw(head)
    }

    /// Sends a chunk; an empty one ends the body, without trailers.
    ///
    /// # Errors
    /// When the peer does not take it.
    pub fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.raw(chunk)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the peer does not take them.
    pub fn raw(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Connection, Gate};

    #[test]
    fn a_script_answers_and_the_log_tells_what_came() {
        let origin = Origin::start(|request, answer| answer.whole(200, &[], request.target.as_bytes()));
        let mut client = Connection::open(origin.address());
        assert_eq!(client.exchange("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").text(), "/a");
        assert_eq!(client.exchange("GET /a HTTP/1.1\r\nHost: y\r\n\r\n").text(), "/a");
        origin.await_count("/a", 2);
        let requests = origin.requests();
        assert_eq!(
            (requests[1].field("host"), requests[1].earlier, requests[1].connection),
            (Some("y"), 1, 0)
        );
    }

    #[test]
    fn a_gate_holds_a_body_back() {
        let gate = Gate::new();
        let held = gate.clone();
        let origin = Origin::start(move |_, answer| {
            answer.head(200, &["Transfer-Encoding: chunked"])?;
            held.pass();
            answer.chunk(b"late")?;
            answer.chunk(b"")?;
            Ok(After::Close)
        });
        let mut client = Connection::open(origin.address());
        client.send("GET / HTTP/1.1\r\n\r\n");
        assert_eq!(client.reply_head().unwrap().status, 200);
        gate.open();
        assert_eq!(client.rest(), b"4\r\nlate\r\n0\r\n\r\n");
    }

    #[test]
    fn a_stopped_origin_refuses() {
        let origin = Origin::fixed(&[], "a");
        let address = origin.address();
        let mut client = Connection::open(address);
        assert_eq!(client.exchange("GET / HTTP/1.1\r\n\r\n").status, 200);
        origin.stop();
        assert!(client.is_closed());
    }
}
