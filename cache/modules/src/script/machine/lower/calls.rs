//! Calls: of rhai's operators and functions, of the costs of the paper, and of the script's own functions, which are put
//! in the place of the call.

use rhai::{ASTNode, Expr, FnCallExpr, ImmutableString, OP_CONTAINS, Position, Stmt};

use super::scope::{Scope, Variable};
use super::{Kind, Lowered, Lowering, Result, Want, operators, outside};
use crate::limits::{SCRIPT_COMPILED_CALLS_MAX, SCRIPT_PREDICATES_MAX};
use crate::script::machine::ir::{Binary, Column, Comparison, Label, Node, Type, Unary};
use crate::script::machine::natives::Native;
use crate::script::machine::predicates::{Predicate, Subject, Test};

/// A call that is open.
pub(super) struct Call {
    label: Label,
    want: Want,
    /// Which function it is of; none for the script itself.
    function: Option<(ImmutableString, usize)>,
    /// What it gave back where it was left before its end.
    given: Option<Kind>,
}

/// A function of the script.
struct Function {
    parameters: Vec<ImmutableString>,
    body: Vec<Stmt>,
}

impl Lowering<'_> {
    pub(super) fn enter(&mut self, function: Option<(ImmutableString, usize)>, want: Want) -> Label {
        self.labels += 1;
        let label = Label(self.labels);
        self.calls.push(Call { label, want, function, given: None });
        label
    }

    /// The end of a call: what its body gives, or what it was left with, which is of one kind.
    pub(super) fn leave(&mut self, body: Lowered, position: Position) -> Result<Lowered> {
        let Some(Call { label, given: Some(given), .. }) = self.calls.pop() else { return Ok(body) };
        let kind = match body.kind {
            Kind::Never => given,
            kind if kind == given => kind,
            kind => {
                let why = format!("{} is given back and {} at the end", given.words(), kind.words());
                return outside(position, why);
            }
        };
        Ok(Lowered { node: Node::Scope(label, Box::new(body.node)), kind })
    }

    /// `return`
    pub(super) fn give_back(&mut self, value: Option<&Expr>, position: Position) -> Result<Lowered> {
        let Some(want) = self.calls.last().map(|call| call.want) else {
            return outside(position, "a return from nothing");
        };
        let value = match value {
            Some(value) => self.expression(value, want)?,
            None => fit(Lowered::bare(Kind::Nothing), want),
        };
        let Some(call) = self.calls.last_mut().filter(|_| value.kind != Kind::Never) else {
            return Ok(value);
        };
        match &call.given {
            Some(given) if *given != value.kind => {
                let why =
                    format!("{} is given back here and {} elsewhere", value.kind.words(), given.words());
                return outside(position, why);
            }
            _ => call.given = Some(value.kind),
        }
        Ok(Lowered { node: Node::Leave(call.label, Box::new(value.node)), kind: Kind::Never })
    }

    /// The function `score`, with what it is of.
    pub(super) fn call_entry(&mut self, arguments: Vec<Kind>) -> Result<Lowered> {
        let arguments = arguments.into_iter().map(Lowered::bare).collect();
        self.call_own(&"score".into(), arguments, Want::Score, Position::NONE)
    }

    pub(super) fn call(&mut self, call: &FnCallExpr, want: Want, position: Position) -> Result<Lowered> {
        if call.capture_parent_scope {
            return outside(position, "a call that sees the caller's variables is not compiled");
        }
        // `in` is a call of a function.
        let operator = call.op_token.as_ref().filter(|_| call.name != OP_CONTAINS);
        match (operator, &call.args[..]) {
            (Some(operator), [value]) => {
                let value = self.expression(value, Want::Value)?;
                operators::unary(operator, value, position)
            }
            (Some(operator), [left, right]) => {
                let left = self.expression(left, Want::Value)?;
                let right = self.expression(right, Want::Value)?;
                operators::binary(self, operator, left, right, position)
            }
            (Some(operator), _) => outside(position, format!("{operator} of so many is not compiled")),
            (None, arguments) => {
                let arguments = self.arguments(Vec::new(), arguments, position)?;
                if self.has_own(&call.name, arguments.len()) {
                    self.call_own(&call.name, arguments, want, position)
                } else {
                    self.call_native(&call.name, arguments, position)
                }
            }
        }
    }

    /// rhai reads a variable that is the first argument when the others are known, so nothing may be assigned in them.
    fn arguments(
        &mut self,
        mut first: Vec<Lowered>,
        rest: &[Expr],
        position: Position,
    ) -> Result<Vec<Lowered>> {
        let writes = self.writes;
        for argument in rest {
            first.push(self.expression(argument, Want::Value)?);
        }
        if writes != self.writes {
            return outside(position, "an assignment within an argument is not compiled");
        }
        Ok(first)
    }

    /// `value.name(..)`, which is `name(value, ..)` where the script has no function of this name.
    pub(super) fn method(
        &mut self,
        value: Lowered,
        call: &FnCallExpr,
        position: Position,
    ) -> Result<Lowered> {
        if self.ast.iter_functions().any(|function| call.name == function.name) {
            return outside(position, "the script's own function as a method is not compiled");
        }
        let arguments = self.arguments(vec![value], &call.args, position)?;
        self.call_native(&call.name, arguments, position)
    }

    fn has_own(&self, name: &str, arguments: usize) -> bool {
        self.ast.iter_functions().any(|it| it.name == name && it.params.len() == arguments)
    }

    fn own(&self, name: &str, arguments: usize) -> Option<Function> {
        let is_it = |other: &str, count| other == name && count == arguments;
        let definition = self.ast.iter_fn_def().find(|it| is_it(&it.name, it.params.len()))?;
        // A body can be had only by walking a tree that has nothing else.
        let mut alone = self.ast.clone_functions_only();
        alone.retain_functions(|_, _, other, count| is_it(other, count));
        let mut body = Vec::new();
        alone.walk(&mut |path: &[ASTNode<'_>]| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            true
        });
        Some(Function { parameters: definition.params.iter().cloned().collect(), body })
    }

    fn call_own(
        &mut self,
        name: &ImmutableString,
        arguments: Vec<Lowered>,
        want: Want,
        position: Position,
    ) -> Result<Lowered> {
        let key = (name.clone(), arguments.len());
        if self.calls.iter().any(|call| call.function.as_ref() == Some(&key)) {
            return outside(position, format!("{name} calls itself, which is not compiled"));
        }
        if self.calls.len() == SCRIPT_COMPILED_CALLS_MAX {
            return outside(position, "more calls within each other than are compiled");
        }
        let Some(function) = self.own(name, arguments.len()) else {
            return outside(position, format!("there is no function {name}"));
        };
        // A function sees its parameters and nothing else.
        let (mut inner, mut nodes) = (Scope::default(), Vec::new());
        for (name, Lowered { node, kind }) in function.parameters.iter().zip(arguments) {
            let local = match kind {
                Kind::Never => {
                    nodes.push(node);
                    return Ok(Lowered { node: Node::Sequence(nodes), kind: Kind::Never });
                }
                Kind::Nothing => return outside(position, "nothing as an argument is not compiled"),
                Kind::Value(of) => Some(self.local(of)),
                _ => None,
            };
            nodes.push(match local {
                Some(local) => Node::Write(local, Box::new(node)),
                None => node,
            });
            inner.declare(Variable { local, ..Variable::bare(name.clone(), kind) });
        }
        let outer = std::mem::replace(&mut self.scope, inner);
        self.enter(Some(key), want);
        let body = self.block(&function.body, want)?;
        self.scope = outer;
        Ok(self.leave(body, position)?.after(nodes))
    }

    /// A function of rhai, or one that is registered beside them.
    fn call_native(
        &mut self,
        name: &str,
        mut arguments: Vec<Lowered>,
        position: Position,
    ) -> Result<Lowered> {
        if let Some(at) = arguments.iter().position(|argument| argument.kind == Kind::Never) {
            let nodes = arguments.drain(..=at).map(|argument| argument.node).collect();
            return Ok(Lowered { node: Node::Sequence(nodes), kind: Kind::Never });
        }
        let kinds: Vec<_> = arguments.iter().map(|argument| argument.kind.clone()).collect();
        let nodes: Vec<_> = arguments.into_iter().map(|argument| argument.node).collect();
        let lowered = match &kinds[..] {
            [Kind::Text(subject), Kind::Literal(literal)] => {
                let test = match name {
                    "starts_with" => Some(Test::StartsWith),
                    "ends_with" => Some(Test::EndsWith),
                    "contains" => Some(Test::Contains),
                    _ => None,
                };
                let node = test.map(|test| self.predicate(*subject, test, literal, position)).transpose()?;
                node.map(|node| Lowered::value(node, Type::Truth).after(nodes))
            }
            [Kind::Document] => cost(name).map(|cost| cost.after(nodes)),
            kinds => {
                let of_value = |kind: &Kind| if let Kind::Value(of) = kind { Some(*of) } else { None };
                let types: Option<Vec<_>> = kinds.iter().map(of_value).collect();
                types.and_then(|types| native(name, &types, nodes))
            }
        };
        let given = || kinds.iter().map(Kind::words).collect::<Vec<_>>().join(" and ");
        lowered.map_or_else(|| outside(position, format!("{name} of {} is not compiled", given())), Ok)
    }

    /// Whether a test of a string holds, as a bit.
    pub(super) fn predicate(
        &mut self,
        subject: Subject,
        test: Test,
        literal: &ImmutableString,
        position: Position,
    ) -> Result<Node> {
        let predicate = Predicate { subject, test, literal: literal.as_str().into() };
        let at = self.predicates.iter().position(|other| *other == predicate).unwrap_or_else(|| {
            self.predicates.push(predicate);
            self.predicates.len() - 1
        });
        match u8::try_from(at) {
            Ok(at) if usize::from(at) < SCRIPT_PREDICATES_MAX => Ok(Node::Predicate(at)),
            _ => outside(position, "more tests of strings than are compiled"),
        }
    }
}

