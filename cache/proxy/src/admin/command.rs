//! The one table of admin commands. The socket's routing, the verbs of the executable with their help, the reply of
//! `GET /` and the table in the README are made from it; tests fail where one of them says something else.
//!
//! It names what can be asked and how it is spelled; what is then done is in `handler.rs`.

use std::fmt::Write as _;

use http::Method;
use serde::Serialize;

/// What can be asked of a running proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// What it is doing and how well.
    Status,
    /// What the live view needs: status, latencies, the last switches.
    Top,
    /// The policies there are.
    PolicyList,
    /// All about one policy.
    PolicyShow,
    /// Switch to another policy.
    PolicyUse,
    /// Back to the policy before.
    PolicyRollback,
    /// The switches so far.
    PolicyHistory,
    /// How far one switch has come.
    PolicyWatch,
    /// The documents that go next.
    PolicyWorst,
    /// The admission policies there are.
    AdmissionList,
    /// The admission policy that is asked, and what it said.
    AdmissionShow,
    /// Ask another admission policy, or nobody.
    AdmissionUse,
    /// The freshness rules there are.
    FreshnessList,
    /// The freshness rules that are asked, and what they said.
    FreshnessShow,
    /// Ask other freshness rules, or nobody.
    FreshnessUse,
    /// Make a module known by a name.
    ModuleLoad,
    /// The modules that are loaded.
    ModuleList,
    /// All about one module.
    ModuleShow,
    /// Forget a module.
    ModuleUnload,
    /// Read a module's file anew.
    ModuleReload,
    /// Give a module other numbers.
    ModuleSet,
    /// Run a script on the live cache.
    ScriptRun,
    /// Forget a document.
    Purge,
    /// Why a document is stored or not.
    Explain,
    /// The monitors that are attached.
    MonitorList,
    /// What one monitor publishes.
    MonitorShow,
    /// Attach a monitor.
    MonitorAttach,
    /// Detach a monitor.
    MonitorDetach,
}

/// What a command does to the proxy; it decides the HTTP method and whether the command is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Looks only: `GET`.
    Reads,
    /// Changes something: `POST`, and one audit line each.
    Changes,
}

/// One argument of a command: in the path where the path names it in braces, else in the query or in a JSON body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// Its key in the query and in JSON.
    pub name: &'static str,
    /// How the command line takes it: what stands for its value in help texts.
    pub value: &'static str,
    /// Whether it is an option (`--name VALUE`) on the command line; otherwise it is positional.
    #[serde(skip)]
    pub is_option: bool,
    /// Whether it must be given.
    pub is_required: bool,
    /// One line without a full stop.
    pub help: &'static str,
}

impl Argument {
    /// The value of an option that is set or not, and takes no value on the command line.
    pub const SET: &'static str = "true";
}

/// One admin command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// What is asked.
    pub verb: Verb,
    /// The words after `cnn`.
    pub words: &'static str,
    /// The path of its URL; `{name}` stands for an argument.
    pub path: &'static str,
    /// Arguments in the order of the command line.
    pub arguments: &'static [Argument],
    /// One line without a full stop.
    pub help: &'static str,
    /// Whether it changes the proxy.
    pub effect: Effect,
}

const URL: Argument = Argument {
    name: "url",
    value: "URL",
    is_option: false,
    is_required: true,
    help: "The document's URL, as a client asks for it",
};

/// The argument that is a whole script: longer than others, and named by its digest in the audit log.
pub(super) const SCRIPT_TEXT: &str = "text";

const LIMIT: Argument = Argument {
    name: "limit",
    value: "N",
    is_option: false,
    is_required: false,
    help: "How many, at most 1000 [default: 10]",
};

const MODULE: Argument = Argument {
    name: "name",
    value: "NAME",
    is_option: false,
    is_required: true,
    help: "A module, as `cnn module list` names it",
};

const MONITOR: Argument = Argument {
    name: "name",
    value: "NAME",
    is_option: false,
    is_required: true,
    help: "A monitor, as `cnn monitor list` names it",
};

const REEVALUATE: Argument = Argument {
    name: "reevaluate",
    value: "N|P%|all",
    is_option: true,
    is_required: false,
    help: "How many of the documents next to go it orders at once; the others follow when they are used, when their \
           turn comes, or when there is time [default: 20%]",
};

const FORCE: Argument = Argument {
    name: "force",
    value: Argument::SET,
    is_option: true,
    is_required: false,
    help: "Use a module again that was stopped because it kept failing",
};

