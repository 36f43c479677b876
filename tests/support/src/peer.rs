//! Proxies of others, as they are installed: set up in a folder of their own, started on free ports, ended in order.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A folder for a proxy's configuration and files, in memory where the system has such.
#[derive(Debug)]
pub struct Home(TempDir);

impl Home {
    /// An empty one, in which a server that lays down root's rights can still write.
    ///
    /// # Panics
    /// When no folder can be made.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let mut builder = tempfile::Builder::new();
        builder.prefix("cnn-bench");
        let in_memory = Path::new("/dev/shm");
        let folder = if in_memory.is_dir() { builder.tempdir_in(in_memory) } else { builder.tempdir() };
        let folder = folder.expect("a folder can be made");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("the folder is ours");
        Self(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and tells its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, text).expect("the folder can be written");
        path.display().to_string()
    }
}

/// A running proxy of others; it ends when dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    home: Home,
}

impl Peer {
    /// Starts it and waits until it listens.
    ///
    /// # Panics
    /// When it ends before, or does not listen for twenty seconds.
    #[must_use]
    pub fn start(name: &str, address: SocketAddr, home: Home, command: &mut Command) -> Self {
        let errors = fs::File::create(home.path().join("stderr")).expect("the folder can be written");
        let mut child =
            command.stdin(Stdio::null()).stderr(errors).spawn().expect("its version could be asked for");
        for tries in 0.. {
            if TcpStream::connect(address).is_ok() {
                break;
            }
            let has_ended = child.try_wait().expect("it is our child").is_some();
            let said = fs::read_to_string(home.path().join("stderr")).unwrap_or_default();
            assert!(!has_ended && tries < 1000, "{name} does not listen: {said}");
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, home }
    }

    /// Its folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Its first process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // In order, so that its own children end, too.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// An address of 127.0.0.1 at which nobody listens yet.
///
/// # Panics
/// When no port is free.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
    listener.local_addr().expect("it is bound")
}

/// A program on one processor only, saying nothing.
#[must_use]
pub fn pinned(program: &str, processor: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string(), program]).stdout(Stdio::null());
    command
}

/// The word after `before` in what a program says of itself; `None` where it is not installed.
#[must_use]
pub fn version(program: &str, arguments: &[&str], before: &str) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let after = said.split(before).nth(1)?;
    Some(after.split([' ', '-', '\n']).next()?.to_owned())
}