/// What is made of a value where it stands.
pub(super) fn fit(lowered: Lowered, want: Want) -> Lowered {
    let Lowered { node, kind } = lowered;
    match (want, kind) {
        (Want::Discard, Kind::Value(_)) => {
            Lowered { node: Node::Sequence(vec![node, Node::Nothing]), kind: Kind::Nothing }
        }
        (Want::Discard, kind) if kind != Kind::Never => Lowered { node, kind: Kind::Nothing },
        (Want::Score, Kind::Value(Type::Whole)) => {
            Lowered::value(Node::unary(Unary::ToReal, node), Type::Real)
        }
        (Want::Score, kind) if !matches!(kind, Kind::Value(Type::Real) | Kind::Never) => {
            // It gives no number, and is to say so.
            Lowered { node: Node::Sequence(vec![node, Node::Fault]), kind: Kind::Never }
        }
        (_, kind) => Lowered { node, kind },
    }
}

/// The costs of the paper; `script/document.rs` has the same for the interpreter.
fn cost(name: &str) -> Option<Lowered> {
    let column = Node::Column;
    let aged = |worth| Node::binary(Binary::Add, column(Column::Aging), worth);
    let per_byte = |worth| Node::binary(Binary::Divide, worth, column(Column::Size));
    let node = match name {
        "size_cost" => Node::unary(Unary::Negate, column(Column::Size)),
        "gds_cost" => aged(per_byte(Node::Real(1.0))),
        "gdsf_cost" => aged(per_byte(column(Column::Uses))),
        "lfu_da_cost" => aged(column(Column::Uses)),
        _ => return None,
    };
    Some(Lowered::value(node, Type::Real))
}

