//! From rhai's syntax tree to ours: names become variables with a type, calls of the script's own functions are put in
//! place, and what has no counterpart says so, with its place.
//!
//! What is lowered is the very tree that is interpreted, after rhai's optimiser, so that there is one meaning to agree with. A type
//! is known of every value before it runs: where rhai would find it only then (a variable that is whole on one way and
//! real on the other), the script is left to the interpreter. What rhai would certainly refuse when it gets there (a script that
//! ends without a number) becomes [`Node::Fault`], which has the interpreter say it.

mod calls;
mod operators;
mod scope;

use rhai::{AST, ASTFlags, Expr, FlowControl, ImmutableString, OpAssignment, Position, Stmt};

use self::calls::{Call, fit};
use self::scope::{Scope, Variable};
use super::Outside;
use super::ir::{Column, Local, Node, Tree, Type};
use super::predicates::{Predicate, Subject};
use crate::limits::{SCRIPT_COMPILED_DEPTH_MAX, SCRIPT_COMPILED_STEPS_MAX};
use crate::script::program::Entry;

type Result<T> = std::result::Result<T, Outside>;

fn outside<T>(position: Position, why: impl Into<String>) -> Result<T> {
    Err(Outside { why: why.into(), position })
}

/// What a value is, as far as is known before it runs.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// rhai's `()`.
    Nothing,
    /// It does not get there.
    Never,
    /// A number or a truth.
    Value(Type),
    /// `doc`.
    Document,
    /// `clock`.
    Clock,
    /// A field that is a string.
    Text(Subject),
    /// A string in the script.
    Literal(ImmutableString),
}

impl Kind {
    const fn words(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Never => "no way on",
            Self::Value(Type::Whole) => "a whole number",
            Self::Value(Type::Real) => "a real number",
            Self::Value(Type::Truth) => "true or false",
            Self::Document => "a document",
            Self::Clock => "a clock",
            Self::Text(_) | Self::Literal(_) => "a string",
        }
    }
}

/// What will become of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// It is used in the script.
    Value,
    /// It is the script's: a number, in the end a real one.
    Score,
    /// Nothing.
    Discard,
}

/// A node and what it gives.
#[derive(Clone, Debug)]
struct Lowered {
    node: Node,
    kind: Kind,
}

impl Lowered {
    const fn value(node: Node, kind: Type) -> Self {
        Self { node, kind: Kind::Value(kind) }
    }

    const fn bare(kind: Kind) -> Self {
        Self { node: Node::Nothing, kind }
    }

    /// The same after something else.
    fn after(self, mut before: Vec<Node>) -> Self {
        if before.is_empty() {
            return self;
        }
        before.push(self.node);
        Self { node: Node::Sequence(before), kind: self.kind }
    }
}

/// Lowers a script; beside the tree the tests of strings its predicates are.
pub(super) fn lower(ast: &AST, entry: Entry) -> Result<(Tree, Vec<Predicate>)> {
    if let Some(method) = ast.iter_fn_def().find(|function| function.this_type.is_some()) {
        return outside(method.body.start_position(), "a method of a type");
    }
    let mut lowering = Lowering::new(ast);
    let root = match entry {
        Entry::Body => {
            lowering.scope.declare(Variable::bare("doc".into(), Kind::Document));
            lowering.scope.declare(Variable::bare("clock".into(), Kind::Clock));
            lowering.enter(None, Want::Score);
            let body = lowering.block(ast.statements(), Want::Score)?;
            lowering.leave(body, Position::NONE)?
        }
        Entry::OfDocument => lowering.call_entry(vec![Kind::Document])?,
        Entry::OfDocumentAndClock => lowering.call_entry(vec![Kind::Document, Kind::Clock])?,
    };
    Ok((Tree { root: root.node, locals: lowering.locals }, lowering.predicates))
}

/// The work at one moment.
struct Lowering<'a> {
    ast: &'a AST,
    scope: Scope,
    /// The calls that are open: the script's own, or of its functions.
    calls: Vec<Call>,
    labels: u32,
    locals: Vec<Type>,
    predicates: Vec<Predicate>,
    /// Assignments so far, to notice one where the order would matter.
    writes: usize,
    steps: usize,
    depth: usize,
}

impl<'a> Lowering<'a> {
    fn new(ast: &'a AST) -> Self {
        Self {
            ast,
            scope: Scope::default(),
            calls: Vec::new(),
            labels: 0,
            locals: Vec::new(),
            predicates: Vec::new(),
            writes: 0,
            steps: 0,
            depth: 0,
        }
    }

