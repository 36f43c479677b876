//! The clients of the load: some connections, one request at a time on each, every answer checked.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token};

use super::Document;
use super::origin::pin;
use crate::histogram::Histogram;

/// What the clients do.
pub struct Plan<'a> {
    /// Who is asked.
    pub to: SocketAddr,
    /// What stands before the path in the target: nothing for a reverse proxy, `http://HOST:PORT` for a forward one.
    pub before_path: &'a str,
    /// The value of `Host`.
    pub host: &'a str,
    /// How many at once.
    pub connections: usize,
    /// The processor to run on.
    pub processor: Option<usize>,
    /// Whether every byte of a body is compared, or only its length.
    pub checks_content: bool,
    /// Which histogram latencies go to now, below [`Outcome::latency`]'s length; another thread may change it.
    pub phase: &'a AtomicUsize,
    /// How many histograms there are.
    pub phases: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Answers with 200 and the right body.
    pub good: u64,
    /// Requests without a whole answer with 200.
    pub failed: u64,
    /// Whole answers with a wrong body.
    pub wrong: u64,
    /// Connections opened beyond the first of each client.
    pub reconnects: u64,
    /// How long answers took from the request's sending, by phase.
    pub latency: Vec<Histogram>,
    /// How long it all took.
    pub elapsed: Duration,
    /// What the first failures were, in words.
    pub failures: Vec<String>,
}

/// The longest silence of a peer: after that its requests have failed.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Failures told in words.
const FAILURES_TOLD_MAX: usize = 5;

struct Client {
    stream: TcpStream,
    document: Option<Document>,
    sent: Instant,
    request: Vec<u8>,
    written: usize,
    head: Vec<u8>,
    body: Vec<u8>,
    body_left: usize,
    is_in_body: bool,
}

/// Asks for what `next` says until it says nothing more, and waits for the last answers.
///
/// # Errors
/// When the first connections cannot be made.
pub fn run(plan: &Plan<'_>, mut next: impl FnMut() -> Option<Document>) -> io::Result<Outcome> {
    pin(plan.processor);
    let mut poll = Poll::new()?;
    let mut outcome =
        Outcome { latency: vec![Histogram::default(); plan.phases.max(1)], ..Outcome::default() };
    let mut clients = Vec::with_capacity(plan.connections);
    for number in 0..plan.connections {
        clients.push(Client::open(plan.to, poll.registry(), number)?);
    }
    let started = Instant::now();
    let mut buffer = vec![0; 256 * 1024];
    let mut busy = 0;
    for client in &mut clients {
        busy += usize::from(client.ask(plan, &mut next));
    }
    let mut events = Events::with_capacity(plan.connections.max(1));
    while busy > 0 {
        match poll.poll(&mut events, Some(SILENCE_MAX)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        }
        if events.is_empty() {
            outcome.failed += busy as u64;
            outcome.failures.push(format!("{busy} requests without an answer for {SILENCE_MAX:?}"));
            break;
        }
        for event in &events {
            let number = event.token().0;
            let client = &mut clients[number];
            if client.document.is_none() {
                continue;
            }
            let result = client.turn(plan, &mut next, &mut buffer, &mut outcome);
            if let Err(error) = result {
                if outcome.failures.len() < FAILURES_TOLD_MAX {
                    outcome.failures.push(format!("{:?}: {error}", client.document));
                }
                outcome.failed += 1;
                outcome.reconnects += 1;
                *client = Client::open(plan.to, poll.registry(), number)?;
                client.ask(plan, &mut next);
            }
            busy -= usize::from(clients[number].document.is_none());
        }
    }
    outcome.elapsed = started.elapsed();
    Ok(outcome)
}