/// Functions of numbers: rhai's `packages/arithmetic.rs`, `logic.rs` and `math_basic.rs`. Those that rhai does not have for a
/// type (a root of a whole number) are not here either.
fn native(name: &str, types: &[Type], mut nodes: Vec<Node>) -> Option<Lowered> {
    use Type::{Real, Truth, Whole};
    let value = |node, of| Some(Lowered::value(node, of));
    match (name, types) {
        ("PI", []) => return value(Node::Real(std::f64::consts::PI), Real),
        ("E", []) => return value(Node::Real(std::f64::consts::E), Real),
        ("min" | "max", &[one, other]) if one != Truth && other != Truth => {
            let of = if one == other { one } else { Real };
            let convert = |node, from| if from == of { node } else { Node::unary(Unary::ToReal, node) };
            let operation = if name == "min" { Binary::Minimum } else { Binary::Maximum };
            let right = convert(nodes.pop()?, other);
            let left = convert(nodes.pop()?, one);
            return value(Node::binary(operation, left, right), of);
        }
        (_, [Real, Real]) => {
            let native = match name {
                "log" => Native::Log,
                "atan" => Native::Atan2,
                "hypot" => Native::Hypotenuse,
                _ => return None,
            };
            return value(Node::Call(native, nodes), Real);
        }
        _ => {}
    }
    let &[of] = types else { return None };
    let node = nodes.pop()?;
    let unary = |operation, node, of| value(Node::unary(operation, node), of);
    let equal = |node, other| Node::binary(Binary::Compare(Comparison::Equal), node, other);
    let odd = |node| Node::binary(Binary::Remainder, node, Node::Whole(2));
    match (name, of) {
        ("abs", Whole | Real) => unary(Unary::Absolute, node, of),
        ("sign", Whole | Real) => unary(Unary::Sign, node, Whole),
        ("to_int", Whole) | ("to_float", Real) => value(node, of),
        ("to_int", Real) => unary(Unary::ToWhole, node, Whole),
        ("to_float", Whole) => unary(Unary::ToReal, node, Real),
        ("is_zero", Whole) => value(equal(node, Node::Whole(0)), Truth),
        ("is_even", Whole) => value(equal(odd(node), Node::Whole(0)), Truth),
        ("is_odd", Whole) => unary(Unary::Not, equal(odd(node), Node::Whole(0)), Truth),
        (_, Whole | Truth) => None,
        ("sqrt", Real) => unary(Unary::SquareRoot, node, Real),
        ("is_nan", Real) => unary(Unary::IsNan, node, Truth),
        ("is_finite", Real) => unary(Unary::IsFinite, node, Truth),
        ("is_infinite", Real) => unary(Unary::IsInfinite, node, Truth),
        (name, Real) => value(Node::Call(real_function(name)?, vec![node]), Real),
    }
}

fn real_function(name: &str) -> Option<Native> {
    Some(match name {
        "exp" => Native::Exp,
        "ln" => Native::Ln,
        "log" => Native::Log10,
        "floor" => Native::Floor,
        "ceiling" => Native::Ceiling,
        "round" => Native::Round,
        "int" => Native::Truncate,
        "fraction" => Native::Fraction,
        "sin" => Native::Sin,
        "cos" => Native::Cos,
        "tan" => Native::Tan,
        "asin" => Native::Asin,
        "acos" => Native::Acos,
        "atan" => Native::Atan,
        "sinh" => Native::Sinh,
        "cosh" => Native::Cosh,
        "tanh" => Native::Tanh,
        "asinh" => Native::Asinh,
        "acosh" => Native::Acosh,
        "atanh" => Native::Atanh,
        _ => return None,
    })
}
