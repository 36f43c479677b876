//! Replies of our own: errors in Squid's words, answers to TRACE and OPTIONS that end here, and what is answered to
//! bytes that are no request.

use std::io;
use std::net::IpAddr;

use bytes::Bytes;
use cnn_core::fields::Fields;
use cnn_core::repository::FillError;
use cnn_core::rfc9111::cache_status::{Collapsing, Forward, Handling, Storing};
use cnn_core::rfc9111::target::TargetError;
use cnn_core::rfc9111::{Method, date};
use cnn_core::time::Tick;

use super::client::Client;
use super::mirror::FromOrigin;
use super::record::{Account, After, Line, ending};
use super::reply::{Delimited, Persistence, ReplyHead, Told};
use super::request::Request;
use super::route::traced;
use super::tunnel::WantedTunnel;
use crate::access::Denied;
use crate::error_page::{ErrorKind, ErrorPage};
use crate::http1::io::ReadError;
use crate::http1::method::is_token;
use crate::http1::{BadMessage, RequestHead, Version};
use crate::limits::LOGGED_METHOD_BYTES_MAX;
use crate::log::{AccessRecord, Hierarchy, Outcome, ResultCode};
use crate::origin::FetchError;

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// An access rule refuses it.
    Denied(Denied),
    /// Its target is malformed.
    Target(TargetError),
    /// A method this proxy does not take here.
    Method,
    /// A target that names no host, sent to a forward proxy.
    NotAbsolute,
    /// A scheme this proxy does not fetch.
    Scheme,
    /// It has been here before.
    Loop,
    /// The client wants a stored response and there is none (RFC 9111 section 5.2.1.7).
    OnlyIfCached,
    /// The origin's name has no addresses.
    Unresolved,
    /// No connection to the origin.
    Unreachable,
    /// The origin did not answer in time.
    TimedOut,
    /// The origin's answer is not HTTP, or broke off before its head was whole.
    BadResponse,
    /// The client's body did not come whole.
    BadBody,
    /// The client's body did not come in time.
    SlowBody,
    /// The request is malformed.
    Bad(BadMessage),
    /// The client was too slow to send it.
    TooSlow,
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<TargetError> for Refusal {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

impl From<&FetchError> for Refusal {
    fn from(error: &FetchError) -> Self {
        match error {
            FetchError::ResolveFailed(_) => Self::Unresolved,
            FetchError::Denied { reason, .. } => Self::Denied(*reason),
            FetchError::ConnectFailed { .. } => Self::Unreachable,
            FetchError::TimedOut(crate::origin::Phase::Upload) => Self::SlowBody,
            FetchError::Upload(_) => Self::BadBody,
            FetchError::TimedOut(_) | FetchError::ConnectTimedOut { .. } => Self::TimedOut,
            FetchError::BadResponse(_) | FetchError::ClosedEarly | FetchError::Io(_) => Self::BadResponse,
        }
    }
}

impl From<FillError> for Refusal {
    fn from(error: FillError) -> Self {
        match error {
            FillError::Unreachable => Self::Unreachable,
            FillError::TimedOut => Self::TimedOut,
            FillError::Forbidden => Self::Denied(Denied::OwnAddress),
            FillError::Truncated
            | FillError::Malformed
            | FillError::Unwanted
            | FillError::Dropped
            | FillError::CutOff => Self::BadResponse,
        }
    }
}

impl Refusal {
    /// The page in Squid's words.
    fn kind(self) -> ErrorKind {
        match self {
            Self::Denied(_) => ErrorKind::AccessDenied,
            Self::Target(_) | Self::NotAbsolute => ErrorKind::InvalidUrl,
            Self::Method | Self::Scheme => ErrorKind::UnsupportedRequest,
            Self::Loop => ErrorKind::ForwardingLoop,
            Self::OnlyIfCached => ErrorKind::OnlyIfCachedMiss,
            Self::Unresolved => ErrorKind::DnsFail,
            Self::Unreachable => ErrorKind::ConnectFail,
            Self::TimedOut => ErrorKind::ReadTimeout,
            Self::BadResponse => ErrorKind::InvalidResponse,
            Self::BadBody => ErrorKind::InvalidRequest,
            Self::Bad(reason) => match reason.status() {
                414 | 431 => ErrorKind::TooBig,
                501 => ErrorKind::UnsupportedRequest,
                505 => ErrorKind::UnsupportedVersion,
                _ => ErrorKind::InvalidRequest,
            },
            Self::SlowBody | Self::TooSlow => ErrorKind::RequestTimeout,
        }
    }

    /// The status of the reply.
    fn status(self) -> u16 {
        match self {
            Self::Bad(reason) => reason.status(),
            _ => self.kind().status(),
        }
    }

    /// What the client is told beside the page's own words.
    fn explanation(self) -> &'static str {
        match self {
            Self::Denied(denied) => denied.explanation(),
            Self::Target(error) => error.as_str(),
            Self::Bad(reason) => reason.as_str(),
            Self::NotAbsolute => "A proxy needs the whole URL, with scheme and host.",
            Self::Scheme => "This proxy fetches http only; https goes through CONNECT.",
            Self::Method => "The method cannot be used here.",
            Self::Loop => "The request has been through this proxy before.",
            Self::OnlyIfCached => "No stored response answers the request.",
            Self::Unresolved => "The host's name could not be resolved.",
            Self::Unreachable => "The host could not be connected to.",
            Self::TimedOut => "The host did not answer in time.",
            Self::BadResponse => "The host's answer was malformed or broke off.",
            Self::BadBody => "The request's content did not come whole.",
            Self::SlowBody => "The request's content did not come in time.",
            Self::TooSlow => "The request did not come in time.",
        }
    }

    fn result(self) -> ResultCode {
        match self {
            Self::Denied(_) | Self::Loop => ResultCode::Denied,
            Self::OnlyIfCached
            | Self::Unresolved
            | Self::Unreachable
            | Self::TimedOut
            | Self::BadResponse
            | Self::BadBody
            | Self::SlowBody => ResultCode::Miss,
            Self::Target(_)
            | Self::Method
            | Self::NotAbsolute
            | Self::Scheme
            | Self::Bad(_)
            | Self::TooSlow => ResultCode::None,
        }
    }
}

