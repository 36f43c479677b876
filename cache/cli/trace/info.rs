//! `cnn trace info`

use std::path::PathBuf;

use clap::Args;
use cnn_replay::info::{self, Counted, Percentiles};

use super::meter::Meter;
use super::reading::Reading;
use crate::cli::table::{self, Table};
use crate::cli::units::{bytes, count, micros, percent, plural, secs};
use crate::cli::{Failure, print};

/// Say what is in logs and traces: how much, how popular, how large, and what the cache that wrote them did
#[derive(Debug, Args)]
#[command(after_help = "Several files are read one after the other, as one trace.

Examples:
  cnn trace info access.log
  cnn trace info access.log.2.gz access.log.1 access.log --squid-rules
  zcat access.log.gz | cnn trace info - --json")]
pub(crate) struct Info {
    /// The files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Lines of result codes, types and origins that are shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

impl Info {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut meter = Meter::new("reading");
        let info =
            info::Info::of(&self.files, &self.reading.options(), &mut |progress| meter.read(progress))?;
        meter.end();
        if self.json {
            let json = serde_json::to_string(&info).map_err(|error| Failure::Said(error.to_string()))?;
            return print(&format!("{json}\n"));
        }
        print(&render(&info, self.top))
    }
}

fn render(info: &info::Info, top: usize) -> String {
    let mut text = files(&info.files);
    text.push('\n');
    text.push_str(&summary(info));
    text.push('\n');
    text.push_str(&distributions(info));
    for (head, counted) in [
        ("result code", &info.result_codes),
        ("method", &info.methods),
        ("content type", &info.content_types),
        ("origin", &info.origins),
        ("ignored", &info.ignored),
    ] {
        text.push_str(&most(head, counted, top));
    }
    text
}

fn files(files: &[info::FileInfo]) -> String {
    let mut table = Table::new(["file", "format", "packing", ">lines", ">damaged"]);
    for file in files {
        let path = file.path.display().to_string();
        let packing = file.packing.to_owned();
        table.row([path, file.format.to_owned(), packing, count(file.lines), count(file.damaged)]);
    }
    let mut text = table.render();
    for file in files {
        for line in &file.first_damaged {
            text.push_str(&format!("{}:{line}\n", file.path.display()));
        }
    }
    text
}

fn summary(info: &info::Info) -> String {
    let rate = if info.span_secs > 0.0 { info.requests as f64 / info.span_secs } else { 0.0 };
    let logged = info.logged.as_ref();
    table::pairs([
        ("requests", Some(count(info.requests))),
        (
            "documents",
            Some(format!(
                "{}, {} of them requested once",
                count(info.documents),
                percent(info.one_hit_documents)
            )),
        ),
        ("bytes requested", Some(bytes(info.bytes))),
        ("bytes of documents", Some(bytes(info.unique_bytes))),
        ("span", Some(format!("{}, {rate:.1} requests/s", secs(info.span_secs as u64)))),
        ("cacheable", Some(format!("{} of requests", percent(info.cacheable_requests)))),
        ("new versions", Some(count(info.new_versions))),
        ("most popular 1 %", Some(format!("{} of requests", percent(info.top_percent_requests)))),
        (
            "at best",
            Some(format!(
                "{} hits, {} of bytes, with a cache without limits",
                percent(info.hit_ratio_max),
                percent(info.byte_hit_ratio_max)
            )),
        ),
        (
            "as logged",
            logged.map(|logged| {
                let (hits, of_bytes) = (percent(logged.hit_ratio), percent(logged.byte_hit_ratio));
                format!("{hits} hits, {of_bytes} of bytes, of {}", plural(logged.requests, "request"))
            }),
        ),
    ])
}

fn distributions(info: &info::Info) -> String {
    let mut table = Table::new(["", ">10 %", ">median", ">90 %", ">99 %", ">largest", ">mean"]);
    let mut row = |name: &str, of: &Percentiles, unit: fn(u64) -> String, mean: String| {
        let cells = [of.p10, of.p50, of.p90, of.p99, of.max].map(unit);
        table.row([vec![name.to_owned()], cells.to_vec(), vec![mean]].concat());
    };
    let mean_of = |of: &Percentiles, unit: fn(u64) -> String| unit(of.mean.round() as u64);
    row(
        "requests per document",
        &info.requests_per_document,
        count,
        format!("{:.2}", info.requests_per_document.mean),
    );
    row("document size", &info.document_bytes, bytes, mean_of(&info.document_bytes, bytes));
    row("requested size", &info.request_bytes, bytes, mean_of(&info.request_bytes, bytes));
    if let Some(elapsed) = &info.elapsed_us {
        row("response time", elapsed, micros, mean_of(elapsed, micros));
    }
    table.render()
}

/// The most frequent ones with their share; nothing when there are none.
fn most(head: &str, counted: &[Counted], top: usize) -> String {
    if counted.is_empty() {
        return String::new();
    }
    let all: u64 = counted.iter().map(|counted| counted.count).sum();
    let mut table = Table::new([head, ">count", ">share"]);
    for counted in counted.iter().take(top) {
        let share = counted.count as f64 / all as f64;
        table.row([counted.name.clone(), count(counted.count), percent(share)]);
    }
    if counted.len() > top {
        let rest: u64 = counted[top..].iter().map(|counted| counted.count).sum();
        let others = format!("({} others)", count((counted.len() - top) as u64));
        table.row([others, count(rest), percent(rest as f64 / all as f64)]);
    }
    format!("\n{}", table.render())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_are_listed_and_the_others_summed_up() {
        let counted: Vec<Counted> = [("a", 6), ("b", 3), ("c", 1)]
            .map(|(name, count)| Counted { name: name.to_owned(), count })
            .into();
        let expected = "\norigin      count   share\na               6  60.0 %\n(2 others)      4  40.0 %\n";
        assert_eq!(most("origin", &counted, 1), expected);
        assert_eq!(most("origin", &[], 1), "");
    }
}
