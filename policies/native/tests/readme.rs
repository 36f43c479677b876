//! The table of policies in `policies/README.md` says what the manifests say; with `BLESS=1` it is written anew.

use std::path::Path;
use std::sync::Mutex;

use cnn_core::policy::{AdmissionManifest, HitEvents, Manifest, Parameter};

const BEGIN: &str = "<!-- table of native policies -->\n";
const BEGIN_ADMISSION: &str = "<!-- table of admission policies -->\n";
const END: &str = "<!-- end of table -->";

static FILE: Mutex<()> = Mutex::new(());

/// Name and default of each, with its range: `bits` 1 (1 to 8).
fn parameters(parameters: &[Parameter]) -> String {
    let show =
        |it: &Parameter| format!("`{}` {} ({} to {}): {}", it.name, it.default, it.min, it.max, it.summary);
    parameters.iter().map(show).collect::<Vec<_>>().join("; ")
}

fn row(manifest: &Manifest) -> String {
    let goals: Vec<_> = manifest.goals.iter().map(|goal| goal.as_str()).collect();
    let hit_events = match manifest.hit_events {
        HitEvents::Needed => "yes",
        HitEvents::Unneeded => "no",
    };
    format!(
        "| `{}` | {} | {hit_events} | {} | {} | {} | {} |\n",
        manifest.name,
        manifest.kind.as_str(),
        goals.join(", "),
        manifest.summary,
        parameters(&manifest.parameters),
        manifest.paper,
    )
}

#[test]
fn the_table_of_policies_is_that_of_the_registry() {
    let mut expected = String::from(
        "| name | kind | told of hits | goals, best first | what goes first; when to choose it | parameters: default (range) | paper |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    expected.extend(cnn_policies::registry().iter().map(|factory| row(&(factory.manifest)())));
    check(BEGIN, &expected);
}

#[test]
fn the_table_of_admission_policies_is_that_of_their_registry() {
    let mut expected = String::from(
        "| name | what is stored; when to choose it | parameters: default (range) | paper |\n| --- | --- | --- | --- |\n",
    );
    for factory in cnn_policies::admission::registry() {
        let AdmissionManifest { name, summary, paper, parameters: all, .. } = (factory.manifest)();
        expected += &format!("| `{name}` | {summary} | {} | {paper} |\n", parameters(&all));
    }
    check(BEGIN_ADMISSION, &expected);
}

/// The table that begins so in the README is this one; with `BLESS=1` it is from now on.
#[track_caller]
fn check(begin: &str, expected: &str) {
    // One at a time: both tests may write the file.
    let guard = FILE.lock().expect("no test panics while it writes");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(&path).expect("the README is beside the crates");
    let (before, rest) = text.split_once(begin).expect("there is a table");
    let (table, after) = rest.split_once(END).expect("it ends");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, [before, begin, expected, END, after].concat()).expect("it can be written");
    } else if table != expected {
        drop(guard);
        panic!("run this test with BLESS=1 to bring policies/README.md up to date");
    }
}
