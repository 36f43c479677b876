//! Whether a shared cache may store a response (RFC 9111 section 3), and what of it is stored (section 3.1).
//!
//! Where the RFC leaves the choice:
//! - `Set-Cookie` is stored when the origin gave the response a lifetime, as the RFC and the public test suite have it.
//!   Without one, a response that sets a cookie is taken for one user's and not stored.
//! - Statuses that answer how a request was made rather than what for are never stored.
//! - A request with content, or with a field that asks for another method, is answered by things the key does not
//!   hold; its response is not stored.
//! - Parts of a representation (206) are not stored.

use smallvec::SmallVec;

use super::date;
use super::freshness::{Facts, Freshness};
use super::hop::Hop;
use super::method::Method;
use super::request::RequestFacts;
use super::response::ResponseFacts;
use super::target::Target;
use super::vary::{VariantKey, VaryError};
use crate::fields::Fields;

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uncacheable {
    /// The method's responses answer no later request.
    Method,
    /// The request has content, which the key does not hold.
    RequestContent,
    /// The request asks for another method than it has.
    MethodOverride,
    /// The status is not final, answers how the request was made, or has rules of its own that are not followed here.
    Status,
    /// The response must be understood, and its status is not.
    MustUnderstand,
    /// The request has `no-store`.
    RequestNoStore,
    /// The response has `no-store`.
    NoStore,
    /// The response is for one user.
    Private,
    /// The request was authorised and the response not marked for sharing.
    Authorization,
    /// It sets a cookie, and has no explicit lifetime.
    SetCookie,
    /// `Vary: *`: no other request matches.
    VaryStar,
    /// It varies by more than a key can hold.
    VaryTooLarge,
    /// Nothing says that it may be reused, neither a field nor its status.
    NoLifetime,
    /// It could not be reused without validation, and there is nothing to validate it with.
    AlreadyStale,
}

impl Uncacheable {
    /// Whether it is about the lifetime, `no-store` or `private`, of which an operator's rule may say otherwise.
    pub const fn is_for_rules(self) -> bool {
        matches!(self, Self::NoStore | Self::Private | Self::NoLifetime | Self::AlreadyStale)
    }

    /// The reason as a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::RequestContent => "request-content",
            Self::MethodOverride => "method-override",
            Self::Status => "status",
            Self::MustUnderstand => "must-understand",
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::SetCookie => "set-cookie",
            Self::VaryStar => "vary-star",
            Self::VaryTooLarge => "vary-too-large",
            Self::NoLifetime => "no-lifetime",
            Self::AlreadyStale => "already-stale",
        }
    }
}

/// Whether the response to this request may be stored under the target's key, and as which of its variants.
///
/// # Errors
/// The first reason against it.
pub fn may_store(
    method: &Method,
    target: &Target,
    request: &RequestFacts<'_>,
    response: &ResponseFacts<'_>,
    facts: &Facts,
) -> Result<VariantKey, Uncacheable> {
    allows_method(method, target, request, response)?;
    allows_request(request)?;
    allows_status(response)?;
    allows_directives(request, response)?;
    has_ground(response, facts)?;
    VariantKey::of(response.fields, request.fields).map_err(|error| match error {
        VaryError::Star => Uncacheable::VaryStar,
        VaryError::TooLarge => Uncacheable::VaryTooLarge,
    })
}

/// The fields of a response that are stored: without those of one hop, those that the origin withholds from storage,
/// `Trailer`, as trailers are not stored, and `Age`, which is made anew for each reuse. A response without a date gets
/// that of its arrival (RFC 9110 section 6.6.1).
pub fn stored_fields(response: &ResponseFacts<'_>, facts: &Facts) -> Fields {
    let hop = Hop::of(response.fields);
    let withheld: SmallVec<[&[u8]; 4]> = response.directives.withheld_names().collect();
    let is_left_out = |name: &[u8]| {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        is(b"age") || is(b"trailer") || hop.has(name) || withheld.iter().any(|withheld| is(withheld))
    };
    let mut fields = response.fields.clone();
    fields.retain(|name, _| !is_left_out(name));
    if response.date.is_none() {
        fields.set("Date", date::format(facts.date()));
    }
    fields
}

