//! Exchanges with scripted origins over loopback sockets.

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::{Context, Poll};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::IpAddr;

use bytes::Bytes;
use cnn_core::fields::Fields;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::dns::DnsSettings;
use super::*;
use crate::http1::io::ReadError;
use crate::http1::testing::{listen, pair, run, run_with_paused_time};
use crate::http1::{BadMessage, Body, BodyLength, Method};

/// An origin that does what a test says, and the way to it.
struct Script {
    listener: TcpListener,
    origins: Rc<Origins>,
}

impl Script {
    async fn new() -> Self {
        let (listener, _) = listen().await;
        let resolver = Arc::new(Resolver::new(DnsSettings::default()));
        Self {
            listener,
            origins: Origins::new(resolver, Box::new(|_| Ok(())), Settings::default(), Box::new(|_| ())),
        }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().expect("bound").port()
    }

    fn request(&self, method: Method, body: BodyLength) -> Request {
        let lines = match body {
            BodyLength::Length(length) => format!("Content-Length: {length}\r\n"),
            BodyLength::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            _ => String::new(),
        };
        let head = format!("{} / HTTP/1.1\r\nHost: a\r\n{lines}\r\n", method.as_str());
        let origin = Origin::new("127.0.0.1", self.port());
        Request { origin, method, head: head.into(), body, asks_upgrade: false }
    }

    fn get(&self) -> Exchange<NoBody> {
        self.origins.fetch(self.request(Method::Get, BodyLength::None), NoBody)
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.expect("a connection").0
    }
}

/// Reads what was sent up to `end`.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut found = Vec::new();
    while !found.ends_with(end.as_bytes()) {
        found.push(stream.read_u8().await.expect("more"));
    }
    String::from_utf8(found).expect("text")
}

async fn answer(stream: &mut TcpStream, answer: &str) -> String {
    let request = read_until(stream, "\r\n\r\n").await;
    stream.write_all(answer.as_bytes()).await.expect("sent");
    request
}

