//! What caching needs to know of a response that has just come, gathered in one pass over its fields. Values are
//! borrowed; dates are parsed, since storing needs them all.

use super::cache_control::{ResponseDirectives, TARGETED, delta_seconds};
use super::date;
use crate::fields::Fields;
use crate::time::UnixSecs;

/// The status and the fields of a response that caching looks at.
#[derive(Clone, Debug)]
pub struct ResponseFacts<'a> {
    /// The status code.
    pub status: u16,
    /// All fields.
    pub fields: &'a Fields,
    /// `Cache-Control`, or the targeted field that stands for it.
    pub directives: ResponseDirectives<'a>,
    /// `Date`, when it is a date.
    pub date: Option<UnixSecs>,
    /// `Expires`; what is no date is long past (RFC 9111 section 5.3), and of several lines the earliest counts.
    pub expires: Option<UnixSecs>,
    /// `Age`.
    pub age: Age,
    /// `Last-Modified`, when it is a date.
    pub last_modified: Option<UnixSecs>,
    /// `ETag` as received.
    pub etag: Option<&'a [u8]>,
    /// `Content-Location`.
    pub content_location: Option<&'a [u8]>,
    /// Whether there is `Set-Cookie`.
    pub has_set_cookie: bool,
    /// Whether there is `Vary`.
    pub has_vary: bool,
}

/// What `Age` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Age {
    /// There is none.
    #[default]
    Absent,
    /// That many seconds, at most 2^31.
    Seconds(u32),
    /// It says nothing that can be used; the response counts as stale.
    Invalid,
}

/// A time before every date.
const LONG_PAST: UnixSecs = UnixSecs(i64::MIN);

impl<'a> ResponseFacts<'a> {
    /// Gathers the facts. `now` decides the century of a two-digit year.
    pub fn of(status: u16, fields: &'a Fields, now: UnixSecs) -> Self {
        let mut facts = Self {
            status,
            fields,
            directives: ResponseDirectives::default(),
            date: None,
            expires: None,
            age: Age::Absent,
            last_modified: None,
            etag: None,
            content_location: None,
            has_set_cookie: false,
            has_vary: false,
        };
        let mut has_targeted = false;
        for (name, value) in fields.iter() {
            match name.len() {
                3 if is(name, "age") => facts.age = facts.age.and_line(value),
                4 if is(name, "date") => facts.date = facts.date.or_else(|| date::parse(value, now)),
                4 if is(name, "etag") => facts.etag = facts.etag.or(Some(value)),
                4 if is(name, "vary") => facts.has_vary = true,
                7 if is(name, "expires") => {
                    let expires = date::parse(value, now).unwrap_or(LONG_PAST);
                    facts.expires = Some(facts.expires.map_or(expires, |earlier| earlier.min(expires)));
                }
                10 if is(name, "set-cookie") => facts.has_set_cookie = true,
                13 if is(name, "cache-control") => facts.directives.add_line(value),
                13 if is(name, "last-modified") => {
                    facts.last_modified = facts.last_modified.or_else(|| date::parse(value, now));
                }
                16 if is(name, "content-location") => facts.content_location = Some(value),
                17 => has_targeted |= TARGETED.iter().any(|targeted| is(name, targeted)),
                _ => {}
            }
        }
        if has_targeted {
            facts.directives = ResponseDirectives::of(fields);
        }
        facts
    }

    /// Whether it has an explicit lifetime, be it zero (RFC 9111 section 4.2.1).
    pub fn has_explicit_lifetime(&self) -> bool {
        self.directives.s_maxage.is_some()
            || self.directives.max_age.is_some()
            || self.expires.is_some() && !self.directives.is_targeted
    }

    /// Whether it can be validated (RFC 9110 section 8.8).
    pub fn has_validator(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }

    /// Whether its lifetime may be guessed: its status code says so (RFC 9110 section 15.1; 451 by RFC 7725), or it is
    /// marked public (RFC 9111 section 4.2.2).
    pub fn is_heuristically_cacheable(&self) -> bool {
        const STATUSES: [u16; 13] = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 451, 501];
        self.directives.public || STATUSES.contains(&self.status)
    }
}

