//! Serves the admin socket: hyper on a thread and a runtime of its own, so that no command ever takes time from a
//! worker, and commands on threads behind it, so that one that hangs does not keep the others from telling why.

use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::audit::Peer;
use super::control::Control;
use super::handler::{Answer, Asked, answer};
use super::limits::*;
use super::reply::{Fault, Refusal};
use super::socket::Socket;
use crate::report;

/// The admin socket being served. Dropping it stops it: replies under way are given a second.
#[derive(Debug)]
pub struct AdminServer {
    stop: watch::Sender<bool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl AdminServer {
    /// Starts to serve; the socket answers at once.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(socket: Socket, control: Arc<dyn Control>) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(COMMANDS_MAX)
            .thread_name("cnn-command")
            .build()?;
        let (stop, stopping) = watch::channel(false);
        let (listener, file) = socket.into_parts();
        listener.set_nonblocking(true)?;
        let thread = thread::Builder::new().name("cnn-admin".into()).spawn(move || {
            if let Err(error) = runtime.block_on(serve(listener, control, stopping)) {
                report::error(format_args!("cannot serve the admin socket: {error}"));
            }
            drop(file);
            runtime.shutdown_timeout(STOP_DEADLINE);
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: StdListener,
    control: Arc<dyn Control>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Some((stream, place)) = next_connection(&listener, &places, &mut stopping).await {
        let (control, stopping) = (control.clone(), stopping.clone());
        tokio::spawn(async move {
            let _ = timeout(CONNECTION_DEADLINE, connection(stream, control, stopping)).await;
            drop(place);
        });
    }
    drop(listener);
    let everybody_left = places.acquire_many(CONNECTIONS_MAX as u32);
    let _ = timeout(STOP_DEADLINE, everybody_left).await;
    Ok(())
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// The next client, as soon as there is a place for it; nothing when it is time to stop.
async fn next_connection(
    listener: &UnixListener,
    places: &Arc<Semaphore>,
    stopping: &mut watch::Receiver<bool>,
) -> Option<(UnixStream, Place)> {
    let accepted = async {
        let place = places.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((stream, place)),
                // Out of descriptors, or the client gave up: neither ends the socket, and neither may spin.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    };
    tokio::select! {
        biased;
        _ = stopping.wait_for(|&stop| stop) => None,
        accepted = accepted => accepted,
    }
}

async fn connection(stream: UnixStream, control: Arc<dyn Control>, mut stopping: watch::Receiver<bool>) {
    let peer = stream.peer_cred().map(|peer| Peer { uid: peer.uid(), pid: peer.pid() }).unwrap_or_default();
    let service = service_fn(move |request| {
        let control = control.clone();
        async move { Ok::<_, Infallible>(respond(control, request, peer).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(2 * HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = stopping.wait_for(|&stop| stop) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

async fn respond(control: Arc<dyn Control>, request: Request<Incoming>, peer: Peer) -> Response<Full<Bytes>> {
    match read(request, peer).await {
        Ok(asked) => response(command(control, asked).await),
        Err(refusal) => {
            // Bytes of a body that was not read would be taken for the next request.
            let mut response = response(Answer::refused(&refusal));
            response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            response
        }
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.json));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    if let Some(Ok(allow)) = answer.allow.map(|method| header::HeaderValue::from_str(method.as_str())) {
        headers.insert(header::ALLOW, allow);
    }
    response
}

async fn read(request: Request<Incoming>, peer: Peer) -> Result<Asked, Refusal> {
    let (head, body) = request.into_parts();
    let body = match timeout(BODY_DEADLINE, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => body.to_bytes().into(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let error = format!("the body is longer than {BODY_BYTES_MAX} bytes");
            return Err(Refusal::new(Fault::TooLarge, error));
        }
        Ok(Err(error)) => return Err(Refusal::bad_request(format!("the body cannot be read: {error}"))),
        Err(_) => return Err(Refusal::bad_request("the body did not come in time")),
    };
    let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
    Ok(Asked { method: head.method, path, query, body, peer })
}

/// Carries a command out on a thread of its own. One that takes too long is not cut off, and its audit line is
/// written when it is done, whether its client still waits or not.
async fn command(control: Arc<dyn Control>, asked: Asked) -> Answer {
    let done = tokio::task::spawn_blocking(move || {
        let answer = answer(&*control, &asked);
        if let Some(line) = &answer.audit {
            report::info(format_args!("{line}"));
        }
        answer
    });
    let refusal = match timeout(COMMAND_DEADLINE, done).await {
        Ok(Ok(answer)) => return answer,
        Ok(Err(_)) => Refusal::new(Fault::Failed, "the command failed; nothing more is known"),
        Err(_) => Refusal::new(Fault::Busy, "the command is still being carried out; look again later"),
    };
    Answer::refused(&refusal)
}

#[cfg(test)]
mod tests;
