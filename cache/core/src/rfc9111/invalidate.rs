//! What a successful unsafe request makes unusable (RFC 9111 section 4.4): the stored responses of its target, and of
//! what the response names as changed, if that is on the same origin.

use smallvec::SmallVec;

use super::method::Method;
use super::target::Target;
use crate::fields::Fields;

/// Whether the response to that method invalidates anything: the method is not safe, or not known to be, and the status
/// is no error.
pub fn is_invalidating(method: &Method, status: u16) -> bool {
    !method.is_safe() && *method != Method::Connect && (200..400).contains(&status)
}

/// The targets that are invalidated besides the request's own: `Location` and `Content-Location`. Those of another
/// origin are left alone, or anyone could empty the cache of another site.
pub fn named_targets(target: &Target, response: &Fields) -> SmallVec<[Target; 2]> {
    let references = ["location", "content-location"].into_iter().filter_map(|name| response.first(name));
    let named = references.filter_map(|reference| target.resolve(reference).ok());
    named.filter(|named| named.has_same_origin(target) && named != target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Target {
        Target::absolute(uri.as_bytes(), String::new()).unwrap()
    }

    #[test]
    fn unsafe_methods_invalidate_unless_they_fail() {
        let check = |method: &str, status: u16, expected: bool| {
            let method = Method::parse(method.as_bytes()).unwrap();
            assert_eq!(is_invalidating(&method, status), expected, "{method} {status}");
        };
        for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "PURGE"] {
            for status in [200, 201, 204, 303, 399] {
                check(method, status, true);
            }
            for status in [100, 199, 400, 404, 500, 999] {
                check(method, status, false);
            }
        }
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"] {
            check(method, 200, false);
        }
    }

    fn check_named(lines: &[(&str, &str)], expected: &[&str]) {
        let fields: Fields = lines.iter().copied().collect();
        let named = named_targets(&target("http://example.com/a/b"), &fields);
        assert_eq!(named.iter().map(Target::key).collect::<Vec<_>>(), expected, "{lines:?}");
    }

    #[test]
    fn named_targets_of_the_same_origin_are_invalidated() {
        check_named(&[], &[]);
        check_named(&[("Location", "c")], &["http://example.com/a/c"]);
        check_named(&[("Content-Location", "/c?d")], &["http://example.com/c?d"]);
        check_named(
            &[("Location", "http://EXAMPLE.com:80/x"), ("Content-Location", "y")],
            &["http://example.com/x", "http://example.com/a/y"],
        );
        check_named(&[("Location", "/a/b"), ("Content-Location", "")], &[]);
    }

    #[test]
    fn another_origin_is_left_alone() {
        check_named(&[("Location", "http://other.example/")], &[]);
        check_named(&[("Location", "https://example.com/")], &[]);
        check_named(&[("Location", "http://example.com:8080/")], &[]);
        check_named(&[("Location", "//example.com.evil.example/")], &[]);
        check_named(&[("Location", "javascript:alert(1)")], &[]);
        check_named(&[("Location", "http://[")], &[]);
    }
}
