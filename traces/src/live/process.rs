//! What the system tells about a proxy's processes: which they are, and their processor time. Linux's `/proc` only; where
//! that is missing there is no figure.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// The processor time so far in nanoseconds, user and system, of all threads of a process that live; 0 where the system
/// does not tell.
#[must_use]
pub fn cpu_ns(pid: u32) -> u64 {
    let of_task = |path: PathBuf| -> Option<u64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| of_task(task.path())).sum()
}

/// The processor time so far in nanoseconds of a process and all that it started and that still live.
#[must_use]
pub fn cpu_ns_of_tree(pid: u32) -> u64 {
    let parents: Vec<_> = all().filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut tree = vec![pid];
    let mut at = 0;
    while let Some(&parent) = tree.get(at) {
        tree.extend(parents.iter().filter(|(_, own)| *own == parent).map(|(pid, _)| pid));
        at += 1;
    }
    tree.into_iter().map(cpu_ns).sum()
}

/// The process that listens at an address of this machine: of several that share the socket, the one that started the
/// others. `None` where the system does not tell, as it may not about other users' processes.
#[must_use]
pub fn listener_at(address: SocketAddr) -> Option<u32> {
    let inodes = listening_inodes(address);
    let has_it = |pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|link| {
            let inode = link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']'));
            inode.is_some_and(|inode| inodes.contains(inode))
        })
    };
    let holders: Vec<u32> = all().filter(has_it).collect();
    holders.iter().copied().find(|&pid| parent_of(pid).is_none_or(|parent| !holders.contains(&parent)))
}

/// The sockets that listen at an address, or at its port of all addresses.
fn listening_inodes(address: SocketAddr) -> HashSet<String> {
    const LISTENING: &str = "0A";
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let mut inodes = HashSet::new();
    for line in tables.iter().flat_map(|table| table.lines().skip(1)) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = fields[..] else { continue };
        if state == LISTENING && is_local(local, address) {
            inodes.insert(inode.to_owned());
        }
    }
    inodes
}

/// Whether `0100007F:0C38` is the address, or its port of all addresses.
fn is_local(text: &str, address: SocketAddr) -> bool {
    let Some((ip, port)) = text.split_once(':') else { return false };
    let has_port = u16::from_str_radix(port, 16).is_ok_and(|port| port == address.port());
    let is_any = ip.bytes().all(|digit| digit == b'0');
    // Words of four bytes, each as a number of this machine.
    let words: Vec<u8> = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let own: String = words
        .chunks_exact(4)
        .map(|word| format!("{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]])))
        .collect();
    has_port && (is_any || ip == own || ip.ends_with(&format!("FFFF0000{own}")))
}

fn all() -> impl Iterator<Item = u32> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok())
}

/// `None` of a process that has ended meanwhile.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn this_process_has_processor_time() {
        let pid = std::process::id();
        assert!(cpu_ns(pid) > 0);
        assert!(cpu_ns_of_tree(pid) > 0);
        assert_eq!(cpu_ns(u32::MAX), 0);
    }

    fn check(listen: &str, ask: &str) {
        let listener = TcpListener::bind((listen, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = SocketAddr::new(ask.parse().unwrap(), port);
        assert_eq!(listener_at(address), Some(std::process::id()), "{listen} asked as {ask}");
    }

    #[test]
    fn a_listener_is_found_by_its_address_and_by_its_port_of_all_addresses() {
        check("127.0.0.1", "127.0.0.1");
        check("0.0.0.0", "127.0.0.1");
        if TcpListener::bind(("::1", 0)).is_ok() {
            check("::1", "::1");
        }
    }

    #[test]
    fn nobody_listens_where_nobody_does() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let other = SocketAddr::new([127, 0, 0, 2].into(), listener.local_addr().unwrap().port());
        assert_eq!(listener_at(other), None);
    }
}
