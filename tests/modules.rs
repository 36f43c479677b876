//! Modules in a proxy that is in use: loaded from a directory that is watched, reloaded, broken, removed, while clients are
//! served. What is said to have changed is what decides, and no request fails.
//!
//! The verbs with their replies are in `admin/modules.txt`; what hostile modules do is in `hostile/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use cnn_support::{Cnn, Launch, Origin, cnn_exe, eventually, get};
use serde_json::Value;

/// A file put in its place whole, as `mv` does.
fn put(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let (path, made) = (folder.join(name), folder.join(format!("{name}.new")));
    fs::write(&made, text).expect("the folder can be written");
    fs::rename(made, &path).expect("it is the same folder");
    path
}

/// The reply about one module of the list; null when it is not loaded.
fn module(cnn: &Cnn, name: &str) -> Value {
    let list = cnn.json(&["module", "list"]);
    let modules = list["modules"].as_array().expect("a list");
    modules.iter().find(|module| module["name"] == name).cloned().unwrap_or_default()
}

fn script(goal: &str, value: &str) -> String {
    format!("//! summary: {goal}\n{value}\n")
}

#[test]
fn a_directory_is_loaded_at_the_start_and_looked_at_from_then_on() {
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), "mine.rhai", script("first", "doc.uses"));
    put(folder.path(), "broken.rhai", "doc.uses +");
    let config = format!("policy = \"mine\"\n[modules]\ndirectory = \"{}\"\n", folder.path().display());
    let cnn = Launch::new(cnn_exe!()).config(config).start();
    cnn.await_error_line(|line| line.contains("broken.rhai:1:") && line.contains("not loaded"));
    assert_eq!(cnn.json(&["status"])["policy"], "mine");
    assert_eq!(module(&cnn, "mine")["by"], "the module directory");

    put(folder.path(), "other.rhai", script("another", "doc.size"));
    eventually("a new file is loaded", || module(&cnn, "other")["state"] == "loaded");

    put(folder.path(), "mine.rhai", script("second", "1.0 / doc.size"));
    eventually("a changed file is reloaded", || module(&cnn, "mine")["summary"] == "second");
    assert_eq!(module(&cnn, "mine")["state"], "deciding");
    let history = cnn.json(&["policy", "history"]);
    let last = history["switches"].as_array().and_then(|switches| switches.last()).expect("a switch");
    assert_eq!((&last["by"], &last["policy"]), (&"the module directory".into(), &"mine".into()));

    put(folder.path(), "mine.rhai", "1.0 / doc.size)");
    cnn.await_error_line(|line| line.contains("nothing has changed") && line.contains("mine.rhai:1:"));
    let broken = module(&cnn, "mine");
    assert_eq!((&broken["summary"], &broken["state"]), (&"second".into(), &"deciding".into()));
    assert_eq!(broken["file"], "changed");

    fs::remove_file(folder.path().join("mine.rhai")).expect("it is there");
    let removed = module(&cnn, "mine");
    assert_eq!((&removed["file"], &removed["state"]), (&"gone".into(), &"deciding".into()));
}

#[test]
fn modules_are_changed_under_traffic_and_no_request_fails() {
    let origin = Origin::fixed(&["Cache-Control: max-age=1000"], vec![b'x'; 1000]);
    let folder = tempfile::tempdir().expect("a folder");
    let guest = |name: &str| fs::read(format!("policies/guests/wasm/{name}.wasm")).expect("a guest");
    let path = put(folder.path(), "mine.wasm", guest("s3-fifo")).display().to_string();
    let cnn = Launch::new(cnn_exe!()).flag("--policy", "lru").flag("--memory", "1MiB").start();
    let (address, base) = (cnn.address(), origin.url(""));
    let (over, done, wrong) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..2_usize)
        .map(|client| {
            let (over, done, wrong, base) = (over.clone(), done.clone(), wrong.clone(), base.clone());
            thread::spawn(move || {
                for number in (client..).step_by(7) {
                    if over.load(Relaxed) {
                        return;
                    }
                    // More documents than there is room for, so that the policy decides all the time.
                    let reply = get(address, &format!("{base}/{}", number % 2000), &[]);
                    let is_right = reply.status == 200 && reply.text().len() == 1000;
                    wrong.fetch_add(usize::from(!is_right), Relaxed);
                    done.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    let more = |what: &str| {
        let before = done.load(Relaxed);
        eventually(what, || done.load(Relaxed) > before + 50);
    };
    let run = |verb: &[&str]| {
        let output = cnn.verb(verb);
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
        more("requests go on");
    };
    run(&["module", "load", &path, "--name", "mine"]);
    run(&["policy", "use", "mine"]);
    for small in ["small=0.2", "small=0.3", "small=0.2"] {
        run(&["module", "set", "mine", small, "--reevaluate", "all"]);
    }
    for name in ["sieve", "gdsf", "s3-fifo"] {
        put(folder.path(), "mine.wasm", guest(name));
        run(&["module", "reload", "mine", "--reevaluate", "all"]);
        assert_eq!(module(&cnn, "mine")["state"], "deciding");
    }
    // GreedyDual's clock goes on in the next version, which differs by a custom section.
    put(folder.path(), "mine.wasm", guest("wat-gds"));
    run(&["module", "reload", "mine", "--reevaluate", "all"]);
    put(folder.path(), "mine.wasm", [&guest("wat-gds")[..], &[0, 2, 1, b'x']].concat());
    assert_eq!(cnn.json(&["module", "reload", "mine"])["state"], "taken over");
    put(folder.path(), "mine.wasm", b"\0asm nonsense");
    assert_eq!(cnn.verb(&["module", "reload", "mine"]).status.code(), Some(2));
    assert_eq!(cnn.verb(&["module", "unload", "mine"]).status.code(), Some(2));
    run(&["policy", "rollback"]);
    run(&["policy", "use", "lru"]);
    run(&["policy", "use", "gdsf"]);
    eventually("the module is let go of", || cnn.verb(&["module", "unload", "mine"]).status.success());
    over.store(true, Relaxed);
    for client in clients {
        client.join().expect("no client panics");
    }
    assert_eq!(wrong.load(Relaxed), 0);
    assert_eq!(cnn.json(&["status"])["faults"], 0);
}

#[test]
fn compiled_code_is_kept_where_nobody_else_may_go() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let code = folder.path().join("code");
    let config = format!("[modules]\ncode_cache = \"{}\"\n", code.display());
    for _ in 0..2 {
        let cnn = Launch::new(cnn_exe!()).config(&*config).start();
        let output = cnn.verb(&["policy", "use", "policies/guests/wasm/sieve.wasm"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let files: Vec<_> =
        fs::read_dir(&code).expect("a folder").map(|file| file.expect("a file").path()).collect();
    assert_eq!((mode(&code), files.len()), (0o700, 1), "{files:?}");
    assert_eq!(mode(&files[0]), 0o600);
}
