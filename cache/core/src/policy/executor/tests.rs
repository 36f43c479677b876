//! Facts about the executor, turned by hand, with an audit of all its books after every turn.

use super::*;
use crate::policy::board::{Offer, Picker, Removal};
use crate::policy::{
    Audit, Cause, Document, Goal, HookPolicy, Inline, KeyPolicy, Kind, Moment, Reevaluate, Replacement,
    SwitchRefused, Traffic, WrongVictim,
};
use std::borrow::Cow;

/// Least recently used by the columns.
struct Lru;

impl KeyPolicy for Lru {
    fn key(&mut self, context: &Context<'_>, event: &Event) -> f64 {
        context.documents.last_used(event.slot).0 as f64
    }
}

/// Largest first, with a clock that advances like GreedyDual's.
#[derive(Default)]
struct Size(Arc<parking_lot::Mutex<Vec<f64>>>);

impl KeyPolicy for Size {
    fn key(&mut self, _context: &Context<'_>, event: &Event) -> f64 {
        -(event.size as f64)
    }

    fn evicted(&mut self, key: f64) {
        self.0.lock().push(key);
    }
}

/// First in, first out; answers with what `lie` says, if anything.
struct Fifo {
    queue: VecDeque<Slot>,
    lie: Answer,
    told: Arc<parking_lot::Mutex<Told>>,
}

/// What a policy was asked and told.
#[derive(Default)]
struct Told {
    /// How many victims it was asked for, each time.
    asked: Vec<usize>,
    /// What was wrong with its victims.
    wrong: Vec<(WrongVictim, Option<Slot>)>,
}

type Answer = fn(&mut VecDeque<Slot>) -> Option<Slot>;

impl HookPolicy for Fifo {
    fn on_event(&mut self, _context: &Context<'_>, event: &Event) {
        match event.kind() {
            Some(EventKind::Remove) => self.queue.retain(|&slot| slot != event.slot),
            Some(EventKind::Insert | EventKind::Import | EventKind::Return) => {
                self.queue.push_back(event.slot)
            }
            _ => {}
        }
    }

    fn victim(&mut self, _context: &Context<'_>) -> Option<Slot> {
        (self.lie)(&mut self.queue)
    }

    fn victims(&mut self, _context: &Context<'_>, most: usize, into: &mut Vec<Slot>) {
        self.told.lock().asked.push(most);
        into.extend((0..most).map_while(|_| (self.lie)(&mut self.queue)));
    }

    fn refused(&mut self, _context: &Context<'_>, wrong: WrongVictim, slot: Option<Slot>) {
        self.told.lock().wrong.push((wrong, slot));
    }

    fn rank(&self, _context: &Context<'_>, visit: &mut dyn FnMut(Slot) -> bool) {
        self.queue.iter().all(|&slot| visit(slot));
    }

    fn len(&self) -> usize {
        self.queue.len()
    }

    fn state_bytes(&self) -> usize {
        0
    }
}

fn manifest(name: &'static str, kind: Kind, hit_events: HitEvents) -> Manifest {
    let (summary, paper) = (Cow::Borrowed(""), Cow::Borrowed(""));
    let (name, goals, parameters) = (Cow::Borrowed(name), &[Goal::Hits], Cow::Borrowed(&[][..]));
    Manifest { name, summary, paper, kind, hit_events, goals, parameters }
}

fn prepared(name: &'static str, hit_events: HitEvents, built: Replacement) -> Prepared {
    let kind = if matches!(built, Replacement::Key(_)) { Kind::Key } else { Kind::Hooks };
    Prepared::from_parts(manifest(name, kind, hit_events), built, 8192).unwrap()
}

fn lru() -> Prepared {
    prepared("lru", HitEvents::Needed, Replacement::Key(Box::new(Lru)))
}

fn size() -> Prepared {
    prepared("size", HitEvents::Unneeded, Replacement::Key(Box::<Size>::default()))
}

