//! What a library takes, what it refuses, and that a refusal changes nothing.

use std::fs;

use super::*;
use crate::{Metering, Role};

struct Shelf {
    library: Library,
    folder: tempfile::TempDir,
}

impl Shelf {
    fn new() -> Self {
        let library = Library::new(Metering::Fuel, None);
        Self { library, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn load(&self, path: &Path, name: Option<&str>) -> Result<Arc<Loaded>, LibraryError> {
        self.library.load(path, name, Loading { by: "uid 7".to_owned(), at: UnixSecs(11) })
    }

    fn names(&self) -> Vec<String> {
        self.library.list().iter().map(|loaded| loaded.name.clone()).collect()
    }
}

fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/guests/wasm").join(name)
}

#[test]
fn a_module_goes_by_the_name_it_gives_itself_or_is_given() {
    let shelf = Shelf::new();
    let mine = shelf.file("mine.rhai", "//! version: 3\n1.0 / doc.size");
    let loaded = shelf.load(&mine, None).unwrap();
    assert_eq!((loaded.name.as_str(), loaded.by.as_str(), loaded.at), ("mine", "uid 7", UnixSecs(11)));
    assert_eq!((loaded.code.form(), loaded.code.manifest().role), ("rhai", Role::Replacement));
    shelf.load(&mine, Some("other")).unwrap();
    shelf.load(&guest("sieve.wasm"), None).unwrap();
    assert_eq!(shelf.names(), ["mine", "other", "wasm-sieve"]);
}

#[test]
fn a_refusal_says_why_and_changes_nothing() {
    let shelf = Shelf::new();
    let mine = shelf.file("mine.rhai", "doc.uses");
    shelf.load(&mine, None).unwrap();
    let check = |path: &Path, name: Option<&str>, expected: &str| {
        let error = shelf.load(path, name).err().expect("it is refused").to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(shelf.names(), ["mine"]);
    };
    check(&mine, None, "a module called \"mine\" is loaded already");
    check(&mine, Some("gdsf"), "the name of a built-in policy");
    check(&shelf.file("sieve.rhai", "doc.uses"), None, "\"sieve\" is the name of a built-in policy");
    check(&mine, Some("Mine"), "cannot be the name of a module");
    check(&shelf.file("bad.rhai", "doc.uses +"), Some("bad"), "bad.rhai:1:");
    check(&shelf.file("bad.wasm", "\0asm"), Some("bad"), "bad.wasm: not a WebAssembly module");
}

#[test]
fn a_module_is_unloaded_when_no_instance_of_it_is_left() {
    let shelf = Shelf::new();
    shelf.load(&guest("sieve.wasm"), Some("mine")).unwrap();
    let (prepared, _) = shelf.library.source("mine").unwrap().unwrap().prepare(1 << 20, 4096).unwrap();
    assert_eq!(prepared.manifest().name, "mine");
    let live = shelf.library.get("mine").unwrap().instances.live();
    assert!(Arc::ptr_eq(live[0].manifest.as_ref().unwrap(), prepared.manifest()));
    drop(live);
    let error = shelf.library.unload("mine").err().unwrap();
    assert_eq!(error.to_string(), "mine is in use: there is an instance of it");
    drop(prepared);
    shelf.library.unload("mine").unwrap();
    assert_eq!(
        shelf.library.unload("mine").err().unwrap().to_string(),
        "no module called \"mine\" is loaded"
    );
}

#[test]
fn no_more_are_loaded_than_there_may_be() {
    let shelf = Shelf::new();
    let mine = shelf.file("mine.rhai", "doc.uses");
    for number in 0..LOADED_MAX {
        shelf.load(&mine, Some(&format!("m{number}"))).unwrap();
    }
    assert!(matches!(shelf.load(&mine, None), Err(LibraryError::Full)));
}

#[test]
fn a_change_is_made_when_it_is_committed_and_not_before() {
    let shelf = Shelf::new();
    let text = |value: &str| format!("//! goals: hits\n{value}");
    let path = shelf.file("mine.rhai", text("doc.uses"));
    let first = shelf.load(&path, None).unwrap();
    shelf.file("mine.rhai", text("doc.size"));
    let again = Loading { by: "uid 8".to_owned(), at: UnixSecs(12) };
    let digest = || shelf.library.get("mine").unwrap().code.digest();
    drop(shelf.library.reload("mine", again.clone()).unwrap());
    assert_eq!(digest(), first.code.digest());
    let second = shelf.library.reload("mine", again.clone()).unwrap().commit();
    assert_eq!((second.by.as_str(), second.at), ("uid 8", UnixSecs(12)));
    assert!(digest() == second.code.digest() && digest() != first.code.digest());
    assert!(shelf.library.reload("mine", again.clone()).unwrap().is_none());
    shelf.file("mine.rhai", "doc.size +");
    assert!(shelf.library.reload("mine", again.clone()).is_err());
    assert_eq!(digest(), second.code.digest());
    assert!(matches!(shelf.library.reload("none", again), Err(LibraryError::Unknown(_))));
}

#[test]
fn numbers_are_checked_and_outlive_a_reload() {
    let shelf = Shelf::new();
    let path = shelf.file("mine.wasm", fs::read(guest("s3-fifo.wasm")).unwrap());
    shelf.load(&path, Some("mine")).unwrap();
    let values = || {
        let settings = shelf.library.get("mine").unwrap().settings.clone();
        settings.values().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let before = values();
    shelf.library.set("mine", "small=0.3").unwrap().commit();
    assert_eq!(values(), before.replace("small=0.1", "small=0.3"));
    for (wrong, expected) in
        [("small=2", "from 0 to 1"), ("big=1", "no parameter \"big\""), ("small", "expected")]
    {
        let error = shelf.library.set("mine", wrong).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let again = Loading { by: String::new(), at: UnixSecs(0) };
    shelf.library.reload("mine", again).unwrap().commit();
    assert_eq!(values(), before.replace("small=0.1", "small=0.3"));
}

#[test]
fn a_file_is_loaded_once_under_a_name_that_is_free() {
    let shelf = Shelf::new();
    let loading = || Loading { by: String::new(), at: UnixSecs(0) };
    let path = shelf.file("gdsf.rhai", "doc.uses");
    let name = |path: &Path| match shelf.library.file(path, loading()).unwrap() {
        Filed::New(loaded) => format!("{} new", loaded.name),
        Filed::Known(loaded) => loaded.name.clone(),
        Filed::Changed(change) => format!("{} changed", change.next().name),
    };
    assert_eq!(name(&path), "gdsf-rhai new");
    assert_eq!(name(&path), "gdsf-rhai");
    fs::create_dir(shelf.folder.path().join("b")).unwrap();
    assert_eq!(name(&shelf.file("b/gdsf.rhai", "doc.size")), "gdsf-rhai-2 new");
    shelf.file("gdsf.rhai", "doc.size");
    assert_eq!(name(&path), "gdsf-rhai changed");
}
