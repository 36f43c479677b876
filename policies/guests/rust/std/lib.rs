//! What the built-in policies use of the standard library, for guests that have none: under the name `std`, the same
//! source compiles for both.
#![no_std]

#[allow(hidden_glob_reexports, reason = "`alloc` is the crate for this one, and `core::alloc` for the others")]
extern crate alloc;

pub use alloc::{borrow, boxed, collections, format, string, vec};
pub use core::*;

/// What the standard library brings into scope unasked and `core` does not.
pub mod prelude_of_alloc {
    pub use alloc::borrow::ToOwned;
    pub use alloc::boxed::Box;
    pub use alloc::vec;
    pub use alloc::vec::Vec;
}