/// A reply that needs neither store nor origin.
pub(super) struct OwnReply {
    head: RequestHead,
    content: Content,
}

enum Content {
    /// Why not.
    Refusal(Refusal),
    /// A request this proxy is the final recipient of; its type and text.
    Answer(&'static str, Vec<u8>),
}

impl OwnReply {
    /// A refusal.
    pub(super) fn refused(head: &RequestHead, refusal: Refusal) -> Self {
        Self { head: head.clone(), content: Content::Refusal(refusal) }
    }

    /// `OPTIONS *`: what this proxy can do, which is nothing special (RFC 9110 section 9.3.7).
    pub(super) fn options(head: &RequestHead) -> Self {
        Self { head: head.clone(), content: Content::Answer("", Vec::new()) }
    }

    /// The answer to a request whose `Max-Forwards` ends here (RFC 9110 section 7.6.2).
    pub(super) fn final_recipient(head: &RequestHead, method: &Method) -> Self {
        let content = match method {
            Method::Trace => Content::Answer("message/http", traced(head)),
            _ => Content::Answer("", Vec::new()),
        };
        Self { head: head.clone(), content }
    }
}

/// What is sent: status, fields, body.
struct Sending {
    status: u16,
    fields: Fields,
    body: Bytes,
}

impl Client {
    /// Sends a reply that was decided on before the request had a place to go.
    pub(super) async fn answer_own(&mut self, own: OwnReply, started: Tick) -> After {
        let sent_before = self.connection.bytes_out();
        let (result, sending) = match own.content {
            Content::Refusal(refusal) => {
                self.count_refusal(refusal);
                (refusal.result(), self.error_page(refusal, &own.head.target))
            }
            Content::Answer(content_type, body) => {
                let mut fields = Fields::new();
                fields.push("Date", date::format(self.worker.shared.clock.wall()));
                if content_type.is_empty() {
                    fields.push("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS, TRACE, CONNECT");
                } else {
                    fields.push("Content-Type", content_type);
                }
                (ResultCode::None, Sending { status: 200, fields, body: body.into() })
            }
        };
        // What follows a CONNECT was meant for the tunnel: never for us, and never to be read as the next request.
        let is_over = own.head.method == Method::Connect || !own.head.body.is_empty();
        let persistence = self.persistence_of(own.head.is_persistent && !is_over);
        let is_head = own.head.method.as_str() == "HEAD";
        let sent = self.send_sending(own.head.version, is_head, &sending, None, persistence).await;
        let account = Account {
            outcome: Outcome { result, collapsed: false, ending: ending(&sent) },
            status: sending.status,
            hierarchy: Hierarchy::None,
            peer: None,
            content_type: content_type_of(&sending.fields),
            begun: None,
            fetched: FromOrigin::default(),
            after: match (sent, persistence) {
                (Err(_), _) => After::Close,
                (Ok(()), Persistence::KeepAlive) => After::Next,
                (Ok(()), Persistence::Close) => After::Linger,
            },
        };
        let line = Line {
            method: own.head.method.as_str().as_bytes(),
            url: &own.head.target,
            version: Some(own.head.version),
            referer: own.head.fields.first("referer").unwrap_or_default(),
            user_agent: own.head.fields.first("user-agent").unwrap_or_default(),
            started,
        };
        self.record_line(&line, &account, self.connection.bytes_out() - sent_before);
        account.after
    }

