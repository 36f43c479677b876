//! Collapsed forwarding, one step at a time; threads are in the repository's tests.

use std::sync::Arc;
use std::task::Poll;

use super::*;
use crate::limits::{AHEAD_BYTES_MAX, PASSING_PIECE_BYTES};
use crate::repository::testing::*;
use crate::repository::{Join, Renewal, Repository};

const KEY: &str = "http://example.com/";

fn head(lead: &mut FillLead, length: Option<u64>) {
    assert_eq!(lead.head(Fetched { length, ..fetched(&[("Server", "x")], &Fields::new(), 0) }), Ok(()));
}

fn finish(lead: FillLead) -> Result<Arc<Stored>, Unstored> {
    lead.finish(Fields::new(), Tick::default(), 1)
}

fn head_of(reader: &mut FillReader) -> Option<FillHead> {
    once(|context| reader.poll_head(context, &Fields::new()))
}

/// The repository is as if nothing had been fetched.
fn check_empty(repository: &Repository) {
    repository.check_invariants();
    assert_eq!((repository.usage().fills, repository.usage().documents), (0, 0));
    assert_eq!(repository.budget().used(), 0);
}

#[test]
fn readers_get_the_bytes_as_they_come_and_then_the_stored_response() {
    let repository = repository(1 << 20);
    let (mut lead, mut first) = lead(&repository, KEY);
    let mut early = follow(&repository, KEY);
    assert!(head_of(&mut early).is_none());
    head(&mut lead, Some(10));
    assert!(matches!(head_of(&mut early), Some(FillHead::Fetched(fetched)) if fetched.status == 200));
    assert_eq!(read_on(&mut early), (b"".to_vec(), None));
    lead.append(b"0123");
    assert_eq!(read_on(&mut early), (b"0123".to_vec(), None));
    let mut late = follow(&repository, KEY);
    lead.append(b"456789");
    assert_eq!(read_on(&mut late), (b"0123456789".to_vec(), None));
    let stored = finish(lead).unwrap();
    assert_eq!(body_of(&stored), b"0123456789");
    assert_eq!(read_on(&mut early), (b"456789".to_vec(), Some(Ok(()))));
    assert_eq!(read_on(&mut late), (vec![], Some(Ok(()))));
    assert_eq!(read_on(&mut first), (b"0123456789".to_vec(), Some(Ok(()))));
    assert!(matches!(join(&repository, KEY), Join::Stored(found) if Arc::ptr_eq(&found, &stored)));
    assert!(Arc::ptr_eq(&first.stored().unwrap(), &stored));
    repository.check_invariants();
}

#[test]
fn a_body_of_any_size_and_rhythm_is_stored_as_it_came() {
    let check = |size: usize, step: usize, is_declared: bool, reads: bool| {
        let repository = repository(16 << 20);
        let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let (mut lead, mut reader) = lead(&repository, KEY);
        head(&mut lead, is_declared.then_some(size as u64));
        let mut read = Vec::new();
        for part in body.chunks(step) {
            lead.append(part);
            if reads {
                read.extend(read_on(&mut reader).0);
            }
        }
        let stored = finish(lead).unwrap();
        let (rest, end) = read_on(&mut reader);
        read.extend(rest);
        assert!(read == body && end == Some(Ok(())), "read: {size} by {step}, {is_declared} {reads}");
        assert!(body_of(&stored) == body, "stored: {size} by {step}, {is_declared} {reads}");
        // Large bodies are cut to fit the allocator's classes, small ones are rounded up by a quarter at most.
        let rounding = if size > 16_384 { size / 14 } else { size / 4 };
        let overhead = stored.charged_bytes() as usize - size;
        assert!(overhead < 700 + rounding, "{overhead} bytes over {size} by {step}");
        drop((reader, stored));
        repository.check_invariants();
        assert_eq!(repository.usage().in_flight, 0);
    };
    for is_declared in [true, false] {
        for reads in [true, false] {
            check(0, 1, is_declared, reads);
            check(1, 1, is_declared, reads);
            check(3000, 1, is_declared, reads);
            check(4096, 1000, is_declared, reads);
            check(4097, 4097, is_declared, reads);
            check(20_000, 1, is_declared, reads);
            check(100_000, 16_384, is_declared, reads);
            check(100_000, 5000, is_declared, reads);
            check(1_000_000, 65_536, is_declared, reads);
            check(1 << 20, 10_000, is_declared, reads);
        }
    }
}

