//! What an operator may say about how long responses stay fresh, in the terms of Squid's `refresh_pattern`: a lifetime
//! where the response gives none, and what is overridden of what it gives. Pure, and applied once, when a response is
//! stored or a 304 confirms it: a hit reads the numbers that came out of it.
//!
//! The arithmetic is that of Squid's `refreshCheck` (src/refresh.cc): an explicit lifetime counts first; then nothing is
//! fresh beyond `max`; then a response with `Last-Modified` is fresh for `percent` of the time since then; and one without
//! is fresh for `min`. Without one of the options below no rule breaks RFC 9111: a guess is the cache's to make
//! (section 4.2.2). Of Squid's options those that act on requests that validate anyhow (`reload-into-ims`, `refresh-ims`)
//! are what this cache always does, and `store-stale` is not there.

use super::freshness::Facts;
use super::response::ResponseFacts;
use super::target::{Scheme, Target};
use crate::policy::Mime;

/// A response, as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// Scheme of the target URI.
    pub scheme: Scheme,
    /// Its host, in lower case.
    pub host: &'a str,
    /// Its path and query.
    pub path: &'a str,
    /// The status code.
    pub status: u16,
    /// The class of its content type.
    pub mime: Mime,
    /// `Content-Length`, where there is one that is a number.
    pub length: Option<u64>,
    /// The lifetime the response gives itself, in seconds; none when it gives none.
    pub lifetime: Option<u32>,
    /// Seconds from its last modification to when it was made; none when it does not say.
    pub since_modified: Option<u32>,
    /// Its current age in seconds.
    pub age: u32,
}

/// A rule: what holds for one response. Times are in seconds, as far as there are dates: 2^31 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// How long a response stays fresh that says nothing about it.
    pub min: u32,
    /// The share of the time since the last modification, in percent, for which a response with `Last-Modified` stays
    /// fresh.
    pub percent: u32,
    /// The longest lifetime that this rule gives.
    pub max: u32,
    /// `override-expire`: `min` holds also against a shorter lifetime that the response gives.
    pub override_expire: bool,
    /// `override-lastmod`: `min` holds also for responses with `Last-Modified`.
    pub override_lastmod: bool,
    /// `ignore-no-store`: the response is stored in spite of it.
    pub ignore_no_store: bool,
    /// `ignore-private`: the response is stored in spite of it.
    pub ignore_private: bool,
    /// `ignore-reload`: a client's `no-cache` and `max-age=0` are not heeded while the response is fresh.
    pub ignore_reload: bool,
    /// `max-stale`: how stale it may be served when its origin fails, whatever it says itself (`must-revalidate` holds).
    pub max_stale: Option<u32>,
}

impl Refresh {
    /// Squid's three numbers, in seconds and percent, and no options.
    pub const fn new(min: u32, percent: u32, max: u32) -> Self {
        Self {
            min,
            percent,
            max,
            override_expire: false,
            override_lastmod: false,
            ignore_no_store: false,
            ignore_private: false,
            ignore_reload: false,
            max_stale: None,
        }
    }

    /// A lifetime in seconds for whatever gives itself none.
    pub const fn lifetime_of(seconds: u32) -> Self {
        Self { override_lastmod: true, ..Self::new(seconds, 0, u32::MAX) }
    }

    /// The lifetime this rule gives, in seconds; none where the one the response gives itself is kept.
    pub fn lifetime(&self, given: Option<u32>, since_modified: Option<u32>) -> Option<u32> {
        let min = self.min.min(self.max);
        match (given, since_modified) {
            (Some(given), _) => (self.override_expire && given < min).then_some(min),
            (None, None) => Some(min),
            (None, Some(since)) => {
                let share = u64::from(since) * u64::from(self.percent) / 100;
                let share = u32::try_from(share).unwrap_or(u32::MAX).min(self.max);
                Some(if self.override_lastmod { share.max(min) } else { share })
            }
        }
    }

    /// Applies the rule to what was found out about a response.
    pub(crate) fn apply(&self, response: &mut ResponseFacts<'_>, facts: Facts) -> Facts {
        response.directives.no_store &= !self.ignore_no_store;
        response.directives.private &= !self.ignore_private;
        facts.under(self, response)
    }
}

