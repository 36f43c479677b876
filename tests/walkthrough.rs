//! The walkthrough of `policies/README.md`, as it stands: every command is run, in order, in an empty folder, with a proxy
//! that serves and has a log. What the page promises in between is looked at after each part.

use std::fs;
use std::path::Path;
use std::process::Command;

use cnn_support::{Cnn, Launch, Origin, cnn_exe};

/// The commands of a section's blocks of shell, in their order.
fn blocks(page: &str, heading: &str) -> Vec<String> {
    let begin = page.find(heading).unwrap_or_else(|| panic!("no heading {heading}"));
    let section = &page[begin + heading.len()..];
    let section = section.find("\n## ").map_or(section, |end| &section[..end]);
    section
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// Runs a block as someone would who typed it, with this proxy as the only one, and gives what it printed.
fn run(block: &str, folder: &Path, cnn: &Cnn) -> String {
    let exe = Path::new(cnn_exe!());
    let path = format!(
        "{}:{}",
        exe.parent().expect("it is in a folder").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("sh")
        .args(["-euc", block])
        .current_dir(folder)
        .env("PATH", path)
        .env("CNN_ADMIN_SOCKET", cnn.admin_socket())
        .output()
        .expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{block}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn every_command_of_the_walkthrough_does_what_the_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("policies/README.md")).expect("the page is there");
    let blocks = blocks(&page, "## From a paper's formula to a running policy in ten minutes");
    let [write, check, load, reload, back, wasm] = &blocks[..] else { panic!("{} blocks", blocks.len()) };

    let origin = Origin::fixed(&["Cache-Control: max-age=1000"], vec![b'x'; 500]);
    let cnn = Launch::new(cnn_exe!()).flag("--policy", "s3-fifo").log_to_file().start();
    for number in 0..200 {
        assert_eq!(cnn.get(&origin.url(&format!("/{}", number % 50)), &[]).status, 200);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    cnn_support::eventually("the log has every request", || {
        fs::read_to_string(cnn.access_log()).is_ok_and(|log| log.lines().count() >= 200)
    });
    fs::copy(cnn.access_log(), place.join("access.log")).expect("it can be copied");
    std::os::unix::fs::symlink(root.join("policies/guests"), place.join("guests")).expect("a link");
    let policy = || cnn.json(&["status"])["policy"].as_str().unwrap_or_default().to_owned();
    let module = |name: &str| cnn.json(&["module", "show", name]);

    run(write, place, &cnn);
    let said = run(check, place, &cnn);
    assert!(said.contains("hyperbolic-cost, score") && said.contains("s3-fifo"), "{said}");

    let said = run(load, place, &cnn);
    assert!(said.contains("hyperbolic-cost, before it s3-fifo") && said.contains("50 documents"), "{said}");
    assert_eq!(policy(), "hyperbolic-cost");
    let before = module("hyperbolic-cost");

    let said = run(reload, place, &cnn);
    assert!(said.contains("hyperbolic-cost, before it hyperbolic-cost"), "{said}");
    let after = module("hyperbolic-cost");
    assert_ne!(before["sha256"], after["sha256"]);
    assert!(after["source"].as_str().is_some_and(|source| source.contains("doc.fetch_ms + 1.0")));

    run(back, place, &cnn);
    assert_eq!(policy(), "s3-fifo");
    assert_eq!(cnn.json(&["module", "list"])["modules"], serde_json::json!([]));

    let said = run(wasm, place, &cnn);
    assert!(said.contains("small=0.2 ghosts=2"), "{said}");
    assert_eq!(policy(), "my-s3");
    assert_eq!(cnn.status("documents"), 50.0, "no switch loses a document");
}

#[test]
fn blocks_are_those_of_the_section() {
    let page = "## A\n```sh\na\n```\n## B\ntext\n```sh\nb\nc\n```\n```rust\n```\n```sh\nd\n```\n## C\n```sh\ne\n```\n";
    assert_eq!(blocks(page, "## B"), ["b\nc\n", "d\n"]);
}
