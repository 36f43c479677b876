//! `cnn module reproduce`

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use cnn_modules::{Reproducer, Reproduction};

use super::{Failure, print};
use crate::cli::table::pairs;
use crate::cli::units::count;

/// Do a fault of a module again that a proxy saved, and say where in the module it happens
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the same fault happens, 1 it does not, 2 error.\n\nExample:\n  cnn module reproduce ~/.local/state/cnn/reproducers/mine-0f3a51c2d4e6-trap-victims.json"
)]
pub(crate) struct Reproduce {
    /// The file, as `cnn module show` and the proxy's own messages name it
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Reproduce {
    pub(super) fn run(self) -> Result<(), Failure> {
        let said = |error: &dyn std::error::Error| Failure::Said(format!("{}: {error}", self.file.display()));
        let reproducer = Reproducer::read(&self.file).map_err(|error| said(&error))?;
        let reproduction = reproducer.run().map_err(|error| said(&error))?;
        print(&render(&reproducer, &reproduction))?;
        match reproduction.is_same {
            true => Ok(()),
            false => Err(Failure::IsNot(match reproduction.happened {
                Some(_) => "another fault happens".to_owned(),
                None => "no fault happens".to_owned(),
            })),
        }
    }
}

fn render(reproducer: &Reproducer, reproduction: &Reproduction) -> String {
    let (kind, why) = reproducer.recorded();
    let kind = kind.map_or("unknown", |kind| kind.as_str());
    let from = if reproducer.is_whole() {
        "from the first on"
    } else {
        "the last ones: what was before is not known, so this may come to something else"
    };
    let earlier = reproduction.earlier_faults;
    let mut text = pairs([
        ("module", Some(format!("{}, from {}", reproducer.module(), reproducer.path().display()))),
        ("sha-256", Some(reproducer.sha256().to_owned())),
        ("recorded", Some(format!("{kind}: {why}"))),
        ("calls", Some(format!("{}, {from}", count(reproduction.calls)))),
        ("faults before", (earlier > 0).then(|| count(earlier))),
    ]);
    text.push('\n');
    text.push_str(&trap(reproduction));
    if reproduction.is_same {
        text.push_str("\nthe same fault happens again\n");
    }
    text
}

/// What happened, as a compiler would show it.
fn trap(reproduction: &Reproduction) -> String {
    let Some(fault) = &reproduction.happened else { return "no fault\n".to_owned() };
    let mut text = format!("fault[{}]: {fault}\n", fault.kind.as_str());
    if let Some(place) = &reproduction.place {
        let _ = writeln!(text, "  --> {place}");
    }
    for (number, frame) in reproduction.frames.iter().enumerate() {
        let arrow = if number == 0 { "-->" } else { " in" };
        let _ = writeln!(text, "  {arrow} {frame}");
    }
    text
}

#[cfg(test)]
mod tests {
    use cnn_modules::{Fault, FaultKind, Frame};

    use super::*;

    #[test]
    fn a_trap_is_shown_with_the_functions_that_were_running() {
        let frame = |index, name: &str, offset| Frame {
            index,
            name: Some(name.to_owned()),
            offset: Some(offset),
            instruction: Some("unreachable".to_owned()),
        };
        let reproduction = Reproduction {
            is_same: true,
            happened: Some(Fault::new(FaultKind::Trap, "victims", "unreachable")),
            frames: vec![frame(7, "walk", 0x1a3), frame(3, "victims", 0x2f0)],
            place: None,
            calls: 3,
            earlier_faults: 0,
        };
        let expected = "\
fault[trap]: victims: unreachable
  --> walk (function 7) at byte 0x1a3: unreachable
   in victims (function 3) at byte 0x2f0: unreachable
";
        assert_eq!(trap(&reproduction), expected);
        assert_eq!(trap(&Reproduction { happened: None, ..reproduction }), "no fault\n");
    }
}
