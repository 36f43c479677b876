//! Facts about runs, on traces made up here.

use std::num::NonZeroU64;

use super::*;
use crate::replay::testing::{synthetic, trace};
use crate::replay::{Carry, Reevaluate, Room, Unit};

fn run_as(trace: &Trace, policy: &str, size: u64, options: &Options) -> Outcome {
    run(trace, &Policy::resolve(policy).unwrap(), size, options, &|_| ()).unwrap()
}

fn accounted(accounting: Accounting) -> Options {
    Options { accounting, ..Options::default() }
}

/// Hits, evictions and documents not admitted of LRU.
#[track_caller]
fn check(requests: &str, size: u64, options: &Options, expected: [u64; 3]) {
    let outcome = run_as(&trace(requests), "lru", size, options);
    assert_eq!([outcome.traffic.hits, outcome.evictions, outcome.not_admitted], expected, "{requests}");
}

#[test]
fn a_document_is_a_hit_until_it_is_evicted() {
    let bytes = Options::default();
    check("0:4 1:4 0:4 1:4", 8, &bytes, [2, 0, 0]);
    check("0:4 1:4 2:4 0:4 2:4", 8, &bytes, [1, 2, 0]);
    check("0:9 0:9", 8, &bytes, [0, 0, 2]);
    check("", 8, &bytes, [0, 0, 0]);
}

#[test]
fn documents_count_one_each_where_documents_are_counted() {
    let options = accounted(Accounting { unit: Unit::Documents, ..Accounting::default() });
    check("0:400 1:1 0:400 2:1 1:1", 2, &options, [1, 2, 0]);
}

#[test]
fn blocks_are_charged_whole() {
    let options = accounted(Accounting { block: NonZeroU64::new(1024), ..Accounting::default() });
    check("0:10 1:10 0:10", 2047, &options, [0, 2, 0]);
    check("0:10 1:10 0:10", 2048, &options, [1, 0, 0]);
    check("0:1000 0:1000", 2047, &options, [0, 0, 2]);
}

#[test]
fn a_changed_document_and_a_reload_are_misses_that_are_stored() {
    let options = Options::default();
    check("0:4 0:5! 0:5", 8, &options, [1, 0, 0]);
    check("0:4 0:4r 0:4", 8, &options, [1, 0, 0]);
    check("1:4 0:4 0:8! 1:4", 8, &options, [0, 2, 0]);
}

#[test]
fn a_request_that_cannot_be_stored_is_a_miss_and_leaves_what_is_stored() {
    check("0:4u 0:4", 8, &Options::default(), [0, 0, 1]);
    check("0:4 0:4u 0:4", 8, &Options::default(), [1, 0, 1]);
}

#[test]
fn a_size_within_tolerance_counts_as_asked_for_and_is_kept_as_stored() {
    let outcome = run_as(&trace("0:4 0:6 1:4 0:6"), "lru", 8, &Options::default());
    assert_eq!((outcome.traffic.hits, outcome.traffic.hit_bytes, outcome.traffic.bytes), (2, 12, 20));
}

#[test]
fn room_made_afterwards_lets_the_newcomer_be_the_victim() {
    let after = accounted(Accounting { room: Room::After, ..Accounting::default() });
    // By size, 1:5 would go first of all.
    let hits = |options| run_as(&trace("0:4 1:5 0:4"), "size", 8, options).traffic.hits;
    assert_eq!((hits(&Options::default()), hits(&after)), (0, 1));
}

#[test]
fn windows_add_up_to_the_whole_and_every_block_has_as_many() {
    for requests in [1, 7, 99, 100, 101, 5_000] {
        let trace = synthetic(1, requests);
        let outcome = run_as(&trace, "gdsf", 300_000, &Options::default());
        let sum = |of: fn(&Window) -> u64| outcome.timeline.iter().map(of).sum::<u64>();
        assert_eq!(sum(|window| window.traffic.requests), requests);
        assert_eq!(sum(|window| window.traffic.hits), outcome.traffic.hits);
        assert_eq!(sum(|window| window.evictions), outcome.evictions);
        assert!(outcome.timeline.len() <= 100);
        assert_eq!(outcome.intervals.is_some(), requests > 5, "{requests}");
    }
}

