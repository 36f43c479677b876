//! A function of a live script as a scoring policy: the function and the functions it calls, and nothing else of the
//! script, compiled already. It is tried as any script is before it may decide.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, Module, Position, ScriptFuncDef, Shared, Stmt};

use super::Program;
use crate::script::error::Source;
use crate::script::{Script, ScriptError};

/// What the scoring engine calls.
const ENTRY: &str = "score";

impl Program {
    /// The policy that the function of this name is.
    pub(super) fn policy(&self, name: &str) -> Result<Script, ScriptError> {
        let source = Source { path: &self.path, text: &self.text };
        let refused = |message: String| Err(source.error(Position::NONE, message));
        let Some(entry) = self.function(name) else {
            return refused(format!("there is no function {name:?} here"));
        };
        if !matches!(entry.params.len(), 1 | 2) {
            let count = entry.params.len();
            return refused(format!("{name} takes {count} values; a policy takes doc, or doc and clock"));
        }
        if self.text.lines().any(|line| line.trim_start().starts_with("//! parameter")) {
            return refused("a function of a script takes no parameters of its own".to_owned());
        }
        let mut reached = BTreeSet::from([name.to_owned()]);
        let mut open = vec![name.to_owned()];
        while let Some(one) = open.pop() {
            open.extend(self.called_by(&one).into_iter().filter(|other| reached.insert(other.clone())));
        }
        if name != ENTRY && reached.contains(ENTRY) && self.function(ENTRY).is_some() {
            return refused(format!("{name} calls a function called {ENTRY}; give that another name"));
        }
        let mut functions = self.functions(|other| reached.contains(other));
        functions.set_script_fn(ScriptFuncDef { name: ENTRY.into(), ..ScriptFuncDef::clone(entry) });
        Script::policy(AST::new([], functions), &policy_name(name), &source)
    }

    /// Whatever a function may call: the names of its calls, and of variables, which may hold functions.
    fn called_by(&self, function: &str) -> Vec<String> {
        let mut names = Vec::new();
        AST::new([], self.functions(|name| name == function)).walk(&mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(
                    ASTNode::Expr(Expr::FnCall(call, ..) | Expr::MethodCall(call, ..))
                    | ASTNode::Stmt(Stmt::FnCall(call, ..)),
                ) => names.push(call.name.to_string()),
                Some(ASTNode::Expr(Expr::Variable(variable, ..))) => names.push(variable.1.to_string()),
                _ => {}
            }
            true
        });
        names
    }

    /// Some of the functions.
    fn functions(&self, is_wanted: impl Fn(&str) -> bool) -> Module {
        let mut functions = Module::new();
        for def in self.ast.iter_fn_def().filter(|def| is_wanted(&def.name)) {
            functions.set_script_fn(Shared::clone(def));
        }
        functions
    }

    fn function(&self, name: &str) -> Option<&Shared<ScriptFuncDef>> {
        self.ast.iter_fn_def().find(|def| *def.name == *name)
    }
}

/// The name operators see: `filter-policy` of `filter_policy`. What has no name of its own is called by what it is.
fn policy_name(function: &str) -> String {
    let name = function.to_ascii_lowercase().replace('_', "-");
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.contains('$') {
        name
    } else {
        "script".to_owned()
    }
}
