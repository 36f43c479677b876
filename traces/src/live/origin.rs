//! The origin of the load: makes any document out of its name, at little cost, after a wait when told so.
//!
//! Every answer has two fields of its own. `X-Serial` is how many answers came before it: a client that noted the count
//! when it asked can tell an answer made for it from one that was stored, whatever the proxy says of itself. `X-Held-Us`
//! is how many microseconds the answer was held back, measured. Conditions and ranges are not looked at: the whole
//! document is sent. Keep-alive, no TLS, no request bodies.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use httpdate::HttpDate;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::clock::{now, time_of_day};
use super::document::Document;

/// How a document is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// How long the answer is held back.
    pub hold: Duration,
    /// Whether caches may store it, for a year; otherwise it is `no-store`.
    pub is_storable: bool,
    /// Its `Content-Type`.
    pub content_type: &'static str,
}

impl Default for Service {
    fn default() -> Self {
        Self { hold: Duration::ZERO, is_storable: true, content_type: "text/plain" }
    }
}

/// A running origin; it stops when dropped.
#[derive(Debug)]
pub struct DocumentOrigin {
    address: SocketAddr,
    shared: Arc<Shared>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    answers: AtomicU64,
    body_bytes: AtomicU64,
    stopped: AtomicBool,
}

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);

/// A request's head that is longer than this ends its connection.
const HEAD_BYTES_MAX: usize = 64 << 10;

impl DocumentOrigin {
    /// Starts one that answers at once with documents that may be stored, on a free port of 127.0.0.1, on that processor
    /// only when one is given.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(processor: Option<usize>) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::serve(any, processor, |_| Some(Service::default())).expect("a port of 127.0.0.1 is free")
    }

    /// Starts one that serves each document as `service` says, or answers 404 when that says nothing.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub fn serve(
        listen: SocketAddr,
        processor: Option<usize>,
        service: impl Fn(Document) -> Option<Service> + Send + 'static,
    ) -> io::Result<Self> {
        let mut listener = TcpListener::bind(listen)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let thread = thread::Builder::new().name("origin".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                pin(processor);
                let held = BinaryHeap::new();
                Server { poll, listener, shared: &shared, service, peers: Vec::new(), held, opened: 0 }.run();
            }
        })?;
        Ok(Self { address, shared, waker, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers so far; the next one has this as its serial.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.answers.load(Ordering::Relaxed)
    }

    /// Bytes of the bodies of these answers.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.shared.body_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for DocumentOrigin {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        if self.waker.wake().is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

/// Lets the calling thread run on that processor only; where the system refuses it runs anywhere.
pub(super) fn pin(processor: Option<usize>) {
    if let Some(number) = processor {
        let mut only = CpuSet::new();
        only.set(number);
        let _ = sched_setaffinity(None, &only);
    }
}

/// A connection.
struct Peer {
    stream: TcpStream,
    /// Tells it from an earlier one in its place.
    opened: u64,
    read: Vec<u8>,
    /// What is being asked for, if that is a document, and since when its answer is held back.
    asked: Option<(Option<Document>, Instant)>,
    /// The answer's head and the first piece of its body.
    answer: Vec<u8>,
    head_bytes: usize,
    body_bytes: usize,
    /// Of head and body.
    written: usize,
}

/// The origin's thread.
struct Server<'a, S> {
    poll: Poll,
    listener: TcpListener,
    shared: &'a Shared,
    service: S,
    peers: Vec<Option<Peer>>,
    /// When which peer, opened as which, is answered; the earliest first.
    held: BinaryHeap<Reverse<(Instant, usize, u64)>>,
    opened: u64,
}

