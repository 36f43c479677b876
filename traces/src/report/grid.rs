//! The results of a grid of policies and sizes, as a table for the terminal and as CSV for scripts.

use super::csv::{Csv, ratio};
use super::live::micros;
use super::table::Table;
use super::units::{bytes, count};
use crate::replay::{Bound, Interval, Mark, Outcome, Reevaluate, Unit, What};

/// The results as text: a row for each run, in their order.
pub fn text(outcomes: &[Outcome]) -> String {
    let has_times = outcomes.iter().any(|outcome| outcome.response.is_some());
    let is_timed = outcomes.iter().any(|outcome| outcome.timing.is_some());
    let mut heads = vec!["trace", "policy", ">size", ">requests", ">hit ratio", ">95 % interval"];
    heads.extend([">byte hit ratio", ">95 % interval", ">from origins", ">evictions"]);
    if has_times {
        heads.extend([">response, mean", ">95 of 100"]);
    }
    if is_timed {
        heads.extend([">policy", ">requests/s"]);
    }
    let mut table = Table::new(heads);
    for outcome in outcomes {
        let mut cells = vec![
            outcome.cell.trace.clone(),
            name(outcome),
            size(outcome),
            count(outcome.traffic.requests),
            percent(outcome.traffic.hit_ratio()),
            interval(outcome.intervals.map(|both| both.hit_ratio)),
            percent(outcome.traffic.byte_hit_ratio()),
            interval(outcome.intervals.map(|both| both.byte_hit_ratio)),
            bytes(outcome.origin_bytes()),
            // A bound evicts nothing, and a log does not tell.
            if outcome.what == What::Policy { count(outcome.evictions) } else { dash() },
        ];
        if has_times {
            cells.push(outcome.response.map_or_else(dash, |response| micros(response.mean_us)));
            cells.push(outcome.response.map_or_else(dash, |response| micros(response.p95_us as f64)));
        }
        if is_timed {
            cells.push(outcome.timing.map_or_else(dash, |timing| format!("{:.1} ns", timing.policy_ns)));
            let rate =
                outcome.timing.map(|timing| outcome.traffic.requests as f64 / timing.seconds.max(1e-9));
            cells.push(rate.map_or_else(dash, |rate| count(rate as u64)));
        }
        table.row(cells);
    }
    table.render()
}

/// The results as CSV. `seconds` is the time that the trace spans, so that the same command gives the same bytes; what a
/// run took is in `wall_seconds` and `policy_ns`, empty unless runs were timed. `faults` counts the decisions that a module
/// did not make itself.
pub fn csv(outcomes: &[Outcome]) -> String {
    const MORE: [&str; 15] = [
        "what",
        "bytes",
        "hit_bytes",
        "not_admitted",
        "hit_ratio_low",
        "hit_ratio_high",
        "byte_hit_ratio_low",
        "byte_hit_ratio_high",
        "mean_us",
        "p95_us",
        "wall_seconds",
        "policy_ns",
        "switch",
        "admission",
        "faults",
    ];
    let mut csv = Csv::new(&[&COLUMNS[..], &MORE].concat());
    for outcome in outcomes {
        let intervals = outcome.intervals;
        let bound =
            |of: fn(crate::replay::Intervals) -> f64| intervals.map(of).map_or_else(String::new, ratio);
        let more = [
            what(outcome).to_owned(),
            outcome.traffic.bytes.to_string(),
            outcome.traffic.hit_bytes.to_string(),
            outcome.not_admitted.to_string(),
            bound(|both| both.hit_ratio.low),
            bound(|both| both.hit_ratio.high),
            bound(|both| both.byte_hit_ratio.low),
            bound(|both| both.byte_hit_ratio.high),
            outcome.response.map_or_else(String::new, |response| format!("{:.1}", response.mean_us)),
            outcome.response.map_or_else(String::new, |response| response.p95_us.to_string()),
            outcome.timing.map_or_else(String::new, |timing| format!("{:.6}", timing.seconds)),
            outcome.timing.map_or_else(String::new, |timing| format!("{:.2}", timing.policy_ns)),
            outcome.marks.iter().map(switch).collect::<Vec<_>>().join(" "),
            outcome.cell.admission.clone().unwrap_or_default(),
            outcome.faults.count().to_string(),
        ];
        csv.row(fields(outcome).into_iter().chain(more));
    }
    csv.finish()
}

