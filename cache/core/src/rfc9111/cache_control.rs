//! The directives of `Cache-Control` in requests and responses (RFC 9111 section 5.2), of the fields targeted at caches
//! like this one (RFC 9213), and of their extensions in RFC 5861 (stale-while-revalidate, stale-if-error) and RFC 8246
//! (immutable).
//!
//! Senders make mistakes; where a directive can be read in two ways the one that reuses less is taken: of two values
//! the smaller, of a malformed lifetime zero, of a malformed list of fields the directive without it. Unknown
//! directives are ignored.

use smallvec::SmallVec;

use super::structured;
use crate::fields::{Fields, split_list};

/// Largest number of seconds; greater ones mean this many (RFC 9111 section 1.2.2).
pub const DELTA_SECONDS_MAX: u32 = 1 << 31;

/// Fields targeted at this cache, the most specific first (RFC 9213 section 2.2). The first that is there and can be
/// read replaces `Cache-Control` and `Expires`.
pub const TARGETED: [&str; 1] = ["CDN-Cache-Control"];

/// What a client asks of caches (RFC 9111 section 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// Validate before you reuse. Also set by `Pragma: no-cache` when there is no `Cache-Control`.
    pub no_cache: bool,
    /// Store nothing of this exchange.
    pub no_store: bool,
    /// Change no content.
    pub no_transform: bool,
    /// Answer from the store or with 504.
    pub only_if_cached: bool,
    /// Greatest current age wanted, in seconds.
    pub max_age: Option<u32>,
    /// Greatest staleness accepted, in seconds; [`u32::MAX`] for any.
    pub max_stale: Option<u32>,
    /// Seconds for which the response must stay fresh.
    pub min_fresh: Option<u32>,
    /// Greatest staleness accepted when the origin fails, in seconds (RFC 5861 section 4).
    pub stale_if_error: Option<u32>,
}

/// What an origin tells caches (RFC 9111 section 5.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives<'a> {
    /// Store nothing of it.
    pub no_store: bool,
    /// Validate before each reuse.
    pub no_cache: bool,
    /// For the user only: a shared cache stores nothing of it.
    pub private: bool,
    /// May be stored even where it otherwise might not.
    pub public: bool,
    /// Once stale, never reused without validation.
    pub must_revalidate: bool,
    /// The same, for shared caches.
    pub proxy_revalidate: bool,
    /// Only to be stored by who knows what its status code asks.
    pub must_understand: bool,
    /// Change no content.
    pub no_transform: bool,
    /// Will not change while it is fresh (RFC 8246).
    pub immutable: bool,
    /// Freshness lifetime in seconds.
    pub max_age: Option<u32>,
    /// Freshness lifetime in shared caches, in seconds.
    pub s_maxage: Option<u32>,
    /// Seconds for which it may be reused stale while it is validated (RFC 5861 section 3).
    pub stale_while_revalidate: Option<u32>,
    /// Seconds for which it may be reused stale when the origin fails (RFC 5861 section 4).
    pub stale_if_error: Option<u32>,
    /// Whether they come from a targeted field, in which case `Expires` counts for nothing.
    pub is_targeted: bool,
    /// Arguments of `no-cache="..."` and `private="..."`: lists of names of fields that are not stored.
    pub withheld: SmallVec<[&'a [u8]; 2]>,
}

impl RequestDirectives {
    /// Reads the directives of a request's fields.
    pub fn of(fields: &Fields) -> Self {
        let mut directives = Self::default();
        let (mut has_cache_control, mut has_pragma_no_cache) = (false, false);
        for (name, value) in fields.iter() {
            if name.eq_ignore_ascii_case(b"cache-control") {
                has_cache_control = true;
                directives.add_line(value);
            } else if name.eq_ignore_ascii_case(b"pragma") {
                has_pragma_no_cache |= is_pragma_no_cache(value);
            }
        }
        directives.no_cache |= has_pragma_no_cache && !has_cache_control;
        directives
    }

    /// Adds the directives of one `Cache-Control` line.
    pub(super) fn add_line(&mut self, value: &[u8]) {
        for member in split_list(value) {
            let (name, argument) = name_and_argument(member);
            self.add(name, argument);
        }
    }

    fn add(&mut self, name: &[u8], argument: Argument<'_>) {
        if is(name, "no-cache") {
            self.no_cache = true;
        } else if is(name, "no-store") {
            self.no_store = true;
        } else if is(name, "no-transform") {
            self.no_transform = true;
        } else if is(name, "only-if-cached") {
            self.only_if_cached = true;
        } else if is(name, "max-age") {
            lower(&mut self.max_age, argument.seconds().unwrap_or(0));
        } else if is(name, "max-stale") {
            let any = matches!(argument, Argument::None).then_some(u32::MAX);
            lower(&mut self.max_stale, any.or(argument.seconds()).unwrap_or(0));
        } else if is(name, "min-fresh") {
            self.min_fresh = self.min_fresh.max(argument.seconds());
        } else if is(name, "stale-if-error") {
            lower(&mut self.stale_if_error, argument.seconds().unwrap_or(0));
        }
    }
}

impl<'a> ResponseDirectives<'a> {
    /// Reads the directives of a response's fields.
    pub fn of(fields: &'a Fields) -> Self {
        let targeted = TARGETED.into_iter().find_map(|name| Self::targeted(fields.all(name)));
        targeted.unwrap_or_else(|| {
            let mut directives = Self::default();
            for value in fields.all("cache-control") {
                directives.add_line(value);
            }
            directives
        })
    }

