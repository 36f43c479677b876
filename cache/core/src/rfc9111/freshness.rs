//! How long a stored response stays fresh and how old it is (RFC 9111 section 4.2). Everything that the fields say
//! about it is worked out once, when the response is stored or freshened, and kept in [`Facts`]; a hit reads numbers.

use super::cache_control::DELTA_SECONDS_MAX;
use super::refresh::Refresh;
use super::response::{Age, ResponseFacts};
use crate::time::UnixSecs;

/// What holds where a response does not say it. The operator's to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsaid {
    /// A lifetime is guessed as this share, in percent, of the time since the last modification.
    pub heuristic_percent: u8,
    /// The longest lifetime guessed, in seconds.
    pub heuristic_seconds_max: u32,
    /// Seconds for which a response may be served stale when its origin fails; 0 for never.
    pub stale_if_error: u32,
    /// Seconds for which a response may be served stale while it is validated; 0 for never.
    pub stale_while_revalidate: u32,
}

impl Default for Unsaid {
    /// The 10 % that RFC 9111 section 4.2.2 gives as typical, at most a day, where RFC 7234 asked for a warning (Squid's
    /// default is 20 %, at most three days; we prefer being wrong for a shorter time), and Squid's `max_stale`, a week.
    fn default() -> Self {
        Self {
            heuristic_percent: 10,
            heuristic_seconds_max: 86_400,
            stale_if_error: 7 * 86_400,
            stale_while_revalidate: 0,
        }
    }
}

/// When an exchange with the origin began and ended, on our own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the request was sent.
    pub request: UnixSecs,
    /// When the head of the response had come.
    pub response: UnixSecs,
}

impl Times {
    /// Both at once.
    pub const fn at(now: UnixSecs) -> Self {
        Self { request: now, response: now }
    }
}

/// Where a freshness lifetime comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LifetimeSource {
    /// A field targeted at this cache.
    Targeted,
    /// `s-maxage`
    SMaxAge,
    /// `max-age`
    MaxAge,
    /// `Expires`
    Expires,
    /// Guessed from `Last-Modified`.
    Heuristic,
    /// A freshness rule of the operator's ([`super::refresh`]).
    Rule,
    /// There is none: the lifetime is zero.
    None,
}

impl LifetimeSource {
    /// The source as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Targeted => "targeted",
            Self::SMaxAge => "s-maxage",
            Self::MaxAge => "max-age",
            Self::Expires => "expires",
            Self::Heuristic => "heuristic",
            Self::Rule => "rule",
            Self::None => "none",
        }
    }
}

/// Whether a response is fresh, and by how much, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Fresh for that long; at least one second.
    Fresh(u32),
    /// Stale since that long; zero at the very moment it expires.
    Stale(u32),
}

/// What a stored response's fields say about its freshness, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    date: UnixSecs,
    response_time: UnixSecs,
    // NO_DATE when there is none.
    last_modified: UnixSecs,
    initial_age: u32,
    lifetime: u32,
    // NOT_GIVEN when the origin did not say.
    stale_while_revalidate: u32,
    stale_if_error: u32,
    status: u16,
    source: LifetimeSource,
    flags: u8,
}

const NOT_GIVEN: u32 = u32::MAX;
const NO_DATE: UnixSecs = UnixSecs(i64::MIN);

const NO_CACHE: u8 = 1;
const MUST_REVALIDATE: u8 = 1 << 1;
const S_MAXAGE: u8 = 1 << 2;
const IMMUTABLE: u8 = 1 << 3;
const VALIDATOR: u8 = 1 << 4;
const EXPLICIT: u8 = 1 << 5;
const IGNORE_RELOAD: u8 = 1 << 6;

