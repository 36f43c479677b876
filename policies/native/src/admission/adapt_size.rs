//! AdaptSize: a document is stored with probability `exp(-size / c)`, and `c` is what a Markov model of the cache says is
//! best for the traffic of late. D. S. Berger, R. K. Sitaraman, M. Harchol-Balter, "AdaptSize: Orchestrating the hot
//! object memory cache in a content delivery network", NSDI 2017, sections 4 and 5.
//!
//! The model: of a document asked for at rate `r`, in a cache where what is not used for `t` requests is gone, the
//! probability of being there is `a (e^(rt) - 1) / (1 + a (e^(rt) - 1))` with `a = exp(-size / c)`, and `t` is such that
//! the sizes of what is there add up to the capacity. The hit ratio is the mean of these probabilities by rate.
//!
//! The paper solves it in another process after each window of requests. Here a window's documents are sampled by hash
//! (and the capacity scaled alike), and each request of the next window does one small piece of the work: one sum over the
//! sample. Rates are smoothed from window to window as in the authors' implementation.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cnn_core::policy::{
    Admission, AdmissionFactory, AdmissionManifest, Candidate, Document, HitEvents, Parameter, Refusal, Settings,
    Verdict,
};

use crate::sketch::spread;

pub(super) const FACTORY: AdmissionFactory = AdmissionFactory {
    manifest,
    build: |capacity, settings| Box::new(AdaptSize::new(capacity, settings)),
};

const PARAMETERS: &[Parameter] = &[Parameter::whole(
    "window",
    250_000,
    1_000,
    10_000_000,
    "requests after which the parameter is found anew",
)];

/// Documents the model is made of: enough for a smooth optimum, and a sum over them takes some tens of microseconds.
const SAMPLE_MAX: usize = 1_024;
/// The weight of the window just past in a smoothed rate, as in the authors' implementation.
const SMOOTHING: f64 = 0.3;
/// A document with a smoothed rate below this many requests per window is forgotten.
const RATE_MIN: f64 = 0.1;
/// Halvings of the interval in which the time in cache lies; each costs a sum.
const HALVINGS: u32 = 24;
/// Candidates for `c` grow by this factor, from a byte to beyond the capacity.
const FACTOR: f64 = 2.0;
/// A candidate is nearly as good as another when its hit ratio is lower by this share at most.
const NEARLY: f64 = 1e-3;
/// The model's traffic never changes; what stays for more windows than this is not to be believed.
const WINDOWS_MAX: f64 = 4.0;
/// Refinements around the best candidate, each with a third of the factor before.
const REFINEMENTS: u32 = 3;

