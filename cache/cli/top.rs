//! `cnn top`: asks again and again, and shows what happened in between: as a screen where there is one, as lines where
//! there is none.

mod frame;
mod interval;
mod lines;
mod screen;

use std::thread;
use std::time::Duration;

use clap::Args;
use cnn_proxy::admin::client::Client;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply;
use crossterm::tty::IsTty as _;

use self::frame::View;
use self::screen::{Screen, Wish};
use super::admin::{Admin, one_line};
use super::{Failure, help, print};

#[derive(Debug, Args)]
#[command(about = help(Verb::Top))]
#[command(after_help = "Keys: q quits, any other key looks at once.\n\n\
    Examples:\n  cnn top\n  cnn top --once\n  cnn top --interval 10 >> cnn.lines")]
pub(super) struct Top {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Show one interval and end
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    admin: Admin,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match seconds {
        0.1..=86_400.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("not between 0.1 and 86400 seconds".to_owned()),
    }
}

impl Top {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = self.admin.client()?;
        match (self.admin.json, self.once, std::io::stdout().is_tty()) {
            (true, true, _) => print(&ask_json(&client)?),
            (true, false, _) => self.stream(&client),
            (false, true, _) => self.one_frame(&client),
            (false, false, true) => self.live(&client),
            (false, false, false) => self.lines(&client),
        }
    }

    /// Replies as they come, one a line.
    fn stream(&self, client: &Client) -> Result<(), Failure> {
        loop {
            print(&one_line(&ask_json(client)?))?;
            thread::sleep(self.interval);
        }
    }

    fn one_frame(&self, client: &Client) -> Result<(), Failure> {
        let mut view = View::default();
        view.add(ask(client)?);
        thread::sleep(self.interval);
        view.add(ask(client)?);
        let (width, _) = screen::size();
        print(&view.frame(width).join("\n"))?;
        print("\n")
    }

    fn lines(&self, client: &Client) -> Result<(), Failure> {
        let mut view = View::default();
        view.add(ask(client)?);
        for number in 0.. {
            thread::sleep(self.interval);
            view.add(ask(client)?);
            if number % lines::LINES_PER_HEAD == 0 {
                print(lines::HEAD)?;
            }
            print(&lines::line(&view))?;
        }
        Ok(())
    }

    /// The screen, until the operator has seen enough. A proxy that goes away is waited for: it may be restarting.
    fn live(&self, client: &Client) -> Result<(), Failure> {
        let mut view = View::default();
        view.add(ask(client)?);
        let mut screen = Screen::open()?;
        let mut trouble = None;
        loop {
            let (width, height) = screen::size();
            let mut frame = view.frame(width);
            frame.extend(trouble.take());
            screen.draw(&frame, width, height)?;
            match screen.wait(self.interval)? {
                Wish::Quit => return Ok(()),
                Wish::Redraw => continue,
                Wish::Look => {}
            }
            match ask(client) {
                Ok(sample) => view.add(sample),
                Err(error) => trouble = Some(error.to_string()),
            }
        }
    }
}

fn ask(client: &Client) -> Result<reply::Top, cnn_proxy::admin::client::AskError> {
    client.ask_for(Verb::Top.command(), &[])
}

fn ask_json(client: &Client) -> Result<String, cnn_proxy::admin::client::AskError> {
    client.ask(Verb::Top.command(), &[])
}

#[cfg(test)]
mod tests;
