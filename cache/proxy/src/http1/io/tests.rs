//! Connections over real sockets on the loopback: deadlines, partial writes, half-closes and what buffers hold.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::http1::BodyLength;
use crate::http1::testing::{pair, run, run_with_paused_time};
use crate::limits::{BODY_BLOCK_BYTES, HEAD_BLOCK_BYTES};

const LONG: Duration = Duration::from_secs(60);

async fn request(connection: &mut Connection) -> Result<Option<String>, ReadError> {
    let head = connection.read_request(&HeadLimits::default(), LONG, LONG).await?;
    Ok(head.map(|head| head.target.escape_ascii().to_string()))
}

#[test]
fn pipelined_requests_are_read_one_by_one() {
    run(async {
        let (mut connection, mut peer) = pair().await;
        let bytes = b"GET /a HTTP/1.0\r\n\r\nPOST /b HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc\r\nGET /c HTTP/1.0\r\n\r\n";
        peer.write_all(bytes).await.expect("sent");
        peer.shutdown().await.expect("closed");
        assert_eq!(request(&mut connection).await.expect("read"), Some("/a".into()));
        assert_eq!(connection.bytes_in(), 19);
        assert!(connection.has_read_ahead());
        assert_eq!(request(&mut connection).await.expect("read"), Some("/b".into()));
        let mut body = Body::new(BodyLength::Length(3));
        assert_eq!(connection.read_piece(&mut body, LONG).await.expect("read"), Some("abc".into()));
        assert_eq!(connection.read_piece(&mut body, LONG).await.expect("read"), None);
        assert_eq!(request(&mut connection).await.expect("read"), Some("/c".into()));
        assert_eq!(request(&mut connection).await.expect("read"), None);
        assert_eq!(connection.bytes_in(), bytes.len() as u64 - 2);
    });
}

#[test]
fn a_client_that_closes_within_a_head_is_told_from_one_that_closes_between() {
    run(async {
        let (mut connection, mut peer) = pair().await;
        peer.write_all(b"GET /a HT").await.expect("sent");
        drop(peer);
        assert!(matches!(request(&mut connection).await, Err(ReadError::ClosedEarly)));
        let (mut connection, peer) = pair().await;
        drop(peer);
        assert!(matches!(request(&mut connection).await, Ok(None)));
    });
}

#[test]
fn a_bad_request_is_refused_with_its_reason() {
    run(async {
        let (mut connection, mut peer) = pair().await;
        peer.write_all(b"GET / HTTP/1.1\nHost: a\r\n").await.expect("sent");
        assert!(matches!(request(&mut connection).await, Err(ReadError::Bad(BadMessage::BareLineFeed))));
    });
}

#[test]
fn a_silent_client_and_a_slow_head_have_their_own_deadlines() {
    run_with_paused_time(async {
        let (idle, head) = (Duration::from_secs(100), Duration::from_secs(10));
        let limits = HeadLimits::default();
        let start = tokio::time::Instant::now();
        let (mut connection, mut peer) = pair().await;
        let outcome = connection.read_request(&limits, idle, head).await;
        assert!(matches!(outcome, Err(ReadError::IdleTimeout)));
        assert!((100..110).contains(&start.elapsed().as_secs()));
        peer.write_all(b"GET /").await.expect("sent");
        let outcome = connection.read_request(&limits, idle, head).await;
        assert!(matches!(outcome, Err(ReadError::Timeout)));
        assert!((110..120).contains(&start.elapsed().as_secs()));
    });
}

#[test]
fn a_body_that_stalls_times_out() {
    run_with_paused_time(async {
        let (mut connection, mut peer) = pair().await;
        let mut body = Body::new(BodyLength::Length(10));
        peer.write_all(b"abc").await.expect("sent");
        connection.stream().readable().await.expect("open");
        assert_eq!(connection.read_piece(&mut body, LONG).await.expect("read"), Some("abc".into()));
        assert!(matches!(connection.read_piece(&mut body, LONG).await, Err(ReadError::Timeout)));
    });
}

#[test]
fn a_truncated_body_is_an_error() {
    run(async {
        for (length, is_whole) in
            [(BodyLength::Length(10), false), (BodyLength::Chunked, false), (BodyLength::UntilClose, true)]
        {
            let (mut connection, mut peer) = pair().await;
            peer.write_all(b"5\r\nab").await.expect("sent");
            drop(peer);
            let mut body = Body::new(length);
            let outcome = loop {
                match connection.read_piece(&mut body, LONG).await {
                    Ok(Some(_)) => {}
                    other => break other,
                }
            };
            assert_eq!(outcome.is_ok(), is_whole, "{length:?}");
        }
    });
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    run(async {
        let (mut connection, mut peer) = pair().await;
        peer.write_all(b"GET /a HTTP/1.0\r\n\r\n").await.expect("sent");
        let head = connection.read_request(&HeadLimits::default(), LONG, LONG).await.expect("read");
        drop(head);
        let limits = HeadLimits::default();
        let next = poll_fn(|cx| Poll::Ready(connection.poll_request(cx, &limits).is_pending())).await;
        assert!(next);
        assert_eq!(connection.input.buffer.capacity(), 0);
    });
}

