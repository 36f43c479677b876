//! A growing table in pages: what per-document state is kept in. Growing allocates one page and moves nothing, so no
//! insert ever pays for copying a million rows; what was never written takes no memory.

/// Values by index; an index never written reads as the filler. `PAGE` is a power of two.
pub struct Paged<T, const PAGE: usize> {
    pages: Vec<Option<Box<[T; PAGE]>>>,
    filler: T,
    allocated: usize,
}

impl<T: Copy, const PAGE: usize> Paged<T, PAGE> {
    /// An empty table; the list of pages for `expected` values is made at once.
    pub fn new(filler: T, expected: usize) -> Self {
        const { assert!(PAGE.is_power_of_two()) };
        let mut pages = Vec::new();
        pages.resize_with(expected.div_ceil(PAGE), || None);
        Self { pages, filler, allocated: 0 }
    }

    /// The value, or the filler.
    #[inline]
    pub fn get(&self, index: usize) -> T {
        match self.pages.get(index / PAGE) {
            Some(Some(page)) => page[index % PAGE],
            _ => self.filler,
        }
    }

    /// The value, to be changed in place; its page is made when there is none.
    #[inline]
    pub fn at(&mut self, index: usize) -> &mut T {
        let number = index / PAGE;
        if !matches!(self.pages.get(number), Some(Some(_))) {
            self.make(number);
        }
        let page = self.pages[number].as_mut().expect("made above");
        &mut page[index % PAGE]
    }

    /// Writes the value; its page is made when there is none.
    #[inline]
    pub fn set(&mut self, index: usize, value: T) {
        *self.at(index) = value;
    }

    /// Gives back the page that begins at `index`, if any: its values read as the filler again.
    pub fn release(&mut self, index: usize) {
        if let Some(page) = self.pages.get_mut(index / PAGE)
            && page.take().is_some()
        {
            self.allocated -= 1;
        }
    }

    /// Bytes the table takes.
    pub fn bytes(&self) -> usize {
        self.allocated * PAGE * size_of::<T>() + self.pages.capacity() * size_of::<usize>()
    }

    #[cold]
    fn make(&mut self, number: usize) {
        if number >= self.pages.len() {
            self.pages.resize_with(number + 1, || None);
        }
        // Through a vector: an array would first be built on the stack.
        let page: Box<[T]> = vec![self.filler; PAGE].into_boxed_slice();
        self.pages[number] = page.try_into().ok();
        self.allocated += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_written_reads_as_the_filler_and_takes_no_memory() {
        let mut table = Paged::<u32, 16>::new(7, 32);
        let empty = table.bytes();
        assert_eq!((table.get(0), table.get(1_000_000)), (7, 7));
        assert_eq!(table.bytes(), empty);
        table.set(100, 1);
        assert_eq!((table.get(99), table.get(100), table.get(101)), (7, 1, 7));
        assert!(table.bytes() >= empty + 64);
        table.release(96);
        assert_eq!(table.get(100), 7);
    }
}
