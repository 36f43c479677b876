//! `cnn replay`: what a cache would have done with a trace, policy by policy and size by size.

mod live;
mod progress;

use std::cell::LazyCell;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Args;
use cnn_core::policy::{PrepareError, Spec};
use cnn_modules::{BuiltAdmission, Host, Metering, SourceError};
use cnn_replay::Trace;
use cnn_replay::output::{Output, check_distinct};
use cnn_replay::replay::{
    Accounting, Admitting, Ailing, Asked, Bound, Clocked, Contender, Curve, Grid, Instance, Latency, MOKA,
    Options, Outcome, Planned, Policy, Room, RunError, Size, Sweep, Unit, What, curve, geometric, sweep,
};
use cnn_replay::report::{self, Report, command_line, grid};

use self::live::Live;
use self::progress::Bar;
use super::trace::reading::Reading;
use super::{Failure, print};

/// Replay traces: hit ratios, times and evictions of policies and sizes, next to what no policy can beat
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cnn replay access.log
  cnn replay access.log.zst --policy lru,gdsf,s3-fifo --size 1%,10%,64MiB --csv out.csv
  cnn replay access.log --policy lru --size 10% --switch 50%:gdsf:20% --sweep
  cnn replay trace.oracleGeneral.zst --unit documents --policy lru,belady --curve
  cnn replay --live --proxy cnn=http://127.0.0.1:3128 --proxy squid=http://127.0.0.1:3129 access.log

With no policy and size it is lru, gdsf, s3-fifo and sieve at 1% and 10% of all there is to store.
The same command gives the same output, byte by byte, on any number of threads; only --timing adds times measured.")]
pub(super) struct Replay {
    /// The traces: each a row of its own; `-` is standard input
    #[arg(value_name = "TRACE", required = true)]
    traces: Vec<PathBuf>,
    /// Replay all files as one trace, one after the other: a log that was rotated
    #[arg(long)]
    together: bool,
    /// Policies, by name or file and with parameters like `s3-fifo(small=0.2)`; moka, the crate; also infinite and pfoo-l, which are bounds, and belady, a bound with --unit documents
    #[arg(long, value_name = "NAME,...")]
    policy: Vec<String>,
    /// Sizes: bytes like 64MiB (documents with --unit documents), or a share like 10% of all there is to store
    #[arg(long, value_name = "SIZE,...", value_delimiter = ',')]
    size: Vec<Size>,
    /// What sizes are counted in: bytes, or documents that count 1 each
    #[arg(long, value_name = "bytes|documents", default_value = "bytes")]
    unit: Unit,
    /// Charge whole blocks of so many bytes, metadata of 100 included, as a disk store does
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    block: Option<NonZeroU64>,
    /// Make room before a document is stored, or after, so that it may be its own victim (libCacheSim's GDSF)
    #[arg(long, value_name = "before|after", default_value = "before")]
    room: Room,
    /// Store nothing that would fill one part in so many of the cache (libCacheSim's S3-FIFO has 10)
    #[arg(long, value_name = "N")]
    largest: Option<NonZeroU64>,
    /// Ask before storing: an admission policy like `size-threshold(max=64KiB)`, or the file of a module or script
    #[arg(long, value_name = "NAME")]
    admission: Option<String>,
    /// Switch on the way: at a request number, a share like 50% or a time like 2h; re-evaluate a number, 20%, all or flush
    #[arg(long, value_name = "AT:POLICY[:REEVALUATE]")]
    switch: Vec<Planned<String>>,
    /// Carry the switch out re-evaluating 0, 5, 10, 20, 50 % and all, and with a flush: dip, gap and area of each
    #[arg(long, requires = "switch")]
    sweep: bool,
    /// Miss-ratio curves over sizes from a thousandth of all there is to store to all of it, or over --size
    #[arg(long, conflicts_with = "switch")]
    curve: bool,
    /// With --curve: replay this share of the documents, like 10% or 0.1, in caches as much smaller, and state the error
    #[arg(long, value_name = "SHARE", value_parser = share, requires = "curve")]
    sample: Option<f64>,
    /// Add rows of what no policy can beat: infinite, and pfoo-l in bytes or belady in documents
    #[arg(long)]
    bounds: bool,
    /// Threads; all processors when not given
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Measure what runs take, one at a time
    #[arg(long)]
    timing: bool,
    /// Microseconds a hit is taken to last
    #[arg(long, value_name = "US", default_value_t = Latency::default().hit_us)]
    hit_us: u32,
    /// Microseconds until an origin answers, where the trace does not say what a miss took [default: as the misses it
    /// tells of, else 50000]
    #[arg(long, value_name = "US")]
    miss_us: Option<u32>,
    /// Bytes per millisecond that an origin sends then [default: as with the misses it tells of, else 2500]
    #[arg(long, value_name = "BYTES")]
    bytes_per_ms: Option<u32>,
    /// Write the rows as CSV; `-` is standard output, which then has no table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write everything as JSON; `-` as for --csv
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with tables and pictures; `-` as for --csv
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    live: Live,
    #[command(flatten)]
    reading: Reading,
}

