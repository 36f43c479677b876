//! Request by request: where the cache that wrote the log and the one replayed agree, and where not.
//!
//! The logged cache had another history than the replayed one (it was warm when the log began, had reloads and stale
//! documents the log does not tell of), so agreement is never complete; what is of use is where it is not.

use std::collections::BTreeMap;

/// Hours are counted up to this many; later requests count as the last. Ten weeks.
const HOURS_MAX: u64 = 24 * 70;
/// Origins that get a row of their own: those with the most requests.
pub const ORIGINS_MAX: usize = 50;

/// What requests are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aspect {
    /// The result code as logged, like `TCP_MEM_HIT`.
    Code,
    /// The media type as logged.
    Type,
    /// Scheme and authority; those with few requests together as `other`.
    Origin,
    /// Whole hours since the first request.
    Hour,
}

impl Aspect {
    /// All of them, in the order they are reported.
    pub const ALL: [Self; 4] = [Self::Code, Self::Type, Self::Origin, Self::Hour];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Type => "type",
            Self::Origin => "origin",
            Self::Hour => "hour",
        }
    }
}

/// The four cases, each with its requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Both hit.
    pub both: u64,
    /// The logged cache hit, ours missed.
    pub only_logged: u64,
    /// Ours hit, the logged one missed.
    pub only_ours: u64,
    /// Both missed.
    pub neither: u64,
}

impl Counted {
    /// One more request.
    #[inline]
    fn count(&mut self, logged: bool, ours: bool) {
        *match (logged, ours) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.only_logged,
            (false, true) => &mut self.only_ours,
            (false, false) => &mut self.neither,
        } += 1;
    }

    fn add(&mut self, other: Self) {
        self.both += other.both;
        self.only_logged += other.only_logged;
        self.only_ours += other.only_ours;
        self.neither += other.neither;
    }

    /// Requests.
    pub const fn requests(&self) -> u64 {
        self.both + self.only_logged + self.only_ours + self.neither
    }

    /// Requests on which both did the same.
    pub const fn agreeing(&self) -> u64 {
        self.both + self.neither
    }
}

/// The agreement of one run with the log: of all requests of which the log says whether its cache hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    /// All of them.
    pub all: Counted,
    /// By each aspect: its name in that aspect and what was counted, most requests first (hours in their order).
    pub by: BTreeMap<Aspect, Vec<(String, Counted)>>,
}

/// The same, being counted: by facts, origin and hour, whose numbers are dense.
#[derive(Clone, Debug, Default)]
pub struct Counting {
    facts: Vec<Counted>,
    origins: Vec<Counted>,
    hours: Vec<Counted>,
}

impl Counting {
    /// One request of which the log says whether its cache hit.
    pub fn count(&mut self, facts: u32, origin: u32, time_us: u64, logged: bool, ours: bool) {
        let hour = (time_us / 3_600_000_000).min(HOURS_MAX - 1);
        at(&mut self.facts, facts as usize).count(logged, ours);
        at(&mut self.origins, origin as usize).count(logged, ours);
        at(&mut self.hours, hour as usize).count(logged, ours);
    }

    /// The matrix, with the names of `trace`; `None` when nothing was counted.
    pub fn finish(self, trace: &crate::Trace) -> Option<Matrix> {
        let mut all = Counted::default();
        self.facts.iter().for_each(|&counted| all.add(counted));
        if all.requests() == 0 {
            return None;
        }
        let facts = |name: fn(&crate::Facts) -> &str| {
            self.facts.iter().zip(trace.facts()).map(move |(&counted, facts)| (name(facts), counted))
        };
        let origins = self.origins.iter().enumerate();
        let origins = origins
            .map(|(number, &counted)| (trace.origins().get(number).map_or("", String::as_str), counted));
        let hours = self.hours.iter().enumerate().filter(|(_, counted)| counted.requests() > 0);
        let by = [
            (Aspect::Code, grouped(facts(|facts| &facts.outcome))),
            (Aspect::Type, grouped(facts(|facts| &facts.mime))),
            (Aspect::Origin, with_rest(grouped(origins))),
            (Aspect::Hour, hours.map(|(hour, &counted)| (hour.to_string(), counted)).collect()),
        ];
        Some(Matrix { all, by: by.into() })
    }
}