#[test]
fn a_failed_fetch_stores_nothing_and_tells_its_readers_after_the_bytes_that_came() {
    let check = |fail: fn(FillLead), length: Option<u64>, error: FillError| {
        let repository = repository(1 << 20);
        let (mut lead, mut reader) = lead(&repository, KEY);
        head(&mut lead, length);
        lead.append(b"0123");
        fail(lead);
        assert_eq!(read_on(&mut reader), (b"0123".to_vec(), Some(Err(error))));
        assert!(matches!(join(&repository, KEY), Join::Lead(..)));
        drop(reader);
        check_empty(&repository);
    };
    check(drop, None, FillError::Dropped);
    check(|lead| lead.abort(FillError::TimedOut), None, FillError::TimedOut);
    check(|lead| assert_eq!(finish(lead).err(), Some(Unstored::Incomplete)), Some(5), FillError::Truncated);
    check(|lead| assert_eq!(finish(lead).err(), Some(Unstored::Incomplete)), Some(3), FillError::Truncated);
}

#[test]
fn a_fetch_that_fails_before_its_head_has_no_head() {
    let repository = repository(1 << 20);
    let (lead, mut reader) = lead(&repository, KEY);
    lead.abort(FillError::Unreachable);
    assert!(matches!(head_of(&mut reader), Some(FillHead::Failed(FillError::Unreachable))));
    assert_eq!(read_on(&mut reader), (vec![], Some(Err(FillError::Unreachable))));
    drop(reader);
    check_empty(&repository);
}

#[test]
fn a_private_response_is_the_first_readers_alone() {
    let repository = repository(1 << 20);
    let (mut lead, mut first) = lead(&repository, KEY);
    let mut follower = follow(&repository, KEY);
    let private = Fetched { sharing: Sharing::Private, ..fetched(&[], &Fields::new(), 0) };
    assert_eq!(lead.head(private), Err(Unstored::Private));
    assert!(matches!(head_of(&mut follower), Some(FillHead::Unshared)));
    assert!(matches!(head_of(&mut first), Some(FillHead::Fetched(_))));
    assert!(matches!(join(&repository, KEY), Join::Lead(..)));
    lead.append(b"secret");
    assert_eq!(read_on(&mut follower), (vec![], Some(Err(FillError::CutOff))));
    assert_eq!(read_on(&mut first), (b"secret".to_vec(), None));
    assert_eq!(finish(lead).err(), Some(Unstored::Private));
    assert_eq!(read_on(&mut first), (vec![], Some(Ok(()))));
    drop((first, follower));
    check_empty(&repository);
}

#[test]
fn a_response_that_is_not_admitted_is_for_all_who_wait_and_not_stored() {
    let repository = repository(1 << 20);
    let (mut lead, mut first) = lead(&repository, KEY);
    let mut follower = follow(&repository, KEY);
    let passed = Fetched { sharing: Sharing::Passed, ..fetched(&[], &Fields::new(), 0) };
    assert_eq!(lead.head(passed), Err(Unstored::NotAdmitted));
    for reader in [&mut first, &mut follower] {
        assert!(matches!(head_of(reader), Some(FillHead::Fetched(_))));
    }
    // Who comes now fetches its own.
    assert!(matches!(join(&repository, KEY), Join::Lead(..)));
    lead.append(b"0123");
    assert_eq!(finish(lead).err(), Some(Unstored::NotAdmitted));
    for mut reader in [first, follower] {
        assert_eq!(read_on(&mut reader), (b"0123".to_vec(), Some(Ok(()))));
    }
    check_empty(&repository);
}

#[test]
fn a_response_can_be_refused_when_it_is_whole() {
    let repository = repository(1 << 20);
    let (mut lead, mut first) = lead(&repository, KEY);
    head(&mut lead, None);
    lead.append(b"0123");
    lead.pass_on();
    assert!(!lead.is_storing());
    assert_eq!(finish(lead).err(), Some(Unstored::NotAdmitted));
    assert_eq!(read_on(&mut first), (b"0123".to_vec(), Some(Ok(()))));
    drop(first);
    check_empty(&repository);
}