fn fifo() -> Prepared {
    lying(VecDeque::pop_front)
}

fn lying(lie: Answer) -> Prepared {
    listening(lie).0
}

/// The same, with what it will have been told.
fn listening(lie: Answer) -> (Prepared, Arc<parking_lot::Mutex<Told>>) {
    let told = Arc::default();
    let fifo = Fifo { queue: VecDeque::new(), lie, told: Arc::clone(&told) };
    (prepared("fifo", HitEvents::Unneeded, Replacement::Hooks(Box::new(fifo))), told)
}

/// An executor that a test turns by hand, and a clock that never stands still.
struct Rig {
    board: Arc<Board>,
    executor: Executor,
    now: u64,
    audit: Audit,
}

impl Rig {
    fn new(first: Prepared) -> Self {
        let board = Arc::new(Board::with_backlog(1, 8192, 32, 10_000));
        let executor = Executor::new(Arc::clone(&board), first, UnixSecs(0));
        Self { board, executor, now: 0, audit: Audit::WithOrders }
    }

    fn tick(&mut self) -> Tick {
        self.now += 1;
        Tick(self.now)
    }

    fn insert(&mut self, size: u64) -> SlotId {
        let now = self.tick();
        let id = self.board.alloc_slot().unwrap();
        let document =
            Document { size, hash: now.0, created: now, last_used: now, uses: 1, ..Document::default() };
        self.board.inserted(id, &document);
        id
    }

    /// Documents of the sizes 0, 1, 2, ...
    fn fill(&mut self, count: u64) -> Vec<SlotId> {
        (0..count).map(|size| self.insert(size)).collect()
    }

    fn hit(&mut self, id: SlotId) {
        let now = self.tick();
        self.board.hit(0, id, now);
    }

    /// A turn without background work, followed by an audit.
    fn turn(&mut self) -> Turn {
        self.turn_with(Budget { background: 0, ..Budget::default() })
    }

    fn turn_with(&mut self, budget: Budget) -> Turn {
        let now = self.tick();
        let turn = self.executor.turn(now, budget);
        self.executor.audit(self.audit).unwrap();
        turn
    }

    fn switch(&mut self, to: Prepared, reevaluate: Reevaluate) -> u64 {
        let token =
            self.executor.hand_over(to, reevaluate, Moment::default()).map_err(|(_, why)| why).unwrap();
        self.executor.audit(self.audit).unwrap();
        token
    }

    /// The slot of the next victim, taken and removed.
    fn evict(&mut self) -> (Slot, Picker) {
        let Offer { id, picker, .. } = self.board.take_victim().unwrap();
        self.board.removed(id, Removal::Evicted);
        (id.slot, picker)
    }

    fn worst(&self, count: usize) -> Vec<Slot> {
        self.executor.worst(count).iter().map(|line| line.id.slot).collect()
    }
}

#[test]
fn the_pool_is_filled_ahead_and_follows_hits_and_removals() {
    let mut rig = Rig::new(lru());
    let ids = rig.fill(200);
    assert_eq!(rig.turn().picks, 4);
    assert_eq!(rig.worst(6), [0, 1, 2, 3, 4, 5]);
    // The first is used, the second purged, the third given back: the fourth is the next to go.
    rig.hit(ids[0]);
    rig.board.removed(ids[1], Removal::Gone);
    let offer = rig.board.take_victim().unwrap();
    assert_eq!(offer.id, ids[2]);
    rig.board.give_back(offer);
    assert_eq!(rig.evict(), (3, Picker::Policy));
    assert_eq!(rig.turn().picks, 4);
    assert_eq!(rig.worst(3), [2, 4, 5]);
    assert_eq!(rig.executor.status().documents, 198);
    assert_eq!(rig.executor.rank_of(ids[0]).unwrap().before, 197);
    assert_eq!(rig.executor.rank_of(ids[1]), None);
}

