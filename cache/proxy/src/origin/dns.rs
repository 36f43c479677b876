//! Names to addresses, by the system's resolver (so that `/etc/hosts` and `nsswitch.conf` count, as Squid's users expect)
//! in blocking threads, with its answers remembered for a while.
//!
//! The system does not tell how long an answer is good, so a fixed time is taken. Whether an address may be connected to
//! is decided elsewhere, on the address: this resolves everything, decimal and octal spellings of addresses included.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use moka::sync::Cache;
use parking_lot::RwLock;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::limits::{DNS_LOOKUPS_MAX, DNS_NAMES_MAX};

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Not a name at all.
    #[error("not a host name")]
    BadName,
    /// The resolver says no, in these words.
    #[error("the name was not resolved: {0}")]
    Failed(Arc<str>),
    /// The resolver did not answer in time.
    #[error("the name was not resolved in time")]
    TimedOut,
}

/// How long a lookup may take and its answer is good.
#[derive(Clone, Copy, Debug)]
pub struct DnsSettings {
    /// For one lookup.
    pub patience: Duration,
    /// Addresses are used for that long.
    pub found_for: Duration,
    /// A failure is repeated for that long, so that a dead name is not looked up by every request.
    pub failed_for: Duration,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            found_for: Duration::from_secs(60),
            failed_for: Duration::from_secs(3),
        }
    }
}

/// A resolver with a memory, shared by all workers.
pub struct Resolver {
    lookup: Lookup,
    answers: Cache<String, Arc<OnceCell<Answer>>>,
    // Guards nothing but itself; read once per lookup.
    settings: RwLock<DnsSettings>,
    remembered: AtomicU64,
    looked_up: AtomicU64,
    failed: AtomicU64,
}

/// How often names were needed for a new connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsCounts {
    /// And their addresses, or that they have none, remembered.
    pub remembered: u64,
    /// And looked up with success.
    pub looked_up: u64,
    /// And looked up in vain.
    pub failed: u64,
}

/// The addresses of a name; at least one.
pub type Addresses = Arc<[IpAddr]>;

/// Looks a name up, for real or in a test.
type Lookup = Box<dyn Fn(String) -> PendingLookup + Send + Sync>;
type PendingLookup = Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send>>;

#[derive(Debug)]
struct Answer {
    found: Result<Addresses, ResolveError>,
    until: Instant,
}

impl Resolver {
    /// A resolver that asks the system.
    pub fn new(settings: DnsSettings) -> Self {
        let lookups = Arc::new(Semaphore::new(DNS_LOOKUPS_MAX));
        Self::with_lookup(settings, Box::new(move |name| Box::pin(ask_system(name, Arc::clone(&lookups)))))
    }

    fn with_lookup(settings: DnsSettings, lookup: Lookup) -> Self {
        let answers = Cache::builder().max_capacity(DNS_NAMES_MAX).time_to_idle(FORGOTTEN_AFTER).build();
        let [remembered, looked_up, failed] = [(); 3].map(|()| AtomicU64::new(0));
        Self { lookup, answers, settings: RwLock::new(settings), remembered, looked_up, failed }
    }

    /// Replaces the settings and forgets all answers.
    pub fn set_settings(&self, settings: DnsSettings) {
        *self.settings.write() = settings;
        self.answers.invalidate_all();
    }

    /// What was counted up to now.
    pub fn counts(&self) -> DnsCounts {
        DnsCounts {
            remembered: self.remembered.load(Relaxed),
            looked_up: self.looked_up.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }

    /// The addresses of `host`, in the order of the system's preference; an address is its own. Several askers of one
    /// name wait for one lookup.
    ///
    /// # Errors
    /// When it has none, or the resolver does not say in time.
    pub async fn resolve(&self, host: &str) -> Result<Addresses, ResolveError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::new([address]));
        }
        if host.is_empty() || host.len() > NAME_BYTES_MAX {
            return Err(ResolveError::BadName);
        }
        let slot = self.answers.get_with_by_ref(host, Arc::default);
        let is_remembered = slot.initialized();
        let answer = slot.get_or_init(|| self.ask(host)).await;
        if Instant::now() < answer.until {
            self.remembered.fetch_add(u64::from(is_remembered), Relaxed);
            return answer.found.clone();
        }
        self.answers.invalidate(host);
        let slot = self.answers.get_with_by_ref(host, Arc::default);
        slot.get_or_init(|| self.ask(host)).await.found.clone()
    }

    async fn ask(&self, host: &str) -> Answer {
        let settings = *self.settings.read();
        let found = tokio::time::timeout(settings.patience, (self.lookup)(host.to_owned())).await;
        let found = found.unwrap_or(Err(ResolveError::TimedOut));
        let count = if found.is_ok() { &self.looked_up } else { &self.failed };
        count.fetch_add(1, Relaxed);
        let good_for = if found.is_ok() { settings.found_for } else { settings.failed_for };
        Answer { found, until: Instant::now() + good_for }
    }
}

/// Names nobody asks for make room after that long, whether or not their answers were good until then.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// Longest name in DNS, with a final dot (RFC 1035 section 2.3.4).
const NAME_BYTES_MAX: usize = 254;

