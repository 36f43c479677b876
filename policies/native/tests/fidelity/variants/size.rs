//! SIZE (`Size.c`, `pqueue.c`): the heap is theirs down to which of equal children goes up.

use super::{HEAP_TIES, Setting, Variant};
use crate::traces::Object;

/// A binary heap of size, order of arrival (the same for all when ties are the heap's) and object.
#[derive(Default)]
struct Heap {
    nodes: Vec<(u64, u64, Object)>,
}

impl Heap {
    /// Whether a node belongs below another.
    fn is_below(it: (u64, u64, Object), other: (u64, u64, Object)) -> bool {
        it.0 < other.0 || it.0 == other.0 && it.1 > other.1
    }

    fn push(&mut self, node: (u64, u64, Object)) {
        self.nodes.push(node);
        self.rise(self.nodes.len() - 1);
    }

    fn rise(&mut self, mut at: usize) {
        let node = self.nodes[at];
        while at > 0 && Self::is_below(self.nodes[(at - 1) / 2], node) {
            self.nodes[at] = self.nodes[(at - 1) / 2];
            at = (at - 1) / 2;
        }
        self.nodes[at] = node;
    }

    fn pop(&mut self) -> Option<(u64, u64, Object)> {
        let last = self.nodes.pop()?;
        let Some(first) = self.nodes.first_mut() else { return Some(last) };
        let top = std::mem::replace(first, last);
        self.sink(0);
        Some(top)
    }

    fn sink(&mut self, mut at: usize) {
        let node = self.nodes[at];
        loop {
            let mut child = 2 * at + 1;
            if child >= self.nodes.len() {
                break;
            }
            if child + 1 < self.nodes.len() && Self::is_below(self.nodes[child], self.nodes[child + 1]) {
                child += 1;
            }
            if !Self::is_below(node, self.nodes[child]) {
                break;
            }
            self.nodes[at] = self.nodes[child];
            at = child;
        }
        self.nodes[at] = node;
    }

    /// A hit with another size gives it another place, whatever is charged.
    fn change(&mut self, object: Object, size: u64) {
        let Some(at) = self.nodes.iter().position(|it| it.2 == object) else { return };
        let old = std::mem::replace(&mut self.nodes[at].0, size);
        if old < size { self.rise(at) } else { self.sink(at) }
    }
}

pub(crate) fn make(setting: &Setting<'_>) -> Variant {
    let capacity = setting.capacity;
    let is_heap = setting.rules.has(HEAP_TIES);
    let mut is_resident = vec![false; setting.trace.objects];
    let mut sizes = vec![0; setting.trace.objects];
    let mut priorities = sizes.clone();
    let (mut heap, mut used, mut now) = (Heap::default(), 0, 0);
    Box::new(move |object, size| {
        if is_resident[object as usize] {
            if is_heap && priorities[object as usize] != size {
                priorities[object as usize] = size;
                heap.change(object, size);
            }
            return true;
        }
        if size <= capacity {
            while used + size > capacity {
                let (_, _, gone) = heap.pop().expect("a full cache has a victim");
                used -= sizes[gone as usize];
                is_resident[gone as usize] = false;
            }
            now += u64::from(!is_heap);
            heap.push((size, now, object));
            (sizes[object as usize], priorities[object as usize]) = (size, size);
            used += size;
            is_resident[object as usize] = true;
        }
        false
    })
}