    /// Answers bytes that are no request, if they deserve an answer.
    pub(super) async fn answer_no_request(&mut self, error: ReadError) -> After {
        let started = self.worker.shared.clock.now();
        let sent_before = self.connection.bytes_out();
        let (refusal, url) = match error {
            ReadError::Bad(reason) => {
                let is_too_large = matches!(reason.status(), 414 | 431);
                let url = match is_too_large {
                    true => AccessRecord::REQUEST_TOO_LARGE,
                    false => AccessRecord::INVALID_REQUEST,
                };
                (Some(Refusal::Bad(reason)), url)
            }
            ReadError::Timeout => (Some(Refusal::TooSlow), AccessRecord::NO_REQUEST),
            // Nothing was asked: there is nothing to answer or to log.
            ReadError::IdleTimeout => return After::Close,
            ReadError::Io(_) if !self.connection.has_read_ahead() => return After::Close,
            ReadError::ClosedEarly | ReadError::Io(_) => (None, AccessRecord::NO_REQUEST),
        };
        let mut account = Account::none();
        if let Some(refusal) = refusal {
            self.count_refusal(refusal);
            let sending = self.error_page(refusal, b"");
            let sent = self.send_sending(Version::Http11, false, &sending, None, Persistence::Close).await;
            account.status = sending.status;
            account.content_type = content_type_of(&sending.fields);
            account.after = if sent.is_ok() { After::Linger } else { After::Close };
        }
        let method = match refusal {
            Some(Refusal::Bad(_)) => method_of(self.connection.read_ahead()),
            _ => Vec::new(),
        };
        let line = Line { method: &method, url, version: None, referer: b"", user_agent: b"", started };
        self.record_line(&line, &account, self.connection.bytes_out() - sent_before);
        account.after
    }

    /// Answers a request with an error page, and says what it came to.
    pub(super) async fn refuse(&mut self, request: &Request, refusal: Refusal, asked: Asked) -> Account {
        self.count_refusal(refusal);
        let persistence = self.persistence_of(request.is_persistent && request.body.is_empty());
        let sending = self.error_page(refusal, request.target.key().as_bytes());
        let is_head = !request.wants_content();
        let sent = self.send_sending(request.version, is_head, &sending, asked.forward, persistence).await;
        Account {
            outcome: Outcome {
                result: asked.result.unwrap_or(refusal.result()),
                collapsed: false,
                ending: ending(&sent),
            },
            status: sending.status,
            hierarchy: asked.hierarchy,
            peer: asked.peer,
            content_type: content_type_of(&sending.fields),
            begun: None,
            fetched: FromOrigin::default(),
            after: self.after(request, persistence, sent.is_ok()),
        }
    }