/// Every admin command, in the order help and README show them.
pub const COMMANDS: &[Command] = &[
    Command {
        verb: Verb::Status,
        words: "status",
        path: "/status",
        arguments: &[],
        help: "Show what the proxy is doing and how well: policy, documents, memory, hit ratios, latencies",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::Top,
        words: "top",
        path: "/top",
        arguments: &[],
        help: "Watch it live: requests per second, hit ratios, latencies, memory, policy and its switches",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::PolicyList,
        words: "policy list",
        path: "/policies",
        arguments: &[],
        help: "List the replacement policies there are; the deciding one is marked",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::PolicyShow,
        words: "policy show",
        path: "/policies/{name}",
        arguments: &[Argument {
            name: "name",
            value: "NAME",
            is_option: false,
            is_required: true,
            help: "A policy, as `cnn policy list` names it",
        }],
        help: "Show one policy: how it orders documents, what it is good for, where it was published",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::PolicyUse,
        words: "policy use",
        path: "/policy/use",
        arguments: &[
            Argument {
                name: "name",
                value: "NAME",
                is_option: false,
                is_required: true,
                help: "The policy that decides from now on: a built-in one, a module that is loaded, or a file, which is loaded",
            },
            REEVALUATE,
            FORCE,
        ],
        help: "Switch to another replacement policy while serving; no document is lost",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::PolicyRollback,
        words: "policy rollback",
        path: "/policy/rollback",
        arguments: &[REEVALUATE],
        help: "Go back to the policy before the last switch, which is still loaded",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::PolicyHistory,
        words: "policy history",
        path: "/policy/history",
        arguments: &[],
        help: "List the switches: who, when, what it took, hit ratios before and after",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::PolicyWatch,
        words: "policy watch",
        path: "/switch/{token}",
        arguments: &[Argument {
            name: "token",
            value: "TOKEN",
            is_option: false,
            is_required: true,
            help: "The token a switch was answered with",
        }],
        help: "Follow a switch until every document is ordered by the new policy",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::PolicyWorst,
        words: "policy worst",
        path: "/policy/worst",
        arguments: &[LIMIT],
        help: "List the documents that would be evicted next, the first to go first",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::AdmissionList,
        words: "admission list",
        path: "/admissions",
        arguments: &[],
        help: "List the admission policies there are; the one that is asked is marked",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::AdmissionShow,
        words: "admission show",
        path: "/admission",
        arguments: &[],
        help: "Show the admission policy that is asked: who chose it, what it answered, which origins it passes by",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::AdmissionUse,
        words: "admission use",
        path: "/admission/use",
        arguments: &[Argument {
            name: "name",
            value: "NAME",
            is_option: false,
            is_required: true,
            help: "Who is asked from now on whether a response is stored: a name, the file of a .wasm or .rhai, or none",
        }],
        help: "Ask another admission policy before a response is stored, or nobody; what is stored stays",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::FreshnessList,
        words: "freshness list",
        path: "/freshnesses",
        arguments: &[],
        help: "List the freshness rules there are; those that are asked are marked",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::FreshnessShow,
        words: "freshness show",
        path: "/freshness",
        arguments: &[],
        help: "Show the freshness rules that are asked: who chose them, what they answered",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::FreshnessUse,
        words: "freshness use",
        path: "/freshness/use",
        arguments: &[Argument {
            name: "name",
            value: "NAME",
            is_option: false,
            is_required: true,
            help: "Who is asked from now on how long a response stays fresh: a name, the file of a .wasm or .rhai, or none",
        }],
        help: "Ask other freshness rules for what comes, or nobody; what is stored keeps its lifetime until it is validated",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::ModuleLoad,
        words: "module load",
        path: "/module/load",
        arguments: &[
            Argument {
                name: "file",
                value: "FILE",
                is_option: false,
                is_required: true,
                help: "A .wasm or .rhai",
            },
            Argument {
                name: "name",
                value: "NAME",
                is_option: true,
                is_required: false,
                help: "What it is called from now on [default: what it calls itself]",
            },
        ],
        help: "Load a module, so that it can be used by its name; nothing decides by it yet",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::ModuleList,
        words: "module list",
        path: "/modules",
        arguments: &[],
        help: "List the modules that are loaded, what they are for and what they are doing",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::ModuleShow,
        words: "module show",
        path: "/modules/{name}",
        arguments: &[MODULE],
        help: "Show one module: what it says of itself, its numbers, its source, who loaded it, what it took, its faults",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::ModuleUnload,
        words: "module unload",
        path: "/module/unload",
        arguments: &[MODULE],
        help: "Forget a module that nothing decides by",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::ModuleReload,
        words: "module reload",
        path: "/module/reload",
        arguments: &[MODULE, REEVALUATE],
        help: "Read a module's file anew; where it decides, the new one takes over, and no document is lost",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::ModuleSet,
        words: "module set",
        path: "/module/set",
        arguments: &[
            MODULE,
            Argument {
                name: "values",
                value: "KEY=VALUE",
                is_option: false,
                is_required: true,
                help: "Parameters and what they are to be, separated by commas or spaces; the others stay as they are",
            },
            REEVALUATE,
        ],
        help: "Change numbers a module is given; where it decides, one with the new numbers takes over",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::ScriptRun,
        words: "script run",
        path: "/script/run",
        arguments: &[
            Argument {
                name: "file",
                value: "FILE",
                is_option: false,
                is_required: false,
                help: "The script; over the socket only what it is called, and beside which it looks for files",
            },
            Argument {
                name: SCRIPT_TEXT,
                value: "TEXT",
                is_option: true,
                is_required: false,
                help: "The script itself",
            },
            Argument {
                name: "dry-run",
                value: "yes|no",
                is_option: true,
                is_required: false,
                help: "Run it and say what it would do, and do nothing [default: no]",
            },
        ],
        help: "Run a script on the live cache: it looks around, switches, re-evaluates, all of it or nothing",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::Purge,
        words: "purge",
        path: "/purge",
        arguments: &[URL],
        help: "Forget a document with all its variants; a client being sent it still gets the whole of it",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::Explain,
        words: "explain",
        path: "/explain",
        arguments: &[URL],
        help: "Explain a document: stored or not and by which rule, how fresh, which variants, who is evicted before it",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::MonitorList,
        words: "monitor list",
        path: "/monitors",
        arguments: &[],
        help: "List the monitors that are attached, with what each has seen, lost and done wrong",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::MonitorShow,
        words: "monitor show",
        path: "/monitors/{name}",
        arguments: &[MONITOR],
        help: "Show one monitor: what it is made of, how it does, and the values it publishes",
        effect: Effect::Reads,
    },
    Command {
        verb: Verb::MonitorAttach,
        words: "monitor attach",
        path: "/monitor/attach",
        arguments: &[Argument {
            name: "spec",
            value: "NAME",
            is_option: false,
            is_required: true,
            help: "The monitor: the name of a loaded module or of a built-in one, or the file of a .wasm or .rhai",
        }],
        help: "Have a monitor watch requests from now on, on a thread of its own",
        effect: Effect::Changes,
    },
    Command {
        verb: Verb::MonitorDetach,
        words: "monitor detach",
        path: "/monitor/detach",
        arguments: &[MONITOR],
        help: "Take a monitor away, and with it what it publishes",
        effect: Effect::Changes,
    },
];