/// Asks in a blocking thread, which may outlive the asker's patience: it holds its permit until it is really done.
async fn ask_system(name: String, lookups: Arc<Semaphore>) -> Result<Addresses, ResolveError> {
    let failed = |error: &dyn core::fmt::Display| ResolveError::Failed(error.to_string().into());
    let permit = lookups.acquire_owned().await.map_err(|error| failed(&error))?;
    let lookup = tokio::task::spawn_blocking(move || {
        let found: io::Result<Vec<IpAddr>> =
            (name.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect());
        drop(permit);
        found
    });
    let found = lookup.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    if found.is_empty() { Err(failed(&"no addresses")) } else { Ok(found.into()) }
}

impl core::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Resolver").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::net::Ipv4Addr;

    use super::*;
    use crate::http1::testing::{run, run_with_paused_time};

    const FOUND: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    /// A resolver whose lookups take a second, and the number of them. It knows every name but `nowhere` and never
    /// answers for `silent`.
    fn resolver() -> (Resolver, Arc<AtomicU32>) {
        let lookups = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&lookups);
        let lookup: Lookup = Box::new(move |name| {
            count.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                match name.as_str() {
                    "nowhere" => Err(ResolveError::Failed("no such name".into())),
                    "silent" => core::future::pending().await,
                    _ => {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        Ok(Arc::from([FOUND]))
                    }
                }
            })
        });
        (Resolver::with_lookup(DnsSettings::default(), lookup), lookups)
    }

    #[test]
    fn many_askers_of_one_name_share_a_lookup() {
        run_with_paused_time(async {
            let (resolver, lookups) = resolver();
            let (a, b, c) = tokio::join!(resolver.resolve("a"), resolver.resolve("a"), resolver.resolve("b"));
            assert!([a, b, c].iter().all(|found| found.as_deref() == Ok(&[FOUND])));
            assert_eq!(lookups.load(Ordering::Relaxed), 2);
        });
    }

    #[test]
    fn names_are_counted_by_what_they_took() {
        run_with_paused_time(async {
            let (resolver, _) = resolver();
            for name in ["a", "a", "a", "nowhere", "192.0.2.9"] {
                let _ = resolver.resolve(name).await;
            }
            assert_eq!(resolver.counts(), DnsCounts { remembered: 2, looked_up: 1, failed: 1 });
        });
    }

    #[test]
    fn an_asker_who_leaves_does_not_take_the_lookup_along() {
        run_with_paused_time(async {
            let (resolver, _) = resolver();
            let impatient = tokio::time::timeout(Duration::from_millis(500), resolver.resolve("a"));
            let (gone, found) = tokio::join!(impatient, resolver.resolve("a"));
            assert!(gone.is_err());
            assert_eq!(found.as_deref(), Ok(&[FOUND][..]));
        });
    }

    #[test]
    fn answers_are_good_for_a_while() {
        run_with_paused_time(async {
            let (resolver, lookups) = resolver();
            for (wait, expected) in [(0, 1), (50, 1), (11, 2), (50, 2), (60, 3)] {
                tokio::time::advance(Duration::from_secs(wait)).await;
                resolver.resolve("a").await.expect("found");
                assert_eq!(lookups.load(Ordering::Relaxed), expected, "after {wait} more seconds");
            }
        });
    }

    #[test]
    fn failures_are_repeated_for_a_short_while() {
        run_with_paused_time(async {
            let (resolver, lookups) = resolver();
            for (wait, expected) in [(0, 1), (2, 1), (2, 2)] {
                tokio::time::advance(Duration::from_secs(wait)).await;
                assert_eq!(
                    resolver.resolve("nowhere").await,
                    Err(ResolveError::Failed("no such name".into()))
                );
                assert_eq!(lookups.load(Ordering::Relaxed), expected, "after {wait} more seconds");
            }
        });
    }

    #[test]
    fn new_settings_hold_from_the_next_request_on() {
        run_with_paused_time(async {
            let (resolver, lookups) = resolver();
            resolver.resolve("a").await.expect("found");
            let found_for = Duration::from_secs(5);
            resolver.set_settings(DnsSettings { found_for, ..DnsSettings::default() });
            for (wait, expected) in [(0, 2), (4, 2), (2, 3)] {
                tokio::time::advance(Duration::from_secs(wait)).await;
                resolver.resolve("a").await.expect("found");
                assert_eq!(lookups.load(Ordering::Relaxed), expected, "after {wait} more seconds");
            }
        });
    }

    #[test]
    fn a_resolver_that_says_nothing_is_given_up() {
        run_with_paused_time(async {
            let start = Instant::now();
            assert_eq!(resolver().0.resolve("silent").await, Err(ResolveError::TimedOut));
            assert_eq!(start.elapsed(), DnsSettings::default().patience);
        });
    }

    #[test]
    fn addresses_are_not_looked_up_and_names_have_bounds() {
        run_with_paused_time(async {
            let (resolver, lookups) = resolver();
            assert_eq!(resolver.resolve("192.0.2.1").await.as_deref(), Ok(&[FOUND][..]));
            assert_eq!(resolver.resolve("::1").await.map(|found| found.len()), Ok(1));
            assert_eq!(resolver.resolve("").await, Err(ResolveError::BadName));
            assert_eq!(resolver.resolve(&"a".repeat(255)).await, Err(ResolveError::BadName));
            assert_eq!(lookups.load(Ordering::Relaxed), 0);
        });
    }

    #[test]
    fn the_system_resolves_odd_spellings_of_addresses() {
        run(async {
            let resolver = Resolver::new(DnsSettings::default());
            for odd in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"] {
                let found = resolver.resolve(odd).await;
                assert_eq!(found.as_deref(), Ok(&[IpAddr::V4(Ipv4Addr::LOCALHOST)][..]), "{odd}");
            }
        });
    }
}
