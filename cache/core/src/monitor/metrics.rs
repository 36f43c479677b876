//! What a monitor publishes: counters, gauges and histograms that it has declared, in series told apart by labels.
//! Everything is bounded, whatever the monitor does: metrics, labels, the length of a label's value, and series, of
//! which those too many are counted together as `other`.

use std::fmt;
use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashTable;
use thiserror::Error;

use super::histogram::Histogram;
use super::records::cut;
use crate::limits::{
    MONITOR_LABEL_BYTES_MAX, MONITOR_LABELS_MAX, MONITOR_NAME_BYTES_MAX, MONITOR_SERIES_MAX,
};

/// The kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How a value is spread.
    Histogram,
}

impl Shape {
    /// The word for it in manifests, replies and on Prometheus's page.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }

    /// What a script calls to publish one.
    const fn call(self) -> &'static str {
        match self {
            Self::Counter => "count",
            Self::Gauge => "gauge",
            Self::Histogram => "observe",
        }
    }
}

/// A metric as its monitor declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name: lower case letters, digits and `_`.
    pub name: String,
    /// The names of its labels, which every series has.
    pub labels: Vec<String>,
    /// Its kind.
    pub shape: Shape,
    /// What it says.
    pub summary: String,
}

/// Endings that Prometheus, or its exporters, give a meaning.
const RESERVED: [&str; 4] = ["_total", "_bucket", "_sum", "_count"];

impl Declared {
    /// Reads `NAME counter|gauge|histogram SUMMARY`, or `NAME{LABEL,LABEL} ...`.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "NAME counter|gauge|histogram SUMMARY, or NAME{LABEL,...} and so on";
        let (name, rest) = text.split_once(char::is_whitespace).ok_or(EXPECTED)?;
        let (shape, summary) = rest.trim_start().split_once(char::is_whitespace).ok_or(EXPECTED)?;
        let (name, labels) = match name.split_once('{') {
            None => (name, Vec::new()),
            Some((name, labels)) => {
                (name, labels.strip_suffix('}').ok_or(EXPECTED)?.split(',').map(str::trim).collect())
            }
        };
        if !is_name(name) || RESERVED.iter().any(|ending| name.ends_with(ending)) {
            return Err(
                "a metric's name: lower case letters, digits and _, beginning with a letter, at most 60, not \
                        ending in _total, _bucket, _sum or _count",
            );
        }
        let is_twice = |label: &&str| labels.iter().filter(|other| *other == label).count() > 1;
        let is_ours = |label: &&str| matches!(*label, "monitor" | "le");
        if labels.len() > MONITOR_LABELS_MAX || !labels.iter().all(|label| is_name(label)) {
            return Err("at most 3 labels of lower case letters, digits and _, beginning with a letter");
        }
        if labels.iter().any(|label| is_twice(label) || is_ours(label)) {
            return Err("every label once, and none called monitor or le");
        }
        let shape = match shape {
            "counter" => Shape::Counter,
            "gauge" => Shape::Gauge,
            "histogram" => Shape::Histogram,
            _ => return Err(EXPECTED),
        };
        Ok(Self {
            name: name.to_owned(),
            labels: labels.into_iter().map(str::to_owned).collect(),
            shape,
            summary: summary.trim().to_owned(),
        })
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= MONITOR_NAME_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.labels.is_empty() {
            write!(f, "{{{}}}", self.labels.join(","))?;
        }
        Ok(())
    }
}

/// What is wrong with something published.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum PublishError {
    /// There is no such metric.
    #[error("no metric {name:?} is declared; there is {known}")]
    NoMetric {
        /// The name that was given.
        name: String,
        /// Those there are.
        known: String,
    },
    /// It is of another kind.
    #[error("{name} is declared as a {shape}: use {call}", shape = .shape.as_str(), call = .shape.call())]
    Shape {
        /// Its name.
        name: String,
        /// Its kind.
        shape: Shape,
    },
    /// The labels are others.
    #[error("{0} is published with other labels than it is declared with")]
    Labels(Declared),
    /// The value is not one.
    #[error("{name} cannot be {value}: expected a finite number{}", if *.is_counter { ", and for a counter not below 0" } else { "" })]
    Value {
        /// The metric.
        name: String,
        /// The value given.
        value: f64,
        /// Whether it is a counter.
        is_counter: bool,
    },
}

/// The value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Spread(Box<Histogram>),
}

/// A metric with the values of its labels.
#[derive(Clone, Debug)]
pub struct Series {
    /// Values, in the order of the declared labels.
    pub labels: Arc<[Box<str>]>,
    /// What was published.
    pub value: Value,
}

/// A metric with its series.
#[derive(Clone, Debug)]
pub struct Family {
    declared: Arc<Declared>,
    // Invariant: at most MONITOR_SERIES_MAX and the one for all others.
    series: HashTable<Series>,
    /// Publications that went to the series of all others.
    overflowed: u64,
}

/// The metrics of one monitor.
#[derive(Clone, Debug)]
pub struct Metrics {
    families: Vec<Family>,
    hasher: RandomState,
}

