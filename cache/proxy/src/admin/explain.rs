//! Why a document is stored or not, how fresh it is, and who is evicted before it: RFC 9111's decision and the policy's
//! order, side by side.

use std::sync::Arc;

use cnn_core::policy::Precision;
use cnn_core::repository::Stored;
use cnn_core::rfc9111::freshness::{Freshness, LifetimeSource};
use cnn_core::rfc9111::{Facts, VariantKey};

use super::live::{Live, idle_secs, name};
use super::reply::{Explanation, Refusal, Variant};

/// Explains the document of a key.
pub(super) fn explain(live: &Live, key: String) -> Result<Explanation, Refusal> {
    let variants = live.repository.variants(&key);
    let mut explanation = Explanation {
        stored: !variants.is_empty(),
        rule: match variants.first() {
            Some(stored) => why_stored(stored.facts()).to_owned(),
            None => why_not(live, &key),
        },
        policy: name(&live.engine.status()?.policy),
        fetches: live.repository.fills_of(&key) as u64,
        ..Explanation::default()
    };
    for stored in &variants {
        explanation.variants.push(variant(live, stored)?);
    }
    explanation.url = key;
    Ok(explanation)
}

/// The rule by which a response was stored (RFC 9111 section 3) and how its lifetime was found (section 4.2.1).
fn why_stored(facts: &Facts) -> &'static str {
    match facts.lifetime_source() {
        LifetimeSource::Targeted => "Cache-Control targeted at this cache gives it a lifetime (RFC 9213)",
        LifetimeSource::SMaxAge => {
            "s-maxage gives it a lifetime for shared caches (RFC 9111 section 5.2.2.10)"
        }
        LifetimeSource::MaxAge => "max-age gives it a lifetime (RFC 9111 section 5.2.2.1)",
        LifetimeSource::Expires => "Expires gives it a lifetime (RFC 9111 section 5.3)",
        LifetimeSource::Heuristic => "its lifetime is guessed from Last-Modified (RFC 9111 section 4.2.2)",
        LifetimeSource::Rule => "a freshness rule of the operator's gives it a lifetime (cnn freshness show)",
        LifetimeSource::None => "it can be validated each time it is used (RFC 9111 section 4.3)",
    }
}

fn why_not(live: &Live, key: &str) -> String {
    match live.not_stored.find(key) {
        Some(note) => {
            let ago = live.clock.wall().since(note.at);
            match &note.by {
                Some(policy) => format!("admission {policy}: {}, {ago} s ago", note.reason),
                None => format!("{}, {ago} s ago", note.reason),
            }
        }
        None => "not asked for lately, or removed since".to_owned(),
    }
}

fn variant(live: &Live, stored: &Arc<Stored>) -> Result<Variant, Refusal> {
    let (facts, now) = (stored.facts(), live.clock.wall());
    let document = live.repository.board().documents().get(stored.id().slot);
    let head = stored.head();
    let id = stored.id();
    let (place, orders) = live.engine.ask(move |executor| (executor.rank_of(id), executor.policy_of(id)))?;
    let (before, precision, nearest) = match &place {
        Some(rank) => (Some(rank.before as u64), precision(rank.precision), rank.nearest.as_slice()),
        None => (None, "", [].as_slice()),
    };
    Ok(Variant {
        selected_by: stored.variant().map(selected_by).unwrap_or_default(),
        status: facts.status(),
        state: state(facts, facts.freshness(now)).to_owned(),
        age_secs: facts.current_age(now).into(),
        lifetime_secs: facts.lifetime().into(),
        lifetime_from: facts.lifetime_source().as_str().to_owned(),
        validators: ["etag", "last-modified"]
            .into_iter()
            .filter(|name| head.first(name).is_some())
            .map(str::to_owned)
            .collect(),
        body_bytes: stored.body().len(),
        bytes: stored.charged_bytes(),
        uses: document.uses,
        idle_secs: idle_secs(document.last_used, live.clock.now()),
        before,
        precision: precision.to_owned(),
        ordered_by: orders.as_deref().map(name).unwrap_or_default(),
        evicted_before: nearest
            .iter()
            .filter_map(|&slot| live.repository.by_slot(slot).map(|stored| stored.key().to_owned()))
            .collect(),
    })
}

fn state(facts: &Facts, freshness: Freshness) -> &'static str {
    match freshness {
        _ if facts.is_no_cache() => "validated at each use",
        Freshness::Fresh(_) => "fresh",
        Freshness::Stale(_) => "stale",
    }
}

fn precision(precision: Precision) -> &'static str {
    match precision {
        Precision::Exact => "exact",
        Precision::Estimate => "estimate",
        Precision::AtLeast => "at-least",
    }
}

/// The request fields a variant is selected by, `-` for one the request did not have.
fn selected_by(variant: &VariantKey) -> Vec<String> {
    let entries = variant.entries().map(|(name, value)| {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        format!("{}: {}", text(name), value.map_or_else(|| "-".to_owned(), text))
    });
    entries.collect()
}
