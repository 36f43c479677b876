//! Idle connections of one worker, by origin, the last one used first: it is the least likely to have been closed.
//! Bounded in number and age. Not thread-safe: a connection stays on the thread whose event loop knows it.

use core::cell::RefCell;
use core::time::Duration;
use std::collections::HashMap;
use std::net::SocketAddr;

use tokio::time::Instant;

use super::{Origin, Settings};
use crate::http1::Connection;
use crate::limits::IDLE_CONNECTIONS_MAX;

/// Idle connections.
#[derive(Debug, Default)]
pub struct Pool {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    // Invariants: no list is empty; each is in the order of `since`; `count` is the sum of their lengths.
    idle: HashMap<Origin, Vec<Idle>>,
    count: usize,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    peer: SocketAddr,
    since: Instant,
}

impl Pool {
    /// Number of idle connections.
    pub fn len(&self) -> usize {
        self.inner.borrow().count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a connection that seems to be alive and has been idle for less than `idle_max`, and the address it leads
    /// to. Others met on the way are closed.
    pub fn take(&self, origin: &Origin, idle_max: Duration) -> Option<(Connection, SocketAddr)> {
        let mut inner = self.inner.borrow_mut();
        let Inner { idle, count } = &mut *inner;
        let list = idle.get_mut(origin)?;
        let now = Instant::now();
        let mut found = None;
        while let Some(last) = list.pop() {
            *count -= 1;
            if last.is_usable(now, idle_max) {
                found = Some((last.connection, last.peer));
                break;
            }
        }
        if list.is_empty() {
            idle.remove(origin);
        }
        found
    }

    /// Keeps a connection whose last exchange is complete. Beyond the bounds the one that was idle longest is closed.
    pub fn put(&self, origin: Origin, connection: Connection, peer: SocketAddr, settings: &Settings) {
        if settings.idle_per_origin == 0 || settings.idle.is_zero() {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        if inner.count >= IDLE_CONNECTIONS_MAX {
            inner.drop_oldest();
        }
        let Inner { idle, count } = &mut *inner;
        let list = idle.entry(origin).or_default();
        if list.len() >= settings.idle_per_origin {
            list.remove(0);
            *count -= 1;
        }
        list.push(Idle { connection, peer, since: Instant::now() });
        *count += 1;
    }

    /// Closes what has been idle for `idle_max` or is dead.
    pub fn sweep(&self, idle_max: Duration) {
        let mut inner = self.inner.borrow_mut();
        let now = Instant::now();
        inner.idle.retain(|_, list| {
            list.retain(|idle| idle.is_usable(now, idle_max));
            !list.is_empty()
        });
        inner.count = inner.idle.values().map(Vec::len).sum();
    }
}

impl Inner {
    fn drop_oldest(&mut self) {
        let oldest = self.idle.iter().min_by_key(|(_, list)| list.first().map(|idle| idle.since));
        let Some(origin) = oldest.map(|(origin, _)| origin.clone()) else { return };
        if let Some(list) = self.idle.get_mut(&origin) {
            list.remove(0);
            self.count -= 1;
            if list.is_empty() {
                self.idle.remove(&origin);
            }
        }
    }
}

impl Idle {
    fn is_usable(&self, now: Instant, idle_max: Duration) -> bool {
        now.duration_since(self.since) < idle_max && !self.connection.is_stale()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::http1::testing::{listen, run_with_paused_time};

    /// Connections to a listener of its own, with the other ends of them.
    struct Server {
        listener: TcpListener,
        accepted: Vec<TcpStream>,
    }

    impl Server {
        async fn new() -> Self {
            Self { listener: listen().await.0, accepted: Vec::new() }
        }

        async fn connect(&mut self) -> (Connection, SocketAddr) {
            let address = self.listener.local_addr().expect("bound");
            let (stream, accepted) = tokio::join!(TcpStream::connect(address), self.listener.accept());
            self.accepted.push(accepted.expect("a connection").0);
            (Connection::new(stream.expect("a connection")), address)
        }

        async fn fill(&mut self, pool: &Pool, origin: &Origin, settings: &Settings) -> SocketAddr {
            let (connection, peer) = self.connect().await;
            let local = connection.stream().local_addr().expect("connected");
            pool.put(origin.clone(), connection, peer, settings);
            local
        }
    }

    fn take(pool: &Pool, origin: &Origin) -> Option<SocketAddr> {
        let found = pool.take(origin, Settings::default().idle);
        found.map(|(connection, _)| connection.stream().local_addr().expect("connected"))
    }

    #[test]
    fn the_last_connection_used_is_used_first() {
        run_with_paused_time(async {
            let (mut server, pool, settings) = (Server::new().await, Pool::default(), Settings::default());
            let (a, b) = (Origin::new("a", 80), Origin::new("a", 81));
            let first = server.fill(&pool, &a, &settings).await;
            let second = server.fill(&pool, &a, &settings).await;
            assert_eq!(take(&pool, &b), None);
            assert_eq!(take(&pool, &a), Some(second));
            assert_eq!(take(&pool, &a), Some(first));
            assert_eq!((take(&pool, &a), pool.len()), (None, 0));
        });
    }

    #[test]
    fn a_connection_the_origin_closed_is_not_used() {
        run_with_paused_time(async {
            let (mut server, pool, settings) = (Server::new().await, Pool::default(), Settings::default());
            let origin = Origin::new("a", 80);
            let first = server.fill(&pool, &origin, &settings).await;
            server.fill(&pool, &origin, &settings).await;
            drop(server.accepted.pop());
            assert_eq!(take(&pool, &origin), Some(first));
            assert!(pool.is_empty());
        });
    }

    #[test]
    fn old_and_dead_connections_are_swept() {
        run_with_paused_time(async {
            let (mut server, pool, settings) = (Server::new().await, Pool::default(), Settings::default());
            let (a, b) = (Origin::new("a", 80), Origin::new("b", 80));
            server.fill(&pool, &a, &settings).await;
            tokio::time::advance(settings.idle / 2).await;
            let kept = server.fill(&pool, &a, &settings).await;
            server.fill(&pool, &b, &settings).await;
            drop(server.accepted.pop());
            tokio::time::advance(settings.idle / 2).await;
            pool.sweep(settings.idle);
            assert_eq!((pool.len(), take(&pool, &a), take(&pool, &b)), (1, Some(kept), None));
        });
    }

    #[test]
    fn an_old_connection_is_not_used_even_unswept() {
        run_with_paused_time(async {
            let (mut server, pool, settings) = (Server::new().await, Pool::default(), Settings::default());
            let origin = Origin::new("a", 80);
            server.fill(&pool, &origin, &settings).await;
            tokio::time::advance(settings.idle).await;
            assert_eq!((take(&pool, &origin), pool.len()), (None, 0));
        });
    }

    #[test]
    fn connections_per_origin_are_bounded() {
        run_with_paused_time(async {
            let (mut server, pool) = (Server::new().await, Pool::default());
            let settings = Settings { idle_per_origin: 2, ..Settings::default() };
            let origin = Origin::new("a", 80);
            server.fill(&pool, &origin, &settings).await;
            let second = server.fill(&pool, &origin, &settings).await;
            let third = server.fill(&pool, &origin, &settings).await;
            assert_eq!(pool.len(), 2);
            assert_eq!([take(&pool, &origin), take(&pool, &origin)], [Some(third), Some(second)]);
        });
    }

    #[test]
    fn beyond_the_total_the_oldest_goes() {
        run_with_paused_time(async {
            let (mut server, pool, settings) = (Server::new().await, Pool::default(), Settings::default());
            let origins = ["a", "b", "c"].map(|host| Origin::new(host, 80));
            for origin in &origins {
                server.fill(&pool, origin, &settings).await;
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            pool.inner.borrow_mut().drop_oldest();
            assert_eq!((pool.len(), take(&pool, &origins[0])), (2, None));
            assert!(take(&pool, &origins[1]).is_some());
        });
    }
}
