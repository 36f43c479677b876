//! The table of policies in `policies/README.md` says what the manifests say.

use std::path::Path;

use cnn_core::policy::{HitEvents, Manifest};

const BEGIN: &str = "<!-- table of native policies -->\n";
const END: &str = "<!-- end of table -->";

fn row(manifest: &Manifest) -> String {
    let goals: Vec<_> = manifest.goals.iter().map(|goal| goal.as_str()).collect();
    let hit_events = match manifest.hit_events {
        HitEvents::Needed => "yes",
        HitEvents::Unneeded => "no",
    };
    format!(
        "| `{}` | {} | {hit_events} | {} | {} | {} |\n",
        manifest.name,
        manifest.kind.as_str(),
        goals.join(", "),
        manifest.summary,
        manifest.paper,
    )
}

#[test]
fn the_table_of_policies_is_that_of_the_registry() {
    let mut expected = String::from(
        "| name | kind | told of hits | goals, best first | what goes first; when to choose it | paper |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    expected.extend(cnn_policies::registry().iter().map(|factory| row(&(factory.manifest)())));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(path).expect("the README is beside the crates");
    let table = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(table, _)| table);
    assert!(
        table == Some(&*expected),
        "put this between the two comments of policies/README.md:\n{expected}"
    );
}
