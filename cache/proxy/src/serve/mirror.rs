//! What monitors are told of a request: a record with its numbers, and the host and path it asked for. Who asked is not
//! told, and neither is a query.

use std::time::Duration;

use cnn_core::monitor::{Request, RequestFlags, Served, Verb};
use cnn_core::policy::Mime;
use cnn_core::time::Tick;

use super::record::{Account, Line};
use crate::log::{Ending, Outcome, ResultCode};
use crate::origin;
use crate::worker::Worker;

/// What asking the origin for a request came to; nothing where another request had asked already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FromOrigin {
    /// Bytes received, header included.
    pub(super) bytes: u64,
    /// Until the head of the response was here.
    pub(super) ttfb_us: u32,
    /// Until the last of it was here.
    pub(super) us: u32,
}

impl FromOrigin {
    /// What is known of an exchange that has taken this long.
    pub(super) fn of(report: &origin::Report, took_us: u64) -> Self {
        Self { bytes: report.bytes_in, ttfb_us: micros(report.timings.head), us: saturated(took_us) }
    }
}

impl Worker {
    /// Tells the monitors of a request that is over.
    #[cold]
    pub(super) fn mirror(&self, line: &Line<'_>, account: &Account, bytes: u64, now: Tick) {
        let url = str::from_utf8(line.url).unwrap_or_default();
        let parts = Parts::of(url);
        let total_us = saturated(now.since(line.started));
        let begun_us = account.begun.map(|begun| saturated(begun.since(line.started)));
        let FromOrigin { bytes: origin_bytes, ttfb_us: origin_ttfb_us, us: origin_us } = account.fetched;
        let request = Request {
            time: now.0,
            key: self.shared.repository.key_hash(url),
            sent_bytes: bytes,
            origin_bytes,
            total_us,
            ttfb_us: begun_us.map_or(total_us, |begun| begun.min(total_us)),
            origin_us,
            origin_ttfb_us,
            origin: self.shared.origin_number(parts.authority),
            status: account.status,
            served: served(account.outcome.result) as u8,
            verb: Verb::of(line.method) as u8,
            mime: Mime::of(&account.content_type) as u8,
            flags: flags(account.outcome),
            ..Request::default()
        };
        self.monitors.tell(request, parts.host, parts.path);
    }
}

const fn served(result: ResultCode) -> Served {
    match result {
        ResultCode::Hit
        | ResultCode::MemHit
        | ResultCode::NegativeHit
        | ResultCode::ImsHit
        | ResultCode::InmHit => Served::Hit,
        ResultCode::RefreshUnmodified => Served::Validated,
        ResultCode::RefreshFailOld => Served::Stale,
        ResultCode::Miss | ResultCode::ClientRefreshMiss | ResultCode::SwapFailMiss => Served::Miss,
        ResultCode::RefreshModified => Served::Changed,
        ResultCode::RefreshFailErr | ResultCode::Refresh => Served::Failed,
        ResultCode::Denied => Served::Denied,
        ResultCode::Tunnel => Served::Tunnel,
        ResultCode::None => Served::Nowhere,
    }
}

const fn flags(outcome: Outcome) -> u8 {
    let mut flags = 0;
    if outcome.result.is_hit() {
        flags |= RequestFlags::HIT;
    }
    if outcome.collapsed {
        flags |= RequestFlags::COLLAPSED;
    }
    flags
        | match outcome.ending {
            Ending::Complete => 0,
            Ending::Aborted => RequestFlags::ABORTED,
            Ending::TimedOut => RequestFlags::TIMED_OUT,
        }
}

/// What monitors are told of a URL as it is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts<'a> {
    authority: &'a str,
    host: &'a str,
    path: &'a str,
}

impl<'a> Parts<'a> {
    /// The parts of a target URI, or of what CONNECT asks for; nothing of anything else.
    fn of(url: &'a str) -> Self {
        let Some((_, rest)) = url.split_once("://") else {
            let is_authority = url.rsplit_once(':').is_some_and(|(host, port)| {
                !host.contains(['/', ' ']) && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
            });
            return if is_authority {
                Self { authority: url, host: host(url), path: "" }
            } else {
                Self::default()
            };
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Self { authority, host: host(authority), path }
    }
}

/// The host of an authority, without port and without an IPv6 literal's brackets.
fn host(authority: &str) -> &str {
    if let Some(literal) = authority.strip_prefix('[') {
        return literal.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

fn saturated(micros: u64) -> u32 {
    u32::try_from(micros).unwrap_or(u32::MAX)
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, authority: &str, host: &str, path: &str) {
        assert_eq!(Parts::of(url), Parts { authority, host, path }, "{url}");
    }

    #[test]
    fn a_url_has_a_host_and_a_path_and_no_query() {
        check("http://a.test/b/c?d=e", "a.test", "a.test", "/b/c");
        check("http://a.test:8080/", "a.test:8080", "a.test", "/");
        check("http://a.test?q", "a.test", "a.test", "");
        check("http://[::1]:80/x", "[::1]:80", "::1", "/x");
        check("http://user:secret@a.test/x", "a.test", "a.test", "/x");
        check("a.test:443", "a.test:443", "a.test", "");
        check("[::1]:443", "[::1]:443", "::1", "");
        check("error:invalid-request", "", "", "");
        check("*", "", "", "");
        check("/path:1", "", "", "");
        check("", "", "", "");
    }

    #[test]
    fn hits_are_those_of_the_log() {
        for &result in ResultCode::ALL {
            let is_from_store = matches!(served(result), Served::Hit | Served::Validated | Served::Stale);
            assert_eq!(flags(result.into()) & RequestFlags::HIT != 0, is_from_store, "{result:?}");
        }
    }
}
