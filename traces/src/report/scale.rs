//! Axes: where a value lies between their ends, which values get a tick, and how these are written.

use super::units::{bytes, count};

/// What is measured along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers, written short: `20k`.
    Count,
    /// Bytes, written in powers of 1024.
    Bytes,
    /// Shares of 1, written in percent.
    Share,
    /// Any numbers.
    Number,
}

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
    is_log: bool,
}

/// Ticks on an axis at the most.
const TICKS_MAX: usize = 8;

impl Scale {
    /// From 0 to a round value that is not below any of these; shares end at 1 at the latest.
    pub(super) fn linear(kind: Kind, values: impl IntoIterator<Item = f64>) -> Self {
        let most = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_step(most / (TICKS_MAX - 2) as f64);
        let high = (most / step - 1e-9).ceil() * step;
        let high = if kind == Kind::Share { high.min(1.0) } else { high };
        Self { kind, low: 0.0, high, is_log: false }
    }

    /// From a round value that is not above any of these to one that is not below any.
    pub(super) fn between(kind: Kind, values: impl IntoIterator<Item = f64> + Clone) -> Self {
        let values = || values.clone().into_iter().filter(|value| value.is_finite());
        let (least, most) =
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if least > most {
            return Self::linear(kind, []);
        }
        // A level line gets room to both sides, but none below nothing where there is nothing below.
        let room = ((most.abs() / 10.0).max(0.1) - (most - least)).max(0.0) / 2.0;
        let floor = if kind == Kind::Number { f64::NEG_INFINITY } else { 0.0 };
        let (least, most) = ((least - room).max(floor), most + room);
        let step = round_step((most - least) / (TICKS_MAX - 2) as f64);
        let (low, high) = ((least / step + 1e-9).floor() * step, (most / step - 1e-9).ceil() * step);
        Self { kind, low, high, is_log: false }
    }

    /// From the least to the most of these; none of them is below 1.
    pub(super) fn log(kind: Kind, values: impl IntoIterator<Item = f64> + Clone) -> Self {
        let values =
            || values.clone().into_iter().filter(|value| value.is_finite()).map(|value| value.max(1.0));
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(1.0, f64::max);
        let low = if low.is_finite() { low } else { 1.0 };
        // One value alone gets room to both sides.
        let (low, high) = if high / low < 1.01 { ((low / 2.0).max(1.0), high * 2.0) } else { (low, high) };
        Self { kind, low, high, is_log: true }
    }

    /// From exactly the least to exactly the most of these.
    pub(super) fn exact(kind: Kind, values: impl IntoIterator<Item = f64> + Clone) -> Self {
        let values = || values.clone().into_iter().filter(|value| value.is_finite());
        let low = values().fold(f64::INFINITY, f64::min);
        let low = if low.is_finite() { low } else { 0.0 };
        Self { kind, low, high: values().fold(low, f64::max).max(low + 1e-9), is_log: false }
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(1.0) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    /// Round values to be written along it, and how each is written.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let values = match (self.is_log, self.kind) {
            (false, _) => self.linear_ticks(),
            (true, Kind::Bytes) => self.powers(2.0),
            (true, _) => self.powers(10.0),
        };
        values.into_iter().map(|value| (value, self.write(value))).collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let step = self.step();
        let (first, last) = ((self.low / step - 1e-9).ceil(), (self.high / step + 1e-9).floor());
        (0..=(last - first) as u32).map(|number| (first + f64::from(number)) * step).collect()
    }

    /// From tick to tick.
    fn step(&self) -> f64 {
        let step = round_step((self.high - self.low) / (TICKS_MAX - 2) as f64);
        // There is nothing between two whole numbers.
        if self.kind == Kind::Count { step.max(1.0).ceil() } else { step }
    }

    /// Powers of a base, only every second, third... where they are many; multiples of them where they are few.
    fn powers(&self, base: f64) -> Vec<f64> {
        let (first, last) = (self.low.log(base), self.high.log(base));
        let stride = (1..).find(|stride| (last - first) / f64::from(*stride) < TICKS_MAX as f64).unwrap_or(1);
        let within = |value: &f64| *value >= self.low * 0.999 && *value <= self.high * 1.001;
        let exponents =
            || (first.floor() as i32..=last.ceil() as i32).filter(move |power| power % stride == 0);
        let powers: Vec<f64> = exponents().map(|power| base.powi(power)).filter(within).collect();
        if powers.len() >= 3 || base < 10.0 {
            return powers;
        }
        let multiples = exponents().flat_map(|power| [1.0, 2.0, 5.0].map(|by| by * base.powi(power)));
        multiples.filter(within).collect()
    }

    fn write(&self, value: f64) -> String {
        match self.kind {
            Kind::Share => format!("{:.*} %", digits(self.step() * 100.0), value * 100.0),
            Kind::Bytes => bytes(value.round() as u64).replace(".0 ", " "),
            Kind::Count => short(value),
            // No minus before nothing.
            Kind::Number => {
                format!("{:.*}", digits(self.step()), if value.abs() < 1e-9 { 0.0 } else { value })
            }
        }
    }
}

