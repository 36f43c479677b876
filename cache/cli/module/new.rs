//! `cnn module new`: a folder with a policy, a filter or a monitor that works, to be changed into another one, and a
//! Makefile that builds and checks it. Every language begins with the same policy, so that they can be compared. Filters
//! begin as scripts: a line or two is what most of them are.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Failure, print};

/// Begin a policy or a monitor: a folder with one that works, and `make test`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  cnn module new small-first --role replacement --lang rhai\n  cnn module new by-country --role monitor --lang rust"
)]
pub(crate) struct New {
    /// What it is to be called; the folder is made here
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// What it decides
    #[arg(long, value_enum, default_value_t = Role::Replacement)]
    role: Role,
    /// What it is written in
    #[arg(long, value_enum)]
    lang: Language,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// What goes when room is needed
    Replacement,
    /// What is stored
    Admission,
    /// For how long it is fresh
    Freshness,
    /// Nothing: it watches requests and publishes what it counts
    Monitor,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    Rust,
    C,
    Assemblyscript,
    Rhai,
}

impl Role {
    /// The files of a skeleton in this language, if there is one.
    fn files(self, language: Language) -> Option<&'static [(&'static str, &'static str)]> {
        match (self, language) {
            (Self::Replacement, language) => Some(language.files()),
            (Self::Admission, Language::Rhai) => Some(&[
                ("rhai", include_str!("skeleton/admission.rhai.txt")),
                ("Makefile", include_str!("skeleton/Makefile.rhai")),
            ]),
            (Self::Freshness, Language::Rhai) => Some(&[
                ("rhai", include_str!("skeleton/freshness.rhai.txt")),
                ("Makefile", include_str!("skeleton/Makefile.rhai")),
            ]),
            (Self::Monitor, Language::Rhai) => Some(&[
                ("rhai", include_str!("skeleton/monitor.rhai.txt")),
                ("Makefile", include_str!("skeleton/Makefile.rhai")),
            ]),
            (Self::Monitor, Language::Rust) => Some(&[
                ("rs", include_str!("skeleton/monitor.rs.txt")),
                ("Makefile", include_str!("skeleton/Makefile.rust")),
            ]),
            (Self::Admission | Self::Freshness | Self::Monitor, _) => None,
        }
    }
}

impl Language {
    /// The files of a replacement policy's skeleton: ending, or whole name if it has a dot, and text.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Rust => &[
                ("rs", include_str!("skeleton/policy.rs.txt")),
                ("Makefile", include_str!("skeleton/Makefile.rust")),
            ],
            Self::C => &[
                ("c", include_str!("skeleton/policy.c.txt")),
                ("Makefile", include_str!("skeleton/Makefile.c")),
            ],
            Self::Assemblyscript => &[
                ("ts", include_str!("skeleton/policy.ts.txt")),
                ("txt", include_str!("skeleton/policy.txt")),
                ("manifest.mjs", include_str!("../../../policies/guests/assemblyscript/manifest.mjs")),
                ("Makefile", include_str!("skeleton/Makefile.assemblyscript")),
            ],
            Self::Rhai => &[
                ("rhai", include_str!("skeleton/policy.rhai.txt")),
                ("Makefile", include_str!("skeleton/Makefile.rhai")),
            ],
        }
    }
}

/// A name that a module may have.
fn name(word: &str) -> Result<String, String> {
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = word.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && word.len() <= cnn_modules::limits::NAME_BYTES_MAX && word.chars().all(is_fit) {
        Ok(word.to_owned())
    } else {
        Err("expected lower case letters, digits and -, beginning with a letter".to_owned())
    }
}

impl New {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { name, role, lang } = self;
        let files = role.files(lang).ok_or_else(|| {
            let why = match role {
                Role::Monitor => "monitors begin with --lang rhai or --lang rust",
                _ => "filters begin as scripts, with --lang rhai",
            };
            Failure::Said(format!("{why}; policies/abi/README.md is the page for other languages"))
        })?;
        let folder = PathBuf::from(&name);
        fs::create_dir(&folder).map_err(|error| Failure::Said(format!("{name}: {error}")))?;
        let mut text = String::new();
        for (file, template) in files {
            let file = match *file {
                "Makefile" | "manifest.mjs" => (*file).to_owned(),
                ending => format!("{name}.{ending}"),
            };
            fs::write(folder.join(&file), template.replace("NAME", &name))?;
            text.push_str(&format!("{name}/{file}\n"));
        }
        print(&format!("{text}\ncd {name} && make test\n"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_skeletons_of_scripts_are_modules_of_their_role() {
        for role in Role::value_variants() {
            let text =
                role.files(Language::Rhai).expect("every role has a script")[0].1.replace("NAME", "mine");
            let script = cnn_modules::Script::compile(Path::new("mine.rhai"), &text)
                .unwrap_or_else(|error| panic!("{error}"));
            let said = script.manifest();
            let role = role.to_possible_value().expect("it has a word");
            assert_eq!((said.name.as_str(), said.role.as_str()), ("mine", role.get_name()));
        }
    }

    #[test]
    fn a_name_is_one_that_a_module_may_have() {
        assert!(name("small-first2").is_ok());
        for bad in ["", "Small", "a/b", "-a", "a.b", &"a".repeat(41)] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_skeleton_keeps_the_placeholder() {
        for language in Language::value_variants() {
            let files = Role::value_variants().iter().filter_map(|role| role.files(*language)).flatten();
            for (file, text) in files {
                assert!(*file == "manifest.mjs" || text.contains("NAME"), "{file}");
                assert!(!text.replace("NAME", "mine").contains("NAME"), "{file}");
            }
        }
    }
}