/// What is replayed when nobody says.
const POLICIES: &str = "lru,gdsf,s3-fifo,sieve";
const SIZES: [Size; 2] = [Size::Percent(1.0), Size::Percent(10.0)];

/// A number of bytes above 0.
fn bytes(word: &str) -> Result<NonZeroU64, String> {
    match word.parse() {
        Ok(Size::Units(units)) => {
            NonZeroU64::new(units).ok_or_else(|| "expected more than nothing".to_owned())
        }
        _ => Err("expected a number of bytes like 4KiB".to_owned()),
    }
}

/// A share like `1%` or 0.01, as a fraction.
fn share(word: &str) -> Result<f64, String> {
    match word.parse() {
        Ok(Size::Percent(percent)) if percent <= 100.0 => Ok(percent / 100.0),
        _ => match word.parse::<f64>() {
            Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
            _ => Err("expected a share like 1% or 0.01".to_owned()),
        },
    }
}

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        let policies = Policies::default();
        let contenders = self.contenders(&policies)?;
        let options = self.options(&policies)?;
        if self.live.live && self.traces.len() > 1 && !self.together {
            return Err(Failure::Said(
                "--live takes one trace, or several files of it with --together".to_owned(),
            ));
        }
        super::interrupted::clean_up();
        // Before anything is replayed: it would be for nothing if they could not be written.
        let files = self.files()?;
        let traces = self.read()?;
        self.check_switches(&traces, &contenders, &options)?;
        let mut report = Report {
            command: command_line(words()),
            base: base(words(), &self.traces),
            files: self.typed(&traces),
            ..Report::default()
        };
        if let (true, [trace]) = (self.live.live, traces.as_slice()) {
            let latency = self.options_for(trace, &options)?.latency;
            report.live = Some(self.live.compare(trace, latency)?);
        } else if self.sweep {
            report.sweeps = self.sweeps(&traces, &contenders, &options)?;
            report.outcomes = report.sweeps.iter().flat_map(rows_of).collect();
        } else if let Some(rate) = self.sample {
            report.curves = self.sampled(&traces, &contenders, rate, &options)?;
        } else {
            report.outcomes = self.grid(&traces, &contenders, &options)?;
            if self.curve {
                report.curves = traces.iter().flat_map(|trace| Curve::of(&report.outcomes, trace)).collect();
            }
        }
        if self.html.is_some() || self.json.is_some() {
            let censuses = traces.iter().map(report::census::Census::of);
            report.censuses = censuses.collect::<Result<_, _>>()?;
        }
        self.tell(&report, files)
    }

    /// The policies and bounds asked for.
    fn contenders(&self, policies: &Policies) -> Result<Vec<Contender>, Failure> {
        let asked = if self.policy.is_empty() { vec![POLICIES.to_owned()] } else { self.policy.clone() };
        let mut contenders = Vec::new();
        for spec in asked.iter().flat_map(|list| Spec::split(list)).map(str::trim) {
            contenders.push(match Bound::find(spec) {
                None if spec == MOKA => Contender::Moka,
                Some(bound) => Contender::Bound(bound),
                None => Contender::Policy(policies.find(spec, &ROWS)?),
            });
        }
        if self.bounds || self.policy.is_empty() {
            contenders.extend(Bound::fitting(self.unit).iter().copied().map(Contender::Bound));
        }
        Ok(once_each(contenders, |contender| match contender {
            Contender::Policy(policy) => policy.name().to_owned(),
            Contender::Bound(bound) => bound.as_str().to_owned(),
            Contender::Moka => MOKA.to_owned(),
        }))
    }

    fn options(&self, policies: &Policies) -> Result<Options, Failure> {
        let admission = self.admission.as_deref().map(|spec| policies.admission(spec)).transpose()?;
        let switches = self.switch.iter().map(|planned| planned.resolve(|spec| policies.find(spec, &[])));
        Ok(Options {
            accounting: Accounting {
                unit: self.unit,
                block: self.block,
                room: self.room,
                largest: self.largest,
            },
            admission,
            latency: Latency::default(),
            switches: switches.collect::<Result<_, _>>()?,
            windows: None,
        })
    }

    /// The same for a trace, whose log may say what misses take.
    fn options_for(&self, trace: &Trace, options: &Options) -> Result<Options, Failure> {
        let fitted = Latency::fitted(trace).map_err(|error| said(error.into()))?;
        let latency = Latency {
            hit_us: self.hit_us,
            miss_us: self.miss_us.unwrap_or(fitted.miss_us),
            bytes_per_ms: self.bytes_per_ms.unwrap_or(fitted.bytes_per_ms),
        };
        Ok(Options { latency, ..options.clone() })
    }

    fn read(&self) -> Result<Vec<Trace>, Failure> {
        let each = if self.together { self.traces.len() } else { 1 };
        let mut traces = Vec::new();
        for paths in self.traces.chunks(each) {
            let mut trace = self.reading.prepare(paths)?.trace;
            if trace.is_empty() {
                let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
                return Err(Failure::Said(format!("{}: there is no request to replay", names.join(", "))));
            }
            let name = unused(trace.name(), &traces);
            trace.rename(name);
            traces.push(trace);
        }
        Ok(traces)
    }

    /// The files of each trace, as they are typed.
    fn typed(&self, traces: &[Trace]) -> Vec<(String, String)> {
        let each = if self.together { self.traces.len() } else { 1 };
        let files = self
            .traces
            .chunks(each.max(1))
            .map(|paths| command_line(paths.iter().map(|path| path.display().to_string())));
        traces.iter().map(|trace| trace.name().to_owned()).zip(files).collect()
    }

    /// That every switch asked for takes place.
    fn check_switches(
        &self,
        traces: &[Trace],
        contenders: &[Contender],
        options: &Options,
    ) -> Result<(), Failure> {
        if !self.switch.is_empty() && policies(contenders).next().is_none() {
            return Err(Failure::Said(
                "--switch: there is no policy to switch from; name one with --policy".to_owned(),
            ));
        }
        for trace in traces {
            for planned in &options.switches {
                let at = planned.at.request(trace).map_err(|error| said(error.into()))?;
                if at >= trace.len() {
                    let (to, name) = (planned.to.name(), trace.name());
                    return Err(Failure::Said(format!(
                        "--switch to {to}: it would come after the last of the {} requests of {name}",
                        trace.len()
                    )));
                }
            }
        }
        Ok(())
    }

    fn threads(&self) -> usize {
        let available = || thread::available_parallelism().map_or(1, Into::into);
        self.threads.unwrap_or_else(available).max(1)
    }

    fn grid(
        &self,
        traces: &[Trace],
        contenders: &[Contender],
        options: &Options,
    ) -> Result<Vec<Outcome>, Failure> {
        let clocked = if self.timing { Clocked::Yes } else { Clocked::No };
        let mut outcomes = Vec::new();
        // Trace by trace, since the sizes of a curve are each trace's own.
        for trace in traces {
            let (sizes, options) = (self.sizes(trace), self.options_for(trace, options)?);
            let traces = std::slice::from_ref(trace);
            let grid = Grid { traces, contenders, sizes: &sizes, options: &options };
            let bar = Bar::requests(grid.requests());
            outcomes.extend(grid.run(self.threads(), clocked, &|requests| bar.add(requests)).map_err(said)?);
        }
        Ok(outcomes)
    }

    fn sizes(&self, trace: &Trace) -> Vec<Size> {
        match self.size.is_empty() {
            false => once_each(self.size.clone(), |size| size.of(trace, self.unit).to_string()),
            true if self.curve => geometric(trace, self.unit).into_iter().map(Size::Units).collect(),
            true => SIZES.to_vec(),
        }
    }

    /// Every switch asked for, from every policy, at every size.
    fn sweeps(
        &self,
        traces: &[Trace],
        contenders: &[Contender],
        options: &Options,
    ) -> Result<Vec<Sweep>, Failure> {
        let mut sweeps = Vec::new();
        for trace in traces {
            let options = &self.options_for(trace, options)?;
            for from in policies(contenders) {
                for size in self.sizes(trace) {
                    for Planned { at, to, .. } in &options.switches {
                        let bar = Bar::requests(10 * trace.len());
                        let size = size.of(trace, self.unit);
                        let add = |requests| bar.add(requests);
                        let done = sweep(trace, (from, to), *at, size, options, self.threads(), &add);
                        sweeps.push(done.map_err(said)?);
                    }
                }
            }
        }
        Ok(sweeps)
    }

    fn sampled(
        &self,
        traces: &[Trace],
        contenders: &[Contender],
        rate: f64,
        options: &Options,
    ) -> Result<Vec<Curve>, Failure> {
        let policies: Vec<Policy> = policies(contenders).cloned().collect();
        let mut curves = Vec::new();
        for trace in traces {
            let sizes: Vec<_> = self.sizes(trace).into_iter().map(|size| size.of(trace, self.unit)).collect();
            let bar = Bar::requests((2.0 * rate * (trace.len() * sizes.len() as u64) as f64) as u64);
            let add = |requests| bar.add(requests);
            curves
                .extend(curve(trace, &policies, &sizes, rate, options, self.threads(), &add).map_err(said)?);
        }
        Ok(curves)
    }

    /// The files asked for, begun.
    fn files(&self) -> Result<Files, Failure> {
        let asked = [&self.csv, &self.json, &self.html];
        let paths: Vec<&Path> = asked.iter().filter_map(|path| path.as_deref()).collect();
        check_distinct(&self.traces, &paths)?;
        let [csv, json, html] = asked.map(|path| path.as_deref().map(Output::create).transpose());
        Ok(Files { csv: csv?, json: json?, html: html?, has_stdout: paths.contains(&Path::new("-")) })
    }

    /// Writes the files asked for, and the table; and who did not decide alone, wherever the results go.
    fn tell(&self, report: &Report, files: Files) -> Result<(), Failure> {
        report::faults::lines(report).iter().for_each(|line| eprintln!("cnn: {line}"));
        if let Some(file) = files.csv {
            // Rows of what was asked for: what the log says of its own cache is in the table, in JSON and on the page.
            let rows = report.outcomes.iter().filter(|outcome| outcome.what != What::Logged).cloned();
            let text = match (&report.live, report.outcomes.is_empty()) {
                (Some(live), _) => report::live::csv(live),
                (None, _) if !report.sweeps.is_empty() => report::sweep::csv(&report.sweeps),
                (None, false) => grid::csv(&rows.collect::<Vec<_>>()),
                (None, true) => report::curve::csv(&report.curves),
            };
            write(file, &text)?;
        }
        if let Some(file) = files.json {
            write(file, &report::json::text(report))?;
        }
        if let Some(file) = files.html {
            write(file, &report::html::page(report))?;
        }
        if files.has_stdout {
            return Ok(());
        }
        let mut text = report.live.as_ref().map_or_else(String::new, report::live::text);
        if !report.sweeps.is_empty() {
            text.push_str(&report::sweep::text(&report.sweeps));
        } else if !report.outcomes.is_empty() && !self.curve {
            text.push_str(&grid::text(&report.outcomes));
            text.push_str(&report::agreement::text(&report.outcomes));
        }
        text.push_str(&report::curve::text(&report.curves));
        print(&text)
    }
}