/// `20000` as `20k`.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e9 => (value / 1e9, "G"),
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e4 => (value / 1e3, "k"),
        value => return count(value.round() as u64),
    };
    let text = format!("{value:.1}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Digits behind the point that multiples of a step need, two at the most.
fn digits(step: f64) -> usize {
    let is_whole = |value: f64| (value - value.round()).abs() < 1e-6;
    [1.0, 10.0].iter().position(|by| is_whole(step * by)).unwrap_or(2)
}

/// The least of 1, 2, 2.5, 5 and 10 times a power of ten that is not below this.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let by = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|by| by * power >= least * (1.0 - 1e-9));
    by.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(scale: Scale, expected: &str) {
        let ticks: Vec<String> = scale.ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(ticks.join(", "), expected, "{scale:?}");
        assert!(scale.ticks().iter().all(|(value, _)| (0.0..=1.0).contains(&scale.at(*value))));
    }

    #[test]
    fn ticks_are_round_and_few() {
        check(Scale::linear(Kind::Share, [0.2, 0.62]), "0 %, 20 %, 40 %, 60 %, 80 %");
        check(Scale::linear(Kind::Share, [0.97]), "0 %, 20 %, 40 %, 60 %, 80 %, 100 %");
        check(Scale::linear(Kind::Share, [0.041]), "0 %, 1 %, 2 %, 3 %, 4 %, 5 %");
        check(Scale::linear(Kind::Share, []), "0 %, 20 %, 40 %, 60 %, 80 %, 100 %");
        check(Scale::exact(Kind::Count, [0.0, 66_987.0]), "0, 20k, 40k, 60k");
        check(Scale::exact(Kind::Count, [14_100.0, 18_200.0]), "15k, 16k, 17k, 18k");
        check(Scale::log(Kind::Count, [1.0, 36_815.0]), "1, 10, 100, 1,000, 10k");
        check(Scale::log(Kind::Count, [3.0, 40.0]), "5, 10, 20");
        check(Scale::log(Kind::Bytes, [1e6, 64e6]), "1 MiB, 2 MiB, 4 MiB, 8 MiB, 16 MiB, 32 MiB");
        check(Scale::log(Kind::Bytes, [30.0, 5e7]), "64 B, 512 B, 4 KiB, 32 KiB, 256 KiB, 2 MiB, 16 MiB");
        check(Scale::log(Kind::Count, [7.0]), "5, 10");
    }

    #[test]
    fn an_axis_need_not_begin_at_nothing() {
        check(Scale::between(Kind::Share, [0.52, 0.97]), "50 %, 60 %, 70 %, 80 %, 90 %, 100 %");
        check(Scale::between(Kind::Share, [0.69, 0.81]), "70.0 %, 72.5 %, 75.0 %, 77.5 %, 80.0 %");
        check(Scale::linear(Kind::Number, [14.0]), "0.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0");
        check(Scale::exact(Kind::Count, [1.0, 4.0]), "1, 2, 3, 4");
        check(Scale::between(Kind::Number, [-0.3, 2.1]), "-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5");
        check(Scale::between(Kind::Number, [3.0]), "2.85, 2.90, 2.95, 3.00, 3.05, 3.10, 3.15");
        check(Scale::between(Kind::Share, [0.0]), "0 %, 1 %, 2 %, 3 %, 4 %, 5 %");
        check(Scale::between(Kind::Share, []), "0 %, 20 %, 40 %, 60 %, 80 %, 100 %");
    }

    #[test]
    fn values_lie_between_the_ends() {
        let scale = Scale::log(Kind::Count, [1.0, 100.0]);
        assert_eq!((scale.at(0.0), scale.at(10.0), scale.at(1e9)), (0.0, 0.5, 1.0));
    }
}
