//! Takes the engine's table over, without the docs it opens with: see `../build.rs`.

use std::env;
use std::fs;
use std::path::Path;

const FROM: &str = "../../../../cache/core/src/policy/paged.rs";

fn main() {
    println!("cargo::rerun-if-changed={FROM}");
    let text = fs::read_to_string(FROM).expect("the engine is beside this workspace");
    let code: String = text.lines().skip_while(|line| line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("paged.rs"), code).expect("cargo's own folder can be written to");
}