/// What a row can be besides a policy.
const ROWS: [&str; 4] = [MOKA, Bound::Infinite.as_str(), Bound::Belady.as_str(), Bound::PfooL.as_str()];

/// Where policies are looked up, modules and scripts among them. Counts instructions, so that they decide alike on any
/// machine.
struct Policies {
    host: LazyCell<Result<Host, String>>,
}

impl Default for Policies {
    fn default() -> Self {
        Self { host: LazyCell::new(|| Host::new(Metering::Fuel, None).map_err(|error| error.to_string())) }
    }
}

impl Policies {
    /// The policy of a spec. Where there is none it is said which there are, and what else could have been named.
    fn find(&self, spec: &str, others: &[&str]) -> Result<Policy, Failure> {
        if !cnn_modules::is_file(spec) {
            return Policy::resolve(spec).map_err(|error| {
                let others = others.iter().map(|&name| name.to_owned());
                let known = super::policy_names().into_iter().map(Into::into).chain(others);
                Failure::Said(format!("{error}; known: {}", known.collect::<Vec<String>>().join(", ")))
            });
        }
        let host = self.host.as_ref().map_err(|error| Failure::Said(error.clone()))?;
        let source = host.source(spec).map_err(|error| Failure::Said(error.to_string()))?;
        Ok(Policy::new(source.name().to_owned(), move |capacity, slots_max| {
            let (prepared, health) = source.prepare(capacity, slots_max)?;
            let health = health.map(|health| Box::new(move || ailing(&health.report())) as _);
            Ok(Instance { prepared, health })
        }))
    }
}