/// What stands for the values of labels beyond those that can be told apart.
const OTHER: &str = "other";

impl Default for Metrics {
    fn default() -> Self {
        Self::new([])
    }
}

impl Metrics {
    /// Nothing published yet.
    pub fn new(declared: impl IntoIterator<Item = Declared>) -> Self {
        let family =
            |declared| Family { declared: Arc::new(declared), series: HashTable::new(), overflowed: 0 };
        // Fixed seeds do: whoever chooses labels that collide makes a table of some hundred entries slower, its own.
        Self {
            families: declared.into_iter().map(family).collect(),
            hasher: RandomState::with_seeds(1, 2, 3, 4),
        }
    }

    /// All of them, in the order in which they are declared.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The number of a metric, by which it is published.
    ///
    /// # Errors
    /// When none of this name is declared.
    pub fn number(&self, name: &str) -> Result<usize, PublishError> {
        let found = self.families.iter().position(|family| family.declared.name == name);
        found.ok_or_else(|| PublishError::NoMetric {
            name: name.chars().take(MONITOR_NAME_BYTES_MAX).collect(),
            known: self
                .families
                .iter()
                .map(|family| family.declared.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// Adds to a counter.
    ///
    /// # Errors
    /// When there is no counter of this number, the labels are not those declared, or the value is not finite or is
    /// below 0.
    pub fn count(&mut self, number: usize, labels: &[&str], value: f64) -> Result<(), PublishError> {
        self.publish(number, Shape::Counter, labels, value, |place| {
            if let Value::Number(sum) = place {
                *sum += value;
            }
        })
    }

    /// Sets a gauge.
    ///
    /// # Errors
    /// When there is no gauge of this number, the labels are not those declared, or the value is not finite.
    pub fn gauge(&mut self, number: usize, labels: &[&str], value: f64) -> Result<(), PublishError> {
        self.publish(number, Shape::Gauge, labels, value, |place| *place = Value::Number(value))
    }

    /// Counts a value in a histogram so many times.
    ///
    /// # Errors
    /// When there is no histogram of this number, the labels are not those declared, or the value is not finite.
    pub fn observe(
        &mut self,
        number: usize,
        labels: &[&str],
        value: f64,
        times: u64,
    ) -> Result<(), PublishError> {
        self.publish(number, Shape::Histogram, labels, value, |place| {
            if let Value::Spread(histogram) = place {
                histogram.observe(value, times);
            }
        })
    }

    fn publish(
        &mut self,
        number: usize,
        shape: Shape,
        labels: &[&str],
        value: f64,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), PublishError> {
        let Some(family) = self.families.get_mut(number) else {
            return Err(PublishError::NoMetric { name: number.to_string(), known: String::new() });
        };
        let declared = &family.declared;
        if declared.shape != shape {
            return Err(PublishError::Shape { name: declared.name.clone(), shape: declared.shape });
        }
        if labels.len() != declared.labels.len() {
            return Err(PublishError::Labels((**declared).clone()));
        }
        let is_counter = shape == Shape::Counter;
        if !value.is_finite() || (is_counter && value < 0.0) {
            return Err(PublishError::Value { name: declared.name.clone(), value, is_counter });
        }
        change(family.series(labels, &self.hasher));
        Ok(())
    }

    /// The value of a series, for whoever decides by it. Labels are in the order in which they are declared.
    pub fn value(&self, name: &str, labels: &[&str]) -> Option<&Value> {
        let family = self.families.iter().find(|family| family.declared.name == name)?;
        let found = family.series.find(hash(&self.hasher, labels), |series| is_of(series, labels))?;
        Some(&found.value)
    }
}

impl Family {
    /// What was declared.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// Its series, in the order of their labels.
    pub fn sorted(&self) -> Vec<&Series> {
        let mut series: Vec<_> = self.series.iter().collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        series
    }

    /// How often something was counted as `other` because there are too many series.
    pub const fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// The value of the series with these labels, or of that for all others.
    fn series(&mut self, labels: &[&str], hasher: &RandomState) -> &mut Value {
        let mut short = [""; MONITOR_LABELS_MAX];
        for (short, label) in short.iter_mut().zip(labels) {
            *short = cut(label, MONITOR_LABEL_BYTES_MAX);
        }
        let mut labels = &short[..labels.len()];
        let is_known = self.series.find(hash(hasher, labels), |series| is_of(series, labels)).is_some();
        if !is_known && self.series.len() >= MONITOR_SERIES_MAX {
            self.overflowed += 1;
            labels = &[OTHER; MONITOR_LABELS_MAX][..labels.len()];
        }
        let rehash = |series: &Series| hash_owned(hasher, &series.labels);
        let entry = self.series.entry(hash(hasher, labels), |series| is_of(series, labels), rehash);
        let new = || Series {
            labels: labels.iter().map(|label| Box::from(*label)).collect(),
            value: match self.declared.shape {
                Shape::Histogram => Value::Spread(Box::default()),
                Shape::Counter | Shape::Gauge => Value::Number(0.0),
            },
        };
        &mut entry.or_insert_with(new).into_mut().value
    }
}

fn is_of(series: &Series, labels: &[&str]) -> bool {
    series.labels.iter().map(|label| &**label).eq(labels.iter().copied())
}

fn hash(hasher: &RandomState, labels: &[&str]) -> u64 {
    hasher.hash_one(labels)
}

fn hash_owned(hasher: &RandomState, labels: &[Box<str>]) -> u64 {
    hasher.hash_one(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let lines =
            ["requests{host} counter Requests", "rate gauge Bytes per second", "wait histogram Seconds"];
        Metrics::new(lines.map(|line| Declared::parse(line).unwrap()))
    }

    fn number(metrics: &Metrics, name: &str, labels: &[&str]) -> Option<f64> {
        match metrics.value(name, labels)? {
            Value::Number(number) => Some(*number),
            Value::Spread(histogram) => histogram.mean(),
        }
    }

    #[test]
    fn a_declaration_is_a_name_a_kind_and_a_summary() {
        let check = |line: &str, expected: &str| {
            let said = match Declared::parse(line) {
                Ok(declared) => format!("{declared} {} {}", declared.shape.as_str(), declared.summary),
                Err(expected) => expected.to_owned(),
            };
            assert!(said.contains(expected), "{line}: {said}");
        };
        check("hits counter Requests that were hits", "hits counter Requests that were hits");
        check("hits{host,type} gauge X", "hits{host,type} gauge X");
        check("hits{host, gauge X", "NAME counter|gauge|histogram");
        check("hits counter", "NAME counter|gauge|histogram");
        check("hits meter X", "NAME counter|gauge|histogram");
        check("Hits counter X", "lower case letters");
        check("hits_total counter X", "not ending in _total");
        check("h-its counter X", "lower case letters");
        check("hits{} counter X", "at most 3 labels");
        check("hits{a,b,c,d} counter X", "at most 3 labels");
        check("hits{a,a} counter X", "every label once");
        check("hits{le} counter X", "none called monitor or le");
    }

    #[test]
    fn counters_add_gauges_are_set_histograms_spread() {
        let mut metrics = metrics();
        let [requests, rate, wait] = ["requests", "rate", "wait"].map(|name| metrics.number(name).unwrap());
        metrics.count(requests, &["a"], 1.0).unwrap();
        metrics.count(requests, &["a"], 2.0).unwrap();
        metrics.count(requests, &["b"], 1.0).unwrap();
        metrics.gauge(rate, &[], 7.0).unwrap();
        metrics.gauge(rate, &[], 5.0).unwrap();
        metrics.observe(wait, &[], 3.0, 2).unwrap();
        assert_eq!(number(&metrics, "requests", &["a"]), Some(3.0));
        assert_eq!(number(&metrics, "requests", &["b"]), Some(1.0));
        assert_eq!(number(&metrics, "requests", &["c"]), None);
        assert_eq!(number(&metrics, "rate", &[]), Some(5.0));
        assert_eq!(number(&metrics, "wait", &[]), Some(3.0));
        let labels: Vec<_> =
            metrics.families()[0].sorted().iter().map(|it| it.labels[0].to_string()).collect();
        assert_eq!(labels, ["a", "b"]);
    }

    #[test]
    fn what_was_not_declared_or_is_no_number_is_refused() {
        let mut metrics = metrics();
        let check = |result: Result<(), PublishError>, expected: &str| {
            let said = result.map_err(|error| error.to_string());
            assert!(said.clone().is_err_and(|said| said.contains(expected)), "{said:?}");
        };
        check(metrics.count(0, &[], 1.0), "requests{host} is published with other labels");
        check(
            metrics.count(0, &["a"], -1.0),
            "requests cannot be -1: expected a finite number, and for a counter",
        );
        check(metrics.count(0, &["a"], f64::NAN), "cannot be NaN");
        check(metrics.gauge(1, &[], f64::INFINITY), "rate cannot be inf: expected a finite number");
        check(metrics.gauge(0, &["a"], 1.0), "requests is declared as a counter: use count");
        check(metrics.observe(9, &[], 1.0, 1), "no metric");
        let missing = metrics.number("hits").unwrap_err().to_string();
        assert_eq!(missing, "no metric \"hits\" is declared; there is requests, rate, wait");
    }

    #[test]
    fn series_too_many_are_counted_together() {
        let mut metrics = metrics();
        for host in 0..MONITOR_SERIES_MAX + 50 {
            metrics.count(0, &[&host.to_string()], 1.0).unwrap();
        }
        metrics.count(0, &["0"], 1.0).unwrap();
        let family = &metrics.families()[0];
        assert_eq!((family.series.len(), family.overflowed()), (MONITOR_SERIES_MAX + 1, 50));
        assert_eq!(number(&metrics, "requests", &["other"]), Some(50.0));
        assert_eq!(number(&metrics, "requests", &["0"]), Some(2.0));
        let long = "é".repeat(MONITOR_LABEL_BYTES_MAX);
        let mut metrics = super::tests::metrics();
        metrics.count(0, &[&long], 1.0).unwrap();
        assert!(metrics.families()[0].sorted()[0].labels[0].len() <= MONITOR_LABEL_BYTES_MAX);
    }
}
