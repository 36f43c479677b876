//! Where the admin socket is and how its file is taken: never from a proxy that still listens, never from a file that
//! is no socket, and with no moment in which others could connect: nobody can before `listen`, and by then the file is
//! private.
//!
//! Two proxies starting at once are told apart by a lock on the parent directory, held while they look and bind.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Type};

/// The environment variable that names the socket where no flag does.
pub const SOCKET_ENV: &str = "CNN_ADMIN_SOCKET";

/// Bytes a socket's path may have: `sun_path` without its final zero.
const PATH_BYTES_MAX: usize = 107;

/// Connections the kernel keeps for us while all places are taken.
const BACKLOG: i32 = 128;

/// The socket's place when nobody names one: in the user's runtime directory; without one, in `/run/cnn` for root and
/// in a directory of the user's own under `/tmp` for others.
pub fn default_path() -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    place(std::env::var_os("XDG_RUNTIME_DIR").as_deref(), uid)
}

fn place(runtime_dir: Option<&OsStr>, uid: u32) -> PathBuf {
    let directory = match runtime_dir.map(Path::new).filter(|path| path.is_absolute()) {
        Some(runtime_dir) => runtime_dir.join("cnn"),
        None if uid == 0 => PathBuf::from("/run/cnn"),
        None => PathBuf::from(format!("/tmp/cnn-{uid}")),
    };
    directory.join("admin.sock")
}

/// Why the socket could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The kernel has no room for a longer one.
    #[error("the path of the admin socket, {path}, is longer than {PATH_BYTES_MAX} bytes")]
    TooLong {
        /// The socket's path.
        path: PathBuf,
    },
    /// Somebody answers there.
    #[error("another process listens on the admin socket {path}")]
    InUse {
        /// The socket's path.
        path: PathBuf,
    },
    /// Something of another kind is there, and it is not ours to remove.
    #[error("{path} is there and is no socket")]
    NotASocket {
        /// The socket's path.
        path: PathBuf,
    },
    /// Whoever owns the directory could put a socket of their own in its place.
    #[error("the directory of the admin socket, {directory}, belongs to uid {owner}")]
    ForeignDirectory {
        /// The socket's directory.
        directory: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// A system call failed.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The listening socket; its file goes away with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    file: SocketFile,
}

impl Socket {
    /// Takes the place `path`: creates the parent directory (mode 0700) where there is none, replaces a socket nobody
    /// listens on any more, and listens with mode 0600.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        if path.as_os_str().as_bytes().len() > PATH_BYTES_MAX {
            return Err(BindError::TooLong { path: path.to_owned() });
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let _lock = prepare_directory(directory)?;
        make_free(path)?;
        let listening = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)
            .map_err(failed("make a socket for", path))?;
        SockAddr::unix(path)
            .and_then(|address| listening.bind(&address))
            .map_err(failed("bind the admin socket", path))?;
        let file = SocketFile::new(path).map_err(failed("look at", path))?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed("make private", path))?;
        listening.listen(BACKLOG).map_err(failed("listen on", path))?;
        Ok(Self { listener: listening.into(), file })
    }

    /// The listener, and what removes its file when dropped.
    pub(super) fn into_parts(self) -> (UnixListener, SocketFile) {
        (self.listener, self.file)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// Creates the directory where there is none and locks it against another proxy that looks at the same moment.
fn prepare_directory(directory: &Path) -> Result<File, BindError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(directory) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("create the directory", directory)(error)),
    }
    let opened = File::open(directory).map_err(failed("open", directory))?;
    let metadata = opened.metadata().map_err(failed("look at", directory))?;
    let (owner, ours) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != ours && owner != 0 {
        return Err(BindError::ForeignDirectory { directory: directory.to_owned(), owner });
    }
    opened.try_lock().map_err(|error| failed("lock", directory)(error.into()))?;
    Ok(opened)
}

/// Makes sure that nothing is in the place: a socket whose process is gone is removed, anything else is left alone.
fn make_free(path: &Path) -> Result<(), BindError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket { path: path.to_owned() });
    }
    match knock(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed("remove the dead socket", path))
        }
        Err(error) if error.kind() != ErrorKind::WouldBlock => {
            Err(failed("tell whether anybody listens on", path)(error))
        }
        Ok(()) | Err(_) => Err(BindError::InUse { path: path.to_owned() }),
    }
}

/// Connects without waiting: a proxy whose queue is full is there all the same.
fn knock(path: &Path) -> io::Result<()> {
    let knocking = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    knocking.set_nonblocking(true)?;
    knocking.connect(&SockAddr::unix(path)?)
}

/// The socket's file: removed on drop, unless it is another's by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |metadata: &Metadata| identity(metadata) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| is_ours(&metadata)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BindError {
    let path = path.to_owned();
    move |source| BindError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("is there").mode() & 0o777
    }

    #[test]
    fn the_default_place_is_the_runtime_directory_then_one_of_the_users_own() {
        let check = |runtime_dir: Option<&str>, uid, expected: &str| {
            assert_eq!(place(runtime_dir.map(OsStr::new), uid), Path::new(expected));
        };
        check(Some("/run/user/1000"), 1000, "/run/user/1000/cnn/admin.sock");
        check(Some("/run/user/0"), 0, "/run/user/0/cnn/admin.sock");
        check(None, 0, "/run/cnn/admin.sock");
        check(None, 1000, "/tmp/cnn-1000/admin.sock");
        check(Some("relative"), 1000, "/tmp/cnn-1000/admin.sock");
    }

    #[test]
    fn the_socket_and_its_new_directory_are_private_and_the_file_goes_with_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new/admin.sock");
        let socket = Socket::bind(&path).unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(UnixStream::connect(&path).is_ok());
        drop(socket);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn a_socket_nobody_listens_on_is_replaced_and_a_live_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("admin.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a dead socket leaves its file");
        let first = Socket::bind(&path).unwrap();
        assert!(matches!(Socket::bind(&path), Err(BindError::InUse { .. })));
        assert!(UnixStream::connect(&path).is_ok());
        drop(first);
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(Socket::bind(&path), Err(BindError::NotASocket { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_file_that_took_our_place_is_not_removed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("admin.sock");
        let socket = Socket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(socket);
        assert!(path.exists());
    }

    #[test]
    fn a_path_that_just_fits_is_bound_and_a_longer_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let room = PATH_BYTES_MAX - root.path().as_os_str().len() - 1;
        assert!(Socket::bind(&root.path().join("x".repeat(room))).is_ok());
        let longer = Socket::bind(&root.path().join("x".repeat(room + 1)));
        assert!(matches!(longer, Err(BindError::TooLong { .. })));
    }
}
