//! Ranges as clients send them, well and badly.

use super::*;

/// Asserts which bytes of a representation of that length `Range` selects, as `first-last` pairs, or a word.
#[track_caller]
fn check(range: &str, length: u64, expected: &str) {
    let text = match spans(range.as_bytes(), length) {
        Selection::Whole => "whole".to_owned(),
        Selection::Unsatisfiable => "none".to_owned(),
        Selection::Single(span) => format!("{}-{}", span.first(), span.last()),
        Selection::Several(spans) => {
            spans.iter().map(|span| format!("{}-{}", span.first(), span.last())).collect::<Vec<_>>().join(" ")
        }
    };
    assert_eq!(text, expected, "{range:?} of {length}");
}

#[test]
fn one_range_selects_its_bytes() {
    check("bytes=0-0", 10, "0-0");
    check("bytes=2-5", 10, "2-5");
    check("BYTES=2-5", 10, "2-5");
    check("bytes=2-", 10, "2-9");
    check("bytes=2-99", 10, "2-9");
    check("bytes=-3", 10, "7-9");
    check("bytes=-99", 10, "0-9");
    check("bytes= 2-5 ", 10, "2-5");
    check("bytes=,2-5,", 10, "2-5");
    check("bytes=00002-5", 10, "2-5");
}

#[test]
fn bytes_that_are_not_there_cannot_be_served() {
    check("bytes=10-", 10, "none");
    check("bytes=10-20", 10, "none");
    check("bytes=-0", 10, "none");
    check("bytes=0-0", 0, "none");
    check("bytes=0-", 0, "none");
    check("bytes=-1", 0, "none");
    check("bytes=10-,20-", 10, "none");
    check("bytes=10-,2-5", 10, "2-5");
}

#[test]
fn what_is_malformed_is_ignored() {
    for range in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes =0-1",
        "bytes:0-1",
        "lines=0-1",
        "bytes=a-b",
        "bytes=0",
        "bytes=-",
        "bytes=1-0",
        "bytes=0-1-2",
        "bytes=0--1",
        "bytes=+0-1",
        "bytes=0x0-1",
        "bytes=0 - 1",
        "bytes=0-1;2-3",
        "bytes=0-1,x",
        "bytes=0-1,5-4",
        "=0-1",
        "0-1",
    ] {
        check(range, 10, "whole");
    }
}

#[test]
fn numbers_too_large_to_count_do_not_wrap() {
    check("bytes=0-18446744073709551615", 10, "0-9");
    check("bytes=0-18446744073709551616", 10, "0-9");
    check("bytes=18446744073709551616-", 10, "none");
    check("bytes=-18446744073709551616", 10, "0-9");
    check("bytes=18446744073709551615-18446744073709551615", u64::MAX, "none");
    check("bytes=0-,18446744073709551614-", u64::MAX, "0-18446744073709551614");
    assert_eq!(Span::new(0, u64::MAX).map(Span::bytes), Some(u64::MAX));
}

#[test]
fn several_ranges_are_sorted_and_merged() {
    check("bytes=0-1,4-5", 10, "0-1 4-5");
    check("bytes=4-5,0-1", 10, "0-1 4-5");
    check("bytes=0-3,2-5", 10, "0-5");
    check("bytes=0-3,4-5", 10, "0-5");
    check("bytes=0-9,2-3,5-5", 10, "0-9");
    check("bytes=0-0,-1", 10, "0-0 9-9");
    check("bytes=0-,0-,0-", 10, "0-9");
}

#[test]
fn too_many_ranges_are_ignored() {
    let ranges = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("{}-{}", 10 * n, 10 * n)).collect();
        format!("bytes={}", list.join(","))
    };
    assert!(
        matches!(spans(ranges(RANGES_MAX).as_bytes(), 5000), Selection::Several(list) if list.len() == RANGES_MAX)
    );
    check(&ranges(RANGES_MAX + 1), 5000, "whole");
    check(&format!("bytes={}", "0-,".repeat(5000)), 10, "whole");
}

#[test]
fn values_of_content_range_are_exact() {
    let span = Span::new(0, 499).unwrap();
    assert_eq!(content_range(span, 1234), "bytes 0-499/1234");
    assert_eq!(content_range_unsatisfied(1234), "bytes */1234");
}

#[test]
fn parts_are_as_long_as_was_said() {
    let mut rng = fastrand::Rng::with_seed(14);
    for content_type in [None, Some(&b"text/plain; charset=utf-8"[..])] {
        let length = rng.u64(1..1_000_000);
        let multipart = Multipart::new(rng.u64(..), content_type, length);
        let list = [Span::new(0, 9).unwrap(), Span::new(100, 12_345).unwrap()];
        let sent: u64 = list.iter().map(|&span| multipart.part_head(span).len() as u64 + span.bytes()).sum();
        assert_eq!(multipart.content_length(&list), sent + multipart.end().len() as u64);
    }
    let huge = Span::new(0, u64::MAX).unwrap();
    assert_eq!(Multipart::new(0, None, u64::MAX).content_length(&[huge, huge]), u64::MAX);
}

#[test]
fn whatever_is_asked_no_byte_is_sent_twice_or_invented() {
    let mut rng = fastrand::Rng::with_seed(206);
    let alphabet = b"0123456789-,, ";
    for _ in 0..50_000 {
        let mut range = b"bytes=".to_vec();
        range.extend((0..rng.usize(..24)).map(|_| alphabet[rng.usize(..alphabet.len())]));
        let length = rng.u64(..200);
        let list = match spans(&range, length) {
            Selection::Single(span) => vec![span],
            Selection::Several(list) => list,
            Selection::Whole | Selection::Unsatisfiable => continue,
        };
        assert!(list.windows(2).all(|pair| pair[0].last() + 1 < pair[1].first()));
        assert!(list.iter().all(|span| span.first() <= span.last() && span.last() < length));
    }
}
