//! The report as one page: no scripts, nothing loaded from anywhere, light or dark as the reader's system is.
//!
//! Every section says with which command its figures come again. Whatever stood in a trace or on the command line is
//! escaped before it gets here.

mod agreement;
mod charts;
mod live;
mod results;
mod switches;

use std::borrow::Cow;

use super::Report;
use super::units::{bytes, count, percent, secs};

/// The page.
pub fn page(report: &Report) -> String {
    let title = match report.censuses.as_slice() {
        [] => "Replay".to_owned(),
        censuses => censuses.iter().map(|census| census.trace.as_str()).collect::<Vec<_>>().join(", "),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} - C/NN replay</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n\
         <p>What a cache would have done with this traffic, replayed by C/NN {version}.</p>\n",
        title = escape(&title),
        version = env!("CARGO_PKG_VERSION"),
    );
    page.push_str(&command(&report.command));
    for line in super::faults::lines(report) {
        page.push_str(&format!("<p class=\"warning\">{}.</p>\n", escape(&line)));
    }
    page.push_str("</header>\n<main>\n");
    // Where curves were asked for, they are what the page is about.
    let (results, ratios) = (results::section(report), charts::ratios(report));
    let (first, second) = if report.curves.is_empty() { (results, ratios) } else { (ratios, results) };
    let parts = [
        first,
        second,
        charts::timelines(report),
        switches::section(report),
        agreement::section(report),
        live::section(report),
        traffic(report),
    ];
    parts.iter().for_each(|part| page.push_str(part));
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// What the traces are like: their figures, sizes and popularity.
fn traffic(report: &Report) -> String {
    let mut body = String::new();
    for census in &report.censuses {
        let once = census.asked_once as f64 / census.documents.max(1) as f64;
        let facts = [
            ("requests", count(census.requests)),
            ("documents", count(census.documents)),
            ("asked for once", format!("{} ({})", count(census.asked_once), percent(once))),
            ("bytes asked for", bytes(census.bytes)),
            ("bytes of all documents", bytes(census.unique_bytes)),
            ("span", secs(census.span_us / 1_000_000)),
        ];
        body.push_str(&format!("<h3>{}</h3>\n<dl class=\"facts\">", escape(&census.trace)));
        for (name, value) in facts {
            body.push_str(&format!("<div><dt>{name}</dt><dd>{value}</dd></div>"));
        }
        body.push_str("</dl>\n<div class=\"charts\">\n");
        body.push_str(&charts::sizes(census));
        body.push_str(&charts::popularity(census));
        body.push_str("</div>\n");
    }
    section("traffic", "The traffic", &report.command, &body)
}

/// A section with the command that makes its figures again; nothing when there is nothing to say.
fn section(id: &str, title: &str, made_by: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section id=\"{id}\">\n<h2>{title}</h2>\n{body}{}</section>\n", command(made_by))
}

/// What is shown when somebody asks for it, where there is more of it than a page is read for.
fn folded(count: usize, most: usize, what: &str, body: &str) -> String {
    if count <= most {
        return body.to_owned();
    }
    format!("<details><summary>{count} {what}</summary>\n{body}</details>\n")
}

fn command(line: &str) -> String {
    if line.is_empty() {
        return String::new();
    }
    format!("<pre class=\"command\"><code>{}</code></pre>\n", escape(line))
}

/// A table: a head that starts with `>` is of a column of numbers. Cells are HTML.
fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let is_number = |at: usize| heads.get(at).is_some_and(|head| head.starts_with('>'));
    let class = |at: usize| if is_number(at) { " class=\"number\"" } else { "" };
    let mut text = String::from("<div class=\"wide\"><table>\n<thead><tr>");
    for (at, head) in heads.iter().enumerate() {
        text.push_str(&format!("<th{}>{}</th>", class(at), escape(head.trim_start_matches('>'))));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        text.push_str("<tr>");
        for (at, cell) in row.iter().enumerate() {
            text.push_str(&format!("<td{}>{cell}</td>", class(at)));
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n");
    text
}

/// A cell that shows a share of 1 as a bar behind its number.
fn bar(share: Option<f64>, text: &str) -> String {
    let percent = share.unwrap_or(0.0).clamp(0.0, 1.0) * 100.0;
    format!("<span class=\"bar\" style=\"--share:{percent:.1}%\">{}</span>", escape(text))
}

/// Text as HTML shows it.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) && !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if character.is_control() && character != '\n' => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

const STYLE: &str = include_str!("html/style.css");

#[cfg(test)]
mod tests;
