//! One line on standard error for each command that changes something: who, what, and what came of it. Whatever an
//! operator typed is clipped and escaped, so that a line stays one line and no terminal is played with.

use std::fmt::{self, Display};

/// Characters of one value an audit line or error message shows.
const SHOWN_CHARS_MAX: usize = 200;

/// Who is at the other end of the socket, as the kernel says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// User.
    pub uid: u32,
    /// Process, where the system tells.
    pub pid: Option<i32>,
}

impl Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "uid={} pid={pid}", self.uid),
            None => write!(f, "uid={}", self.uid),
        }
    }
}

/// Text from outside, made fit to be shown: control characters escaped, at most 200 characters.
pub(super) fn clipped(text: &str) -> impl Display {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(escaped).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

fn escaped(char: char) -> impl Iterator<Item = char> {
    let is_plain = !char.is_control();
    let escape = (!is_plain).then(|| char.escape_default()).into_iter().flatten();
    is_plain.then_some(char).into_iter().chain(escape)
}

/// The line for one command, as the process's own messages go.
pub(super) fn line<'a>(
    peer: Peer,
    words: &str,
    given: impl Iterator<Item = (&'static str, &'a str)>,
    outcome: &str,
) -> String {
    let given: String = given.map(|(name, value)| format!(" {name}={}", clipped(value))).collect();
    format!("admin: {peer}: {words}{given}: {outcome}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_who_what_and_what_came_of_it() {
        let given = [("name", "gdsf"), ("reevaluate", "20%")].into_iter();
        let peer = Peer { uid: 1000, pid: Some(42) };
        assert_eq!(
            line(peer, "policy use", given, "done, token 3"),
            "admin: uid=1000 pid=42: policy use name=gdsf reevaluate=20%: done, token 3"
        );
    }

    #[test]
    fn what_was_typed_cannot_forge_a_second_line_or_fill_the_log() {
        assert_eq!(clipped("a\r\nb\u{1b}[2J").to_string(), "a\\r\\nb\\u{1b}[2J");
        assert_eq!(clipped(&"x".repeat(10_000)).to_string().len(), SHOWN_CHARS_MAX + 3);
    }
}