impl Policies {
    /// The admission policy of a spec.
    fn admission(&self, spec: &str) -> Result<Admitting, Failure> {
        if !cnn_modules::is_file(spec) {
            return Admitting::resolve(spec).map_err(|error| {
                let known = cnn_policies::admission::registry().iter().map(|it| (it.manifest)().name);
                Failure::Said(format!("{error}; known: {}", known.collect::<Vec<_>>().join(", ")))
            });
        }
        let host = self.host.as_ref().map_err(|error| Failure::Said(error.clone()))?;
        let source = host.admission(spec).map_err(|error| Failure::Said(error.to_string()))?;
        let name = source.name().to_owned();
        Ok(Admitting::new(name.clone(), move |capacity| {
            let failed =
                |error: SourceError| PrepareError::Module { name: name.clone(), why: error.to_string() };
            let BuiltAdmission { manifest, instance, health } = source.build(capacity).map_err(failed)?;
            Ok(Asked {
                policy: instance,
                hit_events: manifest.hit_events,
                bypasses: manifest.bypasses,
                health: health.map(|health| Box::new(move || ailing(&health.report())) as _),
            })
        }))
    }
}

/// What a module did wrong, by its host's counters.
fn ailing(report: &cnn_modules::Report) -> Ailing {
    Ailing { calls: report.traps.into(), last: report.last_trap.clone(), is_stopped: report.is_silenced }
}