/// The status and the content of a response.
async fn read<B: BodySource>(exchange: &mut Exchange<B>) -> Result<(u16, String), FetchError> {
    let mut head = exchange.head().await?;
    while head.status < 200 {
        head = exchange.head().await?;
    }
    let mut content = Vec::new();
    while let Some(piece) = exchange.next_piece().await? {
        content.extend_from_slice(&piece);
    }
    Ok((head.status, String::from_utf8(content).expect("text")))
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A body that comes in these pieces, each when it is asked for; none means it is not there yet.
struct Pieces(VecDeque<Option<&'static str>>);

impl Pieces {
    fn new(pieces: &[Option<&'static str>]) -> Self {
        Self(pieces.iter().copied().collect())
    }
}

impl BodySource for Pieces {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        match self.0.pop_front() {
            Some(Some("fail")) => Poll::Ready(Err(ReadError::ClosedEarly)),
            Some(Some("stall")) => {
                self.0.push_front(Some("stall"));
                Poll::Pending
            }
            Some(Some(piece)) => Poll::Ready(Ok(Some(piece.into()))),
            Some(None) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(Ok(None)),
        }
    }

    fn trailers(&self) -> Option<&Fields> {
        None
    }
}

#[test]
fn what_exchanges_took_is_told_however_they_end() {
    run(async {
        let (listener, _) = listen().await;
        let told = Rc::new(RefCell::new(Vec::new()));
        let telling = Rc::clone(&told);
        let witness: Witness = Box::new(move |happening| {
            telling.borrow_mut().push(match happening {
                Happening::Connected => "connected".to_owned(),
                Happening::Exchanged(Report { is_reused, bytes_in, .. }) => format!("{bytes_in} {is_reused}"),
                Happening::Failed(reason) => reason.to_owned(),
            });
        });
        let resolver = Arc::new(Resolver::new(DnsSettings::default()));
        let origins = Origins::new(resolver, Box::new(|_| Ok(())), Settings::default(), witness);
        let script = Script { listener, origins };
        let serve = async {
            let mut stream = script.accept().await;
            answer(&mut stream, OK).await;
            // The second answer is cut off, the third is not waited for.
            answer(&mut stream, &OK[..OK.len() - 1]).await;
            drop(stream);
            let mut stream = script.accept().await;
            read_until(&mut stream, "\r\n\r\n").await;
            stream.write_all(&OK.as_bytes()[..OK.len() - 5]).await.expect("sent");
            stream
        };
        let ask = async {
            read(&mut script.get()).await.expect("a response");
            read(&mut script.get()).await.expect_err("cut off");
            script.get().head().await.expect("a head");
        };
        tokio::join!(serve, ask);
        let whole = OK.len();
        let expected = [
            "connected".to_owned(),
            format!("{whole} false"),
            "origin closed early".to_owned(),
            format!("{} true", whole - 1),
            "connected".to_owned(),
            format!("{} false", whole - 5),
        ];
        assert_eq!(*told.borrow(), expected);
    });
}

#[test]
fn a_response_is_fetched_and_its_connection_used_again() {
    run(async {
        let script = Script::new().await;
        let serve = async {
            let mut stream = script.accept().await;
            assert_eq!(answer(&mut stream, OK).await, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            answer(
                &mut stream,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nagain\r\n0\r\n\r\n",
            )
            .await;
            answer(&mut stream, "HTTP/1.1 304 Not Modified\r\nETag: a\r\n\r\n").await;
            answer(&mut stream, "HTTP/1.0 200 OK\r\n\r\nto the end").await;
        };
        let fetch = async {
            let mut exchange = script.get();
            assert_eq!(read(&mut exchange).await.expect("read"), (200, "hello".into()));
            let report = exchange.report();
            assert_eq!((report.bytes_out, report.bytes_in), (27, OK.len() as u64));
            assert_eq!(report.peer, script.listener.local_addr().ok());
            assert!(!report.is_reused && report.timings.head >= report.timings.connect);
            for (status, content) in [(200, "again"), (304, ""), (200, "to the end")] {
                assert_eq!(script.origins.idle_connections(), 1);
                let mut exchange = script.get();
                assert_eq!(read(&mut exchange).await.expect("read"), (status, content.into()));
                assert!(exchange.report().is_reused);
            }
            assert_eq!(script.origins.idle_connections(), 0);
        };
        tokio::join!(serve, fetch);
    });
}

#[test]
fn a_response_without_body_frees_its_connection_at_once() {
    run(async {
        let script = Script::new().await;
        let serve = async { answer(&mut script.accept().await, "HTTP/1.1 204 No Content\r\n\r\n").await };
        let fetch = async {
            let mut exchange = script.get();
            assert_eq!(exchange.head().await.expect("a head").status, 204);
            assert_eq!(script.origins.idle_connections(), 1);
        };
        tokio::join!(serve, fetch);
    });
}

#[test]
fn a_connection_is_not_used_again_when_somebody_says_so() {
    run(async {
        for response in [
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nunasked",
        ] {
            let script = Script::new().await;
            let serve = async { answer(&mut script.accept().await, response).await };
            let fetch = async { read(&mut script.get()).await.expect("read") };
            tokio::join!(serve, fetch);
            assert_eq!(script.origins.idle_connections(), 0, "{response}");
        }
    });
}

#[test]
fn an_exchange_that_is_given_up_closes_its_connection() {
    run(async {
        let script = Script::new().await;
        let serve = async {
            let mut stream = script.accept().await;
            answer(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
            assert_eq!(stream.read(&mut [0]).await.expect("closed"), 0);
        };
        let fetch = async {
            let mut exchange = script.get();
            exchange.head().await.expect("a head");
            assert_eq!(exchange.next_piece().await.expect("read"), Some("abc".into()));
            drop(exchange);
        };
        tokio::join!(serve, fetch);
        assert_eq!(script.origins.idle_connections(), 0);
    });
}

#[track_caller]
fn check_failure(response: &'static str, expected: &str) {
    run(async move {
        let script = Script::new().await;
        let serve = async {
            let mut stream = script.accept().await;
            answer(&mut stream, response).await;
        };
        let fetch = async { read(&mut script.get()).await.map_err(|error| error.as_str()) };
        let ((), outcome) = tokio::join!(serve, fetch);
        assert_eq!(outcome, Err(expected), "{response}");
        assert_eq!(script.origins.idle_connections(), 0);
    });
}

#[test]
fn truncated_responses_are_failures() {
    check_failure("", "origin closed early");
    check_failure("HTTP/1.1 200 OK\r\nContent-", "origin closed early");
    check_failure("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "origin closed early");
    check_failure(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "origin closed early",
    );
    check_failure(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "origin closed early",
    );
}

#[test]
fn malformed_responses_are_failures() {
    check_failure("hello", BadMessage::StartLine.as_str());
    check_failure("HTTP/1.1 200 OK\nA: b\r\n\r\n", BadMessage::BareLineFeed.as_str());
    check_failure(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        BadMessage::LengthAndCoding.as_str(),
    );
    check_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", BadMessage::ChunkSize.as_str());
    check_failure("HTTP/1.1 101 Switching\r\n\r\nraw", BadMessage::Upgrade.as_str());
    const ENDLESS: &str = concat!(
        "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\n",
        "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\n",
        "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\n",
        "HTTP/1.1 103 A\r\n\r\nHTTP/1.1 103 A\r\n\r\n",
    );
    check_failure(ENDLESS, BadMessage::InterimResponses.as_str());
}

/// One exchange that leaves a kept connection, which the origin then closes without an answer to the next request.
async fn close_unanswered(script: &Script) {
    let mut stream = script.accept().await;
    answer(&mut stream, OK).await;
    read_until(&mut stream, "\r\n\r\n").await;
}

#[test]
fn a_request_that_dies_on_a_kept_connection_is_sent_again() {
    run(async {
        let script = Script::new().await;
        let serve = async {
            close_unanswered(&script).await;
            answer(&mut script.accept().await, OK).await
        };
        let fetch = async {
            read(&mut script.get()).await.expect("read");
            let mut exchange = script.get();
            assert_eq!(read(&mut exchange).await.expect("read"), (200, "hello".into()));
            assert!(!exchange.report().is_reused);
        };
        tokio::join!(serve, fetch);
    });
}

#[test]
fn a_request_that_must_not_be_sent_twice_is_not() {
    run(async {
        for (method, body) in [(Method::Post, BodyLength::None), (Method::Put, BodyLength::Length(5))] {
            let script = Script::new().await;
            let fetch = async {
                read(&mut script.get()).await.expect("read");
                let pieces = Pieces::new(&[Some("hello")]);
                let mut exchange = script.origins.fetch(script.request(method.clone(), body), pieces);
                let outcome = read(&mut exchange).await;
                assert!(matches!(outcome, Err(FetchError::ClosedEarly | FetchError::Io(_))), "{outcome:?}");
                assert!(exchange.report().is_reused);
            };
            tokio::join!(close_unanswered(&script), fetch);
        }
    });
}

const TIRED: &str = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

#[test]
fn an_origin_that_was_done_waiting_on_a_kept_connection_is_asked_again() {
    run(async {
        for method in [Method::Get, Method::Post] {
            let script = Script::new().await;
            let serve = async {
                let mut kept = script.accept().await;
                answer(&mut kept, OK).await;
                answer(&mut kept, TIRED).await;
                answer(&mut script.accept().await, OK).await;
            };
            let fetch = async {
                read(&mut script.get()).await.expect("read");
                let request = script.request(method, BodyLength::None);
                let mut exchange = script.origins.fetch(request, NoBody);
                assert_eq!(read(&mut exchange).await.expect("read"), (200, "hello".into()));
                assert!(!exchange.report().is_reused);
            };
            tokio::join!(serve, fetch);
        }
    });
}

#[test]
fn a_408_that_is_meant_for_the_request_is_passed_on() {
    run(async {
        // On a fresh connection; after content was taken; and where the origin keeps the connection.
        let kept = TIRED.replace("close", "keep-alive");
        for (is_reused, body, tired) in [
            (false, BodyLength::None, TIRED),
            (true, BodyLength::Length(5), TIRED),
            (true, BodyLength::None, &kept),
        ] {
            let script = Script::new().await;
            let serve = async {
                let mut stream = script.accept().await;
                if is_reused {
                    answer(&mut stream, OK).await;
                }
                answer(&mut stream, tired).await;
                stream
            };
            let fetch = async {
                if is_reused {
                    read(&mut script.get()).await.expect("read");
                }
                let pieces = Pieces::new(if body.is_empty() { &[] } else { &[Some("hello")] });
                let mut exchange = script.origins.fetch(script.request(Method::Post, body), pieces);
                assert_eq!(read(&mut exchange).await.expect("read"), (408, String::new()));
            };
            tokio::join!(serve, fetch);
        }
    });
}

#[test]
fn a_request_that_must_not_be_sent_twice_takes_no_connection_that_was_idle_for_long() {
    run_with_paused_time(async {
        let script = Script::new().await;
        let serve = async {
            let mut kept = script.accept().await;
            answer(&mut kept, OK).await;
            answer(&mut script.accept().await, OK).await;
        };
        let fetch = async {
            read(&mut script.get()).await.expect("read");
            tokio::time::advance(Duration::from_secs(2)).await;
            let mut exchange = script.origins.fetch(script.request(Method::Post, BodyLength::None), NoBody);
            read(&mut exchange).await.expect("read");
            assert!(!exchange.report().is_reused);
        };
        tokio::join!(serve, fetch);
    });
}

#[test]
fn bodies_are_sent_as_they_come() {
    run(async {
        for (length, expected) in [
            (BodyLength::Length(10), "helloworld"),
            (BodyLength::Chunked, "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"),
        ] {
            let script = Script::new().await;
            let serve = async {
                let mut stream = script.accept().await;
                read_until(&mut stream, "\r\n\r\n").await;
                assert_eq!(read_until(&mut stream, &expected[expected.len() - 5..]).await, expected);
                stream.write_all(OK.as_bytes()).await.expect("sent");
            };
            let fetch = async {
                let pieces = Pieces::new(&[None, Some("hello"), None, None, Some("world"), None]);
                let mut exchange = script.origins.fetch(script.request(Method::Post, length), pieces);
                assert_eq!(read(&mut exchange).await.expect("read"), (200, "hello".into()));
                assert!(exchange.is_upload_done());
            };
            tokio::join!(serve, fetch);
            assert_eq!(script.origins.idle_connections(), 1);
        }
    });
}

#[test]
fn a_clients_body_and_trailers_are_passed_on() {
    run(async {
        let script = Script::new().await;
        let (mut ours, mut theirs) = pair().await;
        let serve = async {
            let mut stream = script.accept().await;
            read_until(&mut stream, "\r\n\r\n").await;
            assert_eq!(read_until(&mut stream, "\r\n\r\n").await, "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n");
            stream.write_all(OK.as_bytes()).await.expect("sent");
        };
        let send = theirs.write_all(b"5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\nGET");
        let fetch = async {
            let mut body = Body::new(BodyLength::Chunked);
            let (reading, mut writing) = ours.split();
            let source = ClientBody { reading, body: &mut body };
            let mut exchange =
                script.origins.fetch(script.request(Method::Post, BodyLength::Chunked), source);
            exchange.head().await.expect("a head");
            while let Some(piece) = exchange.next_piece().await.expect("read") {
                writing.all(&mut [IoSlice::new(&piece)], Duration::from_secs(9)).await.expect("written");
            }
            drop(exchange);
            assert!(ours.has_read_ahead());
        };
        let ((), sent, ()) = tokio::join!(serve, send, fetch);
        sent.expect("sent");
        let mut found = [0; 5];
        theirs.read_exact(&mut found).await.expect("read");
        assert_eq!(&found, b"hello");
    });
}

#[test]
fn an_early_answer_comes_through_and_ends_the_connection() {
    run(async {
        let script = Script::new().await;
        let serve = async {
            let mut stream = script.accept().await;
            answer(&mut stream, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await;
            stream
        };
        let fetch = async {
            let pieces = Pieces::new(&[Some("hello"), Some("stall")]);
            let mut exchange =
                script.origins.fetch(script.request(Method::Post, BodyLength::Chunked), pieces);
            assert_eq!(read(&mut exchange).await.expect("read"), (413, "no".into()));
            assert!(!exchange.is_upload_done());
        };
        let (_stream, ()) = tokio::join!(serve, fetch);
        assert_eq!(script.origins.idle_connections(), 0);
    });
}

#[test]
fn an_early_answer_is_read_even_if_the_origin_hangs_up_on_the_body() {
    run(async {
        let script = Script::new().await;
        let serve = async {
            let mut stream = script.accept().await;
            answer(&mut stream, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await;
            read_until(&mut stream, "!").await;
        };
        let fetch = async {
            let large = "!".repeat(10_000_000).leak();
            let pieces = Pieces::new(&[Some(large), Some(large)]);
            let mut exchange =
                script.origins.fetch(script.request(Method::Post, BodyLength::Chunked), pieces);
            assert_eq!(read(&mut exchange).await.expect("read"), (413, "no".into()));
            assert!(!exchange.is_upload_done());
        };
        tokio::join!(serve, fetch);
        assert_eq!(script.origins.idle_connections(), 0);
    });
}

#[test]
fn a_response_may_come_while_the_body_is_still_sent() {
    run(async {
        let script = Script::new().await;
        let serve = async {
            let mut stream = script.accept().await;
            answer(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await;
            for word in ["hello", "world"] {
                assert_eq!(read_until(&mut stream, word).await, word);
                stream.write_all(word.as_bytes()).await.expect("sent");
            }
        };
        let fetch = async {
            let pieces = Pieces::new(&[Some("hello"), None, None, Some("world")]);
            let mut exchange =
                script.origins.fetch(script.request(Method::Post, BodyLength::Length(10)), pieces);
            assert_eq!(read(&mut exchange).await.expect("read"), (200, "helloworld".into()));
            assert!(exchange.is_upload_done());
        };
        tokio::join!(serve, fetch);
        assert_eq!(script.origins.idle_connections(), 1);
    });
}

#[test]
fn interim_responses_come_before_the_final_one() {
    run(async {
        let script = Script::new().await;
        let serve = async {
            let mut stream = script.accept().await;
            answer(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
            assert_eq!(read_until(&mut stream, "hello").await, "hello");
            let rest =
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(rest.as_bytes()).await.expect("sent");
        };
        let fetch = async {
            let pieces = Pieces::new(&[None, None, Some("hello")]);
            let mut exchange =
                script.origins.fetch(script.request(Method::Post, BodyLength::Length(5)), pieces);
            let mut statuses = Vec::new();
            while statuses.last().is_none_or(|status| *status < 200) {
                statuses.push(exchange.head().await.expect("a head").status);
            }
            assert_eq!(statuses, [100, 103, 200]);
        };
        tokio::join!(serve, fetch);
        assert_eq!(script.origins.idle_connections(), 1);
    });
}

#[test]
fn an_upgrade_that_was_asked_for_hands_over_the_connection() {
    run(async {
        let script = Script::new().await;
        let serve = async {
            let mut stream = script.accept().await;
            answer(&mut stream, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nraw").await;
            assert_eq!(read_until(&mut stream, "pong").await, "pong");
        };
        let fetch = async {
            let request = Request { asks_upgrade: true, ..script.request(Method::Get, BodyLength::None) };
            let mut exchange = script.origins.fetch(request, NoBody);
            assert_eq!(exchange.head().await.expect("a head").status, 101);
            let (mut stream, read_ahead) = exchange.upgraded().expect("upgraded");
            let mut found = read_ahead.to_vec();
            while found.len() < 3 {
                found.push(stream.read_u8().await.expect("more"));
            }
            assert_eq!(found, b"raw");
            stream.write_all(b"pong").await.expect("sent");
        };
        tokio::join!(serve, fetch);
        assert_eq!(script.origins.idle_connections(), 0);
    });
}

#[test]
fn without_a_101_there_is_no_raw_connection() {
    run(async {
        let script = Script::new().await;
        let serve = async { answer(&mut script.accept().await, OK).await };
        let fetch = async {
            let request = Request { asks_upgrade: true, ..script.request(Method::Get, BodyLength::None) };
            let mut exchange = script.origins.fetch(request, NoBody);
            assert_eq!(exchange.head().await.expect("a head").status, 200);
            assert!(exchange.upgraded().is_none());
        };
        tokio::join!(serve, fetch);
    });
}

#[test]
fn each_phase_has_its_deadline() {
    run_with_paused_time(async {
        let silent = "";
        let stalled = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
        for (response, pieces, phase) in [
            (silent, &[Some("hello")], Phase::Head),
            ("HTTP/1.1 200", &[Some("hello")], Phase::Head),
            (stalled, &[Some("hello")], Phase::Body),
            (silent, &[Some("stall")], Phase::Upload),
        ] {
            let script = Script::new().await;
            let serve = async {
                let mut stream = script.accept().await;
                answer(&mut stream, response).await;
                stream
            };
            let fetch = async {
                let start = tokio::time::Instant::now();
                let request = script.request(Method::Post, BodyLength::Length(5));
                let outcome = read(&mut script.origins.fetch(request, Pieces::new(pieces))).await;
                assert!(
                    matches!(outcome, Err(FetchError::TimedOut(found)) if found == phase),
                    "{phase:?}: {outcome:?}"
                );
                assert!((120..130).contains(&start.elapsed().as_secs()), "{phase:?}: {:?}", start.elapsed());
            };
            tokio::join!(serve, fetch);
        }
    });
}

/// A body that comes in pieces of that many bytes, one each second, without end.
struct Dripping(usize, tokio::time::Interval);

impl Dripping {
    fn new(bytes: usize) -> Self {
        Self(bytes, tokio::time::interval(Duration::from_secs(1)))
    }
}

impl BodySource for Dripping {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        self.1.poll_tick(cx).map(|_| Ok(Some(vec![b'x'; self.0].into())))
    }

    fn trailers(&self) -> Option<&Fields> {
        None
    }
}

#[test]
fn a_body_that_only_drips_is_not_waited_for() {
    run_with_paused_time(async {
        let settings = Settings { upload_bytes_min: 200, ..Settings::default() };
        for (bytes, length, is_whole) in
            [(1, 600, false), (2, 600, true), (1, 100, true), (200, 60_000, true)]
        {
            let script = Script::new().await;
            script.origins.set_settings(settings);
            let serve = async {
                let mut stream = script.accept().await;
                read_until(&mut stream, "\r\n\r\n").await;
                let mut body = vec![0; length];
                if stream.read_exact(&mut body).await.is_ok() {
                    stream.write_all(OK.as_bytes()).await.expect("sent");
                }
            };
            let fetch = async {
                let start = tokio::time::Instant::now();
                let request = script.request(Method::Post, BodyLength::Length(length as u64));
                let outcome = read(&mut script.origins.fetch(request, Dripping::new(bytes))).await;
                match outcome {
                    Ok(_) => assert!(is_whole, "{bytes}"),
                    Err(FetchError::TimedOut(Phase::Upload)) => {
                        assert!(!is_whole, "{bytes} after {:?}", start.elapsed());
                        assert_eq!(start.elapsed().as_secs(), 120);
                    }
                    Err(error) => panic!("{bytes}: {error}"),
                }
            };
            tokio::join!(serve, fetch);
        }
    });
}

#[test]
fn a_client_that_fails_is_told_from_an_origin_that_fails() {
    run(async {
        let script = Script::new().await;
        let serve = async { read_until(&mut script.accept().await, "\r\n\r\n").await };
        let fetch = async {
            let pieces = Pieces::new(&[None, None, Some("fail")]);
            let request = script.request(Method::Post, BodyLength::Length(10));
            let error = read(&mut script.origins.fetch(request, pieces)).await.expect_err("no body");
            assert!(matches!(error, FetchError::Upload(ReadError::ClosedEarly)));
            assert_eq!(error.status(), 400);
        };
        tokio::join!(serve, fetch);
    });
}

#[test]
fn destinations_are_checked_by_address_however_they_are_spelt() {
    run(async {
        let (listener, address) = listen().await;
        let port = address.port();
        let check: Check = Box::new(|address| match address.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => Err(Denied::Loopback),
            IpAddr::V6(ip) if ip.to_canonical().is_loopback() => Err(Denied::Loopback),
            _ => Ok(()),
        });
        let resolver = Arc::new(Resolver::new(DnsSettings::default()));
        let origins = Origins::new(resolver, check, Settings::default(), Box::new(|_| ()));
        for host in
            ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "017700000001", "localhost"]
        {
            let error = origins.connect(&Origin::new(host, port)).await.expect_err("denied");
            assert!(matches!(error, FetchError::Denied { reason: Denied::Loopback, .. }), "{host}: {error}");
            assert_eq!(error.status(), 403);
        }
        assert!(poll_fn(|cx| Poll::Ready(listener.poll_accept(cx).is_pending())).await);
    });
}

#[test]
fn an_origin_is_written_as_in_a_uri() {
    let check = |host, port, expected: &str| assert_eq!(Origin::new(host, port).to_string(), expected);
    check("Example.COM", 80, "example.com:80");
    check("[2001:DB8::1]", 8080, "[2001:db8::1]:8080");
    check("2001:db8::1", 80, "[2001:db8::1]:80");
    assert_eq!(Origin::new("[::1]", 80).host(), "::1");
}

#[test]
fn tending_closes_connections_that_are_of_no_use() {
    run_with_paused_time(async {
        let script = Script::new().await;
        let serve = async { answer(&mut script.accept().await, OK).await };
        let (_, outcome) = tokio::join!(serve, async { read(&mut script.get()).await });
        outcome.expect("read");
        assert_eq!(script.origins.idle_connections(), 1);
        let tend = tokio::time::timeout(Duration::from_secs(5), Rc::clone(&script.origins).tend());
        assert!(tend.await.is_err());
        assert_eq!(script.origins.idle_connections(), 0);
    });
}
