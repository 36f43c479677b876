//! The listener for Prometheus and for whoever asks whether the proxy is alive: `/metrics`, `/livez` (`/-/healthy`) and
//! `/readyz` (`/-/ready`), on a thread of its own, so that a scrape takes no time from a worker.
//!
//! Not here: anything that changes the proxy. Whoever can connect may read; the address says who can.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// Sizes and times of this listener.
mod limits {
    use std::time::Duration;

    /// Connections at once; Prometheus, an orchestrator and a person make three.
    pub(super) const CONNECTIONS_MAX: usize = 32;
    /// To receive a request's header, and between two requests.
    pub(super) const HEAD_DEADLINE: Duration = Duration::from_secs(60);
    /// A connection stays no longer, so that one that does not read its answer gives its place back.
    pub(super) const CONNECTION_DEADLINE: Duration = Duration::from_secs(600);
    /// Bytes of a request's header; hyper takes no smaller buffer than 8 KiB.
    pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;
    /// After an error of `accept`, which is mostly a lack of file descriptors.
    pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
}

/// What is asked of the proxy here.
pub trait Probe: Send + Sync + 'static {
    /// The page for Prometheus.
    fn metrics(&self) -> String;

    /// Whether new clients should be sent here, or why not: starting, stopping.
    fn ready(&self) -> Result<(), &'static str>;
}

/// The listener being served. Dropping it stops it.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl MetricsServer {
    /// Starts to serve a bound listener; it answers at once.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(listener: StdListener, probe: Arc<dyn Probe>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (stop, stopping) = watch::channel(false);
        let thread = thread::Builder::new().name("cnn-metrics".to_owned()).spawn(move || {
            runtime.block_on(serve(listener, probe, stopping));
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there was told by its own message.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: StdListener, probe: Arc<dyn Probe>, mut stopping: watch::Receiver<bool>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            _ = stopping.wait_for(|&stop| stop) => return,
            accepted = accepted => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            continue;
        };
        let probe = probe.clone();
        tokio::spawn(async move {
            let _ = timeout(limits::CONNECTION_DEADLINE, connection(stream, probe)).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, probe: Arc<dyn Probe>) {
    let service = service_fn(move |request| {
        let response = respond(&*probe, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    // Whatever goes wrong on such a connection concerns its client alone.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_DEADLINE)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn respond(probe: &dyn Probe, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".to_owned());
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => text(StatusCode::OK, probe.metrics()),
        "/livez" | "/-/healthy" => text(StatusCode::OK, "alive\n".to_owned()),
        "/readyz" | "/-/ready" => match probe.ready() {
            Ok(()) => text(StatusCode::OK, "ready\n".to_owned()),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
        },
        "/" => text(StatusCode::OK, "/metrics\n/livez\n/readyz\n".to_owned()),
        _ => text(StatusCode::NOT_FOUND, "there are /metrics, /livez and /readyz\n".to_owned()),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream as StdStream;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;

    #[derive(Default)]
    struct Fake {
        ready: AtomicBool,
    }

    impl Probe for Fake {
        fn metrics(&self) -> String {
            "cnn_hits_total 1\n".to_owned()
        }

        fn ready(&self) -> Result<(), &'static str> {
            if self.ready.load(Relaxed) { Ok(()) } else { Err("stopping") }
        }
    }

    fn start(ready: bool) -> MetricsServer {
        let listener = StdListener::bind(("127.0.0.1", 0)).unwrap();
        let probe = Fake { ready: ready.into() };
        MetricsServer::start(listener, Arc::new(probe)).unwrap()
    }

    fn ask(server: &MetricsServer, request: &str) -> String {
        let mut stream = StdStream::connect(server.address()).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The answer to a request has this status and ends like this.
    fn check(ready: bool, request: &str, status: u16, end: &str) {
        let answer = ask(&start(ready), request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.ends_with(end), "{answer}");
    }

    #[test]
    fn metrics_and_probes_are_answered() {
        check(true, "GET /metrics", 200, "\r\n\r\ncnn_hits_total 1\n");
        check(true, "GET /livez", 200, "alive\n");
        check(true, "GET /-/healthy", 200, "alive\n");
        check(true, "GET /readyz", 200, "ready\n");
        check(true, "HEAD /metrics", 200, "\r\n\r\n");
    }

    #[test]
    fn a_proxy_that_stops_is_alive_but_not_ready() {
        check(false, "GET /livez", 200, "alive\n");
        check(false, "GET /readyz", 503, "not ready: stopping\n");
    }

    #[test]
    fn nothing_else_is_here() {
        check(true, "GET /status", 404, "there are /metrics, /livez and /readyz\n");
        check(true, "POST /metrics", 405, "only GET and HEAD\n");
    }

    #[test]
    fn it_stops_when_dropped() {
        let server = start(true);
        let address = server.address();
        let _idle = StdStream::connect(address).unwrap();
        drop(server);
        assert!(StdStream::connect(address).is_err());
    }
}
