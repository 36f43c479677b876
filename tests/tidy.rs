//! Checks of the repository that no compiler makes: import arrows, module docs, file shape, stray markers, machine paths,
//! tables against their docs.
//!
//! Every check is a function from texts to complaints, so each is shown to fail on a bad sample below. Not here: what
//! clippy already denies (`unwrap`, `todo!` in built code, reading the clock) and formatting.

use std::fs;
use std::path::Path;

/// A file of the repository: its path from the root, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

/// The arrows between our crates, and the outside crates that only one of them may know.
///
/// A crate that is missing here is a complaint: a new crate is a change of architecture.
const CRATES: &[Crate] = &[
    Crate { name: "cnn-abi", may_use: &[], alone_knows: &[] },
    Crate { name: "cnn-core", may_use: &["cnn-abi"], alone_knows: &[] },
    Crate { name: "cnn-policies", may_use: &["cnn-abi", "cnn-core"], alone_knows: &[] },
    Crate {
        name: "cnn-modules",
        may_use: &["cnn-abi", "cnn-core", "cnn-policies"],
        alone_knows: &["wasmtime", "wasmparser", "rhai", "cranelift-jit"],
    },
    Crate {
        name: "cnn-proxy",
        may_use: &["cnn-abi", "cnn-core", "cnn-policies", "cnn-modules"],
        alone_knows: &["hyper", "hyper-util", "tokio", "socket2", "prometheus", "rustls", "tokio-rustls"],
    },
    Crate {
        name: "cnn-replay",
        may_use: &["cnn-abi", "cnn-core", "cnn-policies", "cnn-modules"],
        alone_knows: &["csv", "csv-core", "mio"],
    },
    Crate {
        name: "cnn",
        may_use: &["cnn-abi", "cnn-core", "cnn-policies", "cnn-modules", "cnn-proxy", "cnn-replay"],
        alone_knows: &["clap", "crossterm", "tikv-jemallocator"],
    },
    Crate { name: "cnn-support", may_use: &[], alone_knows: &[] },
];

struct Crate {
    name: &'static str,
    may_use: &'static [&'static str],
    alone_knows: &'static [&'static str],
}

/// What the engine may not touch, although the standard library offers it: it is told the time and does no I/O.
const NOT_IN_CORE: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "std::thread",
    "std::fs",
    "std::process",
    "Instant::now",
    "SystemTime::now",
];

/// The two files, of one crate, that may do what the compiler cannot check: they load machine code, and enter it.
const LOAD_CODE: [&str; 2] =
    ["cache/modules/src/wasm/precompiled.rs", "cache/modules/src/script/machine/code.rs"];

/// The longest file, in lines before its tests.
const LINES_MAX: usize = 800;

/// Complaints about the dependencies that a `Cargo.toml` declares outside `[dev-dependencies]`.
fn arrows(manifests: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Source { path, text } in manifests {
        let manifest: toml::Table = match text.parse() {
            Ok(manifest) => manifest,
            Err(error) => {
                complaints.push(format!("{path}: {error}"));
                continue;
            }
        };
        let Some(name) = manifest.get("package").and_then(|package| package.get("name")?.as_str()) else {
            continue;
        };
        if path.starts_with("policies/guests/") {
            // A workspace of its own, that no crate of ours depends on.
            continue;
        }
        let Some(known) = CRATES.iter().find(|known| known.name == name) else {
            complaints.push(format!("{path}: crate {name} is not in the table of arrows in tests/tidy.rs"));
            continue;
        };
        let inherits_lints = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        if inherits_lints != Some(true) && !LOAD_CODE[0].starts_with(path.trim_end_matches("Cargo.toml")) {
            complaints.push(format!("{path}: has no `[lints] workspace = true`"));
        }
        let declared = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in declared.into_iter().flat_map(toml::Table::keys) {
            let ours = CRATES.iter().any(|other| other.name == dependency);
            if ours && !known.may_use.contains(&dependency.as_str()) {
                complaints.push(format!("{path}: {name} must not depend on {dependency}"));
            }
            let owner = CRATES.iter().find(|other| other.alone_knows.contains(&dependency.as_str()));
            if let Some(owner) = owner.filter(|owner| owner.name != name) {
                complaints.push(format!("{path}: only {} may depend on {dependency}", owner.name));
            }
        }
    }
    complaints
}

