//! `cnn monitor`: what watches the requests of a running proxy, and what it has counted.

use std::borrow::Cow;
use std::thread;
use std::time::Duration;

use clap::{Args, Subcommand};
use cnn_proxy::admin::command::Verb;
use cnn_proxy::admin::reply::{MetricValues, MonitorList, MonitorStatus, MonitorValues, SeriesValue};

use super::admin::{Admin, one_line};
use super::table::{Table, pairs};
use super::units::{count, micros};
use super::{Failure, argument, help, print};

/// Watch requests with modules, and see what they count
#[derive(Debug, Subcommand)]
pub(super) enum Monitor {
    #[command(about = help(Verb::MonitorAttach))]
    Attach(Attach),
    #[command(about = help(Verb::MonitorDetach))]
    Detach(Detach),
    #[command(about = help(Verb::MonitorList))]
    List(List),
    #[command(about = help(Verb::MonitorShow))]
    Show(Show),
}

impl Monitor {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Attach(attach) => attach.run(),
            Self::Detach(detach) => detach.run(),
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
        }
    }
}

/// How often `--watch` looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cnn monitor attach scripts/monitors/hit-ratio-by-host.rhai\n  cnn monitor attach reuse-distance"
)]
pub(super) struct Attach {
    #[arg(value_name = "NAME", help = argument(Verb::MonitorAttach, "spec"))]
    spec: String,
    #[command(flatten)]
    admin: Admin,
}

impl Attach {
    fn run(self) -> Result<(), Failure> {
        let spec = whole(&self.spec);
        self.admin.show(Verb::MonitorAttach, &[("spec", &spec)], |monitor: &MonitorStatus| {
            format!("{} is attached; `cnn monitor show {}` has its values\n", monitor.name, monitor.name)
        })
    }
}

/// The name, or the whole path of the file: the proxy may run in another folder.
fn whole(spec: &str) -> Cow<'_, str> {
    match std::path::absolute(spec) {
        Ok(path) if cnn_modules::is_file(spec) => Cow::Owned(path.to_string_lossy().into_owned()),
        _ => Cow::Borrowed(spec),
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cnn monitor detach hit-ratio-by-host")]
pub(super) struct Detach {
    #[arg(value_name = "NAME", help = argument(Verb::MonitorDetach, "name"))]
    name: String,
    #[command(flatten)]
    admin: Admin,
}

impl Detach {
    fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::MonitorDetach, &[("name", &self.name)], |monitor: &MonitorStatus| {
            format!("{} is detached; it had seen {}\n", monitor.name, seen(monitor))
        })
    }
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    admin: Admin,
}

