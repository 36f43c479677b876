//! What rhai's operators do with values of each type: rhai's `func/builtin.rs`.

use rhai::{Position, Token};

use super::{Kind, Lowered, Lowering, Result, outside};
use crate::script::machine::ir::{Binary, Comparison, Node, Type, Unary};
use crate::script::machine::natives::Native;
use crate::script::machine::predicates::Test;

/// `-a`, `+a` and `!a`.
pub(super) fn unary(operator: &Token, value: Lowered, position: Position) -> Result<Lowered> {
    let Lowered { node, kind } = value;
    Ok(match (operator, kind) {
        (_, Kind::Never) => Lowered { node, kind: Kind::Never },
        (Token::Minus | Token::UnaryMinus, Kind::Value(of @ (Type::Whole | Type::Real))) => {
            Lowered::value(Node::unary(Unary::Negate, node), of)
        }
        (Token::Plus | Token::UnaryPlus, Kind::Value(of @ (Type::Whole | Type::Real))) => {
            Lowered::value(node, of)
        }
        (Token::Bang, Kind::Value(Type::Truth)) => Lowered::value(Node::unary(Unary::Not, node), Type::Truth),
        (operator, kind) => {
            return outside(position, format!("{operator} of {} is not compiled", kind.words()));
        }
    })
}

/// An operator between two values.
pub(super) fn binary(
    lowering: &mut Lowering<'_>,
    operator: &Token,
    left: Lowered,
    right: Lowered,
    position: Position,
) -> Result<Lowered> {
    let never = |nodes| Ok(Lowered { node: Node::Sequence(nodes), kind: Kind::Never });
    match (&left.kind, &right.kind) {
        (Kind::Never, _) => never(vec![left.node]),
        (_, Kind::Never) => never(vec![left.node, right.node]),
        (Kind::Value(one), Kind::Value(other)) => values(operator, (left.node, *one), (right.node, *other))
            .map_or_else(|| refuse(operator, &left.kind, &right.kind, position), Ok),
        (Kind::Text(subject), Kind::Literal(literal)) | (Kind::Literal(literal), Kind::Text(subject)) => {
            let equal = lowering.predicate(*subject, Test::Equals, literal, position)?;
            let node = match operator {
                Token::EqualsTo => equal,
                Token::NotEqualsTo => Node::unary(Unary::Not, equal),
                _ => return refuse(operator, &left.kind, &right.kind, position),
            };
            Ok(Lowered::value(node, Type::Truth).after(vec![left.node, right.node]))
        }
        (one, other) => refuse(operator, one, other, position),
    }
}

fn refuse<T>(operator: &Token, one: &Kind, other: &Kind, position: Position) -> Result<T> {
    outside(position, format!("{operator} between {} and {} is not compiled", one.words(), other.words()))
}

/// Of numbers the whole one becomes real beside a real one.
fn values(operator: &Token, left: (Node, Type), right: (Node, Type)) -> Option<Lowered> {
    let real = |(node, of)| if of == Type::Real { node } else { Node::unary(Unary::ToReal, node) };
    match (left.1, right.1) {
        (Type::Truth, Type::Truth) => truths(operator, left.0, right.0),
        (Type::Truth, _) | (_, Type::Truth) => None,
        (Type::Whole, Type::Whole) => wholes(operator, left.0, right.0),
        _ => reals(operator, real(left), real(right)),
    }
}

fn truths(operator: &Token, left: Node, right: Node) -> Option<Lowered> {
    let operation = bitwise(operator).or_else(|| comparison(operator))?;
    Some(Lowered::value(Node::binary(operation, left, right), Type::Truth))
}

fn wholes(operator: &Token, left: Node, right: Node) -> Option<Lowered> {
    let native = match operator {
        Token::PowerOf => Some(Native::WholePower),
        Token::LeftShift => Some(Native::ShiftLeft),
        Token::RightShift => Some(Native::ShiftRight),
        _ => None,
    };
    if let Some(native) = native {
        return Some(Lowered::value(Node::Call(native, vec![left, right]), Type::Whole));
    }
    Some(match arithmetic(operator).or_else(|| bitwise(operator)) {
        Some(operation) => Lowered::value(Node::binary(operation, left, right), Type::Whole),
        None => Lowered::value(Node::binary(comparison(operator)?, left, right), Type::Truth),
    })
}

fn reals(operator: &Token, left: Node, right: Node) -> Option<Lowered> {
    Some(match operator {
        Token::PowerOf => Lowered::value(Node::Call(Native::Power, vec![left, right]), Type::Real),
        Token::Modulo => Lowered::value(Node::Call(Native::Modulo, vec![left, right]), Type::Real),
        _ => match arithmetic(operator) {
            Some(operation) => Lowered::value(Node::binary(operation, left, right), Type::Real),
            None => Lowered::value(Node::binary(comparison(operator)?, left, right), Type::Truth),
        },
    })
}

fn arithmetic(operator: &Token) -> Option<Binary> {
    Some(match operator {
        Token::Plus => Binary::Add,
        Token::Minus => Binary::Subtract,
        Token::Multiply => Binary::Multiply,
        Token::Divide => Binary::Divide,
        Token::Modulo => Binary::Remainder,
        _ => return None,
    })
}

fn bitwise(operator: &Token) -> Option<Binary> {
    Some(match operator {
        Token::Ampersand => Binary::And,
        Token::Pipe => Binary::Or,
        Token::XOr => Binary::ExclusiveOr,
        _ => return None,
    })
}

fn comparison(operator: &Token) -> Option<Binary> {
    Some(Binary::Compare(match operator {
        Token::EqualsTo => Comparison::Equal,
        Token::NotEqualsTo => Comparison::NotEqual,
        Token::LessThan => Comparison::Less,
        Token::LessThanEqualsTo => Comparison::LessOrEqual,
        Token::GreaterThan => Comparison::Greater,
        Token::GreaterThanEqualsTo => Comparison::GreaterOrEqual,
        _ => return None,
    }))
}
