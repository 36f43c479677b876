//! Numbers as people read them: short, with a unit, the same everywhere.

use std::fmt::Write as _;

/// `1234567` as `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 worker`, `2 workers`
pub fn plural(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}

/// `253755392` as `242.0 MiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().expect("there are six");
    // 1023.95 would be printed as 1024.0 of the smaller unit.
    while value >= 1023.95 {
        let Some(larger) = units.next() else { break };
        (value, unit) = (value / 1024.0, larger);
    }
    format!("{value:.1} {unit}")
}

/// A time in microseconds as `41 us`, `1.2 ms`, `3.4 s`.
pub fn micros(number: u64) -> String {
    match number {
        0..1_000 => format!("{number} us"),
        1_000..1_000_000 => format!("{:.1} ms", number as f64 / 1e3),
        _ => format!("{:.1} s", number as f64 / 1e6),
    }
}

/// A time in seconds as `12 s`, `5 min 3 s`, `3 h 12 min`, `4 d 1 h`: the two largest units.
pub fn secs(number: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let Some(first) = UNITS.iter().position(|&(size, _)| number >= size) else { return "0 s".to_owned() };
    let (size, unit) = UNITS[first];
    let mut text = format!("{} {unit}", number / size);
    if let Some(&(smaller, unit)) = UNITS.get(first + 1)
        && number % size / smaller > 0
    {
        let _ = write!(text, " {} {unit}", number % size / smaller);
    }
    text
}

/// A ratio from 0 to 1 as `61.3 %`.
pub fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// The same for one that may not be known: `-`.
pub fn percent_or_dash(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_have_units() {
        let check = |shown: String, expected: &str| assert_eq!(shown, expected);
        check(count(0), "0");
        check(count(999), "999");
        check(count(1_234_567), "1,234,567");
        check(plural(1, "worker"), "1 worker");
        check(plural(2_000, "worker"), "2,000 workers");
        check(bytes(1_023), "1023 B");
        check(bytes(1_024), "1.0 KiB");
        check(bytes((1 << 20) - 1), "1.0 MiB");
        check(bytes(242 << 20), "242.0 MiB");
        check(bytes(u64::MAX), "16.0 EiB");
        check(micros(999), "999 us");
        check(micros(1_250), "1.2 ms");
        check(micros(61_000_000), "61.0 s");
        check(secs(0), "0 s");
        check(secs(59), "59 s");
        check(secs(303), "5 min 3 s");
        check(secs(3_600), "1 h");
        check(secs(90_061), "1 d 1 h");
        check(percent(0.6128), "61.3 %");
        check(percent_or_dash(None), "-");
    }
}
