//! What the process says of itself on standard error: one line an event, with the program's name in front, as the
//! daemons of this field do. Requests go to the access log, never here.

use std::fmt;
use std::io::Write;

/// Something an operator should know; nothing is wrong.
pub fn info(message: fmt::Arguments<'_>) {
    line("", message);
}

/// Something is wrong and the process goes on.
pub fn warning(message: fmt::Arguments<'_>) {
    line("warning: ", message);
}

/// Something failed.
pub fn error(message: fmt::Arguments<'_>) {
    line("error: ", message);
}

fn line(severity: &str, message: fmt::Arguments<'_>) {
    // One write, so that lines of several threads do not mix; with standard error closed there is nobody to tell.
    let line = format!("cnn: {severity}{message}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
