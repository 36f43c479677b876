//! The table of what came of the comparison, `policies/native/fidelity.csv`, and what `fidelity.md` says of it. With
//! `BLESS=1 CNN_FIDELITY=all` both are written anew from every trace, with `BLESS=1` alone the summary from the table;
//! otherwise they must agree with what a test finds.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::libcachesim::{Agreement, Misses, RULES, Rule};
use crate::traces::Reference;

const HEADER: &str = "trace,unit,capacity,policy,libcachesim_policy,miss_ratio,libcachesim_miss_ratio,byte_miss_ratio,libcachesim_byte_miss_ratio\n";

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Compared {
    trace: String,
    is_objects: bool,
    capacity: u64,
    ours: String,
    theirs: String,
    ratio: f64,
    their_ratio: f64,
    /// Ours and theirs.
    bytes: Option<(f64, f64)>,
}

impl Compared {
    pub(crate) fn new(rule: &Rule, row: &Reference, misses: Misses, requests: u64, bytes: u64) -> Self {
        Self {
            trace: row.trace.clone(),
            is_objects: row.ignore_size,
            capacity: row.capacity,
            ours: rule.ours.to_owned(),
            theirs: rule.theirs.to_owned(),
            ratio: misses.count as f64 / requests as f64,
            their_ratio: row.miss_ratio,
            bytes: row.byte_miss_ratio.map(|theirs| (misses.bytes as f64 / bytes as f64, theirs)),
        }
    }

    /// Its line in the table; `fidelity.csv` quotes the names with parameters.
    pub(crate) fn line(&self) -> String {
        let unit = if self.is_objects { "objects" } else { "bytes" };
        let bytes = self.bytes.map_or(",".to_owned(), |(ours, theirs)| format!("{ours:.6},{theirs:.6}"));
        format!(
            "{},{unit},{},\"{}\",{},{:.6},{:.6},{bytes}\n",
            self.trace, self.capacity, self.ours, self.theirs, self.ratio, self.their_ratio
        )
    }

    fn parse(line: &str) -> Self {
        let (before, rest) = line.split_once('"').unwrap();
        let (ours, rest) = rest.split_once('"').unwrap();
        let cells: Vec<_> = before.split(',').chain(rest.split(',')).collect();
        let [trace, unit, capacity, _, _, theirs, ratio, their_ratio, bytes, their_bytes] = cells[..] else {
            panic!("not a line of the table: {line}")
        };
        let number = |cell: &str| cell.parse::<f64>().unwrap();
        Self {
            trace: trace.to_owned(),
            is_objects: unit == "objects",
            capacity: capacity.parse().unwrap(),
            ours: ours.to_owned(),
            theirs: theirs.to_owned(),
            ratio: number(ratio),
            their_ratio: number(their_ratio),
            bytes: (!bytes.is_empty()).then(|| (number(bytes), number(their_bytes))),
        }
    }

    /// Ours less theirs, in points.
    fn difference(&self) -> f64 {
        (self.ratio - self.their_ratio) * 100.0
    }

    /// Whether the six digits printed are the same, also of the bytes.
    fn is_exact(&self) -> bool {
        let same = |ours: f64, theirs: f64| (ours - theirs).abs() < 0.51e-6;
        same(self.ratio, self.their_ratio) && self.bytes.is_none_or(|(ours, theirs)| same(ours, theirs))
    }

