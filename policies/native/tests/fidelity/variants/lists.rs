//! Lists of objects, each object in at most one of them, from the oldest to the newest.

use crate::traces::Object;

const NONE: Object = Object::MAX;

#[derive(Clone, Copy)]
struct Node {
    older: Object,
    newer: Object,
    list: Option<u8>,
    size: u64,
}

#[derive(Clone, Copy)]
struct Ends {
    oldest: Object,
    newest: Object,
    bytes: u64,
    len: usize,
}

/// The lists, by number.
pub(crate) struct Lists {
    nodes: Vec<Node>,
    lists: Vec<Ends>,
}

impl Lists {
    /// So many lists of objects below a number.
    pub(crate) fn new(lists: usize, objects: usize) -> Self {
        let nowhere = Node { older: NONE, newer: NONE, list: None, size: 0 };
        let empty = Ends { oldest: NONE, newest: NONE, bytes: 0, len: 0 };
        Self { nodes: vec![nowhere; objects], lists: vec![empty; lists] }
    }

    pub(crate) fn list_of(&self, object: Object) -> Option<usize> {
        self.nodes[object as usize].list.map(usize::from)
    }

    pub(crate) fn size(&self, object: Object) -> u64 {
        self.nodes[object as usize].size
    }

    pub(crate) fn bytes(&self, list: usize) -> u64 {
        self.lists[list].bytes
    }

    pub(crate) fn len(&self, list: usize) -> usize {
        self.lists[list].len
    }

    pub(crate) fn oldest(&self, list: usize) -> Option<Object> {
        Some(self.lists[list].oldest).filter(|&it| it != NONE)
    }

    /// Puts an object that is in no list at a list's newest end.
    pub(crate) fn push(&mut self, list: usize, object: Object, size: u64) {
        let ends = &mut self.lists[list];
        let older = std::mem::replace(&mut ends.newest, object);
        if older == NONE {
            ends.oldest = object;
        } else {
            self.nodes[older as usize].newer = object;
        }
        (ends.bytes, ends.len) = (ends.bytes + size, ends.len + 1);
        self.nodes[object as usize] = Node { older, newer: NONE, list: Some(list as u8), size };
    }

    /// Takes an object out of its list, if it is in one: its size.
    pub(crate) fn remove(&mut self, object: Object) -> Option<u64> {
        let Node { older, newer, list, size } = self.nodes[object as usize];
        let ends = &mut self.lists[usize::from(list?)];
        (ends.bytes, ends.len) = (ends.bytes - size, ends.len - 1);
        match older {
            NONE => ends.oldest = newer,
            older => self.nodes[older as usize].newer = newer,
        }
        match newer {
            NONE => self.lists[usize::from(list?)].newest = older,
            newer => self.nodes[newer as usize].older = older,
        }
        self.nodes[object as usize].list = None;
        Some(size)
    }

    /// Takes out the oldest of a list.
    pub(crate) fn pop(&mut self, list: usize) -> Option<(Object, u64)> {
        let oldest = self.oldest(list)?;
        self.remove(oldest).map(|size| (oldest, size))
    }

    /// Moves an object that is in a list to the newest end of one.
    pub(crate) fn move_to(&mut self, list: usize, object: Object) {
        if let Some(size) = self.remove(object) {
            self.push(list, object, size);
        }
    }
}