/// Complaints where the lints of the crate that loads code are not the workspace's with `unsafe_code` at `deny`, which
/// two files can overrule, and where another file does, or does without saying why it is safe.
fn unsafe_code_is_where_it_must_be(manifests: &[Source], rust: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let lints = |path: &str, at: &[&str]| -> Option<toml::Table> {
        let manifest: toml::Table = manifests.iter().find(|it| it.path == path)?.text.parse().ok()?;
        at.iter().try_fold(manifest, |table, key| table.get(*key)?.as_table().cloned())
    };
    let folder = LOAD_CODE[0].split("src/").next().unwrap_or_default();
    let mut expected = lints("Cargo.toml", &["workspace", "lints"]).unwrap_or_default();
    if let Some(rust) = expected.get_mut("rust").and_then(toml::Value::as_table_mut) {
        rust.insert("unsafe_code".to_owned(), "deny".into());
    }
    if lints(&format!("{folder}Cargo.toml"), &["lints"]) != Some(expected) {
        complaints
            .push(format!("{folder}Cargo.toml: its lints are not the workspace's with unsafe_code denied"));
    }
    // Spelt in two halves so that this file holds none of them.
    const ALLOWED: &str = concat!("allow(unsafe", "_code");
    const BLOCK: &str = concat!("uns", "afe {");
    for Source { path, text } in rust {
        let may = LOAD_CODE.contains(&path.as_str());
        if !may && text.contains(ALLOWED) {
            complaints
                .push(format!("{path}: only {} may do what the compiler cannot check", LOAD_CODE.join(", ")));
        }
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(BLOCK)) {
            let comment = lines[..number].iter().rev().take_while(|before| before.starts_with("//"));
            if may && !comment.clone().any(|before| before.starts_with("// SAFETY: ")) {
                complaints.push(format!("{path}:{}: {line} without `// SAFETY:`", number + 1));
            }
        }
    }
    complaints
}

/// Complaints about what the engine's code names although it may not.
fn core_is_pure(core: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in core.iter().filter(|source| !is_test_file(&source.path)) {
        for (number, line) in before_tests(&source.text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in NOT_IN_CORE.iter().filter(|word| code.contains(*word)) {
                complaints.push(format!("{}:{}: the engine must not use {word}", source.path, number + 1));
            }
        }
    }
    complaints
}

/// Complaints about a Rust file's shape: its first line, its length, its name.
fn shape(rust: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for Source { path, text } in rust {
        if !text.starts_with("//!") {
            complaints.push(format!("{path}: does not open with `//!`"));
        }
        if path.ends_with("/mod.rs") {
            complaints.push(format!("{path}: use `foo.rs` beside `foo/`"));
        }
        let lines = before_tests(text).lines().count();
        if lines > LINES_MAX && !is_test_file(path) {
            complaints.push(format!("{path}: {lines} lines before its tests; look for the second idea"));
        }
    }
    complaints
}

/// Complaints about what may be typed while working and not be left behind.
fn markers(rust: &[Source]) -> Vec<String> {
    // Spelt in two halves so that this file holds none of them.
    const STRAY: &[&str] = &[
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
        concat!("#[ig", "nore"),
        concat!("X", "XX"),
        concat!("TO", "DO"),
    ];
    const DOUBT: &str = concat!("FIX", "ME");
    let mut complaints = Vec::new();
    for Source { path, text } in rust {
        for (number, line) in text.lines().enumerate() {
            for marker in STRAY.iter().filter(|marker| line.contains(*marker)) {
                complaints.push(format!("{path}:{}: stray {marker}", number + 1));
            }
            if let Some((_, rest)) = line.split_once(DOUBT)
                && rest.strip_prefix(": ").is_none_or(|text| text.trim().len() < 10)
            {
                complaints.push(format!("{path}:{}: {DOUBT} must say what would settle it", number + 1));
            }
        }
    }
    complaints
}

/// Complaints about paths that exist on one person's machine only.
fn machine_paths(texts: &[Source]) -> Vec<String> {
    const ROOTS: &[&str] =
        &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];
    let mut complaints = Vec::new();
    for Source { path, text } in texts {
        for (number, line) in text.lines().enumerate() {
            let starts_a_path = |at: usize| {
                line[..at]
                    .chars()
                    .next_back()
                    .is_none_or(|before| !before.is_alphanumeric() && !"_-./}$".contains(before))
            };
            for root in ROOTS {
                if line.match_indices(root).any(|(at, _)| starts_a_path(at)) {
                    complaints.push(format!("{path}:{}: names a machine's own path {root}", number + 1));
                }
            }
        }
    }
    complaints
}

/// Complaints where no page of the docs shows a table as the code makes it.
fn table_is_shown(pages: &[Source], what: &str, table: &str) -> Vec<String> {
    if pages.iter().any(|page| page.text.contains(table.trim())) {
        return Vec::new();
    }
    vec![format!(
        "no README shows the table of {what} as it is; BLESS=1 cargo test --test tidy puts this there:\n{table}"
    )]
}

