//! The clients of the load: some connections, one request at a time on each, every answer checked.
//!
//! One thread over non-blocking sockets, so that on a small machine the proxy gets a processor for itself. Requests go out
//! as soon as a connection is free (closed loop), or when they are due (open loop): then one that had to wait for a
//! connection is timed from when it was due, so that a slow proxy cannot hide by slowing its clients down. Keep-alive, no
//! pipelining, answers with a `Content-Length` only.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token};

use super::clock::now;
use super::document::Document;
use super::origin::pin;

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
    /// Is read when a request is sent; see [`Answer::mark`].
    pub mark: &'a dyn Fn() -> u64,
}

/// A request to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What for.
    pub document: Document,
    /// Whether it says `Cache-Control: no-cache`.
    pub is_reload: bool,
    /// When, from the start; as soon as there is a connection if not told.
    pub due: Option<Duration>,
    /// Comes back with the answer.
    pub tag: usize,
}

impl From<Document> for Ask {
    fn from(document: Document) -> Self {
        Self { document, is_reload: false, due: None, tag: 0 }
    }
}

/// A whole answer with status 200 and the length asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// To what.
    pub ask: Ask,
    /// Nanoseconds from the request's sending, or from when it was due if it had to wait, to the last byte.
    pub took_ns: u64,
    /// What [`Plan::mark`] was when the request was sent.
    pub mark: u64,
    /// The origin's `X-Serial`.
    pub serial: Option<u64>,
    /// The origin's `X-Held-Us`.
    pub held_us: Option<u64>,
    /// Whether the body is as it should be.
    pub is_right: bool,
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
    /// How long it all took.
    pub elapsed: Duration,
    /// In what ways requests failed, in words, and how many did.
    pub failures: BTreeMap<String, u64>,
}

/// The longest silence of a peer: after that its requests have failed.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// The longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Ways to fail that are told apart.
const FAILURES_TOLD_MAX: usize = 16;

/// What the poll can wait at the least; a request due earlier is waited for without sleeping.
const POLL_FINENESS: Duration = Duration::from_millis(1);

/// An answer's head that is longer than this is a failure.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Asks for what `next` says until it says nothing more, waits for the last answers, and tells `done` of each.
///
/// # Errors
/// When a connection cannot be made.
pub fn run(
    plan: &Plan<'_>,
    mut next: impl FnMut() -> Option<Ask>,
    mut done: impl FnMut(&Answer),
) -> io::Result<Outcome> {
    pin(plan.processor);
    let mut poll = Poll::new()?;
    let mut outcome = Outcome::default();
    let mut clients: Vec<Client> = (0..plan.connections.max(1)).map(Client::new).collect();
    let mut free: Vec<usize> = (0..clients.len()).rev().collect();
    let started = now();
    let mut buffer = vec![0; 256 * 1024];
    let mut events = Events::with_capacity(clients.len());
    let mut upcoming = next();
    // Whether what is upcoming waits for a connection, not for its time.
    let mut is_late = false;
    loop {
        while let Some(ask) = upcoming
            && ask.due.is_none_or(|due| started.elapsed() >= due)
            && let Some(number) = free.pop()
        {
            let client = &mut clients[number];
            outcome.reconnects += u64::from(client.connect(plan, poll.registry())?);
            let since = ask.due.filter(|_| is_late).map_or_else(now, |due| started + due);
            client.ask(plan, ask, since);
            upcoming = next();
        }
        is_late = free.is_empty();
        if upcoming.is_none() && free.len() == clients.len() {
            break;
        }
        let until_due = upcoming.and_then(|ask| ask.due).map(|due| due.saturating_sub(started.elapsed()));
        let wait = match until_due {
            Some(wait) if !is_late && wait < POLL_FINENESS => Duration::ZERO,
            Some(wait) if !is_late => wait - POLL_FINENESS,
            _ => SILENCE_MAX,
        };
        match poll.poll(&mut events, Some(wait.min(SILENCE_MAX))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        }
        if events.is_empty() {
            if wait.is_zero() {
                std::thread::yield_now();
            }
            give_up_on_the_silent(&mut clients, &mut free, &mut outcome);
            continue;
        }
        for event in &events {
            let number = event.token().0;
            let client = &mut clients[number];
            let was_busy = client.current.is_some();
            match client.turn(plan.checks_content, event.is_read_closed(), &mut buffer) {
                Ok(Some(answer)) => {
                    if answer.is_right {
                        outcome.good += 1;
                    } else {
                        outcome.wrong += 1;
                    }
                    done(&answer);
                }
                Ok(None) => {}
                Err(why) => {
                    if was_busy {
                        outcome.fail(why);
                    }
                    client.close();
                }
            }
            if was_busy && client.current.is_none() {
                // At once, so that a connection does not rest while others are looked after.
                match upcoming.filter(|ask| ask.due.is_none() && client.stream.is_some()) {
                    Some(ask) => {
                        client.ask(plan, ask, now());
                        upcoming = next();
                    }
                    None => free.push(number),
                }
            }
        }
    }
    outcome.elapsed = started.elapsed();
    Ok(outcome)
}