/// GET, and POST in the one case where its response stands for the target (RFC 9110 section 9.3.3).
fn allows_method(
    method: &Method,
    target: &Target,
    request: &RequestFacts<'_>,
    response: &ResponseFacts<'_>,
) -> Result<(), Uncacheable> {
    let is_of_target = || {
        let location = response.content_location.and_then(|reference| target.resolve(reference).ok());
        location.is_some_and(|location| location.key() == target.key())
    };
    match method {
        Method::Get if request.has_content => Err(Uncacheable::RequestContent),
        Method::Get => Ok(()),
        Method::Post if response.has_explicit_lifetime() && response.status < 300 && is_of_target() => Ok(()),
        _ => Err(Uncacheable::Method),
    }
}

fn allows_request(request: &RequestFacts<'_>) -> Result<(), Uncacheable> {
    if request.has_method_override {
        return Err(Uncacheable::MethodOverride);
    }
    if request.directives.no_store {
        return Err(Uncacheable::RequestNoStore);
    }
    Ok(())
}

fn allows_status(response: &ResponseFacts<'_>) -> Result<(), Uncacheable> {
    match response.status {
        // Rules of their own: parts, and answers to our own conditions.
        206 | 304 => Err(Uncacheable::Status),
        // About this client or this request: proxy credentials, preconditions, ranges, expectations, and the four of
        // RFC 6585 that must not be stored.
        407 | 412 | 416 | 417 | 428 | 429 | 431 | 511 => Err(Uncacheable::Status),
        200..=599 if response.directives.must_understand && !is_understood(response.status) => {
            Err(Uncacheable::MustUnderstand)
        }
        200..=599 => Ok(()),
        _ => Err(Uncacheable::Status),
    }
}

/// Whether this cache follows all that the status code's definition asks of caches: those of RFC 9110 section 15 that
/// are not refused above, and 451 (RFC 7725).
fn is_understood(status: u16) -> bool {
    matches!(status, 200..=205 | 300..=303 | 307 | 308 | 400..=411 | 413..=415 | 421 | 422 | 426 | 451 | 500..=505)
}

fn allows_directives(request: &RequestFacts<'_>, response: &ResponseFacts<'_>) -> Result<(), Uncacheable> {
    let directives = &response.directives;
    // Who understands the status of a response that must be understood ignores its no-store (section 5.2.2.3).
    if directives.no_store && !directives.must_understand {
        return Err(Uncacheable::NoStore);
    }
    if directives.private {
        return Err(Uncacheable::Private);
    }
    let is_shareable = directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    if request.has_authorization && !is_shareable {
        return Err(Uncacheable::Authorization);
    }
    Ok(())
}

/// Section 3's last condition, and that storing is of any use.
fn has_ground(response: &ResponseFacts<'_>, facts: &Facts) -> Result<(), Uncacheable> {
    let directives = &response.directives;
    if response.has_set_cookie && !(response.has_explicit_lifetime() || directives.public) {
        return Err(Uncacheable::SetCookie);
    }
    if !response.has_explicit_lifetime() && !response.is_heuristically_cacheable() {
        return Err(Uncacheable::NoLifetime);
    }
    let is_stale_of_use = directives.stale_while_revalidate.is_some() || directives.stale_if_error.is_some();
    let is_fresh = matches!(facts.freshness(facts.response_time()), Freshness::Fresh(_));
    match () {
        () if response.has_validator() || is_fresh && !directives.no_cache || is_stale_of_use => Ok(()),
        () if response.has_explicit_lifetime() => Err(Uncacheable::AlreadyStale),
        () => Err(Uncacheable::NoLifetime),
    }
}