impl<S: Fn(Document) -> Option<Service>> Server<'_, S> {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        while !self.shared.stopped.load(Ordering::Relaxed) {
            let until_next = self.held.peek().map(|Reverse((due, ..))| due.saturating_duration_since(now()));
            // An interrupted wait is tried again.
            if self.poll.poll(&mut events, until_next).is_err() {
                continue;
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(number) => self.turn(number, event.is_read_closed()),
                }
            }
            while let Some(&Reverse((due, number, opened))) = self.held.peek()
                && due <= now()
            {
                self.held.pop();
                if self.peers[number].as_ref().is_some_and(|peer| peer.opened == opened) {
                    self.answer(number);
                    self.turn(number, false);
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let _ = stream.set_nodelay(true);
            let number = self.peers.iter().position(Option::is_none).unwrap_or(self.peers.len());
            let both = Interest::READABLE | Interest::WRITABLE;
            if self.poll.registry().register(&mut stream, Token(number), both).is_err() {
                continue;
            }
            if number == self.peers.len() {
                self.peers.push(None);
            }
            self.opened += 1;
            self.peers[number] = Some(Peer {
                stream,
                opened: self.opened,
                read: Vec::new(),
                asked: None,
                answer: Vec::new(),
                head_bytes: 0,
                body_bytes: 0,
                written: 0,
            });
            // What came with the connection may have been there before it was registered.
            self.turn(number, false);
        }
    }

    /// Does all that can be done for a peer now; an error ends its connection.
    fn turn(&mut self, number: usize, is_closed: bool) {
        if self.try_turn(number, is_closed).is_err() {
            self.peers[number] = None;
        }
    }

    fn try_turn(&mut self, number: usize, is_closed: bool) -> io::Result<()> {
        let Some(peer) = self.peers.get_mut(number).and_then(Option::as_mut) else { return Ok(()) };
        peer.read(is_closed)?;
        loop {
            let Some(peer) = self.peers[number].as_mut() else { return Ok(()) };
            // One answer at a time: the next request waits until this one is written.
            if peer.asked.is_some() || !peer.write()? {
                return Ok(());
            }
            let Some(document) = peer.next_request() else { return Ok(()) };
            let asked = now();
            peer.asked = Some((document, asked));
            match document.and_then(&self.service).map_or(Duration::ZERO, |service| service.hold) {
                Duration::ZERO => self.answer(number),
                hold => self.held.push(Reverse((asked + hold, number, peer.opened))),
            }
        }
    }

    /// Makes the answer to what a peer asked for.
    fn answer(&mut self, number: usize) {
        let Some(peer) = self.peers[number].as_mut() else { return };
        let Some((document, asked)) = peer.asked.take() else { return };
        (peer.written, peer.body_bytes) = (0, 0);
        peer.answer.clear();
        let Some((document, service)) =
            document.and_then(|document| Some((document, (self.service)(document)?)))
        else {
            peer.answer.extend_from_slice(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            peer.head_bytes = peer.answer.len();
            return;
        };
        let date = HttpDate::from(time_of_day());
        let held = if service.hold.is_zero() { 0 } else { now().duration_since(asked).as_micros() };
        let control = if service.is_storable { "public, max-age=31536000" } else { "no-store" };
        let (Document { bytes, number }, content_type) = (document, service.content_type);
        let serial = self.shared.answers.fetch_add(1, Ordering::Relaxed);
        self.shared.body_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        // The fields are those of an ordinary static file, and ours. Writing to a Vec cannot fail.
        let _ = write!(
            peer.answer,
            "HTTP/1.1 200 OK\r\nServer: documents\r\nDate: {date}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {bytes}\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
             ETag: \"{number:x}-{bytes:x}\"\r\nCache-Control: {control}\r\nX-Serial: {serial}\r\n\
             X-Held-Us: {held}\r\n\r\n",
        );
        (peer.head_bytes, peer.body_bytes) = (peer.answer.len(), bytes);
        document.write_piece(&mut peer.answer);
    }
}

impl Peer {
    fn read(&mut self, is_closed: bool) -> io::Result<()> {
        let mut buffer = [0; 8 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.read.extend_from_slice(&buffer[..count]);
                    // A short read has emptied the socket; what comes later is a new event, but for an end that came
                    // with this one.
                    if count < buffer.len() && !is_closed {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.read.len() > HEAD_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
    }

    /// Takes the next whole request from what was read: the document it asks for, if it is one.
    fn next_request(&mut self) -> Option<Option<Document>> {
        let end = self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let target = self.read[..end].split(|byte| *byte == b' ').nth(1);
        let document = target.and_then(|target| Document::of_path(std::str::from_utf8(target).ok()?));
        self.read.drain(..end + 4);
        Some(document)
    }

    /// Writes what the socket takes; whether all is written.
    fn write(&mut self) -> io::Result<bool> {
        let Self { answer, head_bytes: head, body_bytes, .. } = self;
        while self.written < *head + *body_bytes {
            // The first piece stands behind the head; every later one is the same bytes again.
            let from = match self.written {
                written if written < answer.len() => written,
                written => *head + (written - *head) % (answer.len() - *head),
            };
            let left = *head + *body_bytes - self.written;
            match self.stream.write(&answer[from..answer.len().min(from + left)]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
