//! The origin of the load: any document, cacheable for a day, at little cost.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::Document;

/// A running origin; it stops when dropped.
#[derive(Debug)]
pub struct DocumentOrigin {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicU64,
    stopped: AtomicBool,
}

struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
    to_write: Vec<u8>,
    written: usize,
}

const LISTENER: Token = Token(usize::MAX);

impl DocumentOrigin {
    /// Starts it on a free port of 127.0.0.1, on that processor only when one is given.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(processor: Option<usize>) -> Self {
        let any = "127.0.0.1:0".parse().expect("it is an address");
        let mut listener = TcpListener::bind(any).expect("a port of 127.0.0.1 is free");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let poll = Poll::new().expect("the system has epoll");
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("it is a new socket");
        thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                pin(processor);
                serve(poll, &listener, &shared)
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Drop for DocumentOrigin {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
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

fn serve(mut poll: Poll, listener: &TcpListener, shared: &Shared) {
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut events = Events::with_capacity(256);
    while !shared.stopped.load(Ordering::Relaxed) {
        // Wakes now and then to see whether it is to stop.
        if poll.poll(&mut events, Some(Duration::from_millis(200))).is_err() {
            continue;
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.set_nodelay(true);
                    let token = peers.iter().position(Option::is_none).unwrap_or(peers.len());
                    let both = Interest::READABLE | Interest::WRITABLE;
                    if poll.registry().register(&mut stream, Token(token), both).is_ok() {
                        let peer = Peer { stream, read: Vec::new(), to_write: Vec::new(), written: 0 };
                        if token == peers.len() {
                            peers.push(None);
                        }
                        peers[token] = Some(peer);
                    }
                }
            } else if let Some(slot) = peers.get_mut(event.token().0)
                && slot.as_mut().is_some_and(|peer| turn(peer, shared).is_err())
            {
                *slot = None;
            }
        }
    }
}

/// Reads what came, answers it, writes what can be written; an error ends the connection.
fn turn(peer: &mut Peer, shared: &Shared) -> io::Result<()> {
    let mut buffer = [0; 8 * 1024];
    loop {
        match peer.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                peer.read.extend_from_slice(&buffer[..count]);
                while let Some(end) = peer.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                    let mut words = peer.read[..end].split(|byte| *byte == b' ');
                    let target =
                        words.nth(1).and_then(|target| std::str::from_utf8(target).ok()).unwrap_or_default();
                    answer(target, &mut peer.to_write);
                    shared.requests.fetch_add(1, Ordering::Relaxed);
                    peer.read.drain(..end + 4);
                }
                if count < buffer.len() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    while peer.written < peer.to_write.len() {
        match peer.stream.write(&peer.to_write[peer.written..]) {
            Ok(count) => peer.written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    peer.to_write.clear();
    peer.written = 0;
    Ok(())
}

/// The fields are those of an ordinary static file.
fn answer(target: &str, out: &mut Vec<u8>) {
    let now = HttpDate::from(SystemTime::now());
    let Some(document) = Document::of_path(target) else {
        out.extend_from_slice(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "HTTP/1.1 200 OK\r\nServer: documents\r\nDate: {now}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nETag: \"{:x}-{:x}\"\r\nCache-Control: public, max-age=86400\r\n\r\n",
        document.bytes, document.number, document.bytes
    );
    document.write(out);
}
