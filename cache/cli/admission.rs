//! `cnn admission`: who decides whether a response is stored, and how that is changed while the proxy serves.

use clap::{Args, Subcommand};
use cnn_proxy::admin::command::Verb;

use super::admin::Admin;
use super::filter::{render_list, render_shown, render_used};
use super::{Failure, argument, help, whole};

/// See and change who decides whether a response is stored
#[derive(Debug, Subcommand)]
pub(super) enum Admission {
    #[command(about = help(Verb::AdmissionList))]
    List(Ask),
    #[command(about = help(Verb::AdmissionShow))]
    Show(Ask),
    #[command(about = help(Verb::AdmissionUse))]
    Use(Use),
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    admin: Admin,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cnn admission use second-hit\n  cnn admission use 'size-threshold(max=1MiB)'\n  cnn admission use ./mine.rhai\n  cnn admission use none"
)]
pub(crate) struct Use {
    #[arg(value_name = "NAME", help = argument(Verb::AdmissionUse, "name"))]
    name: String,
    #[command(flatten)]
    admin: Admin,
}

impl Admission {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.admin.show(Verb::AdmissionList, &[], render_list),
            Self::Show(show) => show.admin.show(Verb::AdmissionShow, &[], render_shown),
            Self::Use(used) => {
                used.admin.show(Verb::AdmissionUse, &[("name", &*whole(&used.name))], render_used)
            }
        }
    }
}
