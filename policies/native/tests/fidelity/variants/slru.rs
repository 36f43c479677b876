//! SLRU of four equal segments (`SLRU.c`).

use super::lists::Lists;
use super::{HITS_EVICT, Setting, Variant};

/// Segments, in some lists of several.
pub(crate) struct Segments {
    /// The list of the lowest segment.
    pub(crate) first: usize,
    pub(crate) sizes: Vec<u64>,
    pub(crate) hits_evict: bool,
}

impl Segments {
    fn last(&self) -> usize {
        self.first + self.sizes.len() - 1
    }

    pub(crate) fn bytes(&self, lists: &Lists) -> u64 {
        (self.first..=self.last()).map(|list| lists.bytes(list)).sum()
    }

    /// The list of the lowest segment with room.
    pub(crate) fn with_room(&self, lists: &Lists, size: u64) -> Option<usize> {
        (self.first..).zip(&self.sizes).find(|&(list, &max)| lists.bytes(list) + size <= max).map(|it| it.0)
    }

    pub(crate) fn evict(&self, lists: &mut Lists) {
        let lowest = (self.first..=self.last()).find(|&list| lists.len(list) > 0);
        lowest.and_then(|list| lists.pop(list)).expect("a full cache has a victim");
    }

    pub(crate) fn hit(&self, lists: &mut Lists, object: u32, from: usize, to: usize) {
        lists.move_to(to.min(self.last()), object);
        if from < self.last() {
            self.cool(lists, to);
        }
    }

    /// What does not fit falls, segment by segment.
    fn cool(&self, lists: &mut Lists, from: usize) {
        for list in (self.first..=from).rev() {
            if lists.bytes(list) <= self.sizes[list - self.first] {
                return;
            }
            while lists.bytes(list) > self.sizes[list - self.first] {
                if list > self.first {
                    let oldest = lists.oldest(list).expect("it holds too much");
                    lists.move_to(list - 1, oldest);
                } else if self.hits_evict {
                    self.evict(lists);
                } else {
                    return;
                }
            }
        }
    }
}

pub(crate) fn make(setting: &Setting<'_>) -> Variant {
    let (capacity, admitted_max) = (setting.capacity, setting.admitted_max);
    let segments =
        Segments { first: 0, sizes: vec![capacity / 4; 4], hits_evict: setting.rules.has(HITS_EVICT) };
    let mut lists = Lists::new(4, setting.trace.objects);
    Box::new(move |object, size| {
        if let Some(list) = lists.list_of(object) {
            segments.hit(&mut lists, object, list, list + 1);
            return true;
        }
        if size <= admitted_max {
            while segments.bytes(&lists) + size > capacity {
                segments.evict(&mut lists);
            }
            let list = segments.with_room(&lists, size).unwrap_or(0);
            lists.push(list, object, size);
        }
        false
    })
}