    /// Reads the lines of a targeted field; `None` when there are none, or they are empty or no dictionary: such a
    /// field is ignored as a whole (RFC 9213 section 2.1).
    pub(super) fn targeted(lines: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let members = structured::dictionary(lines)?;
        if members.is_empty() {
            return None;
        }
        let mut directives = Self { is_targeted: true, ..Self::default() };
        for (name, value) in &members {
            directives.add(name.as_bytes(), Argument::of_item(value));
        }
        Some(directives)
    }

    /// Adds the directives of one `Cache-Control` line.
    pub(super) fn add_line(&mut self, value: &'a [u8]) {
        for member in split_list(value) {
            let (name, argument) = name_and_argument(member);
            if !self.withhold(name, argument) {
                self.add(name, argument);
            }
        }
    }

    /// The names of fields that must not be stored, though the response may be.
    pub fn withheld_names(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.withheld.iter().flat_map(|names| split_list(names))
    }

    /// Takes a qualified `no-cache` or `private`, when its argument is a quoted list of at least one name.
    fn withhold(&mut self, name: &[u8], argument: Argument<'a>) -> bool {
        let Argument::Quoted(names) = argument else { return false };
        let is_qualifiable = is(name, "no-cache") || is(name, "private");
        let is_name = |name: &[u8]| name.iter().all(|&b| super::method::is_tchar(b));
        let is_list = split_list(names).next().is_some() && split_list(names).all(is_name);
        if is_qualifiable && is_list {
            self.withheld.push(names);
        }
        is_qualifiable && is_list
    }

    fn add(&mut self, name: &[u8], argument: Argument<'_>) {
        if matches!(argument, Argument::False) {
            return;
        }
        if is(name, "max-age") {
            lower(&mut self.max_age, argument.seconds().unwrap_or(0));
        } else if is(name, "s-maxage") {
            lower(&mut self.s_maxage, argument.seconds().unwrap_or(0));
        } else if is(name, "stale-while-revalidate") {
            lower(&mut self.stale_while_revalidate, argument.seconds().unwrap_or(0));
        } else if is(name, "stale-if-error") {
            lower(&mut self.stale_if_error, argument.seconds().unwrap_or(0));
        } else if let Some(flag) = self.flag(name) {
            *flag = true;
        }
    }

    fn flag(&mut self, name: &[u8]) -> Option<&mut bool> {
        let flags = [
            ("no-store", &mut self.no_store),
            ("no-cache", &mut self.no_cache),
            ("private", &mut self.private),
            ("public", &mut self.public),
            ("must-revalidate", &mut self.must_revalidate),
            ("proxy-revalidate", &mut self.proxy_revalidate),
            ("must-understand", &mut self.must_understand),
            ("no-transform", &mut self.no_transform),
            ("immutable", &mut self.immutable),
        ];
        flags.into_iter().find(|(directive, _)| is(name, directive)).map(|(_, flag)| flag)
    }
}

/// Whether one `Pragma` line has `no-cache` (RFC 9111 section 5.4).
pub(super) fn is_pragma_no_cache(value: &[u8]) -> bool {
    split_list(value).any(|member| is(member, "no-cache"))
}

/// A number of seconds: digits only; more than [`DELTA_SECONDS_MAX`] is that many.
pub(super) fn delta_seconds(digits: &[u8]) -> Option<u32> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        let add = |number: u32, digit: &u8| number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
        digits.iter().fold(0, add).min(DELTA_SECONDS_MAX)
    })
}

/// What stands after a directive's equals sign.
#[derive(Clone, Copy)]
enum Argument<'a> {
    None,
    Token(&'a [u8]),
    Quoted(&'a [u8]),
    Number(i64),
    /// In a targeted field, `name=?0`: the directive is not meant.
    False,
    Malformed,
}

impl<'a> Argument<'a> {
    fn seconds(self) -> Option<u32> {
        match self {
            Self::Token(value) | Self::Quoted(value) => delta_seconds(value),
            Self::Number(value) => u32::try_from(value.min(DELTA_SECONDS_MAX.into())).ok(),
            Self::None | Self::False | Self::Malformed => None,
        }
    }

    fn of_item(item: &structured::Item) -> Self {
        match *item {
            structured::Item::Integer(number) => Self::Number(number),
            structured::Item::Boolean(true) => Self::None,
            structured::Item::Boolean(false) => Self::False,
            structured::Item::Other => Self::Malformed,
        }
    }
}

/// Splits a directive at its equals sign. White space beside it is not allowed: the argument is then malformed.
fn name_and_argument(member: &[u8]) -> (&[u8], Argument<'_>) {
    let Some(equals) = memchr::memchr(b'=', member) else { return (member, Argument::None) };
    let (name, argument) = (&member[..equals], &member[equals + 1..]);
    let argument = match argument {
        _ if name.trim_ascii_end().len() != name.len() => Argument::Malformed,
        [b'"', quoted @ .., b'"'] if !quoted.contains(&b'\\') => Argument::Quoted(quoted),
        [] | [b'"' | b' ' | b'\t', ..] => Argument::Malformed,
        _ => Argument::Token(argument),
    };
    (name.trim_ascii_end(), argument)
}

fn is(name: &[u8], directive: &str) -> bool {
    name.eq_ignore_ascii_case(directive.as_bytes())
}

fn lower(seconds: &mut Option<u32>, value: u32) {
    *seconds = Some(seconds.map_or(value, |old| old.min(value)));
}

#[cfg(test)]
mod tests;