fn manifest() -> AdmissionManifest {
    AdmissionManifest {
        name: Cow::Borrowed("adapt-size"),
        summary: Cow::Borrowed(
            "by size with a probability that adapts; the most hits of a small memory before a large disk",
        ),
        paper: Cow::Borrowed(
            "Berger, Sitaraman, Harchol-Balter, \"AdaptSize: Orchestrating the hot object memory cache in a content \
             delivery network\", NSDI 2017",
        ),
        hit_events: HitEvents::Needed,
        bypasses: false,
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

/// A sampled document.
#[derive(Clone, Copy)]
struct Seen {
    /// Requests in this window.
    requests: u32,
    /// Smoothed requests per window up to the last.
    rate: f64,
    size: u64,
}

struct AdaptSize {
    capacity: u64,
    window: u64,
    /// Requests of this window so far.
    requests: u64,
    /// Admission probability is `exp(-size / c)`; infinite, so that all is stored, until the first window is over.
    c: f64,
    /// By spread hash.
    seen: BTreeMap<u64, Seen>,
    /// A document is sampled when its spread hash is at most this.
    sampled_up_to: u64,
    search: Option<Search>,
    /// Numbers the draws.
    draws: u64,
}

impl AdaptSize {
    fn new(capacity: u64, settings: &Settings) -> Self {
        Self {
            capacity,
            window: settings.get("window") as u64,
            requests: 0,
            c: f64::INFINITY,
            seen: BTreeMap::new(),
            sampled_up_to: u64::MAX,
            search: None,
            draws: 0,
        }
    }

    fn requested(&mut self, document: &Document) {
        self.requests += 1;
        let spread = spread(document.hash);
        if spread <= self.sampled_up_to {
            let seen = self.seen.entry(spread).or_insert(Seen { requests: 0, rate: 0.0, size: 0 });
            seen.requests = seen.requests.saturating_add(1);
            seen.size = document.size;
            if self.seen.len() > 2 * SAMPLE_MAX {
                self.thin_out();
            }
        }
        if let Some(search) = &mut self.search {
            if let Some(c) = search.step() {
                self.c = c;
                self.search = None;
            }
        } else if self.requests >= self.window {
            self.end_window();
        }
    }

    /// Keeps the documents with the lowest hashes: a sample of documents, not of requests, whatever their order.
    fn thin_out(&mut self) {
        if let Some((&first_out, _)) = self.seen.iter().nth(SAMPLE_MAX) {
            self.seen.split_off(&first_out);
            self.sampled_up_to = first_out - 1;
        }
    }

    fn end_window(&mut self) {
        self.thin_out();
        for seen in self.seen.values_mut() {
            let now = f64::from(seen.requests);
            // What was not there before has no past to be smoothed with.
            seen.rate = if seen.rate == 0.0 { now } else { SMOOTHING * now + (1.0 - SMOOTHING) * seen.rate };
            seen.requests = 0;
        }
        self.seen.retain(|_, seen| seen.rate >= RATE_MIN);
        let share = (self.sampled_up_to as f64 + 1.0) / (u64::MAX as f64 + 1.0);
        let rates = self.seen.values().map(|seen| (seen.rate / self.window as f64, seen.size as f64));
        let sample = rates.collect();
        self.search = Search::new(sample, self.capacity as f64 * share, WINDOWS_MAX * self.window as f64);
        self.requests = 0;
    }

    /// A number from 0 to 1, the same in every run.
    fn draw(&mut self) -> f64 {
        self.draws += 1;
        (spread(self.draws) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Admission for AdaptSize {
    fn admit(&mut self, candidate: &Candidate<'_>) -> Verdict {
        self.requested(&candidate.document);
        if self.draw() < (-(candidate.document.size as f64) / self.c).exp() {
            Verdict::Admit
        } else {
            Verdict::Refuse(Refusal::Unlucky)
        }
    }

    fn hit(&mut self, document: &Document) {
        self.requested(document);
    }

    fn state_bytes(&self) -> usize {
        let search = self.search.as_ref().map_or(0, |it| size_of_val(&*it.sample));
        // A tree's nodes are half full at least.
        2 * self.seen.len() * size_of::<(u64, Seen)>() + search
    }
}

/// The search for the best `c`, a sum at a time.
struct Search {
    /// Requests per request of all, and bytes.
    sample: Vec<(f64, f64)>,
    capacity: f64,
    best: (f64, f64),
    /// The candidate being judged, the factor to the next, and the last of this round.
    c: f64,
    factor: f64,
    c_max: f64,
    refinements: u32,
    /// The longest time in cache that is believed, in requests.
    t_max: f64,
    /// The time in cache for this candidate lies between these logarithms.
    low: f64,
    high: f64,
    halvings: u32,
}

impl Search {
    /// `None` when everything fits anyway: then there is nothing to choose.
    fn new(sample: Vec<(f64, f64)>, capacity: f64, t_max: f64) -> Option<Self> {
        let bytes: f64 = sample.iter().map(|it| it.1).sum();
        (bytes > capacity && capacity > 0.0).then(|| {
            let c_max = 4.0 * capacity.max(1.0);
            let search = Self {
                sample,
                capacity,
                best: (f64::NEG_INFINITY, f64::INFINITY),
                c: 1.0,
                factor: FACTOR,
                c_max,
                refinements: 0,
                t_max,
                low: 0.0,
                high: 0.0,
                halvings: 0,
            };
            search.judging(1.0)
        })
    }

    fn judging(mut self, c: f64) -> Self {
        self.judge(c);
        self
    }

    fn judge(&mut self, c: f64) {
        self.c = c;
        (self.low, self.high, self.halvings) = (0.0, self.t_max.ln(), 0);
    }

    /// The probability of each being in cache, when what is not used for `t` requests is gone.
    fn presence(&self, t: f64) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        self.sample.iter().map(move |&(rate, size)| {
            // Beyond e^700 a float ends; the probability is one long before.
            let odds = (-size / self.c).exp() * (rate * t).min(700.0).exp_m1();
            let presence = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
            (presence, rate, size)
        })
    }

    /// One piece of the work; the result when it was the last.
    fn step(&mut self) -> Option<f64> {
        let t = (self.low + self.high) / 2.0;
        if self.halvings < HALVINGS {
            let bytes: f64 = self.presence(t.exp()).map(|(presence, _, size)| presence * size).sum();
            *(if bytes > self.capacity { &mut self.high } else { &mut self.low }) = t;
            self.halvings += 1;
            return None;
        }
        let hits: f64 = self.presence(self.low.exp()).map(|(presence, rate, _)| presence * rate).sum();
        // Of candidates nearly as good, the one that lets most in, which learns faster.
        if hits >= self.best.0 * (1.0 - NEARLY) {
            self.best = (hits, self.c);
        }
        if self.c * self.factor <= self.c_max {
            self.judge(self.c * self.factor);
            return None;
        }
        if self.refinements == REFINEMENTS {
            return Some(self.best.1);
        }
        self.refinements += 1;
        self.c_max = self.best.1 * self.factor;
        let from = self.best.1 / self.factor;
        self.factor = self.factor.cbrt();
        self.judge(from);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(hash: u64, size: u64) -> Document {
        Document { hash, size, uses: 1, ..Document::default() }
    }

    fn policy(capacity: u64) -> AdaptSize {
        let window = Parameter::whole("window", 1_000, 1, 10_000, "");
        AdaptSize::new(capacity, &Settings::defaults(&[window]))
    }

    /// The example of the authors: many small documents and a few large ones, all equally popular.
    #[test]
    fn large_documents_are_kept_out_when_they_would_push_out_many_small_ones() {
        let mut policy = policy(100_000);
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let hash = rng.u64(0..110);
            policy.requested(&document(hash, if hash < 100 { 1_000 } else { 90_000 }));
        }
        let admitted = |size: f64| (-size / policy.c).exp();
        assert!(admitted(1_000.0) > 0.5, "c is {}", policy.c);
        assert!(admitted(90_000.0) < 0.05, "c is {}", policy.c);
    }

    #[test]
    fn everything_is_stored_while_everything_fits() {
        let mut policy = policy(1 << 30);
        let stored = (0..5_000).filter(|it| policy.admit(&Candidate::of(document(it % 50, 10_000))) == Verdict::Admit);
        assert_eq!(stored.count(), 5_000);
    }

    #[test]
    fn a_request_does_a_bounded_piece_of_work_and_the_sample_stays_small() {
        let mut policy = policy(1 << 20);
        for hash in 0..200_000 {
            policy.requested(&document(hash, 1 + hash % 5_000));
            assert!(policy.seen.len() <= 2 * SAMPLE_MAX);
            assert!(policy.search.as_ref().is_none_or(|it| it.sample.len() <= SAMPLE_MAX));
        }
    }
}
