//! Whether a stored response may answer a request (RFC 9111 section 4, RFC 5861, RFC 8246), once its key and variant
//! match. A decision is a value with its reason; nothing here sends, waits or looks anything up.

use super::cache_control::RequestDirectives;
use super::freshness::{Facts, Freshness, Unsaid};
use crate::time::UnixSecs;

/// What is done with a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It answers the request.
    Serve {
        /// The value of `Age`, in seconds.
        age: u32,
    },
    /// It answers the request though it is stale.
    ServeStale {
        /// The value of `Age`, in seconds.
        age: u32,
        /// What permits it.
        staleness: Staleness,
    },
    /// The origin is asked first.
    Validate(Validation),
    /// Nothing stored will do and the client wants nothing else: 504.
    GatewayTimeout,
}

/// What permits reusing a stale response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Staleness {
    /// The client's max-stale.
    MaxStale,
    /// The origin's stale-while-revalidate: it is to be validated in the background.
    WhileRevalidate,
    /// stale-if-error of the origin or the client.
    IfError,
    /// The origin cannot be reached, or as good as (RFC 9111 sections 4.2.4 and 4.3.3).
    Disconnected,
}

/// Why the origin is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validation {
    /// It is stale.
    Stale,
    /// The origin wants to be asked each time.
    ResponseNoCache,
    /// The client's no-cache.
    RequestNoCache,
    /// It is older than the client's max-age.
    MaxAge,
    /// It does not stay fresh for the client's min-fresh.
    MinFresh,
}

/// How an attempt to validate failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No answer: no connection, none in time, or it broke off before its head was complete.
    Disconnected,
    /// An answer with that status.
    Status(u16),
}

impl Staleness {
    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxStale => "max-stale",
            Self::WhileRevalidate => "stale-while-revalidate",
            Self::IfError => "stale-if-error",
            Self::Disconnected => "disconnected",
        }
    }
}

impl Validation {
    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::ResponseNoCache => "response-no-cache",
            Self::RequestNoCache => "request-no-cache",
            Self::MaxAge => "max-age",
            Self::MinFresh => "min-fresh",
        }
    }
}

impl Failure {
    /// Whether a status counts as a failure of the origin at all: those that RFC 5861 section 4 names.
    pub const fn is_failure(status: u16) -> bool {
        matches!(status, 500 | 502 | 503 | 504)
    }
}

/// Whether a stored response answers a request with these directives.
pub fn reuse(request: &RequestDirectives, stored: &Facts, now: UnixSecs) -> Reuse {
    let age = stored.current_age(now);
    let freshness = stored.freshness(now);
    let Some(validation) = wants_validation(request, stored, age, freshness) else {
        return Reuse::Serve { age };
    };
    if let (Validation::Stale, Freshness::Stale(by)) = (validation, freshness) {
        let has_age = request.max_age.is_none_or(|max_age| age <= max_age);
        if let Some(staleness) = permits_stale(request, stored, by).filter(|_| has_age) {
            return Reuse::ServeStale { age, staleness };
        }
    }
    if request.only_if_cached { Reuse::GatewayTimeout } else { Reuse::Validate(validation) }
}

/// Whether a stored response answers the request after all when validating it has failed, and what permits it.
pub fn reuse_after_failure(
    request: &RequestDirectives,
    stored: &Facts,
    now: UnixSecs,
    failure: Failure,
    unsaid: &Unsaid,
) -> Option<Staleness> {
    if let Failure::Status(status) = failure
        && !Failure::is_failure(status)
    {
        return None;
    }
    let by = match stored.freshness(now) {
        Freshness::Fresh(_) => 0,
        Freshness::Stale(by) => by,
    };
    // A client that said no-cache asked for the origin's own answer; an old failure is no better than a new one.
    if stored.is_stale_forbidden() || request.no_cache || Failure::is_failure(stored.status()) {
        return None;
    }
    match stored
        .stale_if_error()
        .max(request.stale_if_error.filter(|_| !stored.is_stale_forbidden_by_default()))
    {
        Some(limit) => (by <= limit).then_some(Staleness::IfError),
        None if stored.is_stale_forbidden_by_default() => None,
        None => (0 < unsaid.stale_if_error && by <= unsaid.stale_if_error).then_some(Staleness::Disconnected),
    }
}

fn wants_validation(
    request: &RequestDirectives,
    stored: &Facts,
    age: u32,
    freshness: Freshness,
) -> Option<Validation> {
    let reloads = request.no_cache && !stored.ignores_reload();
    let Freshness::Fresh(remaining) = freshness else {
        // no-cache forbids more than staleness does, so it is named first.
        return Some(match () {
            () if reloads => Validation::RequestNoCache,
            () if stored.is_no_cache() => Validation::ResponseNoCache,
            () => Validation::Stale,
        });
    };
    // RFC 8246 section 2: a reload does not validate what cannot have changed, unless it says no-cache.
    let is_exempt = stored.is_immutable() || stored.ignores_reload() && request.max_age == Some(0);
    let is_old = !is_exempt && request.max_age.is_some_and(|max_age| age > max_age || max_age == 0);
    match () {
        () if reloads => Some(Validation::RequestNoCache),
        () if stored.is_no_cache() => Some(Validation::ResponseNoCache),
        () if is_old => Some(Validation::MaxAge),
        () if request.min_fresh.is_some_and(|min_fresh| remaining < min_fresh) => Some(Validation::MinFresh),
        () => None,
    }
}

/// What permits reusing a response that is stale by so many seconds.
fn permits_stale(request: &RequestDirectives, stored: &Facts, by: u32) -> Option<Staleness> {
    if stored.is_stale_forbidden() || request.min_fresh.is_some() {
        return None;
    }
    let has_max_stale = request.max_stale.is_some_and(|max_stale| by <= max_stale);
    if has_max_stale && !stored.is_stale_forbidden_by_default() {
        return Some(Staleness::MaxStale);
    }
    let has_window = stored.stale_while_revalidate().is_some_and(|window| by < window);
    // A client that only wants what is stored gets it, but nothing is fetched on its account.
    has_window.then_some(Staleness::WhileRevalidate)
}