/// Fails the requests that have had no byte for too long.
fn give_up_on_the_silent(clients: &mut [Client], free: &mut Vec<usize>, outcome: &mut Outcome) {
    for client in clients {
        if client.current.is_some() && client.heard.elapsed() >= SILENCE_MAX {
            outcome.fail(Failure::Silence);
            client.close();
            free.push(client.number);
        }
    }
}

impl Outcome {
    fn fail(&mut self, why: Failure) {
        self.failed += 1;
        let why = why.to_string();
        if self.failures.len() < FAILURES_TOLD_MAX || self.failures.contains_key(&why) {
            *self.failures.entry(why).or_default() += 1;
        }
    }
}

/// Why there is no whole answer with 200.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("closed before the answer was whole")]
    Closed,
    #[error("no byte for {} s", SILENCE_MAX.as_secs())]
    Silence,
    #[error("answered `{0}`")]
    Status(String),
    #[error("an answer without a length")]
    NoLength,
    #[error("an answer of another length")]
    OtherLength,
    #[error("bytes after the answer")]
    Excess,
    #[error("a head of more than {} KiB", HEAD_BYTES_MAX >> 10)]
    LongHead,
}

/// What the head of an answer says.
struct Head {
    length: usize,
    serial: Option<u64>,
    held_us: Option<u64>,
}

/// A request that waits for the rest of its answer.
struct Current {
    ask: Ask,
    since: Instant,
    mark: u64,
    /// `None` until it is whole.
    head: Option<Head>,
    body_read: usize,
    is_right: bool,
}

/// A connection, open or not.
struct Client {
    number: usize,
    stream: Option<TcpStream>,
    was_open: bool,
    current: Option<Current>,
    /// When it last got a byte, or sent its request.
    heard: Instant,
    request: Vec<u8>,
    written: usize,
    head: Vec<u8>,
}

impl Client {
    fn new(number: usize) -> Self {
        Self {
            number,
            stream: None,
            was_open: false,
            current: None,
            heard: now(),
            request: Vec::new(),
            written: 0,
            head: Vec::new(),
        }
    }

    /// Opens the connection unless it is open; whether it was before.
    fn connect(&mut self, plan: &Plan<'_>, registry: &Registry) -> io::Result<bool> {
        if self.stream.is_some() {
            return Ok(false);
        }
        let stream = std::net::TcpStream::connect_timeout(&plan.to, CONNECT_MAX)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, Token(self.number), Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        Ok(std::mem::replace(&mut self.was_open, true))
    }

    fn close(&mut self) {
        (self.stream, self.current) = (None, None);
    }

