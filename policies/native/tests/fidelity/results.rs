//! The table of what came of the comparison, `policies/native/fidelity.csv`, and what `fidelity.md` says of it. With
//! `BLESS=1 CNN_FIDELITY=all` both are written anew from every trace, with `BLESS=1` alone the summary from the table;
//! otherwise they must agree with what a test finds.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::libcachesim::{Because, Misses, RULES, Rule, misses, variant_misses};
use crate::traces::{Reference, Trace};
use crate::variants::{self, Make, Named};

const HEADER: &str = "trace,unit,capacity,policy,libcachesim_policy,miss_ratio,libcachesim_miss_ratio,byte_miss_ratio,libcachesim_byte_miss_ratio,agreement,why\n";

/// How near a policy with choices of its own must be, in points.
const NEAR: f64 = 0.5;

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
    /// `equal`, `rules`, `draws`, `near`, or `unexplained`.
    agreement: String,
    /// What each rule does alone, in points; or between which miss ratios their runs lie.
    why: String,
}

/// Miss ratio and byte miss ratio, to the digits printed.
fn ratios(misses: Misses, trace: &Trace) -> [String; 2] {
    let bytes: u64 = trace.requests.iter().map(|it| it.1).sum();
    let ratio = |part: u64, whole: u64| format!("{:.6}", part as f64 / whole as f64);
    [ratio(misses.count, trace.requests.len() as u64), ratio(misses.bytes, bytes)]
}

impl Compared {
    /// Compares the policy with a line of their results.
    pub(crate) fn new(rule: &Rule, row: &Reference, trace: &Trace) -> Self {
        let own = misses(rule, row, trace);
        let [ratio, bytes] = ratios(own, trace).map(|it| it.parse().unwrap());
        let mut compared = Self {
            trace: row.trace.clone(),
            is_objects: row.ignore_size,
            capacity: row.capacity,
            ours: rule.ours.to_owned(),
            theirs: rule.theirs.to_owned(),
            ratio,
            their_ratio: row.miss_ratio,
            bytes: row.byte_miss_ratio.map(|theirs| (bytes, theirs)),
            agreement: String::new(),
            why: String::new(),
        };
        let variant = |make: Make, rules: &[Named]| variant_misses(make, rules, rule, row, trace);
        let theirs = [
            format!("{:.6}", row.miss_ratio),
            row.byte_miss_ratio.map_or(String::new(), |it| format!("{it:.6}")),
        ];
        let is_theirs = |misses: Misses, theirs: &[String; 2]| {
            let ours = ratios(misses, trace);
            ours[0] == theirs[0] && (row.ignore_size || ours[1] == theirs[1])
        };
        let is_explained = match rule.because {
            Because::Equal | Because::Near => true,
            Because::Rules(make, rules) => {
                variant(make, &[]) == own && is_theirs(variant(make, rules), &theirs)
            }
            Because::Draws(make, rules) => {
                let run = their_runs().iter().find(|it| it.is_of(row)).expect("they have run it");
                compared.why = format!("runs from {:.6} to {:.6}", run.least, run.most);
                variant(make, &[]) == own && is_theirs(variant(make, rules), &run.first)
            }
        };
        if let Because::Rules(make, rules) = rule.because
            && !compared.is_exact()
        {
            let requests = trace.requests.len() as f64;
            let effect = |one: Named| {
                let points = (variant(make, &[one]).count as f64 - own.count as f64) * 100.0 / requests;
                format!("{} {points:+.3}", one.name)
            };
            compared.why = rules.iter().map(|&one| effect(one)).collect::<Vec<_>>().join("; ");
        }
        let agreement = match rule.because {
            _ if !is_explained => "unexplained",
            _ if compared.is_exact() => "equal",
            Because::Rules(..) => "rules",
            Because::Draws(..) if compared.outside_their_runs() <= NEAR => "draws",
            Because::Near if compared.difference().abs() <= NEAR => "near",
            _ => "unexplained",
        };
        compared.agreement = agreement.to_owned();
        compared
    }

