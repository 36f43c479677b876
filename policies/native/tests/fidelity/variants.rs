//! What libCacheSim does otherwise than is done here, rule by rule. A variant is a policy written once more, with a
//! switch for each such rule: with none of them it must miss exactly where the policy here misses, with all of them
//! exactly where libCacheSim 0.3.5 does. So a difference between the two is those rules and nothing else, and the test
//! that compares can tell an explained difference from a bug.
//!
//! Written after libCacheSim's sources (`libCacheSim/cache/eviction`), which decide what a rule is; plain, but with
//! linked lists, as the traces have millions of requests.

mod arc;
mod lfu_da;
mod lhd;
mod lirs;
mod lists;
mod size;
mod slru;
mod two_q;
mod w_tinylfu;

use crate::traces::{Object, Trace};

/// Something libCacheSim does otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Named {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// What they do, and what is done here.
    pub(crate) what: &'static str,
}

macro_rules! named {
    ($($constant:ident = $name:literal: $what:literal;)*) => {
        $(pub(crate) const $constant: Named = Named { name: $name, what: $what };)*
        /// All of them, in the order of the table.
        pub(crate) const ALL: &[Named] = &[$($constant),*];
    };
}

named! {
    HITS_EVICT = "hits-evict": "a hit that pushes others down evicts what the lowest segment cannot hold, in bytes or when \
        the capacity cannot be divided; here only a miss evicts, and the lowest segment holds the rest";
    MAIN_BOUNDED = "main-bounded": "the main queue evicts when it is full, although the cache has room; here the \
        paper's question is asked when the whole is full";
    TARGET_FIRST = "target-first": "as in the paper, a ghost moves the target before the eviction it causes, and \
        decides a tie; here after it, as a victim is named before it is known for whom";
    GHOSTS_FIRST = "ghosts-first": "as in the paper, room among the ghosts is made before the newcomer is in, one ghost \
        for an eviction even where sizes differ, and a T1 that fills the cache leaves none; here after it, as many as do not fit";
    STEPS_OF_ONE = "steps-of-one": "in bytes too a ghost moves the target by one or by the ratio of the ghosts; here by \
        that times its size";
    HITS_DEMOTE = "hits-demote": "a hit of a HIR document outside the stack turns LIR documents into HIR as if it became \
        LIR, which it does not; here, as in the paper, it only moves to the stack's top and the queue's end";
    PARTS_EVICT = "parts-evict": "the HIR part evicts when it is full although the cache has room, and what falls out of the \
        LIR part and is larger than the HIR part is evicted; here only a full cache evicts";
    DEEP_STACK = "deep-stack": "the stack holds up to twice the capacity, LIR and HIR documents included; here the ghosts \
        hold up to the capacity";
    FILLS_PROTECTED = "fills-protected": "what leaves the window enters the protected segment while probation is full and \
        that is not; here always probation";
    WINNER_TAKES_ROOM = "winner-takes-room": "a candidate that wins evicts from the main part until it fits; here it is \
        compared again with the next";
    USES_OF_MAIN = "uses-of-main": "hits in the window are not counted, and every candidate counts once more when it is \
        compared; here, as in the paper, every request counts once";
    LARGE_COUNTERS = "large-counters": "counters are not bounded, are all raised (none is spared that is higher already), \
        14 for each unit of capacity, and are halved after 32 hits in the main part for each; here, as in the paper, four \
        bits, 16 for each document, halved after 10 uses for each";
    CLOCK_ADDED = "clock-added": "a hit adds the clock to a document's key; here, as in the paper, one, and the clock when it \
        is evicted";
    CLOCK_AHEAD = "clock-ahead": "the clock runs on to the lowest key there is when the last document of a key goes; here \
        it is the key of what was evicted";
    HEAP_TIES = "heap-ties": "of the largest goes what lies on top of a binary heap; here the one stored first";
    SIZES_FOLLOW = "sizes-follow": "a hit with another size changes what is charged; here, as in their other policies, the \
        size stored stays";
    THEIR_DRAWS = "their-draws": "random numbers of their own, from another seed in each run; here the same each time";
}

/// Which of the rules are followed.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a>(pub(crate) &'a [Named]);

impl Rules<'_> {
    fn has(self, rule: Named) -> bool {
        self.0.contains(&rule)
    }
}

/// What a variant is made for.
pub(crate) struct Setting<'a> {
    pub(crate) capacity: u64,
    /// The largest object that is admitted.
    pub(crate) admitted_max: u64,
    pub(crate) trace: &'a Trace,
    pub(crate) rules: Rules<'a>,
}

/// A cache that may be asked for an object: whether it was there.
pub(crate) type Variant = Box<dyn FnMut(Object, u64) -> bool>;

/// The variant of a policy.
pub(crate) type Make = fn(&Setting<'_>) -> Variant;

pub(crate) use arc::make as arc;
pub(crate) use lfu_da::make as lfu_da;
pub(crate) use lhd::make as lhd;
pub(crate) use lirs::make as lirs;
pub(crate) use size::make as size;
pub(crate) use slru::make as slru;
pub(crate) use two_q::make as two_q;
pub(crate) use w_tinylfu::make as w_tinylfu;
