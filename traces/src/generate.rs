//! Traces that are made up: documents whose popularity falls with their rank (Zipf), among which some give their place to
//! new ones (churn), between requests for documents that nobody asks for again; sizes by a log-normal or a Pareto
//! distribution, requests as a Poisson process. The same seed gives the same trace.
//!
//! Ranks are drawn by rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone
//! discrete distributions", 1996), which needs no table; sizes are drawn from a hash of the document. So of a trace of any
//! length 8 bytes per popular document are in memory.

use std::str::FromStr;

use fastrand::Rng;

use crate::error::TraceError;
use crate::output::Output;
use crate::prepare::{Preparation, PrepareOptions};
use crate::reader;
use crate::record::{Name, Record};
use crate::rules::RuleSet;
use crate::writer::Target;
use crate::{Prepared, Sizes};

/// What a made-up trace is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Requests.
    pub requests: u64,
    /// Documents that are popular at any time.
    pub documents: u32,
    /// How fast popularity falls with the rank: the exponent, from 0 (all alike) on.
    pub alpha: f64,
    /// The share of requests, from 0 to 1, for documents nobody asks for again.
    pub one_hit: f64,
    /// The share of requests, from 0 to 1, after which one of the popular documents gives its place to a new one.
    pub churn: f64,
    /// How large documents are.
    pub sizes: SizeLaw,
    /// Requests per second.
    pub rate: f64,
    /// What all that is left to chance comes from.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            requests: 1_000_000,
            documents: 100_000,
            alpha: 0.9,
            one_hit: 0.2,
            churn: 0.001,
            sizes: SizeLaw::LogNormal { median: 8192.0, sigma: 1.5 },
            rate: 100.0,
            seed: 1,
        }
    }
}

/// How large documents are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SizeLaw {
    /// The logarithm is normally distributed.
    LogNormal {
        /// Bytes that half of the documents exceed.
        median: f64,
        /// The standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// The share of documents larger than a size falls with its power.
    Pareto {
        /// Bytes of the smallest.
        smallest: f64,
        /// The exponent.
        alpha: f64,
    },
    /// All are as large.
    Fixed {
        /// Bytes.
        bytes: f64,
    },
}

/// The largest document that is made up: 1 GiB.
const SIZE_MAX: f64 = (1_u64 << 30) as f64;

impl FromStr for SizeLaw {
    type Err = String;

    /// `lognormal:MEDIAN:SIGMA`, `pareto:SMALLEST:ALPHA`, `fixed:BYTES`
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is none of lognormal:MEDIAN:SIGMA, pareto:SMALLEST:ALPHA, fixed:BYTES (all above 0)"
            )
        };
        let (name, numbers) = text.split_once(':').ok_or_else(wrong)?;
        let numbers =
            numbers.split(':').map(str::parse).collect::<Result<Vec<f64>, _>>().map_err(|_| wrong())?;
        if numbers.iter().any(|number| !number.is_finite() || *number <= 0.0) {
            return Err(wrong());
        }
        match (name, &numbers[..]) {
            ("lognormal", &[median, sigma]) => Ok(Self::LogNormal { median, sigma }),
            ("pareto", &[smallest, alpha]) => Ok(Self::Pareto { smallest, alpha }),
            ("fixed", &[bytes]) => Ok(Self::Fixed { bytes }),
            _ => Err(wrong()),
        }
    }
}

impl SizeLaw {
    /// The size of a document for which chance is `rng`.
    fn draw(self, rng: &mut Rng) -> u64 {
        let bytes = match self {
            Self::LogNormal { median, sigma } => median * (sigma * normal(rng)).exp(),
            Self::Pareto { smallest, alpha } => smallest * (1.0 - rng.f64()).powf(-1.0 / alpha),
            Self::Fixed { bytes } => bytes,
        };
        bytes.clamp(1.0, SIZE_MAX) as u64
    }
}

/// A normally distributed number, by Box and Muller.
fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
}

/// Draws ranks from 1 on, of which the k-th is drawn in proportion to `k^-alpha`.
struct Zipf {
    ranks: f64,
    alpha: f64,
    area_first: f64,
    area_all: f64,
    accept_at_once: f64,
}

impl Zipf {
    fn new(ranks: u32, alpha: f64) -> Self {
        let mut zipf =
            Self { ranks: ranks.into(), alpha, area_first: 0.0, area_all: 0.0, accept_at_once: 0.0 };
        zipf.area_first = zipf.area(1.5) - 1.0;
        zipf.area_all = zipf.area(zipf.ranks + 0.5);
        zipf.accept_at_once = 2.0 - zipf.area_inverse(zipf.area(2.5) - zipf.weight(2.0));
        zipf
    }

    fn weight(&self, rank: f64) -> f64 {
        rank.powf(-self.alpha)
    }

    /// The integral of the weight from 1 on.
    fn area(&self, rank: f64) -> f64 {
        let power = 1.0 - self.alpha;
        if power.abs() < 1e-9 { rank.ln() } else { (rank.powf(power) - 1.0) / power }
    }

    fn area_inverse(&self, area: f64) -> f64 {
        let power = 1.0 - self.alpha;
        if power.abs() < 1e-9 { area.exp() } else { (1.0 + area * power).max(0.0).powf(1.0 / power) }
    }

