//! The `refresh_pattern` lines of Squid's default configuration:
//!
//! ```text
//! refresh_pattern ^ftp:             1440  20%  10080
//! refresh_pattern -i (/cgi-bin/|\?) 0      0%      0
//! refresh_pattern .                 0     20%   4320
//! ```

use std::borrow::Cow;

use cnn_core::policy::{Freshness, FreshnessFactory, FreshnessManifest};
use cnn_core::rfc9111::{Described, Refresh};

pub(super) const FACTORY: FreshnessFactory = FreshnessFactory { manifest, build: |_| Box::new(SquidDefault) };

/// Seconds in a minute, Squid's unit.
const MINUTE: u32 = 60;
const DYNAMIC: Refresh = Refresh::new(0, 0, 0);
const OTHER: Refresh = Refresh::new(0, 20, 4_320 * MINUTE);

fn manifest() -> FreshnessManifest {
    FreshnessManifest {
        name: Cow::Borrowed("squid-default"),
        summary: Cow::Borrowed(
            "Squid's default: a fifth of the time unchanged, three days at most, nothing for queries",
        ),
        paper: Cow::Borrowed("Squid's default configuration, refresh_pattern"),
        parameters: Cow::Borrowed(&[]),
    }
}

struct SquidDefault;

impl Freshness for SquidDefault {
    /// There is no FTP here, so its line never matches.
    fn refresh(&mut self, response: &Described<'_>) -> Option<Refresh> {
        let is_cgi = |window: &[u8]| window.eq_ignore_ascii_case(b"/cgi-bin/");
        let is_dynamic = response.path.contains('?') || response.path.as_bytes().windows(9).any(is_cgi);
        Some(if is_dynamic { DYNAMIC } else { OTHER })
    }
}

#[cfg(test)]
mod tests {
    use cnn_core::fields::Fields;
    use cnn_core::rfc9111::{Facts, ResponseFacts, Target, Times, Unsaid};
    use cnn_core::time::UnixSecs;

    use super::*;
    use crate::freshness::choose;

    /// The lifetime a response for this URL gets that was modified so many seconds before it was made.
    #[track_caller]
    fn check(spec: &str, url: &str, since_modified: Option<u32>, expected: u32) {
        let now = UnixSecs(784_111_777);
        let target = Target::absolute(url.as_bytes(), String::new()).expect("a URL");
        let fields = Fields::new();
        let response = ResponseFacts::of(200, &fields, now);
        let facts = Facts::of(&response, Times::at(now), &Unsaid::default());
        let described = Described { since_modified, ..Described::of(&target, &response, &facts) };
        let rule = choose(spec).expect("rules").build().refresh(&described).expect("a rule");
        assert_eq!(rule.lifetime(None, since_modified), Some(expected), "{spec} {url}");
    }

    #[test]
    fn the_lines_are_squids() {
        check("squid-default", "http://a.test/page", Some(1_000), 200);
        check("squid-default", "http://a.test/page", Some(u32::MAX), 259_200);
        check("squid-default", "http://a.test/page", None, 0);
        check("squid-default", "http://a.test/page?a=1", Some(1_000), 0);
        check("squid-default", "http://a.test/CGI-bin/page", Some(1_000), 0);
        check("squid-default", "http://a.test/cgi-binary", Some(1_000), 200);
    }

    #[test]
    fn one_line_takes_squids_numbers() {
        check("refresh", "http://a.test/?q", Some(1_000), 200);
        check("refresh(min=5,percent=50,max=10)", "http://a.test/", None, 300);
        check("refresh(min=5,percent=50,max=10)", "http://a.test/", Some(100_000), 600);
        assert!(choose("refresh(percent=-1)").is_err() && choose("squid").is_err());
    }
}