#[test]
fn a_follower_whose_request_selects_another_variant_fetches_its_own() {
    let repository = repository(1 << 20);
    let (english, german) = (fields(&[("Accept-Language", "en")]), fields(&[("Accept-Language", "de")]));
    let Join::Lead(mut lead, mut first) = repository.join(KEY, &english, None) else {
        panic!("nobody fetches")
    };
    let Join::Follow(mut other) = repository.join(KEY, &german, None) else {
        panic!("its head is not known")
    };
    let _ = lead.head(fetched(&[("Vary", "Accept-Language")], &english, 0));
    assert!(matches!(once(|context| other.poll_head(context, &german)), Some(FillHead::Unshared)));
    assert!(matches!(once(|context| first.poll_head(context, &english)), Some(FillHead::Fetched(_))));
    let Join::Lead(mut second, _) = repository.join(KEY, &german, None) else {
        panic!("it is another variant")
    };
    assert!(matches!(repository.join(KEY, &english, None), Join::Follow(_)));
    let _ = second.head(fetched(&[("Vary", "Accept-Language")], &german, 0));
    assert!(matches!(repository.join(KEY, &german, None), Join::Follow(_)));
    assert_eq!((finish(lead).is_ok(), finish(second).is_ok()), (true, true));
    assert_eq!(repository.variants(KEY).len(), 2);
    repository.check_invariants();
}

#[test]
fn a_validation_in_progress_can_be_joined() {
    let repository = repository(1 << 20);
    let stale = put(&repository, KEY, b"body").unwrap();
    let Join::Lead(lead, _) = repository.join(KEY, &Fields::new(), Some(&stale)) else {
        panic!("nobody fetches")
    };
    let Join::Follow(mut reader) = repository.join(KEY, &Fields::new(), Some(&stale)) else {
        panic!("it is being validated")
    };
    let renewal = Renewal {
        fields: &fields(&[("Server", "new")]),
        facts: *stale.facts(),
        fresh_until: Tick::from_secs(99),
    };
    let fresh = repository.update(&stale, &renewal);
    lead.refreshed(Arc::clone(&fresh));
    assert!(matches!(head_of(&mut reader), Some(FillHead::Stored(stored)) if Arc::ptr_eq(&stored, &fresh)));
    assert_eq!(read_on(&mut reader), (b"body".to_vec(), Some(Ok(()))));
    assert!(matches!(repository.join(KEY, &Fields::new(), Some(&stale)), Join::Stored(_)));
    assert!(matches!(repository.join(KEY, &Fields::new(), Some(&fresh)), Join::Lead(..)));
}

#[test]
fn a_response_that_turns_out_too_large_is_passed_on_unstored() {
    let repository = repository(64 << 20);
    repository.set_object_bytes_max(100_000);
    let (mut lead, mut reader) = lead(&repository, KEY);
    head(&mut lead, None);
    lead.append(&[1; 90_000]);
    let mut late = follow(&repository, KEY);
    lead.append(&[2; 20_000]);
    assert!(matches!(join(&repository, KEY), Join::Lead(..)));
    assert_eq!(read_on(&mut late).0.len(), 110_000);
    assert_eq!(read_on(&mut reader).0.len(), 110_000);
    assert_eq!(finish(lead).err(), Some(Unstored::TooLarge));
    assert_eq!(read_on(&mut reader), (vec![], Some(Ok(()))));
    drop((reader, late));
    check_empty(&repository);
}

#[test]
fn a_declared_length_decides_at_once_whether_a_response_is_too_large() {
    let repository = repository(64 << 20);
    let (mut lead, reader) = lead(&repository, KEY);
    let large = Fetched { length: Some((1 << 20) + 1), ..fetched(&[], &Fields::new(), 0) };
    assert_eq!(lead.head(large), Err(Unstored::TooLarge));
    drop((lead, reader));
    check_empty(&repository);
}

