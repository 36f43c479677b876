//! `cnn policy`: which policy decides what is evicted, and how that is changed while the proxy serves.

mod history;
mod list;
mod show;
mod switch;
mod worst;

use clap::Subcommand;
use cnn_proxy::admin::command::Verb;

pub(super) use self::history::what;
pub(super) use self::switch::render as switched;
use super::{Failure, help};

/// See and change the replacement policy
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    #[command(about = help(Verb::PolicyList))]
    List(list::List),
    #[command(about = help(Verb::PolicyShow))]
    Show(show::Show),
    #[command(about = help(Verb::PolicyUse))]
    Use(switch::Use),
    #[command(about = help(Verb::PolicyRollback))]
    Rollback(switch::Rollback),
    #[command(about = help(Verb::PolicyHistory))]
    History(history::History),
    #[command(about = help(Verb::PolicyWatch))]
    Watch(switch::Watch),
    #[command(about = help(Verb::PolicyWorst))]
    Worst(worst::Worst),
}

impl Policy {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Use(switch) => switch.run(),
            Self::Rollback(switch) => switch.run(),
            Self::History(history) => history.run(),
            Self::Watch(switch) => switch.run(),
            Self::Worst(worst) => worst.run(),
        }
    }
}
