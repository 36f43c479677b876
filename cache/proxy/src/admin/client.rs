//! The other end of the admin socket: asks one thing, waits for the answer. Used by the verbs of the executable, which
//! know neither HTTP nor sockets.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime;
use tokio::time::timeout;

use super::command::{Command, Effect};
use super::limits::{REPLY_BYTES_MAX, REPLY_DEADLINE};
use super::reply::Refusal;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody answers.
    #[error("cannot reach the admin socket {path}: {source}; is `cnn serve` running?", path = path.display())]
    Unreachable {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The proxy says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection broke, or what came was too long.
    #[error("the admin socket broke off: {0}")]
    Broken(String),
    /// Nothing came in time.
    #[error("the proxy did not answer within {} s", REPLY_DEADLINE.as_secs())]
    TooLate,
    /// What came is not what this version understands.
    #[error("the reply is not understood (is `cnn serve` another version?): {0}")]
    NotUnderstood(#[from] serde_json::Error),
}

impl AskError {
    /// Whether the same may do later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.fault.is_temporary(),
            Self::TooLate => true,
            Self::Unreachable { .. } | Self::Broken(_) | Self::NotUnderstood(_) => false,
        }
    }
}

/// A client of one admin socket; each question is a connection of its own.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    runtime: runtime::Runtime,
}

impl Client {
    /// A client of the socket at `path`; nothing is sent yet.
    ///
    /// # Errors
    /// When the system gives no event loop.
    pub fn new(path: &Path) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Self { path: path.to_owned(), runtime })
    }

    /// Asks, and gives the reply's JSON as it came.
    ///
    /// # Errors
    /// When there is no reply, or the reply is a refusal.
    pub fn ask(&self, command: &Command, arguments: &[(&str, &str)]) -> Result<String, AskError> {
        let (uri, body) = request(command, arguments);
        let asking = async { timeout(REPLY_DEADLINE, self.exchange(command, uri, body)).await };
        let (is_done, body) = self.runtime.block_on(asking).map_err(|_| AskError::TooLate)??;
        match is_done {
            true => String::from_utf8(body).map_err(|error| AskError::Broken(error.to_string())),
            false => Err(AskError::Refused(serde_json::from_slice(&body)?)),
        }
    }

    /// Asks, and reads the reply.
    ///
    /// # Errors
    /// As [`Client::ask`], and when the reply is not a `T`.
    pub fn ask_for<T: DeserializeOwned>(
        &self,
        command: &Command,
        arguments: &[(&str, &str)],
    ) -> Result<T, AskError> {
        Ok(serde_json::from_str(&self.ask(command, arguments)?)?)
    }

    /// Whether the command was done, and the body of the reply.
    async fn exchange(
        &self,
        command: &Command,
        uri: String,
        body: Bytes,
    ) -> Result<(bool, Vec<u8>), AskError> {
        let unreachable = |source| AskError::Unreachable { path: self.path.clone(), source };
        let stream = UnixStream::connect(&self.path).await.map_err(unreachable)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let request = Request::builder()
            .method(command.effect.method())
            .uri(uri)
            .header(header::HOST, "cnn")
            .body(Full::new(body))
            .map_err(broken)?;
        let talking = async {
            let response = sender.send_request(request).await.map_err(broken)?;
            let is_done = response.status().is_success();
            let body = Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await.map_err(broken)?;
            Ok((is_done, body.to_bytes().into()))
        };
        // The connection is driven beside the exchange; its own errors come out of the exchange too.
        let driving = async {
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            talked = talking => talked,
            () = driving => unreachable!("never ready"),
        }
    }
}

fn broken(error: impl std::fmt::Display) -> AskError {
    AskError::Broken(error.to_string())
}

/// The arguments in their places: path and query of what is only read, path and a JSON body of what changes something,
/// because a script does not fit into a URL.
fn request(command: &Command, arguments: &[(&str, &str)]) -> (String, Bytes) {
    let mut uri = command.path.to_owned();
    let mut body = serde_json::Map::new();
    let mut separator = '?';
    for (name, value) in arguments {
        let is_in_path = command.argument(name).is_some_and(|argument| command.is_in_path(argument));
        if is_in_path {
            let encoded = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            uri = uri.replace(&format!("{{{name}}}"), &encoded.to_string());
        } else if command.effect == Effect::Changes {
            body.insert((*name).to_owned(), (*value).into());
        } else {
            let encoded: String = byte_serialize(value.as_bytes()).collect();
            let _ = write!(uri, "{separator}{name}={encoded}");
            separator = '&';
        }
    }
    let body = if body.is_empty() { String::new() } else { serde_json::Value::Object(body).to_string() };
    (uri, body.into())
}
