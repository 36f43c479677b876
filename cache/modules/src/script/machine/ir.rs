//! What a script is between its text and machine code: a tree whose every value has a type, without names, strings, calls of
//! the script's own functions or loops.
//!
//! A node is evaluated from left to right. [`Node::Fault`] and [`Node::Leave`] do not come back: what stands after them is
//! never reached.

/// A type of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// rhai's `INT`: 64 bits, an overflow is a fault.
    Whole,
    /// rhai's `FLOAT`: 64 bits.
    Real,
    /// rhai's `bool`.
    Truth,
}

/// The number of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Local(pub(super) u32);

/// The number of something that can be left before its end: the script, a call of one of its functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(pub(super) u32);

/// A field of `doc` or `clock` that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Size,
    Uses,
    FetchMs,
    TtfbMs,
    Origin,
    PathClass,
    Status,
    Hash,
    Age,
    Idle,
    Ttl,
    Now,
    Aging,
}

/// What is done with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    /// A whole number as a real one.
    ToReal,
    /// The part before the point; a fault where it is out of range.
    ToWhole,
    /// Whole (a fault for the lowest number) or real.
    Negate,
    /// Whole (a fault for the lowest number) or real.
    Absolute,
    /// -1, 0 or 1; a fault where it is not a number.
    Sign,
    /// Of a truth.
    Not,
    /// Of a real number.
    SquareRoot,
    /// Not a number.
    IsNan,
    /// Neither infinite nor not a number.
    IsFinite,
    /// Infinite.
    IsInfinite,
}

/// What is done with two values of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    /// Of whole numbers towards zero, a fault by zero.
    Divide,
    /// Of whole numbers; a fault by zero.
    Remainder,
    And,
    Or,
    ExclusiveOr,
    /// Of real numbers, as rhai compares them: equal is what differs by less than the last digit.
    Compare(Comparison),
    Minimum,
    Maximum,
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A step of the computation.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// No value: an empty block, a document that is only named.
    Nothing,
    /// Ends the run; the interpreter is to say what was wrong.
    Fault,
    /// A constant.
    Whole(i64),
    /// A constant.
    Real(f64),
    /// A constant.
    Truth(bool),
    /// A real number.
    Column(Column),
    /// Whether this test of a string holds.
    Predicate(u8),
    /// The value of a variable.
    Read(Local),
    /// Gives a variable a value; has none itself.
    Write(Local, Box<Node>),
    /// One after the other; the value is that of the last.
    Sequence(Vec<Node>),
    /// Condition, what is done if it holds, what is done if not.
    Choose(Box<[Node; 3]>),
    /// One value.
    Unary(Unary, Box<Node>),
    /// Two values of one type.
    Binary(Binary, Box<[Node; 2]>),
    /// A function of [`super::natives`].
    Call(super::natives::Native, Vec<Node>),
    /// Has the value of its body, or the one it is left with.
    Scope(Label, Box<Node>),
    /// Leaves the scope with a value, if it has any.
    Leave(Label, Box<Node>),
}

impl Node {
    pub(super) fn unary(operation: Unary, value: Self) -> Self {
        Self::Unary(operation, Box::new(value))
    }

    pub(super) fn binary(operation: Binary, left: Self, right: Self) -> Self {
        Self::Binary(operation, Box::new([left, right]))
    }

    pub(super) fn choose(condition: Self, yes: Self, no: Self) -> Self {
        Self::Choose(Box::new([condition, yes, no]))
    }
}

/// A script as a tree.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// Gives a real number, or is left with one.
    pub(super) root: Node,
    /// The type of each variable.
    pub(super) locals: Vec<Type>,
}
