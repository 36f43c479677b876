//! Built-in policies of C/NN as wasm modules. The algorithm is the source of the native policy; this is what stands
//! around it where there is no engine: a heap, the rooms of the contract, and the exported functions.
//!
//! One policy per build, chosen by a feature. To add one: its file in `build.rs`, its module and feature below, its
//! manifest in `manifests/`, a line in `policies/build-guests`.
#![no_std]
#![allow(dead_code, unused_imports, reason = "of the shared sources, each build uses a part")]

extern crate guest_std as std;

mod heap;

/// A source of `policies/native`.
macro_rules! shared {
    ($($file:ident),*) => {$(
        mod $file {
            use std::prelude_of_alloc::*;
            include!(concat!(env!("OUT_DIR"), "/", stringify!($file), ".rs"));
        }
    )*};
}

shared!(list, ghosts, queues, sketch, greedy_dual, gdsf, sieve, s3_fifo, lhd);

/// The manifest as a custom section.
macro_rules! manifest {
    ($file:literal) => {
        const TEXT: &[u8] = include_bytes!(concat!("../manifests/", $file, ".txt"));
        #[used]
        #[unsafe(link_section = "cnn")]
        static MANIFEST: [u8; TEXT.len()] = {
            let mut bytes = [0; TEXT.len()];
            bytes.copy_from_slice(TEXT);
            bytes
        };
    };
}

#[cfg(feature = "sieve")]
mod chosen {
    manifest!("sieve");
    pub(crate) use crate::sieve::FACTORY;
}

#[cfg(feature = "s3-fifo")]
mod chosen {
    manifest!("s3-fifo");
    pub(crate) use crate::s3_fifo::FACTORY;
}

#[cfg(feature = "gdsf")]
mod chosen {
    manifest!("gdsf");
    pub(crate) use crate::gdsf::FACTORY;
}

#[cfg(feature = "lhd")]
mod chosen {
    manifest!("lhd");
    pub(crate) use crate::lhd::FACTORY;
}

#[cfg(any(feature = "sieve", feature = "s3-fifo", feature = "lhd"))]
mod hooks;
#[cfg(feature = "gdsf")]
mod key;
mod rooms;

/// A bug ends the call; the host counts it and decides itself.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
