//! The built-in replacement policies, one per file, and the registry that names them.
//!
//! A policy's file names its paper, follows it to the letter, and ends in a `FACTORY`; the list below is all that
//! ties it in. Policies here read what is in the event (those of Squid also the time of the last use), keep no clock and no random source, and are
//! deterministic: the same events give the same victims on any machine. `policies/README.md` says how to choose one
//! and how to add one.

pub mod admission;
mod experts;
pub mod freshness;
mod ghosts;
mod greedy_dual;
mod list;
mod monitor;
mod queues;
mod sampled;
#[cfg(test)]
mod script;
mod seen;
mod sketch;
mod squid;

pub use seen::Seen;
pub use sketch::Sketch;

use cnn_core::policy::{Choice, Factory, SpecError};

pub use monitor::{MonitorFactory, monitors};

/// Declares the policies' files and builds the registry from their factories.
macro_rules! policies {
    ($($file:ident),* $(,)?) => {
        $(mod $file;)*
        static POLICIES: &[Factory] = &[$($file::FACTORY),*];
    };
}

// One line per policy, in the order `policy list` shows them.
policies! {
    lru,
    fifo,
    lfu,
    lfu_da,
    size,
    gds,
    gds_packets,
    gds_latency,
    gdsf,
    sieve,
    s3_fifo,
    clock,
    slru,
    s4lru,
    two_q,
    qd_lp,
    arc,
    lirs,
    w_tinylfu,
    tiny_ufo,
    lru_k,
    hyperbolic,
    lhd,
    lrv,
    gd_star,
    lecar,
    cacheus,
    lru_sampled,
    lfu_da_sampled,
    gdsf_sampled,
    squid_lru,
    squid_gdsf,
    squid_lfuda,
}

/// Every built-in policy, in the order they are listed to operators.
pub fn registry() -> &'static [Factory] {
    POLICIES
}

/// The built-in policy of this name, `None` when there is none.
pub fn find(name: &str) -> Option<&'static Factory> {
    POLICIES.iter().find(|factory| (factory.manifest)().name == name)
}

/// The built-in policy that is written so, with the numbers it is to be built with: `s3-fifo` or
/// `s3-fifo(small=0.2)`.
///
/// # Errors
/// When there is none of this name, or it does not take what it was given.
pub fn choose(spec: &str) -> Result<Choice, SpecError> {
    Choice::parse(POLICIES, spec)
}

/// The worked example of the README must compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use cnn_core::policy::{Kind, Replacement};

    use super::*;

    #[test]
    fn the_names_operators_rely_on_are_all_there() {
        let names: Vec<_> = registry().iter().map(|factory| (factory.manifest)().name).collect();
        let expected = "lru fifo lfu lfu-da size gds gds-packets gds-latency gdsf sieve s3-fifo clock slru s4lru 2q qd-lp arc lirs w-tinylfu tiny-ufo lru-k hyperbolic lhd lrv gd-star lecar cacheus lru-sampled lfu-da-sampled gdsf-sampled squid-lru squid-gdsf squid-lfuda";
        assert_eq!(names.join(" "), expected);
        assert!(names.iter().all(|name| find(name).is_some()));
        assert!(find("LRU").is_none());
    }

    #[test]
    fn a_policy_is_of_the_kind_its_manifest_says() {
        for factory in registry() {
            let manifest = (factory.manifest)();
            let built = match factory.with_defaults(1 << 20) {
                Replacement::Key(_) => Kind::Key,
                Replacement::Score(_) => Kind::Score,
                Replacement::Hooks(_) => Kind::Hooks,
            };
            assert_eq!(built, manifest.kind, "{}", manifest.name);
            assert!(!manifest.goals.is_empty() && !manifest.paper.is_empty(), "{}", manifest.name);
        }
    }
}
