//! Takes the sources of the built-in policies over, without the docs they open with, which only a file of its own may
//! have: what is compiled is otherwise the same text.

use std::env;
use std::fs;
use std::path::Path;

const FILES: &[&str] = &["list", "ghosts", "greedy_dual", "gdsf", "sieve", "s3_fifo", "queues", "sketch", "lhd"];

fn main() {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    for file in FILES {
        take_over(&format!("../../native/src/{file}.rs"), &Path::new(&out).join(format!("{file}.rs")));
    }
}

fn take_over(from: &str, to: &Path) {
    println!("cargo::rerun-if-changed={from}");
    let text = fs::read_to_string(from).expect("the policy's source is beside this workspace");
    let code: String = text.lines().skip_while(|line| line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
    fs::write(to, code).expect("cargo's own folder can be written to");
}
