//! One exchange with an origin: a request goes out, one or more heads and a body come back (RFC 9112 section 9).
//!
//! The request's body is sent while the response is read, for an origin may answer early, or piece by piece as it reads.
//! A request that dies on a kept connection before a byte of its response is sent once more on a fresh one, if doing it
//! twice does no harm (RFC 9112 section 9.3.1); so is one that is met by a 408, which says that the origin was done waiting
//! there (RFC 9110 section 15.5.9). It does not follow redirects, cache or change heads.

use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use cnn_core::fields::Fields;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::dns::ResolveError;
use super::upload::{BodySource, Pumped, Upload};
use super::{Happening, Origin, Origins, Settings};
use crate::access::Denied;
use crate::http1::deadline::Deadline;
use crate::http1::io::ReadError;
use crate::http1::{BadMessage, Body, BodyLength, Connection, Method, ResponseHead};
use crate::limits::INTERIM_RESPONSES_MAX;

/// A request as it goes to an origin.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where it goes.
    pub origin: Origin,
    /// Its method, as in `head`: it tells how the response ends and whether it may be sent twice.
    pub method: Method,
    /// The whole head as it goes on the wire, empty line included, with the framing that `body` says.
    pub head: Bytes,
    /// How its body is framed.
    pub body: BodyLength,
    /// Whether it asks for another protocol (`Upgrade`): only then may a 101 come back.
    pub asks_upgrade: bool,
}

