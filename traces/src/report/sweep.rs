//! Switch sweeps as text: what each way to go from one policy to another cost.

use super::table::Table;
use super::units::{count, percent_or_dash};
use crate::replay::{Carry, Outcome, Reevaluate, Sweep, Way};

/// The sweeps, one table for each.
pub fn text(sweeps: &[Sweep]) -> String {
    sweeps.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(sweep: &Sweep) -> String {
    let (from, to) = (&sweep.stayed.cell, &sweep.always.cell);
    let size = from.size.map_or_else(String::new, |size| format!(" of {} {}", count(size), from.unit));
    let mut text = format!(
        "{}: {} to {} at request {}, a cache{size} with {} documents\n",
        from.trace,
        from.policy,
        to.policy,
        count(sweep.at),
        count(sweep.documents)
    );
    let mut table = Table::new([
        "re-evaluated at once",
        ">hit ratio",
        ">byte hit ratio",
        ">dip",
        ">byte dip",
        ">gap",
        ">byte gap",
        ">area",
        ">byte area",
        ">settled after",
    ]);
    table.row(plain(&format!("(stayed with {})", from.policy), &sweep.stayed));
    table.row(plain(&format!("(always {})", to.policy), &sweep.always));
    sweep.ways.iter().for_each(|way| table.row(costs(way)));
    text.push_str(&table.render());
    text.push_str("dip: points below having stayed; gap: points below having always had it; area: misses more than then\n");
    text.push_str("until the end, in caches full of documents (bytes); settled: requests until the gap stays within 0.5\n");
    text
}

fn plain(name: &str, outcome: &Outcome) -> Vec<String> {
    let mut cells = vec![name.to_owned(), hits(outcome), byte_hits(outcome)];
    cells.resize(10, "-".to_owned());
    cells
}

fn costs(way: &Way) -> Vec<String> {
    let effect = &way.effect;
    let points = [effect.dip, effect.byte_dip, effect.gap, effect.byte_gap, effect.area, effect.byte_area];
    let mut cells = vec![name(way.carry), hits(&way.outcome), byte_hits(&way.outcome)];
    cells.extend(points.map(|points| format!("{points:.2}")));
    cells.push(count(effect.settled_after));
    cells
}

fn hits(outcome: &Outcome) -> String {
    percent_or_dash(outcome.traffic.hit_ratio())
}

fn byte_hits(outcome: &Outcome) -> String {
    percent_or_dash(outcome.traffic.byte_hit_ratio())
}

/// The way as `--switch` writes it.
pub(crate) fn name(carry: Carry) -> String {
    match carry {
        Carry::Flush => "flush".to_owned(),
        Carry::Reevaluate(Reevaluate::All) => "all".to_owned(),
        Carry::Reevaluate(Reevaluate::Count(count)) => count.to_string(),
        Carry::Reevaluate(Reevaluate::Percent(percent)) => format!("{percent}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(carry: Carry, expected: &str) {
        assert_eq!(name(carry), expected);
    }

    #[test]
    fn a_way_is_written_as_it_is_asked_for() {
        check(Carry::Flush, "flush");
        check(Carry::Reevaluate(Reevaluate::Count(0)), "0");
        check(Carry::Reevaluate(Reevaluate::Percent(20.0)), "20%");
        check(Carry::Reevaluate(Reevaluate::All), "all");
    }
}