/// The columns that scripts rely on.
pub(super) const COLUMNS: [&str; 10] = [
    "trace",
    "policy",
    "size",
    "unit",
    "requests",
    "hits",
    "miss_ratio",
    "byte_miss_ratio",
    "evictions",
    "seconds",
];

/// What is in them.
pub(super) fn fields(outcome: &Outcome) -> [String; 10] {
    [
        outcome.cell.trace.clone(),
        outcome.cell.policy.clone(),
        outcome.cell.size.map_or_else(String::new, |size| size.to_string()),
        outcome.cell.unit.to_string(),
        outcome.traffic.requests.to_string(),
        outcome.traffic.hits.to_string(),
        ratio(outcome.miss_ratio()),
        ratio(outcome.byte_miss_ratio()),
        outcome.evictions.to_string(),
        format!("{:.6}", outcome.span_us as f64 / 1e6),
    ]
}

/// A switch as it is asked for on the command line, at its request.
pub(super) fn switch(mark: &Mark) -> String {
    let carried = match mark.reevaluate {
        None => "flush".to_owned(),
        Some(Reevaluate::Count(number)) => number.to_string(),
        Some(Reevaluate::Percent(share)) => format!("{share}%"),
        Some(Reevaluate::All) => "all".to_owned(),
    };
    format!("{}:{}:{carried}", mark.at, mark.to)
}

/// The word for what a row is about.
pub(super) fn what(outcome: &Outcome) -> &'static str {
    match outcome.what {
        What::Policy => "policy",
        What::Bound if is_beatable(outcome) => "offline",
        What::Bound => "bound",
        What::Logged => "logged",
    }
}

/// Whether it knows the future, and yet policies that look at sizes may do better: Belady's rule where sizes differ.
fn is_beatable(outcome: &Outcome) -> bool {
    outcome.cell.unit == Unit::Bytes && outcome.cell.policy == Bound::Belady.as_str()
}

/// The policy with those it was switched to; in parentheses when it is a bound and no policy.
pub(super) fn name(outcome: &Outcome) -> String {
    if outcome.what == What::Bound && is_beatable(outcome) {
        return format!("({}, no bound in bytes)", outcome.cell.policy);
    }
    if outcome.what == What::Bound {
        return format!("({})", outcome.cell.policy);
    }
    let mut name = outcome.cell.policy.clone();
    for mark in &outcome.marks {
        name.push_str(&format!(", then {} ({})", mark.to, carried(mark)));
    }
    if let Some(admission) = &outcome.cell.admission {
        name.push_str(&format!(", admission {admission}"));
    }
    name
}

/// What was re-evaluated at a switch, in words.
pub(super) fn carried(mark: &Mark) -> String {
    mark.reevaluate.map_or_else(|| "flushed".to_owned(), reevaluated)
}

/// How much was re-evaluated, in words.
pub(super) fn reevaluated(how: Reevaluate) -> String {
    match how {
        Reevaluate::Count(number) => format!("{number} re-evaluated"),
        Reevaluate::Percent(share) => format!("{share} % re-evaluated"),
        Reevaluate::All => "all re-evaluated".to_owned(),
    }
}

/// The size with its unit; `-` where there is none.
pub(super) fn size(outcome: &Outcome) -> String {
    match (outcome.cell.size, outcome.cell.unit) {
        (None, _) => dash(),
        (Some(size), Unit::Bytes) => bytes(size),
        (Some(size), Unit::Documents) => format!("{} documents", count(size)),
    }
}