impl<'a> Described<'a> {
    /// What a rule is told of the response to a request for this target.
    pub fn of(target: &'a Target, response: &ResponseFacts<'_>, facts: &Facts) -> Self {
        let length = response.fields.first("content-length");
        Self {
            scheme: target.scheme(),
            host: target.host(),
            path: target.path_and_query(),
            status: response.status,
            mime: Mime::of(response.fields.first("content-type").unwrap_or_default()),
            length: length.and_then(|length| str::from_utf8(length).ok()?.parse().ok()),
            lifetime: facts.has_explicit_lifetime().then_some(facts.lifetime()),
            since_modified: facts.since_modified(),
            age: facts.current_age(facts.response_time()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;
    use crate::rfc9111::freshness::{LifetimeSource, Times, Unsaid};
    use crate::rfc9111::{Uncacheable, store};
    use crate::time::UnixSecs;

    const NOW: UnixSecs = UnixSecs(784_111_777);
    const DAY: u32 = 86_400;

    #[track_caller]
    fn check(rule: Refresh, given: Option<u32>, since_modified: Option<u32>, expected: Option<u32>) {
        assert_eq!(rule.lifetime(given, since_modified), expected);
    }

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        lines.iter().for_each(|(name, value)| fields.push(name, value));
        fields
    }

    /// The facts of a response with these fields under a rule.
    fn ruled(rule: Refresh, lines: &[(&str, &str)]) -> Facts {
        let fields = fields(lines);
        let mut response = ResponseFacts::of(200, &fields, NOW);
        let facts = Facts::of(&response, Times::at(NOW), &Unsaid::default());
        rule.apply(&mut response, facts)
    }

    #[test]
    fn squids_arithmetic_is_followed() {
        let default = Refresh::new(0, 20, 3 * DAY);
        check(default, None, Some(10 * DAY), Some(2 * DAY));
        check(default, None, Some(100 * DAY), Some(3 * DAY));
        check(default, None, None, Some(0));
        check(default, Some(5), Some(10 * DAY), None);
        let ftp = Refresh::new(DAY, 20, 7 * DAY);
        check(ftp, None, None, Some(DAY));
        // With a date of modification the share alone counts.
        check(ftp, None, Some(100), Some(20));
        check(Refresh { override_lastmod: true, ..ftp }, None, Some(100), Some(DAY));
        check(Refresh { override_expire: true, ..ftp }, Some(5), None, Some(DAY));
        check(Refresh { override_expire: true, ..ftp }, Some(2 * DAY), None, None);
        check(Refresh::new(9, 0, 5), None, None, Some(5));
        check(Refresh::lifetime_of(60), None, Some(10 * DAY), Some(60));
        check(Refresh::new(0, u32::MAX, u32::MAX), None, Some(u32::MAX), Some(u32::MAX));
    }

    #[test]
    fn the_source_of_a_lifetime_is_told() {
        let source = |rule, fields: &[(&str, &str)]| ruled(rule, fields).lifetime_source();
        let rule = Refresh::lifetime_of(60);
        assert_eq!(source(rule, &[]), LifetimeSource::Rule);
        assert_eq!(source(rule, &[("Cache-Control", "max-age=5")]), LifetimeSource::MaxAge);
        let strict = Refresh { override_expire: true, ..rule };
        assert_eq!(source(strict, &[("Cache-Control", "max-age=5")]), LifetimeSource::Rule);
        assert_eq!(ruled(strict, &[("Cache-Control", "max-age=5")]).lifetime(), 60);
    }

    #[test]
    fn what_the_origin_forbids_stays_forbidden() {
        let rule = Refresh { override_expire: true, max_stale: Some(99), ..Refresh::lifetime_of(60) };
        let facts = ruled(rule, &[("Cache-Control", "no-cache, must-revalidate, max-age=1")]);
        assert!(facts.is_no_cache() && facts.is_stale_forbidden());
        // An age that says nothing leaves nothing to compare a lifetime with.
        assert_eq!(ruled(rule, &[("Age", "x")]).lifetime(), 0);
    }

    #[test]
    fn no_store_and_private_give_way_to_their_own_option_only() {
        let storing = |rule: Refresh, value: &str| {
            let fields = fields(&[("Cache-Control", value)]);
            let mut response = ResponseFacts::of(200, &fields, NOW);
            let facts = Facts::of(&response, Times::at(NOW), &Unsaid::default());
            let facts = rule.apply(&mut response, facts);
            let target = Target::absolute(b"http://a.test/", String::new()).unwrap();
            let request = Fields::new();
            let request = crate::rfc9111::RequestFacts::of(&request);
            store::may_store(&crate::rfc9111::Method::Get, &target, &request, &response, &facts).map(|_| ())
        };
        let rule = Refresh { override_expire: true, ..Refresh::lifetime_of(60) };
        assert_eq!(storing(rule, "no-store"), Err(Uncacheable::NoStore));
        assert_eq!(storing(rule, "private"), Err(Uncacheable::Private));
        assert_eq!(storing(Refresh { ignore_no_store: true, ..rule }, "no-store"), Ok(()));
        assert_eq!(
            storing(Refresh { ignore_no_store: true, ..rule }, "no-store, private"),
            Err(Uncacheable::Private)
        );
        assert_eq!(storing(Refresh { ignore_private: true, ..rule }, "private"), Ok(()));
    }
}
