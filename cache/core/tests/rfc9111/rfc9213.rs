//! RFC 9213: targeted cache control.

use super::*;

#[test]
fn a_targeted_field_takes_the_place_of_cache_control_and_expires() {
    check(Story::new("Cache-Control: no-store\nCDN-Cache-Control: max-age=60").after(59), Source::Store);
    check(Story::new("Cache-Control: max-age=60\nCDN-Cache-Control: no-store"), Source::Origin);
    check(Story::new("Cache-Control: max-age=60\nCDN-Cache-Control: max-age=600").after(599), Source::Store);
    check(Story::new("Cache-Control: max-age=600\nCDN-Cache-Control: max-age=60").after(60), Source::Origin);
    check(Story::new("Expires: {+600}\nCDN-Cache-Control: max-age=60").after(60), Source::Origin);
    check(Story::new("Expires: {+600}\nETag: \"a\"\nCDN-Cache-Control: must-revalidate"), Source::Validated);
    check(Story::new("CDN-Cache-Control: max-age=60\nCDN-Cache-Control: no-store"), Source::Origin);
    check(Story::new("Cache-Control: private\nCDN-Cache-Control: max-age=60;p=1, x=(1 2)"), Source::Store);
    check(Story::new("CDN-Cache-Control: max-age=60, no-store=?0"), Source::Store);
}

#[test]
fn a_field_that_is_empty_or_cannot_be_read_is_ignored() {
    for response in [
        "Cache-Control: max-age=60\nCDN-Cache-Control:",
        "Cache-Control: max-age=60\nCDN-Cache-Control: no-store,",
        "Cache-Control: max-age=60\nCDN-Cache-Control: NO-STORE",
        "Cache-Control: max-age=60\nCDN-Cache-Control: max-age=\"1",
    ] {
        check(Story::new(response).after(59), Source::Store);
    }
}

#[test]
fn a_lifetime_of_the_wrong_type_is_no_lifetime() {
    for response in [
        "Cache-Control: max-age=60\nCDN-Cache-Control: max-age=\"60\"",
        "Cache-Control: max-age=60\nCDN-Cache-Control: max-age=60.5",
        "Cache-Control: max-age=60\nCDN-Cache-Control: max-age=-1",
        "Cache-Control: max-age=60\nCDN-Cache-Control: max-age",
    ] {
        check(Story::new(response), Source::Origin);
    }
}