impl Client {
    fn open(to: SocketAddr, registry: &Registry, number: usize) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            document: None,
            sent: Instant::now(),
            request: Vec::new(),
            written: 0,
            head: Vec::new(),
            body: Vec::new(),
            body_left: 0,
            is_in_body: false,
        })
    }

    /// Makes the next request and sends what the socket takes; `false` when there is none.
    fn ask(&mut self, plan: &Plan<'_>, next: &mut impl FnMut() -> Option<Document>) -> bool {
        self.document = next();
        let Some(document) = self.document else { return false };
        self.request.clear();
        self.head.clear();
        self.body.clear();
        (self.written, self.is_in_body) = (0, false);
        let Plan { before_path, host, .. } = plan;
        let Document { bytes, number } = document;
        // Writing to a Vec cannot fail.
        let _ = write!(
            self.request,
            "GET {before_path}/{bytes}/{number} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n"
        );
        self.sent = Instant::now();
        // A failure to write shows again at the next event.
        let _ = self.write();
        true
    }

    fn write(&mut self) -> io::Result<()> {
        while self.written < self.request.len() {
            match self.stream.write(&self.request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn turn(
        &mut self,
        plan: &Plan<'_>,
        next: &mut impl FnMut() -> Option<Document>,
        buffer: &mut [u8],
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        self.write()?;
        loop {
            match self.stream.read(buffer) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "closed before the answer was whole",
                    ));
                }
                Ok(count) => {
                    let is_whole = self.take(&buffer[..count], plan.checks_content)?;
                    if is_whole {
                        let nanoseconds = u64::try_from(self.sent.elapsed().as_nanos()).unwrap_or(u64::MAX);
                        let document = self.document.expect("an answer is read only to a request");
                        let phase = plan.phase.load(Ordering::Relaxed).min(outcome.latency.len() - 1);
                        outcome.latency[phase].add(nanoseconds);
                        if plan.checks_content && !document.is(&self.body) {
                            outcome.wrong += 1;
                        } else {
                            outcome.good += 1;
                        }
                        if !self.ask(plan, next) {
                            return Ok(());
                        }
                    }
                    // A short read has emptied the socket; what comes later is a new event.
                    if count < buffer.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes in bytes of the answer; whether it is whole.
    fn take(&mut self, mut bytes: &[u8], keeps_body: bool) -> io::Result<bool> {
        if !self.is_in_body {
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let from = before.saturating_sub(3);
            let Some(end) = self.head[from..].windows(4).position(|four| four == b"\r\n\r\n") else {
                return Ok(false);
            };
            let end = from + end + 4;
            bytes = &bytes[end - before..];
            self.head.truncate(end);
            let document = self.document.expect("an answer is read only to a request");
            self.body_left = length_of(&self.head)?;
            if self.body_left != document.bytes {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("a length of {}", self.body_left),
                ));
            }
            self.is_in_body = true;
        }
        if bytes.len() > self.body_left {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes after the answer"));
        }
        self.body_left -= bytes.len();
        if keeps_body {
            self.body.extend_from_slice(bytes);
        }
        Ok(self.body_left == 0)
    }
}

/// The `Content-Length` of an answer with status 200.
fn length_of(head: &[u8]) -> io::Result<usize> {
    let wrong = |what: &str| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{what}: {}", String::from_utf8_lossy(head)))
    };
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return Err(wrong("not a 200"));
    }
    for line in head.split(|byte| *byte == b'\n') {
        const NAME: &[u8] = b"content-length:";
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            let value = std::str::from_utf8(&line[NAME.len()..]).map_err(|_| wrong("no number"))?;
            return value.trim().parse().map_err(|_| wrong("no number"));
        }
    }
    Err(wrong("no length"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::DocumentOrigin;

    #[test]
    fn clients_get_every_document_whole_from_the_origin() {
        let origin = DocumentOrigin::start(None);
        let mut number = 0;
        let sizes = [0, 1, 1000, 300_000];
        let plan = Plan {
            to: origin.address(),
            before_path: "",
            host: "x",
            connections: 8,
            processor: None,
            checks_content: true,
            phase: &AtomicUsize::new(0),
            phases: 1,
        };
        let outcome = run(&plan, || {
            number += 1;
            (number <= 200).then(|| Document { bytes: sizes[number as usize % sizes.len()], number })
        });
        let outcome = outcome.unwrap();
        assert_eq!((outcome.good, outcome.failed, outcome.wrong), (200, 0, 0), "{:?}", outcome.failures);
        assert_eq!(outcome.latency[0].count(), 200);
        assert_eq!(origin.requests(), 200);
    }
}
