//! Assembles a module written as text: `assemble IN.wat OUT.wasm`. For policies/build-guests; the product reads wasm.

use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [from, to] = &*arguments else {
        eprintln!("assemble IN.wat OUT.wasm");
        return ExitCode::from(2);
    };
    let done = fs::read_to_string(from)
        .map_err(|error| error.to_string())
        .and_then(|text| wat::parse_str(&text).map_err(|error| error.to_string()))
        .and_then(|bytes| fs::write(to, bytes).map_err(|error| error.to_string()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{from}: {error}");
            ExitCode::FAILURE
        }
    }
}
