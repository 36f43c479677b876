//! Live proxies side by side.

use super::super::Report;
use super::super::chart::{Chart, Series};
use super::super::live::{all, conditions, remarks, rows};
use super::super::scale::{Kind, Scale};
use super::{escape, table};
use crate::live::LiveReport;

pub(super) fn section(report: &Report) -> String {
    let Some(live) = &report.live else { return String::new() };
    let heads: Vec<String> = all(live).map(|proxy| format!(">{}", proxy.name)).collect();
    let heads: Vec<&str> = std::iter::once("").chain(heads.iter().map(String::as_str)).collect();
    let cells = rows(live).into_iter().map(|row| {
        // What stands under another row is set in, as in the text.
        let name = row[0].replace("  ", "&emsp;");
        std::iter::once(name).chain(row[1..].iter().map(|cell| escape(cell).into_owned())).collect()
    });
    let mut body = format!("<p>{}.</p>\n<div class=\"charts\">\n<div>", escape(&conditions(live)));
    body.push_str(&table(&heads, cells));
    body.push_str("</div>\n<div>");
    body.push_str(&by_round(live));
    for remark in remarks(live) {
        body.push_str(&format!("<p class=\"note\">{}</p>\n", escape(&remark)));
    }
    body.push_str("</div>\n</div>\n");
    super::section("live", "Live proxies", &report.command, &body)
}

/// The mean response time of each round.
fn by_round(live: &LiveReport) -> String {
    let series = all(live).enumerate().map(|(look, proxy)| Series {
        name: proxy.name.clone(),
        look,
        points: (1..).map(f64::from).zip(proxy.round_means_us.iter().map(|us| us / 1000.0)).collect(),
        has_dots: true,
    });
    let series: Vec<Series> = series.collect();
    let points: Vec<(f64, f64)> = series.iter().flat_map(|series| series.points.iter().copied()).collect();
    let chart = Chart {
        title: "Mean response time by round".to_owned(),
        x: ("round", Scale::exact(Kind::Count, points.iter().map(|point| point.0))),
        y: ("milliseconds", Scale::linear(Kind::Number, points.iter().map(|point| point.1))),
        series,
        marks: Vec::new(),
    };
    chart.render()
}
