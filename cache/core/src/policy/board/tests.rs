//! Tests of the board: slots, rings, the queue of events, the victim pool.

use super::*;

fn document(size: u64) -> Document {
    Document { hash: 42, size, uses: 1, ..Document::default() }
}

fn stored(board: &Board, size: u64) -> SlotId {
    let id = board.alloc_slot().unwrap();
    board.inserted(id, &document(size));
    id
}

fn told(board: &Board) -> Vec<(u32, EventKind, u32)> {
    std::iter::from_fn(|| board.next_told())
        .map(|told| (told.event.slot, told.event.kind().unwrap(), told.generation))
        .collect()
}

#[test]
fn events_come_in_order_and_a_slot_is_free_only_after_its_removal_is_told() {
    let board = Board::new(1, 1, 4);
    let first = stored(&board, 10);
    assert_eq!(board.alloc_slot(), None);
    board.updated(first, 20, Tick::from_secs(5));
    assert_eq!(board.documents().get(first.slot).size, 20);
    assert_eq!(board.documents().get(first.slot).uses, 1);
    board.removed(first, Removal::Gone);
    let second = stored(&board, 30);
    assert_eq!((second.slot, second.generation), (first.slot, first.generation + 1));
    use EventKind::*;
    assert_eq!(told(&board), [(0, Insert, 0), (0, Update, 0), (0, Remove, 0), (0, Insert, 1)]);
}

#[test]
fn a_removal_tells_the_documents_last_columns() {
    let board = Board::new(1, 8, 4);
    let id = stored(&board, 77);
    board.removed(id, Removal::Evicted);
    let _ = board.next_told();
    let removal = board.next_told().unwrap().event;
    assert_eq!((removal.size, removal.hash, removal.is_evicted()), (77, 42, true));
}

#[test]
fn freeing_or_removing_twice_does_nothing() {
    let board = Board::new(1, 8, 4);
    let unused = board.alloc_slot().unwrap();
    board.free_slot(unused);
    board.free_slot(unused);
    let id = stored(&board, 1);
    board.free_slot(id);
    assert!(board.documents().is_resident(id.slot));
    board.removed(id, Removal::Gone);
    board.removed(id, Removal::Gone);
    board.free_slot(id);
    assert_ne!(board.alloc_slot().unwrap().slot, board.alloc_slot().unwrap().slot);
    assert_eq!(board.counts().removals, 1);
}

#[test]
fn hits_are_stamped_always_and_told_only_when_wanted() {
    let board = Board::new(1, 8, 4);
    let id = stored(&board, 1);
    let hits = |board: &Board| {
        let mut hits = Vec::new();
        board.drain_hits(usize::MAX, &mut hits);
        hits
    };
    board.hit(0, id, Tick(5));
    assert_eq!(hits(&board), []);
    board.deliver_hits(HitDelivery::Rings);
    board.hit(0, id, Tick(6));
    board.hit(9, id, Tick(7));
    board.hit(0, SlotId { generation: id.generation + 1, ..id }, Tick(8));
    assert_eq!(hits(&board), [id]);
    assert_eq!((board.documents().uses(id.slot), board.documents().last_used(id.slot)), (4, Tick(7)));
    let _ = told(&board);
    board.deliver_hits(HitDelivery::InOrder);
    board.hit(0, id, Tick(9));
    assert_eq!(told(&board), [(0, EventKind::Hit, 0)]);
}

#[test]
fn offers_of_used_or_removed_documents_are_passed_over() {
    let board = Board::new(1, 8, 4);
    let [used, gone, good] = [stored(&board, 1), stored(&board, 1), stored(&board, 1)];
    for id in [used, gone, good] {
        assert!(board.put_offer(board.offer(id.slot, Picker::Policy)));
    }
    board.hit(0, used, Tick(0));
    board.removed(gone, Removal::Gone);
    let _ = told(&board);
    let offer = board.take_victim().unwrap();
    assert_eq!((offer.id, offer.picker), (good, Picker::Policy));
    assert_eq!(told(&board), [(used.slot, EventKind::Return, 0)]);
    board.give_back(offer);
    assert_eq!(told(&board), [(good.slot, EventKind::Return, 0)]);
    let counts = board.counts();
    assert_eq!((counts.offers_used, counts.offers_gone, counts.offers_given_back), (1, 1, 1));
}

#[test]
fn an_empty_pool_rings_once_and_falls_back() {
    let board = Board::new(1, 8, 4);
    assert_eq!(board.take_victim(), None);
    let rung = Arc::new(AtomicUsize::new(0));
    board.answer();
    board.set_waker({
        let rung = rung.clone();
        Arc::new(move || {
            rung.fetch_add(1, Relaxed);
        })
    });
    let id = stored(&board, 1);
    let offers = [board.take_victim().unwrap(), board.take_victim().unwrap()];
    assert!(offers.iter().all(|offer| offer.id == id && offer.picker == Picker::Fallback));
    assert_eq!(rung.load(Relaxed), 1);
    board.answer();
    let _ = board.take_victim();
    assert_eq!(rung.load(Relaxed), 2);
}

#[test]
fn an_executor_in_line_fills_the_pool_when_it_is_rung_for() {
    let board = Arc::new(Board::new(1, 8, 1));
    let id = stored(&board, 1);
    board.set_waker({
        let board = Arc::downgrade(&board);
        Arc::new(move || {
            let board = board.upgrade().unwrap();
            board.answer();
            assert!(board.put_offer(board.offer(id.slot, Picker::Policy)));
        })
    });
    for _ in 0..3 {
        assert_eq!(board.take_victim().map(|offer| (offer.id, offer.picker)), Some((id, Picker::Policy)));
    }
}

#[test]
fn a_queue_that_is_full_says_that_the_columns_must_be_read_anew() {
    let board = Board::with_backlog(1, 8, 4, 3);
    let id = stored(&board, 1);
    (0..3).for_each(|_| board.updated(id, 1, Tick(0)));
    assert_eq!(board.counts().backlogs_lost, 1);
    assert!(board.has_lost_backlog());
    assert!(!board.has_lost_backlog());
    assert_eq!(board.told_waiting(), 3);
}
