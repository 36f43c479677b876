//! Switch sweeps as text: what each way to go from one policy to another cost.

use super::csv::Csv;
use super::grid;
use super::table::Table;
use super::units::{count, percent_or_dash};
use crate::replay::{Carry, Outcome, Reevaluate, Sweep, Way};

/// The sweeps, one table for each.
pub fn text(sweeps: &[Sweep]) -> String {
    sweeps.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The sweeps as CSV: the columns of a grid's rows that scripts know, then what was done and what it cost. Having stayed
/// and having always had the new policy are rows without costs.
pub fn csv(sweeps: &[Sweep]) -> String {
    const COSTS: [&str; 10] = [
        "to",
        "at",
        "reevaluate",
        "dip",
        "byte_dip",
        "gap",
        "byte_gap",
        "area",
        "byte_area",
        "settled_after",
    ];
    let mut csv = Csv::new(&[&grid::COLUMNS[..], &COSTS].concat());
    for sweep in sweeps {
        let (at, to) = (sweep.at.to_string(), &sweep.always.cell.policy);
        for plain in [&sweep.stayed, &sweep.always] {
            csv.row(grid::fields(plain).into_iter().chain(std::iter::repeat_n(String::new(), COSTS.len())));
        }
        for way in &sweep.ways {
            let effect = &way.effect;
            let costs =
                [effect.dip, effect.byte_dip, effect.gap, effect.byte_gap, effect.area, effect.byte_area];
            let done = [to.clone(), at.clone(), name(way.carry)];
            let costs = costs.map(|cost| format!("{cost:.4}"));
            let row = grid::fields(&way.outcome).into_iter().chain(done).chain(costs);
            csv.row(row.chain([effect.settled_after.to_string()]));
        }
    }
    csv.finish()
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
    use crate::replay::Effect;
    use crate::report::testing::outcome;

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

    #[test]
    fn every_way_has_its_costs_and_the_runs_it_is_compared_with_have_none() {
        let [stayed, always, live] = ["lru", "gdsf", "lru"].map(|policy| outcome(policy, 4096, 600));
        let effect = Effect { dip: 1.5, area: -0.25, settled_after: 1234, ..Effect::default() };
        let ways = vec![Way { carry: Carry::Flush, outcome: live, effect }];
        let sweeps = [Sweep { at: 500, documents: 40, stayed, always, ways }];
        let csv = csv(&sweeps);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("trace,policy,size,unit,requests,hits,miss_ratio,"), "{csv}");
        assert!(lines[2].starts_with("t,gdsf,4096,") && lines[2].ends_with(",,,,,,,,,,"), "{csv}");
        let costs = ",gdsf,500,flush,1.5000,0.0000,0.0000,0.0000,-0.2500,0.0000,1234";
        assert!(lines[3].starts_with("t,lru,4096,") && lines[3].ends_with(costs), "{csv}");
        let text = text(&sweeps);
        assert!(text.contains("t: lru to gdsf at request 500") && text.contains("\nflush "), "{text}");
    }
}
