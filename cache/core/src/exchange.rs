//! The life of a request as HTTP's rules see it: explicit states, each consumed by the step that leaves it. The shell
//! looks things up, sends and waits in between; nothing here does.
//!
//! ```text
//!              +--> Serve ------------------------------------------------> (hit)
//!  plan() -----+--> Refuse (only-if-cached) ------------------------------> 504
//!              +--> Ask --> Asking --answered()--> Freshened -------------> (hit, validated)
//!                              |            +----> ServeStale -----------> (hit, the origin failed)
//!                              |            +----> New, stored or not ----> (miss)
//!                              +---failed()------> ServeStale | Failed
//! ```

use std::sync::Arc;

use crate::fields::Fields;
use crate::repository::Stored;
use crate::rfc9111::cache_status::Forward;
use crate::rfc9111::conditional::{self, Validators};
use crate::rfc9111::reuse::{Failure, Reuse, Staleness, Validation, reuse, reuse_after_failure};
use crate::rfc9111::update::{self, Freshened};
use crate::rfc9111::{
    Described, Facts, Method, Refresh, RequestFacts, ResponseFacts, Target, Times, Uncacheable, Unsaid,
    VariantKey, hop, store,
};
use crate::time::UnixSecs;

/// What is done with a request for which the store was asked.
#[derive(Debug)]
pub enum Plan {
    /// The stored response answers it.
    Serve(Serving),
    /// The origin is asked.
    Ask(Why),
    /// Only a stored response was wanted, and none will do: 504.
    Refuse,
}

/// A stored response that answers a request.
#[derive(Debug)]
pub struct Serving {
    /// The response.
    pub stored: Arc<Stored>,
    /// The value of `Age`, in seconds.
    pub age: u32,
    /// What permits serving it, if it is stale.
    pub staleness: Option<Staleness>,
}

/// Why the origin is asked, and with what.
#[derive(Debug)]
pub enum Why {
    /// Nothing is stored for the target, or nothing that its fields select.
    Miss(Forward),
    /// What is stored must be validated first.
    Validate(Arc<Stored>, Validation),
}

/// Decides what to do with a request, given the stored response its fields select, if any. `has_others` tells whether
/// something is stored for the target that they do not select.
pub fn plan(
    request: &RequestFacts<'_>,
    stored: Option<Arc<Stored>>,
    has_others: bool,
    now: UnixSecs,
) -> Plan {
    let Some(stored) = stored else {
        let forward = if has_others { Forward::VaryMiss } else { Forward::UriMiss };
        return if request.directives.only_if_cached { Plan::Refuse } else { Plan::Ask(Why::Miss(forward)) };
    };
    match reuse(&request.directives, stored.facts(), now) {
        Reuse::Serve { age } => Plan::Serve(Serving { stored, age, staleness: None }),
        Reuse::ServeStale { age, staleness } => {
            Plan::Serve(Serving { stored, age, staleness: Some(staleness) })
        }
        Reuse::Validate(validation) => Plan::Ask(Why::Validate(stored, validation)),
        Reuse::GatewayTimeout => Plan::Refuse,
    }
}

/// With whom a request that goes to the origin may share the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// With everybody who asks for the same at the same time (collapsed forwarding).
    Together,
    /// With nobody: its answer is probably its own, or it insists on one from the origin.
    Alone,
}

impl Why {
    /// Whether the request may wait for another one's answer. One that was authorised, is conditional itself or wants
    /// the origin's own word may not: what comes back would answer nobody else, or come from before it asked.
    pub fn joining(&self, request: &RequestFacts<'_>) -> Joining {
        let is_own = request.has_authorization || request.directives.no_store;
        let insists = match self {
            Self::Miss(_) => request.is_conditional() || request.directives.no_cache,
            Self::Validate(_, why) => matches!(why, Validation::RequestNoCache | Validation::MaxAge),
        };
        if is_own || insists { Joining::Alone } else { Joining::Together }
    }

    /// The stored response to be validated.
    pub fn stale(&self) -> Option<&Arc<Stored>> {
        match self {
            Self::Miss(_) => None,
            Self::Validate(stored, _) => Some(stored),
        }
    }

    /// The reason as `Cache-Status` has it.
    pub fn forward(&self) -> Forward {
        match self {
            Self::Miss(forward) => *forward,
            Self::Validate(_, Validation::Stale | Validation::ResponseNoCache) => Forward::Stale,
            Self::Validate(_, Validation::RequestNoCache | Validation::MaxAge | Validation::MinFresh) => {
                Forward::Request
            }
        }
    }
}