/// Each only once, where it comes first.
fn once_each<T>(all: Vec<T>, key: impl Fn(&T) -> String) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    all.into_iter().filter(|it| seen.insert(key(it))).collect()
}

/// A name that none of the traces has: the one wanted, or that with a number.
fn unused(wanted: &str, traces: &[Trace]) -> String {
    let is_unused = |name: &String| traces.iter().all(|trace| trace.name() != name);
    let numbered = (2..=traces.len() + 1).map(|number| format!("{wanted} ({number})"));
    // Of so many names at least one is not among so many traces.
    std::iter::once(wanted.to_owned()).chain(numbered).find(is_unused).unwrap_or_else(|| wanted.to_owned())
}

fn policies(contenders: &[Contender]) -> impl Iterator<Item = &Policy> {
    contenders.iter().filter_map(|contender| match contender {
        Contender::Policy(policy) => Some(policy),
        Contender::Moka | Contender::Bound(_) => None,
    })
}

/// The runs of a sweep: stayed, always, and each way.
fn rows_of(sweep: &Sweep) -> Vec<Outcome> {
    let ways = sweep.ways.iter().map(|way| &way.outcome);
    [&sweep.stayed, &sweep.always].into_iter().chain(ways).cloned().collect()
}

/// The part of a command line that all rows share: without traces, and without what each row has of its own.
fn base(words: impl Iterator<Item = String>, traces: &[PathBuf]) -> String {
    const WITH_VALUE: [&str; 6] = ["--policy", "--size", "--switch", "--csv", "--json", "--html"];
    const ALONE: [&str; 3] = ["--sweep", "--curve", "--bounds"];
    let mut base = Vec::new();
    let mut words = words;
    while let Some(word) = words.next() {
        let is_given = |flag: &&str| word.strip_prefix(*flag).is_some_and(|rest| rest.starts_with('='));
        if WITH_VALUE.contains(&word.as_str()) {
            words.next();
        } else if !WITH_VALUE.iter().any(is_given)
            && !ALONE.contains(&word.as_str())
            && !traces.iter().any(|trace| trace.as_os_str() == word.as_str())
        {
            base.push(word);
        }
    }
    command_line(base)
}

