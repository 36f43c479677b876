//! The heap: freed memory is kept by size class, powers of two, and used again. Policies allocate pages of a few sizes
//! and free little, so this is small and wastes little.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::UnsafeCell;
use core::ptr::null_mut;

const PAGE: usize = 65_536;
const CLASSES: usize = 32;
/// No class below this: a freed block holds a pointer.
const SMALLEST: usize = 3;

struct Heap(UnsafeCell<State>);

struct State {
    free: [*mut u8; CLASSES],
    next: usize,
    end: usize,
}

// SAFETY: a guest has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(State { free: [null_mut(); CLASSES], next: 0, end: 0 }));

fn class(layout: Layout) -> usize {
    let bytes = layout.size().max(layout.align()).next_power_of_two();
    (bytes.trailing_zeros() as usize).max(SMALLEST)
}

impl State {
    fn take(&mut self, class: usize) -> *mut u8 {
        let free = self.free[class];
        if !free.is_null() {
            // SAFETY: a block of this class that was freed; its first bytes are the next one's address.
            self.free[class] = unsafe { free.cast::<*mut u8>().read() };
            return free;
        }
        let bytes = 1 << class;
        // Blocks are aligned to their size, up to a page.
        let align = bytes.min(PAGE);
        let mut begin = (self.next + align - 1) & !(align - 1);
        if self.next == 0 || begin + bytes > self.end {
            let pages = bytes.div_ceil(PAGE);
            let at_end = memory_size::<0>() * PAGE == self.end;
            let before = memory_grow::<0>(pages);
            if before == usize::MAX {
                return null_mut();
            }
            if !at_end || self.next == 0 {
                self.next = before * PAGE;
            }
            self.end = (before + pages) * PAGE;
            begin = (self.next + align - 1) & !(align - 1);
            if begin + bytes > self.end {
                // The alignment took what was grown: begin on the next page.
                if memory_grow::<0>(1) == usize::MAX {
                    return null_mut();
                }
                self.end += PAGE;
            }
        }
        self.next = begin + bytes;
        begin as *mut u8
    }
}

// SAFETY: blocks are as large and as aligned as asked (alignments of more than a page do not occur), and given out to
// one owner at a time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout);
        if class >= CLASSES {
            return null_mut();
        }
        // SAFETY: one thread, and nothing here calls back.
        unsafe { (*self.0.get()).take(class) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: one thread; the block came from `alloc` with this layout and is not used any more.
        unsafe {
            let state = &mut *self.0.get();
            block.cast::<*mut u8>().write(state.free[class(layout)]);
            state.free[class(layout)] = block;
        }
    }
}