fn at(counts: &mut Vec<Counted>, index: usize) -> &mut Counted {
    if index >= counts.len() {
        counts.resize(index + 1, Counted::default());
    }
    &mut counts[index]
}

/// Adds up what has the same name; most requests first, names in their order among equals. No name is `-`.
fn grouped<'a>(parts: impl Iterator<Item = (&'a str, Counted)>) -> Vec<(String, Counted)> {
    let mut groups = BTreeMap::<&str, Counted>::new();
    for (name, counted) in parts.filter(|(_, counted)| counted.requests() > 0) {
        groups.entry(if name.is_empty() { "-" } else { name }).or_default().add(counted);
    }
    let mut groups: Vec<_> = groups.into_iter().map(|(name, counted)| (name.to_owned(), counted)).collect();
    groups.sort_by_key(|(_, counted)| std::cmp::Reverse(counted.requests()));
    groups
}

/// Puts all beyond the first [`ORIGINS_MAX`] together.
fn with_rest(mut groups: Vec<(String, Counted)>) -> Vec<(String, Counted)> {
    let mut rest = Counted::default();
    groups.drain(ORIGINS_MAX.min(groups.len())..).for_each(|(_, counted)| rest.add(counted));
    if rest.requests() > 0 {
        groups.push(("other".to_owned(), rest));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Facts, TraceBuilder};

    #[test]
    fn requests_are_counted_under_what_the_log_says_of_them() {
        let mut builder = TraceBuilder::new("t", 10);
        for (outcome, mime) in [("TCP_MISS", "a/b"), ("TCP_HIT", "a/b"), ("TCP_HIT", "")] {
            let (outcome, mime) = (outcome.to_owned(), mime.to_owned());
            builder.add_facts(Facts { outcome, mime, status: 200 });
        }
        builder.add_origin("http://a".to_owned());
        builder.add_origin("http://b".to_owned());
        let trace = builder.build().unwrap();

        let mut counting = Counting::default();
        let hour = 3_600_000_000;
        counting.count(0, 0, 0, false, true);
        counting.count(1, 1, hour - 1, true, true);
        counting.count(1, 1, hour, true, false);
        counting.count(2, 1, u64::MAX, true, true);
        let matrix = counting.finish(&trace).unwrap();

        assert_eq!(matrix.all, Counted { both: 2, only_logged: 1, only_ours: 1, neither: 0 });
        let names = |aspect| {
            let rows = matrix.by[&aspect].iter();
            rows.map(|(name, counted)| format!("{name} {}", counted.requests()))
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(names(Aspect::Code), "TCP_HIT 3, TCP_MISS 1");
        assert_eq!(names(Aspect::Type), "a/b 3, - 1");
        assert_eq!(names(Aspect::Origin), "http://b 3, http://a 1");
        assert_eq!(names(Aspect::Hour), "0 2, 1 1, 1679 1");
    }

    #[test]
    fn a_log_that_does_not_say_what_its_cache_did_has_no_matrix() {
        let trace = TraceBuilder::new("t", 10).build().unwrap();
        assert_eq!(Counting::default().finish(&trace), None);
    }

    #[test]
    fn origins_with_few_requests_are_put_together() {
        let one = Counted { both: 1, ..Counted::default() };
        let groups = (0..60).map(|number| (number.to_string(), one)).collect();
        let groups = with_rest(groups);
        assert_eq!(groups.len(), ORIGINS_MAX + 1);
        assert_eq!(groups.last().unwrap().1.requests(), 10);
    }
}
