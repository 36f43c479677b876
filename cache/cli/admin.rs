//! What every verb of the admin socket has in common: where the socket is, and whether to print the reply as it came.

use std::path::PathBuf;

use clap::Args;
use cnn_proxy::admin::client::Client;
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::{self, SOCKET_ENV};
use serde_json::Value;

use super::{Failure, print};

#[derive(Debug, Args)]
pub(super) struct Admin {
    /// Print the proxy's reply as JSON
    #[arg(long)]
    pub(super) json: bool,

    /// The proxy's admin socket [default: under the runtime directory]
    #[arg(long, value_name = "PATH", env = SOCKET_ENV)]
    admin_socket: Option<PathBuf>,
}

impl Admin {
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let path = self.admin_socket.clone().unwrap_or_else(admin::default_path);
        Ok(Client::new(&path)?)
    }

    /// Asks once and prints the reply: as it came, or as `render` shows it.
    pub(super) fn show<T: serde::de::DeserializeOwned>(
        &self,
        verb: Verb,
        arguments: &[(&str, &str)],
        render: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let client = self.client()?;
        match self.json {
            true => print(&client.ask(verb.command(), arguments)?),
            false => print(&render(&client.ask_for(verb.command(), arguments)?)),
        }
    }
}

/// JSON on one line, for replies that follow each other.
pub(super) fn one_line(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    format!("{value}\n")
}