    fn draw(&self, rng: &mut Rng) -> u32 {
        loop {
            let area = self.area_all + rng.f64() * (self.area_first - self.area_all);
            let at = self.area_inverse(area);
            let rank = at.round().clamp(1.0, self.ranks);
            if rank - at <= self.accept_at_once || area >= self.area(rank + 0.5) - self.weight(rank) {
                return rank as u32;
            }
        }
    }
}

/// A request of a made-up trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Microseconds since the first.
    pub time_us: u64,
    /// The document, numbered from 0 in the order in which they became known, which is not that of the first requests.
    pub document: u64,
    /// Its bytes.
    pub size: u64,
}

/// A trace that is being made up: an endless one, of which [`Recipe::requests`] are wanted.
pub struct Generator {
    recipe: Recipe,
    rng: Rng,
    zipf: Zipf,
    /// The popular documents by rank, less 1.
    popular: Vec<u64>,
    documents: u64,
    time_us: f64,
}

impl Generator {
    /// Begins a trace.
    ///
    /// # Errors
    /// When a number of the recipe is out of its range.
    pub fn new(recipe: Recipe) -> Result<Self, String> {
        for (what, share) in [("one-hit", recipe.one_hit), ("churn", recipe.churn)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{what}: {share} is no share from 0 to 1"));
            }
        }
        if !(0.0..=10.0).contains(&recipe.alpha) {
            return Err(format!("alpha: {} is not from 0 to 10", recipe.alpha));
        }
        if !(recipe.rate.is_finite() && recipe.rate >= 1e-6) {
            return Err(format!("rate: {} is no number of requests per second", recipe.rate));
        }
        if recipe.documents == 0 {
            return Err("documents: at least one has to be popular".to_owned());
        }
        Ok(Self {
            rng: Rng::with_seed(recipe.seed),
            zipf: Zipf::new(recipe.documents, recipe.alpha),
            popular: (0..recipe.documents.into()).collect(),
            documents: recipe.documents.into(),
            time_us: 0.0,
            recipe,
        })
    }

    /// The next request.
    pub fn request(&mut self) -> Request {
        let time_us = self.time_us as u64;
        self.time_us += -(1.0 - self.rng.f64()).ln() / self.recipe.rate * 1e6;
        let document = if self.rng.f64() < self.recipe.one_hit {
            self.new_document()
        } else {
            self.popular[self.zipf.draw(&mut self.rng) as usize - 1]
        };
        if self.rng.f64() < self.recipe.churn {
            let place = self.rng.usize(..self.popular.len());
            self.popular[place] = self.new_document();
        }
        let mut of_document = Rng::with_seed(self.recipe.seed.rotate_left(32) ^ document);
        Request { time_us, document, size: self.recipe.sizes.draw(&mut of_document) }
    }

    fn new_document(&mut self) -> u64 {
        let document = self.documents;
        self.documents += 1;
        document
    }

    /// Hands all requests of the recipe to `each` as records.
    fn records(
        mut self,
        mut each: impl FnMut(&Record<'_>) -> Result<(), TraceError>,
    ) -> Result<(), TraceError> {
        for _ in 0..self.recipe.requests {
            let Request { time_us, document, size } = self.request();
            let name = Name::Number(document + 1);
            each(&Record { size: Some(size), time_us: Some(time_us), ..Record::of(name) })?;
        }
        Ok(())
    }

    /// Writes the trace, and tells `progress` how many requests there are so far.
    ///
    /// # Errors
    /// When it cannot be written, or a temporary file is needed and cannot be.
    pub fn write(
        self,
        target: Target,
        output: &mut Output,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TraceError> {
        output.write(target.header())?;
        if target == Target::OracleGeneral {
            return crate::convert::write_trace(&self.trace(progress)?.trace, target, output);
        }
        let (mut line, mut written) = (Vec::new(), 0_u64);
        self.records(|record| {
            line.clear();
            target.line(&mut line, record, 0);
            written += 1;
            if written.is_multiple_of(REQUESTS_PER_PROGRESS) {
                progress(written);
            }
            output.write(&line)
        })
    }

    /// The trace, ready to be replayed.
    ///
    /// # Errors
    /// When its temporary file cannot be written.
    pub fn trace(self, progress: &mut dyn FnMut(u64)) -> Result<Prepared, TraceError> {
        let name = format!("zipf-{}", self.recipe.alpha);
        let options =
            PrepareOptions { rules: RuleSet::Http, sizes: Some(Sizes::Logged), ..PrepareOptions::default() };
        let mut preparation = Preparation::new(name, &options);
        let format = reader::by_name("csv")?;
        let mut made = 0_u64;
        self.records(|record| {
            made += 1;
            if made.is_multiple_of(REQUESTS_PER_PROGRESS) {
                progress(made);
            }
            preparation.take(record, format)
        })?;
        preparation.finish(Vec::new())
    }
}

/// Requests made up between two calls of the callback that is told how many there are.
const REQUESTS_PER_PROGRESS: u64 = 1 << 16;

#[cfg(test)]
mod tests;