    /// Whether it is as near as the rule says.
    pub(crate) fn agrees(&self, rule: &Rule) -> bool {
        match if self.is_objects { rule.objects } else { rule.bytes } {
            Agreement::Exact => self.is_exact(),
            Agreement::Points(points) => self.difference().abs() <= points,
            Agreement::ExactIfDivisible(by, _) if self.capacity.is_multiple_of(by) => self.is_exact(),
            Agreement::ExactIfDivisible(_, points) => self.difference().abs() <= points,
        }
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The lines of the table as it is.
pub(crate) fn table() -> String {
    fs::read_to_string(path("fidelity.csv")).unwrap_or_default()
}

/// What `fidelity.md` must say of a table.
fn summary(table: &str) -> String {
    let compared: Vec<_> = table.lines().skip(1).map(Compared::parse).collect();
    let mut text = String::from(
        "# The policies next to libCacheSim's\n\n\
         Miss ratios on real traces against those of libCacheSim 0.3.5 with its default parameters: at 0.1, 1 and 10 %\n\
         of each trace's objects (every size 1) and of its bytes. `fidelity.csv` has every single one. Both files are\n\
         written by the test that compares, `BLESS=1 CNN_FIDELITY=all cargo test -p cnn-policies --test fidelity` (a quarter\n\
         of an hour), and checked by it whenever the traces are there. *Equal* means to all six digits that libCacheSim prints, in bytes also of the\n\
         byte miss ratio. Differences are in points, hundredths of all requests, ours less theirs.\n\n\
         | libCacheSim | here | objects: equal | mean, worst difference | bytes: equal | mean, worst difference | \
         where they differ |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for rule in RULES {
        let of = |is_objects: bool| {
            let of_rule = |it: &&Compared| {
                it.ours == rule.ours && it.theirs == rule.theirs && it.is_objects == is_objects
            };
            let rows: Vec<_> = compared.iter().filter(of_rule).collect();
            let exact = rows.iter().filter(|it| it.is_exact()).count();
            let mean = rows.iter().map(|it| it.difference()).sum::<f64>() / rows.len().max(1) as f64;
            let worst = rows.iter().map(|it| it.difference()).max_by(|a, b| a.abs().total_cmp(&b.abs()));
            let differences = match worst {
                Some(worst) if exact < rows.len() => format!("{mean:+.3}, {worst:+.3}"),
                _ => String::new(),
            };
            format!("{exact} of {} | {differences}", rows.len())
        };
        let (theirs, ours, differs) = (rule.theirs, rule.ours, rule.differs);
        let _ = writeln!(text, "| {theirs} | `{ours}` | {} | {} | {differs} |", of(true), of(false));
    }
    text
}

/// What is to be written anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Blessing {
    /// Nothing: all is compared.
    None,
    /// The summary, from the table as it is.
    Summary,
    /// The table, from every trace, and the summary.
    All,
}

/// What the environment asks for.
pub(crate) fn blessing() -> Blessing {
    match (std::env::var_os("BLESS").is_some(), is_all()) {
        (false, _) => Blessing::None,
        (true, false) => Blessing::Summary,
        (true, true) => Blessing::All,
    }
}

/// Whether traces of millions of requests are to be compared too.
pub(crate) fn is_all() -> bool {
    std::env::var_os("CNN_FIDELITY").is_some_and(|which| which == "all")
}

/// Writes table and summary.
pub(crate) fn bless(mut compared: Vec<Compared>) {
    let order =
        |it: &Compared| RULES.iter().position(|rule| rule.ours == it.ours && rule.theirs == it.theirs);
    compared.sort_by(|a, b| {
        let key = |it: &Compared| (it.trace.clone(), it.is_objects, it.capacity, order(it));
        key(a).cmp(&key(b))
    });
    let table = compared.iter().fold(HEADER.to_owned(), |table, it| table + &it.line());
    fs::write(path("fidelity.md"), summary(&table)).unwrap();
    fs::write(path("fidelity.csv"), table).unwrap();
}

#[test]
fn the_summary_is_that_of_the_table() {
    match blessing() {
        Blessing::None => {
            let text = fs::read_to_string(path("fidelity.md")).unwrap();
            assert!(text == summary(&table()), "run the test with BLESS=1 to bring fidelity.md up to date");
        }
        Blessing::Summary => fs::write(path("fidelity.md"), summary(&table())).unwrap(),
        Blessing::All => {}
    }
}

#[test]
fn the_table_has_no_difference_that_no_rule_allows() {
    let table = table();
    let compared: Vec<_> = table.lines().skip(1).map(Compared::parse).collect();
    assert!(compared.len() > 500, "the table is there");
    for it in compared {
        let rule = RULES.iter().find(|rule| rule.ours == it.ours && rule.theirs == it.theirs);
        let rule = rule.unwrap_or_else(|| panic!("a rule for {}", it.ours));
        assert!(it.agrees(rule), "{}", it.line());
    }
}
