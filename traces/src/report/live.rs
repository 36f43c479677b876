//! What a live comparison found, for people and for scripts. Proxies stand side by side: they are few, and what is asked
//! of them is much.

use super::csv::{Csv, ratio};
use super::table::Table;
use super::units::{bytes, count, percent, secs};
use crate::live::{LiveReport, ProxyReport, Times};

/// The comparison as text: one column per proxy, and what can be said of their means.
pub fn text(report: &LiveReport) -> String {
    let heads: Vec<String> = all(report).map(|proxy| format!(">{}", proxy.name)).collect();
    let mut table = Table::new(std::iter::once("").chain(heads.iter().map(String::as_str)));
    rows(report).into_iter().for_each(|row| table.row(row));
    let mut text = format!("{}: {}\n\n{}", report.trace, conditions(report), table.render());
    for line in remarks(report) {
        text.push('\n');
        text.push_str(&line);
    }
    text.push('\n');
    text
}

/// No proxy, then the proxies.
pub(super) fn all(report: &LiveReport) -> impl Iterator<Item = &ProxyReport> {
    std::iter::once(&report.direct).chain(&report.proxies)
}

/// How they were compared.
pub(super) fn conditions(report: &LiveReport) -> String {
    let LiveReport { requests, rounds, pace, latency, .. } = report;
    format!("{} requests in {rounds} rounds, {pace}; latency of the origin: {latency}", count(*requests))
}

/// What is told, and the figure of each.
pub(super) fn rows(report: &LiveReport) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, of: &dyn Fn(&ProxyReport) -> Option<String>| {
        let cells = all(report).map(|proxy| of(proxy).unwrap_or_else(|| "-".to_owned()));
        rows.push(std::iter::once(name.to_owned()).chain(cells).collect());
    };
    let proxied = |proxy: &ProxyReport| proxy.added.is_some();
    row("answered", &|proxy| Some(count(proxy.answered)));
    row("errors", &|proxy| Some(count(proxy.errors())));
    row("hit ratio", &|proxy| proxied(proxy).then(|| percent(proxy.hit_ratio())));
    row("byte hit ratio", &|proxy| proxied(proxy).then(|| percent(proxy.byte_hit_ratio())));
    for (name, of) in TIMES {
        let has_any = |proxy: &ProxyReport| of(proxy).most_us > 0.0;
        row(&format!("{name}, mean"), &|proxy| has_any(proxy).then(|| micros(of(proxy).mean_us)));
        row("  half within", &|proxy| has_any(proxy).then(|| micros(of(proxy).p50_us)));
        row("  95 of 100 within", &|proxy| has_any(proxy).then(|| micros(of(proxy).p95_us)));
        row("  99 of 100 within", &|proxy| has_any(proxy).then(|| micros(of(proxy).p99_us)));
    }
    row("added to a hit, at most", &|proxy| Some(micros(proxy.added?.hit_us)));
    row("added to a miss", &|proxy| Some(micros(proxy.added?.miss_us)));
    row("from the origin", &|proxy| Some(count(proxy.origin_requests)));
    row("  its bytes", &|proxy| Some(bytes(proxy.origin_bytes)));
    row("processor time per request", &|proxy| proxy.cpu_us.map(micros));
    row("connections opened again", &|proxy| Some(count(proxy.reconnects)));
    row("took", &|proxy| Some(secs(proxy.seconds.round() as u64)));
    rows
}

/// Kinds of answers whose times are told apart.
type OfProxy = fn(&ProxyReport) -> &Times;
const TIMES: [(&str, OfProxy); 4] = [
    ("response time", |proxy| &proxy.all),
    ("hits", |proxy| &proxy.hit),
    ("misses", |proxy| &proxy.miss),
    ("misses, above the origin's latency", |proxy| &proxy.miss_above_origin),
];

/// What is to be said besides the figures: who is faster, and what went wrong.
pub fn remarks(report: &LiveReport) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some((first, others)) = report.proxies.split_first() {
        for other in others {
            if let Some((slower_us, reach_us)) = first.slower_than(other) {
                let word = if slower_us < 0.0 { "below" } else { "above" };
                lines.push(format!(
                    "mean response time of {}: {} {word} {}'s (95 % interval by rounds: {} to either side)",
                    first.name,
                    micros(slower_us.abs()),
                    other.name,
                    micros(reach_us)
                ));
            }
        }
    }
    if report.held_shorter > 0 {
        let longest = secs(crate::live::Hold::MAX.as_secs());
        lines.push(format!(
            "{} documents took longer than {longest} and were held back so long",
            count(report.held_shorter)
        ));
    }
    for proxy in all(report) {
        for (why, times) in &proxy.failures {
            lines.push(format!("{}: {} x {why}", proxy.name, count(*times)));
        }
        if proxy.wrong > 0 {
            lines.push(format!("{}: {} x a body with a wrong byte", proxy.name, count(proxy.wrong)));
        }
    }
    lines
}