/// A request that has gone to the origin: what is needed to judge the answer.
#[derive(Debug)]
pub struct Asking {
    /// The method.
    pub method: Method,
    /// What is asked for.
    pub target: Target,
    /// The client's header fields.
    pub fields: Fields,
    /// The stored response that is being validated.
    pub stale: Option<Arc<Stored>>,
    /// What holds where responses do not say it.
    pub unsaid: Unsaid,
}

/// What the origin's answer means.
#[derive(Debug)]
pub enum Answered {
    /// The stored response is still good; these are its fields from now on.
    Freshened(Arc<Stored>, Freshened),
    /// The origin failed, and the stored response may be served nevertheless.
    ServeStale(Arc<Stored>, Staleness),
    /// A new response.
    New(New),
}

/// A new response from the origin, ready to be passed on and stored.
#[derive(Debug)]
pub struct New {
    /// Its fields without those of one hop.
    pub fields: Fields,
    /// What HTTP's rules need to know of it.
    pub facts: Facts,
    /// Under which secondary key it may be stored, or why not.
    pub storing: Result<VariantKey, Uncacheable>,
}

impl Asking {
    /// The fields of the request to the origin: the client's, without those of one hop, conditional on the stored
    /// response if there is one to validate.
    pub fn request_fields(&self) -> Fields {
        let mut fields = self.fields.clone();
        hop::remove_hop_by_hop(&mut fields);
        if let Some(stale) = &self.stale {
            let stored = stale.head();
            let (etag, last_modified) = (stored.first("etag"), stored.first("last-modified"));
            let validators = Validators { etag: etag.as_deref(), last_modified: last_modified.as_deref() };
            conditional::make_conditional(&mut fields, [validators]);
        }
        fields
    }

    /// Judges the head of the origin's answer.
    pub fn answered(&self, status: u16, fields: &Fields, times: Times) -> Answered {
        self.answered_under(status, fields, times, &mut |_| None)
    }

    /// The same with an operator's rules: `rule` is asked for the one of a response that is to be stored, or would be
    /// but for its lifetime, `no-store` or `private`, and of one that a 304 has confirmed.
    pub fn answered_under(
        &self,
        status: u16,
        fields: &Fields,
        times: Times,
        rule: &mut dyn FnMut(&Described<'_>) -> Option<Refresh>,
    ) -> Answered {
        let request = RequestFacts::of(&self.fields);
        if let Some(stale) = &self.stale {
            if status == 304 {
                let freshened = update::freshen_under(
                    stale.head().status(),
                    &stale.head().to_fields(),
                    fields,
                    times,
                    &self.unsaid,
                    |response, facts| rule(&Described::of(&self.target, response, facts)),
                );
                return Answered::Freshened(stale.clone(), freshened);
            }
            let failure = Failure::Status(status);
            let directives = &request.directives;
            if let Some(staleness) =
                reuse_after_failure(directives, stale.facts(), times.response, failure, &self.unsaid)
            {
                return Answered::ServeStale(stale.clone(), staleness);
            }
        }
        let mut response = ResponseFacts::of(status, fields, times.response);
        let mut facts = Facts::of(&response, times, &self.unsaid);
        let mut storing = store::may_store(&self.method, &self.target, &request, &response, &facts);
        if storing.as_ref().err().is_none_or(|why| why.is_for_rules())
            && let Some(rule) = rule(&Described::of(&self.target, &response, &facts))
        {
            facts = rule.apply(&mut response, facts);
            storing = store::may_store(&self.method, &self.target, &request, &response, &facts);
        }
        let mut fields = match storing {
            Ok(_) => store::stored_fields(&response, &facts),
            Err(_) => response.fields.clone(),
        };
        hop::remove_hop_by_hop(&mut fields);
        Answered::New(New { fields, facts, storing })
    }

    /// There is no answer: whether the stored response may be served nevertheless.
    pub fn failed(&self, now: UnixSecs) -> Option<(Arc<Stored>, Staleness)> {
        let stale = self.stale.as_ref()?;
        let request = RequestFacts::of(&self.fields);
        let staleness = reuse_after_failure(
            &request.directives,
            stale.facts(),
            now,
            Failure::Disconnected,
            &self.unsaid,
        )?;
        Some((stale.clone(), staleness))
    }
}