    /// Answers a CONNECT for which no tunnel could be opened. `peer` is who did not take the connection. The line of the
    /// log has the code and the hierarchy of Squid's, and the size and type of what was sent, which Squid leaves out.
    pub(super) async fn refuse_connect(
        &mut self,
        wanted: &WantedTunnel,
        refusal: Refusal,
        peer: Option<IpAddr>,
    ) -> After {
        self.count_refusal(refusal);
        let sent_before = self.connection.bytes_out();
        let line = wanted.line();
        let sending = self.error_page(refusal, line.url);
        let sent = self.send_sending(wanted.version, false, &sending, None, Persistence::Close).await;
        let result = match refusal {
            Refusal::Denied(_) => ResultCode::Denied,
            _ => ResultCode::None,
        };
        let account = Account {
            outcome: Outcome { result, collapsed: false, ending: ending(&sent) },
            status: sending.status,
            hierarchy: if peer.is_some() { self.hierarchy() } else { Hierarchy::None },
            peer,
            content_type: content_type_of(&sending.fields),
            begun: None,
            fetched: FromOrigin::default(),
            after: if sent.is_ok() { After::Linger } else { After::Close },
        };
        self.record_line(&line, &account, self.connection.bytes_out() - sent_before);
        account.after
    }

    async fn send_sending(
        &mut self,
        version: Version,
        is_head: bool,
        sending: &Sending,
        forward: Option<Forward>,
        persistence: Persistence,
    ) -> io::Result<()> {
        let handling = Handling::Forwarded {
            reason: forward.unwrap_or(Forward::Bypass),
            status: None,
            storing: Storing::NotStored,
            collapsing: Collapsing::Alone,
        };
        let mut head = ReplyHead::begin(&mut self.out, &self.worker.shared);
        head.lines(sending.status, b"", &sending.fields);
        let told = Told { handling, age: None, ttl: None, detail: None };
        head.end(version, &told, Delimited::Length(sending.body.len() as u64), persistence);
        self.send_head_with(if is_head { b"" } else { &sending.body }).await
    }

    fn count_refusal(&self, refusal: Refusal) {
        let metrics = &self.worker.shared.metrics;
        self.worker.metrics().error_pages.increment();
        match refusal {
            Refusal::Denied(denied) => metrics.denied.increment(denied.as_str()),
            Refusal::Bad(reason) => metrics.bad_requests.increment(reason.as_str()),
            Refusal::Target(error) => metrics.bad_requests.increment(error.as_str()),
            Refusal::Method
            | Refusal::NotAbsolute
            | Refusal::Scheme
            | Refusal::Loop
            | Refusal::BadBody
            | Refusal::SlowBody
            | Refusal::TooSlow => metrics.bad_requests.increment(refusal.kind().as_str()),
            // Counted where they happened, or no fault of anybody's.
            Refusal::OnlyIfCached
            | Refusal::Unresolved
            | Refusal::Unreachable
            | Refusal::TimedOut
            | Refusal::BadResponse => {}
        }
    }

    fn error_page(&self, refusal: Refusal, url: &[u8]) -> Sending {
        let shared = &self.worker.shared;
        let page = ErrorPage::new(refusal.kind(), url, Some(refusal.explanation()), &shared.pseudonym);
        let mut fields = Fields::new();
        fields.push("Date", date::format(shared.clock.wall()));
        for (name, value) in page.fields() {
            fields.push(name, value.as_bytes());
        }
        fields.push("Via", &shared.via);
        Sending { status: refusal.status(), fields, body: page.body }
    }
}

/// What was done for a request before it was refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) result: Option<ResultCode>,
    pub(super) hierarchy: Hierarchy,
    pub(super) peer: Option<IpAddr>,
    pub(super) forward: Option<Forward>,
}

impl Asked {
    /// Nothing: nobody was asked.
    pub(super) const NOTHING: Self =
        Self { result: None, hierarchy: Hierarchy::None, peer: None, forward: None };
}

/// The method that bytes which are no request begin with, as far as there is one.
fn method_of(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.iter().take(LOGGED_METHOD_BYTES_MAX).take_while(|&&byte| is_token(&[byte])).count();
    bytes[..length].to_vec()
}

fn content_type_of(fields: &Fields) -> Bytes {
    fields.first("content-type").map_or_else(Bytes::new, Bytes::copy_from_slice)
}