/// What was going on when time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The origin did not take the request.
    Send,
    /// The client did not send its body.
    Upload,
    /// The origin did not answer.
    Head,
    /// The origin did not go on with its body.
    Body,
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The origin's name has no addresses.
    #[error("resolving the origin failed")]
    ResolveFailed(#[from] ResolveError),
    /// No address of the origin may be connected to.
    #[error("connecting to {address} is not allowed: {}", reason.as_str())]
    Denied {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: Denied,
    },
    /// No address of the origin could be connected to.
    #[error("connecting to {address} failed")]
    ConnectFailed {
        /// The last one tried.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No address of the origin answered in time.
    #[error("connecting to {address} took too long")]
    ConnectTimedOut {
        /// The last one tried.
        address: SocketAddr,
    },
    /// Somebody was too slow.
    #[error("waited too long: {}", .0.as_str())]
    TimedOut(Phase),
    /// The response is malformed.
    #[error("the origin's response is malformed: {0}")]
    BadResponse(BadMessage),
    /// The origin closed before the response was complete.
    #[error("the origin closed before its response was complete")]
    ClosedEarly,
    /// The connection broke before the response was complete.
    #[error("the connection to the origin broke")]
    Io(#[source] io::Error),
    /// The client's body did not come whole.
    #[error("the client's body did not come whole")]
    Upload(#[source] ReadError),
}

/// How long an exchange took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Until there was a connection: looking the name up included, zero on a kept connection.
    pub connect: Duration,
    /// From the beginning until the final head was there.
    pub head: Duration,
}

/// One exchange with an origin. Dropping it before its end closes the connection.
pub struct Exchange<B> {
    origins: Rc<Origins>,
    settings: Settings,
    request: Request,
    upload: Upload<B>,
    pumped: Pumped,
    // None before there is a connection, and again when the exchange is over.
    link: Option<Link>,
    is_over: bool,
    // None before the final head.
    body: Option<Body>,
    is_persistent: bool,
    is_upgraded: bool,
    interim: usize,
    wait: Wait,
    begun: Instant,
    report: Report,
}

/// What is known of an exchange for logs and metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// The origin's address, once there is a connection, or the last one that none could be made to.
    pub peer: Option<SocketAddr>,
    /// Whether the connection had been used before.
    pub is_reused: bool,
    /// Bytes of the response on the wire.
    pub bytes_in: u64,
    /// Bytes of the request on the wire.
    pub bytes_out: u64,
    /// How long it took.
    pub timings: Timings,
}

#[derive(Debug)]
struct Link {
    connection: Connection,
    peer: SocketAddr,
    is_reused: bool,
    // Of the connection, before this exchange.
    bytes_in_before: u64,
    bytes_out_before: u64,
}

/// The deadline of what is being waited for, moved whenever there is progress.
#[derive(Debug, Default)]
struct Wait {
    deadline: Deadline,
    seen: Option<(Phase, u64)>,
}

impl<B: BodySource> Exchange<B> {
    pub(super) fn new(origins: Rc<Origins>, request: Request, body: B) -> Self {
        let settings = origins.settings();
        let upload = Upload::new(request.head.clone(), request.body, body);
        Self {
            origins,
            settings,
            request,
            upload,
            pumped: Pumped::Origin,
            link: None,
            is_over: false,
            body: None,
            is_persistent: false,
            is_upgraded: false,
            interim: 0,
            wait: Wait::default(),
            begun: Instant::now(),
            report: Report::default(),
        }
    }

    /// The next response head: perhaps some interim ones (1xx, to be passed on or dropped), then the final one. After a
    /// 101, which comes only if it was asked for, the connection is [`Self::upgraded`].
    ///
    /// # Errors
    /// When there is no connection, or no well-formed response in time. The exchange is over then.
    pub async fn head(&mut self) -> Result<ResponseHead, FetchError> {
        debug_assert!(self.body.is_none(), "the final head was taken");
        if self.is_over || self.body.is_some() {
            return Err(FetchError::ClosedEarly);
        }
        if self.link.is_none() {
            self.connect().await.map_err(|error| self.fail(error))?;
        }
        loop {
            let head = poll_fn(|cx| self.poll_head(cx)).await;
            if !self.may_send_again(&head) {
                return head.and_then(|head| self.accept(head)).map_err(|error| self.fail(error));
            }
            self.reconnect().await.map_err(|error| self.fail(error))?;
        }
    }

    /// The next piece of the response's body, 1 byte to 64 KiB with memory of its own; none at the end.
    ///
    /// # Errors
    /// When it does not come whole. The exchange is over then.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, FetchError> {
        self.wait.restart();
        poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// [`Self::next_piece`] for those who wait for other things too; its deadline counts from the first time it finds
    /// nothing.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, FetchError>> {
        let piece = ready!(self.poll_body(cx));
        self.wait.restart();
        Poll::Ready(match piece {
            Ok(Some(piece)) => Ok(Some(piece)),
            Ok(None) => {
                self.finish();
                Ok(None)
            }
            Err(error) => Err(self.fail(error)),
        })
    }

    /// The trailer fields of the response; none before its end.
    pub fn trailers(&self) -> Option<&Fields> {
        self.body.as_ref().map(Body::trailers)
    }

    /// Whether all of the request's body was sent. If not when the response is complete, the rest of it is still in the
    /// client's connection.
    pub fn is_upload_done(&self) -> bool {
        self.pumped == Pumped::Done
    }

    /// The raw connection and what came on it after a 101; none without one.
    pub fn upgraded(mut self) -> Option<(TcpStream, BytesMut)> {
        self.report = self.report();
        let link = self.link.take()?;
        self.is_upgraded.then(|| link.connection.into_parts())
    }

    async fn connect(&mut self) -> Result<(), FetchError> {
        let is_repeatable = self.request.method.is_idempotent() && self.request.body.is_empty();
        let idle_max =
            if is_repeatable { self.settings.idle } else { self.settings.idle.min(IDLE_MAX_FOR_ONCE) };
        match self.origins.pool.take(&self.request.origin, idle_max) {
            Some((connection, peer)) => self.link = Some(Link::new(connection, peer, Use::Again)),
            None => self.connect_fresh().await?,
        }
        self.note_link();
        Ok(())
    }

    async fn connect_fresh(&mut self) -> Result<(), FetchError> {
        let (stream, peer) = self.origins.connect(&self.request.origin).await?;
        self.link = Some(Link::new(Connection::new(stream), peer, Use::First));
        self.report.timings.connect = self.begun.elapsed();
        Ok(())
    }

    async fn reconnect(&mut self) -> Result<(), FetchError> {
        self.close();
        self.upload.restart();
        self.pumped = Pumped::Origin;
        self.connect_fresh().await?;
        self.note_link();
        Ok(())
    }

    fn note_link(&mut self) {
        if let Some(link) = &self.link {
            (self.report.peer, self.report.is_reused) = (Some(link.peer), link.is_reused);
        }
        self.wait.restart();
    }

    /// A kept connection may have been closed just when we took it. Where the origin says so, the request was not looked
    /// at; where it only closed, nobody knows.
    fn may_send_again(&self, head: &Result<ResponseHead, FetchError>) -> bool {
        let Some(link) = self.link.as_ref().filter(|link| link.is_reused && self.upload.can_restart()) else {
            return false;
        };
        match head {
            Ok(head) => head.status == 408 && !head.is_persistent,
            Err(FetchError::ClosedEarly | FetchError::Io(_)) => {
                link.is_unanswered() && self.request.method.is_idempotent()
            }
            Err(_) => false,
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, FetchError>> {
        self.pump(cx)?;
        let Some(link) = &mut self.link else { return Poll::Ready(Err(FetchError::ClosedEarly)) };
        let limits = &self.settings.head;
        match link.connection.poll_response(cx, limits, &self.request.method) {
            Poll::Ready(head) => {
                self.wait.restart();
                Poll::Ready(head.map_err(FetchError::from))
            }
            Poll::Pending => self.poll_wait(cx, Phase::Head).map(Err),
        }
    }

    fn accept(&mut self, head: ResponseHead) -> Result<ResponseHead, FetchError> {
        match head.status {
            101 if !self.request.asks_upgrade => return Err(FetchError::BadResponse(BadMessage::Upgrade)),
            101 => self.is_upgraded = true,
            ..200 => {
                self.interim += 1;
                let is_fine = self.interim <= INTERIM_RESPONSES_MAX;
                return if is_fine {
                    Ok(head)
                } else {
                    Err(FetchError::BadResponse(BadMessage::InterimResponses))
                };
            }
            _ => {}
        }
        self.report.timings.head = self.begun.elapsed();
        self.is_persistent = head.is_persistent;
        let body = Body::new(head.body);
        let is_over = body.is_done() && !self.is_upgraded;
        self.body = Some(body);
        if is_over {
            self.finish();
        }
        Ok(head)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, FetchError>> {
        self.pump(cx)?;
        let (Some(link), Some(body)) = (&mut self.link, &mut self.body) else { return Poll::Ready(Ok(None)) };
        match link.connection.poll_piece(cx, body) {
            Poll::Ready(piece) => Poll::Ready(piece.map_err(FetchError::from)),
            Poll::Pending => self.poll_wait(cx, Phase::Body).map(Err),
        }
    }

    /// Sends more of the request.
    fn pump(&mut self, cx: &mut Context<'_>) -> Result<(), FetchError> {
        if let Some(link) = &mut self.link
            && matches!(self.pumped, Pumped::Source | Pumped::Origin)
        {
            self.pumped = self.upload.pump(&mut link.connection, cx).map_err(FetchError::Upload)?;
        }
        Ok(())
    }

    /// Ready when there was no progress for too long.
    fn poll_wait(&mut self, cx: &mut Context<'_>, phase: Phase) -> Poll<FetchError> {
        let Some(link) = &self.link else { return Poll::Pending };
        let connection = &link.connection;
        let moved = connection.bytes_in() + connection.bytes_out();
        let (phase, progress, patience) = match (self.pumped, phase) {
            // A client that sends a byte now and then makes no progress.
            (Pumped::Source, _) => (
                Phase::Upload,
                self.upload.taken() / self.settings.upload_bytes_min.max(1),
                self.settings.send,
            ),
            (Pumped::Origin, _) => (Phase::Send, moved, self.settings.send),
            (Pumped::Done | Pumped::Broken, Phase::Body) => (phase, moved, self.settings.body),
            (Pumped::Done | Pumped::Broken, _) => (phase, moved, self.settings.response),
        };
        self.wait.poll(cx, (phase, progress), patience).map(|()| FetchError::TimedOut(phase))
    }

    /// After the last byte of the response: keeps the connection if it is good for another exchange.
    fn finish(&mut self) {
        self.report = self.report();
        self.is_over = true;
        let Some(link) = self.link.take() else { return };
        let is_clean = self.is_upload_done() && !link.connection.has_read_ahead() && !self.is_upgraded;
        if is_clean && self.is_persistent {
            let origin = self.request.origin.clone();
            self.origins.pool.put(origin, link.connection, link.peer, &self.settings);
        }
    }

    fn fail(&mut self, error: FetchError) -> FetchError {
        self.close();
        self.is_over = true;
        // Squid's log names who did not take the connection.
        self.report.peer = error.unreached().or(self.report.peer);
        (self.origins.witness)(Happening::Failed(error.as_str()));
        error
    }

    fn close(&mut self) {
        self.report = self.report();
        self.link = None;
    }
}

impl<B> Exchange<B> {
    /// What is known by now.
    pub fn report(&self) -> Report {
        let mut report = self.report;
        if let Some(link) = &self.link {
            report.bytes_in += link.connection.bytes_in() - link.bytes_in_before;
            report.bytes_out += link.connection.bytes_out() - link.bytes_out_before;
        }
        report
    }
}

impl<B> Drop for Exchange<B> {
    /// Tells what it came to, also when nobody waited for its end.
    fn drop(&mut self) {
        let report = self.report();
        if report.bytes_out > 0 {
            (self.origins.witness)(Happening::Exchanged(report));
        }
    }
}

/// A request that must not be sent twice goes on a connection only if that was used just now: no origin closes so soon.
const IDLE_MAX_FOR_ONCE: Duration = Duration::from_secs(1);

/// Which use of a connection an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    First,
    Again,
}

impl Link {
    fn new(connection: Connection, peer: SocketAddr, is: Use) -> Self {
        let (bytes_in_before, bytes_out_before) = (connection.bytes_in(), connection.bytes_out());
        Self { connection, peer, is_reused: is == Use::Again, bytes_in_before, bytes_out_before }
    }

    /// Whether nothing of a response has come yet.
    fn is_unanswered(&self) -> bool {
        self.connection.bytes_in() == self.bytes_in_before && !self.connection.has_read_ahead()
    }
}

impl Wait {
    fn restart(&mut self) {
        self.seen = None;
        self.deadline.clear();
    }

    fn poll(&mut self, cx: &mut Context<'_>, now: (Phase, u64), patience: Duration) -> Poll<()> {
        if self.seen != Some(now) {
            self.seen = Some(now);
            self.deadline.set(patience);
        }
        self.deadline.poll(cx)
    }
}

impl Phase {
    /// In words, for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Send => "request timeout",
            Self::Upload => "upload timeout",
            Self::Head => "response timeout",
            Self::Body => "body timeout",
        }
    }
}

