//! Machine code of a script: where it is, how it is entered, and how its memory is given back. The one thing about scripts
//! that cannot be checked by looking at it.

#![allow(unsafe_code, reason = "machine code made in this process is entered and its memory given back here")]

use std::sync::{Mutex, PoisonError};

use cranelift_codegen::Context;
use cranelift_codegen::ir::{AbiParam, Signature, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_jit::JITModule;
use cranelift_module::{Module as _, ModuleError};

use crate::script::document::Doc;

/// How compiled code is entered: with the document and the bits of its strings; the byte becomes 1 where there is no value.
type Entry = extern "C" fn(doc: &Doc, bits: u64, fault: &mut u8) -> f64;

/// Code that can be run as long as it exists.
pub(super) struct Code {
    entry: Entry,
    bytes: usize,
    /// Owns the memory `entry` points into. Locked by nobody: it makes the code shareable.
    module: Mutex<Option<JITModule>>,
}

/// The same as [`Entry`], as the compiler sees it.
pub(super) fn signature(isa: &dyn TargetIsa) -> Signature {
    let pointer = isa.pointer_type();
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params = [pointer, types::I64, pointer].map(AbiParam::new).to_vec();
    signature.returns = vec![AbiParam::new(types::F64)];
    signature
}

impl Code {
    /// Compiles the one function of a module.
    ///
    /// # Errors
    /// What the compiler says when it does not take it, or there is no memory for it.
    pub(super) fn new(mut module: JITModule, context: &mut Context) -> Result<Self, String> {
        let signature = signature(module.isa());
        let is_entry = context.func.signature == signature;
        assert!(is_entry, "the function that is compiled is entered as `Entry` says");
        let said = |error: ModuleError| error.to_string();
        let id = module.declare_anonymous_function(&signature).map_err(said)?;
        module.define_function(id, context).map_err(said)?;
        module.finalize_definitions().map_err(said)?;
        let bytes = context.compiled_code().map_or(0, |code| code.code_buffer().len());
        let address = module.get_finalized_function(id);
        // SAFETY: the address is that of a function which Cranelift has compiled for this machine with the signature that was
        // just compared, which is that of `Entry` in this machine's C convention. The function is made by `emit.rs` from a tree without
        // loops, and touches no memory but fields of the `Doc` at the offsets and with the types the compiler of this crate
        // gives them, and the byte for the fault, both of which it is lent for the call. Its memory is readable and
        // executable and stays so until `drop`, and `entry` does not leave this value.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
        Ok(Self { entry, bytes, module: Mutex::new(Some(module)) })
    }

    /// Runs it; `None` where there is no value.
    #[inline]
    pub(super) fn run(&self, doc: &Doc, bits: u64) -> Option<f64> {
        let mut fault = 0;
        let value = (self.entry)(doc, bits, &mut fault);
        (fault == 0).then_some(value)
    }

    /// Bytes of machine code.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            // SAFETY: nothing of the module may run or be entered any more. It is entered only by `run`, which borrows this
            // value, and here nobody borrows it.
            unsafe { module.free_memory() }
        }
    }
}
