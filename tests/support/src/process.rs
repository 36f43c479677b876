//! What the system tells about a running process: memory, open files. Linux's `/proc` only.

use std::fs;

/// Resident memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes now.
    pub now: u64,
    /// Most bytes ever.
    pub peak: u64,
}

/// The process's resident memory.
///
/// # Panics
/// When there is no such process.
#[must_use]
pub fn memory(pid: u32) -> Memory {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .unwrap_or_else(|error| panic!("process {pid}: {error}"));
    let bytes_of = |name: &str| {
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
        let kib: u64 =
            line.trim().trim_end_matches(" kB").parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        kib * 1024
    };
    Memory { now: bytes_of("VmRSS:"), peak: bytes_of("VmHWM:") }
}

/// How many files and sockets the process has open.
///
/// # Panics
/// When there is no such process.
#[must_use]
pub fn open_files(pid: u32) -> usize {
    let files =
        fs::read_dir(format!("/proc/{pid}/fd")).unwrap_or_else(|error| panic!("process {pid}: {error}"));
    files.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_files() {
        let pid = std::process::id();
        let memory = memory(pid);
        assert!(memory.now > 0 && memory.peak >= memory.now);
        assert!(open_files(pid) >= 3);
    }
}
