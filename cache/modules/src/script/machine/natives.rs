//! The functions that compiled scripts call: where the processor has no instruction for what rhai does, the very function of the
//! standard library that rhai calls, so that every bit is the same.

use super::ir::Type;

/// A function by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Native {
    Exp,
    Ln,
    Log,
    Log10,
    Power,
    Modulo,
    Floor,
    Ceiling,
    Round,
    Truncate,
    Fraction,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Atan2,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    Hypotenuse,
    ShiftLeft,
    ShiftRight,
    /// Of whole numbers; sets the fault where the result is none.
    WholePower,
}

/// How a function is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Address {
    /// A real number of a real number.
    Real(extern "C" fn(f64) -> f64),
    /// A real number of two.
    Reals(extern "C" fn(f64, f64) -> f64),
    /// A whole number of two.
    Wholes(extern "C" fn(i64, i64) -> i64),
    /// A whole number of two, or a fault.
    Checked(extern "C" fn(i64, i64, &mut u8) -> i64),
}

impl Native {
    /// Type of the values it takes and gives.
    pub(super) const fn value_type(self) -> Type {
        match self {
            Self::ShiftLeft | Self::ShiftRight | Self::WholePower => Type::Whole,
            _ => Type::Real,
        }
    }

    /// Where it is.
    pub(super) fn address(self) -> Address {
        use Address::{Checked, Real, Reals, Wholes};
        match self {
            Self::Exp => Real(exp),
            Self::Ln => Real(ln),
            Self::Log => Reals(log),
            Self::Log10 => Real(log10),
            Self::Power => Reals(power),
            Self::Modulo => Reals(modulo),
            Self::Floor => Real(floor),
            Self::Ceiling => Real(ceiling),
            Self::Round => Real(round),
            Self::Truncate => Real(truncate),
            Self::Fraction => Real(fraction),
            Self::Sin => Real(sin),
            Self::Cos => Real(cos),
            Self::Tan => Real(tan),
            Self::Asin => Real(asin),
            Self::Acos => Real(acos),
            Self::Atan => Real(atan),
            Self::Atan2 => Reals(atan2),
            Self::Sinh => Real(sinh),
            Self::Cosh => Real(cosh),
            Self::Tanh => Real(tanh),
            Self::Asinh => Real(asinh),
            Self::Acosh => Real(acosh),
            Self::Atanh => Real(atanh),
            Self::Hypotenuse => Reals(hypotenuse),
            Self::ShiftLeft => Wholes(shift_left),
            Self::ShiftRight => Wholes(shift_right),
            Self::WholePower => Checked(whole_power),
        }
    }
}

impl Address {
    /// As a number that machine code can hold.
    pub(super) fn number(self) -> i64 {
        let pointer = match self {
            Self::Real(function) => function as *const (),
            Self::Reals(function) => function as *const (),
            Self::Wholes(function) => function as *const (),
            Self::Checked(function) => function as *const (),
        };
        pointer.addr() as i64
    }
}

macro_rules! functions {
    ($($name:ident($($argument:ident),+) = $value:expr;)+) => {
        $(extern "C" fn $name($($argument: f64),+) -> f64 {
            $value
        })+
    };
}

functions! {
    exp(x) = x.exp();
    ln(x) = x.ln();
    log(x, base) = x.log(base);
    log10(x) = x.log10();
    power(x, y) = x.powf(y);
    modulo(x, y) = x % y;
    floor(x) = x.floor();
    ceiling(x) = x.ceil();
    round(x) = x.round();
    truncate(x) = x.trunc();
    fraction(x) = x.fract();
    sin(x) = x.sin();
    cos(x) = x.cos();
    tan(x) = x.tan();
    asin(x) = x.asin();
    acos(x) = x.acos();
    atan(x) = x.atan();
    atan2(x, y) = x.atan2(y);
    sinh(x) = x.sinh();
    cosh(x) = x.cosh();
    tanh(x) = x.tanh();
    asinh(x) = x.asinh();
    acosh(x) = x.acosh();
    atanh(x) = x.atanh();
    hypotenuse(x, y) = x.hypot(y);
}

/// Shifts by as much as one likes: by a negative number the other way.
extern "C" fn shift_left(x: i64, y: i64) -> i64 {
    match u32::try_from(y) {
        Ok(y) => x.checked_shl(y).unwrap_or(0),
        Err(_) if y < 0 => shift_right(x, y.checked_abs().unwrap_or(i64::MAX)),
        Err(_) => 0,
    }
}

extern "C" fn shift_right(x: i64, y: i64) -> i64 {
    match u32::try_from(y) {
        Ok(y) => x.checked_shr(y).unwrap_or(x >> 63),
        Err(_) if y < 0 => shift_left(x, y.checked_abs().unwrap_or(i64::MAX)),
        Err(_) => x >> 63,
    }
}

extern "C" fn whole_power(x: i64, y: i64, fault: &mut u8) -> i64 {
    let power = u32::try_from(y).ok().and_then(|y| x.checked_pow(y));
    *fault = power.is_none().into();
    power.unwrap_or(0)
}
