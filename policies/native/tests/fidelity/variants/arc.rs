//! ARC (`ARC.c`): T1, T2 and their ghosts B1, B2.

use super::lists::Lists;
use super::{GHOSTS_FIRST, STEPS_OF_ONE, Setting, TARGET_FIRST, Variant};

const T1: usize = 0;
const T2: usize = 1;
const B1: usize = 2;
const B2: usize = 3;

struct Arc {
    lists: Lists,
    target: f64,
    capacity: u64,
    /// The most documents there were at a time.
    documents_max: usize,
    target_first: bool,
    ghosts_first: bool,
    steps_of_one: bool,
}

impl Arc {
    fn resident(&self) -> u64 {
        self.lists.bytes(T1) + self.lists.bytes(T2)
    }

    /// A ghost moves the target.
    fn recall(&mut self, ghosts: usize, size: u64) {
        let (own, other) = (self.lists.bytes(ghosts), self.lists.bytes(B1 + B2 - ghosts));
        let step = (other as f64 / own as f64).max(1.0) * if self.steps_of_one { 1.0 } else { size as f64 };
        let target = if ghosts == B1 { self.target + step } else { self.target - step };
        self.target = target.clamp(0.0, self.capacity as f64);
    }

    fn evict(&mut self, from: usize) {
        let (gone, size) = self.lists.pop(from).expect("a full cache has a victim");
        if size <= self.capacity {
            self.lists.push(from + B1, gone, size);
        }
    }

    /// The figure's REPLACE, for a ghost of this kind or for a newcomer.
    fn replace(&mut self, ghost_of: Option<usize>) {
        let t1 = self.lists.bytes(T1) as f64;
        // Before the target is as it will be there is no tie to decide.
        let is_over = match self.target_first {
            true => t1 > self.target || t1 == self.target && ghost_of == Some(B2),
            false => self.lists.bytes(T1) > self.target as u64,
        };
        let from = if is_over && self.lists.len(T1) > 0 || self.lists.len(T2) == 0 { T1 } else { T2 };
        self.evict(from);
    }

    /// The figure's case IV.
    fn replace_for_newcomer(&mut self, size: u64) {
        let l1 = self.lists.bytes(T1) + self.lists.bytes(B1);
        if l1 + size > self.capacity {
            if self.lists.len(B1) > 0 {
                self.lists.pop(B1);
                self.replace(None);
            } else {
                self.lists.pop(T1);
            }
            return;
        }
        if l1 + self.lists.bytes(T2) + self.lists.bytes(B2) >= 2 * self.capacity {
            self.lists.pop(B2);
        }
        self.replace(None);
    }

    /// Lets go of the ghosts that do not fit any more.
    fn trim(&mut self) {
        for ghosts in [B1, B2] {
            while self.lists.bytes(ghosts) > self.capacity || self.lists.len(ghosts) > 2 * self.documents_max
            {
                self.lists.pop(ghosts);
            }
        }
        while self.lists.bytes(T1) + self.lists.bytes(B1) > self.capacity && self.lists.pop(B1).is_some() {}
        while self.resident() + self.lists.bytes(B1) + self.lists.bytes(B2) > 2 * self.capacity
            && self.lists.pop(B2).is_some()
        {}
    }

    fn miss(&mut self, object: u32, size: u64) {
        let ghost_of = self.lists.list_of(object);
        if let Some(ghosts) = ghost_of.filter(|_| self.target_first) {
            self.recall(ghosts, size);
        }
        if self.ghosts_first {
            self.lists.remove(object);
        }
        while self.resident() + size > self.capacity {
            if ghost_of.is_none() && self.ghosts_first {
                self.replace_for_newcomer(size);
            } else {
                self.replace(ghost_of);
            }
        }
        if let Some(ghosts) = ghost_of.filter(|_| !self.target_first) {
            self.recall(ghosts, size);
        }
        self.lists.remove(object);
        self.lists.push(if ghost_of.is_some() { T2 } else { T1 }, object, size);
        self.documents_max = self.documents_max.max(self.lists.len(T1) + self.lists.len(T2));
        if !self.ghosts_first {
            self.trim();
        }
    }
}

pub(crate) fn make(setting: &Setting<'_>) -> Variant {
    let admitted_max = setting.admitted_max;
    let mut arc = Arc {
        lists: Lists::new(4, setting.trace.objects),
        target: 0.0,
        capacity: setting.capacity,
        documents_max: 0,
        target_first: setting.rules.has(TARGET_FIRST),
        ghosts_first: setting.rules.has(GHOSTS_FIRST),
        steps_of_one: setting.rules.has(STEPS_OF_ONE),
    };
    Box::new(move |object, size| match arc.lists.list_of(object) {
        Some(T1 | T2) => {
            arc.lists.move_to(T2, object);
            true
        }
        _ => {
            if size <= admitted_max {
                arc.miss(object, size);
            }
            false
        }
    })
}