    /// Its line in the table; `fidelity.csv` quotes the names with parameters.
    pub(crate) fn line(&self) -> String {
        let unit = if self.is_objects { "objects" } else { "bytes" };
        let bytes = self.bytes.map_or(",".to_owned(), |(ours, theirs)| format!("{ours:.6},{theirs:.6}"));
        format!(
            "{},{unit},{},\"{}\",{},{:.6},{:.6},{bytes},{},{}\n",
            self.trace,
            self.capacity,
            self.ours,
            self.theirs,
            self.ratio,
            self.their_ratio,
            self.agreement,
            self.why
        )
    }

    fn parse(line: &str) -> Self {
        let (before, rest) = line.split_once('"').unwrap();
        let (ours, rest) = rest.split_once('"').unwrap();
        let cells: Vec<_> = before.split(',').chain(rest.split(',')).collect();
        let [trace, unit, capacity, _, _, theirs, ratio, their_ratio, bytes, their_bytes, agreement, why] =
            cells[..]
        else {
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
            agreement: agreement.to_owned(),
            why: why.to_owned(),
        }
    }

    /// Whether nothing is left to explain.
    pub(crate) fn is_explained(&self) -> bool {
        self.agreement != "unexplained"
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

    /// The miss ratios of the best and the worst of their runs, where there are several.
    fn their_runs(&self) -> Option<(f64, f64)> {
        let (least, most) = self.why.strip_prefix("runs from ")?.split_once(" to ")?;
        Some((least.parse().ok()?, most.parse().ok()?))
    }

    /// Points between ours and the nearest of their runs; the results' own is one of them.
    fn outside_their_runs(&self) -> f64 {
        let (least, most) = self.their_runs().unwrap_or((self.their_ratio, self.their_ratio));
        let (least, most) = (least.min(self.their_ratio), most.max(self.their_ratio));
        (least - self.ratio).max(self.ratio - most).max(0.0) * 100.0
    }

    /// What the rule does alone, in points.
    fn effect(&self, rule: &Named) -> Option<f64> {
        let of_rule = |it: &str| it.strip_prefix(rule.name)?.strip_prefix(' ')?.parse().ok();
        self.why.split("; ").find_map(of_rule)
    }
}

/// What libCacheSim's LHD did ten times in a process: `lhd_runs.py`.
struct Runs {
    trace: String,
    unit: String,
    capacity: u64,
    /// The first run's ratios, to the digits printed.
    first: [String; 2],
    least: f64,
    most: f64,
}

impl Runs {
    fn is_of(&self, row: &Reference) -> bool {
        self.trace == row.trace
            && (self.unit == "objects") == row.ignore_size
            && self.capacity == row.capacity
    }
}

fn their_runs() -> &'static [Runs] {
    static RUNS: LazyLock<Vec<Runs>> = LazyLock::new(|| {
        let text = fs::read_to_string(path("libcachesim-lhd.csv")).unwrap();
        let parse = |line: &str| {
            let cells: Vec<_> = line.split(',').collect();
            let [trace, unit, capacity, first, first_bytes, least, most] = cells[..] else {
                panic!("not a run: {line}")
            };
            Runs {
                trace: trace.to_owned(),
                unit: unit.to_owned(),
                capacity: capacity.parse().unwrap(),
                first: [first.to_owned(), first_bytes.to_owned()],
                least: least.parse().unwrap(),
                most: most.parse().unwrap(),
            }
        };
        text.lines().skip(1).map(parse).collect()
    });
    &RUNS
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The lines of the table as it is.
pub(crate) fn table() -> String {
    fs::read_to_string(path("fidelity.csv")).unwrap_or_default()
}

/// Of the rows, how many are equal, and the mean and the worst difference of all.
fn counted(rows: &[&Compared]) -> String {
    let exact = rows.iter().filter(|it| it.is_exact()).count();
    let mean = rows.iter().map(|it| it.difference()).sum::<f64>() / rows.len().max(1) as f64;
    let worst = rows.iter().map(|it| it.difference()).max_by(|a, b| a.abs().total_cmp(&b.abs()));
    let differences = match worst {
        Some(worst) if exact < rows.len() => format!("{mean:+.3}, {worst:+.3}"),
        _ => String::new(),
    };
    if rows.is_empty() { "| ".to_owned() } else { format!("{exact} of {} | {differences}", rows.len()) }
}

/// What makes the rows of a policy agree.
fn because(rule: &Rule, rows: &[&Compared]) -> String {
    let names = |rules: &[Named]| rules.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
    match rule.because {
        Because::Equal => "nothing differs".to_owned(),
        Because::Rules(_, rules) => format!("{}; with them all {} are equal", names(rules), rows.len()),
        Because::Draws(_, rules) => {
            let spread = |it: &&Compared| it.their_runs().map_or(0.0, |(least, most)| most - least) * 100.0;
            let most = |of: &dyn Fn(&&Compared) -> f64| rows.iter().map(of).fold(0.0, f64::max);
            format!(
                "{}; with them all {} are equal to a run of theirs. Ten such runs lie up to {:.1} points apart, and ours \
                 at most {:.2} from the nearest",
                names(rules),
                rows.len(),
                most(&spread),
                most(&|it| it.outside_their_runs())
            )
        }
        Because::Near => "random numbers; half a point is allowed".to_owned(),
    }
}

/// A line for each rule: where it is followed, and what it does alone.
fn rules(compared: &[Compared]) -> String {
    let mut text = String::new();
    for rule in variants::ALL {
        let follows = |it: &&Rule| match it.because {
            Because::Rules(_, rules) | Because::Draws(_, rules) => rules.contains(rule),
            Because::Equal | Because::Near => false,
        };
        let policies: Vec<_> = RULES.iter().filter(follows).map(|it| it.theirs).collect();
        let worst =
            compared.iter().filter_map(|it| it.effect(rule)).max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let worst = worst.map_or(String::new(), |points| format!("{points:+.3}"));
        let _ = writeln!(text, "| {} | {} | {} | {worst} |", rule.name, policies.join(", "), rule.what);
    }
    text
}

/// What `fidelity.md` must say of a table.
fn summary(table: &str) -> String {
    let compared: Vec<_> = table.lines().skip(1).map(Compared::parse).collect();
    let mut text = String::from(
        "# The policies next to libCacheSim's\n\n\
         Miss ratios on real traces against those of libCacheSim 0.3.5 with its default parameters: at 0.1, 1 and 10 %\n\
         of each trace's objects (every size 1) and of its bytes. `fidelity.csv` has every single one. Both files are\n\
         written by the test that compares, `BLESS=1 CNN_FIDELITY=all cargo test -p cnn-policies --test fidelity` (a quarter\n\
         of an hour), and checked by it whenever the traces are there. *Equal* means to all six digits that libCacheSim\n\
         prints, in bytes also of the byte miss ratio. Differences are in points, hundredths of all requests, ours less theirs.\n\n\
         Every row is equal, or explained by rules of theirs, or random. Explained means that the policy was written once\n\
         more with a switch for each rule (`tests/fidelity/variants`): with none of them it misses exactly as ours does, with\n\
         all of them exactly as theirs does, so nothing else differs. The test fails otherwise.\n\n\
         | libCacheSim | here | objects: equal | mean, worst difference | bytes: equal | mean, worst difference | \
         what differs | the driver does as they do |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for rule in RULES {
        let of_rule = |it: &&Compared| it.ours == rule.ours && it.theirs == rule.theirs;
        let rows: Vec<_> = compared.iter().filter(of_rule).collect();
        let (objects, bytes): (Vec<_>, Vec<_>) = rows.iter().partition(|it| it.is_objects);
        let (objects, bytes, because) = (counted(&objects), counted(&bytes), because(rule, &rows));
        let _ = writeln!(
            text,
            "| {} | `{}` | {objects} | {bytes} | {because} | {} |",
            rule.theirs, rule.ours, rule.also
        );
    }
    text += "\n## The rules\n\n\
        What libCacheSim's sources do otherwise than the papers or than is done here, and how far the miss ratio moves when\n\
        the policy here follows that rule alone, at most, in points.\n\n\
        | rule | policies | what they do, and what is done here | alone |\n| --- | --- | --- | --- |\n";
    text + &rules(&compared)
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
        let is_allowed = match (rule.expect("it is compared").because, &*it.agreement) {
            (_, "equal") => it.is_exact(),
            (Because::Rules(..), "rules") => !it.is_exact(),
            (Because::Draws(..), "draws") => it.outside_their_runs() <= NEAR,
            (Because::Near, "near") => it.difference().abs() <= NEAR,
            _ => false,
        };
        assert!(is_allowed, "{}", it.line());
    }
}