    /// Makes the request and sends what the socket takes.
    fn ask(&mut self, plan: &Plan<'_>, ask: Ask, since: Instant) {
        self.request.clear();
        self.head.clear();
        self.written = 0;
        let Plan { before_path, host, .. } = plan;
        let Document { bytes, number } = ask.document;
        let control = if ask.is_reload { "Cache-Control: no-cache\r\n" } else { "" };
        // Writing to a Vec cannot fail.
        let _ = write!(
            self.request,
            "GET {before_path}/{bytes}/{number} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n{control}\r\n"
        );
        let mark = (plan.mark)();
        self.current = Some(Current { ask, since, mark, head: None, body_read: 0, is_right: true });
        self.heard = now();
        // A failure to write shows again at the next event.
        let _ = self.write();
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while self.written < self.request.len() {
            match stream.write(&self.request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes and reads what can be; the answer, when it is whole.
    fn turn(
        &mut self,
        checks_content: bool,
        is_closed: bool,
        buffer: &mut [u8],
    ) -> Result<Option<Answer>, Failure> {
        self.write()?;
        loop {
            let Some(stream) = &mut self.stream else { return Ok(None) };
            match stream.read(buffer) {
                Ok(0) => return Err(Failure::Closed),
                Ok(count) => {
                    self.heard = now();
                    if self.take(&buffer[..count], checks_content)? {
                        return Ok(self.answer());
                    }
                    // A short read has emptied the socket; what comes later is a new event, but for an end that came
                    // with this one.
                    if count < buffer.len() && !is_closed {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes in bytes of the answer; whether it is whole.
    fn take(&mut self, mut bytes: &[u8], checks_content: bool) -> Result<bool, Failure> {
        let Some(current) = &mut self.current else { return Err(Failure::Excess) };
        let document = current.ask.document;
        if current.head.is_none() {
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let from = before.saturating_sub(3);
            let Some(end) = self.head[from..].windows(4).position(|four| four == b"\r\n\r\n") else {
                return if self.head.len() > HEAD_BYTES_MAX { Err(Failure::LongHead) } else { Ok(false) };
            };
            let end = from + end + 4;
            bytes = &bytes[end - before..];
            self.head.truncate(end);
            let head = read_head(&self.head)?;
            if head.length != document.bytes {
                return Err(Failure::OtherLength);
            }
            current.head = Some(head);
        }
        if bytes.len() > document.bytes - current.body_read {
            return Err(Failure::Excess);
        }
        if checks_content {
            current.is_right &= document.has_at(current.body_read, bytes);
        }
        current.body_read += bytes.len();
        Ok(current.body_read == document.bytes)
    }

    /// The answer, which is whole.
    fn answer(&mut self) -> Option<Answer> {
        let Current { ask, since, mark, head, is_right, .. } = self.current.take()?;
        let Head { serial, held_us, .. } = head?;
        let took_ns = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Some(Answer { ask, took_ns, mark, serial, held_us, is_right })
    }
}

/// What the head of an answer with status 200 says.
fn read_head(head: &[u8]) -> Result<Head, Failure> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = lines.next().unwrap_or_default();
    if !status.starts_with(b"HTTP/1.1 200 ") {
        return Err(Failure::Status(String::from_utf8_lossy(status).into_owned()));
    }
    let (mut length, mut serial, mut held_us) = (None, None, None);
    for line in lines {
        let value = |name: &[u8]| {
            let is_it = line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name);
            let value = is_it.then(|| std::str::from_utf8(&line[name.len()..]).ok())?;
            value?.trim().parse::<u64>().ok()
        };
        match line.first() {
            Some(b'C' | b'c') => length = length.or_else(|| value(b"content-length:")),
            Some(b'X' | b'x') => {
                serial = serial.or_else(|| value(b"x-serial:"));
                held_us = held_us.or_else(|| value(b"x-held-us:"));
            }
            _ => {}
        }
    }
    let length = length.and_then(|length| usize::try_from(length).ok()).ok_or(Failure::NoLength)?;
    Ok(Head { length, serial, held_us })
}

#[cfg(test)]
mod tests;
