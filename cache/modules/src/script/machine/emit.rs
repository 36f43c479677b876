//! From our tree to machine code, with Cranelift: one function without loops, whose every way out is a number or the
//! fault.
//!
//! What may be a fault is tested before it is done, so no instruction of the code can trap.

mod values;

use std::sync::LazyLock;

use cranelift_codegen::Context;
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, InstBuilder as _, MemFlagsData, SigRef, Signature, Type as IrType, Value,
    types,
};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetFrontendConfig};
use cranelift_codegen::settings::{self, Configurable as _};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::default_libcall_names;

use super::code::{self, Code};
use super::ir::{Label, Local, Node, Tree, Type};
use super::natives::{Address, Native};

/// The compiler for this machine, or why there is none.
static COMPILER: LazyLock<Result<OwnedTargetIsa, String>> = LazyLock::new(|| {
    let mut flags = settings::builder();
    let wanted = [
        ("opt_level", "speed"),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ];
    for (name, value) in wanted {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    let builder = cranelift_native::builder()?;
    builder.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())
});

/// Compiles a script.
///
/// # Errors
/// What the compiler says.
pub(super) fn emit(tree: &Tree) -> Result<Code, String> {
    let isa = COMPILER.as_ref().map_err(String::clone)?;
    let module = JITModule::new(JITBuilder::with_isa(isa.clone(), default_libcall_names()));
    let mut context = Context::new();
    context.func.signature = code::signature(&**isa);
    let mut shared = FunctionBuilderContext::new();
    let builder = FunctionBuilder::new(&mut context.func, &mut shared);
    Emitter::new(builder, isa.frontend_config()).function(tree);
    Code::new(module, &mut context)
}

/// That there is no way on from here.
struct Ended;

/// A value, or nothing.
type Emitted = Result<Option<Value>, Ended>;

/// A scope that can be left.
struct Exit {
    label: Label,
    block: Block,
    is_used: bool,
}

struct Emitter<'a> {
    builder: FunctionBuilder<'a>,
    target: TargetFrontendConfig,
    doc: Value,
    bits: Value,
    fault: Value,
    /// Where the fault is noted.
    fault_block: Block,
    locals: Vec<Variable>,
    exits: Vec<Exit>,
    /// Signatures of functions called, each imported once.
    signatures: Vec<(Signature, SigRef)>,
}

impl<'a> Emitter<'a> {
    fn new(mut builder: FunctionBuilder<'a>, target: TargetFrontendConfig) -> Self {
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        let [doc, bits, fault] = *builder.block_params(entry) else { unreachable!("as the signature says") };
        let fault_block = builder.create_block();
        Self {
            builder,
            target,
            doc,
            bits,
            fault,
            fault_block,
            locals: Vec::new(),
            exits: Vec::new(),
            signatures: Vec::new(),
        }
    }

    fn function(mut self, tree: &Tree) {
        self.locals = tree.locals.iter().map(|&of| self.builder.declare_var(ir_type(of))).collect();
        if let Ok(value) = self.node(&tree.root) {
            match value {
                Some(value) => {
                    self.builder.ins().return_(&[value]);
                }
                // A script always gives a number; if it could not, the interpreter would have to say so.
                None => {
                    self.builder.ins().jump(self.fault_block, &[]);
                }
            }
        }
        self.builder.switch_to_block(self.fault_block);
        self.builder.set_cold_block(self.fault_block);
        let one = self.builder.ins().iconst(types::I8, 1);
        self.builder.ins().store(MemFlagsData::trusted(), one, self.fault, 0);
        let nothing = self.builder.ins().f64const(0.0);
        self.builder.ins().return_(&[nothing]);
        self.builder.seal_all_blocks();
        self.builder.finalize(self.target);
    }

    fn node(&mut self, node: &Node) -> Emitted {
        Ok(Some(match node {
            Node::Nothing => return Ok(None),
            Node::Fault => {
                self.builder.ins().jump(self.fault_block, &[]);
                return Err(Ended);
            }
            Node::Whole(value) => self.builder.ins().iconst(types::I64, *value),
            Node::Real(value) => self.builder.ins().f64const(*value),
            Node::Truth(value) => self.builder.ins().iconst(types::I8, i64::from(*value)),
            Node::Column(column) => self.column(*column),
            Node::Predicate(at) => {
                let bit = self.builder.ins().ushr_imm_u(self.bits, i64::from(*at));
                let bit = self.builder.ins().band_imm_u(bit, 1);
                self.builder.ins().ireduce(types::I8, bit)
            }
            Node::Read(local) => {
                let variable = self.local(*local);
                self.builder.use_var(variable)
            }
            Node::Write(local, value) => {
                let value = self.value(value)?;
                let variable = self.local(*local);
                self.builder.def_var(variable, value);
                return Ok(None);
            }
            Node::Sequence(nodes) => {
                let mut last = None;
                for node in nodes {
                    last = self.node(node)?;
                }
                return Ok(last);
            }
            Node::Choose(parts) => return self.choose(parts),
            Node::Unary(operation, value) => {
                let value = self.value(value)?;
                self.unary(*operation, value)
            }
            Node::Binary(operation, values) => {
                let left = self.value(&values[0])?;
                let right = self.value(&values[1])?;
                self.binary(*operation, left, right)
            }
            Node::Call(native, arguments) => {
                let arguments: Result<Vec<_>, _> = arguments.iter().map(|node| self.value(node)).collect();
                self.call(*native, arguments?)
            }
            Node::Scope(label, body) => return self.scope(*label, body),
            Node::Leave(label, value) => return self.leave(*label, value),
        }))
    }

