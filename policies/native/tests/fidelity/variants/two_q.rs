//! 2Q (`TwoQ.c`): newcomers, the main queue, ghosts of newcomers.

use super::lists::Lists;
use super::{MAIN_BOUNDED, Setting, Variant};

const NEW: usize = 0;
const MAIN: usize = 1;
const GHOSTS: usize = 2;

pub(crate) fn make(setting: &Setting<'_>) -> Variant {
    let (capacity, admitted_max) = (setting.capacity, setting.admitted_max);
    let (new_max, ghosts_max) = (capacity / 4, capacity / 2);
    let main_max = if setting.rules.has(MAIN_BOUNDED) { capacity - new_max } else { capacity };
    let mut lists = Lists::new(3, setting.trace.objects);
    Box::new(move |object, size| {
        let was_ghost = match lists.list_of(object) {
            Some(NEW) => return true,
            Some(MAIN) => {
                lists.move_to(MAIN, object);
                return true;
            }
            list => list.is_some(),
        };
        if size > admitted_max {
            return false;
        }
        lists.remove(object);
        while lists.bytes(NEW) + lists.bytes(MAIN) + size > capacity {
            if lists.len(MAIN) > 0 && lists.bytes(NEW) <= new_max {
                lists.pop(MAIN);
                continue;
            }
            let (gone, gone_size) = lists.pop(NEW).expect("a full cache has a victim");
            if gone_size <= ghosts_max {
                while lists.bytes(GHOSTS) + gone_size > ghosts_max {
                    lists.pop(GHOSTS);
                }
                lists.push(GHOSTS, gone, gone_size);
            }
        }
        if was_ghost {
            while lists.bytes(MAIN) + size > main_max {
                lists.pop(MAIN);
            }
        }
        lists.push(if was_ghost { MAIN } else { NEW }, object, size);
        false
    })
}