impl Verb {
    /// The row of the table for it.
    pub fn command(self) -> &'static Command {
        COMMANDS.iter().find(|command| command.verb == self).expect("every verb has a row: tested")
    }
}

impl Effect {
    /// The HTTP method that asks for it.
    pub const fn method(self) -> Method {
        match self {
            Self::Reads => Method::GET,
            Self::Changes => Method::POST,
        }
    }
}

/// What a path was found to ask for: the command and the value of the argument in the path, still percent-encoded.
pub(super) struct Route<'a> {
    pub(super) command: &'static Command,
    pub(super) in_path: Option<(&'static Argument, &'a str)>,
}

impl Command {
    /// The argument with this name.
    pub fn argument(&self, name: &str) -> Option<&'static Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }

    /// How it is typed: `cnn policy use NAME [--reevaluate N|P%|all]`.
    pub fn usage(&self) -> String {
        let mut usage = format!("cnn {}", self.words);
        for argument in self.arguments {
            let spelled = match argument.is_option {
                true if argument.value == Argument::SET => format!("--{}", argument.name),
                true => format!("--{} {}", argument.name, argument.value),
                false => argument.value.to_owned(),
            };
            let (open, close) = if argument.is_required { ("", "") } else { ("[", "]") };
            let _ = write!(usage, " {open}{spelled}{close}");
        }
        usage
    }

    /// How it is asked for over the socket: `POST /policy/use?name=NAME&reevaluate=N|P%|all`.
    pub fn request(&self) -> String {
        let mut request = format!("{} {}", self.effect.method(), self.path);
        let mut separator = '?';
        for argument in self.arguments.iter().filter(|argument| !self.is_in_path(argument)) {
            let _ = write!(request, "{separator}{}={}", argument.name, argument.value);
            separator = '&';
        }
        request
    }