/// The page with this table in place of the one with the same head, if it has one.
fn with_table(page: &str, table: &str) -> Option<String> {
    let head = table.lines().next()?;
    let start = page.find(&format!("{head}\n"))?;
    let rows = page[start..].split_inclusive('\n').take_while(|line| line.starts_with('|'));
    let end = start + rows.map(str::len).sum::<usize>();
    Some(format!("{}{}\n{}", &page[..start], table.trim(), &page[end..]))
}

/// Writes the table into the page that has it, when the environment asks for that.
fn bless(pages: &[Source], table: &str) {
    if std::env::var_os("BLESS").is_none() {
        return;
    }
    for page in pages {
        if let Some(text) = with_table(&page.text, table) {
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(&page.path), text)
                .expect("it was just read");
        }
    }
}

/// The part of a file before its unit tests.
fn before_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]").map_or(text, |at| &text[..at])
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.contains("/tests/")
        || path.starts_with("tests/")
        || path.starts_with("benches/")
}

/// Every text file of the repository that is ours, read once per test.
fn repository() -> Vec<Source> {
    const SKIPPED: &[&str] = &["target", "node_modules", ".git", ".bench", "Cargo.lock", "LICENSE"];
    const READ: &[&str] = &["rs", "toml", "md", "mjs", "sh", "yml", "yaml", "json"];
    fn walk(folder: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).expect("the repository is readable") {
            let path = entry.expect("the repository is readable").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if SKIPPED.contains(&name) {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
            } else if READ.iter().any(|ending| path.extension().is_some_and(|own| own == *ending))
                || name == "run"
            {
                let below = path.strip_prefix(root).expect("it was found below the root");
                let text =
                    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", below.display()));
                found.push(Source { path: below.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found
}

fn files(ending: &str) -> Vec<Source> {
    repository().into_iter().filter(|source| source.path.ends_with(ending)).collect()
}

fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn crates_depend_only_along_the_arrows() {
    assert_none(arrows(&files("Cargo.toml")));
}

#[test]
fn what_the_compiler_cannot_check_is_in_two_files() {
    // Guests are programs of their own, and without a standard library.
    let rust: Vec<_> =
        files(".rs").into_iter().filter(|source| !source.path.starts_with("policies/guests/")).collect();
    assert_none(unsafe_code_is_where_it_must_be(&files("Cargo.toml"), &rust));
}

#[test]
fn the_engine_has_no_sockets_clock_threads_or_files() {
    let core: Vec<_> =
        files(".rs").into_iter().filter(|source| source.path.starts_with("cache/core/src/")).collect();
    assert!(!core.is_empty());
    assert_none(core_is_pure(&core));
}

#[test]
fn files_have_module_docs_and_a_sane_length() {
    assert_none(shape(&files(".rs")));
}

#[test]
fn no_stray_markers_are_left() {
    assert_none(markers(&files(".rs")));
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    assert_none(machine_paths(&repository()));
}

#[test]
fn the_readmes_show_the_tables_of_the_code() {
    let tables = [
        ("configuration keys", cnn_proxy::config::markdown_table()),
        ("admin commands", cnn_proxy::admin::command::markdown()),
        ("metrics", cnn_proxy::metrics::markdown_table()),
    ];
    tables.iter().for_each(|(_, table)| bless(&files("README.md"), table));
    let pages = files("README.md");
    for (what, table) in &tables {
        assert_none(table_is_shown(&pages, what, table));
    }
}

mod on_bad_samples {
    //! Each check must be able to fail.

    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    /// Asserts that a check has exactly one complaint, and that it says `expected`.
    fn check(complaints: Vec<String>, expected: &str) {
        assert!(
            complaints.len() == 1 && complaints[0].contains(expected),
            "{complaints:?} should say {expected:?} once"
        );
    }

    fn manifest(name: &str, dependencies: &str) -> [Source; 1] {
        let text = format!(
            "[package]\nname = '{name}'\n[lints]\nworkspace = true\n[dependencies]\n{dependencies}\n"
        );
        [source("some/Cargo.toml", &text)]
    }

    #[test]
    fn an_arrow_against_the_direction_is_seen() {
        check(
            arrows(&manifest("cnn-core", "cnn-proxy.workspace = true")),
            "cnn-core must not depend on cnn-proxy",
        );
        check(arrows(&manifest("cnn-abi", "cnn-core = { path = '../core' }")), "must not depend on cnn-core");
        check(arrows(&manifest("cnn-core", "tokio = '1'")), "only cnn-proxy may depend on tokio");
        check(arrows(&manifest("cnn-proxy", "clap = '4'")), "only cnn may depend on clap");
        check(arrows(&manifest("cnn-extra", "")), "not in the table of arrows");
        check(arrows(&[source("a/Cargo.toml", "[package]\nname = 'cnn-abi'\n")]), "lints");
        check(arrows(&[source("a/Cargo.toml", "[package\n")]), "a/Cargo.toml");
        assert_none(arrows(&manifest("cnn-proxy", "cnn-core.workspace = true\ntokio.workspace = true")));
    }

    #[test]
    fn code_that_cannot_be_checked_is_seen() {
        let workspace = source("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = 'forbid'\na = 'warn'\n");
        let own = |lints: &str| source("cache/modules/Cargo.toml", &format!("[lints.rust]\n{lints}\n"));
        let both = [workspace, own("unsafe_code = 'deny'\na = 'warn'")];
        let bad = |path: &str, text: &str| unsafe_code_is_where_it_must_be(&both, &[source(path, text)]);
        check(bad("a.rs", concat!("#![allow(unsafe", "_code)]")), "a.rs: only");
        check(bad(LOAD_CODE[0], concat!("let a = uns", "afe { b() };")), "precompiled.rs:1");
        assert_none(bad(LOAD_CODE[0], concat!("// SAFETY: b is.\nuns", "afe { b() };")));
        let [workspace, _] = both;
        check(unsafe_code_is_where_it_must_be(&[workspace, own("a = 'warn'")], &[]), "not the workspace's");
    }

    #[test]
    fn a_clock_or_socket_in_the_engine_is_seen() {
        let bad = |line: &str| core_is_pure(&[source("cache/core/src/a.rs", &format!("//! A.\n{line}\n"))]);
        check(bad("use std::thread;"), "a.rs:2: the engine must not use std::thread");
        check(bad("let now = Instant::now();"), "Instant::now");
        check(bad("use std::net::TcpStream;"), "TcpStream");
        assert_none(bad("// std::thread is for the shell"));
        assert_none(bad("#[cfg(test)]\nuse std::thread;"));
    }

    #[test]
    fn a_file_of_bad_shape_is_seen() {
        check(shape(&[source("a.rs", "use b;\n")]), "does not open with `//!`");
        check(shape(&[source("b/mod.rs", "//! B.\n")]), "beside");
        check(shape(&[source("a.rs", &format!("//! A.\n{}", "x\n".repeat(LINES_MAX)))]), "801 lines");
        let long_tests = format!("//! A.\n#[cfg(test)]\n{}", "x\n".repeat(LINES_MAX));
        assert_none(shape(&[source("a.rs", &long_tests)]));
    }

    #[test]
    fn a_stray_marker_is_seen() {
        let bad = |line: &str| markers(&[source("a.rs", line)]);
        check(bad(concat!("    to", "do!()")), "stray");
        check(bad(concat!("db", "g!(x);")), "stray");
        check(bad(concat!("#[ig", "nore = \"slow\"]")), "stray");
        check(bad(concat!("// TO", "DO later")), "stray");
        check(bad(concat!("// FIX", "ME")), "must say what would settle it");
        check(bad(concat!("// FIX", "ME: no")), "must say what would settle it");
        assert_none(bad(concat!("// FIX", "ME: is 64 enough? A trace with more variants would tell.")));
    }

    #[test]
    fn a_machine_path_is_seen() {
        let bad = |line: &str| machine_paths(&[source("a.md", line)]);
        check(bad(concat!("see `/ho", "me/ann/notes`")), "a.md:1");
        check(bad(concat!("path = \"/wo", "rk/main\"")), "a.md:1");
        assert_none(bad(concat!("GET http://example.test/wo", "rk/a HTTP/1.1")));
        assert_none(bad(concat!("$FOLDER/ro", "ot/a")));
    }

    #[test]
    fn a_table_that_disagrees_with_its_docs_is_seen() {
        let page = [source("README.md", "# A\n\n| key |\n| --- |\n| `listen` |\n| `memory` |\n\n## B\n")];
        check(
            table_is_shown(&page, "keys", "| key |\n| --- |\n| `listen` |\n| `workers` |\n"),
            "no README shows",
        );
        assert_none(table_is_shown(&page, "keys", "| key |\n| --- |\n| `listen` |\n| `memory` |\n"));
        let blessed = with_table(&page[0].text, "| key |\n| --- |\n| `workers` |\n").unwrap_or_default();
        assert_eq!(blessed, "# A\n\n| key |\n| --- |\n| `workers` |\n\n## B\n");
    }
}