#[test]
fn what_is_passed_on_is_fetched_at_the_pace_of_the_fastest_reader() {
    let repository = repository(64 << 20);
    let (mut lead, mut fast) = lead(&repository, KEY);
    let mut slow = follow(&repository, KEY);
    let _ = lead.head(Fetched { length: Some(1 << 40), ..fetched(&[], &Fields::new(), 0) });
    let bell = Arc::new(Bell::default());
    let mut sent = 0;
    while bell.poll(|context| lead.poll_demand(context)) == Poll::Ready(Demand::More) {
        lead.append(&[7; 10_000]);
        sent += 10_000;
    }
    assert!((AHEAD_BYTES_MAX..AHEAD_BYTES_MAX + 10_000).contains(&sent), "{sent} ahead");
    let Some(FillPart::Bytes(part)) = once(|context| slow.poll_part(context, 4)) else { panic!("no bytes") };
    assert_eq!((part.len(), bell.rung()), (4, 0));
    let mut got = read_on(&mut fast).0.len() as u64;
    assert_eq!(bell.rung(), 1);
    // The fast one goes on; the slow one is cut off once it is a window behind, and no more than that is kept.
    while sent < WINDOW_BYTES_MAX + 1_000_000 {
        lead.append(&[7; 10_000]);
        sent += 10_000;
        got += read_on(&mut fast).0.len() as u64;
    }
    assert_eq!(got, sent);
    assert!(matches!(once(|context| slow.poll_part(context, 4)), Some(FillPart::Failed(FillError::CutOff))));
    assert!(repository.budget().peak() < WINDOW_BYTES_MAX + (1 << 20), "{}", repository.budget().peak());
    assert!(repository.budget().used() < 8192 + 2 * PASSING_PIECE_BYTES as u64);
    drop((lead, fast, slow));
    check_empty(&repository);
}

#[test]
fn a_lone_slow_reader_is_waited_for_and_never_cut_off() {
    let repository = repository(64 << 20);
    let (mut lead, mut reader) = lead(&repository, KEY);
    head(&mut lead, None);
    lead.append(&[1; 1 << 20]);
    lead.append(&[2; 10_000]);
    let bell = Arc::new(Bell::default());
    assert!(bell.poll(|context| lead.poll_demand(context)).is_pending());
    assert_eq!(read_on(&mut reader).0.len(), (1 << 20) + 10_000);
    assert_eq!(bell.rung(), 1);
    assert_eq!(bell.poll(|context| lead.poll_demand(context)), Poll::Ready(Demand::More));
}

#[test]
fn the_lead_notices_when_nobody_reads_any_more() {
    let repository = repository(1 << 20);
    let (mut lead, first) = lead(&repository, KEY);
    let follower = follow(&repository, KEY);
    head(&mut lead, None);
    let bell = Arc::new(Bell::default());
    assert!(bell.poll(|context| lead.poll_abandoned(context)).is_pending());
    drop(first);
    assert!(bell.poll(|context| lead.poll_abandoned(context)).is_pending());
    let rung = bell.rung();
    drop(follower);
    assert_eq!(bell.rung(), rung + 1);
    assert!(bell.poll(|context| lead.poll_abandoned(context)).is_ready());
    assert_eq!(bell.poll(|context| lead.poll_demand(context)), Poll::Ready(Demand::Nobody));
    // Somebody may still come while it is being stored.
    let _reader = follow(&repository, KEY);
    assert_eq!(bell.poll(|context| lead.poll_demand(context)), Poll::Ready(Demand::More));
    assert!(finish(lead).is_ok());
}

#[test]
fn a_fetch_is_given_up_only_while_nobody_reads_it() {
    let repository = repository(1 << 20);
    let (mut lead, first) = lead(&repository, KEY);
    head(&mut lead, None);
    lead.append(b"begun");
    drop(first);
    // Somebody joins after the lead saw that nobody reads, and before it gives up.
    let mut late = follow(&repository, KEY);
    let mut lead = lead.abandon().expect_err("somebody reads");
    lead.append(b" and ended");
    assert_eq!(read_on(&mut late), (b"begun and ended".to_vec(), None));
    drop(late);
    assert!(lead.abandon().is_ok());
    assert!(matches!(join(&repository, KEY), Join::Lead(..)));
    check_empty(&repository);
}