impl List {
    fn run(self) -> Result<(), Failure> {
        self.admin.show(Verb::MonitorList, &[], list)
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  cnn monitor show byte-rate --watch\n  cnn monitor show byte-rate --json | jq .metrics"
)]
pub(super) struct Show {
    #[arg(value_name = "NAME", help = argument(Verb::MonitorShow, "name"))]
    name: String,
    /// Show it again every second, until interrupted
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    admin: Admin,
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let arguments = [("name", self.name.as_str())];
        if !self.watch {
            return self.admin.show(Verb::MonitorShow, &arguments, show);
        }
        let client = self.admin.client()?;
        loop {
            let json = client.ask(Verb::MonitorShow.command(), &arguments)?;
            if self.admin.json {
                print(&one_line(&json))?;
            } else {
                let values = serde_json::from_str(&json).map_err(|error| Failure::Ask(error.into()))?;
                print(&format!("{}\n", show(&values)))?;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

fn list(list: &MonitorList) -> String {
    if list.monitors.is_empty() {
        return "no monitor is attached\n".to_owned();
    }
    let mut table = Table::new(["monitor", "", "requests seen", "lost", "faults", "busy", "what it does"]);
    for monitor in &list.monitors {
        table.row([
            monitor.name.clone(),
            monitor.state.clone(),
            count(monitor.requests_seen),
            count(monitor.requests_lost),
            count(monitor.faults),
            micros(monitor.busy_us),
            monitor.summary.clone(),
        ]);
    }
    table.render()
}

fn seen(monitor: &MonitorStatus) -> String {
    let lost = match monitor.requests_lost {
        0 => String::new(),
        lost => format!(", {} lost", count(lost)),
    };
    format!("{} requests{lost}", count(monitor.requests_seen))
}

fn show(values: &MonitorValues) -> String {
    let monitor = &values.monitor;
    let state = match &monitor.reason {
        Some(reason) => format!("{}: {reason}", monitor.state),
        None => monitor.state.clone(),
    };
    let faults = monitor.last_fault.as_ref().filter(|_| monitor.reason.is_none());
    let mut text = pairs([
        ("monitor", Some(monitor.name.clone())),
        ("does", (!monitor.summary.is_empty()).then(|| monitor.summary.clone())),
        ("made of", Some(monitor.spec.clone())),
        ("state", Some(state)),
        ("has seen", Some(seen(monitor))),
        ("faults", faults.map(|last| format!("{}, the last: {last}", count(monitor.faults)))),
        ("was busy", Some(micros(monitor.busy_us))),
        ("attached by", Some(monitor.by.clone())),
    ]);
    for metric in &values.metrics {
        text.push_str(&format!("\n{} ({}): {}\n", metric.name, metric.kind, metric.summary));
        text.push_str(&series_of(metric));
    }
    text
}

fn series_of(metric: &MetricValues) -> String {
    if metric.series.is_empty() {
        return "nothing yet\n".to_owned();
    }
    let is_spread = metric.kind == "histogram";
    let columns: &[&str] = if is_spread { &["count", "mean", "p50", "p90", "p99"] } else { &["value"] };
    let titles = metric.labels.iter().map(String::as_str).chain(columns.iter().copied());
    let rows = metric.series.iter().map(|series| row(metric, series));
    let all: Vec<Vec<String>> = [titles.map(str::to_owned).collect()].into_iter().chain(rows).collect();
    aligned(&all, metric.labels.len())
}

fn row(metric: &MetricValues, series: &SeriesValue) -> Vec<String> {
    let labels = metric.labels.iter().map(|label| series.labels.get(label).cloned().unwrap_or_default());
    let numbers = match (series.value, &series.spread) {
        (_, Some(it)) => {
            vec![count(it.count), number(it.mean), number(it.p50), number(it.p90), number(it.p99)]
        }
        (value, None) => vec![number(value.unwrap_or_default())],
    };
    labels.chain(numbers).collect()
}

/// Columns as wide as their widest: the first ones on the left, numbers on the right.
fn aligned(rows: &[Vec<String>], left: usize) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(&format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end()));
    }
    text
}

/// A number in at most some five digits, or whole.
fn number(value: f64) -> String {
    match value {
        _ if value.fract() == 0.0 && value.abs() < 1e15 => {
            let whole = count(value.abs() as u64);
            if value < 0.0 { format!("-{whole}") } else { whole }
        }
        _ if value.abs() >= 1000.0 => format!("{value:.0}"),
        _ if value.abs() >= 0.01 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_a_table_per_metric() {
        let values: MonitorValues = serde_json::from_str(
            r#"{"name": "by-host", "summary": "hits of each host", "spec": "by-host.rhai", "state": "running",
                "by": "uid=0 pid=7", "requests_seen": 1234, "requests_lost": 5, "busy_us": 1500, "metrics": [
                {"name": "hits", "kind": "counter", "summary": "Hits", "labels": ["host"], "series": [
                    {"labels": {"host": "a.test"}, "value": 12345}, {"labels": {"host": "b.test"}, "value": 0.25}]},
                {"name": "times", "kind": "histogram", "summary": "Seconds", "series": [
                    {"spread": {"count": 2, "sum": 0.003, "mean": 0.0015, "p50": 0.5, "p90": 1, "p99": 2000.5}}]},
                {"name": "none", "kind": "gauge", "summary": "Nothing", "series": []}]}"#,
        )
        .unwrap();
        let expected = "\
monitor      by-host
does         hits of each host
made of      by-host.rhai
state        running
has seen     1,234 requests, 5 lost
was busy     1.5 ms
attached by  uid=0 pid=7

hits (counter): Hits
  host     value
  a.test  12,345
  b.test  0.2500

times (histogram): Seconds
  count     mean     p50  p90   p99
      2  1.50e-3  0.5000    1  2000

none (gauge): Nothing
nothing yet
";
        assert_eq!(show(&values), expected);
    }

    #[test]
    fn a_quarantined_monitor_says_why() {
        let values: MonitorValues = serde_json::from_str(
            r#"{"name": "bad", "spec": "bad.rhai", "state": "quarantined", "reason": "8 faults, the last: line 3: no",
                "last_fault": "line 3: no", "by": "me"}"#,
        )
        .unwrap();
        assert!(show(&values).contains(
            "state        quarantined: 8 faults, the last: line 3: no\nhas seen     0 requests\nwas busy"
        ));
        assert_eq!(list(&MonitorList::default()), "no monitor is attached\n");
    }
}