impl FetchError {
    /// The reason in words, for metrics and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::ResolveFailed(_) => "unresolved name",
            Self::Denied { .. } => "destination denied",
            Self::ConnectFailed { .. } => "connect failed",
            Self::ConnectTimedOut { .. } => "connect timeout",
            Self::TimedOut(phase) => phase.as_str(),
            Self::BadResponse(reason) => reason.as_str(),
            Self::ClosedEarly => "origin closed early",
            Self::Io(_) => "origin connection broke",
            Self::Upload(_) => "client body failed",
        }
    }

    /// The last address that was tried, if none could be connected to.
    pub fn unreached(&self) -> Option<SocketAddr> {
        match self {
            Self::ConnectFailed { address, .. } | Self::ConnectTimedOut { address } => Some(*address),
            _ => None,
        }
    }

    /// The status a client is answered with if nothing was sent to it yet, as Squid would.
    pub fn status(&self) -> u16 {
        match self {
            Self::Denied { .. } => 403,
            Self::ResolveFailed(_) | Self::ConnectFailed { .. } => 503,
            Self::TimedOut(Phase::Upload) => 408,
            Self::TimedOut(_) | Self::ConnectTimedOut { .. } => 504,
            Self::BadResponse(_) | Self::ClosedEarly | Self::Io(_) => 502,
            Self::Upload(ReadError::Bad(reason)) => reason.status(),
            Self::Upload(_) => 400,
        }
    }
}

impl From<ReadError> for FetchError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Bad(reason) => Self::BadResponse(reason),
            ReadError::ClosedEarly => Self::ClosedEarly,
            ReadError::Io(error) => Self::Io(error),
            ReadError::IdleTimeout | ReadError::Timeout => Self::TimedOut(Phase::Head),
        }
    }
}

impl<B> fmt::Debug for Exchange<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("request", &self.request)
            .field("link", &self.link)
            .field("pumped", &self.pumped)
            .finish_non_exhaustive()
    }
}