impl Facts {
    /// Works the facts out.
    pub fn of(response: &ResponseFacts<'_>, times: Times, unsaid: &Unsaid) -> Self {
        let directives = &response.directives;
        let date = response.date.unwrap_or(times.response);
        let (lifetime, source) = lifetime(response, date, unsaid);
        // s-maxage means that it must be validated, unless the response itself says otherwise.
        let unsaid_window =
            Some(unsaid.stale_while_revalidate).filter(|&window| window > 0 && directives.s_maxage.is_none());
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        Self {
            date,
            response_time: times.response,
            last_modified: response.last_modified.unwrap_or(NO_DATE),
            initial_age: corrected_initial_age(response.age, date, times),
            // An unusable Age leaves nothing to compare a lifetime with.
            lifetime: if response.age == Age::Invalid { 0 } else { lifetime },
            stale_while_revalidate: directives.stale_while_revalidate.or(unsaid_window).unwrap_or(NOT_GIVEN),
            stale_if_error: directives.stale_if_error.unwrap_or(NOT_GIVEN),
            status: response.status,
            source,
            flags: flag(directives.no_cache, NO_CACHE)
                | flag(directives.must_revalidate || directives.proxy_revalidate, MUST_REVALIDATE)
                | flag(directives.s_maxage.is_some(), S_MAXAGE)
                | flag(directives.immutable, IMMUTABLE)
                | flag(response.has_validator(), VALIDATOR)
                | flag(response.has_explicit_lifetime(), EXPLICIT),
        }
    }

    /// The same facts under an operator's rule. What the origin forbids in so many words (`no-cache`,
    /// `must-revalidate`) stays forbidden: a rule has no say in it.
    #[must_use]
    pub(super) fn under(mut self, rule: &Refresh, response: &ResponseFacts<'_>) -> Self {
        let given = self.has_explicit_lifetime().then_some(self.lifetime);
        // A lifetime may be guessed only where HTTP allows that (RFC 9111 section 4.2.2).
        let may_rule = given.is_some() || response.is_heuristically_cacheable();
        let ruled =
            rule.lifetime(given, self.since_modified()).filter(|_| may_rule && response.age != Age::Invalid);
        if let Some(lifetime) = ruled {
            (self.lifetime, self.source) = (lifetime, LifetimeSource::Rule);
        }
        if let Some(seconds) = rule.max_stale {
            self.stale_if_error = seconds.min(DELTA_SECONDS_MAX);
        }
        if rule.ignore_reload {
            self.flags |= IGNORE_RELOAD;
        }
        self
    }

    /// Seconds from the last modification to when the response was made, where there is such a time.
    pub(super) fn since_modified(&self) -> Option<u32> {
        let last_modified = self.last_modified().filter(|&last_modified| last_modified < self.date)?;
        Some(seconds(self.date.since(last_modified)))
    }

    /// Whether a client's reload does not validate it: by an operator's rule.
    pub fn ignores_reload(&self) -> bool {
        self.flags & IGNORE_RELOAD != 0
    }

    /// Seconds since the response was made or validated at its origin (RFC 9111 section 4.2.3); the value of `Age`.
    pub fn current_age(&self, now: UnixSecs) -> u32 {
        let age = u64::from(self.initial_age) + now.since(self.response_time);
        age.min(DELTA_SECONDS_MAX.into()) as u32
    }

    /// Whether it is fresh, and by how much.
    pub fn freshness(&self, now: UnixSecs) -> Freshness {
        let age = self.current_age(now);
        match self.lifetime.checked_sub(age) {
            Some(0) | None => Freshness::Stale(age - self.lifetime),
            Some(remaining) => Freshness::Fresh(remaining),
        }
    }

    /// Seconds it stays fresh, negative when it is stale: the `ttl` of `Cache-Status`.
    pub fn ttl(&self, now: UnixSecs) -> i64 {
        i64::from(self.lifetime) - i64::from(self.current_age(now))
    }

    /// When it becomes stale.
    pub fn fresh_until(&self) -> UnixSecs {
        self.response_time.plus(i64::from(self.lifetime) - i64::from(self.initial_age))
    }

    /// Freshness lifetime in seconds.
    pub fn lifetime(&self) -> u32 {
        self.lifetime
    }

