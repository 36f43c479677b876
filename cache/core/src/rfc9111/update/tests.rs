//! Which stored response a 304 is about; what it changes is tested with section 3.2.

use super::*;

/// Asserts which of the responses with these `ETag`s and `Last-Modified`s a 304 selects.
#[track_caller]
fn check(new: &[(&str, &str)], offered: &[(Option<&str>, Option<&str>)], expected: Option<usize>) {
    let new_fields: Fields = new.iter().copied().collect();
    let offered: Vec<Validators<'_>> = offered
        .iter()
        .map(|&(etag, date)| Validators {
            etag: etag.map(str::as_bytes),
            last_modified: date.map(str::as_bytes),
        })
        .collect();
    assert_eq!(selected_by_304(&new_fields, &offered), expected, "{new:?} of {offered:?}");
}

#[test]
fn a_strong_tag_selects_only_its_own() {
    let offered = [(Some("\"a\""), None), (Some("\"b\""), None), (Some("W/\"c\""), None)];
    check(&[("ETag", "\"b\"")], &offered, Some(1));
    check(&[("ETag", "\"c\"")], &offered, None);
    check(&[("ETag", "\"d\"")], &offered, None);
}

#[test]
fn a_weak_tag_selects_what_it_matches() {
    let offered = [(Some("\"a\""), None), (Some("W/\"b\""), None)];
    check(&[("ETag", "W/\"a\"")], &offered, Some(0));
    check(&[("ETag", "W/\"b\"")], &offered, Some(1));
    check(&[("ETag", "W/\"d\"")], &offered, None);
}

#[test]
fn a_date_selects_where_there_is_no_tag() {
    let offered = [(Some("\"a\""), Some("d")), (None, Some("e"))];
    check(&[("Last-Modified", "e")], &offered, Some(1));
    check(&[("Last-Modified", "f")], &offered, None);
    check(&[], &offered, None);
}

#[test]
fn the_only_one_offered_is_selected() {
    for new in [&[][..], &[("ETag", "\"b\"")], &[("Last-Modified", "e")]] {
        check(new, &[(Some("\"a\""), Some("d"))], Some(0));
    }
    check(&[("ETag", "\"a\"")], &[], None);
}