    fn local(&mut self, of: Type) -> Local {
        self.locals.push(of);
        Local(self.locals.len() as u32 - 1)
    }

    /// Counts a statement or an expression, so that neither code nor stack can grow without end.
    fn step<T>(&mut self, position: Position, lower: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.steps += 1;
        if self.steps > SCRIPT_COMPILED_STEPS_MAX {
            return outside(position, "more steps than are compiled, with functions put in place");
        }
        if self.depth == SCRIPT_COMPILED_DEPTH_MAX {
            return outside(position, "deeper nesting than is compiled, with functions put in place");
        }
        self.depth += 1;
        let lowered = lower(self);
        self.depth -= 1;
        lowered
    }

    /// The statements of a block, whose variables end with it.
    fn block(&mut self, statements: &[Stmt], want: Want) -> Result<Lowered> {
        let outer = self.scope.len();
        let lowered = self.statements(statements, want);
        self.scope.truncate(outer);
        lowered
    }

    fn statements(&mut self, statements: &[Stmt], want: Want) -> Result<Lowered> {
        let Some((last, before)) = statements.split_last() else {
            return Ok(fit(Lowered::bare(Kind::Nothing), want));
        };
        let mut nodes = Vec::new();
        for statement in before {
            let lowered = self.statement(statement, Want::Discard)?;
            nodes.push(lowered.node);
            if lowered.kind == Kind::Never {
                return Ok(Lowered { node: Node::Sequence(nodes), kind: Kind::Never });
            }
        }
        Ok(self.statement(last, want)?.after(nodes))
    }

    fn statement(&mut self, statement: &Stmt, want: Want) -> Result<Lowered> {
        let position = statement.position();
        let lowered = self.step(position, |it| match statement {
            Stmt::Noop(_) => Ok(Lowered::bare(Kind::Nothing)),
            Stmt::Expr(expression) => it.expression(expression, want),
            Stmt::FnCall(call, _) => it.call(call, want, position),
            Stmt::Block(block) => it.block(block.statements(), want),
            Stmt::If(flow, _) => it.choice(flow, want, position),
            Stmt::Var(definition, flags, _) => {
                let (name, value, _) = &**definition;
                let value = it.expression(value, Want::Value)?;
                it.define(name.name.clone(), value, flags.contains(ASTFlags::CONSTANT), position)
            }
            Stmt::Assignment(assignment) => {
                let (operation, sides) = &**assignment;
                it.assign(operation, &sides.lhs, &sides.rhs, position)
            }
            // `throw`
            Stmt::Return(_, flags, _) if flags.contains(ASTFlags::BREAK) => {
                Ok(Lowered { node: Node::Fault, kind: Kind::Never })
            }
            Stmt::Return(value, _, _) => it.give_back(value.as_deref(), position),
            other => outside(position, format!("{} is not compiled", construct(other))),
        })?;
        Ok(fit(lowered, want))
    }

    fn expression(&mut self, expression: &Expr, want: Want) -> Result<Lowered> {
        let position = expression.start_position();
        let lowered = self.step(position, |it| match expression {
            // Their value is where they end, which may be several places.
            Expr::Stmt(block) => it.block(block.statements(), want),
            Expr::FnCall(call, _) => it.call(call, want, expression.position()),
            _ => it.plain(expression, position),
        })?;
        Ok(fit(lowered, want))
    }

    fn plain(&mut self, expression: &Expr, position: Position) -> Result<Lowered> {
        Ok(match expression {
            Expr::BoolConstant(value, _) => Lowered::value(Node::Truth(*value), Type::Truth),
            Expr::IntegerConstant(value, _) => Lowered::value(Node::Whole(*value), Type::Whole),
            Expr::FloatConstant(value, _) => Lowered::value(Node::Real(**value), Type::Real),
            Expr::StringConstant(value, _) => Lowered::bare(Kind::Literal(value.clone())),
            Expr::Unit(_) => Lowered::bare(Kind::Nothing),
            Expr::Variable(variable, ..) => self.variable(&variable.1, position)?,
            Expr::Dot(sides, flags, _) if !flags.contains(ASTFlags::NEGATED) => {
                let from = self.expression(&sides.lhs, Want::Value)?;
                self.chain(from, &sides.rhs, position)?
            }
            Expr::And(operands, _) => self.short_circuit(operands, true)?,
            Expr::Or(operands, _) => self.short_circuit(operands, false)?,
            other => return outside(position, format!("{} is not compiled", expression_construct(other))),
        })
    }

