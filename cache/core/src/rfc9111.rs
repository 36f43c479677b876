//! HTTP's caching rules as pure functions: (request, response, times) to a decision with its reason. RFC 9111 (caching)
//! and what it stands on in RFC 9110 (conditions, ranges, intermediaries), RFC 5861 (stale-while-revalidate,
//! stale-if-error), RFC 8246 (immutable), RFC 9211 (Cache-Status) and RFC 9213 (targeted fields). This is a shared
//! cache; what only private caches do is not here.
//!
//! The modules in the order a request meets them:
//! - [`method`], [`target`], [`request`]: what is asked, and the primary key;
//! - [`vary`]: which of the stored responses of that key is meant;
//! - [`freshness`], [`reuse`]: whether it may be reused as it is;
//! - [`conditional`], [`range`]: how much of it the client wants;
//! - [`hop`]: what is not forwarded, and what is added;
//! - [`response`], [`cache_control`], [`store`]: whether what the origin answers may be stored;
//! - [`refresh`]: what an operator's rule says of its lifetime instead;
//! - [`update`], [`invalidate`]: what its answer means for what is stored already;
//! - [`cache_status`]: what is told about all this.
//!
//! How they are put together shows the model cache of `tests/rfc9111/model.rs`, in its shortest form.
//!
//! Nothing here panics on any input, and a request without unusual fields allocates nothing but its target's text.

pub mod cache_control;
pub mod cache_status;
pub mod conditional;
pub mod date;
pub mod freshness;
pub mod hop;
pub mod invalidate;
pub mod method;
pub mod range;
pub mod refresh;
pub mod request;
pub mod response;
pub mod reuse;
pub mod store;
mod structured;
pub mod target;
pub mod update;
pub mod vary;

pub use freshness::{Facts, Times, Unsaid};
pub use method::Method;
pub use refresh::{Described, Refresh};
pub use request::RequestFacts;
pub use response::ResponseFacts;
pub use store::Uncacheable;
pub use target::Target;
pub use vary::VariantKey;
