//! RFC 8246: immutable.

use super::*;

const IMMUTABLE: &str = "Cache-Control: max-age=60, immutable\nETag: \"a\"";

#[test]
fn a_reload_does_not_validate_what_cannot_have_changed() {
    check(Story::new(IMMUTABLE).after(3).next("Cache-Control: max-age=0"), Source::Store);
    check(Story::new(IMMUTABLE).after(3).next("Cache-Control: no-cache"), Source::Validated);
    check(Story::new(IMMUTABLE).after(3).next("Cache-Control: min-fresh=60"), Source::Validated);
}

#[test]
fn once_stale_it_is_like_any_other() {
    check(Story::new(IMMUTABLE).after(60), Source::Validated);
    check(Story::new(IMMUTABLE).after(60).next("Cache-Control: max-age=0"), Source::Validated);
}
