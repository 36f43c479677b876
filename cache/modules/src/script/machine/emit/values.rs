//! The instructions of one value: a field, an operation, a comparison.

use std::mem::offset_of;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder as _, MemFlagsData, Value, types};

use super::Emitter;
use crate::script::document::Doc;
use crate::script::machine::ir::{Binary, Column, Comparison, Unary};

/// Where a field is and how many bytes it has; the compiler of this crate checks that it is of this type.
macro_rules! place {
    ($of:ty, $($field:tt).+) => {{
        const _: fn(&Doc) -> &$of = |doc| &doc.$($field).+;
        Place { offset: offset_of!(Doc, $($field).+) as i32, bytes: size_of::<$of>() }
    }};
}

/// Where a field is.
struct Place {
    offset: i32,
    bytes: usize,
}

const MICROS_PER_MILLI: f64 = 1e3;
const MICROS_PER_SECOND: f64 = 1e6;

impl Emitter<'_> {
    /// A field as `script/document.rs` computes it for the interpreter.
    pub(super) fn column(&mut self, column: Column) -> Value {
        match column {
            Column::Size => {
                let size = self.whole(&place!(u64, columns.size));
                self.at_least_one_as_real(size)
            }
            Column::Uses => {
                let uses = self.whole(&place!(u32, columns.uses));
                self.at_least_one_as_real(uses)
            }
            Column::FetchMs => self.micros(&place!(u32, columns.fetch_us), MICROS_PER_MILLI),
            Column::TtfbMs => self.micros(&place!(u32, columns.ttfb_us), MICROS_PER_MILLI),
            Column::Origin => self.unsigned(&place!(u32, columns.origin)),
            Column::PathClass => self.unsigned(&place!(u16, columns.path_class)),
            Column::Status => self.unsigned(&place!(u16, columns.status)),
            Column::Hash => {
                let hash = self.whole(&place!(u64, columns.hash));
                let high = self.builder.ins().ushr_imm_u(hash, 11);
                self.builder.ins().fcvt_from_sint(types::F64, high)
            }
            Column::Age => self.since(&place!(u64, columns.created.0)),
            Column::Idle => self.since(&place!(u64, columns.last_used.0)),
            Column::Ttl => self.ttl(),
            Column::Now => self.micros(&place!(u64, clock.now.0), MICROS_PER_SECOND),
            Column::Aging => {
                let Place { offset, .. } = place!(f64, clock.aging);
                self.builder.ins().load(types::F64, MemFlagsData::trusted(), self.doc, offset)
            }
        }
    }

    /// A field without a sign, in 64 bits.
    fn whole(&mut self, place: &Place) -> Value {
        let (flags, doc, offset) = (MemFlagsData::trusted(), self.doc, place.offset);
        let ins = self.builder.ins();
        match place.bytes {
            2 => ins.uload16(types::I64, flags, doc, offset),
            4 => ins.uload32(flags, doc, offset),
            _ => ins.load(types::I64, flags, doc, offset),
        }
    }

    fn unsigned(&mut self, place: &Place) -> Value {
        let whole = self.whole(place);
        self.builder.ins().fcvt_from_uint(types::F64, whole)
    }

    fn at_least_one_as_real(&mut self, whole: Value) -> Value {
        let one = self.builder.ins().iconst(types::I64, 1);
        let whole = self.builder.ins().umax(whole, one);
        self.builder.ins().fcvt_from_uint(types::F64, whole)
    }

    fn micros(&mut self, place: &Place, per_unit: f64) -> Value {
        let micros = self.unsigned(place);
        let per_unit = self.builder.ins().f64const(per_unit);
        self.builder.ins().fdiv(micros, per_unit)
    }

    /// Seconds from then to now, zero when that is later.
    fn since(&mut self, then: &Place) -> Value {
        let then = self.whole(then);
        let now = self.whole(&place!(u64, clock.now.0));
        self.seconds_between(then, now)
    }

    fn seconds_between(&mut self, earlier: Value, later: Value) -> Value {
        let micros = self.builder.ins().isub(later, earlier);
        let zero = self.builder.ins().iconst(types::I64, 0);
        let is_before = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, later, earlier);
        let micros = self.builder.ins().select(is_before, micros, zero);
        let micros = self.builder.ins().fcvt_from_uint(types::F64, micros);
        let per_second = self.builder.ins().f64const(MICROS_PER_SECOND);
        self.builder.ins().fdiv(micros, per_second)
    }

    fn ttl(&mut self) -> Value {
        let until = self.whole(&place!(u64, columns.fresh_until.0));
        let now = self.whole(&place!(u64, clock.now.0));
        let left = self.seconds_between(now, until);
        let over = self.seconds_between(until, now);
        let over = self.builder.ins().fneg(over);
        let is_fresh = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, until, now);
        self.builder.ins().select(is_fresh, left, over)
    }

    pub(super) fn unary(&mut self, operation: Unary, value: Value) -> Value {
        let is_whole = self.is_whole(value);
        match operation {
            Unary::ToReal => self.builder.ins().fcvt_from_sint(types::F64, value),
            Unary::ToWhole => self.truncated(value),
            Unary::Negate if is_whole => self.negate(value),
            Unary::Negate => self.builder.ins().fneg(value),
            Unary::Absolute if is_whole => {
                // Only the lowest number has no counterpart, and it is a fault with either sign.
                let negated = self.negate(value);
                let zero = self.builder.ins().iconst(types::I64, 0);
                let is_negative = self.builder.ins().icmp(IntCC::SignedLessThan, value, zero);
                self.builder.ins().select(is_negative, negated, value)
            }
            Unary::Absolute => self.builder.ins().fabs(value),
            Unary::Sign => self.sign(value, is_whole),
            Unary::Not => {
                let no = self.builder.ins().iconst(types::I8, 0);
                self.builder.ins().icmp(IntCC::Equal, value, no)
            }
            Unary::SquareRoot => self.builder.ins().sqrt(value),
            Unary::IsNan => self.builder.ins().fcmp(FloatCC::Unordered, value, value),
            Unary::IsFinite => {
                let (size, infinity) = self.with_infinity(value);
                self.builder.ins().fcmp(FloatCC::LessThan, size, infinity)
            }
            Unary::IsInfinite => {
                let (size, infinity) = self.with_infinity(value);
                self.builder.ins().fcmp(FloatCC::Equal, size, infinity)
            }
        }
    }

    fn is_whole(&self, value: Value) -> bool {
        self.builder.func.dfg.value_type(value) == types::I64
    }

    fn with_infinity(&mut self, value: Value) -> (Value, Value) {
        let size = self.builder.ins().fabs(value);
        (size, self.builder.ins().f64const(f64::INFINITY))
    }

    /// rhai's `to_int`: out of range is a fault, not a number is 0.
    fn truncated(&mut self, value: Value) -> Value {
        let highest = self.builder.ins().f64const(i64::MAX as f64);
        let lowest = self.builder.ins().f64const(i64::MIN as f64);
        let is_above = self.builder.ins().fcmp(FloatCC::GreaterThan, value, highest);
        let is_below = self.builder.ins().fcmp(FloatCC::LessThan, value, lowest);
        let is_out = self.builder.ins().bor(is_above, is_below);
        self.fault_if(is_out);
        self.builder.ins().fcvt_to_sint_sat(types::I64, value)
    }

    fn negate(&mut self, value: Value) -> Value {
        let zero = self.builder.ins().iconst(types::I64, 0);
        let (negated, is_over) = self.builder.ins().ssub_overflow(zero, value);
        self.fault_if(is_over);
        negated
    }

    fn sign(&mut self, value: Value, is_whole: bool) -> Value {
        let (is_above, is_below) = if is_whole {
            let zero = self.builder.ins().iconst(types::I64, 0);
            let is_above = self.builder.ins().icmp(IntCC::SignedGreaterThan, value, zero);
            (is_above, self.builder.ins().icmp(IntCC::SignedLessThan, value, zero))
        } else {
            let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, value, value);
            self.fault_if(is_nan);
            let zero = self.builder.ins().f64const(0.0);
            let is_above = self.builder.ins().fcmp(FloatCC::GreaterThan, value, zero);
            (is_above, self.builder.ins().fcmp(FloatCC::LessThan, value, zero))
        };
        let above = self.builder.ins().uextend(types::I64, is_above);
        let below = self.builder.ins().uextend(types::I64, is_below);
        self.builder.ins().isub(above, below)
    }

    pub(super) fn binary(&mut self, operation: Binary, left: Value, right: Value) -> Value {
        match self.builder.func.dfg.value_type(left) {
            types::I64 => self.of_wholes(operation, left, right),
            types::F64 => self.of_reals(operation, left, right),
            _ => self.of_truths(operation, left, right),
        }
    }

    fn of_wholes(&mut self, operation: Binary, left: Value, right: Value) -> Value {
        let ins = self.builder.ins();
        let (value, is_over) = match operation {
            Binary::Add => ins.sadd_overflow(left, right),
            Binary::Subtract => ins.ssub_overflow(left, right),
            Binary::Multiply => ins.smul_overflow(left, right),
            Binary::Divide => {
                self.fault_if_not_divisible(left, right);
                return self.builder.ins().sdiv(left, right);
            }
            Binary::Remainder => {
                self.fault_if_not_divisible(left, right);
                return self.builder.ins().srem(left, right);
            }
            Binary::And => return ins.band(left, right),
            Binary::Or => return ins.bor(left, right),
            Binary::ExclusiveOr => return ins.bxor(left, right),
            Binary::Compare(comparison) => return ins.icmp(signed(comparison), left, right),
            Binary::Minimum | Binary::Maximum => {
                let is_left = if operation == Binary::Minimum {
                    IntCC::SignedLessThanOrEqual
                } else {
                    IntCC::SignedGreaterThanOrEqual
                };
                let is_left = ins.icmp(is_left, left, right);
                return self.builder.ins().select(is_left, left, right);
            }
        };
        self.fault_if(is_over);
        value
    }

    /// By zero, and the lowest number by -1.
    fn fault_if_not_divisible(&mut self, left: Value, right: Value) {
        let zero = self.builder.ins().iconst(types::I64, 0);
        let is_zero = self.builder.ins().icmp(IntCC::Equal, right, zero);
        self.fault_if(is_zero);
        let lowest = self.builder.ins().iconst(types::I64, i64::MIN);
        let minus_one = self.builder.ins().iconst(types::I64, -1);
        let is_lowest = self.builder.ins().icmp(IntCC::Equal, left, lowest);
        let is_minus_one = self.builder.ins().icmp(IntCC::Equal, right, minus_one);
        let is_over = self.builder.ins().band(is_lowest, is_minus_one);
        self.fault_if(is_over);
    }

    fn of_reals(&mut self, operation: Binary, left: Value, right: Value) -> Value {
        let ins = self.builder.ins();
        match operation {
            Binary::Add => ins.fadd(left, right),
            Binary::Subtract => ins.fsub(left, right),
            Binary::Multiply => ins.fmul(left, right),
            Binary::Divide => ins.fdiv(left, right),
            Binary::Compare(comparison) => self.compare_reals(comparison, left, right),
            // Not of libm, which would look at not a number: rhai's are `if x <= y { x } else { y }`.
            Binary::Minimum => {
                let is_left = ins.fcmp(FloatCC::LessThanOrEqual, left, right);
                self.builder.ins().select(is_left, left, right)
            }
            Binary::Maximum => {
                let is_left = ins.fcmp(FloatCC::GreaterThanOrEqual, left, right);
                self.builder.ins().select(is_left, left, right)
            }
            Binary::Remainder | Binary::And | Binary::Or | Binary::ExclusiveOr => {
                unreachable!("not of real numbers")
            }
        }
    }

    fn of_truths(&mut self, operation: Binary, left: Value, right: Value) -> Value {
        let ins = self.builder.ins();
        match operation {
            Binary::And => ins.band(left, right),
            Binary::Or => ins.bor(left, right),
            Binary::ExclusiveOr => ins.bxor(left, right),
            Binary::Compare(comparison) => ins.icmp(unsigned(comparison), left, right),
            _ => unreachable!("not of truths"),
        }
    }

    /// rhai compares real numbers by their difference, as a share of the larger one: what differs by the last digit is equal
    /// (`func/builtin.rs`, `impl_float`). So is 0 and what is not a number, and this keeps it.
    fn compare_reals(&mut self, comparison: Comparison, left: Value, right: Value) -> Value {
        let zero = self.builder.ins().f64const(0.0);
        let one = self.builder.ins().f64const(1.0);
        let product = self.builder.ins().fmul(left, right);
        let is_any_zero = self.builder.ins().fcmp(FloatCC::Equal, product, zero);
        let larger = self.larger(left, right);
        let scale = self.builder.ins().select(is_any_zero, one, larger);
        let is_scale_zero = self.builder.ins().fcmp(FloatCC::Equal, scale, zero);

        let (first, second) = if matches!(comparison, Comparison::Less | Comparison::LessOrEqual) {
            (right, left)
        } else {
            (left, right)
        };
        let mut difference = self.builder.ins().fsub(first, second);
        if matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            difference = self.builder.ins().fabs(difference);
        }
        let share = self.builder.ins().fdiv(difference, scale);
        let (condition, bound, where_scale_is_zero) = match comparison {
            Comparison::Equal => (FloatCC::LessThanOrEqual, f64::EPSILON, true),
            Comparison::NotEqual => (FloatCC::GreaterThan, f64::EPSILON, false),
            Comparison::Less | Comparison::Greater => (FloatCC::GreaterThan, f64::EPSILON, false),
            Comparison::LessOrEqual | Comparison::GreaterOrEqual => {
                (FloatCC::GreaterThan, -f64::EPSILON, true)
            }
        };
        let bound = self.builder.ins().f64const(bound);
        let holds = self.builder.ins().fcmp(condition, share, bound);
        let settled = self.builder.ins().iconst(types::I8, i64::from(where_scale_is_zero));
        self.builder.ins().select(is_scale_zero, settled, holds)
    }

    /// The larger of the sizes of two numbers; of one that is not a number and another, the other.
    fn larger(&mut self, left: Value, right: Value) -> Value {
        let left = self.builder.ins().fabs(left);
        let right = self.builder.ins().fabs(right);
        let is_left = self.builder.ins().fcmp(FloatCC::GreaterThan, left, right);
        let larger = self.builder.ins().select(is_left, left, right);
        let is_right_none = self.builder.ins().fcmp(FloatCC::Unordered, right, right);
        self.builder.ins().select(is_right_none, left, larger)
    }
}

const fn signed(comparison: Comparison) -> IntCC {
    match comparison {
        Comparison::Equal => IntCC::Equal,
        Comparison::NotEqual => IntCC::NotEqual,
        Comparison::Less => IntCC::SignedLessThan,
        Comparison::LessOrEqual => IntCC::SignedLessThanOrEqual,
        Comparison::Greater => IntCC::SignedGreaterThan,
        Comparison::GreaterOrEqual => IntCC::SignedGreaterThanOrEqual,
    }
}

/// Of truths, where true is the greater.
const fn unsigned(comparison: Comparison) -> IntCC {
    match comparison {
        Comparison::Equal => IntCC::Equal,
        Comparison::NotEqual => IntCC::NotEqual,
        Comparison::Less => IntCC::UnsignedLessThan,
        Comparison::LessOrEqual => IntCC::UnsignedLessThanOrEqual,
        Comparison::Greater => IntCC::UnsignedGreaterThan,
        Comparison::GreaterOrEqual => IntCC::UnsignedGreaterThanOrEqual,
    }
}