    /// Where the lifetime comes from.
    pub fn lifetime_source(&self) -> LifetimeSource {
        self.source
    }

    /// Whether the origin gave a lifetime, be it zero.
    pub fn has_explicit_lifetime(&self) -> bool {
        self.flags & EXPLICIT != 0
    }

    /// `Date`, or when the response came.
    pub fn date(&self) -> UnixSecs {
        self.date
    }

    /// When the response came.
    pub fn response_time(&self) -> UnixSecs {
        self.response_time
    }

    /// `Last-Modified`, when it is a date.
    pub fn last_modified(&self) -> Option<UnixSecs> {
        (self.last_modified != NO_DATE).then_some(self.last_modified)
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether it can be validated.
    pub fn has_validator(&self) -> bool {
        self.flags & VALIDATOR != 0
    }

    /// Whether it must be validated before each reuse.
    pub fn is_no_cache(&self) -> bool {
        self.flags & NO_CACHE != 0
    }

    /// Whether it will not change while it is fresh.
    pub fn is_immutable(&self) -> bool {
        self.flags & IMMUTABLE != 0
    }

    /// Whether the origin forbids reusing it stale in so many words: must-revalidate, proxy-revalidate, no-cache.
    pub fn is_stale_forbidden(&self) -> bool {
        self.flags & (MUST_REVALIDATE | NO_CACHE) != 0
    }

    /// Whether the origin forbids reusing it stale, also by s-maxage, which means proxy-revalidate to a shared cache
    /// (RFC 9111 section 5.2.2.10) where nothing it says expressly permits it.
    pub fn is_stale_forbidden_by_default(&self) -> bool {
        self.flags & (MUST_REVALIDATE | NO_CACHE | S_MAXAGE) != 0
    }

    /// Seconds for which it may be reused stale while it is validated.
    pub fn stale_while_revalidate(&self) -> Option<u32> {
        (self.stale_while_revalidate != NOT_GIVEN).then_some(self.stale_while_revalidate)
    }

    /// Seconds for which it may be reused stale when the origin fails.
    pub fn stale_if_error(&self) -> Option<u32> {
        (self.stale_if_error != NOT_GIVEN).then_some(self.stale_if_error)
    }
}

/// RFC 9111 section 4.2.1, for a shared cache.
fn lifetime(response: &ResponseFacts<'_>, date: UnixSecs, unsaid: &Unsaid) -> (u32, LifetimeSource) {
    let directives = &response.directives;
    if let Some(seconds) = directives.s_maxage.or(directives.max_age) {
        let source = match directives {
            _ if directives.is_targeted => LifetimeSource::Targeted,
            _ if directives.s_maxage.is_some() => LifetimeSource::SMaxAge,
            _ => LifetimeSource::MaxAge,
        };
        return (seconds, source);
    }
    if let Some(expires) = response.expires.filter(|_| !directives.is_targeted) {
        return (seconds(expires.since(date)), LifetimeSource::Expires);
    }
    match response.last_modified {
        Some(last_modified) if response.is_heuristically_cacheable() => {
            let guess = date.since(last_modified).saturating_mul(unsaid.heuristic_percent.into()) / 100;
            (seconds(guess.min(unsaid.heuristic_seconds_max.into())), LifetimeSource::Heuristic)
        }
        _ => (0, LifetimeSource::None),
    }
}

/// RFC 9111 section 4.2.3.
fn corrected_initial_age(age: Age, date: UnixSecs, times: Times) -> u32 {
    let age_value = if let Age::Seconds(seconds) = age { u64::from(seconds) } else { 0 };
    let apparent_age = times.response.since(date);
    let response_delay = times.response.since(times.request);
    seconds(apparent_age.max(age_value.saturating_add(response_delay)))
}

fn seconds(count: u64) -> u32 {
    count.min(DELTA_SECONDS_MAX.into()) as u32
}

#[cfg(test)]
mod tests;
