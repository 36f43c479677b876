//! Tests of what counts, line by line of a log.

use super::*;

/// The record of `TCP_HIT/200 GET`; without a code `200 GET`.
fn record<'a>(line: &'a str, url: &'a str) -> Record<'a> {
    let (result, method) = line.split_once(' ').unwrap();
    let (outcome, status) = match result.split_once('/') {
        Some((outcome, status)) => (Some(outcome.as_bytes()), status),
        None => (None, result),
    };
    Record {
        size: Some(1000),
        method: (method != "-").then_some(method.as_bytes()),
        status: Some(status.parse().unwrap()),
        outcome,
        ..Record::of(Name::Url(url.as_bytes()))
    }
}

fn check(rules: RuleSet, line: &str, expected: Result<(u32, Sent), Ignored>) {
    let expected = match expected {
        Ok((flags, sent)) => Verdict::Request { flags, sent },
        Err(ignored) => Verdict::Ignored(ignored),
    };
    assert_eq!(rules.judge(&record(line, "http://a.test/")), expected, "{line}");
}

const LOGGED: u32 = Flags::HAS_LOGGED;
const HIT: u32 = Flags::HAS_LOGGED | Flags::LOGGED_HIT;

#[test]
fn what_is_requested_by_get_counts_with_what_the_code_says() {
    let http = |line, expected| check(RuleSet::Http, line, expected);
    http("200 GET", Ok((0, Sent::Whole)));
    http("TCP_MISS/200 GET", Ok((LOGGED, Sent::Whole)));
    http("TCP_MEM_HIT/200 GET", Ok((HIT, Sent::Whole)));
    http("TCP_IMS_HIT/304 GET", Ok((HIT, Sent::Less)));
    http("TCP_REFRESH_UNMODIFIED/200 GET", Ok((HIT, Sent::Whole)));
    http("TCP_REFRESH_MODIFIED/200 GET", Ok((LOGGED | Flags::CHANGED, Sent::Whole)));
    http("TCP_CLIENT_REFRESH_MISS/200 GET", Ok((LOGGED | Flags::RELOAD, Sent::Whole)));
    http("TCP_MISS_ABORTED/200 GET", Ok((LOGGED, Sent::Less)));
    http("404 GET", Ok((0, Sent::Else)));
    http("206 GET", Ok((Flags::UNSTORABLE, Sent::Else)));
    http("302 GET", Ok((Flags::UNSTORABLE, Sent::Else)));
    http("TCP_MISS/503 GET", Ok((LOGGED | Flags::UNSTORABLE, Sent::Else)));
}

#[test]
fn what_asks_for_no_document_is_ignored_with_its_reason() {
    let http = |line, reason| check(RuleSet::Http, line, Err(reason));
    http("TCP_DENIED/403 GET", Ignored::Denied);
    http("NONE_NONE/000 -", Ignored::NoRequest);
    http("NONE/400 GET", Ignored::NoRequest);
    http("TCP_TUNNEL/200 CONNECT", Ignored::Tunnel);
    http("TCP_MISS/200 CONNECT", Ignored::Tunnel);
    http("UDP_MISS/000 ICP_QUERY", Ignored::Neighbour);
    http("TCP_MISS_ABORTED/000 GET", Ignored::NoResponse);
    http("200 HEAD", Ignored::Head);
    http("200 OPTIONS", Ignored::Method);
    http("500 POST", Ignored::Method);
    http("200 POST", Ignored::Invalidation);
    http("TCP_MISS/200 PURGE", Ignored::Invalidation);
}

#[test]
fn bytes_that_were_no_request_are_ignored_also_without_a_code() {
    for url in ["-", "", "error:invalid-request"] {
        let judged = RuleSet::Http.judge(&record("408 -", url));
        assert_eq!(judged, Verdict::Ignored(Ignored::NoRequest), "{url}");
    }
}

#[test]
fn a_trace_of_numbers_is_all_requests() {
    for rules in [RuleSet::Http, RuleSet::Squid, RuleSet::Reference] {
        let judged = rules.judge(&Record::of(Name::Number(7)));
        assert_eq!(judged, Verdict::Request { flags: 0, sent: Sent::Whole });
    }
}

#[test]
fn squid_rules_leave_what_squid_stores() {
    let squid = |line, expected| check(RuleSet::Squid, line, expected);
    squid("TCP_MISS/200 GET", Ok((LOGGED, Sent::Whole)));
    squid("TCP_MISS/301 GET", Ok((LOGGED, Sent::Else)));
    squid("TCP_IMS_HIT/304 GET", Ok((HIT, Sent::Less)));
    squid("TCP_NEGATIVE_HIT/404 GET", Ok((HIT, Sent::Else)));
    squid("TCP_MISS/404 GET", Err(Ignored::NotStored));
    squid("TCP_MISS/206 GET", Err(Ignored::NotStored));
    squid("TCP_DENIED/403 GET", Err(Ignored::Denied));
    for url in ["cache_object://localhost/counters", "http://a.test:3128/squid-internal-mgr/info"] {
        let judged = RuleSet::Squid.judge(&record("TCP_MISS/200 GET", url));
        assert_eq!(judged, Verdict::Ignored(Ignored::Internal), "{url}");
    }
}

#[test]
fn the_reference_rule_is_get_with_200_or_304() {
    let reference = |line, expected| check(RuleSet::Reference, line, expected);
    reference("TCP_MISS/200 GET", Ok((LOGGED, Sent::Whole)));
    reference("TCP_IMS_HIT/304 GET", Ok((HIT, Sent::Whole)));
    reference("TCP_MISS_ABORTED/200 GET", Ok((LOGGED, Sent::Whole)));
    reference("TCP_MISS/404 GET", Err(Ignored::Status));
    reference("TCP_MISS/200 POST", Err(Ignored::Method));
    reference("TCP_DENIED/200 GET", Err(Ignored::Denied));
    reference("NONE_ABORTED/200 GET", Err(Ignored::NoRequest));
}