#[test]
fn a_waiting_reader_is_woken_by_every_step() {
    let repository = repository(1 << 20);
    let bell = Arc::new(Bell::default());
    let (mut lead, mut reader) = lead(&repository, KEY);
    assert!(bell.poll(|context| reader.poll_head(context, &Fields::new())).is_pending());
    head(&mut lead, None);
    assert_eq!(bell.rung(), 1);
    assert!(bell.poll(|context| reader.poll_part(context, 1)).is_pending());
    lead.append(b"x");
    assert_eq!(bell.rung(), 2);
    lead.append(b"y");
    assert_eq!(bell.rung(), 2, "it does not wait");
    assert!(bell.poll(|context| reader.poll_part(context, 9)).is_ready());
    assert!(bell.poll(|context| reader.poll_part(context, 9)).is_pending());
    assert!(finish(lead).is_ok());
    assert_eq!(bell.rung(), 3);
}

#[test]
fn what_was_purged_while_it_was_fetched_is_passed_on_but_not_stored() {
    for size in [100, 50_000] {
        let repository = repository(1 << 20);
        let (mut lead, mut reader) = lead(&repository, KEY);
        head(&mut lead, None);
        lead.append(&vec![1; size]);
        assert_eq!(repository.purge(KEY), 0);
        assert!(matches!(join(&repository, KEY), Join::Lead(..)), "the purged fetch is not joined");
        lead.append(b"2");
        assert_eq!(finish(lead).err(), Some(Unstored::Purged));
        let (bytes, end) = read_on(&mut reader);
        assert_eq!((bytes.len(), end), (size + 1, Some(Ok(()))));
        drop(reader);
        check_empty(&repository);
    }
}

#[test]
fn a_body_there_is_no_room_for_is_passed_on_unstored() {
    let repository = repository(100_000);
    let (mut lead, mut reader) = lead(&repository, KEY);
    head(&mut lead, None);
    for _ in 0..30 {
        lead.append(&[1; 10_000]);
        assert_eq!(read_on(&mut reader).0.len(), 10_000);
    }
    assert_eq!(finish(lead).err(), Some(Unstored::NoRoom));
    assert!(repository.budget().peak() < 100_000 + 2 * PASSING_PIECE_BYTES as u64);
    drop(reader);
    check_empty(&repository);
}

#[test]
fn large_bodies_on_their_way_leave_room_for_what_is_stored_and_for_small_ones() {
    let repository = repository(8 << 20);
    for n in 0..20 {
        put(&repository, &format!("http://example.com/{n}"), &[0; 50_000]).unwrap();
    }
    let mut open: Vec<_> =
        (0..20).map(|n| lead(&repository, &format!("http://example.com/large/{n}"))).collect();
    for (lead, reader) in &mut open {
        head(lead, Some(1 << 20));
        for _ in 0..16 {
            lead.append(&[1; 1 << 16]);
            read_on(reader);
        }
    }
    assert!(put(&repository, KEY, &[2; 200_000]).is_ok());
    assert!(repository.usage().documents > 15, "{:?}", repository.usage());
    let stored = open.into_iter().filter_map(|(lead, _)| finish(lead).ok()).count();
    assert!((4..=6).contains(&stored), "{stored} stored");
    repository.check_invariants();
    // What was not stored gave its share back.
    put(&repository, "http://example.com/large", &[3; 1 << 20]).unwrap();
}

#[test]
fn trailers_come_at_the_end_and_are_stored() {
    let repository = repository(1 << 20);
    let (mut lead, mut reader) = lead(&repository, KEY);
    head(&mut lead, None);
    let stored = lead.finish(fields(&[("X-Sum", "1")]), Tick::default(), 1).unwrap();
    let Some(FillPart::End(Some(trailers))) = once(|context| reader.poll_part(context, 1)) else {
        panic!("no trailers")
    };
    assert_eq!(trailers.first("x-sum"), Some(&b"1"[..]));
    assert_eq!(stored.trailers().and_then(|trailers| trailers.first("x-sum")), Some(&b"1"[..]));
}
