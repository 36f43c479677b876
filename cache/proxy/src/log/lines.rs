//! Lines that wait to be written, and how those of several workers become one log in the order of time.

/// Lines of one worker, each with its time, oldest first.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    // Invariant: the lengths add up to the length of `bytes`.
    marks: Vec<Mark>,
}

/// A line's time and length.
#[derive(Clone, Copy, Debug)]
struct Mark {
    unix_ms: u64,
    bytes: u32,
}

/// A buffer that grew beyond this many bytes under pressure is given back.
const KEPT_BYTES: usize = 128 << 10;

/// Bytes that are merged before they are written.
const MERGED_BYTES: usize = 64 << 10;

impl Lines {
    /// Bytes of all lines.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds the line that `write` appends.
    pub(super) fn push(&mut self, unix_ms: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        // Values of a line are cut to some thousand bytes, so a line is far from 4 GB.
        self.marks.push(Mark { unix_ms, bytes: (self.bytes.len() - before) as u32 });
    }

    /// Forgets the lines.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.marks.shrink_to(KEPT_BYTES / 64);
    }
}

/// Gives the lines of all workers to `write`, in the order of their times, many at once.
pub(super) fn merge(workers: &[Lines], mut write: impl FnMut(&[u8])) {
    let mut rests: Vec<Rest<'_>> =
        workers.iter().filter(|lines| !lines.marks.is_empty()).map(Rest::of).collect();
    let mut merged = Vec::new();
    while rests.len() > 1 {
        let oldest = rests.iter_mut().min_by_key(|rest| rest.marks[0].unix_ms);
        let oldest = oldest.expect("there are two at least");
        merged.extend_from_slice(oldest.next_line());
        rests.retain(|rest| !rest.marks.is_empty());
        if merged.len() >= MERGED_BYTES {
            write(&merged);
            merged.clear();
        }
    }
    if !merged.is_empty() {
        write(&merged);
    }
    if let [last] = &rests[..] {
        write(last.bytes);
    }
}

/// The lines of a worker that are not merged yet.
struct Rest<'a> {
    bytes: &'a [u8],
    marks: &'a [Mark],
}

impl<'a> Rest<'a> {
    fn of(lines: &'a Lines) -> Self {
        Self { bytes: &lines.bytes, marks: &lines.marks }
    }

    fn next_line(&mut self) -> &'a [u8] {
        let (line, rest) = self.bytes.split_at(self.marks[0].bytes as usize);
        (self.bytes, self.marks) = (rest, &self.marks[1..]);
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines at these times, which say so, become this log.
    fn check(workers: &[&[u64]], log: &[u64]) {
        let lines = |times: &&[u64]| {
            let mut lines = Lines::default();
            for &time in *times {
                lines.push(time, |line| line.extend_from_slice(format!("{time}\n").as_bytes()));
            }
            lines
        };
        let workers: Vec<Lines> = workers.iter().map(lines).collect();
        let mut merged = Vec::new();
        merge(&workers, |lines| merged.extend_from_slice(lines));
        let merged = String::from_utf8(merged).unwrap();
        let times: Vec<u64> = merged.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(times, log);
    }

    #[test]
    fn lines_of_several_workers_are_in_the_order_of_time() {
        check(&[], &[]);
        check(&[&[], &[]], &[]);
        check(&[&[1, 3, 5]], &[1, 3, 5]);
        check(&[&[1, 4, 5], &[], &[2, 3, 6, 7]], &[1, 2, 3, 4, 5, 6, 7]);
        check(&[&[2, 2], &[2, 1]], &[2, 2, 2, 1]);
    }

    #[test]
    fn long_logs_are_merged_whole() {
        let all: Vec<u64> = (0..30_000).collect();
        let every_third = |of: u64| all.iter().copied().filter(|n| n % 3 == of).collect::<Vec<_>>();
        check(&[&every_third(0), &every_third(1), &every_third(2)], &all);
    }

    #[test]
    fn memory_taken_under_pressure_is_given_back() {
        let mut lines = Lines::default();
        for _ in 0..10_000 {
            lines.push(0, |line| line.extend_from_slice(&[b'x'; 100]));
        }
        lines.clear();
        assert_eq!(lines.bytes(), 0);
        assert!(lines.bytes.capacity() <= KEPT_BYTES);
    }
}
