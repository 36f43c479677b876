//! What caching needs to know of a request, gathered in one pass over its fields. Values are borrowed and, but for
//! `Cache-Control`, not parsed until something asks: a plain GET allocates nothing and parses nothing.

use super::cache_control::{RequestDirectives, is_pragma_no_cache};
use super::method::Method;
use crate::fields::Fields;

/// The fields of a request that caching looks at.
///
/// A field that must not be repeated but is has an empty value here, which every rule treats as a condition that
/// cannot be used.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// All fields; `Vary` may name any of them.
    pub fields: &'a Fields,
    /// `Cache-Control`, and `Pragma` where it counts.
    pub directives: RequestDirectives,
    /// `Host`.
    pub host: Option<&'a [u8]>,
    /// `Range`.
    pub range: Option<&'a [u8]>,
    /// `If-Range`.
    pub if_range: Option<&'a [u8]>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<&'a [u8]>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<&'a [u8]>,
    /// Whether there is `If-None-Match`.
    pub has_if_none_match: bool,
    /// Whether there is `If-Match`.
    pub has_if_match: bool,
    /// Whether there is `Authorization`.
    pub has_authorization: bool,
    /// Whether content comes with the request.
    pub has_content: bool,
    /// Whether a field asks frameworks to treat the request as one of another method.
    pub has_method_override: bool,
}

impl<'a> RequestFacts<'a> {
    /// Gathers the facts.
    pub fn of(fields: &'a Fields) -> Self {
        let mut facts = Self {
            fields,
            directives: RequestDirectives::default(),
            host: None,
            range: None,
            if_range: None,
            if_modified_since: None,
            if_unmodified_since: None,
            has_if_none_match: false,
            has_if_match: false,
            has_authorization: false,
            has_content: false,
            has_method_override: false,
        };
        let (mut has_cache_control, mut has_pragma_no_cache) = (false, false);
        for (name, value) in fields.iter() {
            // The length tells most fields apart before any byte is compared.
            match name.len() {
                4 if is(name, b"host") => once(&mut facts.host, value),
                5 if is(name, b"range") => once(&mut facts.range, value),
                6 if is(name, b"pragma") => has_pragma_no_cache |= is_pragma_no_cache(value),
                8 if is(name, b"if-range") => once(&mut facts.if_range, value),
                8 if is(name, b"if-match") => facts.has_if_match = true,
                13 if is(name, b"cache-control") => {
                    has_cache_control = true;
                    facts.directives.add_line(value);
                }
                13 if is(name, b"if-none-match") => facts.has_if_none_match = true,
                13 if is(name, b"authorization") => facts.has_authorization = true,
                13 if is(name, b"x-http-method") => facts.has_method_override = true,
                14 if is(name, b"content-length") => facts.has_content |= value != b"0",
                17 if is(name, b"if-modified-since") => once(&mut facts.if_modified_since, value),
                17 if is(name, b"transfer-encoding") => facts.has_content = true,
                17 if is(name, b"x-method-override") => facts.has_method_override = true,
                19 if is(name, b"if-unmodified-since") => once(&mut facts.if_unmodified_since, value),
                22 if is(name, b"x-http-method-override") => facts.has_method_override = true,
                _ => {}
            }
        }
        facts.directives.no_cache |= has_pragma_no_cache && !has_cache_control;
        facts
    }

    /// Whether a stored response may answer the request, if one matches. Content with a GET means nothing in HTTP, but
    /// some origins read it, and the key does not hold it.
    pub fn may_be_answered_from_store(&self, method: &Method) -> bool {
        method.is_answered_from_store() && !self.has_content && !self.has_method_override
    }

    /// Whether the request has any precondition (RFC 9110 section 13.1), `If-Range` left aside.
    pub fn is_conditional(&self) -> bool {
        self.has_if_none_match
            || self.has_if_match
            || self.if_modified_since.is_some()
            || self.if_unmodified_since.is_some()
    }
}

fn is(name: &[u8], field: &[u8]) -> bool {
    name.eq_ignore_ascii_case(field)
}

fn once<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) {
    *slot = Some(if slot.is_none() { value } else { b"" });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        lines.iter().copied().collect()
    }

    #[test]
    fn facts_are_found_whatever_the_case() {
        let fields = fields(&[
            ("HOST", "example.com"),
            ("Range", "bytes=0-1"),
            ("if-range", "\"a\""),
            ("If-None-Match", "\"a\""),
            ("If-Match", "\"b\""),
            ("If-Modified-Since", "x"),
            ("If-Unmodified-Since", "y"),
            ("Authorization", "z"),
            ("Content-Length", "3"),
            ("Cache-Control", "max-age=1"),
            ("X-HTTP-Method-Override", "DELETE"),
        ]);
        let facts = RequestFacts::of(&fields);
        assert_eq!(facts.host, Some(&b"example.com"[..]));
        assert_eq!(facts.range, Some(&b"bytes=0-1"[..]));
        assert_eq!(facts.if_range, Some(&b"\"a\""[..]));
        assert_eq!(facts.if_modified_since, Some(&b"x"[..]));
        assert_eq!(facts.if_unmodified_since, Some(&b"y"[..]));
        assert_eq!(facts.directives.max_age, Some(1));
        assert!(facts.has_if_none_match && facts.has_if_match && facts.has_authorization);
        assert!(facts.has_content && facts.has_method_override && facts.is_conditional());
    }

    #[test]
    fn a_repeated_single_field_cannot_be_used() {
        let fields = fields(&[("Range", "bytes=0-1"), ("Range", "bytes=2-3"), ("Content-Length", "0")]);
        let facts = RequestFacts::of(&fields);
        assert_eq!(facts.range, Some(&b""[..]));
        assert!(!facts.has_content && !facts.is_conditional());
    }

    #[test]
    fn pragma_counts_only_without_cache_control() {
        let check = |lines: &[(&str, &str)], expected: bool| {
            let fields = fields(lines);
            assert_eq!(RequestFacts::of(&fields).directives.no_cache, expected, "{lines:?}");
            assert_eq!(RequestDirectives::of(&fields).no_cache, expected, "{lines:?}");
        };
        check(&[("Pragma", "no-cache")], true);
        check(&[("Pragma", "x, NO-CACHE")], true);
        check(&[("Pragma", "foo")], false);
        check(&[("Pragma", "no-cache"), ("Cache-Control", "max-age=5")], false);
        check(&[("Cache-Control", "nothing-to-see-here"), ("Pragma", "no-cache")], false);
    }
}
