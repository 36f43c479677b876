//! Tests of the command line: what is understood, what is not, and that help agrees with the table of admin commands.

use clap::{Arg, Command};
use cnn_proxy::admin::command::{Argument, COMMANDS};

use super::*;

fn parsed(line: &str) -> Result<Verb, String> {
    Cli::try_parse_from(line.split(' ')).map(|cli| cli.verb).map_err(|error| error.to_string())
}

/// The clap command for words like `policy use`.
fn found<'a>(cli: &'a Command, words: &str) -> &'a Command {
    words.split(' ').fold(cli, |command, word| {
        command.find_subcommand(word).unwrap_or_else(|| panic!("cnn {words} is not on the command line"))
    })
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_admin_command_is_a_verb_with_the_help_and_arguments_of_the_table() {
    let cli = Cli::command();
    for command in COMMANDS {
        let verb = found(&cli, command.words);
        assert_eq!(
            verb.get_about().map(ToString::to_string).as_deref(),
            Some(command.help),
            "{}",
            command.words
        );
        let options: Vec<&Arg> = verb.get_arguments().collect();
        for argument in command.arguments {
            let is_it = |option: &&&Arg| match argument.value {
                // A switch is told by its name; it takes no value.
                Argument::SET => option.get_long() == Some(argument.name),
                value => option.get_value_names() == Some(&[value.into()]),
            };
            let option = options
                .iter()
                .find(is_it)
                .unwrap_or_else(|| panic!("cnn {} does not take {}", command.words, argument.value));
            assert_eq!(option.get_help().map(ToString::to_string).as_deref(), Some(argument.help));
            assert_eq!(option.is_required_set(), argument.is_required);
            let long = argument.is_option.then_some(argument.name);
            assert_eq!(option.get_long(), long);
        }
        for common in ["json", "admin-socket"] {
            assert!(options.iter().any(|option| option.get_long() == Some(common)), "{}", command.words);
        }
    }
}

#[test]
fn serve_takes_exactly_its_flags() {
    let cli = Cli::command();
    let mut flags: Vec<&str> = found(&cli, "serve").get_arguments().filter_map(Arg::get_long).collect();
    flags.sort_unstable();
    let expected = [
        "access-log",
        "admin-socket",
        "admission",
        "allow-destination",
        "config",
        "freshness",
        "listen",
        "memory",
        "metrics",
        "policy",
        "reverse",
        "workers",
    ];
    assert_eq!(flags, expected);
}

#[test]
fn verbs_are_understood_with_json_and_socket_on_either_side_of_their_arguments() {
    for line in [
        "cnn status --json --admin-socket /tmp/a.sock",
        "cnn policy use gdsf --reevaluate 20% --json",
        "cnn policy use --json --reevaluate all gdsf --admin-socket a",
        "cnn policy worst",
        "cnn policy worst 20",
        "cnn policy rollback",
        "cnn policy history --json",
        "cnn policy show s3-fifo",
        "cnn policy watch 7",
        "cnn module load mine.wasm --name m",
        "cnn module list",
        "cnn module show mine",
        "cnn module reload mine --reevaluate all",
        "cnn module set mine small=0.2 ghosts=2 --json",
        "cnn module unload mine",
        "cnn purge http://a.test/",
        "cnn explain http://a.test/",
        "cnn top --once",
        "cnn config check cnn.toml",
        "cnn config default",
        "cnn completions zsh",
        "cnn serve --listen 127.0.0.1:0 --listen [::1]:0 --reverse http://a.test --memory 256MiB --policy lru \
         --workers 2 --access-log - --metrics 127.0.0.1:0 --allow-destination 127.0.0.0/8 --config f --admin-socket a",
    ] {
        assert!(parsed(line).is_ok(), "{line}: {:?}", parsed(line));
    }
}

#[test]
fn mistakes_on_the_command_line_are_refused_and_named() {
    let check = |line: &str, expected: &str| {
        let error = parsed(line).expect_err(line);
        assert!(error.contains(expected), "{line}: {error}");
    };
    check("cnn stauts", "'status'");
    check("cnn policy use", "<NAME>");
    check("cnn policy worst many", "'many'");
    check("cnn serve --memory 12parsecs", "12parsecs");
    check("cnn serve --workers 0", "--workers");
    check("cnn serve --allow-destination 300.0.0.0/8", "300.0.0.0/8");
    check("cnn serve --metrics nowhere", "nowhere");
    check("cnn top --interval 0", "0.1");
}

#[test]
fn a_refusal_is_told_with_what_is_known_and_what_was_probably_meant() {
    let refusal = cnn_proxy::admin::reply::Refusal::unknown("policy", "name", "gdfs", ["lru", "gdsf"]);
    assert_eq!(hint(&AskError::Refused(refusal)), "; did you mean `gdsf`?\nknown: lru, gdsf");
}
