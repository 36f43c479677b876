//! What the system tells about a running process: processor time, memory, open files. Linux's `/proc` only.

use std::fs;
use std::path::PathBuf;

/// The process's processor time so far in nanoseconds, user and system, of all threads that live.
///
/// # Panics
/// When there is no such process.
#[must_use]
pub fn cpu_ns(pid: u32) -> u64 {
    let tasks =
        fs::read_dir(format!("/proc/{pid}/task")).unwrap_or_else(|error| panic!("process {pid}: {error}"));
    let of_task = |path: PathBuf| -> Option<u64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    tasks.flatten().filter_map(|task| of_task(task.path())).sum()
}

/// The processor time so far in nanoseconds of a process and all that it started and that still live.
///
/// # Panics
/// When there is no such process.
#[must_use]
pub fn cpu_ns_of_tree(pid: u32) -> u64 {
    // A process that has ended between the listing and the reading counts nothing.
    let parent_of = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
    };
    let folders = fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let all: Vec<u32> = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok()).collect();
    let parents: Vec<_> = all.iter().filter_map(|&pid| Some((pid, parent_of(pid)?))).collect();
    let mut tree = vec![pid];
    let mut at = 0;
    while let Some(&parent) = tree.get(at) {
        tree.extend(parents.iter().filter(|(_, own)| *own == parent).map(|(pid, _)| pid));
        at += 1;
    }
    tree.into_iter().map(cpu_ns).sum()
}

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
    fn this_process_has_time_memory_and_files() {
        let pid = std::process::id();
        assert!(cpu_ns(pid) > 0);
        assert!(cpu_ns_of_tree(pid) > 0);
        let memory = memory(pid);
        assert!(memory.now > 0 && memory.peak >= memory.now);
        assert!(open_files(pid) >= 3);
    }
}
