//! LIRS (`LIRS.c`): the stack, the queue of resident HIR documents, the order in which ghosts went.

use super::lists::Lists;
use super::{DEEP_STACK, HITS_DEMOTE, PARTS_EVICT, Setting, Variant};
use crate::traces::Object;

/// What a document in the stack is.
#[derive(Clone, Copy, PartialEq)]
enum Recency {
    Lir,
    Hir,
    Ghost,
}
use Recency::{Ghost, Hir, Lir};

struct Lirs {
    stack: Lists,
    recency: Vec<Recency>,
    queue: Lists,
    ghosts: Lists,
    capacity: u64,
    lir_max: u64,
    /// Bytes of LIR documents.
    lir: u64,
    /// Bytes of all documents.
    used: u64,
    hits_demote: bool,
    parts_evict: bool,
    deep_stack: bool,
}

impl Lirs {
    fn hir_max(&self) -> u64 {
        self.capacity - self.lir_max
    }

    /// What the object is in the stack.
    fn find(&self, object: Object) -> Option<Recency> {
        self.stack.list_of(object).map(|_| self.recency[object as usize])
    }

    fn set(&mut self, object: Object, recency: Recency) {
        self.recency[object as usize] = recency;
    }

    fn push(&mut self, object: Object, size: u64, recency: Recency) {
        self.stack.push(0, object, size);
        self.set(object, recency);
    }

    /// Removes from the stack's bottom what is not LIR.
    fn prune(&mut self) {
        let len_min = usize::from(self.parts_evict);
        while self.stack.len(0) > len_min
            && let Some(lowest) = self.stack.oldest(0)
            && self.find(lowest) != Some(Lir)
        {
            self.stack.remove(lowest);
            self.ghosts.remove(lowest);
        }
    }

    /// Evicts the HIR document at the queue's end.
    fn evict_hir(&mut self) {
        let (gone, size) = self.queue.pop(0).expect("it holds too much");
        self.used -= size;
        if self.find(gone).is_some() {
            self.set(gone, Ghost);
            self.ghosts.remove(gone);
            self.ghosts.push(0, gone, size);
        }
    }

    /// Turns the lowest LIR document into HIR.
    fn demote(&mut self) {
        let (lowest, size) = self.stack.pop(0).expect("it holds too much");
        self.lir -= size;
        if self.parts_evict && size > self.hir_max() {
            self.used -= size;
        } else {
            while self.parts_evict && self.queue.bytes(0) + size > self.hir_max() {
                self.evict_hir();
            }
            self.queue.push(0, lowest, size);
        }
        self.prune();
    }

    /// Makes room among the LIR documents.
    fn demote_for(&mut self, size: u64) {
        while self.lir + size > self.lir_max {
            self.demote();
        }
    }

    /// Makes room among the LIR documents for a HIR document that does not become one. Where the HIR part is small this
    /// evicts the very document that is hit, which stays in the stack as if it were there and is hit again; and its size
    /// is then read where it was freed, which is where the document demoted last is now.
    fn demote_for_hit(&mut self, object: Object) {
        let mut read = object;
        while self.lir + self.queue.size(read) > self.lir_max {
            let lowest = self.stack.oldest(0);
            self.demote();
            if self.queue.list_of(read).is_none() {
                read = lowest.unwrap_or(read);
            }
        }
    }

    fn hit(&mut self, object: Object) {
        match self.find(object) {
            Some(Lir) => {
                self.stack.move_to(0, object);
                self.prune();
            }
            Some(_) => {
                self.stack.move_to(0, object);
                // Theirs may have lost it: see below.
                let queued = self.queue.remove(object);
                let size = queued.unwrap_or(self.stack.size(object));
                self.used -= queued.unwrap_or(0);
                self.demote_for(size);
                self.used += size;
                self.lir += size;
                self.set(object, Lir);
                self.prune();
            }
            None => {
                self.queue.move_to(0, object);
                let size = self.queue.size(object);
                if self.hits_demote {
                    self.demote_for_hit(object);
                }
                self.push(object, size, Hir);
                self.prune();
            }
        }
    }

    fn miss(&mut self, object: Object, size: u64) {
        let is_ghost = self.find(object).is_some();
        if self.parts_evict {
            if is_ghost {
                self.stack.move_to(0, object);
                self.demote_for(self.stack.size(object));
                self.ghosts.remove(object);
            } else if self.lir + size > self.lir_max {
                while self.queue.bytes(0) + size > self.hir_max() {
                    self.evict_hir();
                }
            }
            // A ghost may come back with another size than it went with.
            while self.used + size > self.capacity {
                while self.queue.bytes(0) >= self.hir_max() {
                    self.evict_hir();
                }
                self.demote();
            }
        } else {
            while self.used + size > self.capacity {
                if self.queue.len(0) > 0 {
                    self.evict_hir();
                } else {
                    let (_, size) = self.stack.pop(0).expect("a full cache has a victim");
                    (self.lir, self.used) = (self.lir - size, self.used - size);
                    self.prune();
                }
            }
        }
        // Making room may have pushed the ghost itself out of the stack; it was one nevertheless.
        self.ghosts.remove(object);
        let stored = self.stack.remove(object);
        let size = stored.filter(|_| self.parts_evict).unwrap_or(size);
        let is_lir = stored.is_some() || self.lir + size <= self.lir_max;
        if is_lir {
            self.push(object, size, Lir);
            self.demote_for_pushed(size);
        } else {
            self.push(object, size, Hir);
            self.queue.push(0, object, size);
            self.prune();
        }
        self.used += size;
        self.trim();
    }

    /// Counts a LIR document that is in the stack.
    fn demote_for_pushed(&mut self, size: u64) {
        self.prune();
        self.demote_for(size);
        self.lir += size;
    }

    fn trim(&mut self) {
        let is_too_much = |it: &Self| match it.deep_stack {
            true => it.stack.bytes(0) > 2 * it.capacity,
            false => it.ghosts.bytes(0) > it.capacity,
        };
        while is_too_much(self)
            && let Some((oldest, _)) = self.ghosts.pop(0)
        {
            self.stack.remove(oldest);
        }
    }
}

pub(crate) fn make(setting: &Setting<'_>) -> Variant {
    let (capacity, admitted_max, objects) = (setting.capacity, setting.admitted_max, setting.trace.objects);
    let mut lirs = Lirs {
        stack: Lists::new(1, objects),
        recency: vec![Ghost; objects],
        queue: Lists::new(1, objects),
        ghosts: Lists::new(1, objects),
        capacity,
        lir_max: capacity - ((capacity as f64 * 0.01) as u64).max(1),
        lir: 0,
        used: 0,
        hits_demote: setting.rules.has(HITS_DEMOTE),
        parts_evict: setting.rules.has(PARTS_EVICT),
        deep_stack: setting.rules.has(DEEP_STACK),
    };
    Box::new(move |object, size| {
        let is_hit = match lirs.find(object) {
            Some(recency) => recency != Ghost,
            None => lirs.queue.list_of(object).is_some(),
        };
        if is_hit {
            lirs.hit(object);
            lirs.trim();
        } else if lirs.parts_evict && lirs.find(object).is_some() || size <= admitted_max {
            lirs.miss(object, size);
        }
        is_hit
    })
}