    fn variable(&self, name: &str, position: Position) -> Result<Lowered> {
        let Some(variable) = self.scope.find(name) else {
            return outside(position, format!("{name:?} is no variable of this function"));
        };
        Ok(match variable.local {
            Some(local) => Lowered { node: Node::Read(local), kind: variable.kind.clone() },
            None => Lowered::bare(variable.kind.clone()),
        })
    }

    /// What stands after a dot, and after the next.
    fn chain(&mut self, from: Lowered, rest: &Expr, position: Position) -> Result<Lowered> {
        match rest {
            Expr::Property(names, position) => field(from, &names.2, *position),
            Expr::MethodCall(call, position) => self.method(from, call, *position),
            Expr::Dot(sides, flags, _) if !flags.contains(ASTFlags::NEGATED) => {
                let next = self.chain(from, &sides.lhs, position)?;
                self.chain(next, &sides.rhs, position)
            }
            other => {
                outside(position, format!("{} after a dot is not compiled", expression_construct(other)))
            }
        }
    }

    fn choice(&mut self, flow: &FlowControl, want: Want, position: Position) -> Result<Lowered> {
        let condition = self.truth(&flow.expr)?;
        let (yes, no) = (flow.body.statements(), flow.branch.statements());
        match condition {
            // The other way is never gone, whatever stands there.
            Node::Truth(holds) => self.block(if holds { yes } else { no }, want),
            condition => self.ways(condition, |it| it.block(yes, want), |it| it.block(no, want), position),
        }
    }

    /// Two ways, of which one is gone; both give the same kind of value and leave the same kinds of variables.
    fn ways(
        &mut self,
        condition: Node,
        yes: impl FnOnce(&mut Self) -> Result<Lowered>,
        no: impl FnOnce(&mut Self) -> Result<Lowered>,
        position: Position,
    ) -> Result<Lowered> {
        let before = self.scope.clone();
        let yes = yes(self)?;
        let after_yes = std::mem::replace(&mut self.scope, before);
        let no = no(self)?;
        if no.kind == Kind::Never {
            self.scope = after_yes;
        } else if yes.kind != Kind::Never
            && let Some(name) = self.scope.difference(&after_yes)
        {
            return outside(
                position,
                format!("{name:?} is one kind of value on one way and another on the other"),
            );
        }
        let kind = match (yes.kind, no.kind) {
            (Kind::Never, kind) | (kind, Kind::Never) => kind,
            (one, other) if one == other => one,
            (one, other) => {
                let why = format!("it gives {} on one way and {} on the other", one.words(), other.words());
                return outside(position, why);
            }
        };
        Ok(Lowered { node: Node::choose(condition, yes.node, no.node), kind })
    }

    /// `&&`, where `goes_on` is what a next operand needs, and `||`.
    fn short_circuit(&mut self, operands: &[Expr], goes_on: bool) -> Result<Lowered> {
        let Some((first, rest)) = operands.split_first() else {
            return Ok(Lowered::value(Node::Truth(goes_on), Type::Truth));
        };
        let condition = self.truth(first)?;
        if rest.is_empty() {
            return Ok(Lowered::value(condition, Type::Truth));
        }
        let further = |it: &mut Self| it.short_circuit(rest, goes_on);
        let settled = |_: &mut Self| Ok(Lowered::value(Node::Truth(!goes_on), Type::Truth));
        let position = first.start_position();
        if goes_on {
            self.ways(condition, further, settled, position)
        } else {
            self.ways(condition, settled, further, position)
        }
    }

    fn truth(&mut self, expression: &Expr) -> Result<Node> {
        let Lowered { node, kind } = self.expression(expression, Want::Value)?;
        match kind {
            Kind::Value(Type::Truth) | Kind::Never => Ok(node),
            other => outside(
                expression.start_position(),
                format!("{} where true or false is expected", other.words()),
            ),
        }
    }

    fn define(
        &mut self,
        name: ImmutableString,
        value: Lowered,
        is_constant: bool,
        position: Position,
    ) -> Result<Lowered> {
        if self.scope.is_full() {
            return outside(position, "more variables than are compiled");
        }
        let Lowered { node, kind } = value;
        match kind {
            Kind::Never => Ok(Lowered { node, kind: Kind::Never }),
            Kind::Nothing => outside(position, "a variable without a value is not compiled"),
            Kind::Value(of) => {
                let local = self.local(of);
                self.scope.declare(Variable { name, kind, local: Some(local), is_constant });
                Ok(Lowered { node: Node::Write(local, Box::new(node)), kind: Kind::Nothing })
            }
            kind => {
                self.scope.declare(Variable { is_constant, ..Variable::bare(name, kind) });
                Ok(Lowered { node, kind: Kind::Nothing })
            }
        }
    }

