//! Loading code that was compiled before: the one thing that cannot be checked by looking at it.

#![allow(
    unsafe_code,
    reason = "machine code from a file is trusted or it is not; the cache of code says when"
)]

use wasmtime::{Engine, Module};

use super::cache::Code;

/// Makes a module of code that the cache of compiled code vouches for; `None` when it was made by another version of
/// the compiler or for another processor.
pub(crate) fn load(engine: &Engine, code: &Code) -> Option<Module> {
    // SAFETY: the bytes must be what `Module::serialize` returned, unaltered. A `Code` is made only by `CodeCache::read`,
    // from a file of a directory that we own and nobody else can write to, after its digest has been compared with the
    // one written together with it. Version and processor are checked by wasmtime itself.
    unsafe { Module::deserialize(engine, code.bytes()) }.ok()
}