/// The comparison as CSV: a row for each proxy, the first without any.
pub fn csv(report: &LiveReport) -> String {
    let mut csv = Csv::new(&[
        "trace",
        "proxy",
        "requests",
        "errors",
        "hits",
        "hit_ratio",
        "byte_hit_ratio",
        "mean_us",
        "p50_us",
        "p95_us",
        "p99_us",
        "hit_mean_us",
        "hit_p99_us",
        "miss_mean_us",
        "miss_p99_us",
        "added_hit_us",
        "added_miss_us",
        "origin_requests",
        "origin_bytes",
        "cpu_us",
        "seconds",
    ]);
    for proxy in all(report) {
        let times = |times: f64| format!("{times:.1}");
        csv.row([
            report.trace.clone(),
            proxy.name.clone(),
            report.requests.to_string(),
            proxy.errors().to_string(),
            proxy.hits.to_string(),
            ratio(proxy.hit_ratio()),
            ratio(proxy.byte_hit_ratio()),
            times(proxy.all.mean_us),
            times(proxy.all.p50_us),
            times(proxy.all.p95_us),
            times(proxy.all.p99_us),
            times(proxy.hit.mean_us),
            times(proxy.hit.p99_us),
            times(proxy.miss.mean_us),
            times(proxy.miss.p99_us),
            proxy.added.map_or_else(String::new, |added| times(added.hit_us)),
            proxy.added.map_or_else(String::new, |added| times(added.miss_us)),
            proxy.origin_requests.to_string(),
            proxy.origin_bytes.to_string(),
            proxy.cpu_us.map_or_else(String::new, times),
            format!("{:.3}", proxy.seconds),
        ]);
    }
    csv.finish()
}

/// A time in microseconds to three digits.
pub(super) fn micros(us: f64) -> String {
    match us.abs() {
        ..99.95 => format!("{us:.1} us"),
        ..999.5 => format!("{us:.0} us"),
        ..9_995.0 => format!("{:.2} ms", us / 1e3),
        ..99_950.0 => format!("{:.1} ms", us / 1e3),
        ..999_500.0 => format!("{:.0} ms", us / 1e3),
        _ => format!("{:.2} s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::live as report;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        for line in expected {
            let is_it = |own: &str| own.split_whitespace().eq(line.split_whitespace());
            assert!(text.lines().any(is_it), "no line {line:?} in\n{text}");
        }
    }

    #[test]
    fn proxies_stand_side_by_side_and_errors_are_told() {
        check(
            &text(&report()),
            &[
                "t: 102 requests in 2 rounds, closed loop, 8 connections; latency of the origin: as logged",
                "no proxy a b",
                "errors 0 0 2",
                "hit ratio - 80.0 % 80.0 %",
                "response time, mean 20.0 ms 4.00 ms 4.50 ms",
                "added to a miss - 150 us 150 us",
                "processor time per request - 12.3 us -",
                "mean response time of a: 500 us below b's (95 % interval by rounds: 0.0 us to either side)",
                "b: 2 x answered `HTTP/1.1 503 No`",
            ],
        );
    }

    #[test]
    fn times_have_three_digits() {
        let shown = [0.0, 86.04, 99.96, 683.2, 999.6, 6837.0, 12_340.0, 99_960.0, 1_234_567.0].map(micros);
        assert_eq!(
            shown.join(", "),
            "0.0 us, 86.0 us, 100 us, 683 us, 1.00 ms, 6.84 ms, 12.3 ms, 100 ms, 1.23 s"
        );
    }

    #[test]
    fn scripts_get_a_row_per_proxy() {
        let csv = csv(&report());
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!(rows.len(), 4);
        assert!(rows[1].starts_with("t,no proxy,102,0,0,0.000000,0.500000,20000.0,"), "{csv}");
        assert!(rows[3].starts_with("t,b,102,2,80,0.800000,0.500000,4500.0,"), "{csv}");
        assert!(rows[3].ends_with(",60.0,150.0,20,500,,2.000"), "{csv}");
        assert!(rows.iter().all(|row| row.split(',').count() == rows[0].split(',').count()));
    }
}
