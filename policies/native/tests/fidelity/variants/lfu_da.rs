//! LFU-DA (`LFUDA.c`).

use std::collections::BTreeSet;

use super::{CLOCK_ADDED, CLOCK_AHEAD, Setting, Variant};
use crate::traces::Object;

/// Key, the number of the request that gave it, object.
type Place = (u64, u64, Object);

#[derive(Default)]
struct LfuDa {
    order: BTreeSet<Place>,
    /// By object: its place in the order and its size.
    residents: Vec<Option<(Place, u64)>>,
    uses: Vec<u64>,
    used: u64,
    clock: u64,
    now: u64,
    clock_added: bool,
    clock_ahead: bool,
}

impl LfuDa {
    fn take(&mut self, object: Object) -> Option<(u64, u64)> {
        let (place, size) = self.residents[object as usize].take()?;
        self.order.remove(&place);
        self.used -= size;
        Some((place.0, size))
    }

    fn put(&mut self, object: Object, key: u64, size: u64) {
        self.now += 1;
        let place = (key, self.now, object);
        self.order.insert(place);
        self.residents[object as usize] = Some((place, size));
        self.used += size;
    }

    /// The clock runs on when there is nothing left at it.
    fn run_ahead(&mut self) {
        if let Some(&(lowest, ..)) = self.order.first()
            && self.clock_ahead
        {
            self.clock = self.clock.max(lowest);
        }
    }

    fn hit(&mut self, object: Object) {
        self.uses[object as usize] += 1;
        let Some((key, size)) = self.take(object) else { return };
        let new_key =
            if self.clock_added { key + self.clock } else { self.clock + self.uses[object as usize] };
        if key == self.clock {
            self.run_ahead();
        }
        self.put(object, new_key, size);
    }

    fn evict(&mut self) {
        let &(key, _, gone) = self.order.first().expect("a full cache has a victim");
        self.clock = key;
        self.take(gone);
        self.run_ahead();
    }
}

pub(crate) fn make(setting: &Setting<'_>) -> Variant {
    let (capacity, objects) = (setting.capacity, setting.trace.objects);
    let mut it = LfuDa {
        residents: vec![None; objects],
        uses: vec![0; objects],
        clock_added: setting.rules.has(CLOCK_ADDED),
        clock_ahead: setting.rules.has(CLOCK_AHEAD),
        ..LfuDa::default()
    };
    Box::new(move |object, size| {
        if it.residents[object as usize].is_some() {
            it.hit(object);
            return true;
        }
        if size <= capacity {
            while it.used + size > capacity {
                it.evict();
            }
            it.uses[object as usize] = 1;
            it.put(object, it.clock + 1, size);
        }
        false
    })
}
