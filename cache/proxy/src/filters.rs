//! Filters: who decides whether a response is stored (admission) and how long it stays fresh (freshness), and how that is
//! changed while the proxy serves.
//!
//! ```text
//!   origin's head --> freshness rules --> RFC 9111 --> may be stored? --> admission --> stored, or passed on
//!                     (at most one call each, of bounded time, by the worker: never for a hit)
//! ```
//!
//! All workers share one instance of each, behind a [`Seat`]: what was asked for twice was asked for twice of the proxy.
//! Which instances there are is one value, [`Filters`], that hangs on the settings: a request sees one of it from start to
//! end, and a change is one pointer. Whoever cannot answer in time, fails or has failed too often is not waited for:
//! then HTTP's own answer holds, which is to store, for as long as the response says.

mod admission;
mod bypass;
mod follower;
mod freshness;
mod prepare;
mod seat;
mod switch;

use std::sync::Arc;

use cnn_core::rfc9111::{Described, Refresh};

use crate::metrics::Metrics;

pub(crate) use self::admission::{Gate, detail};
pub(crate) use self::freshness::Rules;
pub use self::prepare::{FilterError, NONE};
pub(crate) use self::prepare::{FilterHost, Prepared};
pub(crate) use self::seat::{Answers, Seat};
pub(crate) use self::switch::Switching;

/// The filters of one generation.
#[derive(Clone, Default)]
pub(crate) struct Filters {
    /// Who is asked whether to store; nobody by default.
    pub(crate) admission: Option<Arc<Gate>>,
    /// Who is asked how long a response stays fresh; nobody by default.
    pub(crate) freshness: Option<Arc<Rules>>,
}

impl Filters {
    /// The admission policy that is really asked, `none` for nobody.
    pub(crate) fn admission_asked(&self) -> Arc<str> {
        let gate = self.admission.as_ref().filter(|gate| !gate.is_quarantined());
        gate.map_or_else(|| NONE.into(), |gate| gate.name().clone())
    }

    /// The freshness rules that are really asked, `none` for nobody.
    pub(crate) fn freshness_asked(&self) -> Arc<str> {
        let rules = self.freshness.as_ref().filter(|rules| !rules.is_quarantined());
        rules.map_or_else(|| NONE.into(), |rules| rules.name().clone())
    }

    /// The rule for a response's lifetime, if anybody has one.
    pub(crate) fn rule(&self, response: &Described<'_>, metrics: &Metrics) -> Option<Refresh> {
        self.freshness.as_ref()?.rule(response, metrics)
    }
}
