//! GD*, GreedyDual*: a document's key is `L + (uses / size)^(1 / beta)`, where `beta` says how strongly requests for the
//! same document follow each other. S. Jin, A. Bestavros, "GreedyDual* Web caching algorithm: exploiting the two sources
//! of temporal locality in Web request streams", Computer Communications 24(2), 2001, with cost 1.
//!
//! The closer requests for equally popular documents lie together, the smaller `beta`, and the more popularity and size
//! count against age. The probability of a next request after `n` others falls as `n^-beta`, so it is the slope of that
//! distribution in logarithms, taken among documents used equally often, as the stream goes.
//!
//! Only the abstract of the paper (also Boston University report BUCS-2000-011) was at hand: key and `beta` are as it is
//! described elsewhere; the bins, periods and bounds of the measurement are of this file.

use std::borrow::Cow;

use cnn_core::policy::{
    Context, Event, EventKind, Factory, Goal, HitEvents, KeyPolicy, Kind, Manifest, Paged, Parameter,
    Replacement, Settings,
};

use crate::greedy_dual::{bytes, uses};
use crate::list::{self, PAGE_SLOTS};

pub(crate) const FACTORY: Factory =
    Factory { manifest, build: |_, settings| Replacement::Key(Box::new(GdStar::new(settings))) };

const PARAMETERS: &[Parameter] =
    &[Parameter::real("beta", 0.0, 0.0, 1.0, "strength of temporal correlation; 0 to measure it")];

/// Until it is measured, and its bounds: uncorrelated requests have about 1, and a power of ten makes keys meaningless.
const BETA_FIRST: f64 = 0.5;
const BETA_MIN: f64 = 0.1;
/// It is measured anew after so many requests, and the past counts half.
const PERIOD: u64 = 1 << 16;
/// Numbers of uses that are told apart, from 2.
const CLASSES: usize = 8;
/// Distances are told apart by their powers of two.
const BINS: usize = 32;
/// A slope needs so many requests in a class, or it is noise.
const REQUESTS_MIN: f64 = 200.0;

fn manifest() -> Manifest {
    Manifest {
        name: Cow::Borrowed("gd-star"),
        summary: Cow::Borrowed(
            "as gdsf, weighing popularity by how clustered requests are; measures that itself",
        ),
        paper: Cow::Borrowed(
            "Jin, Bestavros, \"GreedyDual* Web caching algorithm: exploiting the two sources of temporal locality in \
             Web request streams\", Computer Communications 24(2), 2001",
        ),
        kind: Kind::Key,
        hit_events: HitEvents::Needed,
        goals: &[Goal::Hits],
        parameters: Cow::Borrowed(PARAMETERS),
    }
}

struct GdStar {
    clock: f64,
    beta: f64,
    is_measured: bool,
    requests: u64,
    /// The number of each document's last request.
    requested: Paged<u64, PAGE_SLOTS>,
    /// Requests by the number of uses and the distance to the last.
    distances: [[f64; BINS]; CLASSES],
}

impl GdStar {
    fn new(settings: &Settings) -> Self {
        let beta = settings.get("beta");
        Self {
            clock: 0.0,
            beta: if beta > 0.0 { beta.max(BETA_MIN) } else { BETA_FIRST },
            is_measured: beta == 0.0,
            requests: 0,
            requested: Paged::new(0, 0),
            distances: [[0.0; BINS]; CLASSES],
        }
    }

    fn measure(&mut self, context: &Context<'_>, event: &Event) {
        let is_hit = event.kind() == Some(EventKind::Hit);
        if !is_hit && event.kind() != Some(EventKind::Insert) || !list::is_possible(context, event.slot) {
            return;
        }
        self.requests += 1;
        let before = std::mem::replace(self.requested.at(event.slot as usize), self.requests);
        if is_hit && before > 0 {
            let class = (event.uses as usize).saturating_sub(2).min(CLASSES - 1);
            let bin = (self.requests - before).ilog2() as usize;
            self.distances[class][bin.min(BINS - 1)] += 1.0;
        }
        if self.requests.is_multiple_of(PERIOD) {
            if let Some(slope) = slope(&self.distances) {
                self.beta = (-slope).clamp(BETA_MIN, 1.0);
            }
            self.distances.iter_mut().flatten().for_each(|count| *count /= 2.0);
        }
    }
}

/// The slope of the densities in logarithms, the mean of the classes by their requests.
fn slope(distances: &[[f64; BINS]; CLASSES]) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for bins in distances {
        let requests: f64 = bins.iter().sum();
        if requests >= REQUESTS_MIN
            && let Some(slope) = line(bins)
        {
            sum += slope * requests;
            weight += requests;
        }
    }
    (weight > 0.0).then(|| sum / weight)
}

/// The slope of the line nearest to a class's densities, each bin weighing as much as it has requests.
fn line(bins: &[f64; BINS]) -> Option<f64> {
    let points = bins.iter().enumerate().filter(|(_, count)| **count > 0.0).map(|(bin, &count)| {
        // A bin of distances from 2^b to 2^(b+1) is 2^b wide.
        (bin as f64 + 0.5, count.log2() - bin as f64, count)
    });
    let [w, x, y, xx, xy] = points.fold([0.0; 5], |[w, wx, wy, wxx, wxy], (x, y, weight)| {
        [w + weight, wx + weight * x, wy + weight * y, wxx + weight * x * x, wxy + weight * x * y]
    });
    let spread = w * xx - x * x;
    (spread > f64::EPSILON * w * xx).then(|| (w * xy - x * y) / spread)
}

impl KeyPolicy for GdStar {
    fn key(&mut self, context: &Context<'_>, event: &Event) -> f64 {
        if self.is_measured {
            self.measure(context, event);
        }
        self.clock + (uses(event) / bytes(event)).powf(1.0 / self.beta)
    }

    fn evicted(&mut self, key: f64) {
        if key > self.clock && key.is_finite() {
            self.clock = key;
        }
    }

    fn state_bytes(&self) -> usize {
        self.requested.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::greedy_dual::tests::event;
    use cnn_core::policy::Documents;
    use cnn_core::time::Tick;

    #[test]
    fn a_key_is_uses_over_size_to_one_over_beta() {
        let mut policy = GdStar::new(&Settings::defaults(&[Parameter::real("beta", 0.5, 0.0, 1.0, "")]));
        let context = Context { documents: &Documents::new(1), now: Tick(0) };
        assert_eq!(policy.key(&context, &event(4, 2, 0)), 0.25);
        policy.evicted(3.0);
        assert_eq!(policy.key(&context, &event(4, 8, 0)), 7.0);
    }

    #[test]
    fn beta_is_the_slope_of_the_distances() {
        let check = |beta: f64| {
            let mut distances = [[0.0; BINS]; CLASSES];
            for (bin, count) in distances[1].iter_mut().enumerate().take(16) {
                *count = 1e5 * (bin as f64 * (1.0 - beta)).exp2();
            }
            let slope = slope(&distances).expect("there are enough");
            assert!((slope + beta).abs() < 1e-6, "{slope} for {beta}");
        };
        check(0.3);
        check(0.9);
        assert_eq!(slope(&[[1.0; BINS]; CLASSES]), None, "too few to tell");
    }
}