/// What a peer reads until we close.
async fn read_all(mut peer: TcpStream) -> Vec<u8> {
    let mut found = Vec::new();
    peer.read_to_end(&mut found).await.expect("read");
    found
}

#[test]
fn slices_arrive_whole_and_in_order_however_little_the_socket_takes() {
    run(async {
        let (mut connection, peer) = pair().await;
        let parts: Vec<Vec<u8>> = (0..40u8).map(|part| vec![part; usize::from(part) * 10_000]).collect();
        let mut slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let write = async {
            connection.write_all(&mut slices, LONG).await.expect("written");
            assert_eq!(connection.bytes_out(), parts.iter().map(|part| part.len() as u64).sum::<u64>());
            drop(connection);
        };
        let ((), found) = tokio::join!(write, read_all(peer));
        assert!(found == parts.concat());
    });
}

#[test]
fn a_client_that_does_not_read_times_out() {
    run_with_paused_time(async {
        let (mut connection, _peer) = pair().await;
        let much = vec![0; 64 * 1024 * 1024];
        let outcome = connection.write_all(&mut [IoSlice::new(&much)], LONG).await;
        assert_eq!(outcome.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    });
}

#[test]
fn a_large_body_comes_in_large_pieces() {
    run(async {
        let (mut connection, mut peer) = pair().await;
        let content: Vec<u8> = (0..1_000_000u32).map(|at| at as u8).collect();
        let mut body = Body::new(BodyLength::Length(content.len() as u64));
        let send = async {
            peer.write_all(&content).await.expect("sent");
        };
        let read = async {
            let mut found = Vec::new();
            while let Some(piece) = connection.read_piece(&mut body, LONG).await.expect("read") {
                assert!(piece.len() <= BODY_BLOCK_BYTES);
                found.extend_from_slice(&piece);
            }
            found
        };
        let ((), found) = tokio::join!(send, read);
        assert!(found == content);
        assert_eq!(connection.bytes_in(), content.len() as u64);
    });
}

#[test]
fn a_peer_that_leaves_is_noticed_and_what_it_sent_is_kept() {
    run(async {
        let (mut connection, mut peer) = pair().await;
        peer.write_all(b"GET /next HTTP/1.0\r\n\r\n").await.expect("sent");
        peer.shutdown().await.expect("closed");
        assert_eq!(connection.gone().await, Gone::HalfClosed);
        assert_eq!(request(&mut connection).await.expect("read"), Some("/next".into()));

        let (mut connection, peer) = pair().await;
        SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("set");
        drop(peer);
        assert_eq!(connection.gone().await, Gone::Reset);
    });
}

#[test]
fn what_a_waiting_peer_may_send_ahead_is_bounded() {
    run_with_paused_time(async {
        let (mut connection, mut peer) = pair().await;
        let much = vec![b'x'; 10 * HEAD_BLOCK_BYTES];
        let waiting = async {
            tokio::select! {
                gone = connection.gone() => panic!("gone: {gone:?}"),
                () = tokio::time::sleep(LONG) => {}
            }
        };
        let (sent, ()) = tokio::join!(peer.write_all(&much), waiting);
        sent.expect("sent");
        assert!((HEAD_BLOCK_BYTES..=2 * HEAD_BLOCK_BYTES).contains(&connection.input.buffer.len()));
    });
}

#[test]
fn an_idle_connection_is_stale_once_the_peer_closed_or_spoke() {
    run(async {
        let (connection, mut peer) = pair().await;
        assert!(!connection.is_stale());
        peer.write_all(b"x").await.expect("sent");
        connection.stream().readable().await.expect("open");
        assert!(connection.is_stale());
        let (connection, peer) = pair().await;
        drop(peer);
        connection.stream().readable().await.expect("open");
        assert!(connection.is_stale());
    });
}

#[test]
fn a_client_that_still_sends_gets_to_read_the_last_answer() {
    run(async {
        let (mut connection, mut peer) = pair().await;
        peer.write_all(&[b'x'; 50_000]).await.expect("sent");
        let answer = async {
            connection
                .write_all(&mut [IoSlice::new(b"HTTP/1.1 400 Bad Request\r\n\r\n")], LONG)
                .await
                .expect("written");
            connection.linger(LONG).await;
        };
        let ((), found) = tokio::join!(answer, read_all(peer));
        assert_eq!(found, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
}

#[test]
fn both_directions_can_be_used_at_once() {
    run(async {
        let (mut connection, mut peer) = pair().await;
        let (mut reading, mut writing) = connection.split();
        let mut body = Body::new(BodyLength::Length(5));
        let echo = async {
            let piece = reading.piece(&mut body, LONG).await.expect("read").expect("a piece");
            writing.all(&mut [IoSlice::new(&piece)], LONG).await.expect("written");
        };
        let ask = async {
            peer.write_all(b"hello").await.expect("sent");
            let mut found = [0; 5];
            peer.read_exact(&mut found).await.expect("read");
            found
        };
        assert_eq!(tokio::join!(echo, ask).1, *b"hello");
    });
}