/// The words of the command line; the program goes by its name, wherever it is.
fn words() -> impl Iterator<Item = String> {
    std::iter::once("cnn".to_owned()).chain(std::env::args().skip(1))
}

fn said(error: RunError) -> Failure {
    Failure::Said(error.to_string())
}

/// The files that are to be written.
struct Files {
    csv: Option<Output>,
    json: Option<Output>,
    html: Option<Output>,
    /// Whether one of them is standard output, which then has nothing else.
    has_stdout: bool,
}

fn write(mut file: Output, text: &str) -> Result<(), Failure> {
    file.write(text.as_bytes())?;
    Ok(file.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_of_a_command_is_what_its_rows_share() {
        let base = |line: &str| base(line.split(' ').map(str::to_owned), &["a.log".into(), "b".into()]);
        assert_eq!(
            base(
                "cnn replay a.log --policy lru,gdsf --unit documents b --size=1% --bounds --switch 5%:lru --csv f"
            ),
            "cnn replay --unit documents"
        );
    }

    #[test]
    fn blocks_and_shares_are_told_from_nonsense() {
        assert_eq!(bytes("4KiB"), Ok(NonZeroU64::new(4096).unwrap()));
        assert_eq!((share("5%"), share("0.1")), (Ok(0.05), Ok(0.1)));
        assert!(["", "5%", "0", "x"].iter().all(|word| bytes(word).is_err()));
        assert!(["", "5", "0%", "101%"].iter().all(|word| share(word).is_err()));
    }
}