#[test]
fn windows_may_be_cut_around_a_request() {
    let options = Options { windows: Some((30, 100)), ..Options::default() };
    let outcome = run_as(&synthetic(1, 200), "lru", 300_000, &options);
    let from: Vec<_> = outcome.timeline.iter().map(|window| window.from).collect();
    assert_eq!(from, [0, 10, 40, 70, 100, 130, 160, 190]);
}

fn planned(word: &str) -> Planned {
    word.parse::<Planned<String>>().unwrap().resolve(Policy::resolve).unwrap()
}

#[test]
fn a_switch_happens_where_it_is_planned() {
    let trace = synthetic(2, 10_000);
    let switches = ["50%:gdsf:all", "7000:lru:0", "9s:size:flush"];
    let switches = switches.map(planned).to_vec();
    let outcome = run_as(&trace, "lru", 200_000, &Options { switches, ..Options::default() });
    let marks: Vec<_> =
        outcome.marks.iter().map(|mark| (mark.at, &*mark.from, &*mark.to, mark.reevaluate)).collect();
    let expected = [
        (5000, "lru", "gdsf", Some(Reevaluate::All)),
        (7000, "gdsf", "lru", Some(Reevaluate::Count(0))),
        (9000, "lru", "size", None),
    ];
    assert_eq!(marks, expected);
    assert!(outcome.marks.iter().all(|mark| mark.documents > 10));
}

#[test]
fn a_switch_before_the_first_request_is_the_other_policy() {
    let trace = synthetic(3, 5_000);
    let options = Options { switches: vec![planned("0:gdsf")], ..Options::default() };
    let (switched, plain) =
        (run_as(&trace, "lru", 100_000, &options), run_as(&trace, "gdsf", 100_000, &Options::default()));
    assert_eq!(switched.traffic, plain.traffic);
    let never = Options { switches: vec![planned("5000:gdsf")], ..Options::default() };
    let (late, plain) =
        (run_as(&trace, "lru", 100_000, &never), run_as(&trace, "lru", 100_000, &Options::default()));
    assert_eq!((late.traffic, late.marks.len()), (plain.traffic, 0));
}

#[test]
fn a_log_that_tells_is_compared_with() {
    let rows: Vec<_> = (0..4_u64)
        .map(|number| Row {
            flags: Flags::HAS_LOGGED | if number == 3 { Flags::LOGGED_HIT } else { 0 },
            ..crate::replay::testing::row(number, 0, 10)
        })
        .collect();
    let trace = crate::replay::testing::trace_of(&rows);
    let matrix = run_as(&trace, "lru", 100, &Options::default()).agreement.unwrap();
    assert_eq!((matrix.all.both, matrix.all.only_ours, matrix.all.neither), (1, 2, 1));
}

/// Wants to be called every so often, and acts once.
struct Rule {
    every: u64,
    next: u64,
    told: u64,
    to: Policy,
}

impl Observer for Rule {
    fn next_stop(&self) -> u64 {
        self.next
    }

    fn stop(&mut self, stop: &mut Stop<'_, '_>) -> Result<(), RunError> {
        self.next = stop.at + self.every;
        assert_eq!(self.told, stop.at, "told of all before the stop");
        if stop.policy().name() != self.to.name() && stop.traffic.requests >= 1000 {
            stop.switch(&self.to, Carry::Reevaluate(Reevaluate::All))?;
        }
        Ok(())
    }

    fn wants_requests(&self) -> bool {
        true
    }

    fn requests(&mut self, rows: &[Row], hits: &[bool]) {
        assert_eq!(rows.len(), hits.len());
        self.told += rows.len() as u64;
    }
}

#[test]
fn whoever_watches_is_told_of_every_request_and_may_switch() {
    let trace = synthetic(4, 20_000);
    let mut rule = Rule { every: 300, next: 0, told: 0, to: Policy::resolve("gdsf").unwrap() };
    let policy = Policy::resolve("lru").unwrap();
    let outcome = observed(&trace, &policy, 100_000, &Options::default(), &mut [&mut rule], &|_| ()).unwrap();
    assert_eq!(rule.told, 20_000);
    assert_eq!(outcome.marks.iter().map(|mark| mark.at).collect::<Vec<_>>(), [1200]);
}
