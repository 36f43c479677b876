//! The numbers a script is given: `param.NAME`, declared in its head and constant in all of it, its functions included.
//!
//! They are put in their places when the script is compiled for them, so neither the interpreter nor machine code looks them up. A `-` in
//! a name is written `_`. Like all numbers a script is given, they are floats.

use std::sync::{Arc, Mutex, PoisonError};

use cnn_core::policy::Settings;
use rhai::{AST, ASTNode, Dynamic, Expr, Map, Position, Stmt};

use super::program::Program;

/// What they are fields of.
pub(super) const OBJECT: &str = "param";

/// Programs for other numbers than the declared ones that are kept: those of the instances of late.
const KEPT_MAX: usize = 8;

/// The numbers as a constant.
pub(super) fn object(settings: &Settings) -> Dynamic {
    let fields = settings.values().map(|(name, value)| (field(name).into(), Dynamic::from_float(value)));
    Dynamic::from_map(fields.collect::<Map>())
}

fn field(name: &str) -> String {
    name.replace('-', "_")
}

/// Looks at a script as it is written for what would not be what it seems.
pub(super) fn check(ast: &AST, settings: &Settings) -> Result<(), (Position, String)> {
    let known: Vec<_> = settings.values().map(|(name, _)| field(name)).collect();
    if let Some(function) = ast.iter_functions().find(|function| function.params.contains(&OBJECT)) {
        return Err((Position::NONE, format!("{OBJECT} cannot be an argument, as of {}", function.name)));
    }
    let mut wrong = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        wrong = path.last().and_then(|node| fault(node, &known));
        wrong.is_none()
    });
    wrong.map_or(Ok(()), Err)
}

fn fault(node: &ASTNode<'_>, known: &[String]) -> Option<(Position, String)> {
    let is_object = |expression: &Expr| matches!(expression, Expr::Variable(it, ..) if it.1 == OBJECT);
    match node {
        ASTNode::Stmt(Stmt::Var(definition, _, position)) if definition.0.name == OBJECT => {
            Some((*position, format!("{OBJECT} cannot be a variable")))
        }
        ASTNode::Expr(Expr::Dot(sides, _, _)) if is_object(&sides.lhs) => match &sides.rhs {
            Expr::Property(names, _) if known.iter().any(|known| names.2 == known.as_str()) => None,
            Expr::Property(names, position) => {
                let known = known.join(", ");
                Some((*position, format!("no parameter {:?}; the script declares {known}", names.2)))
            }
            other => {
                Some((other.position(), format!("expected {OBJECT}.NAME by itself, as in ln({OBJECT}.NAME)")))
            }
        },
        _ => None,
    }
}

/// The programs for numbers that are not the declared ones.
#[derive(Debug, Default)]
pub(super) struct Tuned {
    /// Guards the list; held to look for one or to add one.
    kept: Mutex<Vec<(Settings, Arc<Program>)>>,
}

impl Tuned {
    /// The one for these numbers, made if it is not kept.
    pub(super) fn program<E>(
        &self,
        settings: &Settings,
        make: impl FnOnce() -> Result<Program, E>,
    ) -> Result<Arc<Program>, E> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, program)) = kept().iter().find(|(other, _)| other == settings) {
            return Ok(Arc::clone(program));
        }
        let program = Arc::new(make()?);
        let mut kept = kept();
        if kept.len() == KEPT_MAX {
            kept.remove(0);
        }
        kept.push((settings.clone(), Arc::clone(&program)));
        Ok(program)
    }
}