#[test]
fn a_listener_hears_of_hits_that_the_policy_does_not_want() {
    let mut rig = Rig::new(size());
    let ids = rig.fill(2);
    rig.turn();
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    rig.hit(ids[0]);
    rig.turn();
    rig.executor
        .listen(Some(Box::new(move |hits| hear.lock().unwrap().extend(hits.iter().map(|hit| hit.uses)))));
    rig.hit(ids[1]);
    // What is gone by the time the executor hears of it is not told.
    rig.hit(ids[0]);
    rig.board.removed(ids[0], Removal::Gone);
    rig.turn();
    assert_eq!(*heard.lock().unwrap(), [2]);
    rig.executor.listen(None);
    rig.hit(ids[1]);
    rig.turn();
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[test]
fn a_rank_names_those_right_before_it_across_the_edge_of_the_pool() {
    let mut rig = Rig::new(lru());
    let ids = rig.fill(200);
    assert_eq!(rig.turn().picks, 4);
    let line = rig.worst(12);
    for (place, &slot) in line.iter().enumerate() {
        let rank = rig.executor.rank_of(ids[slot as usize]).unwrap();
        let nearest = &line[place.saturating_sub(5)..place];
        assert_eq!((rank.before, rank.nearest.as_slice()), (place, nearest));
    }
}

#[test]
fn the_pool_follows_the_demand() {
    let mut rig = Rig::new(lru());
    rig.fill(4000);
    let mut fallbacks = 0;
    for _ in 0..20 {
        rig.turn();
        fallbacks = (0..20).filter(|_| rig.evict().1 == Picker::Fallback).count();
    }
    assert_eq!(fallbacks, 0);
    assert!(rig.board.counts().fallback_victims > 0);
}

#[test]
fn a_switch_keeps_every_document_and_carries_the_worst_first() {
    let mut rig = Rig::new(lru());
    rig.fill(100);
    rig.turn();
    let token = rig.switch(size(), Reevaluate::Percent(20.0));
    assert_eq!(token, 2);
    assert_eq!(rig.executor.last_switch().carried, 100);
    assert_eq!(rig.executor.status().policy.name, "size");
    assert_eq!(rig.executor.status().pending, 100);
    assert_eq!(rig.turn().picks, 4);
    let switch = rig.executor.last_switch();
    assert_eq!(switch.reevaluated, 20);
    // Four victims were picked, each after four more were carried in their turn: the worst of what was carried.
    assert_eq!(switch.pending, 100 - 16 - 20);
    assert_eq!(rig.worst(4), [3, 7, 11, 15]);
    assert!(rig.worst(100).len() == 100);
}

#[test]
fn a_document_touched_while_its_order_drains_moves_to_the_new_order() {
    let mut rig = Rig::new(fifo());
    let ids = rig.fill(10);
    rig.turn();
    rig.switch(lru(), Reevaluate::Count(0));
    rig.turn();
    let pending = rig.executor.status().pending;
    rig.hit(ids[9]);
    rig.board.updated(ids[8], 7, Tick(0));
    rig.turn();
    assert_eq!(rig.executor.status().pending, pending - 1);
    assert_eq!(rig.worst(10)[9], 9);
    assert_eq!(rig.board.documents().get(8).size, 7);
}

/// Whoever is asked about last goes last.
#[derive(Default)]
struct Asked(u64);

impl KeyPolicy for Asked {
    fn key(&mut self, _context: &Context<'_>, _event: &Event) -> f64 {
        self.0 += 1;
        self.0 as f64
    }
}

fn asked() -> Prepared {
    prepared("asked", HitEvents::Unneeded, Replacement::Key(Box::<Asked>::default()))
}

const NO_PICKS: Budget = Budget { events: 4096, picks: 0, reevaluate: 30, background: 0 };

impl Rig {
    /// What becomes of documents named, in one turn.
    fn update(&mut self, documents: &[SlotId]) -> Updated {
        self.executor.update(documents.iter().copied());
        self.turn_with(NO_PICKS);
        self.executor.updated_so_far()
    }
}

#[test]
fn a_document_named_moves_from_an_old_order_to_the_deciding_one() {
    let mut rig = Rig::new(fifo());
    let ids = rig.fill(100);
    rig.turn_with(NO_PICKS);
    rig.switch(lru(), Reevaluate::Count(0));
    let updated = rig.update(&[ids[70], ids[30]]);
    assert_eq!(updated, Updated { carried: 2, ..Updated::default() });
    assert_eq!((rig.executor.status().pending, rig.executor.last_switch().reevaluated), (98, 2));
    // The rest of the old order goes first, as it was; then those by the new policy.
    assert_eq!(rig.worst(100)[98..], [30, 70]);
    assert_eq!(rig.executor.policy_of(ids[70]).unwrap().name, "lru");
}

#[test]
fn a_document_named_in_the_deciding_order_is_valued_anew() {
    let mut rig = Rig::new(asked());
    let ids = rig.fill(20);
    let updated = rig.update(&[ids[3], ids[5]]);
    assert_eq!(updated, Updated { revalued: 2, ..Updated::default() });
    assert_eq!(rig.worst(20)[17..], [19, 3, 5]);
    assert_eq!(rig.executor.last_switch().reevaluated, 0);
}

#[test]
fn documents_named_that_are_gone_or_offered_are_passed_over() {
    let mut rig = Rig::new(asked());
    let ids = rig.fill(200);
    rig.turn();
    rig.board.removed(ids[100], Removal::Gone);
    rig.board.removed(ids[101], Removal::Gone);
    assert_eq!(rig.insert(7).slot, 101);
    let unheard = SlotId { slot: 150, generation: ids[150].generation + 1 };
    let foreign = SlotId { slot: Slot::MAX, generation: 0 };
    // The first of all is offered by the deciding policy: a decision made.
    let updated = rig.update(&[ids[0], ids[100], ids[101], unheard, foreign]);
    assert_eq!(updated, Updated { passed_over: 5, ..Updated::default() });
    assert_eq!(rig.update(&[ids[150]]), Updated { revalued: 1, ..Updated::default() });
}

#[test]
fn a_victim_of_the_policy_before_is_carried_when_it_is_named_before_its_turn() {
    let mut rig = Rig::new(lru());
    let ids = rig.fill(200);
    assert_eq!(rig.turn().picks, 4);
    let taken = rig.board.take_victim().unwrap();
    rig.switch(asked(), Reevaluate::Count(0));
    let updated = rig.update(&[taken.id, ids[2]]);
    assert_eq!(updated, Updated { carried: 1, passed_over: 1, ..Updated::default() });
    assert_eq!(rig.executor.policy_of(ids[2]).unwrap().name, "asked");
    assert_eq!(rig.worst(200)[199], 2);
    rig.board.give_back(taken);
    rig.switch(size(), Reevaluate::All);
    rig.turn_with(Budget::UNBOUNDED);
    let status = rig.executor.status();
    assert_eq!((status.documents, status.pending), (200, 0));
}

#[test]
fn documents_named_are_done_in_shares_and_before_what_a_switch_asked_for() {
    let mut rig = Rig::new(fifo());
    let ids = rig.fill(100);
    rig.turn_with(NO_PICKS);
    rig.switch(lru(), Reevaluate::Count(10));
    rig.executor.update(ids[50..].iter().copied());
    let mut shares = Vec::new();
    while rig.executor.is_reevaluating() {
        shares.push((rig.turn_with(NO_PICKS).carried, rig.executor.updated_so_far().carried));
    }
    assert_eq!(shares, [(30, 30), (20, 50), (10, 50)]);
    assert_eq!(rig.executor.last_switch().reevaluated, 60);
}

#[test]
fn the_background_empties_old_orders() {
    let mut rig = Rig::new(lru());
    rig.fill(1000);
    rig.turn();
    rig.switch(size(), Reevaluate::Count(0));
    let turns =
        (0..).take_while(|_| rig.turn_with(Budget { background: 100, ..Budget::default() }).is_draining);
    assert!(turns.count() <= 10);
    assert_eq!(rig.executor.status().draining, []);
    // The victims picked before the last were carried are among the largest of those carried by then.
    assert_eq!(rig.executor.history(Traffic::default()).last().unwrap().pending, 0);
}

#[test]
fn a_rollback_finds_the_old_order_as_it_was() {
    let mut rig = Rig::new(lru());
    rig.fill(100);
    rig.turn();
    assert_eq!(
        rig.executor.roll_back(Reevaluate::All, Cause::Rollback, Moment::default()),
        Err(SwitchRefused::NothingBefore)
    );
    rig.switch(size(), Reevaluate::Count(30));
    rig.turn();
    rig.insert(5);
    rig.turn();
    let token = rig.executor.roll_back(Reevaluate::All, Cause::Rollback, Moment::default());
    assert_eq!(token, Ok(3));
    rig.turn();
    let status = rig.executor.status();
    assert_eq!((status.policy.name.as_ref(), status.pending), ("lru", 0));
    assert_eq!(status.previous.unwrap().name, "size");
    let line = rig.worst(101);
    assert!(line[status.offered..].is_sorted(), "{line:?}");
    assert_eq!(rig.executor.roll_back(Reevaluate::All, Cause::Rollback, Moment::default()), Ok(4));
    assert_eq!(rig.executor.status().policy.name, "size");
}

#[test]
fn switches_during_switches_chain_up_to_a_bound_that_the_background_lifts() {
    let mut rig = Rig::new(lru());
    rig.fill(2000);
    rig.turn();
    let mut refused = None;
    for i in 0..40 {
        rig.fill(20);
        rig.turn();
        let next = if i % 2 == 0 { fifo() } else { lru() };
        if let Err((_, why)) = rig.executor.hand_over(next, Reevaluate::Count(0), Moment::default()) {
            refused = Some(why);
            break;
        }
    }
    assert_eq!(refused, Some(SwitchRefused::Busy(16)));
    rig.turn_with(Budget { background: 500, ..Budget::default() });
    assert!(rig.executor.has_room_for_switch());
    rig.switch(size(), Reevaluate::All);
    rig.turn_with(Budget::UNBOUNDED);
    assert_eq!(rig.executor.status().pending, 0);
    // Only the previous instance is kept, empty.
    rig.turn();
    assert_eq!(rig.executor.draining.len(), 1);
}

#[test]
fn offers_in_flight_at_a_switch_end_in_the_new_order_or_gone() {
    let mut rig = Rig::new(fifo());
    rig.fill(300);
    rig.turn();
    let (kept, evicted) = (rig.board.take_victim().unwrap(), rig.board.take_victim().unwrap());
    rig.switch(lru(), Reevaluate::Count(0));
    rig.board.give_back(kept);
    rig.board.removed(evicted.id, Removal::Evicted);
    rig.turn();
    assert_eq!(rig.executor.status().documents, 299);
    assert!(rig.executor.rank_of(kept.id).is_some());
}

#[test]
fn a_wrong_victim_costs_one_decision_and_too_many_are_reported() {
    let lies: [Answer; 4] = [|_| None, |_| Some(8000), |queue| queue.front().copied(), |_| Some(u32::MAX)];
    for lie in lies {
        let mut rig = Rig { audit: Audit::Books, ..Rig::new(lying(lie)) };
        rig.fill(2000);
        let mut is_unfit = false;
        for _ in 0..60 {
            is_unfit |= rig.turn().is_unfit;
            rig.evict();
        }
        rig.turn();
        assert_eq!(rig.board.counts().removals, 60);
        assert!(rig.executor.faults() > 16 && is_unfit);
        // Its documents are carried over without its help.
        rig.switch(lru(), Reevaluate::All);
        rig.turn_with(Budget::UNBOUNDED);
        assert_eq!(rig.executor.status().pending, 0);
        assert_eq!(rig.executor.status().documents, 1940);
    }
}

#[test]
fn many_victims_are_asked_for_in_one_call_where_the_pool_is_filled() {
    let (first, told) = listening(VecDeque::pop_front);
    let mut rig = Rig::new(first);
    rig.fill(200);
    assert_eq!(rig.turn().picks, 4);
    assert_eq!((told.lock().asked.as_slice(), rig.worst(5).as_slice()), (&[4][..], &[0, 1, 2, 3, 4][..]));
    // One is not worth a batch, and while documents are carried over between two picks, each is asked for alone.
    rig.evict();
    rig.turn();
    rig.switch(lru(), Reevaluate::Count(0));
    rig.turn();
    assert_eq!(told.lock().asked, [4]);
}

#[test]
fn each_wrong_victim_of_an_answer_is_told_by_its_kind_and_replaced() {
    use WrongVictim::{Absent, None as Nobody, OutOfRange, Taken};
    let check = |lie: Answer, expected: &[(WrongVictim, Option<Slot>)]| {
        let (first, told) = listening(lie);
        let mut rig = Rig { audit: Audit::Books, ..Rig::new(first) };
        let ids = rig.fill(201);
        rig.board.removed(ids[200], Removal::Gone);
        assert_eq!(rig.turn().picks, 4);
        assert_eq!(told.lock().wrong, expected);
        assert_eq!(rig.executor.faults(), expected.len() as u64);
        let mut victims: Vec<_> = (0..4).map(|_| rig.evict()).collect();
        assert!(victims.iter().all(|(_, picker)| *picker == Picker::Policy));
        victims.sort_unstable_by_key(|(slot, _)| *slot);
        victims.dedup_by_key(|(slot, _)| *slot);
        assert_eq!(victims.len(), 4);
    };
    check(VecDeque::pop_front, &[]);
    check(|queue| queue.front().copied(), &[(Taken, Some(0)); 3]);
    check(|_| Some(200), &[(Absent, Some(200)); 4]);
    check(|_| Some(201), &[(OutOfRange, Some(201)); 4]);
    check(|_| Some(u32::MAX), &[(OutOfRange, Some(u32::MAX)); 4]);
    // Nobody, and nobody again for each of the three that are asked for one by one.
    check(|_| None, &[(Nobody, None); 4]);
    check(|queue| if queue.len() > 199 { queue.pop_front() } else { Some(0) }, &[(Taken, Some(0)); 3]);
}

#[test]
fn nobody_goes_back_to_a_policy_that_failed() {
    let mut rig = Rig::new(lru());
    rig.fill(100);
    rig.turn();
    rig.switch(fifo(), Reevaluate::All);
    rig.executor.roll_back(Reevaluate::All, Cause::Fault, Moment::default()).unwrap();
    let back = rig.executor.roll_back(Reevaluate::All, Cause::Rollback, Moment::default());
    assert_eq!((back, rig.executor.status().previous), (Err(SwitchRefused::NothingBefore), None));
    rig.executor.replace_failed(size(), Moment::default()).map_err(|(_, why)| why).unwrap();
    rig.turn();
    assert_eq!((rig.executor.status().previous, rig.executor.last_switch().cause), (None, Cause::Fault));
}

#[test]
fn a_slot_reused_before_its_removal_is_heard_is_not_mistaken() {
    let mut rig = Rig::new(lru());
    let ids = rig.fill(64);
    rig.turn();
    // The executor does not hear of anything while half of the cache changes and it picks four victims.
    for &id in &ids[..32] {
        rig.board.removed(id, Removal::Gone);
        assert_eq!(rig.insert(9).slot, id.slot);
    }
    while rig.board.withdraw_offer().is_some() {}
    let now = rig.tick();
    rig.executor.turn(now, Budget { events: 0, ..Budget::default() });
    let offer = rig.board.take_victim().unwrap();
    assert_eq!((offer.id.slot, offer.picker), (32, Picker::Policy));
    rig.board.give_back(offer);
    rig.turn();
    assert_eq!(rig.executor.status().documents, 64);
}

#[test]
fn lost_events_are_made_up_for_from_the_columns() {
    let mut rig = Rig::new(lru());
    let ids = rig.fill(5000);
    rig.turn_with(Budget::UNBOUNDED);
    (0..10_000).for_each(|_| rig.board.updated(ids[0], 1, Tick(0)));
    ids[..100].iter().for_each(|&id| rig.board.removed(id, Removal::Gone));
    rig.fill(50);
    let now = rig.tick();
    while rig.executor.turn(now, Budget::UNBOUNDED).is_pressed {}
    rig.turn();
    assert_eq!(rig.executor.status().documents, 4950);
}

#[test]
fn documents_older_than_the_executor_are_found() {
    let board = Arc::new(Board::new(1, 100, 4));
    let id = board.alloc_slot().unwrap();
    board.inserted(id, &Document::default());
    while board.next_told().is_some() {}
    let mut executor = Executor::new(board, lru(), UnixSecs(0));
    executor.turn(Tick(1), Budget::default());
    executor.turn(Tick(1), Budget::default());
    assert_eq!(executor.status().documents, 1);
}

#[test]
fn starting_over_forgets_the_orders_and_no_document() {
    let mut rig = Rig::new(lru());
    let ids = rig.fill(300);
    rig.turn();
    rig.switch(size(), Reevaluate::Count(7));
    rig.turn();
    let taken = rig.board.take_victim().unwrap();
    rig.board.removed(ids[250], Removal::Gone);
    let (token, retired) = rig.executor.start_over(fifo(), Moment::default());
    drop(retired);
    assert_eq!(token, 3);
    rig.board.removed(taken.id, Removal::Evicted);
    rig.turn();
    let status = rig.executor.status();
    assert_eq!((status.documents, status.pending, status.policy.name.as_ref()), (298, 0, "fifo"));
    assert_eq!(rig.executor.last_switch().cause, Cause::Fault);
}

#[test]
fn hits_are_asked_for_only_while_somebody_needs_them() {
    let mut rig = Rig::new(size());
    let id = rig.insert(1);
    rig.turn();
    let heard = |rig: &mut Rig| {
        rig.hit(id);
        rig.turn().events
    };
    assert_eq!(heard(&mut rig), 0);
    rig.switch(lru(), Reevaluate::All);
    assert_eq!(heard(&mut rig), 1);
    rig.switch(size(), Reevaluate::Count(0));
    assert_eq!(heard(&mut rig), 1);
    // The one document was touched and carried, or carried by its turn; nobody asks any more.
    assert_eq!(rig.executor.status().pending, 0);
    assert_eq!(heard(&mut rig), 0);
}

#[test]
fn in_line_the_victim_is_exact_and_the_policy_hears_of_its_eviction() {
    let keys = Arc::default();
    let first = prepared("size", HitEvents::Unneeded, Replacement::Key(Box::new(Size(Arc::clone(&keys)))));
    let board = Arc::new(Board::new(1, 100, 8));
    let inline = Inline::new(Executor::exact(board, first, UnixSecs(0)));
    let insert = |size| {
        let id = inline.board().alloc_slot().unwrap();
        inline.board().inserted(id, &Document { size, uses: 1, ..Document::default() });
    };
    [5, 9, 7].into_iter().for_each(insert);
    let evict = || {
        let offer = inline.board().take_victim().unwrap();
        let size = inline.board().documents().get(offer.id.slot).size;
        inline.board().removed(offer.id, Removal::Evicted);
        (size, offer.picker)
    };
    assert_eq!(evict(), (9, Picker::Policy));
    insert(8);
    assert_eq!([evict(), evict(), evict()].map(|(size, _)| size), [8, 7, 5]);
    inline.settle();
    assert_eq!(*keys.lock(), [-9.0, -8.0, -7.0, -5.0]);
    assert_eq!(inline.board().take_victim(), None);
}
