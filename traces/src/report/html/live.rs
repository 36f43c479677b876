//! Live proxies side by side.

use super::super::Report;
use super::super::live::{micros, remarks};
use super::super::units::{bytes, count, percent};
use super::{bar, escape, table};
use crate::live::ProxyReport;

pub(super) fn section(report: &Report) -> String {
    let Some(live) = &report.live else { return String::new() };
    let all = || std::iter::once(&live.direct).chain(&live.proxies);
    let slowest = all().map(|proxy| proxy.all.mean_us).fold(1.0, f64::max);
    let heads = [
        "",
        "mean response time",
        ">half within",
        ">95 of 100",
        ">99 of 100",
        ">hit, mean",
        ">added to a miss",
        ">hit ratio",
        ">byte hit ratio",
        ">from the origin",
        ">processor per request",
        ">errors",
    ];
    let rows = all().map(|proxy: &ProxyReport| {
        let dash = || "-".to_owned();
        let added = |of: fn(crate::live::Added) -> f64| proxy.added.map(of).map_or_else(dash, micros);
        let proxied = |text: String| if proxy.added.is_some() { text } else { dash() };
        vec![
            escape(&proxy.name).into_owned(),
            bar(Some(proxy.all.mean_us / slowest), &micros(proxy.all.mean_us)),
            micros(proxy.all.p50_us),
            micros(proxy.all.p95_us),
            micros(proxy.all.p99_us),
            added(|added| added.hit_us),
            added(|added| added.miss_us),
            proxied(percent(proxy.hit_ratio())),
            proxied(percent(proxy.byte_hit_ratio())),
            bytes(proxy.origin_bytes),
            proxy.cpu_us.map_or_else(dash, micros),
            count(proxy.errors()),
        ]
    });
    let mut body = format!(
        "<p>{} requests in {} rounds, {}; latency of the origin: {}.</p>\n{}",
        count(live.requests),
        live.rounds,
        escape(&live.pace),
        escape(&live.latency),
        table(&heads, rows)
    );
    for remark in remarks(live) {
        body.push_str(&format!("<p class=\"note\">{}</p>\n", escape(&remark)));
    }
    super::section("live", "Live proxies", &report.command, &body)
}
