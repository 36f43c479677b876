//! What lines are written to: a file opened for appending, or standard output. A write that fails leaves whole lines
//! behind it and is told once, not once per line.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use super::LogTarget;

/// An open log.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    name: String,
    /// The last write ended within a line.
    torn: bool,
    failing: bool,
}

impl Sink {
    /// Opens the log; none when there is to be none. Files are readable by their owner and group, as Squid's are.
    pub(super) fn open(target: &LogTarget) -> io::Result<Option<Self>> {
        let file = match target {
            LogTarget::None => return Ok(None),
            LogTarget::Stdout => File::from(io::stdout().as_fd().try_clone_to_owned()?),
            LogTarget::File(path) => OpenOptions::new().append(true).create(true).mode(0o640).open(path)?,
        };
        Ok(Some(Self { file, name: target.to_string(), torn: false, failing: false }))
    }

    /// Writes lines. Returns how many are lost, and tells `warn` when losing begins and when it ends.
    pub(super) fn write(&mut self, lines: &[u8], warn: &dyn Fn(&str)) -> u64 {
        let mut written = 0;
        match self.write_counting(lines, &mut written) {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    warn(&format!("the access log {} can be written again", self.name));
                }
                0
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    warn(&format!("cannot write the access log {}: {error}; lines are lost", self.name));
                }
                self.torn |= written > 0 && lines[written - 1] != b'\n';
                memchr::memchr_iter(b'\n', &lines[written..]).count() as u64
            }
        }
    }

    fn write_counting(&mut self, lines: &[u8], written: &mut usize) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
            self.torn = false;
        }
        while *written < lines.len() {
            match self.file.write(&lines[*written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => *written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