    /// The value of a node that has one.
    fn value(&mut self, node: &Node) -> Result<Value, Ended> {
        match self.node(node)? {
            Some(value) => Ok(value),
            None => {
                debug_assert!(false, "{node:?} has no value");
                self.builder.ins().jump(self.fault_block, &[]);
                Err(Ended)
            }
        }
    }

    fn local(&self, Local(number): Local) -> Variable {
        self.locals[number as usize]
    }

    fn choose(&mut self, [condition, yes, no]: &[Node; 3]) -> Emitted {
        let condition = self.value(condition)?;
        let (on_yes, on_no) = (self.builder.create_block(), self.builder.create_block());
        let merge = self.builder.create_block();
        self.builder.ins().brif(condition, on_yes, &[], on_no, &[]);
        let mut is_reached = false;
        for (block, node) in [(on_yes, yes), (on_no, no)] {
            self.builder.switch_to_block(block);
            if let Ok(value) = self.node(node) {
                self.join(merge, value);
                is_reached = true;
            }
        }
        self.go_on(merge, is_reached)
    }

    fn scope(&mut self, label: Label, body: &Node) -> Emitted {
        let block = self.builder.create_block();
        self.exits.push(Exit { label, block, is_used: false });
        let body = self.node(body);
        let is_left = self.exits.pop().is_some_and(|exit| exit.is_used);
        if let Ok(value) = body {
            self.join(block, value);
        }
        self.go_on(block, is_left || body.is_ok())
    }

    fn leave(&mut self, label: Label, value: &Node) -> Emitted {
        let value = self.node(value)?;
        let exit = self.exits.iter_mut().find(|exit| exit.label == label);
        let exit = exit.expect("a scope is left from within");
        exit.is_used = true;
        let block = exit.block;
        self.join(block, value);
        Err(Ended)
    }

    /// Goes to a block that takes a value, if there is one; all that go there bring one of one type.
    fn join(&mut self, block: Block, value: Option<Value>) {
        if let Some(value) = value
            && self.builder.block_params(block).is_empty()
        {
            let of = self.builder.func.dfg.value_type(value);
            self.builder.append_block_param(block, of);
        }
        let given: Vec<_> = value.into_iter().map(BlockArg::Value).collect();
        self.builder.ins().jump(block, &given);
    }

    fn go_on(&mut self, block: Block, is_reached: bool) -> Emitted {
        if !is_reached {
            return Err(Ended);
        }
        self.builder.switch_to_block(block);
        Ok(self.builder.block_params(block).first().copied())
    }

    /// Ends the run where the condition holds.
    fn fault_if(&mut self, condition: Value) {
        let on = self.builder.create_block();
        self.builder.ins().brif(condition, self.fault_block, &[], on, &[]);
        self.builder.switch_to_block(on);
    }

    fn call(&mut self, native: Native, mut arguments: Vec<Value>) -> Value {
        let address = native.address();
        let of = ir_type(native.value_type());
        let is_checked = matches!(address, Address::Checked(_));
        if is_checked {
            arguments.push(self.fault);
        }
        let mut signature = Signature::new(self.builder.func.signature.call_conv);
        signature.params = arguments
            .iter()
            .map(|&argument| AbiParam::new(self.builder.func.dfg.value_type(argument)))
            .collect();
        signature.returns = vec![AbiParam::new(of)];
        let signature = match self.signatures.iter().find(|(known, _)| *known == signature) {
            Some((_, imported)) => *imported,
            None => {
                let imported = self.builder.import_signature(signature.clone());
                self.signatures.push((signature, imported));
                imported
            }
        };
        let callee = self.builder.ins().iconst(self.target.pointer_type(), address.number());
        let call = self.builder.ins().call_indirect(signature, callee, &arguments);
        let value = self.builder.inst_results(call)[0];
        if is_checked {
            let fault = self.builder.ins().load(types::I8, MemFlagsData::trusted(), self.fault, 0);
            self.fault_if(fault);
        }
        value
    }
}

const fn ir_type(of: Type) -> IrType {
    match of {
        Type::Whole => types::I64,
        Type::Real => types::F64,
        Type::Truth => types::I8,
    }
}