impl Age {
    /// `Age` has one value (RFC 9111 section 5.1). Several lines, or what an intermediary makes of them by joining them
    /// with a comma and a space, were added by caches that disagree: not usable. Of a list that one sender wrote the
    /// first member counts, as the RFC says. That other values are not usable is stricter than the RFC, which would
    /// ignore them; the public test suite asks for it, and the price is a validation.
    fn and_line(self, value: &[u8]) -> Self {
        let comma = memchr::memchr(b',', value);
        let (first, rest) = value.split_at(comma.unwrap_or(value.len()));
        if self != Self::Absent || matches!(rest, [b',', b' ' | b'\t', ..]) {
            return Self::Invalid;
        }
        delta_seconds(first).map_or(Self::Invalid, Self::Seconds)
    }
}

fn is(name: &[u8], field: &str) -> bool {
    name.eq_ignore_ascii_case(field.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSecs = UnixSecs(1_800_000_000);

    fn check_age(lines: &[&str], expected: Age) {
        let fields: Fields = lines.iter().map(|&value| ("Age", value)).collect();
        assert_eq!(ResponseFacts::of(200, &fields, NOW).age, expected, "{lines:?}");
    }

    #[test]
    fn age_is_one_number() {
        check_age(&[], Age::Absent);
        check_age(&["0"], Age::Seconds(0));
        check_age(&["007"], Age::Seconds(7));
        check_age(&["99999999999999999999"], Age::Seconds(1 << 31));
        check_age(&["0,7200"], Age::Seconds(0));
        check_age(&["7200,0"], Age::Seconds(7200));
        for value in
            ["", "abc", "-7200", "7200.0", "7200;foo=bar", "7200;foo=111", "0, 0", "3600, 3600", "+1"]
        {
            check_age(&[value], Age::Invalid);
        }
        check_age(&["0", "0"], Age::Invalid);
        check_age(&["0", "7200"], Age::Invalid);
        check_age(&["7200", "0"], Age::Invalid);
    }

    #[test]
    fn expires_that_is_no_date_is_long_past() {
        let check = |lines: &[&str], expected: Option<UnixSecs>| {
            let fields: Fields = lines.iter().map(|&value| ("Expires", value)).collect();
            assert_eq!(ResponseFacts::of(200, &fields, NOW).expires, expected, "{lines:?}");
        };
        check(&[], None);
        check(&["Sun, 06 Nov 1994 08:49:37 GMT"], Some(UnixSecs(784_111_777)));
        check(&["0"], Some(LONG_PAST));
        check(&[""], Some(LONG_PAST));
        check(
            &["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT"],
            Some(UnixSecs(784_111_776)),
        );
        check(&["Sun, 06 Nov 1994 08:49:37 GMT", "0"], Some(LONG_PAST));
    }

    #[test]
    fn the_first_of_repeated_validators_counts() {
        let fields: Fields =
            [("ETag", "\"a\""), ("etag", "\"b\""), ("Last-Modified", "x")].into_iter().collect();
        let facts = ResponseFacts::of(200, &fields, NOW);
        assert_eq!((facts.etag, facts.last_modified), (Some(&b"\"a\""[..]), None));
        assert!(facts.has_validator());
    }

    #[test]
    fn a_targeted_field_replaces_cache_control_and_expires() {
        let check = |targeted: &str, is_targeted: bool, max_age: Option<u32>, has_lifetime: bool| {
            let fields: Fields =
                [("Cache-Control", "max-age=1"), ("Expires", "0"), ("CDN-Cache-Control", targeted)]
                    .into_iter()
                    .collect();
            let facts = ResponseFacts::of(200, &fields, NOW);
            assert_eq!(
                (facts.directives.is_targeted, facts.directives.max_age, facts.has_explicit_lifetime()),
                (is_targeted, max_age, has_lifetime),
                "{targeted:?}"
            );
        };
        check("max-age=60", true, Some(60), true);
        check("must-revalidate", true, None, false);
        check("", false, Some(1), true);
        check("max-age=60,", false, Some(1), true);
        check("MAX-AGE=60", false, Some(1), true);
    }
}
