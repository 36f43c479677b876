//! The terminal while `cnn top` has it: its own screen, raw keys, no cursor; given back however we leave.

use std::io::{self, Stdout, Write as _, stdout};
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::{Attribute, Print, SetAttribute};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{execute, queue};

/// What the operator wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Quit,
    /// The screen has another size.
    Redraw,
    /// Time has passed, or a key was pressed.
    Look,
}

#[derive(Debug)]
pub(super) struct Screen {
    out: Stdout,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let mut screen = Self { out: stdout() };
        execute!(screen.out, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Draws the lines that fit, the first in reverse.
    pub(super) fn draw(&mut self, lines: &[String], width: usize, height: usize) -> io::Result<()> {
        for (row, line) in (0u16..).zip(lines.iter().take(height)) {
            let attribute = if row == 0 { Attribute::Reverse } else { Attribute::Reset };
            let line: String = line.chars().take(width).collect();
            queue!(
                self.out,
                MoveTo(0, row),
                SetAttribute(attribute),
                Print(line),
                SetAttribute(Attribute::Reset)
            )?;
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
        }
        if lines.len() < height {
            queue!(self.out, MoveTo(0, lines.len() as u16), Clear(ClearType::FromCursorDown))?;
        }
        self.out.flush()
    }

    /// Waits for a key or a new size, at most this long.
    pub(super) fn wait(&mut self, at_most: Duration) -> io::Result<Wish> {
        if !event::poll(at_most)? {
            return Ok(Wish::Look);
        }
        Ok(wish(&event::read()?))
    }
}

fn wish(event: &Event) -> Wish {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else {
        return Wish::Redraw;
    };
    match code {
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Wish::Quit,
        KeyCode::Char('c' | 'd') if modifiers.contains(KeyModifiers::CONTROL) => Wish::Quit,
        _ => Wish::Look,
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = execute!(self.out, Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

/// Columns and rows of the terminal, or of a wide one where there is none.
pub(super) fn size() -> (usize, usize) {
    terminal::size().map_or((132, 40), |(columns, rows)| (columns.into(), rows.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_escape_and_control_c_quit_and_other_keys_look() {
        let check = |code, modifiers, expected| {
            assert_eq!(wish(&Event::Key(KeyEvent::new(code, modifiers))), expected, "{code:?}");
        };
        check(KeyCode::Char('q'), KeyModifiers::NONE, Wish::Quit);
        check(KeyCode::Esc, KeyModifiers::NONE, Wish::Quit);
        check(KeyCode::Char('c'), KeyModifiers::CONTROL, Wish::Quit);
        check(KeyCode::Char('c'), KeyModifiers::NONE, Wish::Look);
        check(KeyCode::Enter, KeyModifiers::NONE, Wish::Look);
        assert_eq!(wish(&Event::Resize(80, 24)), Wish::Redraw);
    }
}
