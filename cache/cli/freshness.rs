//! `cnn freshness`: who decides how long responses stay fresh, and how that is changed while the proxy serves.

use clap::{Args, Subcommand};
use cnn_proxy::admin::command::Verb;

use super::admin::Admin;
use super::filter::{render_list, render_shown, render_used};
use super::{Failure, argument, help, whole};

/// See and change the rules for how long responses stay fresh
#[derive(Debug, Subcommand)]
pub(super) enum Freshness {
    #[command(about = help(Verb::FreshnessList))]
    List(Ask),
    #[command(about = help(Verb::FreshnessShow))]
    Show(Ask),
    #[command(about = help(Verb::FreshnessUse))]
    Use(Use),
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    admin: Admin,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cnn freshness use squid-default\n  cnn freshness use 'refresh(min=5,percent=50)'\n  cnn freshness use ./mine.rhai\n  cnn freshness use none"
)]
pub(crate) struct Use {
    #[arg(value_name = "NAME", help = argument(Verb::FreshnessUse, "name"))]
    name: String,
    #[command(flatten)]
    admin: Admin,
}

impl Freshness {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.admin.show(Verb::FreshnessList, &[], render_list),
            Self::Show(show) => show.admin.show(Verb::FreshnessShow, &[], render_shown),
            Self::Use(used) => {
                used.admin.show(Verb::FreshnessUse, &[("name", &*whole(&used.name))], render_used)
            }
        }
    }
}