    /// Whether the argument's place is the path.
    pub fn is_in_path(&self, argument: &Argument) -> bool {
        self.split().is_some_and(|(_, name)| name == argument.name)
    }

    /// What the path says before its argument, and the argument's name.
    fn split(&self) -> Option<(&'static str, &'static str)> {
        self.path.strip_suffix('}')?.split_once('{')
    }

    fn matches<'a>(&'static self, path: &'a str) -> Option<Route<'a>> {
        let Some((before, name)) = self.split() else {
            return (self.path == path).then_some(Route { command: self, in_path: None });
        };
        let value = path.strip_prefix(before).filter(|value| !value.is_empty() && !value.contains('/'))?;
        Some(Route { command: self, in_path: Some((self.argument(name)?, value)) })
    }
}

/// The command a path asks for.
pub(super) fn route(path: &str) -> Option<Route<'_>> {
    COMMANDS.iter().find_map(|command| command.matches(path))
}

/// The table as Markdown, as the README shows it.
pub fn markdown() -> String {
    let mut table = String::from("| command | over the socket | what it does |\n| --- | --- | --- |\n");
    for command in COMMANDS {
        let escaped = |text: &str| text.replace('|', "\\|");
        let (usage, request) = (escaped(&command.usage()), escaped(&command.request()));
        let _ = writeln!(table, "| `{usage}` | `{request}` | {} |", command.help);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERBS: [Verb; 28] = [
        Verb::Status,
        Verb::Top,
        Verb::PolicyList,
        Verb::PolicyShow,
        Verb::PolicyUse,
        Verb::PolicyRollback,
        Verb::PolicyHistory,
        Verb::PolicyWatch,
        Verb::PolicyWorst,
        Verb::AdmissionList,
        Verb::AdmissionShow,
        Verb::AdmissionUse,
        Verb::FreshnessList,
        Verb::FreshnessShow,
        Verb::FreshnessUse,
        Verb::ModuleLoad,
        Verb::ModuleList,
        Verb::ModuleShow,
        Verb::ModuleUnload,
        Verb::ModuleReload,
        Verb::ModuleSet,
        Verb::ScriptRun,
        Verb::Purge,
        Verb::Explain,
        Verb::MonitorList,
        Verb::MonitorShow,
        Verb::MonitorAttach,
        Verb::MonitorDetach,
    ];

    #[test]
    fn every_verb_has_one_row() {
        assert_eq!(COMMANDS.len(), VERBS.len());
        for verb in VERBS {
            assert_eq!(verb.command().verb, verb);
        }
    }

    #[test]
    fn a_path_leads_to_one_command() {
        let check = |path: &str, expected: Option<(Verb, Option<&str>)>| {
            let found = route(path).map(|route| (route.command.verb, route.in_path.map(|(_, value)| value)));
            assert_eq!(found, expected, "{path}");
        };
        check("/status", Some((Verb::Status, None)));
        check("/policies", Some((Verb::PolicyList, None)));
        check("/policies/gdsf", Some((Verb::PolicyShow, Some("gdsf"))));
        check("/modules/mine", Some((Verb::ModuleShow, Some("mine"))));
        check("/switch/7", Some((Verb::PolicyWatch, Some("7"))));
        check("/policies/", None);
        check("/policies/a/b", None);
        check("/status/", None);
        check("/", None);
    }

    #[test]
    fn usage_and_request_spell_every_argument() {
        let check = |verb: Verb, usage: &str, request: &str| {
            assert_eq!(verb.command().usage(), usage);
            assert_eq!(verb.command().request(), request);
        };
        check(
            Verb::PolicyUse,
            "cnn policy use NAME [--reevaluate N|P%|all] [--force]",
            "POST /policy/use?name=NAME&reevaluate=N|P%|all&force=true",
        );
        check(Verb::PolicyShow, "cnn policy show NAME", "GET /policies/{name}");
        check(Verb::PolicyWorst, "cnn policy worst [N]", "GET /policy/worst?limit=N");
    }

    #[test]
    fn help_is_one_line_without_a_full_stop() {
        let texts = COMMANDS
            .iter()
            .flat_map(|command| command.arguments.iter().map(|argument| argument.help).chain([command.help]));
        for text in texts {
            assert!(
                !text.ends_with('.') && !text.contains('\n') && text.starts_with(char::is_uppercase),
                "{text}"
            );
        }
    }
}