/// To hundredths of a point: policies differ by less than a point.
pub(super) fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(dash, |ratio| format!("{:.2} %", ratio * 100.0))
}

/// `61.3 to 64.0`, in percent.
pub(super) fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(dash, |Interval { low, high }| format!("{:.1} to {:.1}", low * 100.0, high * 100.0))
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{outcome, timed};
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected: Vec<Vec<&str>> =
            expected.iter().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines, expected, "\n{text}");
    }

    #[test]
    fn a_row_for_each_run_and_columns_for_what_is_known() {
        check(
            &text(&[outcome("lru", 64 << 20, 600)]),
            &[
                "trace policy size requests hit ratio 95 % interval byte hit ratio 95 % interval from origins evictions \
                 response, mean 95 of 100",
                "t lru 64.0 MiB 1,000 60.00 % 55.0 to 65.0 40.00 % 35.0 to 45.0 58.6 KiB 300 4.00 ms 20.0 ms",
            ],
        );
        let switched = text(&[super::super::testing::switched(outcome("lru", 64 << 20, 600))]);
        assert!(switched.contains("  lru, then gdsf (20 % re-evaluated)  "), "{switched}");
        let mut bound = outcome("belady", 64 << 20, 800);
        (bound.what, bound.response, bound.intervals) = (What::Bound, None, None);
        check(
            &text(&[bound]),
            &[
                "trace policy size requests hit ratio 95 % interval byte hit ratio 95 % interval from origins evictions",
                "t (belady, no bound in bytes) 64.0 MiB 1,000 80.00 % - 40.00 % - 58.6 KiB -",
            ],
        );
    }

    #[test]
    fn beladys_rule_is_a_bound_only_where_documents_are_counted() {
        let check = |policy: &str, unit, expected: [&str; 2]| {
            let mut outcome = outcome(policy, 4096, 800);
            (outcome.what, outcome.cell.unit) = (What::Bound, unit);
            assert_eq!([name(&outcome).as_str(), what(&outcome)], expected);
        };
        check("belady", Unit::Bytes, ["(belady, no bound in bytes)", "offline"]);
        check("belady", Unit::Documents, ["(belady)", "bound"]);
        check("pfoo-l", Unit::Bytes, ["(pfoo-l)", "bound"]);
    }

    #[test]
    fn scripts_find_the_columns_they_know_first() {
        let csv = csv(&[outcome("lru", 4096, 600), timed(outcome("a,b", 4096, 601))]);
        let lines: Vec<&str> = csv.lines().collect();
        let known = "trace,policy,size,unit,requests,hits,miss_ratio,byte_miss_ratio,evictions,seconds,";
        assert!(lines[0].starts_with(known), "{csv}");
        assert!(
            lines[1].starts_with("t,lru,4096,bytes,1000,600,0.400000,0.600000,300,10.000000,policy,"),
            "{csv}"
        );
        assert!(
            lines[2].starts_with("t,\"a,b\",4096,bytes,1000,601,0.399000,0.600000,300,10.000000,"),
            "{csv}"
        );
        assert!(lines[1].ends_with(",,,,,0") && lines[2].ends_with(",0.250000,17.50,,,0"), "{csv}");
    }

    #[test]
    fn rows_of_one_policy_are_told_apart_by_switch_and_admission() {
        let mut outcome = super::super::testing::switched(outcome("lru", 4096, 600));
        outcome.cell.admission = Some("second-hit".to_owned());
        let said = csv(std::slice::from_ref(&outcome));
        assert!(
            said.lines().next().is_some_and(|heads| heads.ends_with(",switch,admission,faults")),
            "{said}"
        );
        assert!(said.ends_with(",500:gdsf:20%,second-hit,0\n"), "{said}");
        assert_eq!(name(&outcome), "lru, then gdsf (20 % re-evaluated), admission second-hit");
    }
}
