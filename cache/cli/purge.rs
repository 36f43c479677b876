//! `cnn purge`

use clap::Args;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::Purged;

use super::admin::Admin;
use super::units::bytes;
use super::{Failure, argument, help};

#[derive(Debug, Args)]
#[command(about = help(Verb::Purge))]
#[command(after_help = "Example:\n  cnn purge http://www.example.com/index.html")]
pub(super) struct Purge {
    #[arg(value_name = "URL", help = argument(Verb::Purge, "url"))]
    url: String,
    #[command(flatten)]
    admin: Admin,
}

impl Purge {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::Purge, &[("url", &self.url)], render)
    }
}

fn render(purged: &Purged) -> String {
    let Purged { url, variants, bytes: charged } = purged;
    match variants {
        0 => format!("nothing is stored for {url}\n"),
        1 => format!("purged {url} ({})\n", bytes(*charged)),
        _ => format!("purged {url} ({variants} variants, {})\n", bytes(*charged)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_says_what_is_gone() {
        let check = |variants, expected: &str| {
            assert_eq!(render(&Purged { url: "http://a.test/".into(), variants, bytes: 2048 }), expected);
        };
        check(0, "nothing is stored for http://a.test/\n");
        check(1, "purged http://a.test/ (2.0 KiB)\n");
        check(3, "purged http://a.test/ (3 variants, 2.0 KiB)\n");
    }
}