    fn assign(
        &mut self,
        operation: &OpAssignment,
        to: &Expr,
        value: &Expr,
        position: Position,
    ) -> Result<Lowered> {
        let Expr::Variable(variable, ..) = to else {
            return outside(position, "an assignment to anything but a variable is not compiled");
        };
        let name = &variable.1;
        let writes = self.writes;
        let value = self.expression(value, Want::Value)?;
        let Some(variable) = self.scope.find(name).cloned() else {
            return outside(position, format!("{name:?} is no variable of this function"));
        };
        if variable.is_constant {
            return outside(position, format!("{name:?} is a constant"));
        }
        let value = match operation.get_op_assignment_info() {
            None => value,
            // The variable is read after the value is known, and here before.
            Some(_) if writes != self.writes => {
                return outside(position, "an assignment within an expression");
            }
            Some((.., operator, _)) => {
                let now = self.variable(name, position)?;
                operators::binary(self, operator, now, value, position)?
            }
        };
        self.writes += 1;
        self.write(name, &variable, value, position)
    }

    /// A variable may become one of another type.
    fn write(
        &mut self,
        name: &ImmutableString,
        to: &Variable,
        value: Lowered,
        position: Position,
    ) -> Result<Lowered> {
        let Lowered { node, kind } = value;
        let local = match (&kind, to.local) {
            (Kind::Never, _) => return Ok(Lowered { node, kind }),
            (Kind::Nothing, _) => return outside(position, "a variable without a value is not compiled"),
            (Kind::Value(_), Some(local)) if kind == to.kind => Some(local),
            (Kind::Value(of), _) => Some(self.local(*of)),
            _ => None,
        };
        self.scope.replace(Variable { name: name.clone(), kind, local, is_constant: false });
        let node = match local {
            Some(local) => Node::Write(local, Box::new(node)),
            None => node,
        };
        Ok(Lowered { node, kind: Kind::Nothing })
    }
}

/// A field of `doc` or `clock`.
fn field(from: Lowered, name: &str, position: Position) -> Result<Lowered> {
    let column = match (&from.kind, name) {
        (Kind::Never, _) => return Ok(from),
        (Kind::Document, "mime") => return Ok(Lowered { kind: Kind::Text(Subject::Mime), ..from }),
        (Kind::Document, "size") => Column::Size,
        (Kind::Document, "uses") => Column::Uses,
        (Kind::Document, "fetch_ms") => Column::FetchMs,
        (Kind::Document, "ttfb_ms") => Column::TtfbMs,
        (Kind::Document, "origin") => Column::Origin,
        (Kind::Document, "path_class") => Column::PathClass,
        (Kind::Document, "status") => Column::Status,
        (Kind::Document, "hash") => Column::Hash,
        (Kind::Document, "age") => Column::Age,
        (Kind::Document, "idle") => Column::Idle,
        (Kind::Document, "ttl") => Column::Ttl,
        (Kind::Clock, "now") => Column::Now,
        (Kind::Clock, "aging") => Column::Aging,
        (other, name) => return outside(position, format!("{name:?} of {} is not compiled", other.words())),
    };
    Ok(Lowered::value(Node::Column(column), Type::Real).after(match from.node {
        Node::Nothing => Vec::new(),
        node => vec![node],
    }))
}

fn construct(statement: &Stmt) -> &'static str {
    match statement {
        Stmt::Switch(..) => "switch",
        Stmt::While(..) | Stmt::Do(..) | Stmt::For(..) | Stmt::BreakLoop(..) => "a loop",
        Stmt::TryCatch(..) => "try",
        Stmt::Share(..) => "a closure",
        _ => "a statement of this kind",
    }
}

fn expression_construct(expression: &Expr) -> &'static str {
    match expression {
        Expr::DynamicConstant(..) => "a constant that is no number, truth or string",
        Expr::CharConstant(..) => "a character",
        Expr::InterpolatedString(..) => "a string with values in it",
        Expr::Array(..) => "an array",
        Expr::Map(..) => "an object map",
        Expr::ThisPtr(..) => "this",
        Expr::Index(..) => "an index",
        Expr::Coalesce(..) => "??",
        Expr::Dot(..) => "?.",
        _ => "an expression of this kind",
    }
}
